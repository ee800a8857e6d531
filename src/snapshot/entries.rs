//! Iterates over the entries of a snapshot in tree order, and finds one by its path.

use std::borrow::Cow;
use std::path::Path;

use super::block::Child;
use super::listing::{Listing, Node};
use super::reader::Snapshot;
use crate::metadata::{Flags, Kind, Stat};
use crate::path::{self, push, to_path};
use crate::{Error, Result};

/// One entry with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Absolute path, as bytes.
    pub path: Vec<u8>,
    /// Its metadata.
    pub stat: Stat,
    /// What the scan noted about it.
    pub flags: Flags,
}

impl Entry {
    /// The path for the standard library. Costs nothing on Unix. Elsewhere a path that is not UTF-8 is converted
    /// lossily.
    pub fn as_path(&self) -> Cow<'_, Path> {
        to_path(&self.path)
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.stat.kind()
    }
}

/// Iterates over entries in tree order. After an error it ends.
#[derive(Debug)]
pub struct Entries<'a> {
    snapshot: &'a Snapshot,
    stack: Vec<OpenListing<'a>>,
    path: Vec<u8>,
    first: Option<Result<Entry>>,
}

/// A directory that is being read.
#[derive(Debug)]
struct OpenListing<'a> {
    listing: Listing<'a>,
    row: u32,
    path_len: usize,
}

impl Snapshot {
    /// All entries in tree order. The iterator holds one open directory for each level.
    ///
    /// # Errors
    /// An item is an error if a directory is damaged.
    pub fn entries(&self) -> Entries<'_> {
        let mut entries = Entries { snapshot: self, stack: Vec::new(), path: Vec::new(), first: None };
        entries.enter(self.top(), 0);
        entries
    }

    /// The entry at `path`, which is absolute and normal, and all below it. None if there is no such entry.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub fn entries_below(&self, path: &[u8]) -> Result<Option<Entries<'_>>> {
        let Some(node) = self.find_node(path)? else { return Ok(None) };
        let entry = entry(path.to_vec(), &node.child);
        let mut entries = Entries { snapshot: self, stack: Vec::new(), path: path.to_vec(), first: None };
        if let Some(row) = node.row {
            entries.enter(row, path.len());
        }
        if entries.first.is_none() {
            entries.first = Some(Ok(entry));
        }
        Ok(Some(entries))
    }

    /// The entry at `path`, which is absolute and normal. Costs a pass over the names of each directory on
    /// the way.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub fn find(&self, path: &[u8]) -> Result<Option<Entry>> {
        Ok(self.find_node(path)?.map(|node| entry(path.to_vec(), &node.child)))
    }

    pub(crate) fn find_node(&self, path: &[u8]) -> Result<Option<Node<'_>>> {
        let mut nodes = self.listing(self.top())?;
        let Some(root) = nodes.find(|n| path::is_within(path, n.child.name)) else { return Ok(None) };
        let rest = path[root.child.name.len()..].split(|b| *b == b'/').filter(|name| !name.is_empty());
        let mut node = root;
        for name in rest {
            let Some(row) = node.row else { return Ok(None) };
            let Some(child) = self.listing(row)?.find(|n| n.child.name == name) else { return Ok(None) };
            node = child;
        }
        Ok(Some(node))
    }
}

fn entry(path: Vec<u8>, child: &Child<'_>) -> Entry {
    Entry { path, stat: child.stat, flags: child.flags }
}

impl Entries<'_> {
    fn enter(&mut self, row: u32, path_len: usize) {
        match self.snapshot.listing(row) {
            Ok(listing) => self.stack.push(OpenListing { listing, row, path_len }),
            Err(e) => self.fail(e),
        }
    }

    fn fail(&mut self, error: Error) {
        self.stack.clear();
        self.first = Some(Err(error));
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let open = self.stack.last_mut()?;
            self.path.truncate(open.path_len);
            let Some(node) = open.listing.next() else {
                // Checked again: so what was handed out is right, even if another program wrote to the file meanwhile.
                if let Err(error) = self.snapshot.check(open.row) {
                    self.stack.clear();
                    return Some(Err(error));
                }
                self.stack.pop();
                continue;
            };
            push(&mut self.path, node.child.name);
            if let Some(row) = node.row {
                let path_len = self.path.len();
                self.enter(row, path_len);
            }
            if let Some(Err(e)) = self.first.take() {
                return Some(Err(e));
            }
            return Some(Ok(entry(self.path.clone(), &node.child)));
        }
    }
}
