//! What the places are that hints name (promise 4). A name is not a file: it may lead through a symlink, it may be one
//! of several names of a file, and a line may be half of a name. So each is looked up in the base and on disk before
//! the walk, also where the walk does not look.

use std::io;
use std::path::Path;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::Result;
use crate::metadata::{Kind, Stat};
use crate::monitor::Monitor;
use crate::path::{parent, push, to_bytes, to_path};
use crate::snapshot::Snapshot;
use crate::sources::{BlindSpots, Dirty, DirtyId, HintsProblem, RootNames};
use crate::sys::StatAt;
use crate::walk::with_timeout;

/// Where and how places are looked up.
pub(super) struct PlaceLookup<'a> {
    pub(super) base: &'a Snapshot,
    pub(super) roots: &'a [RootNames],
    pub(super) blind: BlindSpots,
    /// Something below the roots may be left out, so that the walk does not see all that is named.
    pub(super) leaves_out: bool,
    /// The walk stays on the file systems of the roots.
    pub(super) one_file_system: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) monitor: &'a dyn Monitor,
}

/// What the places of all hints came to.
#[derive(Debug, Default)]
pub(super) struct HintPlaces {
    /// Why the hints are no proof.
    pub(super) problem: Option<HintsProblem>,
    /// The inodes of files with several names.
    pub(super) linked: FxHashSet<u64>,
    /// Paths that hints may mean, with all below them: those whose names begin with a hinted one and a line break, and
    /// directories in which a name is found that is spelled in another way there.
    pub(super) wide: Vec<Vec<u8>>,
    /// The names in directories that were listed.
    listed: FxHashMap<Vec<u8>, FxHashSet<Vec<u8>>>,
}

/// What stood at a place in the base.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    Dir(u32),
    Other(Stat),
}

/// A step of the way through the tree of hints, which may be deeper than the stack.
enum PlaceStep<'a> {
    Enter { dirty: DirtyId, name: &'a [u8], before: Before, is_root: bool },
    Leave(usize),
}

impl PlaceLookup<'_> {
    /// Looks up all that `dirty` holds. Costs a stat for each hint and each directory on the way to one.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn look_up(&self, dirty: &Dirty) -> Result<HintPlaces> {
        let mut places = HintPlaces::default();
        for (number, root) in self.base.listing(self.base.top())?.enumerate() {
            let (Some(at), Some(names)) = (dirty.root(number), self.roots.get(number)) else { continue };
            let before = root.row.map_or(Before::Nothing, Before::Dir);
            let first = PlaceStep::Enter { dirty: at, name: names.given(), before, is_root: true };
            if let Some(problem) = self.look_below(dirty, first, &mut places)? {
                places.problem = Some(problem);
                break;
            }
        }
        Ok(places)
    }

    fn look_below<'d>(
        &self,
        dirty: &'d Dirty,
        first: PlaceStep<'d>,
        places: &mut HintPlaces,
    ) -> Result<Option<HintsProblem>> {
        let mut path = Vec::new();
        let mut steps = vec![first];
        while let Some(step) = steps.pop() {
            let PlaceStep::Enter { dirty: at, name, before, is_root } = step else {
                if let PlaceStep::Leave(len) = step {
                    path.truncate(len);
                }
                continue;
            };
            steps.push(PlaceStep::Leave(push(&mut path, name)));
            let leads_on = dirty.children(at) > 0 || dirty.is_whole(at);
            if !leads_on {
                self.see_named(&path, before, places);
                continue;
            }
            if !is_root {
                match self.check_way(&path, before) {
                    Way::Open => {}
                    Way::Closed => continue,
                    Way::Unclear(problem) => return Ok(Some(problem)),
                }
                if matches!(before, Before::Nothing) && !is_spelled_so(&path, &mut places.listed, |dir| self.names(dir))
                {
                    places.wide.extend(parent(&path).map(<[u8]>::to_vec));
                }
            }
            // The walk reads all of the only root, and does not come to what is left out elsewhere.
            if dirty.is_whole(at) && self.leaves_out && !(is_root && self.roots.len() == 1) {
                self.see_all_below(&path, places);
            }
            let before = self.children(dirty, at, before, &path, places)?;
            steps.extend(dirty.each_child(at).map(|(name, child)| {
                let before = before.get(name).copied().unwrap_or(Before::Nothing);
                PlaceStep::Enter { dirty: child, name, before, is_root: false }
            }));
        }
        Ok(None)
    }

    /// What the base has of the hinted children of a directory. Notes the names that hints may begin.
    fn children(
        &self,
        dirty: &Dirty,
        at: DirtyId,
        before: Before,
        path: &[u8],
        places: &mut HintPlaces,
    ) -> Result<FxHashMap<&[u8], Before>> {
        let mut children = FxHashMap::default();
        let Before::Dir(row) = before else { return Ok(children) };
        if dirty.children(at) == 0 {
            return Ok(children);
        }
        let mut listing = self.base.listing(row)?;
        while let Some(node) = listing.next_packed() {
            if self.blind.line_breaks {
                let begins = |place| dirty.child(at, &node.name[..place]).is_some_and(|child| dirty.is_read(child));
                if memchr::memchr_iter(b'\n', node.name).any(begins) {
                    let mut broken = path.to_vec();
                    push(&mut broken, node.name);
                    places.wide.push(broken);
                }
            }
            if dirty.child(at, node.name).is_some() {
                let child = match node.row {
                    Some(row) => Before::Dir(row),
                    None => Before::Other(listing.unpack(&node).child.stat),
                };
                children.insert(node.name, child);
            }
        }
        Ok(children)
    }

    /// An entry that a hint names, and nothing below it.
    fn see_named(&self, path: &[u8], before: Before, places: &mut HintPlaces) {
        let mut see = |stat: &Stat| {
            if stat.nlink > 1 && stat.kind() != Kind::Dir {
                places.linked.insert(stat.ino);
            }
        };
        if let Before::Other(stat) = before {
            see(&stat);
        }
        // The walk sees what it reads.
        if self.leaves_out || matches!(before, Before::Nothing) {
            let _ = self.stat(path).map(|now| see(&now.stat));
        }
    }

    /// Files with several names that a hint for a whole directory means, where the walk may not come. What begins
    /// another file system is not entered if the walk stays on one: its files have no names here.
    fn see_all_below(&self, path: &[u8], places: &mut HintPlaces) {
        let Ok(StatAt { dev, .. }) = self.stat(path) else { return };
        let mut waiting = vec![path.to_vec()];
        while let Some(dir) = waiting.pop() {
            for name in self.names(&dir) {
                let mut path = dir.clone();
                push(&mut path, &name);
                match self.stat(&path) {
                    Ok(now) if now.stat.kind() != Kind::Dir => self.see_named(&path, Before::Nothing, places),
                    Ok(now) if now.dev == dev || !self.one_file_system => waiting.push(path),
                    _ => {}
                }
            }
        }
    }

    /// The names in a directory; none if it cannot be listed, or not in time.
    fn names(&self, dir: &[u8]) -> Vec<Vec<u8>> {
        let dir = to_path(dir);
        let names = if self.timeout.is_none() {
            listed_names(&dir)
        } else {
            let own = dir.clone().into_owned();
            with_timeout(&dir, self.timeout, self.monitor, move || listed_names(&own))
        };
        names.unwrap_or_default()
    }

    /// Whether hints below an entry are about what lies there: only if it was always a directory, as far as is known.
    fn check_way(&self, path: &[u8], before: Before) -> Way {
        let shown = || to_path(path).into_owned();
        let is_symlink = |stat: &Stat| stat.kind() == Kind::Symlink;
        let now = match self.stat(path) {
            Ok(now) => Some(now.stat),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(e) => return Way::Unclear(HintsProblem::Unreadable(shown(), e.to_string())),
        };
        let was_symlink = matches!(before, Before::Other(stat) if is_symlink(&stat));
        if was_symlink || now.as_ref().is_some_and(is_symlink) {
            return Way::Unclear(HintsProblem::ThroughSymlink(shown()));
        }
        if matches!(before, Before::Dir(_)) || now.is_some_and(|now| now.kind() == Kind::Dir) {
            Way::Open
        } else if self.blind.symlinks {
            Way::Unclear(HintsProblem::NoPlace(shown()))
        } else {
            Way::Closed
        }
    }

    /// Whether an entry was there in the base or is there now. True if that cannot be known.
    pub(super) fn is_there(&self, path: &[u8]) -> bool {
        let is_gone = || self.stat(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
        !matches!(self.base.find_node(path), Ok(None)) || !is_gone()
    }

    /// An entry outside of the roots that a hint names. It may be another name of a file below them.
    pub(super) fn see_outside(&self, path: &[u8], places: &mut HintPlaces) {
        self.see_named(path, Before::Nothing, places);
    }

    pub(super) fn stat(&self, path: &[u8]) -> io::Result<StatAt> {
        let path = to_path(path);
        if self.timeout.is_none() {
            return crate::sys::stat(&path);
        }
        let own = path.clone().into_owned();
        with_timeout(&path, self.timeout, self.monitor, move || crate::sys::stat(&own))
    }

    /// Paths outside of the roots by their names, with the symlinks on the way to each resolved, as far as that changes
    /// them. Costs a look at each directory that holds one.
    pub(super) fn behind_symlinks<'p>(&self, paths: &'p [Vec<u8>]) -> Vec<Vec<u8>> {
        let mut known: FxHashMap<&'p [u8], Option<Vec<u8>>> = FxHashMap::default();
        let mut found = Vec::new();
        for path in paths {
            let (named, slash) = path.strip_suffix(b"/").map_or((&path[..], &b""[..]), |named| (named, b"/"));
            let Some(dir) = parent(named) else { continue };
            let real = known.entry(dir).or_insert_with(|| self.canonical(dir).filter(|real| real != dir));
            if let Some(real) = real {
                let mut path = real.clone();
                let name = &named[dir.len()..];
                push(&mut path, name.strip_prefix(b"/").unwrap_or(name));
                path.extend_from_slice(slash);
                found.push(path);
            }
        }
        found
    }

    /// A directory without symlinks; if it is gone, by the nearest one above it that is not.
    fn canonical(&self, dir: &[u8]) -> Option<Vec<u8>> {
        let mut there = dir;
        loop {
            let own = to_path(there).into_owned();
            match with_timeout(&to_path(there), self.timeout, self.monitor, move || own.canonicalize()) {
                Ok(real) => {
                    let mut real = to_bytes(&real).into_owned();
                    for name in dir[there.len()..].split(|b| *b == b'/').filter(|name| !name.is_empty()) {
                        push(&mut real, name);
                    }
                    return Some(real);
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => there = parent(there)?,
                Err(_) => return None,
            }
        }
    }
}

fn listed_names(dir: &Path) -> io::Result<Vec<Vec<u8>>> {
    let name = |entry: std::fs::DirEntry| to_bytes(Path::new(&entry.file_name())).into_owned();
    Ok(std::fs::read_dir(dir)?.flatten().map(name).collect())
}

/// Whether a directory lists an entry by this name. On some file systems it can be found by others: in other case, or
/// in another form of Unicode. Each directory is listed once.
fn is_spelled_so(
    path: &[u8],
    listed: &mut FxHashMap<Vec<u8>, FxHashSet<Vec<u8>>>,
    list: impl FnOnce(&[u8]) -> Vec<Vec<u8>>,
) -> bool {
    let Some(dir) = parent(path) else { return true };
    let names = listed.entry(dir.to_vec()).or_insert_with(|| list(dir).into_iter().collect());
    names.contains(path[dir.len()..].strip_prefix(b"/").unwrap_or(&path[dir.len()..]))
}

/// Whether hints below an entry can be placed.
enum Way {
    Open,
    /// There is nothing below it, then and now.
    Closed,
    Unclear(HintsProblem),
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_found_and_not_listed_is_spelled_in_another_way() {
        if !crate::sys::HAS_NATIVE_WALKER {
            return;
        }
        let own = std::process::id().to_string();
        // Linux finds a process's threads in /proc and does not list them. A test runs in a thread.
        let threads = std::fs::read_dir("/proc/self/task").expect("the threads");
        let mut others = threads.flatten().filter_map(|e| e.file_name().into_string().ok()).filter(|id| *id != own);
        let thread = format!("/proc/{}", others.next().expect("the thread of this test"));
        assert!(crate::sys::stat(Path::new(&thread)).is_ok());
        let mut listed = FxHashMap::default();
        let list = |dir: &[u8]| listed_names(&to_path(dir)).expect("it can be listed");
        assert!(!is_spelled_so(thread.as_bytes(), &mut listed, list));
        assert!(is_spelled_so(format!("/proc/{own}").as_bytes(), &mut listed, list));
        assert!(is_spelled_so(b"/proc", &mut listed, list) && !is_spelled_so(b"/PROC", &mut listed, list));
    }
}
