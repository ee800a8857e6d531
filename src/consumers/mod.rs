//! Writes a diff in the form that its reader takes: one file per reader. A form that cannot carry a
//! list refuses it (promise 5).

mod borg;
pub mod duplicati;
mod file;
mod forms;
mod list;
mod rclone;
mod restic;
mod rsync;
mod tar;

use std::borrow::Cow;
use std::io::{self, Write};

pub use borg::borg;
pub use file::ListFile;
pub use forms::{TextOptions, entry_json, json, name_status, paths, rfc3339, text};
pub use list::{ListPart, list_base};
pub use rclone::rclone;
pub use restic::restic;
pub use rsync::rsync;
pub use tar::tar;

use crate::diff::{Diff, Summary};
use crate::terminal::quote;
use crate::{Error, Result, RootProblem};

/// How paths are written.
#[derive(Debug, Clone, Default)]
pub struct PathStyle {
    root: Option<Vec<u8>>,
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
            [root] => Ok(Self { root: Some(root.clone()) }),
            roots => Err(Error::Root {
                path: crate::path::to_path(roots.last().map_or(&[][..], Vec::as_slice)).into_owned(),
                problem: RootProblem::OneOfSeveral,
            }),
        }
    }

    fn shown<'p>(&self, path: &'p [u8]) -> Cow<'p, [u8]> {
        let Some(root) = &self.root else { return Cow::Borrowed(path) };
        match path.strip_prefix(root.as_slice()) {
            Some([]) => Cow::Borrowed(b"."),
            Some(rest) => Cow::Borrowed(rest.strip_prefix(b"/").unwrap_or(rest)),
            None => Cow::Borrowed(path),
        }
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Emitted {
    /// Counts by kind of change.
    pub summary: Summary,
    /// What the user should know of it.
    pub notes: Vec<String>,
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
