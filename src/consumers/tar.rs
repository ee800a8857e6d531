//! `tar`: names relative to the root, each ended by NUL, for `tar --create -C ROOT --no-recursion --null -T LIST`, in that
//! order: `--null` has to stand before `-T`, `-C` before both. The directories of what changed are listed too.
//!
//! A list cannot delete. What has to be gone before the archive is unpacked over the last state is a list of its own, for
//! `xargs -0 -r rm -rf --`: the topmost of what was removed, everything that is of another kind now, and what is no directory although
//! an archive that nobody needed may have made one of it. In tree order, so that no name leads through a symlink that is gone
//! by then.

use std::io::Write;

use super::Emitted;
use super::list::{ChangeLists, ListBase, ListForm, ListPart, no_such_part, with_links, with_parents};
use crate::Result;
use crate::diff::Diff;
use crate::metadata::Kind;
use crate::path::compare;

/// Writes the list of what changed, or that of what is to be deleted. tar makes an empty archive of an empty one.
///
/// # Errors
/// [`Error::Refused`](crate::Error::Refused) for both parts in one, and a path that is too long; a damaged snapshot; what
/// writing gives.
pub fn tar(diff: &Diff<'_>, part: ListPart, out: &mut dyn Write) -> Result<Emitted> {
    let form = ListForm { consumer: "tar", prefix: b"", end: 0, base: ListBase::of(diff), spell: None };
    let mut lists = ChangeLists::of(diff)?;
    match part {
        ListPart::Changed => {
            // tar cannot store sockets: it says so and leaves them out.
            lists.changed.retain(|listed| listed.kind != Kind::Socket);
            with_links(diff, &mut lists.changed)?;
            with_parents(diff, &mut lists.changed);
            form.write(&lists.changed, out)?;
        }
        ListPart::Deleted => {
            let (mut paths, above) = lists.topmost_deleted();
            paths.extend(above);
            paths.extend(lists.replaced.drain(..).map(|(was, _)| was));
            paths.sort_by(|a, b| compare(&a.path, &b.path));
            paths.dedup_by(|a, b| a.path == b.path);
            form.write(&paths, out)?;
        }
        ListPart::All => return Err(no_such_part("tar", part, "what is missing is an error for it")),
    }
    Ok(lists.emitted)
}
