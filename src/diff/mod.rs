//! What differs between two snapshots: compared lazily in tree order, skipping equal subtrees, with
//! renames found in a first pass over what was added and removed.

mod cached_changes;
mod change;
mod compare;
mod first_pass;
mod guard;
mod inodes;
mod relist;
mod renames;
mod summary;

pub use change::{Change, ChangeKind, Side};
pub use guard::RemovalLimit;
pub(crate) use guard::roots as same_roots;
pub(crate) use relist::Relist;
pub use summary::{Summary, Tally};

use std::cmp::Ordering;
use std::sync::Arc;

use self::cached_changes::{CacheCursor, CachedChanges};
use self::compare::{Compare, RawChange, TreePart};
use self::first_pass::FirstPass;
use self::renames::Renames;
use crate::metadata::{Fields, Flags};
use crate::path::compare;
use crate::snapshot::{Device, Entries, Entry, Snapshot, same_scope};
use crate::{Error, Result};

/// How to compare.
#[derive(Debug, Clone)]
pub struct DiffOptions {
    /// Find renames by file system, inode and birth time. Without, they are removed and added.
    pub renames: bool,
    /// Accept a root that is empty now, another directory, or on another file system, and a mount point below
    /// one that is gone (promise 8).
    pub allow_root_change: bool,
    /// Refuse to report more removed entries than this (promise 8).
    pub max_removed: Option<RemovalLimit>,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { renames: true, allow_root_change: false, max_removed: None }
    }
}

/// The differences between two snapshots.
///
/// Making one goes over all differences once: everything that the answer relies on is checked before
/// the first change is handed out, so that no list is ever cut short by damage found in the middle.
#[derive(Debug)]
pub struct Diff<'a> {
    old: &'a Snapshot,
    new: &'a Snapshot,
    renames: Renames,
    removed: u64,
    unknown: u64,
    renumbered: Arc<[&'a Device]>,
    /// The changes, if there are few; else they are compared again.
    kept: Option<CachedChanges>,
    /// Nothing is compared: everything counts as added.
    everything: bool,
    /// What is listed although it may not differ, in tree order.
    again: Vec<Change>,
}

impl<'a> Diff<'a> {
    /// Compares `old` with `new`. Costs time in proportion to the directories that differ and hold
    /// racy entries; memory in proportion to what was added and removed if renames are looked for.
    ///
    /// # Errors
    /// [`Error::Incomparable`], [`Error::RootChanged`], [`Error::TooManyRemoved`], and
    /// [`Error::Snapshot`] for a damaged snapshot.
    pub fn new(old: &'a Snapshot, new: &'a Snapshot, options: &DiffOptions) -> Result<Self> {
        if old.header().scan_fingerprint != new.header().scan_fingerprint {
            same_scope(old.meta(), new.meta())?;
        }
        guard::base(old, new)?;
        if !options.allow_root_change {
            guard::roots(old, new)?;
            guard::mounts(old, new)?;
        }
        let mut renumbered: Arc<[&Device]> = Arc::default();
        let mut gathered = FirstPass::all(old, new, &renumbered, options.renames)?;
        let found = gathered.renumbered.devices(old)?;
        if !found.is_empty() {
            renumbered = found.into();
            // Without inodes there are no renames.
            gathered = FirstPass::all(old, new, &renumbered, false)?;
        }
        let FirstPass { mut removed, unknown, finder, kept, .. } = gathered;
        let renames = finder.finish();
        removed -= renames.len() as u64;
        if let Some(limit) = options.max_removed
            && removed > limit.entries(old.header().counts.entries)
        {
            return Err(Error::TooManyRemoved { removed, limit: limit.to_string() });
        }
        let diff = Self { old, new, renames, removed, unknown, renumbered, kept, everything: false, again: Vec::new() };
        diff.check_unchanged()?;
        Ok(diff)
    }

    /// Everything in a snapshot as added, the roots too: the list of a first run, or of one after other roots or filters. Costs
    /// nothing by itself and checks nothing in advance: a damaged directory is an error when the changes come to it, so that
    /// what is written of them has to be given up then.
    pub fn everything(new: &'a Snapshot) -> Self {
        let (renames, renumbered) = (Renames::default(), Arc::default());
        let unknown = new.header().counts.unknown;
        Self {
            old: new,
            new,
            renames,
            removed: 0,
            unknown,
            renumbered,
            kept: None,
            everything: true,
            again: Vec::new(),
        }
    }

    /// Lists these paths too: suspect where nothing differs, removed where neither snapshot has them.
    ///
    /// # Errors
    /// [`Error::Snapshot`] for a damaged snapshot.
    pub(crate) fn list_again(&mut self, again: &Relist) -> Result<()> {
        self.again = again.changes(self.old, self.new)?;
        Ok(())
    }

    /// Makes sure that no other program has written into the snapshots since they were opened. [`Self::changes`] does so
    /// before it ends; what is passed on before that can be made sure of here.
    ///
    /// # Errors
    /// [`Error::Snapshot`] if one has.
    pub fn check_unchanged(&self) -> Result<()> {
        self.old.check_unchanged()?;
        self.new.check_unchanged()
    }

    /// The older snapshot.
    pub fn old(&self) -> &'a Snapshot {
        self.old
    }

    /// The newer snapshot.
    pub fn new_snapshot(&self) -> &'a Snapshot {
        self.new
    }

    /// How many entries were removed, renamed ones not counted.
    pub fn removed(&self) -> u64 {
        self.removed
    }

    /// How many entries could not be read: if there are any, the list is incomplete (exit code 3).
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// The file systems that gave most entries another inode number since the older snapshot, as some do at
    /// each mount: there a changed inode alone is no change, and no renames are found.
    pub fn renumbered(&self) -> &[&'a Device] {
        &self.renumbered
    }

    /// The changes in tree order; a rename stands at its new path.
    ///
    /// # Errors
    /// An item may be an error if another program changed a snapshot since it was checked; at the latest the last one is.
    pub fn changes(&self) -> Changes<'a, '_> {
        self.changes_as(Some(&self.renames))
    }

    /// The changes in tree order; what was renamed is removed and added, for consumers that know no renames.
    pub fn changes_without_renames(&self) -> Changes<'a, '_> {
        self.changes_as(None)
    }

    fn changes_as<'d>(&'d self, renames: Option<&'d Renames>) -> Changes<'a, 'd> {
        let again = self.again.iter().peekable();
        let changes =
            |source| Changes { diff: self, renames, source, waiting: None, again, next: None, has_ended: false };
        if self.everything {
            return changes(DiffPass::Everything(Box::new(self.new.entries())));
        }
        match &self.kept {
            Some(kept) => changes(DiffPass::CachedChanges { kept, at: CacheCursor::default() }),
            None => changes(DiffPass::Relist(Box::new(
                Compare::new(self.old, self.new, TreePart::default(), &self.renumbered).map_err(Some),
            ))),
        }
    }
}

#[derive(Debug)]
enum DiffPass<'a, 'd> {
    CachedChanges { kept: &'d CachedChanges, at: CacheCursor },
    Relist(Box<Result<Compare<'a>, Option<Error>>>),
    Everything(Box<Entries<'a>>),
}

impl<'a> DiffPass<'a, '_> {
    /// The next change and its path.
    fn next(&mut self) -> Result<Option<(RawChange<'a>, &[u8])>> {
        match self {
            Self::CachedChanges { kept, at } => Ok(kept.next(at)),
            Self::Relist(compare) => match compare.as_mut() {
                Ok(compare) => Ok(compare.next()?.map(|raw| (raw, compare.path()))),
                Err(error) => error.take().map_or(Ok(None), Err),
            },
            Self::Everything(_) => Ok(None),
        }
    }
}

/// Iterates over changes in tree order. After an error it ends.
#[derive(Debug)]
pub struct Changes<'a, 'd> {
    diff: &'d Diff<'a>,
    renames: Option<&'d Renames>,
    source: DiffPass<'a, 'd>,
    waiting: Option<Change>,
    /// What is listed although it may not differ.
    again: std::iter::Peekable<std::slice::Iter<'d, Change>>,
    /// A change that comes behind the next one of those.
    next: Option<Change>,
    has_ended: bool,
}

impl Changes<'_, '_> {
    /// The next change, or before it what is listed again; what differs is listed as what it is.
    fn merged(&mut self) -> Result<Option<Change>> {
        let next = match self.next.take() {
            Some(next) => Some(next),
            None => self.advance()?,
        };
        let Some(again) = self.again.peek() else { return Ok(next) };
        match next.as_ref().map(|next| compare(&again.path, &next.path)) {
            Some(Ordering::Greater) => Ok(next),
            // What its reader may have made of it as another kind is more than that it differs.
            Some(Ordering::Equal) => {
                Ok(self.again.next().filter(|again| is_more(again, next.as_ref())).cloned().or(next))
            }
            Some(Ordering::Less) | None => {
                self.next = next;
                Ok(self.again.next().cloned())
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Change>> {
        if let Some(change) = self.waiting.take() {
            return Ok(Some(change));
        }
        if let DiffPass::Everything(entries) = &mut self.source {
            let Some(entry) = entries.next().transpose()? else { return Ok(None) };
            let [added, unknown] = added(&entry);
            self.waiting = unknown;
            return Ok(added);
        }
        while let Some((raw, path)) = self.source.next()? {
            let Some(renames) = self.renames else { return Ok(Some(raw.change(path))) };
            match raw.kind {
                ChangeKind::Removed if renames.is_source(raw.old_place()) => {}
                ChangeKind::Added => match renames.changes(&raw, path, self.diff.old)? {
                    Some([None, None]) => {}
                    Some([None, only]) => return Ok(only),
                    Some([first, second]) => {
                        self.waiting = second;
                        return Ok(first);
                    }
                    None => return Ok(Some(raw.change(path))),
                },
                _ => return Ok(Some(raw.change(path))),
            }
        }
        Ok(None)
    }
}

impl Iterator for Changes<'_, '_> {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Result<Change>> {
        if self.has_ended {
            return None;
        }
        let next = match self.merged() {
            Ok(None) => self.diff.check_unchanged().err().map(Err),
            other => other.transpose(),
        };
        self.has_ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Whether a change that is listed again says more than what differs at its path.
fn is_more(again: &Change, next: Option<&Change>) -> bool {
    let plain = [ChangeKind::Added, ChangeKind::Modified, ChangeKind::Suspect];
    again.kind == ChangeKind::TypeChanged && next.is_some_and(|next| plain.contains(&next.kind))
}

/// What a list of everything says of an entry: the same as a comparison with an empty tree.
fn added(entry: &Entry) -> [Option<Change>; 2] {
    let new = Some(Side { stat: entry.stat, flags: entry.flags });
    let change = |kind| Change { kind, path: entry.path.clone(), from: None, old: None, new, fields: Fields::empty() };
    let is_unknown = entry.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED);
    [Some(change(ChangeKind::Added)), is_unknown.then(|| change(ChangeKind::Unknown))]
}

impl RawChange<'_> {
    fn change(&self, path: &[u8]) -> Change {
        Change {
            kind: self.kind,
            path: path.to_vec(),
            from: None,
            old: self.old.map(|n| Side { stat: n.child.stat, flags: n.child.flags }),
            new: self.new.map(|n| Side { stat: n.child.stat, flags: n.child.flags }),
            fields: self.fields,
        }
    }
}

/// The fields that a rename itself changes.
const RENAME_FIELDS: Fields = Fields::CTIME;
