//! What the checks of all programs have in common.

use std::path::Path;

use super::options::{Given, Parsed, Syntax};
use super::started::Started;
use super::word::Word;
use super::{CommandCheck, CommandProblem, NotChecked};
use crate::consumers::ListPart;

/// Why an option must not be given: nothing is stored.
pub(super) const NOTHING: &str = "with it, nothing is stored";

/// Why an option must not be given: it follows symlinks.
pub(super) const FOLLOWS: &str = "the list names the symlink, and not the changes of what it leads to";

/// Why an option must not be given: it leaves things out.
pub(super) const FILTERS: &str =
    "listed names that it matches would be left out without a word; let the job leave them out instead";

/// A program and its options.
#[derive(Debug)]
pub(super) struct ProgramOptions {
    pub(super) name: &'static str,
    pub(super) syntax: Syntax,
    /// Options with which it stores the same of what is listed, or for which it has rules of its own.
    pub(super) harmless: &'static str,
    /// Options that must not be given, and why.
    pub(super) against: &'static [(&'static str, &'static str)],
}

impl ProgramOptions {
    /// Reads words, and tells of an option that is not in the table.
    pub(super) fn parse(&self, words: &[Word], found: &mut CommandCheck) -> Parsed {
        let against: Vec<&'static str> = self.against.iter().map(|(option, _)| *option).collect();
        let parsed = Parsed::new(words, &[&[self.harmless][..], &against].concat(), self.syntax);
        if let Some(option) = &parsed.strange {
            found.leave_unchecked(NotChecked::Option { program: self.name.to_owned(), option: option.clone() });
        }
        parsed
    }

    /// Tells of each option that must not be given. `except` says which of them do no harm here.
    pub(super) fn check_against(&self, parsed: &Parsed, found: &mut CommandCheck, except: impl Fn(&Given) -> bool) {
        for given in parsed.options.iter().filter(|given| !except(given)) {
            let is_it = |option: &str| option.split([',', '=', '[']).next() == Some(given.name);
            if let Some((_, why)) = self.against.iter().find(|(option, _)| is_it(option)) {
                self.refuse(given, why, found);
            }
        }
    }

    /// Tells that an option must not be given.
    pub(super) fn refuse(&self, given: &Given, why: &'static str, found: &mut CommandCheck) {
        found.problem(CommandProblem::Against { program: self.name, option: given.written.clone(), why });
    }

    /// Tells what it lacks.
    pub(super) fn lacks(&self, option: &'static str, why: &'static str, found: &mut CommandCheck) {
        found.problem(CommandProblem::Lacks { program: self.name, option, why });
    }

    /// Tells that its source is another directory.
    pub(super) fn other_source(&self, base: &Path, found: &mut CommandCheck) {
        found.problem(CommandProblem::OtherSource { program: self.name, base: base.to_owned() });
    }

    /// Checks what stands for the list. `value` is the value of `option`; `-` stands for standard input.
    pub(super) fn check_list(
        &self,
        option: &'static str,
        value: Option<&Word>,
        started: &Started,
        others: &[Word],
        found: &mut CommandCheck,
    ) {
        let no_list = CommandProblem::NoList { program: self.name, option };
        let Some(value) = value else {
            let itself = others.iter().find(|word| word.list_within().is_some());
            found.problem(itself.map_or(no_list, |word| CommandProblem::ListItself {
                program: self.name,
                word: word.shown().to_string_lossy().into_owned(),
            }));
            return;
        };
        let is_input = value.bytes() == b"-";
        let list = if is_input { started.input.as_ref() } else { Some(value) };
        match list.and_then(Word::list) {
            Some(ListPart::Deleted) => {
                found.problem(CommandProblem::OtherPart { program: self.name, part: ListPart::Deleted });
            }
            Some(_) => {}
            // What another program or a script makes of the list cannot be seen.
            None if started.is_scripted || is_input && started.is_piped_into || value.is_unknown() => {
                found.leave_unchecked(NotChecked::Word(value.shown()));
            }
            None => found.problem(no_list),
        }
    }
}

/// A line of output as text, without blanks around it.
pub(super) fn text(line: &[u8]) -> Option<&str> {
    std::str::from_utf8(line).ok().map(str::trim)
}

/// A count, which may have commas between thousands.
pub(super) fn number(text: &str) -> Option<u64> {
    text.replace(',', "").parse().ok()
}
