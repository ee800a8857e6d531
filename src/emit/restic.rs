//! `restic`: absolute names, each ended by NUL, for `restic backup --files-from-raw LIST`.
//!
//! A listed directory would be read with all that lies below it, so that only new empty ones are listed. The snapshot
//! that restic makes of such a list holds only what is listed: good for "what changed since", no full restore point.

use std::io::Write;

use super::Emitted;
use super::list::{Base, Form, ListPart, Listed, Lists, no_such_part, not_empty, plain};
use crate::Result;
use crate::diff::Diff;
use crate::entry::Kind;
use crate::path::is_within;

/// Writes the list of what changed.
///
/// # Errors
/// [`Error::NothingToList`](crate::Error::NothingToList) if there is nothing to list, [`Error::Refused`](crate::Error::Refused) for a
/// list of what is to be deleted; a damaged snapshot; what writing gives.
pub fn restic(diff: &Diff<'_>, part: ListPart, out: &mut dyn Write) -> Result<Emitted> {
    if part != ListPart::Changed {
        return Err(no_such_part(
            "restic",
            part,
            "a snapshot of it holds what is listed, and nothing is deleted from it",
        ));
    }
    let form = Form { consumer: "restic", prefix: b"", end: 0, base: Base::Absolute, spell: plain };
    let lists = Lists::of(diff)?;
    // In tree order, what lies in a directory comes right behind it.
    let is_empty =
        |at: usize, dir: &Listed| lists.changed.get(at + 1).is_none_or(|next| !is_within(&next.path, &dir.path));
    let is_listed =
        |(at, listed): &(usize, &Listed)| listed.kind != Kind::Dir || listed.is_new && is_empty(*at, listed);
    let paths: Vec<_> = lists.changed.iter().enumerate().filter(is_listed).map(|(_, listed)| listed.clone()).collect();
    not_empty("restic", &paths, "restic fails on an empty list")?;
    form.write(&paths, out)?;
    Ok(lists.emitted)
}
