//! Names that the destination of a command may take for one: the command runs in two passes, or is not started.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use fastdiff::consumers::{
    CollidingNames, ListPart, ListPass, ListedFiles, NameCollisions, NamePair, SameName, list_base,
};
use fastdiff::jobs::{ListsDir, StartedRun};
use fastdiff::path::{PathExt as _, to_path};
use fastdiff::{Diff, Error, Refusal};

use super::config::Definition;
use super::destination::{Destinations, may_delete};
use super::format::Form;
use super::job_lists::{Lists, Written};
use super::print_message;
use super::snap::counted;

/// How often the command runs, and with which part of the list.
pub(super) struct Passes {
    pub(super) each: Vec<ListPass>,
    /// Two names each, of which the destination may hold only one.
    unsure: Vec<NamePair>,
    base: Vec<u8>,
    copies: Vec<PathBuf>,
}

/// The commands of a run, ready to start.
pub(super) struct Prepared {
    pub(super) processes: Vec<Command>,
    /// The regular files that the last one gets in its list.
    pub(super) listed: Option<ListedFiles>,
}

impl Passes {
    /// Finds out whether the command needs two passes.
    ///
    /// # Errors
    /// [`Refusal::SameName`] for two names that are there and are one at the destination; a damaged snapshot.
    pub(super) fn of(
        definition: &Definition,
        started: &StartedRun,
        command: &[OsString],
        destinations: &Destinations,
        quiet: bool,
    ) -> Result<Self, Error> {
        let base = list_base(started.diff());
        let mut passes =
            Self { each: vec![ListPass::Only], unsure: Vec::new(), base, copies: destinations.copies.clone() };
        let rule = definition.consumer.colliding_names();
        if rule == CollidingNames::Kept {
            return Ok(passes);
        }
        let mut names = NameCollisions::of(started.diff())?;
        passes.unsure = std::mem::take(&mut names.present);
        passes.check_present(definition, destinations)?;
        let is_exact = |pair: &NamePair| destinations.are_all_local_copies && passes.is_known(pair, SameName::Two);
        if !names.removed.is_empty() && may_delete(command) && !names.removed.iter().all(is_exact) {
            tell_of_removed(&names.removed, rule, quiet);
            if rule == CollidingNames::TwoPasses {
                let names = Arc::new(names);
                passes.each = vec![ListPass::First(Arc::clone(&names)), ListPass::Second(names)];
            }
        }
        Ok(passes)
    }

    /// The commands of the passes, and what the last one lists; none if there is nothing to list, and an empty list
    /// would do harm. With `anyway`, a program that scans by itself gets no list instead of one that is refused.
    ///
    /// # Errors
    /// [`Error::Refused`] if the consumer's format cannot express the list; what writing gives.
    pub(super) fn processes(
        &self,
        definition: &Definition,
        started: &StartedRun,
        command: &[OsString],
        dir: &ListsDir,
        anyway: bool,
    ) -> Result<Option<Prepared>, Error> {
        let root = PathBuf::from(&*to_path(&self.base));
        let mut prepared = Prepared { processes: Vec::new(), listed: None };
        for pass in &self.each {
            let lists = match Lists::write(definition, started, pass, dir) {
                Ok(Written::Lists(lists)) => lists,
                Ok(Written::Nothing) => return Ok(None),
                Err(Error::Refused { refusal, .. }) if anyway && definition.consumer.scans_by_itself() => {
                    let title = definition.consumer.title();
                    print_message("warning", format_args!("no list, so {title} scans by itself: {refusal}"));
                    Lists::empty(definition, dir)?
                }
                Err(error) => return Err(error),
            };
            let mut process = Command::new(&command[0]);
            process.args(command[1..].iter().map(|argument| lists.fill_in(argument, &root)));
            process.envs(lists.variables());
            process.env("FASTDIFF_JOB", &definition.name).env("FASTDIFF_RUN", started.run.to_string());
            process.env("FASTDIFF_ROOT", &root);
            prepared.processes.push(process);
            prepared.listed = lists.listed;
        }
        Ok(Some(prepared))
    }

    fn is_known(&self, pair: &NamePair, as_what: SameName) -> bool {
        self.copies.iter().all(|copy| pair.at(&self.base, copy) == as_what)
    }

    /// Refuses names that are one at a destination, and keeps those of which that is not known.
    fn check_present(&mut self, definition: &Definition, destinations: &Destinations) -> Result<(), Error> {
        let is_one = |pair: &&NamePair| self.copies.iter().any(|copy| pair.at(&self.base, copy) == SameName::One);
        if let Some(pair) = self.unsure.iter().find(is_one) {
            return Err(same_name(definition, pair));
        }
        let is_exact = |pair: &NamePair| destinations.are_all_local_copies && self.is_known(pair, SameName::Two);
        let unsure: Vec<_> = self.unsure.iter().filter(|pair| !is_exact(pair)).cloned().collect();
        if let Some(first) = unsure.first() {
            let more = match unsure.len() - 1 {
                0 => String::new(),
                more => format!(" (and {} more)", counted(more as u64, "pair", "pairs")),
            };
            print_message(
                "warning",
                format_args!("{}{more}: a destination that takes them for one keeps only one of them", shown(first)),
            );
        }
        self.unsure = unsure;
        Ok(())
    }

    /// After the command: whether the destination holds each of two names.
    ///
    /// # Errors
    /// [`Refusal::SameName`] for two that are one.
    pub(super) fn check_again(&self, definition: &Definition) -> Result<(), Error> {
        let is_one = |pair: &&NamePair| self.copies.iter().any(|copy| pair.at(&self.base, copy) == SameName::One);
        self.unsure.iter().find(is_one).map_or(Ok(()), |pair| Err(same_name(definition, pair)))
    }
}

/// Says of a list that is written without a run in which order its parts must be used.
pub(super) fn tell_of_order(diff: &Diff<'_>, form: &Form) -> Result<(), Error> {
    let part = form.options.part.unwrap_or(form.format.usual_part());
    if form.format.colliding_names() != CollidingNames::TwoPasses || part != ListPart::All {
        return Ok(());
    }
    let removed = NameCollisions::of(diff)?.removed;
    if !removed.is_empty() {
        print_message(
            "note",
            format_args!("{}: give it `--list deleted` first and then `--list changed`", about_removed(&removed)),
        );
    }
    Ok(())
}

fn same_name(definition: &Definition, pair: &NamePair) -> Error {
    let [path, other] = [&pair.path, &pair.other].map(|path| to_path(path).into_owned());
    Error::Refused { consumer: definition.consumer.name(), refusal: Refusal::SameName { path, other } }
}

fn shown(pair: &NamePair) -> String {
    format!("{} and {}", to_path(&pair.path).shown(), to_path(&pair.other).shown())
}

fn tell_of_removed(removed: &[NamePair], rule: CollidingNames, quiet: bool) {
    let what = about_removed(removed);
    if rule != CollidingNames::TwoPasses {
        print_message("warning", format_args!("{what}: the command must delete before it copies"));
    } else if !quiet {
        print_message(
            "note",
            format_args!("{what}: the command runs twice, and first it gets only what it must delete"),
        );
    }
}

fn about_removed(removed: &[NamePair]) -> String {
    let [path, other] = [&removed[0].path, &removed[0].other].map(|path| to_path(path).shown().to_string());
    let more = if removed.len() > 1 { format!(" (1 of {} such pairs)", removed.len()) } else { String::new() };
    format!("{path} is gone, {other} is there{more}, and a destination may take them for one")
}
