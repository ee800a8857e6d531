//! `borg`: absolute names, each ended by NUL, for `borg create --paths-from-stdin --paths-delimiter '\0' REPO::NAME`.
//!
//! borg reads its list as text, in which each `\r` becomes `\n` (seen with 1.2.4, any delimiter): a name with one is refused. It
//! does not descend into a listed directory. The archive holds only what is listed: good for "what changed since",
//! no full restore point.

use std::borrow::Cow;
use std::io::Write;

use super::Emitted;
use super::list::{ChangeLists, ListBase, ListForm, ListPart, Spelled, no_such_part, not_empty};
use crate::Result;
use crate::diff::Diff;

/// Writes the list of what changed.
///
/// # Errors
/// [`Error::NothingToList`](crate::Error::NothingToList), and [`Error::Refused`](crate::Error::Refused) for a name with a carriage return and a list of what is to be
/// deleted; a damaged snapshot; what writing gives.
pub fn borg(diff: &Diff<'_>, part: ListPart, out: &mut dyn Write) -> Result<Emitted> {
    if part != ListPart::Changed {
        return Err(no_such_part(
            "borg",
            part,
            "an archive of it holds what is listed, and nothing is deleted from it",
        ));
    }
    let form = ListForm { consumer: "borg", prefix: b"", end: 0, base: ListBase::Absolute, spell: Some(spell) };
    let lists = ChangeLists::of(diff)?;
    not_empty("borg", &lists.changed, "borg makes an empty archive of an empty list")?;
    form.write(&lists.changed, out)?;
    Ok(lists.emitted)
}

fn spell(path: &[u8]) -> Spelled<'_> {
    if path.contains(&b'\r') {
        return Err("holds a carriage return, in place of which borg reads a newline");
    }
    Ok(Cow::Borrowed(path))
}
