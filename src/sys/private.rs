//! Directories and files that are their owner's alone. Everything that the state of jobs holds is opened here: relative
//! to an open directory, without following a symlink, without waiting for a fifo, and with modes that do not depend on
//! the umask.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use super::durable::{Access, AtomicFile};
use super::open_at;
use crate::error::{Context as _, PlaceProblem};
use crate::metadata::Kind;
use crate::{Error, Result};

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Read,
    ReadWrite,
    Append,
}

/// What was found at a name, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// None for what is neither a regular file nor a directory nor a symlink.
    pub(super) kind: Option<Kind>,
    pub(super) owner: u32,
}

/// A directory that is open, belongs to the user who runs the program, and that nobody else can write to.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    dir: open_at::DirHandle,
    path: PathBuf,
}

impl PrivateDir {
    /// Opens a directory; none if there is none. The path may lead through symlinks, and may be one if that is the
    /// user's own or root's.
    ///
    /// # Errors
    /// [`Error::Place`] if it is not the user's alone, [`Error::Io`].
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        let found = match open_at::look(path) {
            Err(e) if is_missing(&e) => return Ok(None),
            other => other.context("open", path)?,
        };
        let is_link = found.kind == Some(Kind::Symlink);
        let found = match is_link {
            true if found.owner != open_at::user() && found.owner != open_at::ROOT => {
                return Err(Error::place(path, PlaceProblem::Symlink));
            }
            true => match open_at::look_behind(path) {
                Err(e) if is_missing(&e) => return Ok(None),
                other => other.context("open", path)?,
            },
            false => found,
        };
        check(path, found, Kind::Dir)?;
        let dir = open_at::directory(path, is_link).context("open", path)?;
        Self::checked(dir, path.to_owned()).map(Some)
    }

    /// The same, but a directory that does not exist is made, with those above it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and of [`check_place`].
    pub(crate) fn make(path: &Path) -> Result<Self> {
        if let Some(dir) = Self::open(path)? {
            return Ok(dir);
        }
        check_place(path)?;
        let mut missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.exists()).collect();
        while let Some(dir) = missing.pop() {
            open_at::make(dir).context("make the directory", dir)?;
        }
        Self::open(path)?.ok_or(ErrorKind::NotFound).context("open", path)
    }

    /// Opens a directory in this one; none if there is none.
    ///
    /// # Errors
    /// Those of [`open`](Self::open). A symlink is one of them.
    pub(crate) fn open_in(&self, name: &str) -> Result<Option<Self>> {
        let path = self.path.join(name);
        let found = match self.dir.look(name) {
            Err(e) if is_missing(&e) => return Ok(None),
            other => other.context("open", &path)?,
        };
        check(&path, found, Kind::Dir)?;
        let dir = self.dir.directory(name).context("open", &path)?;
        Self::checked(dir, path).map(Some)
    }

    /// The same, but a directory that does not exist is made.
    ///
    /// # Errors
    /// Those of [`open_in`](Self::open_in).
    pub(crate) fn make_in(&self, name: &str) -> Result<Self> {
        if let Some(dir) = self.open_in(name)? {
            return Ok(dir);
        }
        let path = self.path.join(name);
        self.dir.make(name).context("make the directory", &path)?;
        self.open_in(name)?.ok_or(ErrorKind::NotFound).context("open", path)
    }

    /// What was opened may be another one than what was looked at.
    fn checked(dir: open_at::DirHandle, path: PathBuf) -> Result<Self> {
        let found = dir.found().context("open", &path)?;
        check(&path, found, Kind::Dir)?;
        let mode = dir.mode().context("open", &path)?;
        if mode & 0o022 != 0 {
            return Err(Error::place(path, PlaceProblem::Writable { mode }));
        }
        Ok(Self { dir, path })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file in it; none if there is none.
    ///
    /// # Errors
    /// [`Error::Place`] if it is not a regular file of this user, [`Error::Io`].
    pub(crate) fn file(&self, name: &str, how: How) -> Result<Option<File>> {
        let path = self.path.join(name);
        let found = match self.dir.look(name) {
            Err(e) if is_missing(&e) => return Ok(None),
            other => other.context("open", &path)?,
        };
        // Before it is opened: opening a device may do something.
        check(&path, found, Kind::File)?;
        let file = match self.dir.file(name, how) {
            Err(e) if is_missing(&e) => return Ok(None),
            other => other.context("open", &path)?,
        };
        check(&path, open_at::found(&file).context("open", &path)?, Kind::File)?;
        Ok(Some(file))
    }

    /// Makes a file that only its owner can read.
    ///
    /// # Errors
    /// [`Error::Io`], also if anything has that name.
    pub(crate) fn new_file(&self, name: &str) -> Result<File> {
        self.dir.new_file(name).context("create", self.path.join(name))
    }

    /// Opens a file, and makes it if there is none.
    ///
    /// # Errors
    /// Those of [`file`](Self::file).
    pub(crate) fn file_or_new(&self, name: &str, how: How) -> Result<File> {
        loop {
            if let Some(file) = self.file(name, how)? {
                return Ok(file);
            }
            match self.dir.new_file(name) {
                Ok(_) => {}
                // Another process was faster.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e).context("create", self.path.join(name)),
            }
        }
    }

    /// The content of a file; none if there is none.
    ///
    /// # Errors
    /// Those of [`file`](Self::file).
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(mut file) = self.file(name, How::Read)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).context("read", self.path.join(name))?;
        Ok(Some(bytes))
    }

    /// A file that takes the place of another one, whole or not at all.
    ///
    /// # Errors
    /// Those of [`AtomicFile::create`]; [`Error::Place`] if what is there is not a regular file of this user.
    pub(crate) fn replace(&self, name: &str) -> Result<AtomicFile> {
        let path = self.path.join(name);
        match self.dir.look(name) {
            Err(e) if is_missing(&e) => {}
            found => check(&path, found.context("write", &path)?, Kind::File)?,
        }
        AtomicFile::create(&path, Access::Private)
    }

    /// Removes a file, whatever it is; nothing if there is none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        match self.dir.remove(name) {
            Err(e) if is_missing(&e) => Ok(()),
            other => other.context("remove", self.path.join(name)),
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn check(path: &Path, found: Found, kind: Kind) -> Result<()> {
    let user = open_at::user();
    let problem = match kind {
        _ if found.kind == Some(kind) && found.owner == user => return Ok(()),
        _ if found.kind == Some(kind) => PlaceProblem::Owner { owner: found.owner, user },
        _ if found.kind == Some(Kind::Symlink) => PlaceProblem::Symlink,
        Kind::Dir => PlaceProblem::NotADirectory,
        _ => PlaceProblem::NotAFile,
    };
    Err(Error::place(path, problem))
}

/// Refuses, for root, a place that is another user's, or would be made in another user's directory: that user could not
/// use it any more.
///
/// # Errors
/// [`Error::Place`], [`Error::Io`].
pub(crate) fn check_place(path: &Path) -> Result<()> {
    let user = open_at::user();
    if user != open_at::ROOT {
        return Ok(());
    }
    let is_foreign = |found: Found| found.owner != user && Some(found.owner) != open_at::nobody();
    for (above, place) in path.ancestors().enumerate() {
        let place = if place.as_os_str().is_empty() { Path::new(".") } else { place };
        let found = match open_at::look_behind(place) {
            Err(e) if is_missing(&e) => continue,
            other => other.context("look at", place)?,
        };
        return match (is_foreign(found), above) {
            (false, _) => Ok(()),
            (true, 0) => Err(Error::place(path, PlaceProblem::Owner { owner: found.owner, user })),
            (true, _) => {
                let dir = place.to_owned();
                Err(Error::place(path, PlaceProblem::InDirectoryOf { dir, owner: found.owner, user }))
            }
        };
    }
    Ok(())
}
