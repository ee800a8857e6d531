//! Stands in for the calls relative to an open directory on systems that have none. It goes by path, and knows neither
//! owners nor modes.
#![expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "the signatures of other systems")]

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::private::{Found, How};
use crate::metadata::Kind;

pub(crate) const ROOT: u32 = 0;

pub(crate) fn user() -> u32 {
    1
}

pub(crate) fn nobody() -> Option<u32> {
    None
}

fn of(metadata: &Metadata) -> Found {
    let kind = match (metadata.is_file(), metadata.is_dir(), metadata.is_symlink()) {
        (true, ..) => Some(Kind::File),
        (_, true, _) => Some(Kind::Dir),
        (_, _, true) => Some(Kind::Symlink),
        _ => None,
    };
    Found { kind, owner: user() }
}

pub(crate) fn look(path: &Path) -> io::Result<Found> {
    path.symlink_metadata().map(|metadata| of(&metadata))
}

pub(crate) fn look_behind(path: &Path) -> io::Result<Found> {
    path.metadata().map(|metadata| of(&metadata))
}

pub(crate) fn found(file: &File) -> io::Result<Found> {
    file.metadata().map(|metadata| of(&metadata))
}

pub(crate) fn make(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// A directory.
#[derive(Debug)]
pub(crate) struct DirHandle(PathBuf);

pub(crate) fn directory(path: &Path, _may_be_link: bool) -> io::Result<DirHandle> {
    Ok(DirHandle(path.to_owned()))
}

impl DirHandle {
    pub(crate) fn found(&self) -> io::Result<Found> {
        look_behind(&self.0)
    }

    pub(crate) fn mode(&self) -> io::Result<u32> {
        Ok(0o700)
    }

    pub(crate) fn look(&self, name: &str) -> io::Result<Found> {
        look(&self.0.join(name))
    }

    pub(crate) fn directory(&self, name: &str) -> io::Result<Self> {
        Ok(Self(self.0.join(name)))
    }

    pub(crate) fn make(&self, name: &str) -> io::Result<()> {
        make(&self.0.join(name))
    }

    pub(crate) fn file(&self, name: &str, how: How) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(how == How::ReadWrite).append(how == How::Append);
        options.open(self.0.join(name))
    }

    pub(crate) fn new_file(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.0.join(name))
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }
}

pub(crate) fn owners_alone(_file: &File) {}
