//! `rsync`: names relative to the source, each begun with `/` (a name that begins with `#` or `;` would be dropped in
//! silence) and ended by NUL, for `rsync -aHI --modify-window=-1 --from0 --files-from=LIST --delete-missing-args --force SOURCE/ DEST/`.
//!
//! `-I`, since what is listed may have changed without its size and mtime. `--modify-window=-1`, since rsync else leaves the
//! time of a directory, a symlink or a fifo as it is if it is right to the second.
//!
//! What is gone is named too, the topmost directory alone: rsync deletes what it is told of and does not find, and
//! `--force` lets it delete a whole directory. The directories of what changed are listed too, but not the
//! root, of which rsync would send all files that lie in it: its own times, owner and mode are not carried over.

use std::io::Write;

use super::Emitted;
use super::list::{ChangeLists, ListBase, ListForm, ListPart, list_base, with_links, with_parents};
use crate::Result;
use crate::diff::Diff;

const ROOT_RIGHTS: &str = "the root itself has another owner or mode now, which rsync does not carry over by a list: set it in the copy by hand";

/// Writes the list; an empty one makes rsync do nothing.
///
/// # Errors
/// A damaged snapshot, or what writing gives.
pub fn rsync(diff: &Diff<'_>, part: ListPart, out: &mut dyn Write) -> Result<Emitted> {
    let form = ListForm { consumer: "rsync", prefix: b"/", end: 0, base: ListBase::of(diff), spell: None };
    let mut lists = ChangeLists::of(diff)?;
    let mut paths = if part == ListPart::Changed { Vec::new() } else { lists.topmost_deleted().0 };
    if part != ListPart::Deleted {
        with_links(diff, &mut lists.changed)?;
        with_parents(diff, &mut lists.changed);
        let root = list_base(diff);
        if lists.changed.iter().any(|listed| listed.path == root && listed.has_other_rights) {
            lists.emitted.notes.push(ROOT_RIGHTS.to_owned());
        }
        paths.extend(lists.changed.into_iter().filter(|listed| listed.path != root));
    }
    paths.sort_by(|a, b| crate::path::compare(&a.path, &b.path));
    form.write(&paths, out)?;
    Ok(lists.emitted)
}
