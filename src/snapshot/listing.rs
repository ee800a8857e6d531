//! The children of one directory of a snapshot, one after another.

use super::block::{Block, Child, Names};

/// One child of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    pub(crate) child: Child<'a>,
    /// Its own row, if it is a directory.
    pub(crate) row: Option<u32>,
    /// Its position in the directory, from 0.
    pub(crate) place: u32,
}

/// One child of a directory, with its metadata still packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackedNode<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) row: Option<u32>,
    pub(crate) place: u32,
}

/// The children of one directory in name order.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    pub(crate) block: Block<'a>,
    names: Names<'a>,
    subdirs: std::vec::IntoIter<u32>,
    place: u32,
}

impl<'a> Listing<'a> {
    /// The children of a block, and the rows of those that are directories.
    pub(super) fn new(block: Block<'a>, subdirs: Vec<u32>) -> Self {
        Self { block, names: block.names(), subdirs: subdirs.into_iter(), place: 0 }
    }

    /// The next child without its metadata.
    pub(crate) fn next_packed(&mut self) -> Option<PackedNode<'a>> {
        let place = self.place;
        // The names alone do not tell: another program may have written more NULs in the meantime.
        if place as usize >= self.block.len() {
            return None;
        }
        let name = self.names.next()?;
        self.place += 1;
        let is_directory = !self.subdirs.as_slice().is_empty() && self.block.is_directory(place as usize);
        let row = if is_directory { self.subdirs.next() } else { None };
        Some(PackedNode { name, row, place })
    }

    /// How many of the next `count` children come before the first directory.
    pub(crate) fn files(&self, count: usize) -> usize {
        if self.subdirs.as_slice().is_empty() {
            return count;
        }
        let place = self.place as usize;
        (place..place + count).position(|place| self.block.is_directory(place)).unwrap_or(count)
    }

    /// How many of the next `count` names are equal to the next ones of `other`.
    pub(crate) fn equal_names(&self, other: &Self, count: usize) -> usize {
        self.names.equal(&other.names, count)
    }

    /// Skips this many children, none of which is a directory.
    pub(crate) fn skip_files(&mut self, count: usize) {
        self.names.skip_names(count);
        self.place += count as u32;
    }

    /// How many child directories are left.
    pub(crate) fn subdirs(&self) -> usize {
        self.subdirs.len()
    }

    /// Unpacks a child.
    pub(crate) fn unpack(&self, node: &PackedNode<'a>) -> Node<'a> {
        Node { child: self.block.child(node.place as usize, node.name), row: node.row, place: node.place }
    }
}

impl<'a> Iterator for Listing<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        let node = self.next_packed()?;
        Some(self.unpack(&node))
    }
}
