//! Duplicati as a consumer: what it takes, and what it makes of a missing list.

use std::io::Write;
use std::path::PathBuf;

use super::super::{
    CollidingNames, CommandCheck, CommandLine, Consumer, DatabaseChoice, Emitted, EmptyList, FullList, ListOptions,
    ListPart, PartOutput, PathChoice, asked_part,
};
use super::list::{DuplicatiList, DuplicatiOptions, NAME, refuse};
use crate::diff::Diff;
use crate::{Refusal, Result};

/// The backup program Duplicati.
#[derive(Debug, Clone, Copy)]
pub struct Duplicati;

impl Consumer for Duplicati {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Duplicati"
    }

    fn about(&self) -> &'static str {
        "The options --changed-files and --deleted-files of Duplicati"
    }

    fn parts(&self) -> &'static [ListPart] {
        &ListPart::EACH
    }

    fn usual_part(&self) -> ListPart {
        ListPart::All
    }

    /// Duplicati ignores deleted files without changed ones, and scans everything.
    fn has_separate_parts(&self) -> bool {
        false
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Absolute
    }

    fn needs_database(&self) -> bool {
        true
    }

    fn has_hook(&self) -> bool {
        true
    }

    /// 1: nothing was uploaded.
    fn success_codes(&self) -> &'static [i32] {
        &[0, 1]
    }

    fn empty_list(&self) -> EmptyList {
        EmptyList::Misread("an empty list means a full scan")
    }

    /// A first backup would hold nothing but what is listed.
    fn full_list(&self, _roots: &[PathBuf]) -> FullList {
        FullList::NotWritten
    }

    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::Kept
    }

    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::super::command::duplicati::check(command)
    }

    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let part = asked_part(self, diff, options.part)?;
        self.write_parts(diff, options, &mut [PartOutput { part, out }])
    }

    /// The list is made once for all of them.
    fn write_parts(&self, diff: &Diff<'_>, options: &ListOptions, parts: &mut [PartOutput<'_>]) -> Result<Emitted> {
        let database = match &options.database {
            DatabaseChoice::File(file) => Some(file.clone()),
            DatabaseChoice::Without => None,
            DatabaseChoice::NotGiven => {
                return Err(refuse(Refusal::NoDatabase));
            }
        };
        let list = DuplicatiList::new(diff, &DuplicatiOptions { database, ..DuplicatiOptions::default() })?;
        for PartOutput { part, out } in parts {
            list.write_part(*part, out)?;
        }
        Ok(list.emitted)
    }
}
