//! Merges two trees lazily in tree order. Knows nothing of renames.

use std::sync::Arc;

use super::change::ChangeKind;
use super::dir_pair::{ComparedDir, DirPair, ListingCursor, skippable};
use super::raw_change::{PlacedEntry, RawChange};
use crate::Result;
use crate::metadata::{Fields, Flags, Kind};
use crate::path::push;
use crate::snapshot::{Device, Node, Snapshot};

/// The merge of two trees. Holds one open pair of directories for each level, and nothing that grows with the tree.
#[derive(Debug)]
pub(super) struct Compare<'a> {
    old: &'a Snapshot,
    new: &'a Snapshot,
    stack: Vec<DirPair<'a>>,
    path: Vec<u8>,
    /// The entry of the last change, by side.
    last: LastEntry<'a>,
    /// That the entry of the last change is unknown too: reported next.
    unknown: Option<RawChange>,
    part: TreePart<'a>,
    /// File systems of the older snapshot whose inodes mean nothing.
    renumbered: Arc<[&'a Device]>,
}

/// A part of the tree below the only root: the root's children from one name on, and before another. The root's own
/// entry belongs to the part without `from`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TreePart<'a> {
    pub(super) from: Option<&'a [u8]>,
    pub(super) until: Option<&'a [u8]>,
}

/// What the merge knows of an entry beside the change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EntryContext<'a> {
    /// Its own row, if it is a directory.
    pub(super) row: Option<u32>,
    /// Its file system.
    pub(super) device: Option<&'a Device>,
}

/// The entry of the last change in both snapshots. The devices are still those of the directories that hold it.
#[derive(Debug, Clone, Copy, Default)]
struct LastEntry<'a> {
    old: EntryContext<'a>,
    new: EntryContext<'a>,
}

impl<'a> Compare<'a> {
    /// Compares everything, or a part. On the `renumbered` file systems inodes do not count.
    pub(super) fn new(
        old: &'a Snapshot,
        new: &'a Snapshot,
        part: TreePart<'a>,
        renumbered: &Arc<[&'a Device]>,
    ) -> Result<Self> {
        let mut compare = Self {
            old,
            new,
            stack: Vec::new(),
            path: Vec::new(),
            last: LastEntry::default(),
            unknown: None,
            part,
            renumbered: Arc::clone(renumbered),
        };
        // In a snapshot compared with itself, racy entries had no time to change.
        if old.header().identity != new.header().identity && !skippable(old, old.top(), new, new.top())? {
            let top = |snapshot: &Snapshot| Some(ComparedDir { row: snapshot.top(), device: None });
            compare.enter(top(old), top(new))?;
        }
        Ok(compare)
    }

    /// The path of the last change.
    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The older entry of the last change.
    pub(super) fn last_old(&self) -> EntryContext<'a> {
        with_own_device(self.old, self.last.old)
    }

    /// The newer entry of the last change.
    pub(super) fn last_new(&self) -> EntryContext<'a> {
        with_own_device(self.new, self.last.new)
    }

    /// Goes on with what lies in a directory. Each comes with the device of its parent.
    fn enter(&mut self, old: Option<ComparedDir<'a>>, new: Option<ComparedDir<'a>>) -> Result<()> {
        // The second level holds the children of the only root.
        let TreePart { from, until } = if self.stack.len() == 1 { self.part } else { TreePart::default() };
        let open = |snapshot: &'a Snapshot, dir: Option<ComparedDir<'a>>| {
            dir.map(|dir| ListingCursor::open(snapshot, dir.row, dir.device, from)).transpose()
        };
        let (old, new) = (open(self.old, old)?, open(self.new, new)?);
        self.stack.push(DirPair::new(old, new, self.stack.is_empty(), until, self.path.len()));
        Ok(())
    }

    /// The next change; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RawChange>> {
        if let Some(unknown) = self.unknown.take() {
            return Ok(Some(unknown));
        }
        loop {
            let Some(pair) = self.stack.last_mut() else { return Ok(None) };
            self.path.truncate(pair.path_len);
            pair.skip_unchanged(self.old, self.new)?;
            let (old, new) = pair.take();
            let (old_dir, new_dir) = (pair.old.as_ref().map(|c| c.dir), pair.new.as_ref().map(|c| c.dir));
            let Some(name) = old.as_ref().or(new.as_ref()).map(|node| node.child.name) else {
                self.stack.pop();
                continue;
            };
            let is_root = self.stack.len() == 1;
            push(&mut self.path, name);
            let found = self.entry(old.as_ref().zip(old_dir), new.as_ref().zip(new_dir))?;
            if is_root && self.part.from.is_some() {
                self.unknown = None;
            } else if let Some(raw) = found
                && !self.is_own(&raw)
            {
                return Ok(found);
            }
        }
    }

    /// The change of an entry, if it is one, and where the merge goes on. Each node comes with the directory that
    /// holds it.
    fn entry(
        &mut self,
        old: Option<(&Node<'a>, ComparedDir<'a>)>,
        new: Option<(&Node<'a>, ComparedDir<'a>)>,
    ) -> Result<Option<RawChange>> {
        let context = |at: Option<(&Node<'a>, ComparedDir<'a>)>| {
            at.map(|(node, dir)| EntryContext { row: node.row, device: dir.device }).unwrap_or_default()
        };
        self.last = LastEntry { old: context(old), new: context(new) };
        let placed = |at: Option<(&Node<'a>, ComparedDir<'a>)>| at.map(|(node, dir)| PlacedEntry::new(dir.row, node));
        let raw = |kind, fields| RawChange { kind, fields, old: placed(old), new: placed(new) };
        match (old, new) {
            (Some((was, _)), Some((is, _))) => self.both(was, is, raw),
            (None, Some((only, _))) | (Some((only, _)), None) if only.child.flags.is_unasked() => Ok(None),
            (None, Some((is, _))) => {
                if is.child.flags.is_unread() {
                    return Ok(Some(raw(ChangeKind::Unknown, Fields::empty())));
                }
                let dir = dir_of(self.last.new);
                if dir.is_some() {
                    self.enter(None, dir)?;
                }
                if is.child.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED) {
                    self.unknown = Some(raw(ChangeKind::Unknown, Fields::empty()));
                }
                Ok(Some(raw(ChangeKind::Added, Fields::empty())))
            }
            _ => {
                let dir = dir_of(self.last.old);
                if dir.is_some() {
                    self.enter(dir, None)?;
                }
                Ok(Some(raw(ChangeKind::Removed, Fields::empty())))
            }
        }
    }

    /// Whether one side lacks an entry because it is a file of fastdiff's own. In the newer tree that is the older
    /// snapshot itself, not a file that took its place. A directory that is no longer fastdiff's own is added: other
    /// files may have come into it since.
    fn is_own(&self, raw: &RawChange) -> bool {
        let (old, new) = (self.old, self.new);
        match raw.kind {
            ChangeKind::Removed => new.meta().is_own(&self.path),
            ChangeKind::Added => {
                old.meta().own_files.contains(&self.path) && raw.new.is_some_and(|new| old.is_file(new.stat.ino))
            }
            _ => false,
        }
    }

    /// Whether the older snapshot holds entries in a directory.
    fn held_entries(&self, row: Option<u32>) -> Result<bool> {
        let Some(row) = row else { return Ok(true) };
        Ok(self.old.listing(row)?.next().is_some())
    }

    /// The fields that differ and count.
    fn differing(&self, was: &Node<'a>, is: &Node<'a>) -> Fields {
        let mut fields = was.child.stat.differing(&is.child.stat);
        if fields.contains(Fields::INODE)
            && !self.renumbered.is_empty()
            && self.last_old().device.is_some_and(|device| self.renumbered.contains(&device))
        {
            fields -= Fields::INODE;
        }
        fields
    }

    /// The change of an entry that is in both snapshots, if it is one, and where the merge goes on.
    fn both(
        &mut self,
        old: &Node<'a>,
        new: &Node<'a>,
        raw: impl Fn(ChangeKind, Fields) -> RawChange,
    ) -> Result<Option<RawChange>> {
        let (was, is) = (&old.child, &new.child);
        let type_changed = was.kind() != is.kind() && was.kind() != Kind::Unknown && is.kind() != Kind::Unknown;
        let fields = self.differing(old, new);
        let change = if lacks_stat(is.flags) {
            None
        } else if was.flags.is_unread() && !is.flags.is_unread() {
            // No list held it.
            Some(RawChange { old: None, ..raw(ChangeKind::Added, Fields::empty()) })
        } else if type_changed {
            Some(raw(ChangeKind::TypeChanged, fields))
        } else if lacks_stat(was.flags) {
            None
        } else if !fields.is_empty() {
            Some(raw(ChangeKind::Modified, fields))
        } else if was.flags.contains(Flags::RACY) {
            Some(raw(ChangeKind::Suspect, Fields::empty()))
        } else {
            None
        };

        let left_closed = is.flags.contains(Flags::NOT_ENTERED)
            && !was.flags.contains(Flags::NOT_ENTERED)
            && match was.kind() {
                Kind::Dir => was.flags.intersects(Flags::UNLISTED | Flags::UNKNOWN) || self.held_entries(old.row)?,
                _ => is.flags.is_unasked(),
            };
        let is_unread = is.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED) && !is.flags.is_unasked();
        let unknown = (is_unread || left_closed).then(|| raw(ChangeKind::Unknown, Fields::empty()));

        let (old_dir, new_dir) = (dir_of(self.last.old), dir_of(self.last.new));
        match (old_dir, new_dir) {
            (None, None) => {}
            (Some(_), Some(_)) if is_closed(is.flags) => {}
            (Some(_), Some(_)) if is_closed(was.flags) => self.enter(None, new_dir)?,
            (Some(was), Some(is)) => {
                if !skippable(self.old, was.row, self.new, is.row)? {
                    self.enter(old_dir, new_dir)?;
                }
            }
            // Its kind is unknown now, so its content is unknown too.
            (Some(_), None) if !type_changed => {}
            _ => self.enter(old_dir, new_dir)?,
        }

        Ok(match (change, unknown) {
            (Some(change), unknown) => {
                self.unknown = unknown;
                Some(change)
            }
            (None, unknown) => unknown,
        })
    }
}

/// The directory that an entry is, if it is one, with the device of its parent.
fn dir_of(entry: EntryContext<'_>) -> Option<ComparedDir<'_>> {
    entry.row.map(|row| ComparedDir { row, device: entry.device })
}

/// A mount point lies on the file system that begins there, not on that of its directory.
fn with_own_device<'a>(snapshot: &'a Snapshot, entry: EntryContext<'a>) -> EntryContext<'a> {
    let begins = entry.row.and_then(|row| snapshot.mounted_at(row));
    EntryContext { device: begins.or(entry.device), ..entry }
}

/// Whether the metadata of an entry could not be read, nor be carried over from a base.
fn lacks_stat(flags: Flags) -> bool {
    flags.contains(Flags::UNKNOWN) && !flags.contains(Flags::CARRIED)
}

/// Whether the listing of a directory is missing, and was not carried over from a base.
fn is_closed(flags: Flags) -> bool {
    flags.contains(Flags::NOT_ENTERED) || flags.contains(Flags::UNLISTED) && !flags.contains(Flags::CARRIED)
}
