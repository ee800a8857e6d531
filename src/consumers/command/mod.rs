//! What the command that is to take a list must have, and what contradicts it: facts about its words. Each program has
//! a table of its options here. The files are named after the programs.

pub(super) mod borg;
#[cfg(feature = "duplicati")]
pub(super) mod duplicati;
mod fate;
mod lexer;
mod options;
mod program;
pub(super) mod rclone;
pub(super) mod restic;
pub(super) mod rsync;
mod shell;
mod started;
mod starter;
pub(super) mod tar;
mod word;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use self::started::{Started, Starts};
use self::word::Word;
use super::ListPart;
use crate::path::PathExt as _;

/// A command that is to take a list.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CommandLine<'c> {
    /// The program and its arguments as the user wrote them, with placeholders.
    pub written: &'c [OsString],
    /// What relative paths of the list are relative to, and what the placeholder of the root stands for.
    pub base: &'c Path,
    /// Where the command is started.
    pub current_dir: &'c Path,
    /// The variables that it finds.
    pub environment: &'c [(OsString, OsString)],
}

impl<'c> CommandLine<'c> {
    /// A command as it is written, what relative paths of its list are relative to, and where it is started.
    pub fn new(written: &'c [OsString], base: &'c Path, current_dir: &'c Path) -> Self {
        Self { written, base, current_dir, environment: &[] }
    }

    /// The same with the variables that it finds.
    #[must_use]
    pub fn with_environment(mut self, environment: &'c [(OsString, OsString)]) -> Self {
        self.environment = environment;
        self
    }

    fn variable(&self, name: &str) -> Option<&'c OsStr> {
        self.environment.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_os_str())
    }

    /// Whether a path is the base, under another name perhaps.
    fn is_base(&self, path: &Path) -> bool {
        path == self.base
            || path.canonicalize().is_ok_and(|path| self.base.canonicalize().is_ok_and(|base| path == base))
    }
}

/// What can be said of a command before it is started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandCheck {
    /// What it lacks, what contradicts the list, and what would delete or store something else.
    pub problems: Vec<CommandProblem>,
    /// Why nothing, or not all of it, could be checked.
    pub not_checked: Option<NotChecked>,
    /// Where the program writes, as far as the words tell.
    pub destinations: Vec<Destination>,
    /// It mounts something itself, so that its destinations may lie elsewhere when the program starts.
    pub mounts: bool,
    /// A destination of which the program makes a file, if it is not there and the list names one file alone. The next
    /// file would take its place.
    pub file_if_missing: Option<PathBuf>,
    /// Where the program says how many files it stored, because the options of the user ask for that.
    pub counts: Option<OutputStream>,
}

/// Where a program writes what it has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl CommandCheck {
    fn problem(&mut self, problem: CommandProblem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn check_variables(&mut self, lost: Option<(String, String)>, overwrites_list: bool) {
        if let Some((variable, by)) = lost {
            self.problem(CommandProblem::VariableLost { variable, by });
        }
        if overwrites_list {
            self.problem(CommandProblem::OverwritesList);
        }
    }

    /// The first reason stays.
    fn leave_unchecked(&mut self, why: NotChecked) {
        self.not_checked.get_or_insert(why);
    }
}

/// Where a program writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Destination {
    /// As the user wrote it, with placeholders.
    pub as_written: OsString,
    /// What it is.
    pub kind: DestinationKind,
}

/// What the place is that a program writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationKind {
    /// A directory of this machine that becomes a copy: absolute, as the program resolves it.
    Directory(PathBuf),
    /// A directory of this machine in which the program keeps its data: absolute, as the program resolves it.
    Repository(PathBuf),
    /// A file of this machine, such as an archive: absolute, as the program resolves it.
    File(PathBuf),
    /// On another machine, or behind a name in the configuration of the program.
    Remote,
}

impl Destination {
    /// Its place on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.kind {
            DestinationKind::Directory(path) | DestinationKind::Repository(path) | DestinationKind::File(path) => {
                Some(path)
            }
            DestinationKind::Remote => None,
        }
    }

    /// Whether the place depends on where the command is started.
    pub fn is_relative(&self) -> bool {
        let written = self.as_written.to_string_lossy();
        let written = written.strip_prefix(rclone::LOCAL).unwrap_or(&written);
        self.local_path().is_some()
            && Path::new(written).is_relative()
            && !written.starts_with(ListPart::ROOT_PLACEHOLDER)
    }
}

/// Why a command, or a part of it, could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotChecked {
    /// It starts no program that is known here.
    #[error("{} is not a program that is known here", Path::new(.0).shown())]
    Program(OsString),
    /// Its words are put together by a shell, which only the run can do.
    #[error("only a shell can tell what it does")]
    Shell,
    /// A script that cannot be read, or that is not one of a shell.
    #[error("what {} does cannot be seen", .0.shown())]
    Script(PathBuf),
    /// An option that is not known here.
    #[error("the option {option} of {program} is not known here")]
    Option {
        /// The program.
        program: String,
        /// The option as the user wrote it.
        option: String,
    },
    /// A word that only the run knows.
    #[error("only the run knows what {} stands for", Path::new(.0).shown())]
    Word(OsString),
    /// The program runs on another machine.
    #[error("it runs on another machine")]
    OtherMachine,
}

/// What is wrong with a command that is to take a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandProblem {
    /// The program reads the list as relative to its source, and its source is another directory.
    #[error(
        "{program} takes the list as relative to its source, which must be {}; the command names another source, with \
         which {program} stores nothing, or deletes in the destination what that source lacks",
        .base.shown()
    )]
    OtherSource {
        /// The program.
        program: &'static str,
        /// What its source must be.
        base: PathBuf,
    },
    /// The program is not given the list.
    #[error("the command does not give the list to {program}, which takes it as the value of {option}")]
    NoList {
        /// The program.
        program: &'static str,
        /// What takes the list.
        option: &'static str,
    },
    /// The program would store the file with the list, or take its name for something else.
    #[error(
        "{program} takes {word} as it stands, and not as a list of names: it would store the list and nothing else"
    )]
    ListItself {
        /// The program.
        program: &'static str,
        /// The word of the command.
        word: String,
    },
    /// The program gets a part of the list that is not for it.
    #[error("{program} would read the list of what is {} as that of what is to be stored", .part.name())]
    OtherPart {
        /// The program.
        program: &'static str,
        /// The part that the command names.
        part: ListPart,
    },
    /// The program misreads the list without something.
    #[error("{program} lacks {option}: {why}")]
    Lacks {
        /// The program.
        program: &'static str,
        /// What it lacks.
        option: &'static str,
        /// What happens without it.
        why: &'static str,
    },
    /// With something, the program does not store what is listed, or harms something.
    #[error("{option} of {program} does not go with a list: {why}")]
    Against {
        /// The program.
        program: &'static str,
        /// As the user wrote it.
        option: String,
        /// What it does.
        why: &'static str,
    },
    /// The list has a form for people or scripts.
    #[error("the list is not in the form that {program} takes")]
    OtherConsumer {
        /// The program.
        program: &'static str,
    },
    /// The exit code of the command is not that of the program.
    #[error("the command may succeed although {program} fails")]
    LosesFailure {
        /// The program.
        program: &'static str,
    },
    /// The program may not be started.
    #[error("the command may succeed without starting {program}")]
    MaySkip {
        /// The program.
        program: &'static str,
    },
    /// The command needs a variable that it does not find.
    #[error("the command needs ${variable}, which {by} does not hand on")]
    VariableLost {
        /// The variable.
        variable: String,
        /// The program that starts the rest without it.
        by: String,
    },
    /// What was listed is lost before the program reads it.
    #[error("the command overwrites the file with the list")]
    OverwritesList,
    /// It says nothing about where to write.
    #[error("the command names no destination for {program}")]
    NoDestination {
        /// The program.
        program: &'static str,
    },
}

/// Checks each start of a program in a command.
fn check_each(
    line: &CommandLine<'_>,
    names: &[&str],
    program: &'static str,
    check: impl Fn(&Started, &mut CommandCheck),
) -> CommandCheck {
    let mut found = CommandCheck::default();
    let mut is_started = false;
    let Starts { started, not_checked, lost, overwrites_list } = started::started(line);
    found.check_variables(lost, overwrites_list);
    found.mounts = started.iter().any(|start| start.is_scripted && start.mounts());
    for start in started.iter().filter(|start| start.program().is_some_and(|name| names.contains(&name))) {
        is_started = true;
        if start.is_elsewhere {
            found.leave_unchecked(NotChecked::OtherMachine);
        }
        if start.is_scripted && !start.takes_list() {
            // It may be for another purpose, or take a list that was made from ours.
            found.leave_unchecked(NotChecked::Shell);
            continue;
        }
        check(start, &mut found);
        if start.loses_failure {
            found.problem(CommandProblem::LosesFailure { program });
        }
        if start.may_be_skipped {
            found.problem(CommandProblem::MaySkip { program });
        }
        // One of its words may be any option.
        if start.is_uncertain || start.is_loose {
            found.leave_unchecked(NotChecked::Shell);
        }
    }
    if let Some(why) = not_checked {
        found.leave_unchecked(why);
    } else if !is_started {
        let name = started.first().and_then(|start| start.words.first()).map(Word::shown);
        found.leave_unchecked(name.filter(|name| !name.is_empty()).map_or(NotChecked::Shell, NotChecked::Program));
    }
    found
}

/// Checks a command that is to take a form of the list that no program owns.
pub(super) fn check_form(line: &CommandLine<'_>) -> CommandCheck {
    let mut found = CommandCheck::default();
    let Starts { started, not_checked, lost, overwrites_list } = started::started(line);
    found.check_variables(lost, overwrites_list);
    for start in &started {
        let program = super::PROGRAMS.iter().find(|program| Some(program.name()) == start.program());
        if let Some(program) = program.filter(|_| start.takes_list()) {
            found.problem(CommandProblem::OtherConsumer { program: program.name() });
        }
    }
    if let Some(why) = not_checked {
        found.leave_unchecked(why);
    }
    found
}
