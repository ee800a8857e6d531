//! A directory on its way from open to finished, and the chain to its root.

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashSet;

use super::super::hint_filter::Look;
use super::super::{BaseDir, FsRules, Looked, Name, WalkEntry, name};
use super::read::RawListing;
use super::state::{ChildOutcome, DirState, ListingEnd, Subdir};
use crate::metadata::Flags;
use crate::path::{push, to_bytes, to_path};
use crate::sys::StatAt;
use crate::sys::native::{self, Dir};

/// What was learned when a directory was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct OpenedDir {
    /// Its stat, taken before it was listed.
    pub(super) found: StatAt,
    /// What it takes from its file system.
    pub(super) rules: FsRules,
}

impl OpenedDir {
    /// The flags that a child's stat alone gives.
    pub(super) fn flags(&self, child: &StatAt) -> Flags {
        let mut flags = Flags::empty();
        flags.set(Flags::RACY, self.rules.rule.is_racy(&child.stat));
        flags.set(Flags::FOREIGN, child.dev != self.found.dev);
        flags
    }
}

#[derive(Debug)]
enum DirPlace<D> {
    Root { number: usize, path: Box<Path> },
    Below { parent: Arc<OpenDir<D>>, slot: usize, name: CString },
}

/// What an earlier snapshot saves of looking into a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reuse {
    /// What it knows, if this is still the same directory.
    pub(super) known: Option<BaseDir>,
    pub(super) look: Look,
}

/// A directory that is being read.
#[derive(Debug)]
pub(super) struct OpenDir<D> {
    place: DirPlace<D>,
    pub(super) opened: OpenedDir,
    /// What an earlier snapshot knows of this very directory.
    pub(super) known: Option<BaseDir>,
    pub(super) look: Look,
    /// Open as long as it is read or children have to be opened.
    dir: Mutex<Option<Arc<Dir>>>,
    /// Who still needs the descriptor: the reader, and each child directory until it is opened.
    users: AtomicUsize,
    /// What is not finished: the reading, and each child directory.
    pending: AtomicUsize,
    state: Mutex<DirState<D>>,
    again: Mutex<Relisting>,
}

/// Later listings of a directory from which child directories vanish.
#[derive(Debug, Default)]
struct Relisting {
    names: Option<FxHashSet<Box<[u8]>>>,
    times: u8,
}

/// So often a directory is listed again because child directories vanish from it one after the other.
const MOST_LISTINGS: u8 = 32;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D> Drop for OpenDir<D> {
    /// Lets go of the chain to the root without recursion: the tree may be deeper than the stack.
    fn drop(&mut self) {
        let mut next = self.take_parent();
        while let Some(mut node) = next.and_then(Arc::into_inner) {
            next = node.take_parent();
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

    fn new(place: DirPlace<D>, opened: OpenedDir, reuse: Reuse, dir: Arc<Dir>) -> Self {
        Self {
            place,
            opened,
            known: reuse.known,
            look: reuse.look,
            dir: Mutex::new(Some(dir)),
            users: AtomicUsize::new(1),
            pending: AtomicUsize::new(1),
            state: Mutex::default(),
            again: Mutex::default(),
        }
    }

    pub(super) fn root(number: usize, path: &Path, opened: OpenedDir, reuse: Reuse, dir: Arc<Dir>) -> Self {
        Self::new(DirPlace::Root { number, path: path.into() }, opened, reuse, dir)
    }

    pub(super) fn child(
        parent: &Arc<Self>,
        slot: usize,
        name: CString,
        opened: OpenedDir,
        reuse: Reuse,
        dir: Arc<Dir>,
    ) -> Self {
        Self::new(DirPlace::Below { parent: Arc::clone(parent), slot, name }, opened, reuse, dir)
    }

    /// The parent and the place there; none for a root.
    pub(super) fn place(&self) -> Option<(Arc<Self>, usize)> {
        match &self.place {
            DirPlace::Root { .. } => None,
            DirPlace::Below { parent, slot, .. } => Some((Arc::clone(parent), *slot)),
        }
    }

    /// The number of a root, or the place in the parent.
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
        std::iter::successors(Some(self), |n| n.parent().map(Arc::as_ref))
    }

    /// Whether this directory or one above it is `found`.
    pub(super) fn shows(&self, found: &StatAt) -> bool {
        self.ancestors().any(|n| n.opened.found.dev == found.dev && n.opened.found.stat.ino == found.stat.ino)
    }

    /// The names from the root down to this directory, which is not a root itself.
    fn names(&self) -> Vec<&CStr> {
        let mut names: Vec<_> = self
            .ancestors()
            .filter_map(|n| match &n.place {
                DirPlace::Root { .. } => None,
                DirPlace::Below { name, .. } => Some(name.as_c_str()),
            })
            .collect();
        names.reverse();
        names
    }

    fn root_path(&self) -> &Path {
        self.ancestors()
            .find_map(|n| match &n.place {
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

    /// The open directory, unless it was closed to save descriptors.
    pub(super) fn open_dir(&self) -> Option<Arc<Dir>> {
        lock(&self.dir).clone()
    }

    /// The open directory. If it was closed to save descriptors, it is opened again from the nearest
    /// open ancestor down, and has to be the same.
    pub(super) fn descriptor(&self) -> io::Result<Arc<Dir>> {
        // That it is not found by its old path says nothing of what it holds.
        self.reopened().map_err(|e| if e.kind() == io::ErrorKind::NotFound { stale() } else { e })
    }

    fn reopened(&self) -> io::Result<Arc<Dir>> {
        let mut closed = Vec::new();
        let mut dir = None;
        for node in self.ancestors() {
            dir = node.open_dir();
            if dir.is_some() {
                break;
            }
            closed.push(node);
        }
        for node in closed.iter().rev() {
            let fd = match (&node.place, &dir) {
                (DirPlace::Below { name, .. }, Some(above)) => native::open_child(above, name)?,
                (DirPlace::Root { path, .. }, _) => native::open_root(path)?,
                (DirPlace::Below { .. }, None) => return Err(stale()),
            };
            let now = native::stat_open(&fd)?;
            let then = &node.opened.found;
            if (now.dev, now.stat.ino) != (then.dev, then.stat.ino) {
                return Err(stale());
            }
            dir = Some(Arc::new(fd));
        }
        dir.ok_or_else(stale)
    }

    /// Closes the descriptor although children still need it; true if it was open.
    pub(super) fn close_early(&self) -> bool {
        lock(&self.dir).take().is_some()
    }

    /// Whether the parent neither finds nor lists this directory any more.
    pub(super) fn is_gone(&self) -> bool {
        let DirPlace::Below { parent, name, .. } = &self.place else { return false };
        let Ok(above) = parent.descriptor() else { return false };
        native::stat_child(&above, name).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
            && parent.still_lists(&above, name.to_bytes()).is_ok_and(|still| !still)
    }

    /// Whether a listing made after the first still holds a name. Absence is proved by a listing, never by a
    /// stat; one listing proves it for all names that it does not hold.
    pub(super) fn still_lists(&self, dir: &Dir, name: &[u8]) -> io::Result<bool> {
        let mut again = lock(&self.again);
        if again.names.as_ref().is_some_and(|names| !names.contains(name)) {
            return Ok(false);
        }
        if again.times == MOST_LISTINGS {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "it changes too fast to be told"));
        }
        again.times += 1;
        let listed = match native::open_child(dir, c".").and_then(|anew| RawListing::read(&anew, None)) {
            Ok(listed) => listed,
            // It was removed itself.
            Err(e) if e.kind() == io::ErrorKind::NotFound => RawListing::default(),
            Err(e) => return Err(e),
        };
        let names: FxHashSet<_> =
            listed.entries.iter().map(|(place, _)| super::super::name(&listed.names, *place).into()).collect();
        let still = names.contains(name);
        again.names = Some(names);
        Ok(still)
    }

    /// One user fewer of the descriptor; true if that closed it.
    pub(super) fn release(&self) -> bool {
        self.users.fetch_sub(1, Ordering::AcqRel) == 1 && lock(&self.dir).take().is_some()
    }

    /// Puts what was listed in place; returns the places of the child directories that have to be entered.
    pub(super) fn listed(&self, names: &Arc<Vec<u8>>, subdirs: Vec<Subdir<D>>) -> Vec<usize> {
        let is_pending = |(_, subdir): &(usize, &Subdir<D>)| matches!(subdir.outcome, ChildOutcome::Pending(_));
        let pending: Vec<_> = subdirs.iter().enumerate().filter(is_pending).map(|(slot, _)| slot).collect();
        self.users.fetch_add(pending.len(), Ordering::AcqRel);
        self.pending.fetch_add(pending.len(), Ordering::AcqRel);
        let mut state = lock(&self.state);
        state.listing.names = Arc::clone(names);
        state.subdirs = subdirs;
        pending
    }

    /// Adds a directory that was listed as something else; returns its place.
    pub(super) fn add_late(&self, name: Name) -> usize {
        self.users.fetch_add(1, Ordering::AcqRel);
        self.pending.fetch_add(1, Ordering::AcqRel);
        let mut state = lock(&self.state);
        state.sorted = false;
        state.subdirs.push(Subdir { name, outcome: ChildOutcome::Pending(None) });
        state.subdirs.len() - 1
    }

    /// Puts the entries in place that are no directories.
    pub(super) fn set_entries(&self, entries: Vec<WalkEntry>, looked: Looked) {
        let mut state = lock(&self.state);
        state.listing.entries = entries;
        state.looked = looked;
    }

    /// Only these entries of the directory had to be looked at.
    pub(super) fn set_passed(&self, entries: Vec<WalkEntry>, looked: Looked) {
        self.set_entries(entries, looked);
        lock(&self.state).passed = true;
    }

    pub(super) fn set_ended(&self, ended: ListingEnd) {
        lock(&self.state).ended = ended;
    }

    /// The names of the listing, where among them that of a child directory is, and what is known of it.
    pub(super) fn subdir(&self, slot: usize) -> (Arc<Vec<u8>>, Name, Option<BaseDir>) {
        let state = lock(&self.state);
        let Subdir { name, outcome } = &state.subdirs[slot];
        let known = if let ChildOutcome::Pending(known) = outcome { *known } else { None };
        (Arc::clone(&state.listing.names), *name, known)
    }

    pub(super) fn set(&self, slot: usize, outcome: ChildOutcome<D>) {
        lock(&self.state).subdirs[slot].outcome = outcome;
    }

    /// One thing fewer is pending; true if that was the last.
    pub(super) fn complete(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn take_state(&self) -> DirState<D> {
        let mut state = std::mem::take(&mut *lock(&self.state));
        if !state.sorted {
            let names = Arc::clone(&state.listing.names);
            state.subdirs.sort_by(|a, b| name(&names, a.name).cmp(name(&names, b.name)));
            // A name that was listed twice, as a directory and as something else that was one by the time it was looked at.
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
