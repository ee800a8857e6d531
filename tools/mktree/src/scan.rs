//! Reads the names and kinds of an existing tree, in an order that does not depend on the filesystem.

use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

/// Every entry of a tree below its root; the entries of a subtree are neighbours, its directory first.
#[derive(Debug)]
pub(crate) struct Listing {
    root: PathBuf,
    pub(crate) entries: Vec<Entry>,
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) kind: Kind,
    /// The entry of the directory it lies in; none in the root.
    pub(crate) parent: Option<usize>,
    /// The number after that of its last descendant.
    pub(crate) end: usize,
}

/// What an entry is, as far as edits care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    Regular,
    Symlink,
    Other,
}

impl Listing {
    /// Reads the tree.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut listing = Self { root: root.to_owned(), entries: Vec::new() };
        listing.read_directory(root, None)?;
        Ok(listing)
    }

    fn read_directory(&mut self, path: &Path, parent: Option<usize>) -> Result<()> {
        let mut names = Vec::new();
        for item in fs::read_dir(path).context("read", path)? {
            let item = item.context("read", path)?;
            let kind = item.file_type().context("look at", item.path())?;
            let kind = match () {
                () if kind.is_dir() => Kind::Directory,
                () if kind.is_file() => Kind::Regular,
                () if kind.is_symlink() => Kind::Symlink,
                () => Kind::Other,
            };
            names.push((item.file_name(), kind));
        }
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, kind) in names {
            let number = self.entries.len();
            let below = (kind == Kind::Directory).then(|| path.join(&name));
            self.entries.push(Entry { name, kind, parent, end: number + 1 });
            if let Some(path) = below {
                self.read_directory(&path, Some(number))?;
                self.entries[number].end = self.entries.len();
            }
        }
        Ok(())
    }

    /// The path of an entry; the root's for none.
    pub(crate) fn path(&self, entry: Option<usize>) -> PathBuf {
        let mut names = Vec::new();
        let mut next = entry;
        while let Some(number) = next {
            names.push(&self.entries[number].name);
            next = self.entries[number].parent;
        }
        let mut path = self.root.clone();
        path.extend(names.iter().rev());
        path
    }

    /// An entry and everything below it.
    pub(crate) fn subtree(&self, entry: usize) -> Range<usize> {
        entry..self.entries[entry].end
    }

    /// How many entries are no directories.
    pub(crate) fn files(&self) -> usize {
        self.entries.iter().filter(|entry| entry.kind != Kind::Directory).count()
    }
}
