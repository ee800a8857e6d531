//! The forms of a list as values of the command line, and what of the other options each of them takes.

use std::io::Write;
use std::ops::Deref;
use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use fastdiff::consumers::{self, Consumer, Emitted, FullList, ListOptions, ListPart, PathChoice};
use fastdiff::{Diff, Error};

use super::Failure;

/// Who takes a list, by the name of the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format(&'static dyn Consumer);

static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| consumers::all().map(Format).collect());

impl Default for Format {
    fn default() -> Self {
        Self(consumers::FORMS[0])
    }
}

impl Deref for Format {
    type Target = dyn Consumer;

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl From<&'static dyn Consumer> for Format {
    fn from(consumer: &'static dyn Consumer) -> Self {
        Self(consumer)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &FORMATS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self.command() {
            Some(command) => format!("For {command}; {}", self.about()),
            None => self.about().to_owned(),
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

impl Format {
    /// The consumer, for whoever outlives this.
    pub(super) fn get(self) -> &'static dyn Consumer {
        self.0
    }

    /// Whether it looks at everything by itself if it gets no list, so that a full list is not written.
    pub(super) fn scans_by_itself(self) -> bool {
        self.full_list(&[]) == FullList::NotWritten
    }
}

/// The names of the consumers for which `is_one` holds.
fn names(is_one: impl Fn(&'static dyn Consumer) -> bool) -> String {
    let names: Vec<_> = consumers::all().filter(|consumer| is_one(*consumer)).map(Consumer::name).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// A part of the list for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PartArg {
    /// What is to be read
    Changed,
    /// What is to be deleted
    Deleted,
    /// Both
    All,
}

impl From<PartArg> for ListPart {
    fn from(part: PartArg) -> Self {
        match part {
            PartArg::Changed => Self::Changed,
            PartArg::Deleted => Self::Deleted,
            PartArg::All => Self::All,
        }
    }
}

/// How a list is written.
#[derive(Default)]
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) options: ListOptions,
}

impl Form {
    /// Writes the list of a diff.
    pub(super) fn write(&self, diff: &Diff<'_>, out: &mut dyn Write) -> Result<Emitted, Error> {
        self.format.write(diff, &self.options, out)
    }
}

/// Refuses combinations that would be ignored or misread.
pub(super) fn check_form(format: Format, nul: bool, part: Option<PartArg>, relative: bool) -> Result<(), Failure> {
    let usage = |message: String| Err(Failure::Other(message));
    if nul && !format.has_nul_choice() {
        let names = names(Consumer::has_nul_choice);
        return usage(format!("-z is for --emit {names} only; leave it out"));
    }
    if let Some(part) = part.map(ListPart::from) {
        if !format.has_separate_parts() {
            return usage(format!("--list is for --emit {} only", names(Consumer::has_separate_parts)));
        }
        if !format.parts().contains(&part) {
            let (name, part, why) = (format.name(), part.name(), format.why_no_other_part());
            return usage(format!("--emit {name} has no --list {part}: {why}"));
        }
    }
    if relative && format.paths() != PathChoice::Any {
        let kind = if format.paths() == PathChoice::Relative { "relative" } else { "absolute" };
        return usage(format!("--emit {} always writes {kind} paths; leave --relative out", format.name()));
    }
    Ok(())
}
