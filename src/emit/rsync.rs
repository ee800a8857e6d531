//! `rsync`: names relative to the source, each begun with `/` (a name that begins with `#` or `;` would be dropped in
//! silence) and ended by NUL, for `rsync -aHI --from0 --files-from=LIST --delete-missing-args --force SOURCE/ DEST/`.
//!
//! `-I`, since what is listed may have changed without its size and mtime. With a list rsync does not set the times of
//! directories again after it wrote into them (seen with rsync 3.5); everything else of them it does.
//!
//! What is gone is named too, the topmost directory alone: rsync deletes what it is told of and does not find, and
//! `--force` lets it delete a whole directory. The root itself is left out: with a list rsync does not set its metadata. The
//! directories of what changed are listed too.

use std::io::Write;

use super::Emitted;
use super::list::{Base, Form, ListPart, Lists, plain, with_links, with_parents};
use crate::Result;
use crate::diff::Diff;

/// Writes the list; an empty one makes rsync do nothing.
///
/// # Errors
/// A damaged snapshot, or what writing gives.
pub fn rsync(diff: &Diff<'_>, part: ListPart, out: &mut dyn Write) -> Result<Emitted> {
    let form = Form { consumer: "rsync", prefix: b"/", end: 0, base: Base::of(diff), spell: plain };
    let mut lists = Lists::of(diff)?;
    let mut paths = if part == ListPart::Changed { Vec::new() } else { lists.topmost_deleted() };
    if part != ListPart::Deleted {
        with_links(diff, &mut lists.changed)?;
        with_parents(diff, &mut lists.changed);
        let roots = &diff.new_snapshot().meta().roots;
        paths.extend(lists.changed.into_iter().filter(|listed| !roots.contains(&listed.path)));
    }
    paths.sort_by(|a, b| crate::path::compare(&a.path, &b.path));
    form.write(&paths, out)?;
    Ok(lists.emitted)
}
