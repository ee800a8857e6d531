//! Who takes a list, one file for each: the backup programs, and in `forms` those of people and scripts.
//!
//! Each implements [`Consumer`] and stands in a table, [`PROGRAMS`] or [`FORMS`]. `--emit`, help, errors and
//! completions are made from the tables. A new program is one file here, one line in the table and one page in docs/.
//! If a consumer's format cannot express a list, the list is refused (promise 5).

mod borg;
mod command;
mod consumer;
#[cfg(feature = "duplicati")]
pub mod duplicati;
mod file;
mod forms;
mod list;
mod names;
mod rclone;
mod restic;
mod rsync;
mod tar;

use std::borrow::Cow;
use std::io::{self, Write};

pub use borg::Borg;
pub use command::{CommandCheck, CommandLine, CommandProblem, Destination, DestinationKind, NotChecked, OutputStream};
pub use consumer::{
    CollidingNames, Consumer, DatabaseChoice, EmptyList, FullList, ListOptions, MirrorCommand, PartOutput, PathChoice,
};
pub use file::ListFile;
pub use forms::{Json, NameStatus, Paths, Text, TextOptions, entry_json, rfc3339};
pub use list::{ChangeLists, ListForm, ListPart, ListedPath, Spell, Spelled, asked_part, check_not_empty, list_base};
pub use names::{ListPass, NameCollisions, NamePair, SameName};
pub use rclone::Rclone;
pub use restic::Restic;
pub use rsync::Rsync;
pub use tar::Tar;

use crate::diff::{Diff, Summary};
use crate::{Error, Refusal, Result, RootProblem, System};

/// The backup programs.
pub static PROGRAMS: &[&dyn Consumer] = &[
    #[cfg(feature = "duplicati")]
    &duplicati::Duplicati,
    &Rsync,
    &Rclone,
    &Restic,
    &Borg,
    &Tar,
];

/// The forms that no program owns. The first is that for people.
pub static FORMS: &[&dyn Consumer] = &[&Text, &NameStatus, &Json, &Paths];

/// The program that help texts show.
pub static EXAMPLE: &dyn Consumer = &Rsync;

/// All consumers, as help texts list them.
pub fn all() -> impl Iterator<Item = &'static dyn Consumer> {
    FORMS.iter().chain(PROGRAMS).copied()
}

/// The consumer of this name.
pub fn find(name: &str) -> Option<&'static dyn Consumer> {
    all().find(|consumer| consumer.name() == name)
}

/// A consumer cannot be given this list (promise 5).
fn refuse(consumer: &'static str, refusal: impl Into<Refusal>) -> Error {
    Error::Refused { consumer, refusal: refusal.into() }
}

/// A consumer would misread a list without entries (promise 5).
fn nothing_to_list(consumer: &'static str, misread: &str) -> Error {
    Error::NothingToList { consumer, misread: misread.to_owned() }
}

/// How paths are written.
#[derive(Debug, Clone, Default)]
pub struct PathStyle {
    root: Option<Vec<u8>>,
    system: System,
}

impl PathStyle {
    /// As they are: absolute.
    pub fn absolute() -> Self {
        Self::default()
    }

    /// Relative to the root, which itself is written as `.`.
    ///
    /// # Errors
    /// [`Error::Root`] if the snapshots have more than one root.
    pub fn relative(diff: &Diff<'_>) -> Result<Self> {
        match diff.older().meta().roots.as_slice() {
            [root] => Ok(Self { root: Some(root.clone()), ..Self::default() }),
            roots => Err(Error::Root {
                path: crate::path::to_path(roots.last().map_or(&[][..], Vec::as_slice)).into_owned(),
                problem: RootProblem::OneOfSeveral,
            }),
        }
    }

    /// The same for the paths of these snapshots, as the system writes them that took them.
    fn of(&self, diff: &Diff<'_>) -> Self {
        Self { system: diff.newer().header().system, ..self.clone() }
    }

    fn shown<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        self.system.shown(self.below_root(path))
    }

    fn quoted<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        self.system.quoted(self.below_root(path))
    }

    fn below_root<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let Some(root) = &self.root else { return path };
        match path.strip_prefix(root.as_slice()) {
            Some([]) => b".",
            Some(rest) => rest.strip_prefix(b"/").unwrap_or(rest),
            None => path,
        }
    }
}

/// A list that was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Emitted {
    /// Counts by kind of change.
    pub summary: Summary,
    /// What the user should know, each a line.
    pub notes: Vec<String>,
    /// The regular files among what is to be read, if the consumer stores files.
    pub files: Option<ListedFiles>,
}

/// The regular files that a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedFiles {
    /// How many there are.
    pub count: u64,
    /// One of them.
    pub first: std::path::PathBuf,
}

/// Runs `each` over all changes and counts them.
fn for_each_change(diff: &Diff<'_>, mut each: impl FnMut(&crate::diff::Change) -> io::Result<()>) -> Result<Emitted> {
    let mut emitted = Emitted::default();
    for change in diff.changes() {
        let change = change?;
        emitted.summary.add(&change);
        written(each(&change))?;
    }
    Ok(emitted)
}

fn written(result: io::Result<()>) -> Result<()> {
    result.map_err(Error::WriteList)
}

/// Writes a field and its end.
fn put(out: &mut dyn Write, field: &[u8], end: u8) -> io::Result<()> {
    out.write_all(field)?;
    out.write_all(&[end])
}
