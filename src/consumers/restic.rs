//! `restic`: absolute names, each ended by NUL, for `restic backup --files-from-raw LIST`.
//!
//! restic reads a listed directory with all that lies below it, filters or not. So a directory is listed only if it is
//! new and empty at this moment. The others lose nothing if something in them is listed: restic stores the directories
//! above too. The snapshot that restic makes holds only what is listed: it shows what changed, and is not a full
//! restore point.

use std::io::Write;

use super::list::{ChangeLists, ListForm, ListPart, ListedPath, asked_part, check_not_empty};
use super::{CollidingNames, CommandCheck, CommandLine, Consumer, Emitted, EmptyList, ListOptions, PathChoice};
use crate::Result;
use crate::diff::Diff;
use crate::metadata::Kind;
use crate::path::{is_within, to_path};

/// The backup program restic.
#[derive(Debug, Clone, Copy)]
pub struct Restic;

impl Consumer for Restic {
    fn name(&self) -> &'static str {
        "restic"
    }

    fn about(&self) -> &'static str {
        "its snapshot holds only what changed"
    }

    fn command(&self) -> Option<&'static str> {
        Some("restic backup --files-from-raw LIST")
    }

    fn job_command(&self, destination: Option<&str>) -> Option<String> {
        let repository = destination.map(|destination| format!("-r {destination} ")).unwrap_or_default();
        Some(format!("restic {repository}backup --files-from-raw {}", ListPart::Changed.placeholder()))
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::Changed]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::Changed
    }

    fn why_no_other_part(&self) -> &'static str {
        "its snapshot holds what is listed, and nothing is deleted from it"
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Absolute
    }

    fn empty_list(&self) -> EmptyList {
        EmptyList::Misread("restic fails on an empty list")
    }

    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::Kept
    }

    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::command::restic::check(command)
    }

    fn stored_files(&self, line: &[u8]) -> Option<u64> {
        super::command::restic::stored_files(line)
    }

    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        asked_part(self, diff, options.part)?;
        let mut lists = ChangeLists::of(diff)?;
        let (paths, alone) = without_directories(std::mem::take(&mut lists.changed));
        if alone > 0 {
            let dirs = if alone == 1 { "1 directory is".to_owned() } else { format!("{alone} directories are") };
            lists.emitted.notes.push(format!(
                "{dirs} new or changed in owner or mode, and nothing below is listed: restic cannot take a directory alone"
            ));
        }
        check_not_empty(self, &paths)?;
        ListForm::new(self).write(&paths, out)?;
        Ok(lists.emitted)
    }
}

/// What restic may be given, and how many directories it cannot be given although something of their own changed.
fn without_directories(changed: Vec<ListedPath>) -> (Vec<ListedPath>, u64) {
    let mut alone = 0;
    let mut paths: Vec<ListedPath> = Vec::new();
    // Backwards, so that the entries of a directory come before the directory.
    for listed in changed.into_iter().rev() {
        let is_above = || paths.last().is_some_and(|next| is_within(&next.path, &listed.path));
        if listed.kind != Kind::Dir || listed.is_new && is_empty(&listed.path) && !is_above() {
            paths.push(listed);
        } else if (listed.is_new || listed.has_other_rights) && !is_above() {
            alone += 1;
        }
    }
    paths.reverse();
    (paths, alone)
}

/// Whether a directory holds nothing at this moment, not even what a filter leaves out.
fn is_empty(dir: &[u8]) -> bool {
    std::fs::read_dir(to_path(dir)).is_ok_and(|mut entries| entries.next().is_none())
}
