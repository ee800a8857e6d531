//! What jwalk's threads do with a directory that was listed: stat its entries, leave out what the filter says,
//! and look again for what they do not find.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jwalk::DirEntry;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::{OwnFile, is_own};
use crate::filter::{CACHEDIR_SIGNATURE, Filter, Marker};
use crate::metadata::Kind;
use crate::path::{push, to_bytes};
use crate::sys::filesystem::{self, FileSystem};
use crate::sys::{self, StatAt, native};
use crate::{Cause, Warning};

/// What jwalk keeps with a directory that it will read.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) relative: Vec<u8>,
    pub(super) found: StatAt,
    pub(super) above: Option<Arc<Ahead>>,
}

impl Ahead {
    fn shows(&self, found: &StatAt) -> bool {
        std::iter::successors(Some(self), |a| a.above.as_deref())
            .any(|a| (a.found.dev, a.found.stat.ino) == (found.dev, found.stat.ino))
    }
}

/// What jwalk keeps with an entry.
#[derive(Default)]
pub(super) enum SeenEntry {
    #[default]
    Nothing,
    Stat(StatAt),
    /// A directory that is left closed; true if it shows one of its ancestors.
    Closed(StatAt, bool),
    Unread(io::Error),
    /// Not an entry: the directory is left out.
    Excluded,
}

impl fmt::Debug for SeenEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seen")
    }
}

pub(super) type ReadState = (Option<Arc<Ahead>>, SeenEntry);

/// What the other threads need; jwalk lets them borrow nothing.
pub(super) struct Rules {
    pub(super) root: PathBuf,
    pub(super) filter: Filter,
    pub(super) own: Vec<OwnFile>,
    pub(super) settle: bool,
    pub(super) file_systems: Arc<Mutex<FxHashMap<u64, FileSystem>>>,
    pub(super) warnings: Arc<Mutex<Vec<Warning>>>,
}

impl Rules {
    /// Runs in jwalk's threads: stats what one directory holds and decides what is entered.
    pub(super) fn look(&self, path: &Path, ahead: &Arc<Ahead>, children: &mut Vec<jwalk::Result<DirEntry<ReadState>>>) {
        let own: Vec<_> =
            self.own.iter().filter(|o| (o.dev, o.ino) == (ahead.found.dev, ahead.found.stat.ino)).collect();
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
                let kept = !is_own(own.iter().copied(), &name) && self.keep(path, &name, ahead, entry, false);
                is_missing |=
                    kept && matches!(&entry.client_state, SeenEntry::Unread(e) if e.kind() == io::ErrorKind::NotFound);
                kept
            }
        });
        if !is_missing {
            return;
        }
        let listed = listed(path);
        let is_listed = |name: &[u8]| listed.as_ref().map_or(true, |names| names.contains(name));
        children.retain_mut(|child| match child {
            Ok(entry) if matches!(&entry.client_state, SeenEntry::Unread(e) if e.kind() == io::ErrorKind::NotFound) => {
                let name = to_bytes(Path::new(&entry.file_name)).into_owned();
                (is_listed(&name) || !is_still(path, &ahead.found)) && self.keep(path, &name, ahead, entry, true)
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
                entry.client_state = SeenEntry::Excluded;
                entry.read_children = None;
                return Some(at);
            }
        }
        None
    }

    /// Stats one child; false if it is left out or gone.
    fn keep(&self, path: &Path, name: &[u8], ahead: &Arc<Ahead>, entry: &mut DirEntry<ReadState>, again: bool) -> bool {
        let seen = sys::stat(&path.join(&entry.file_name));
        let mut relative = ahead.relative.clone();
        push(&mut relative, name);
        let is_dir = seen.as_ref().map_or(entry.file_type.is_dir(), |f| f.stat.kind() == Kind::Dir);
        if self.filter.excludes(&relative, is_dir) {
            return false;
        }
        entry.client_state = match seen {
            // It is looked at once more.
            Err(e) if e.kind() == io::ErrorKind::NotFound && !again => SeenEntry::Unread(e),
            Err(e) => {
                // Its own entry says what is wrong; jwalk need not try.
                entry.read_children = None;
                SeenEntry::Unread(e)
            }
            Ok(found) if found.stat.kind() != Kind::Dir => {
                entry.read_children = None;
                SeenEntry::Stat(found)
            }
            Ok(found) => {
                let crosses = found.dev != ahead.found.dev || found.mount != ahead.found.mount;
                let is_loop = crosses && ahead.shows(&found);
                // A direct mount of autofs says so by its type alone.
                let waits =
                    found.automount || found.mount != ahead.found.mount && sys::filesystem::is_automount(found.mount);
                if waits || is_loop || found.dev != ahead.found.dev && self.filter.one_file_system() {
                    entry.read_children = None;
                    SeenEntry::Closed(found, is_loop)
                } else if let Err(e) = self.meet(&path.join(&entry.file_name), &found, ahead) {
                    entry.read_children = None;
                    SeenEntry::Unread(e)
                } else {
                    if let Some(children) = &mut entry.read_children {
                        children.client_read_state =
                            Some(Some(Arc::new(Ahead { relative, found, above: Some(Arc::clone(ahead)) })));
                    }
                    SeenEntry::Stat(found)
                }
            }
        };
        true
    }

    /// Before a directory of another file system than its parent's is read: its clock, then its write-back.
    fn meet(&self, path: &Path, found: &StatAt, above: &Ahead) -> io::Result<()> {
        if found.dev == above.found.dev {
            return Ok(());
        }
        let is_met = |rules: &FxHashMap<_, _>| rules.contains_key(&found.dev);
        if !is_met(&self.file_systems.lock().unwrap_or_else(PoisonError::into_inner)) {
            // Outside of the lock: a server may take its time.
            let described = filesystem::describe(path, found.mount);
            self.file_systems.lock().unwrap_or_else(PoisonError::into_inner).entry(found.dev).or_insert(described);
        }
        if self.settle { settle(path) } else { Ok(()) }
    }
}

/// Writes back what the file system of a directory holds in memory.
pub(super) fn settle(path: &Path) -> io::Result<()> {
    native::sync_filesystem(&native::open_root(path)?)
}

/// Whether a path still leads to the directory that was found there.
pub(super) fn is_still(path: &Path, found: &StatAt) -> bool {
    sys::stat_following(path).is_ok_and(|now| (now.dev, now.stat.ino) == (found.dev, found.stat.ino))
}

/// The names in a directory.
fn listed(dir: &Path) -> io::Result<FxHashSet<Vec<u8>>> {
    std::fs::read_dir(dir)?.map(|entry| Ok(to_bytes(Path::new(&entry?.file_name())).into_owned())).collect()
}

/// Whether a name that was listed and not found is gone: only if the directory is still there under its path, and
/// does not list it any more. Absence is proved by a listing, never by a stat.
pub(super) fn is_gone(dir: &Path, found: &StatAt, name: &[u8]) -> bool {
    listed(dir).is_ok_and(|names| !names.contains(name)) && is_still(dir, found)
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
