//! A directory in both snapshots, or in one: its two listings, read side by side in the order of the names.

use std::cmp::Ordering;

use crate::Result;
use crate::metadata::Flags;
use crate::path::compare;
use crate::snapshot::{Device, Listing, Node, PackedNode, Pairing, Snapshot};

/// A directory of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComparedDir<'a> {
    pub(super) row: u32,
    /// Its file system.
    pub(super) device: Option<&'a Device>,
}

/// A directory of one snapshot, and the child that comes next.
#[derive(Debug)]
pub(super) struct ListingCursor<'a> {
    pub(super) dir: ComparedDir<'a>,
    listing: Listing<'a>,
    next: Option<PackedNode<'a>>,
}

impl<'a> ListingCursor<'a> {
    /// Reads a directory and moves to the first child that is not before the name `from`. `parent_device` is the file
    /// system of its parent.
    pub(super) fn open(
        snapshot: &'a Snapshot,
        row: u32,
        parent_device: Option<&'a Device>,
        from: Option<&[u8]>,
    ) -> Result<Self> {
        let device = snapshot.mounted_at(row).or(parent_device);
        let mut listing = snapshot.listing(row)?;
        let mut next = listing.next_packed();
        while let (Some(from), Some(node)) = (from, next)
            && node.name < from
        {
            next = listing.next_packed();
        }
        Ok(Self { dir: ComparedDir { row, device }, listing, next })
    }

    fn take(&mut self) -> Option<Node<'a>> {
        let node = self.next.map(|node| self.listing.unpack(&node));
        self.skip();
        node
    }

    fn skip(&mut self) {
        self.next = self.listing.next_packed();
    }

    /// Skips this many children, the next one included. None of them is a directory.
    fn skip_files(&mut self, count: usize) {
        self.listing.skip_files(count - 1);
        self.skip();
    }
}

/// The most children that are compared at once. If their rows are equal but the names are not, the work was for
/// nothing.
const AT_ONCE: usize = 128;

/// How many children are equal in both listings: from a file with the same name on, until the next directory. Rows are
/// compared with rows as bytes, and names with names.
fn equal_files(old: &Listing<'_>, was: &PackedNode<'_>, new: &Listing<'_>, is: &PackedNode<'_>) -> usize {
    let rows = Pairing::equal_rows(&old.block, was.place as usize, &new.block, is.place as usize, AT_ONCE);
    match rows.checked_sub(1) {
        None => 0,
        Some(more) => 1 + old.equal_names(new, old.files(more)),
    }
}

/// Flags with which an entry is reported even if it did not change.
const NOT_SURE: Flags = Flags::UNKNOWN.union(Flags::UNLISTED).union(Flags::NOT_ENTERED).union(Flags::CARRIED);

/// A directory of the older snapshot and the same one of the newer.
#[derive(Debug)]
pub(super) struct DirPair<'a> {
    pub(super) old: Option<ListingCursor<'a>>,
    pub(super) new: Option<ListingCursor<'a>>,
    /// How to compare children that are in both.
    pairing: Option<Pairing>,
    /// Its children are the roots: their names are paths.
    is_top: bool,
    /// Children from this name on belong to another part of the tree.
    until: Option<&'a [u8]>,
    /// The length of its path.
    pub(super) path_len: usize,
}

impl<'a> DirPair<'a> {
    pub(super) fn new(
        old: Option<ListingCursor<'a>>,
        new: Option<ListingCursor<'a>>,
        is_top: bool,
        until: Option<&'a [u8]>,
        path_len: usize,
    ) -> Self {
        let pairing = old.as_ref().zip(new.as_ref()).map(|(o, n)| Pairing::new(&o.listing.block, &n.listing.block));
        Self { old, new, pairing, is_top, until, path_len }
    }

    /// Skips children that are in both snapshots and did not change, nor anything below them. An entry with a flag
    /// is left to the caller.
    pub(super) fn skip_unchanged(&mut self, old_snapshot: &Snapshot, new_snapshot: &Snapshot) -> Result<()> {
        let (Some(old), Some(new), Some(pairing)) = (&mut self.old, &mut self.new, &self.pairing) else {
            return Ok(());
        };
        let at_once = pairing.same_layout && !pairing.flagged && self.until.is_none();
        while let (Some(was), Some(is)) = (&old.next, &new.next) {
            if self.until.is_some_and(|until| was.name >= until) {
                return Ok(());
            }
            if at_once && was.row.is_none() && is.row.is_none() && was.name == is.name {
                let equal = equal_files(&old.listing, was, &new.listing, is);
                if equal > 0 {
                    old.skip_files(equal);
                    new.skip_files(equal);
                    continue;
                }
            }
            let (old_block, new_block) = (&old.listing.block, &new.listing.block);
            let (old_place, new_place) = (was.place as usize, is.place as usize);
            let unchanged_below = match (was.row, is.row) {
                (None, None) => true,
                (Some(was), Some(is)) => skippable(old_snapshot, was, new_snapshot, is)?,
                _ => false,
            };
            let unchanged = unchanged_below
                && (pairing.same_names || was.name == is.name)
                && pairing.equal(old_block, old_place, new_block, new_place)
                && (!pairing.flagged
                    || old_block.flags(old_place).is_empty() && !new_block.flags(new_place).intersects(NOT_SURE));
            if !unchanged {
                return Ok(());
            }
            old.skip();
            new.skip();
        }
        Ok(())
    }

    /// The next child of either directory, or of both if they have the same name.
    pub(super) fn take(&mut self) -> (Option<Node<'a>>, Option<Node<'a>>) {
        let until = self.until;
        let name = |cursor: &Option<ListingCursor<'a>>| {
            let next = cursor.as_ref().and_then(|c| c.next).map(|n| n.name);
            next.filter(|name| until.is_none_or(|until| *name < until))
        };
        let order = match (name(&self.old), name(&self.new)) {
            (Some(old), Some(new)) if self.is_top => compare(old, new),
            (Some(old), Some(new)) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (None, None),
        };
        let take = |cursor: &mut Option<ListingCursor<'a>>| cursor.as_mut().and_then(ListingCursor::take);
        match order {
            Ordering::Less => (take(&mut self.old), None),
            Ordering::Equal => (take(&mut self.old), take(&mut self.new)),
            Ordering::Greater => (None, take(&mut self.new)),
        }
    }
}

/// Whether two subtrees are equal, and hold nothing that must be reported although it is equal.
pub(super) fn skippable(old: &Snapshot, old_row: u32, new: &Snapshot, new_row: u32) -> Result<bool> {
    let (old, new) = (old.row(old_row)?, new.row(new_row)?);
    Ok(old.digest == new.digest && !old.flags.intersects(Flags::NEVER_SKIPPED))
}
