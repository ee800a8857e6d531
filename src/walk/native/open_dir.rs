//! A directory on its way from open to finished, and the chain to its root.

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustc_hash::FxHashSet;

use super::super::hint_filter::Look;
use super::super::{BaseDir, FsRules, Name, StatReason, WalkEntry, name};
use super::descriptors::SharedDir;
use super::raw_listing::RawListing;
use super::state::{ChildOutcome, DirState, ListingEnd, Subdir, lock};
use crate::metadata::Flags;
use crate::path::{push, to_bytes, to_path};
use crate::sys::StatAt;
use crate::sys::native::{self, Dir};

/// What was learned when a directory was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenedDir {
    /// Its stat, taken before it was listed.
    pub(super) stat_at: StatAt,
    /// The rules of its file system.
    pub(super) rules: FsRules,
}

impl OpenedDir {
    /// The flags that a child's stat alone gives.
    pub(super) fn flags(&self, child: &StatAt) -> Flags {
        let mut flags = Flags::empty();
        flags.set(Flags::RACY, self.rules.rule.is_racy(&child.stat));
        flags.set(Flags::FOREIGN, child.dev != self.stat_at.dev);
        flags
    }
}

/// Where a directory lies.
#[derive(Debug)]
enum DirPlace<D> {
    Root { number: usize, path: Box<Path> },
    Below { parent: Arc<OpenDir<D>>, slot: usize, name: CString },
}

/// What the base saves of reading a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reuse {
    /// The directory in the base, if this is still the same one.
    pub(super) base: Option<BaseDir>,
    /// What has to be read in any case.
    pub(super) look: Look,
}

/// A directory that is being read.
#[derive(Debug)]
pub(super) struct OpenDir<D> {
    place: DirPlace<D>,
    pub(super) opened: OpenedDir,
    /// This very directory in the base.
    pub(super) base: Option<BaseDir>,
    pub(super) look: Look,
    pub(super) descriptor: SharedDir,
    /// What is not finished: the reading, and each child directory.
    pending: AtomicUsize,
    state: Mutex<DirState<D>>,
    relisting: Mutex<Relisting>,
}

/// Later listings of a directory from which child directories vanish.
#[derive(Debug, Default)]
struct Relisting {
    names: Option<FxHashSet<Box<[u8]>>>,
    times: u8,
}

/// A directory from which child directories vanish one after the other is listed again at most this often.
const MOST_LISTINGS: u8 = 32;

impl<D> Drop for OpenDir<D> {
    /// Lets go of the chain to the root without recursion: the tree may be deeper than the stack.
    fn drop(&mut self) {
        let mut next = self.take_parent();
        while let Some(mut dir) = next.and_then(Arc::into_inner) {
            next = dir.take_parent();
        }
    }
}

impl<D> OpenDir<D> {
    fn take_parent(&mut self) -> Option<Arc<Self>> {
        let none = DirPlace::Root { number: 0, path: Path::new("").into() };
        match std::mem::replace(&mut self.place, none) {
            DirPlace::Root { .. } => None,
            DirPlace::Below { parent, .. } => Some(parent),
        }
    }

    fn new(place: DirPlace<D>, opened: OpenedDir, reuse: Reuse, descriptor: SharedDir) -> Self {
        Self {
            place,
            opened,
            base: reuse.base,
            look: reuse.look,
            descriptor,
            pending: AtomicUsize::new(1),
            state: Mutex::default(),
            relisting: Mutex::default(),
        }
    }

    /// A root.
    pub(super) fn root(number: usize, path: &Path, opened: OpenedDir, reuse: Reuse, descriptor: SharedDir) -> Self {
        Self::new(DirPlace::Root { number, path: path.into() }, opened, reuse, descriptor)
    }

    /// The child directory in a slot of its parent.
    pub(super) fn child(
        parent: &Arc<Self>,
        slot: usize,
        name: CString,
        opened: OpenedDir,
        reuse: Reuse,
        descriptor: SharedDir,
    ) -> Self {
        Self::new(DirPlace::Below { parent: Arc::clone(parent), slot, name }, opened, reuse, descriptor)
    }

    /// The parent and the slot there; none for a root.
    pub(super) fn place(&self) -> Option<(Arc<Self>, usize)> {
        match &self.place {
            DirPlace::Root { .. } => None,
            DirPlace::Below { parent, slot, .. } => Some((Arc::clone(parent), *slot)),
        }
    }

    /// The number of a root, or the slot in the parent.
    pub(super) fn slot(&self) -> usize {
        match &self.place {
            DirPlace::Root { number, .. } => *number,
            DirPlace::Below { slot, .. } => *slot,
        }
    }

    pub(super) fn is_root(&self) -> bool {
        matches!(self.place, DirPlace::Root { .. })
    }

    fn parent(&self) -> Option<&Arc<Self>> {
        match &self.place {
            DirPlace::Root { .. } => None,
            DirPlace::Below { parent, .. } => Some(parent),
        }
    }

    fn ancestors(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |dir| dir.parent().map(Arc::as_ref))
    }

    /// Whether this directory or one above it is `other`.
    pub(super) fn shows(&self, other: &StatAt) -> bool {
        self.ancestors().any(|dir| dir.opened.stat_at.is_same(other))
    }

    /// The names from the root down to this directory, which is not a root itself.
    fn names(&self) -> Vec<&CStr> {
        let mut names: Vec<_> = self
            .ancestors()
            .filter_map(|dir| match &dir.place {
                DirPlace::Root { .. } => None,
                DirPlace::Below { name, .. } => Some(name.as_c_str()),
            })
            .collect();
        names.reverse();
        names
    }

    fn root_path(&self) -> &Path {
        self.ancestors()
            .find_map(|dir| match &dir.place {
                DirPlace::Root { path, .. } => Some(&**path),
                DirPlace::Below { .. } => None,
            })
            .unwrap_or(Path::new("/"))
    }

    /// The path relative to the root, empty for the root itself.
    pub(super) fn relative(&self) -> Vec<u8> {
        let mut path = Vec::new();
        for name in self.names() {
            push(&mut path, name.to_bytes());
        }
        path
    }

    /// The absolute path.
    pub(super) fn path(&self) -> Vec<u8> {
        let mut path = to_bytes(self.root_path()).into_owned();
        for name in self.names() {
            push(&mut path, name.to_bytes());
        }
        path
    }

    /// The absolute path of a child.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path();
        push(&mut path, name);
        path
    }

    /// The open directory. If it was closed early, it is opened again from the nearest open ancestor down, and has to
    /// be the same.
    pub(super) fn open_again(&self) -> io::Result<Arc<Dir>> {
        // If its old path leads nowhere, that says nothing about its content.
        self.reopened().map_err(|e| if e.kind() == io::ErrorKind::NotFound { stale() } else { e })
    }

    fn reopened(&self) -> io::Result<Arc<Dir>> {
        let mut closed = Vec::new();
        let mut open = None;
        for dir in self.ancestors() {
            open = dir.descriptor.get();
            if open.is_some() {
                break;
            }
            closed.push(dir);
        }
        for dir in closed.iter().rev() {
            let fd = match (&dir.place, &open) {
                (DirPlace::Below { name, .. }, Some(above)) => native::open_child(above, name)?,
                (DirPlace::Root { path, .. }, _) => native::open_root(path)?,
                (DirPlace::Below { .. }, None) => return Err(stale()),
            };
            let now = native::stat_open(&fd)?;
            let then = &dir.opened.stat_at;
            if (now.dev, now.stat.ino) != (then.dev, then.stat.ino) {
                return Err(stale());
            }
            open = Some(Arc::new(fd));
        }
        open.ok_or_else(stale)
    }

    /// Whether the parent neither finds nor lists this directory any more.
    pub(super) fn is_gone(&self) -> bool {
        let DirPlace::Below { parent, name, .. } = &self.place else { return false };
        let Ok(above) = parent.open_again() else { return false };
        native::stat_child(&above, name).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
            && parent.still_lists(&above, name.to_bytes()).is_ok_and(|still| !still)
    }

    /// Whether a listing made after the first still holds a name. A listing proves absence, a stat never does; one
    /// listing proves it for all names that it does not hold.
    pub(super) fn still_lists(&self, dir: &Dir, name: &[u8]) -> io::Result<bool> {
        let mut relisting = lock(&self.relisting);
        if relisting.names.as_ref().is_some_and(|names| !names.contains(name)) {
            return Ok(false);
        }
        if relisting.times == MOST_LISTINGS {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "it changes too fast to be read"));
        }
        relisting.times += 1;
        let listing = match native::open_child(dir, c".").and_then(|again| RawListing::read(&again, None)) {
            Ok(listing) => listing,
            // The directory itself was removed.
            Err(e) if e.kind() == io::ErrorKind::NotFound => RawListing::default(),
            Err(e) => return Err(e),
        };
        let names: FxHashSet<_> =
            listing.entries.iter().map(|(place, _)| super::super::name(&listing.names, *place).into()).collect();
        let still = names.contains(name);
        relisting.names = Some(names);
        Ok(still)
    }

    /// Puts what was listed in place; returns the slots of the child directories that have to be entered.
    pub(super) fn listed(&self, names: &Arc<Vec<u8>>, subdirs: Vec<Subdir<D>>) -> Vec<usize> {
        let is_pending = |(_, subdir): &(usize, &Subdir<D>)| matches!(subdir.outcome, ChildOutcome::Pending(_));
        let pending: Vec<_> = subdirs.iter().enumerate().filter(is_pending).map(|(slot, _)| slot).collect();
        self.descriptor.add_users(pending.len());
        self.pending.fetch_add(pending.len(), Ordering::AcqRel);
        let mut state = lock(&self.state);
        state.listing.names = Arc::clone(names);
        state.subdirs = subdirs;
        pending
    }

    /// Adds a directory that was listed as something else; returns its slot.
    pub(super) fn add_late(&self, name: Name) -> usize {
        self.descriptor.add_users(1);
        self.pending.fetch_add(1, Ordering::AcqRel);
        let mut state = lock(&self.state);
        state.sorted = false;
        state.subdirs.push(Subdir { name, outcome: ChildOutcome::Pending(None) });
        state.subdirs.len() - 1
    }

    /// Puts the entries in place that are not directories.
    pub(super) fn set_entries(&self, entries: Vec<WalkEntry>, stat_reason: StatReason) {
        let mut state = lock(&self.state);
        state.listing.entries = entries;
        state.stat_reason = stat_reason;
    }

    /// Puts the entries in place that had to be read; the others are as in the base.
    pub(super) fn set_patch(&self, entries: Vec<WalkEntry>, stat_reason: StatReason) {
        self.set_entries(entries, stat_reason);
        lock(&self.state).is_patch = true;
    }

    pub(super) fn set_end(&self, end: ListingEnd) {
        lock(&self.state).end = end;
    }

    /// The names of the listing, the place of a child directory among them, and what the base knows of it.
    pub(super) fn subdir(&self, slot: usize) -> (Arc<Vec<u8>>, Name, Option<BaseDir>) {
        let state = lock(&self.state);
        let Subdir { name, outcome } = &state.subdirs[slot];
        let base = if let ChildOutcome::Pending(base) = outcome { *base } else { None };
        (Arc::clone(&state.listing.names), *name, base)
    }

    pub(super) fn set(&self, slot: usize, outcome: ChildOutcome<D>) {
        lock(&self.state).subdirs[slot].outcome = outcome;
    }

    /// One part is done; true if that was the last.
    pub(super) fn complete(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn take_state(&self) -> DirState<D> {
        let mut state = std::mem::take(&mut *lock(&self.state));
        if !state.sorted {
            let names = Arc::clone(&state.listing.names);
            state.subdirs.sort_by(|a, b| name(&names, a.name).cmp(name(&names, b.name)));
            // A name that was listed twice: as a directory, and as something else that had become one when it was read.
            state.subdirs.dedup_by(|again, first| {
                let is_same = name(&names, again.name) == name(&names, first.name);
                if is_same && matches!(again.outcome, ChildOutcome::Dir { .. }) {
                    std::mem::swap(again, first);
                }
                is_same
            });
        }
        state
    }

    /// For progress: the path, built when asked.
    pub(super) fn shown_path(&self) -> std::path::PathBuf {
        to_path(&self.path()).into_owned()
    }
}

fn stale() -> io::Error {
    io::Error::new(io::ErrorKind::StaleNetworkFileHandle, "the directory was replaced while it was read")
}
