//! `name-status`: a letter and a path a line, for scripts.

use std::io::Write;

use super::super::{Consumer, Emitted, ListOptions, ListPart, PathChoice, for_each_change, put, written};
use crate::Result;
use crate::diff::Diff;

/// A letter and a path a line.
#[derive(Debug, Clone, Copy)]
pub struct NameStatus;

impl Consumer for NameStatus {
    fn name(&self) -> &'static str {
        "name-status"
    }

    fn about(&self) -> &'static str {
        "A letter and a path a line"
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::All]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::All
    }

    fn has_separate_parts(&self) -> bool {
        false
    }

    fn knows_renames(&self) -> bool {
        true
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Any
    }

    fn has_nul_choice(&self) -> bool {
        true
    }

    /// Writes `letter, tab, path, newline`, names quoted as git quotes them; a rename has the old path before the new
    /// one. With NUL the bytes are raw, with NUL after the letter and each path.
    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let (nul, style) = (options.nul, options.style.of(diff));
        let emitted = for_each_change(diff, |change| {
            let paths: Vec<_> = change.from.iter().chain([&change.path]).collect();
            let letter = [change.kind.letter() as u8];
            put(out, &letter, if nul { 0 } else { b'\t' })?;
            for (i, path) in paths.iter().enumerate() {
                if nul {
                    put(out, &style.shown(path), 0)?;
                } else {
                    put(out, &style.quoted(path), if i + 1 == paths.len() { b'\n' } else { b'\t' })?;
                }
            }
            Ok(())
        })?;
        written(out.flush())?;
        Ok(emitted)
    }
}
