//! `tar`: names relative to the root, each ended by NUL, for `tar --create -C ROOT --no-recursion --null -T LIST`, in
//! that order: `-C` and `--null` must stand before `-T`. The directories of what changed are listed too.
//!
//! A list cannot delete. What must be gone before the archive is unpacked over the last state is a list of its own, for
//! `xargs -0 -r rm -rf --`: the topmost of what was removed, everything that has another kind now, and what is not a
//! directory although an archive that nobody needed may have made one of it. It is in tree order, so that no name leads
//! through a symlink that is gone by then.

use std::io::Write;
use std::path::PathBuf;

use super::list::{ChangeLists, ListForm, ListPart, ListedPath, asked_part, list_base, with_links, with_parents};
use super::{CollidingNames, CommandCheck, CommandLine, Consumer, Emitted, FullList, ListOptions, PathChoice};
use crate::Result;
use crate::diff::Diff;
use crate::metadata::Kind;
use crate::path::compare;

/// The archive program tar. It makes an empty archive from an empty list.
#[derive(Debug, Clone, Copy)]
pub struct Tar;

impl Consumer for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn about(&self) -> &'static str {
        "its archive holds only what changed"
    }

    fn command(&self) -> Option<&'static str> {
        Some("tar --create -C ROOT --no-recursion --null -T LIST")
    }

    fn job_command(&self, destination: Option<&str>) -> Option<String> {
        let (root, list) = (ListPart::ROOT_PLACEHOLDER, ListPart::Changed.placeholder());
        let file = destination.unwrap_or("ARCHIVE");
        Some(format!("tar --create --file {file} -C {root} --no-recursion --null -T {list}"))
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::Changed, ListPart::Deleted]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::Changed
    }

    fn why_no_other_part(&self) -> &'static str {
        "one list is for making the archive, the other for whoever unpacks it"
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Relative
    }

    fn full_list(&self, _roots: &[PathBuf]) -> FullList {
        FullList::Unpack
    }

    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::Kept
    }

    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::command::tar::check(command)
    }

    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let part = asked_part(self, diff, options.part)?;
        let form = ListForm::new(self).relative_to(list_base(diff));
        let mut lists = ChangeLists::of(diff)?;
        if part == ListPart::Deleted {
            form.write(&to_delete(&mut lists), out)?;
            return Ok(lists.emitted);
        }
        // tar cannot store sockets: it says so and leaves them out.
        lists.changed.retain(|listed| listed.kind != Kind::Socket);
        with_links(diff, &mut lists.changed)?;
        with_parents(diff, &mut lists.changed);
        form.write(&lists.changed, out)?;
        Ok(lists.emitted)
    }
}

fn to_delete(lists: &mut ChangeLists) -> Vec<ListedPath> {
    let (mut paths, above) = lists.topmost_deleted();
    paths.extend(above);
    paths.extend(lists.replaced.drain(..).map(|(was, _)| was));
    paths.sort_by(|a, b| compare(&a.path, &b.path));
    paths.dedup_by(|a, b| a.path == b.path);
    paths
}
