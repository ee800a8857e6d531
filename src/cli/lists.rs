//! The lists that the command of a job is given: private files in the form of the job's consumer.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use fastdiff::Error;
use fastdiff::baseline::Begun;
use fastdiff::path::{to_bytes, to_path};

use super::config::Definition;
use super::format::{Form, Format, Part};
use super::jobs;
use super::{Failure, complain};

const PARTS: [(Part, &str, &str); 3] = [
    (Part::Changed, "{changed}", "FASTDIFF_CHANGED"),
    (Part::Deleted, "{deleted}", "FASTDIFF_DELETED"),
    (Part::All, "{all}", "FASTDIFF_ALL"),
];

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
fn parts(consumer: Format) -> &'static [Part] {
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

fn about(error: Error, file: &Path) -> Error {
    match error {
        Error::Io { operation, source, .. } => Error::Io { operation, path: file.to_owned(), source },
        other => other,
    }
}

impl Lists {
    /// Refuses a command that asks for a part that its consumer does not have.
    pub(super) fn check(definition: &Definition, arguments: &[OsString]) -> Result<(), Failure> {
        let has = parts(definition.consumer);
        for (part, placeholder, _) in PARTS {
            let is_asked = arguments.iter().any(|a| contains(a, placeholder));
            if is_asked && !has.contains(&part) {
                let known: Vec<_> = PARTS.iter().filter(|(part, ..)| has.contains(part)).map(|(_, p, _)| *p).collect();
                return Err(Failure::Other(format!(
                    "job {}: the command asks for {placeholder}, which the consumer {} does not have; it has {}",
                    definition.name,
                    definition.consumer.name(),
                    known.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn named(definition: &Definition, dir: &Path) -> Self {
        let file = |part: &Part| (*part, dir.join(format!("{part:?}").to_lowercase()));
        Self { files: parts(definition.consumer).iter().map(file).collect() }
    }

    /// Writes a file for each part that the consumer has.
    ///
    /// # Errors
    /// [`Error::Refused`] if the consumer cannot be told; what writing gives.
    pub(super) fn write(definition: &Definition, begun: &Begun, dir: &Path) -> Result<Written, Error> {
        if definition.consumer == Format::Duplicati {
            // A first backup of it would hold nothing but what is listed.
            return if begun.full.is_some() {
                Self::empty(definition, dir).map(Written::Lists)
            } else {
                Self::options(definition, begun, dir).map(Written::Lists)
            };
        }
        let lists = Self::named(definition, dir);
        let mut is_empty = None;
        let mut notes: Vec<String> = Vec::new();
        for (part, path) in &lists.files {
            let form = Form {
                part: definition.consumer.has_parts().then_some(*part),
                ..jobs::form(definition, definition.consumer)
            };
            let mut file = BufWriter::new(create(path)?);
            match form.write(begun.diff(), &mut file) {
                Err(Error::NothingToList { consumer, misread }) => is_empty = Some((consumer, misread)),
                other => {
                    let emitted = other.map_err(|e| about(e, path))?;
                    notes.extend(emitted.notes.into_iter().filter(|note| !notes.contains(note)).collect::<Vec<_>>());
                    file.flush()
                        .map_err(|e| about(Error::Io { operation: "write", path: path.clone(), source: e }, path))?;
                }
            }
        }
        for note in notes {
            complain("note", note);
        }
        let Some((consumer, misread)) = is_empty else { return Ok(Written::Lists(lists)) };
        let is_all_empty = lists.files.iter().all(|(_, path)| path.metadata().is_ok_and(|m| m.len() == 0));
        if is_all_empty {
            return Ok(Written::Nothing);
        }
        let reason = format!("nothing but removals is to be listed, and {misread}; do them by hand");
        Err(Error::Refused { consumer, reason })
    }

    /// The options of Duplicati: both in one file, and each in its own.
    fn options(definition: &Definition, begun: &Begun, dir: &Path) -> Result<Self, Error> {
        let mut text = Vec::new();
        jobs::form(definition, definition.consumer).write(begun.diff(), &mut text)?;
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

    /// An argument with the names of the files in it.
    pub(super) fn fill_in(&self, argument: &OsStr) -> OsString {
        let mut bytes = to_bytes(Path::new(argument)).into_owned();
        for (part, path) in &self.files {
            for (_, placeholder, _) in PARTS.iter().filter(|(of, ..)| of == part) {
                bytes = bstr::ByteSlice::replace(&bytes[..], placeholder, to_bytes(path));
            }
        }
        to_path(&bytes).into_owned().into_os_string()
    }

    /// The variables that name the files.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.files.iter().flat_map(|(part, path)| {
            PARTS.iter().filter(move |(of, ..)| of == part).map(move |(_, _, name)| (*name, path.as_path()))
        })
    }
}

fn contains(argument: &OsStr, placeholder: &str) -> bool {
    memchr::memmem::find(&to_bytes(Path::new(argument)), placeholder.as_bytes()).is_some()
}
