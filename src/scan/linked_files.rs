//! Files with several names. One changes under all its names, and a watcher names only the one that was used; the base
//! knows the others.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::Result;
use crate::metadata::{Flags, Kind, Stat};
use crate::path::push;
use crate::snapshot::Snapshot;
use crate::sources::{Dirty, RootNames};

/// Marks the names that the base has of these inodes as dirty. True stands with an inode if the walk saw one of the
/// base's names: then it has no other there, or all of them in directories that are flagged. Any other inode may have a
/// single name, anywhere.
pub(super) fn add_names(
    dirty: &mut Dirty,
    base: &Snapshot,
    inodes: &FxHashMap<u64, bool>,
    roots: &[RootNames],
) -> Result<()> {
    let mut missing: FxHashSet<u64> = inodes.iter().filter(|(_, is_seen)| !**is_seen).map(|(ino, _)| *ino).collect();
    // On another file system the same number is another file.
    let is_one = base.meta().devices.len() <= 1;
    each_file(base, Flags::LINKED, |file| {
        if inodes.contains_key(&file.stat.ino) {
            if is_one {
                missing.remove(&file.stat.ino);
            }
            dirty.insert_path(file.path, roots);
        }
    })?;
    if missing.is_empty() {
        return Ok(());
    }
    each_file(base, Flags::empty(), |file| {
        if missing.contains(&file.stat.ino) {
            dirty.insert_path(file.path, roots);
        }
    })
}

/// Marks the files of which the base does not have all names: another one lies outside of the tree, or was left out.
/// What is changed by such a name is named by nothing that the base knows, and that name may be gone by now. Costs one
/// pass over the directories with files of several names, and memory for each such file.
pub(super) fn add_unaccounted(dirty: &mut Dirty, base: &Snapshot, roots: &[RootNames]) -> Result<()> {
    if has_all_names(base)? {
        return Ok(());
    }
    // How many names each file has, and how many of them are found.
    let mut names: FxHashMap<(u32, u64), (u32, u32)> = FxHashMap::default();
    each_file(base, Flags::LINKED, |file| {
        if file.stat.nlink > 1 {
            let (all, found) = names.entry(file.key()).or_default();
            *all = file.stat.nlink.max(*all);
            *found += u32::from(file.is_first_sight);
        }
    })?;
    names.retain(|_, (all, found)| found < all);
    if names.is_empty() {
        return Ok(());
    }
    each_file(base, Flags::LINKED, |file| {
        if file.stat.nlink > 1 && names.contains_key(&file.key()) {
            dirty.insert_path(file.path, roots);
        }
    })
}

/// Whether the base has all names of all its files, as far as that can be told without paths: not where there are
/// several file systems, or a directory may be in the base twice. Costs a third of the pass that tells which are
/// missing.
fn has_all_names(base: &Snapshot) -> Result<bool> {
    let meta = base.meta();
    if meta.devices.len() > 1 || meta.roots.len() > 1 || !meta.mount_points.is_empty() {
        return Ok(false);
    }
    // How many names each file has, and how many of them are found.
    let mut names: FxHashMap<u64, (u32, u32)> = FxHashMap::default();
    for row in 0..=base.top() {
        if !base.row(row)?.flags.contains(Flags::LINKED) {
            continue;
        }
        let (block, _) = base.block(row)?;
        for (ino, nlink) in block.linked_files() {
            let (all, found) = names.entry(ino).or_default();
            *all = nlink.max(*all);
            *found += 1;
        }
    }
    Ok(names.values().all(|(all, found)| found >= all))
}

/// A file of the base.
struct BaseFile<'a> {
    stat: Stat,
    path: &'a [u8],
    /// The number of its directory's file system.
    device: u32,
    /// This is a name of its own: no mount point, and its directory was not seen before by another name.
    is_first_sight: bool,
}

impl BaseFile<'_> {
    fn key(&self) -> (u32, u64) {
        (self.device, self.stat.ino)
    }
}

/// A directory whose files are still to be seen.
struct WaitingDir {
    row: u32,
    path: Vec<u8>,
    device: u32,
    ino: u64,
}

/// Calls `f` with each file below the directories that have these flags.
fn each_file(base: &Snapshot, flags: Flags, mut f: impl FnMut(&BaseFile<'_>)) -> Result<()> {
    let mounts = &base.meta().mounts;
    let points: FxHashSet<_> = base.meta().mount_points.iter().map(Vec::as_slice).collect();
    let has_twins = base.meta().roots.len() > 1 || !points.is_empty();
    let mut seen = FxHashSet::default();
    let mut stack = vec![WaitingDir { row: base.top(), path: Vec::new(), device: u32::MAX, ino: 0 }];
    while let Some(WaitingDir { row, mut path, device, ino }) = stack.pop() {
        let len = path.len();
        let is_first_sight = !has_twins || seen.insert((device, ino));
        for node in base.listing(row)? {
            push(&mut path, node.child.name);
            if let Some(row) = node.row {
                if base.row(row)?.flags.contains(flags) {
                    let began = mounts.binary_search_by_key(&row, |mount| mount.row);
                    let device = began.map_or(device, |at| mounts[at].device);
                    stack.push(WaitingDir { row, path: path.clone(), device, ino: node.child.stat.ino });
                }
            } else if node.child.kind() != Kind::Dir {
                let is_first_sight = is_first_sight && !points.contains(path.as_slice());
                f(&BaseFile { stat: node.child.stat, path: &path, device, is_first_sight });
            }
            path.truncate(len);
        }
    }
    Ok(())
}
