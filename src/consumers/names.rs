//! Names of a list that a destination may take for one: a name that is gone and one that is there, and two that are
//! there. Whether a local
//! destination does so is looked up in `sys/names.rs`.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::list::{ChangeLists, ListedPath};
use crate::Result;
use crate::diff::{ChangeKind, Diff};
use crate::metadata::{Flags, Kind};
use crate::path::{NameDifference, compare, folded, is_within, parent, push, to_path};
use crate::snapshot::Snapshot;
pub use crate::sys::names::SameName;
use crate::sys::names::same_name;

/// Two paths that a destination may take for one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamePair {
    /// The absolute path that was removed or added.
    pub path: Vec<u8>,
    /// The absolute path of what is there.
    pub other: Vec<u8>,
}

impl NamePair {
    /// How they differ.
    pub fn difference(&self) -> NameDifference {
        NameDifference::between(&self.path, &self.other)
    }

    /// Whether they are one name in a directory of this machine that holds what is in `base`. Writes nothing.
    pub fn at(&self, base: &[u8], destination: &Path) -> SameName {
        let below = |path| {
            let rest = <[u8]>::strip_prefix(path, base).unwrap_or(path);
            to_path(rest.strip_prefix(b"/").unwrap_or(rest)).into_owned()
        };
        same_name(&below(&self.path), &below(&self.other), destination, self.difference())
    }
}

/// The paths of a list that a destination may take for one.
///
/// If it does, the removal of one would delete the other. So what is in [`removed`](Self::removed) is deleted before
/// anything is copied. Of those in [`present`](Self::present) it can hold only one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameCollisions {
    /// What was removed, and what is there. In tree order; of a directory only itself, not what lay below it.
    pub removed: Vec<NamePair>,
    /// What was added, and what else is there. In tree order.
    pub present: Vec<NamePair>,
}

/// Which entries of a list are written.
#[derive(Debug, Clone, Default)]
pub enum ListPass {
    /// All.
    #[default]
    Only,
    /// Of two passes the first: only removals of what something that is there may be to the destination.
    First(Arc<NameCollisions>),
    /// Of two passes the second: all the rest, and what the first one may have deleted with them.
    Second(Arc<NameCollisions>),
}

impl NameCollisions {
    /// Finds them in a diff. Costs a second pass over the changes and over the names of each directory in which
    /// something was added or removed; memory in proportion to the largest of these directories and to what is found.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub fn of(diff: &Diff<'_>) -> Result<Self> {
        let mut found = Self::default();
        let mut there = FoldedDirs { snapshot: diff.newer(), stack: Vec::new() };
        for change in diff.changes_without_renames() {
            let change = change?;
            let is_removed = change.kind == ChangeKind::Removed;
            if !is_removed && change.kind != ChangeKind::Added || found.is_early(&change.path) {
                continue;
            }
            let others = there.others(&change.path, !is_removed)?;
            let pairs = others.into_iter().map(|other| NamePair { path: change.path.clone(), other });
            if is_removed { found.removed.extend(pairs) } else { found.present.extend(pairs) }
        }
        Ok(found)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.present.is_empty()
    }

    /// Whether a removed path is one of these, or lay below one.
    fn is_early(&self, path: &[u8]) -> bool {
        let before = self.removed.partition_point(|pair| compare(&pair.path, path).is_le());
        before.checked_sub(1).is_some_and(|last| is_within(path, &self.removed[last].path))
    }
}

impl ChangeLists {
    /// Keeps what one of two passes has. Costs a look at all that the first pass may have deleted.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub fn take_pass(&mut self, diff: &Diff<'_>, pass: &ListPass) -> Result<()> {
        match pass {
            ListPass::Only => return Ok(()),
            ListPass::First(names) => {
                self.changed.clear();
                self.replaced.clear();
                self.deleted.retain(|listed| names.is_early(&listed.path));
            }
            ListPass::Second(names) => {
                self.deleted.retain(|listed| !names.is_early(&listed.path));
                list_again(diff, names, &mut self.changed)?;
            }
        }
        self.count_files();
        Ok(())
    }
}

/// Lists what the first pass may have deleted: all at and below each name that is there, even if it did not change.
fn list_again(diff: &Diff<'_>, names: &NameCollisions, changed: &mut Vec<ListedPath>) -> Result<()> {
    changed.sort_by(|a, b| compare(&a.path, &b.path));
    let mut again = Vec::new();
    for pair in &names.removed {
        for entry in diff.newer().entries_below(&pair.other)?.into_iter().flatten() {
            let entry = entry?;
            let is_listed = changed.binary_search_by(|listed| compare(&listed.path, &entry.path)).is_ok();
            if !is_listed && !entry.flags.contains(Flags::UNKNOWN) {
                let link = (entry.stat.nlink > 1 && entry.kind() != Kind::Dir).then_some(entry.stat.ino);
                let kind = entry.kind();
                again.push(ListedPath::unchanged(entry.path, kind, link));
            }
        }
    }
    changed.append(&mut again);
    changed.sort_by(|a, b| compare(&a.path, &b.path));
    changed.dedup_by(|a, b| a.path == b.path);
    Ok(())
}

/// The directories on the way to a path, whose names are found by what they are folded to.
struct FoldedDirs<'a> {
    snapshot: &'a Snapshot,
    /// Each lies in the one before it.
    stack: Vec<FoldedDir>,
}

/// All directories that a path may mean, and what they hold.
struct FoldedDir {
    path: Vec<u8>,
    rows: Vec<u32>,
    /// The digest of each folded name, sorted.
    names: Vec<u64>,
    /// The same of the directories, with their rows.
    dirs: Vec<(u64, u32)>,
    /// The names themselves with the rows that hold them, by that digest; once one of them was asked for.
    by_digest: Option<NamesByDigest>,
}

/// Names with the rows of the directories that hold them.
type NamesByDigest = FxHashMap<u64, Vec<(u32, Vec<u8>)>>;

impl FoldedDirs<'_> {
    /// The paths that are there and that a destination may take for this one, which is there itself or is not. Paths
    /// must come in tree order.
    fn others(&mut self, path: &[u8], is_there: bool) -> Result<Vec<Vec<u8>>> {
        let roots = &self.snapshot.meta().roots;
        let Some(root) = roots.iter().find(|root| is_within(path, root) && path != root.as_slice()) else {
            return Ok(Vec::new());
        };
        let Some(above) = parent(path) else { return Ok(Vec::new()) };
        while self.stack.pop_if(|dir| !is_within(above, &dir.path)).is_some() {}
        if self.stack.is_empty() {
            let rows = self.snapshot.find_node(root)?.and_then(|node| node.row).into_iter().collect();
            self.open(root.clone(), rows)?;
        }
        while let Some(dir) = self.stack.last().filter(|dir| dir.path != above) {
            let name = first_name(above, &dir.path);
            let digest = xxh3_64(&folded(name));
            let from = dir.dirs.partition_point(|(of, _)| *of < digest);
            let rows = dir.dirs[from..].iter().take_while(|(of, _)| *of == digest).map(|(_, row)| *row).collect();
            let mut below = dir.path.clone();
            push(&mut below, name);
            self.open(below, rows)?;
        }
        self.in_last(path, usize::from(is_there))
    }

    fn open(&mut self, path: Vec<u8>, rows: Vec<u32>) -> Result<()> {
        let (mut names, mut dirs) = (Vec::new(), Vec::new());
        for row in &rows {
            let mut listing = self.snapshot.listing(*row)?;
            while let Some(node) = listing.next_packed() {
                let digest = xxh3_64(&folded(node.name));
                names.push(digest);
                dirs.extend(node.row.map(|row| (digest, row)));
            }
        }
        names.sort_unstable();
        dirs.sort_unstable();
        self.stack.push(FoldedDir { path, rows, names, dirs, by_digest: None });
        Ok(())
    }

    /// The others in the last directory, which holds the path itself so many times.
    fn in_last(&mut self, path: &[u8], own: usize) -> Result<Vec<Vec<u8>>> {
        let Some(dir) = self.stack.last_mut() else { return Ok(Vec::new()) };
        let name = first_name(path, &dir.path);
        let folded_name = folded(name);
        let digest = xxh3_64(&folded_name);
        let equal = dir.names[dir.names.partition_point(|of| *of < digest)..].iter().take_while(|of| **of == digest);
        if equal.count() <= own {
            return Ok(Vec::new());
        }
        if dir.by_digest.is_none() {
            let mut all = NamesByDigest::default();
            for row in &dir.rows {
                let mut listing = self.snapshot.listing(*row)?;
                while let Some(node) = listing.next_packed() {
                    all.entry(xxh3_64(&folded(node.name))).or_default().push((*row, node.name.to_vec()));
                }
            }
            dir.by_digest = Some(all);
        }
        let mut others = Vec::new();
        for (row, name) in dir.by_digest.iter().filter_map(|all| all.get(&digest)).flatten() {
            let mut other = self.snapshot.path_of(*row)?;
            push(&mut other, name);
            if folded(name) == folded_name && other != path {
                others.push(other);
            }
        }
        Ok(others)
    }
}

/// The first name of a path below a directory.
fn first_name<'p>(path: &'p [u8], dir: &[u8]) -> &'p [u8] {
    let rest = &path[dir.len() + usize::from(!dir.ends_with(b"/"))..];
    &rest[..memchr::memchr(b'/', rest).unwrap_or(rest.len())]
}
