//! The lists that the command of a job is given: private files in the form of the job's consumer.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fastdiff::jobs::StartedRun;
use fastdiff::{Error, Refusal};

use super::config::Definition;
use super::format::{Form, Format, Part};
use super::{placeholders, print_message, start_run, write_list};

/// The files with the parts of a list.
pub(super) struct Lists {
    files: Vec<(Part, PathBuf)>,
}

/// What came of writing them.
pub(super) enum Written {
    Lists(Lists),
    /// The consumer has nothing to do, and would misread an empty list.
    Nothing,
}

/// The parts that a consumer has.
pub(super) fn parts(consumer: Format) -> &'static [Part] {
    match consumer {
        Format::Rsync | Format::Rclone | Format::Duplicati => &[Part::Changed, Part::Deleted, Part::All],
        Format::Tar => &[Part::Changed, Part::Deleted],
        Format::Restic | Format::Borg | Format::Paths => &[Part::Changed],
        Format::Text | Format::NameStatus | Format::Json => &[Part::All],
    }
}

fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map_err(|source| Error::Io { operation: "create", path: path.to_owned(), source })
}

impl Lists {
    fn named(definition: &Definition, dir: &Path) -> Self {
        let file = |part: &Part| (*part, dir.join(format!("{part:?}").to_lowercase()));
        Self { files: parts(definition.consumer).iter().map(file).collect() }
    }

    /// Writes a file for each part that the consumer has.
    ///
    /// # Errors
    /// [`Error::Refused`] if the consumer cannot be told; what writing gives.
    pub(super) fn write(definition: &Definition, started: &StartedRun, dir: &Path) -> Result<Written, Error> {
        if definition.consumer == Format::Duplicati {
            // A first backup of it would hold nothing but what is listed.
            return if started.full.is_some() {
                Self::empty(definition, dir).map(Written::Lists)
            } else {
                Self::options(definition, started, dir).map(Written::Lists)
            };
        }
        let lists = Self::named(definition, dir);
        let mut is_empty = None;
        let mut notes: Vec<String> = Vec::new();
        for (part, path) in &lists.files {
            let form = Form {
                part: definition.consumer.has_parts().then_some(*part),
                ..start_run::form(definition, definition.consumer)
            };
            let mut file = BufWriter::new(create(path)?);
            match form.write(started.diff(), &mut file) {
                Err(Error::NothingToList { consumer, misread }) => is_empty = Some((consumer, misread)),
                other => {
                    let emitted = other.map_err(|e| write_list::about(e, path))?;
                    notes.extend(emitted.notes.into_iter().filter(|note| !notes.contains(note)).collect::<Vec<_>>());
                    file.flush().map_err(|source| Error::Io { operation: "write", path: path.clone(), source })?;
                }
            }
        }
        for note in notes {
            print_message("note", note);
        }
        let Some((consumer, misread)) = is_empty else { return Ok(Written::Lists(lists)) };
        let is_all_empty = lists.files.iter().all(|(_, path)| path.metadata().is_ok_and(|m| m.len() == 0));
        if is_all_empty {
            return Ok(Written::Nothing);
        }
        Err(Error::Refused { consumer, refusal: Refusal::OnlyRemovals { misread } })
    }

    /// The options of Duplicati: both in one file, and each in its own.
    fn options(definition: &Definition, started: &StartedRun, dir: &Path) -> Result<Self, Error> {
        let mut text = Vec::new();
        start_run::form(definition, definition.consumer).write(started.diff(), &mut text)?;
        let lists = Self::named(definition, dir);
        for (part, path) in &lists.files {
            let option: &[u8] = match part {
                Part::Changed => b"--changed-files=",
                Part::Deleted => b"--deleted-files=",
                Part::All => b"",
            };
            let mut file = create(path)?;
            for line in text.split_inclusive(|b| *b == b'\n').filter(|line| line.starts_with(option)) {
                file.write_all(line).map_err(|source| Error::Io { operation: "write", path: path.clone(), source })?;
            }
        }
        Ok(lists)
    }

    /// Files without a list.
    ///
    /// # Errors
    /// What writing gives.
    pub(super) fn empty(definition: &Definition, dir: &Path) -> Result<Self, Error> {
        let lists = Self::named(definition, dir);
        for (_, path) in &lists.files {
            create(path)?;
        }
        Ok(lists)
    }

    /// An argument with the names of the files in it, and that of the root.
    pub(super) fn fill_in(&self, argument: &OsStr, root: &Path) -> OsString {
        let files = self.files.iter().map(|(part, path)| (part.placeholder(), path.as_path()));
        placeholders::fill_in(argument, files, root)
    }

    /// The variables that name the files.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.files.iter().map(|(part, path)| (part.variable(), path.as_path()))
    }
}
