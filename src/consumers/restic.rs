//! `restic`: absolute names, each ended by NUL, for `restic backup --files-from-raw LIST`.
//!
//! A listed directory would be read with all that lies below it, filters or not, so that only new ones are listed that are empty at
//! this moment. Of the others nothing is lost where something in them is listed: restic stores the directories above
//! too. The snapshot that restic makes of such a list holds only what is listed: good for "what changed since", no full restore
//! point.

use std::io::Write;

use super::Emitted;
use super::list::{ChangeLists, ListBase, ListForm, ListPart, ListedPath, no_such_part, not_empty};
use crate::Result;
use crate::diff::Diff;
use crate::metadata::Kind;
use crate::path::{is_within, to_path};

/// Writes the list of what changed.
///
/// # Errors
/// [`Error::NothingToList`](crate::Error::NothingToList), and [`Error::Refused`](crate::Error::Refused) for a list of what is to be
/// deleted; a damaged snapshot; what writing gives.
pub fn restic(diff: &Diff<'_>, part: ListPart, out: &mut dyn Write) -> Result<Emitted> {
    if part != ListPart::Changed {
        return Err(no_such_part(
            "restic",
            part,
            "a snapshot of it holds what is listed, and nothing is deleted from it",
        ));
    }
    let form = ListForm { consumer: "restic", prefix: b"", end: 0, base: ListBase::Absolute, spell: None };
    let mut lists = ChangeLists::of(diff)?;
    let mut alone = 0_u64;
    let mut paths: Vec<ListedPath> = Vec::new();
    // From behind, so that what lies in a directory is there before the directory itself comes.
    for listed in lists.changed.into_iter().rev() {
        let is_above = || paths.last().is_some_and(|next| is_within(&next.path, &listed.path));
        if listed.kind != Kind::Dir || listed.is_new && is_empty(&listed.path) && !is_above() {
            paths.push(listed);
        } else if (listed.is_new || listed.has_other_rights) && !is_above() {
            alone += 1;
        }
    }
    paths.reverse();
    if alone > 0 {
        lists.emitted.notes.push(format!(
            "{} new or of another owner or mode, and nothing below is listed: restic has no way to be told of a directory alone",
            if alone == 1 { "1 directory is".to_owned() } else { format!("{alone} directories are") }
        ));
    }
    not_empty("restic", &paths, "restic fails on an empty list")?;
    form.write(&paths, out)?;
    Ok(lists.emitted)
}

/// Whether a directory holds nothing at this moment, not even what a filter leaves out.
fn is_empty(dir: &[u8]) -> bool {
    std::fs::read_dir(to_path(dir)).is_ok_and(|mut entries| entries.next().is_none())
}
