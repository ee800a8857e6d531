//! `name-status`: a letter and a path a line, for scripts.

use std::io::Write;

use super::super::{Emitted, PathStyle, for_each_change, put, quote, written};
use crate::Result;
use crate::diff::Diff;

/// Writes `letter, tab, path, newline`, names quoted as git quotes them; a rename has the old path
/// before the new one. With `nul` the bytes are raw, with NUL after the letter and each path.
///
/// # Errors
/// A damaged snapshot, or what writing gives.
pub fn name_status(diff: &Diff<'_>, style: &PathStyle, nul: bool, out: &mut dyn Write) -> Result<Emitted> {
    let emitted = for_each_change(diff, |change| {
        let paths: Vec<_> = change.from.iter().chain([&change.path]).collect();
        let letter = [change.kind.letter() as u8];
        put(out, &letter, if nul { 0 } else { b'\t' })?;
        for (i, path) in paths.iter().enumerate() {
            let path = style.shown(path);
            if nul {
                put(out, &path, 0)?;
            } else {
                put(out, &quote(&path), if i + 1 == paths.len() { b'\n' } else { b'\t' })?;
            }
        }
        Ok(())
    })?;
    written(out.flush())?;
    Ok(emitted)
}
