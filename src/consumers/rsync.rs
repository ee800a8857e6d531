//! `rsync`: names relative to the source, each begun with `/` and ended by NUL, for
//! `rsync -aHI --modify-window=-1 --from0 --files-from=LIST --delete-missing-args --force SOURCE/ DEST/`.
//!
//! - `/`: without it rsync drops a name that begins with `#` or `;`, and does not say so.
//! - `-I`: what is listed may have changed without its size and mtime.
//! - `--modify-window=-1`: otherwise rsync leaves the time of a directory, a symlink or a fifo if it is right to the
//!   second.
//! - `--delete-missing-args --force`: rsync deletes what is listed and gone, a whole directory too. Of what is gone
//!   only the topmost directory is listed.
//!
//! The directories of what changed are listed too, but not the root: rsync would send all files in it. So the root's
//! own times, owner and mode are not carried over.

use std::io::Write;
use std::path::PathBuf;

use super::list::{ChangeLists, ListForm, ListPart, asked_part, list_base, with_links, with_parents};
use super::{
    CollidingNames, CommandCheck, CommandLine, Consumer, Emitted, FullList, ListOptions, MirrorCommand, PathChoice,
};
use crate::diff::Diff;
use crate::{Result, System};

const ROOT_RIGHTS: &str =
    "the owner or mode of the root changed, and rsync does not take that from a list: set it in the copy by hand";

/// The backup program rsync.
#[derive(Debug, Clone, Copy)]
pub struct Rsync;

impl Consumer for Rsync {
    fn name(&self) -> &'static str {
        "rsync"
    }

    fn about(&self) -> &'static str {
        "it deletes what is listed and gone"
    }

    fn command(&self) -> Option<&'static str> {
        Some("rsync -aHI --modify-window=-1 --from0 --files-from=LIST --delete-missing-args --force ROOT/ DEST/")
    }

    fn why_not_on(&self, system: System) -> Option<&'static str> {
        (system == System::Windows).then_some(
            "rsync takes paths of Cygwin or WSL, which have no drives; run it and fastdiff in WSL, or use rclone",
        )
    }

    fn parts(&self) -> &'static [ListPart] {
        &ListPart::EACH
    }

    fn usual_part(&self) -> ListPart {
        ListPart::All
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Relative
    }

    /// 24: files vanished while it ran.
    fn success_codes(&self) -> &'static [i32] {
        &[0, 24]
    }

    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::TwoPasses
    }

    fn full_list(&self, roots: &[PathBuf]) -> FullList {
        let (program, sources) = match roots {
            // With a slash at its end it stands for what it holds.
            [root] => ("rsync -aHI --modify-window=-1 --delete", vec![root.join("")]),
            _ => ("rsync -aHIR --modify-window=-1 --delete", roots.to_vec()),
        };
        FullList::Mirror(MirrorCommand { program, sources, destination: "DEST/", exclude_option: "--exclude" })
    }

    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::command::rsync::check(command)
    }

    fn stored_files(&self, line: &[u8]) -> Option<u64> {
        super::command::rsync::stored_files(line)
    }

    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let part = asked_part(self, diff, options.part)?;
        let mut lists = ChangeLists::of(diff)?;
        lists.take_pass(diff, &options.pass)?;
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
        ListForm::new(self).with_prefix(b"/").relative_to(list_base(diff)).write(&paths, out)?;
        Ok(lists.emitted)
    }
}
