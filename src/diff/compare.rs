//! Merges two trees lazily in tree order. What renames are is not known here.

use std::cmp::Ordering;
use std::sync::Arc;

use super::change::ChangeKind;
use crate::Result;
use crate::metadata::{Fields, Flags, Kind};
use crate::path::{compare, push};
use crate::snapshot::{Device, Listing, Node, PackedNode, Pairing, Snapshot};

/// A change as the merge sees it; the path is the merge's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawChange<'a> {
    pub(super) kind: ChangeKind,
    pub(super) old: Option<Node<'a>>,
    pub(super) new: Option<Node<'a>>,
    pub(super) fields: Fields,
    /// The directories that hold the entry.
    pub(super) old_dir: ComparedDir<'a>,
    pub(super) new_dir: ComparedDir<'a>,
}

impl<'a> RawChange<'a> {
    /// The file system that the old entry lies on.
    pub(super) fn old_device(&self, snapshots: Option<(&'a Snapshot, &'a Snapshot)>) -> Option<&'a Device> {
        let (old, _) = snapshots?;
        self.old?.row.and_then(|row| old.mounted_at(row)).or(self.old_dir.device)
    }

    /// Where the old entry lies: the row of its directory and its place there.
    pub(super) fn old_place(&self) -> (u32, u32) {
        (self.old_dir.row, self.old.map_or(0, |n| n.place))
    }

    /// Where the new entry lies.
    pub(super) fn new_place(&self) -> (u32, u32) {
        (self.new_dir.row, self.new.map_or(0, |n| n.place))
    }
}

/// A directory and its file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComparedDir<'a> {
    pub(super) row: u32,
    pub(super) device: Option<&'a Device>,
}

/// A directory of one side, and the child that it has come to.
#[derive(Debug)]
struct Half<'a> {
    listing: Listing<'a>,
    next: Option<PackedNode<'a>>,
    dir: ComparedDir<'a>,
}

impl<'a> Half<'a> {
    fn take(&mut self) -> Option<Node<'a>> {
        let node = self.next.map(|node| self.listing.unpack(&node));
        self.skip();
        node
    }

    fn skip(&mut self) {
        self.next = self.listing.next_packed();
    }

    /// Passes over so many children, that which it has come to and others that are no directories.
    fn pass_files(&mut self, count: usize) {
        self.listing.pass_files(count - 1);
        self.skip();
    }
}

/// So many are looked at together at most: what is found equal may not be passed over if its names differ.
const AT_ONCE: usize = 128;

/// How many children are the same in both listings, from a file of the same name on until the next directory: rows are
/// compared with rows as bytes, and names with names.
fn equal_files(old: &Listing<'_>, was: &PackedNode<'_>, new: &Listing<'_>, is: &PackedNode<'_>) -> usize {
    let rows = Pairing::equal_rows(&old.block, was.place as usize, &new.block, is.place as usize, AT_ONCE);
    match rows.checked_sub(1) {
        None => 0,
        Some(more) => 1 + old.equal_names(new, old.files(more)),
    }
}

#[derive(Debug)]
struct Frame<'a> {
    old: Option<Half<'a>>,
    new: Option<Half<'a>>,
    /// How to compare children that are on both sides.
    pairing: Option<Pairing>,
    /// The names are paths.
    is_top: bool,
    /// Where the merge's part of the root ends.
    until: Option<&'a [u8]>,
    path_len: usize,
}

/// What is reported also of an entry that is as it was.
const NOT_SURE: Flags = Flags::UNKNOWN.union(Flags::UNLISTED).union(Flags::NOT_ENTERED).union(Flags::CARRIED);

impl<'a> Frame<'a> {
    /// Passes over children that are on both sides and did not change, and nothing below them. Whatever has a flag is left
    /// to the caller.
    fn skip_unchanged(&mut self, snapshots: Option<(&'a Snapshot, &'a Snapshot)>) -> Result<()> {
        let (Some(old), Some(new), Some(pairing), Some((old_snapshot, new_snapshot))) =
            (&mut self.old, &mut self.new, &self.pairing, snapshots)
        else {
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
                    old.pass_files(equal);
                    new.pass_files(equal);
                    continue;
                }
            }
            let (old_block, new_block) = (&old.listing.block, &new.listing.block);
            let (old_row, new_row) = (was.place as usize, is.place as usize);
            let unchanged_below = match (was.row, is.row) {
                (None, None) => true,
                (Some(was), Some(is)) => skippable(old_snapshot, was, new_snapshot, is)?,
                _ => false,
            };
            let unchanged = unchanged_below
                && (pairing.same_names || was.name == is.name)
                && pairing.equal(old_block, old_row, new_block, new_row)
                && (!pairing.flagged
                    || old_block.flags(old_row).is_empty() && !new_block.flags(new_row).intersects(NOT_SURE));
            if !unchanged {
                return Ok(());
            }
            old.skip();
            new.skip();
        }
        Ok(())
    }

    /// The next child of either side, or of both sides if they have the same name.
    fn take(&mut self) -> (Option<Node<'a>>, Option<Node<'a>>) {
        let until = self.until;
        let name = |half: &Option<Half<'a>>| {
            let next = half.as_ref().and_then(|h| h.next).map(|n| n.name);
            next.filter(|name| until.is_none_or(|until| *name < until))
        };
        let order = match (name(&self.old), name(&self.new)) {
            (Some(old), Some(new)) if self.is_top => compare(old, new),
            (Some(old), Some(new)) => old.cmp(new),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return (None, None),
        };
        let take = |half: &mut Option<Half<'a>>| half.as_mut().and_then(Half::take);
        match order {
            Ordering::Less => (take(&mut self.old), None),
            Ordering::Equal => (take(&mut self.old), take(&mut self.new)),
            Ordering::Greater => (None, take(&mut self.new)),
        }
    }
}

/// The merge. Holds one open directory per level, nothing in proportion to the tree.
#[derive(Debug)]
pub(super) struct Compare<'a> {
    snapshots: Option<(&'a Snapshot, &'a Snapshot)>,
    stack: Vec<Frame<'a>>,
    path: Vec<u8>,
    second: Option<RawChange<'a>>,
    part: TreePart<'a>,
    /// File systems of the older snapshot whose inodes say nothing.
    renumbered: Arc<[&'a Device]>,
}

/// A part of the only root: its children from one name on, until before another. The root's own entry
/// belongs to the part that has no beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TreePart<'a> {
    pub(super) from: Option<&'a [u8]>,
    pub(super) until: Option<&'a [u8]>,
}

const NOWHERE: ComparedDir<'static> = ComparedDir { row: u32::MAX, device: None };

impl<'a> Compare<'a> {
    /// Compares all, or a part of the only root; on the `renumbered` file systems inodes do not count.
    pub(super) fn new(
        old: &'a Snapshot,
        new: &'a Snapshot,
        part: TreePart<'a>,
        renumbered: &Arc<[&'a Device]>,
    ) -> Result<Self> {
        let renumbered = Arc::clone(renumbered);
        let mut compare = Self { snapshots: Some((old, new)), part, renumbered, ..Self::ended() };
        // A snapshot against itself: racy entries have had no time to change.
        if old.header().identity != new.header().identity && !skippable(old, old.top(), new, new.top())? {
            compare.enter(Some((old.top(), NOWHERE)), Some((new.top(), NOWHERE)))?;
        }
        Ok(compare)
    }

    /// A merge that has ended.
    pub(super) fn ended() -> Self {
        Self {
            snapshots: None,
            stack: Vec::new(),
            path: Vec::new(),
            second: None,
            part: TreePart::default(),
            renumbered: Arc::default(),
        }
    }

    /// The path of the last change.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    fn enter(&mut self, old: Option<(u32, ComparedDir<'a>)>, new: Option<(u32, ComparedDir<'a>)>) -> Result<()> {
        let Some((old_snapshot, new_snapshot)) = self.snapshots else { return Ok(()) };
        // The frame below that of the roots is the only root's.
        let TreePart { from, until } = if self.stack.len() == 1 { self.part } else { TreePart::default() };
        let half = |snapshot: &'a Snapshot, at: Option<(u32, ComparedDir<'a>)>| -> Result<Option<Half<'a>>> {
            let Some((row, above)) = at else { return Ok(None) };
            let device = snapshot.mounted_at(row).or(above.device);
            let mut listing = snapshot.listing(row)?;
            let mut next = listing.next_packed();
            while let (Some(from), Some(node)) = (from, next)
                && node.name < from
            {
                next = listing.next_packed();
            }
            Ok(Some(Half { listing, next, dir: ComparedDir { row, device } }))
        };
        let (old, new) = (half(old_snapshot, old)?, half(new_snapshot, new)?);
        let pairing = old.as_ref().zip(new.as_ref()).map(|(o, n)| Pairing::new(&o.listing.block, &n.listing.block));
        let is_top = self.stack.is_empty();
        self.stack.push(Frame { old, new, pairing, is_top, until, path_len: self.path.len() });
        Ok(())
    }

    /// The next change; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RawChange<'a>>> {
        if let Some(second) = self.second.take() {
            return Ok(Some(second));
        }
        loop {
            let Some(frame) = self.stack.last_mut() else { return Ok(None) };
            self.path.truncate(frame.path_len);
            let dir = |half: &Option<Half<'a>>| half.as_ref().map_or(NOWHERE, |h| h.dir);
            let (old_dir, new_dir) = (dir(&frame.old), dir(&frame.new));
            frame.skip_unchanged(self.snapshots)?;
            let (old, new) = frame.take();
            let raw = |kind, fields| RawChange { kind, old, new, fields, old_dir, new_dir };
            let is_root = self.stack.len() == 1;
            let found = match (old, new) {
                (Some(old), Some(new)) => {
                    push(&mut self.path, new.child.name);
                    self.both(&old, &new, old_dir, new_dir, raw)?
                }
                (Some(old), None) => {
                    push(&mut self.path, old.child.name);
                    if let Some(row) = old.row {
                        self.enter(Some((row, old_dir)), None)?;
                    }
                    Some(raw(ChangeKind::Removed, Fields::empty()))
                }
                (None, Some(new)) => {
                    push(&mut self.path, new.child.name);
                    if let Some(row) = new.row {
                        self.enter(None, Some((row, new_dir)))?;
                    }
                    if new.child.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED) {
                        self.second = Some(raw(ChangeKind::Unknown, Fields::empty()));
                    }
                    Some(raw(ChangeKind::Added, Fields::empty()))
                }
                (None, None) => {
                    self.stack.pop();
                    None
                }
            };
            if is_root && self.part.from.is_some() {
                self.second = None;
            } else if let Some(raw) = found
                && !self.is_own(&raw)
            {
                return Ok(found);
            }
        }
    }

    /// Whether one side does not hold an entry because it is a file of our own: in the newer tree the older snapshot itself, not
    /// what took its place. What is no longer a directory of our own is added: there may be more in it by now.
    fn is_own(&self, raw: &RawChange<'_>) -> bool {
        let Some((old, new)) = self.snapshots else { return false };
        match raw.kind {
            ChangeKind::Removed => new.meta().is_own(&self.path),
            ChangeKind::Added => {
                old.meta().own_files.contains(&self.path) && raw.new.is_some_and(|new| old.is_file(new.child.stat.ino))
            }
            _ => false,
        }
    }

    /// Whether a directory of the older snapshot has entries there.
    fn held_something(&self, row: Option<u32>) -> Result<bool> {
        let (Some((old, _)), Some(row)) = (self.snapshots, row) else { return Ok(true) };
        Ok(old.listing(row)?.next().is_some())
    }

    /// An entry that is in both snapshots: what it is reported as, and where the merge goes on.
    fn both(
        &mut self,
        old: &Node<'a>,
        new: &Node<'a>,
        old_dir: ComparedDir<'a>,
        new_dir: ComparedDir<'a>,
        raw: impl Fn(ChangeKind, Fields) -> RawChange<'a>,
    ) -> Result<Option<RawChange<'a>>> {
        let (was, is) = (&old.child, &new.child);
        let without_stat = |flags: Flags| flags.contains(Flags::UNKNOWN) && !flags.contains(Flags::CARRIED);
        let type_changed = was.kind() != is.kind() && was.kind() != Kind::Unknown && is.kind() != Kind::Unknown;
        let mut fields = was.stat.differing(&is.stat);
        if fields.contains(Fields::INODE)
            && !self.renumbered.is_empty()
            && raw(ChangeKind::Modified, fields)
                .old_device(self.snapshots)
                .is_some_and(|d| self.renumbered.contains(&d))
        {
            fields -= Fields::INODE;
        }
        let change = if type_changed {
            Some(raw(ChangeKind::TypeChanged, fields))
        } else if without_stat(is.flags) {
            None
        } else if without_stat(was.flags) {
            Some(raw(ChangeKind::Suspect, Fields::empty()))
        } else if !fields.is_empty() {
            Some(raw(ChangeKind::Modified, fields))
        } else if was.flags.contains(Flags::RACY) {
            Some(raw(ChangeKind::Suspect, Fields::empty()))
        } else {
            None
        };

        let closed = |flags: Flags| {
            flags.contains(Flags::NOT_ENTERED) || flags.contains(Flags::UNLISTED) && !flags.contains(Flags::CARRIED)
        };
        let left_closed = is.flags.contains(Flags::NOT_ENTERED)
            && was.kind() == Kind::Dir
            && !was.flags.contains(Flags::NOT_ENTERED)
            && (was.flags.intersects(Flags::UNLISTED | Flags::UNKNOWN) || self.held_something(old.row)?);
        let unknown = (is.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED) || left_closed)
            .then(|| raw(ChangeKind::Unknown, Fields::empty()));

        let old_row = old.row.map(|row| (row, old_dir));
        let new_row = new.row.map(|row| (row, new_dir));
        match (old_row, new_row) {
            (None, None) => {}
            (Some(_), Some(_)) if closed(is.flags) => {}
            (Some(_), Some(_)) if closed(was.flags) => self.enter(None, new_row)?,
            (Some((old_row_number, _)), Some((new_row_number, _))) => {
                if let Some((old, new)) = self.snapshots
                    && !skippable(old, old_row_number, new, new_row_number)?
                {
                    self.enter(old_row, new_row)?;
                }
            }
            // What it is now could not be told: its content is unknown as well.
            (Some(_), None) if !type_changed => {}
            _ => self.enter(old_row, new_row)?,
        }

        Ok(match (change, unknown) {
            (Some(change), unknown) => {
                self.second = unknown;
                Some(change)
            }
            (None, unknown) => unknown,
        })
    }
}

/// Whether two subtrees are equal and hold nothing that has to be looked at all the same.
fn skippable(old: &Snapshot, old_row: u32, new: &Snapshot, new_row: u32) -> Result<bool> {
    let (old, new) = (old.row(old_row)?, new.row(new_row)?);
    Ok(old.digest == new.digest && !old.flags.intersects(Flags::NEVER_SKIPPED))
}
