//! `borg`: absolute names, each ended by NUL, for `borg create --paths-from-stdin --paths-delimiter '\0' REPO::NAME`.
//!
//! borg does not descend into a listed directory. It reads its list as text, in which each `\r` becomes `\n` (seen with
//! 1.2.4, with any delimiter): a name with one is refused. The archive holds only what is listed: it shows what
//! changed, and is not a full restore point.

use std::borrow::Cow;
use std::io::Write;

use super::list::{ChangeLists, ListForm, Spelled, asked_part, check_not_empty};
use super::{
    CollidingNames, CommandCheck, CommandLine, Consumer, Emitted, EmptyList, ListOptions, ListPart, PathChoice,
};
use crate::diff::Diff;
use crate::{Result, System};

/// The backup program borg.
#[derive(Debug, Clone, Copy)]
pub struct Borg;

impl Consumer for Borg {
    fn name(&self) -> &'static str {
        "borg"
    }

    fn about(&self) -> &'static str {
        "its archive holds only what changed"
    }

    fn command(&self) -> Option<&'static str> {
        Some(r"borg create --paths-from-stdin --paths-delimiter '\0'")
    }

    fn job_command(&self, destination: Option<&str>) -> Option<String> {
        let repository = destination.unwrap_or_default();
        let archive = if repository.contains("::") { "" } else { "::changes-{now}" };
        let list = ListPart::Changed.placeholder();
        Some(format!(r"borg create --paths-from-command --paths-delimiter '\0' {repository}{archive} -- cat {list}"))
    }

    fn why_not_on(&self, system: System) -> Option<&'static str> {
        (system == System::Windows).then_some("there is no borg for Windows; run it and fastdiff in WSL")
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::Changed]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::Changed
    }

    fn why_no_other_part(&self) -> &'static str {
        "its archive holds what is listed, and nothing is deleted from it"
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Absolute
    }

    fn empty_list(&self) -> EmptyList {
        EmptyList::Misread("borg makes an empty archive from an empty list")
    }

    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::Kept
    }

    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::command::borg::check(command)
    }

    fn stored_files(&self, line: &[u8]) -> Option<u64> {
        super::command::borg::stored_files(line)
    }

    /// Refuses a name with a carriage return.
    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        asked_part(self, diff, options.part)?;
        let lists = ChangeLists::of(diff)?;
        check_not_empty(self, &lists.changed)?;
        ListForm::new(self).with_spelling(spell).write(&lists.changed, out)?;
        Ok(lists.emitted)
    }
}

fn spell(path: &[u8]) -> Spelled<'_> {
    if path.contains(&b'\r') {
        return Err("holds a carriage return, which borg reads as a newline");
    }
    Ok(Cow::Borrowed(path))
}
