//! What jwalk's threads do with a directory that was listed: stat its entries, leave out what the filter says, and list
//! it again if an entry is not found.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jwalk::DirEntry;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{ForeignMounts, OwnFile, is_own};
use crate::filter::{CACHEDIR_SIGNATURE, Filter, Marker};
use crate::metadata::Kind;
use crate::path::{push, to_bytes};
use crate::sys::filesystem::{self, FileSystem};
use crate::sys::{self, StatAt, native};
use crate::{Cause, Warning};

/// What jwalk keeps with a directory that it will read.
#[derive(Debug)]
pub(super) struct DirContext {
    /// The path relative to the root.
    pub(super) relative: Vec<u8>,
    pub(super) stat_at: StatAt,
    pub(super) above: Option<Arc<DirContext>>,
}

impl DirContext {
    /// Whether this directory or one above it is `other`.
    fn shows(&self, other: &StatAt) -> bool {
        std::iter::successors(Some(self), |dir| dir.above.as_deref()).any(|dir| dir.stat_at.is_same(other))
    }
}

/// What jwalk keeps with an entry.
#[derive(Default)]
pub(super) enum ChildState {
    #[default]
    Unseen,
    Stat(StatAt),
    /// A directory that is not entered; true if it shows one of its ancestors.
    NotEntered(StatAt, bool),
    /// A directory that is left closed without a question.
    Unasked,
    /// A directory that stands for a subvolume, and is empty.
    Stub(StatAt),
    Unread(io::Error),
    /// Not an entry: the directory is left out.
    Excluded,
}

impl ChildState {
    /// Whether it was listed and not found.
    fn is_missing(&self) -> bool {
        matches!(self, Self::Unread(e) if e.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Debug for ChildState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChildState")
    }
}

pub(super) type ReadState = (Option<Arc<DirContext>>, ChildState);

/// Reads the children of a directory. It owns all that it needs: jwalk's threads cannot borrow.
pub(super) struct ChildReader {
    pub(super) root: PathBuf,
    pub(super) filter: Filter,
    pub(super) own: Vec<OwnFile>,
    pub(super) foreign: ForeignMounts,
    pub(super) settle: bool,
    pub(super) file_systems: Arc<Mutex<FxHashMap<u64, FileSystem>>>,
    pub(super) warnings: Arc<Mutex<Vec<Warning>>>,
}

impl ChildReader {
    /// Stats the children of one directory and decides which are entered.
    pub(super) fn read(
        &self,
        path: &Path,
        context: &Arc<DirContext>,
        children: &mut Vec<jwalk::Result<DirEntry<ReadState>>>,
    ) {
        let own: Vec<_> = self.own.iter().filter(|own| own.is_in(&context.stat_at)).collect();
        if path != self.root
            && let Some(at) = self.excluding(path, children)
        {
            children.swap(0, at);
            children.truncate(1);
            return;
        }
        let mut is_missing = false;
        children.retain_mut(|child| match child {
            Err(_) => true,
            Ok(entry) => {
                let name = to_bytes(Path::new(&entry.file_name)).into_owned();
                let stays = !is_own(own.iter().copied(), &name) && self.read_child(path, &name, context, entry, false);
                is_missing |= stays && entry.client_state.is_missing();
                stays
            }
        });
        if !is_missing {
            return;
        }
        let listed = listed(path);
        let is_listed = |name: &[u8]| listed.as_ref().map_or(true, |names| names.contains(name));
        children.retain_mut(|child| match child {
            Ok(entry) if entry.client_state.is_missing() => {
                let name = to_bytes(Path::new(&entry.file_name)).into_owned();
                (is_listed(&name) || !is_still(path, &context.stat_at))
                    && self.read_child(path, &name, context, entry, true)
            }
            _ => true,
        });
    }

    /// The place of the child that leaves its directory out, now marked as such.
    fn excluding(&self, path: &Path, children: &mut [jwalk::Result<DirEntry<ReadState>>]) -> Option<usize> {
        for (at, child) in children.iter_mut().enumerate() {
            let Ok(entry) = child else { continue };
            let name = to_bytes(Path::new(&entry.file_name)).into_owned();
            let excluded = match self.filter.marker(&name) {
                Marker::None => false,
                Marker::Excluded => true,
                Marker::CacheTag => match read_start(&path.join(&entry.file_name)) {
                    Ok(start) => start == CACHEDIR_SIGNATURE,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => false,
                    Err(e) => {
                        let warning = Warning { path: path.join(&entry.file_name), cause: Cause::Marker(e) };
                        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning);
                        false
                    }
                },
            };
            if excluded {
                entry.client_state = ChildState::Excluded;
                entry.read_children = None;
                return Some(at);
            }
        }
        None
    }

    /// Stats one child; false if it is left out or gone.
    fn read_child(
        &self,
        path: &Path,
        name: &[u8],
        context: &Arc<DirContext>,
        entry: &mut DirEntry<ReadState>,
        again: bool,
    ) -> bool {
        let mut relative = context.relative.clone();
        push(&mut relative, name);
        let whole = || to_bytes(&path.join(&entry.file_name)).into_owned();
        if entry.file_type.is_dir() && self.foreign.holds(context.stat_at.mount, name, whole) {
            entry.read_children = None;
            entry.client_state = ChildState::Unasked;
            return !self.filter.excludes(&relative, true);
        }
        let stat_at = sys::stat(&path.join(&entry.file_name));
        let is_dir = stat_at.as_ref().map_or(entry.file_type.is_dir(), |child| child.stat.kind() == Kind::Dir);
        if self.filter.excludes(&relative, is_dir) {
            return false;
        }
        entry.client_state = match stat_at {
            // It is read once more.
            Err(e) if e.kind() == io::ErrorKind::NotFound && !again => ChildState::Unread(e),
            Err(e) => {
                // The entry holds the error; jwalk need not try.
                entry.read_children = None;
                ChildState::Unread(e)
            }
            Ok(child) if child.stat.kind() != Kind::Dir => {
                entry.read_children = None;
                ChildState::Stat(child)
            }
            Ok(child) => {
                let above = &context.stat_at;
                let crosses = child.dev != above.dev || child.mount != above.mount;
                let is_loop = crosses && context.shows(&child);
                // A direct mount of autofs shows that by its type alone.
                let waits = child.automount || child.mount != above.mount && sys::filesystem::is_automount(child.mount);
                if crosses && sys::filesystem::is_subvolume_stub(above, &child) {
                    entry.read_children = None;
                    ChildState::Stub(child)
                } else if waits || is_loop || child.dev != above.dev && self.filter.one_file_system() {
                    entry.read_children = None;
                    ChildState::NotEntered(child, is_loop)
                } else if let Err(e) = self.enter_file_system(&path.join(&entry.file_name), &child, context) {
                    entry.read_children = None;
                    ChildState::Unread(e)
                } else {
                    if let Some(children) = &mut entry.read_children {
                        children.client_read_state = Some(Some(Arc::new(DirContext {
                            relative,
                            stat_at: child,
                            above: Some(Arc::clone(context)),
                        })));
                    }
                    ChildState::Stat(child)
                }
            }
        };
        true
    }

    /// Before a directory of another file system than its parent's is read: asks its clock, then writes back.
    fn enter_file_system(&self, path: &Path, stat_at: &StatAt, above: &DirContext) -> io::Result<()> {
        if stat_at.dev == above.stat_at.dev {
            return Ok(());
        }
        let is_described = |file_systems: &FxHashMap<_, _>| file_systems.contains_key(&stat_at.dev);
        if !is_described(&self.file_systems.lock().unwrap_or_else(PoisonError::into_inner)) {
            // Outside of the lock: a server may take its time.
            let described = filesystem::describe(path, stat_at.mount);
            self.file_systems.lock().unwrap_or_else(PoisonError::into_inner).entry(stat_at.dev).or_insert(described);
        }
        if self.settle { settle(path) } else { Ok(()) }
    }
}

/// Writes back what the file system of a directory holds in memory.
pub(super) fn settle(path: &Path) -> io::Result<()> {
    native::sync_filesystem(&native::open_root(path)?)
}

/// Whether a path still leads to the directory that it led to before.
pub(super) fn is_still(path: &Path, before: &StatAt) -> bool {
    sys::stat_following(path).is_ok_and(|now| (now.dev, now.stat.ino) == (before.dev, before.stat.ino))
}

/// The names in a directory.
fn listed(dir: &Path) -> io::Result<FxHashSet<Vec<u8>>> {
    std::fs::read_dir(dir)?.map(|entry| Ok(to_bytes(Path::new(&entry?.file_name())).into_owned())).collect()
}

/// Whether a name that was listed and not found is gone: only if the directory is still there under its path, and does
/// not list the name any more. A listing proves absence, a stat never does.
pub(super) fn is_gone(dir: &Path, before: &StatAt, name: &[u8]) -> bool {
    listed(dir).is_ok_and(|names| !names.contains(name)) && is_still(dir, before)
}

/// The first bytes of a regular file; a symlink is not followed.
fn read_start(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut start = Vec::new();
    if std::fs::symlink_metadata(path)?.is_file() {
        std::fs::File::open(path)?.take(CACHEDIR_SIGNATURE.len() as u64).read_to_end(&mut start)?;
    }
    Ok(start)
}
