//! The lists that the command of a job takes: private files in the form of the job's consumer.

use std::ffi::{OsStr, OsString};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use fastdiff::Error;
use fastdiff::consumers::{ListPart, ListPass, ListedFiles, PartOutput};
use fastdiff::jobs::{ListsDir, StartedRun};

use super::config::Definition;
use super::{placeholders, print_message, write_list};

/// The files with the parts of a list.
pub(super) struct Lists {
    files: Vec<(ListPart, PathBuf)>,
    /// The regular files that they name.
    pub(super) listed: Option<ListedFiles>,
}

/// The result of writing them.
pub(super) enum Written {
    Lists(Lists),
    /// The consumer has nothing to do, and would misread an empty list.
    Nothing,
}

/// The lists of the first of two passes have names of their own.
fn file_name(part: ListPart, pass: &ListPass) -> String {
    if matches!(pass, ListPass::First(_)) { format!("first-{}", part.name()) } else { part.name().to_owned() }
}

impl Lists {
    fn named(definition: &Definition, pass: &ListPass, dir: &ListsDir) -> Self {
        let file = |part: &ListPart| (*part, dir.path().join(file_name(*part, pass)));
        Self { files: definition.consumer.parts().iter().map(file).collect(), listed: None }
    }

    /// Writes a file for each part that the consumer has.
    ///
    /// # Errors
    /// [`Error::Refused`] if the consumer's format cannot express the list; what writing gives.
    pub(super) fn write(
        definition: &Definition,
        started: &StartedRun,
        pass: &ListPass,
        dir: &ListsDir,
    ) -> Result<Written, Error> {
        if started.full.is_some() && definition.consumer.scans_by_itself() {
            return Self::empty(definition, dir).map(Written::Lists);
        }
        let mut lists = Self::named(definition, pass, dir);
        let mut files = Vec::new();
        for (part, _) in &lists.files {
            files.push((*part, BufWriter::new(dir.new_file(&file_name(*part, pass))?)));
        }
        let mut outputs: Vec<_> = files.iter_mut().map(|(part, out)| PartOutput { part: *part, out }).collect();
        let mut form = definition.form(definition.consumer);
        form.options.pass = pass.clone();
        let written = form.format.write_parts(started.diff(), &form.options, &mut outputs);
        let emitted = match written {
            Err(Error::NothingToList { .. }) => return Ok(Written::Nothing),
            Err(error) => {
                drop(files);
                // The error that matters is why there is no list. The next run clears the directory.
                let _ = lists.remove();
                return Err(write_list::about(error, dir.path()));
            }
            Ok(emitted) => emitted,
        };
        for ((_, path), (_, file)) in lists.files.iter().zip(&mut files) {
            file.flush().map_err(|source| Error::Io { operation: "write", path: path.clone(), source })?;
        }
        for note in &emitted.notes {
            print_message("note", note);
        }
        lists.listed = emitted.files;
        Ok(Written::Lists(lists))
    }

    fn remove(&self) -> Result<(), Error> {
        let gone = |path: &PathBuf| {
            std::fs::remove_file(path).map_err(|source| Error::Io { operation: "remove", path: path.clone(), source })
        };
        self.files.iter().try_for_each(|(_, path)| gone(path))
    }

    /// Files without a list.
    ///
    /// # Errors
    /// What writing gives.
    pub(super) fn empty(definition: &Definition, dir: &ListsDir) -> Result<Self, Error> {
        let lists = Self::named(definition, &ListPass::Only, dir);
        for (part, _) in &lists.files {
            dir.new_file(part.name())?;
        }
        Ok(lists)
    }

    /// An argument with the names of the files in it, and that of the root.
    pub(super) fn fill_in(&self, argument: &OsStr, root: &Path) -> OsString {
        let files = self.files.iter().map(|(part, path)| (placeholders::placeholder(*part), path.as_path()));
        placeholders::fill_in(argument, files, root)
    }

    /// The variables that name the files.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.files.iter().map(|(part, path)| (placeholders::variable(*part), path.as_path()))
    }
}
