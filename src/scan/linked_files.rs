//! Files with several names. One changes under all its names, and a watcher names only the one that was used; the base
//! knows the others.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::Result;
use crate::metadata::{Flags, Kind};
use crate::path::{push, to_path};
use crate::snapshot::Snapshot;
use crate::sources::{Dirty, RootNames, SourceAnswer};

/// The inodes of the hinted files that have several names. A pattern may leave out the hinted name and not the others.
pub(super) fn hinted_inodes(answer: &SourceAnswer) -> FxHashSet<u64> {
    let stats = answer.named.iter().filter_map(|path| crate::sys::stat(&to_path(path)).ok());
    let linked = stats.filter(|hinted| hinted.stat.nlink > 1 && hinted.stat.kind() != Kind::Dir);
    linked.map(|hinted| hinted.stat.ino).collect()
}

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
    each_file(base, Flags::LINKED, |inode, path| {
        if inodes.contains_key(&inode) {
            if is_one {
                missing.remove(&inode);
            }
            dirty.insert_path(path, roots);
        }
    })?;
    if missing.is_empty() {
        return Ok(());
    }
    each_file(base, Flags::empty(), |inode, path| {
        if missing.contains(&inode) {
            dirty.insert_path(path, roots);
        }
    })
}

/// Calls `f` with the inode and the path of each file below the directories that have these flags.
fn each_file(base: &Snapshot, flags: Flags, mut f: impl FnMut(u64, &[u8])) -> Result<()> {
    let mut stack = vec![(base.top(), Vec::new())];
    while let Some((row, mut path)) = stack.pop() {
        let len = path.len();
        for node in base.listing(row)? {
            push(&mut path, node.child.name);
            if let Some(row) = node.row {
                if base.row(row)?.flags.contains(flags) {
                    stack.push((row, path.clone()));
                }
            } else if node.child.kind() != Kind::Dir {
                f(node.child.stat.ino, &path);
            }
            path.truncate(len);
        }
    }
    Ok(())
}
