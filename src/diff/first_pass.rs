//! The first pass over all differences: counts them, collects what may be renames, and caches them if they are few.
//! Several threads share it if there is much to compare.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::cached_changes::{CacheBudget, CachedChanges};
use super::change::ChangeKind;
use super::compare::{Compare, TreePart};
use super::inodes::Renumbered;
use super::renames::RenameFinder;
use crate::Result;
use crate::metadata::Fields;
use crate::snapshot::{Device, Snapshot};
use crate::walk::is_stub;

/// With fewer directories, waking a second thread takes longer than comparing them.
const WORTH_TWO: u32 = 4_000;

/// More threads would wait for memory.
const MOST_THREADS: usize = 8;

/// Parts of the tree for each thread. Several, because some parts hold many more changes than others.
const PARTS_A_THREAD: u32 = 8;

/// What the first pass found.
#[derive(Debug)]
pub(super) struct FirstPass {
    pub(super) removed: u64,
    pub(super) unknown: u64,
    /// Directories that became stubs of subvolumes.
    pub(super) stubs: Vec<Vec<u8>>,
    pub(super) finder: RenameFinder,
    pub(super) renumbered: Renumbered,
    /// None if there are too many.
    pub(super) cached: Option<CachedChanges>,
}

impl FirstPass {
    /// Goes over all differences. On the `renumbered` file systems inodes do not count.
    pub(super) fn all<'a>(
        old: &'a Snapshot,
        new: &'a Snapshot,
        renumbered: &Arc<[&'a Device]>,
        renames: bool,
    ) -> Result<Self> {
        let budget = CacheBudget::default();
        let of = |part| Self::of_part(old, new, part, renumbered, renames, &budget);
        let threads = thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS));
        let parts = divide(old, new, threads as u32 * PARTS_A_THREAD)?;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut found = Vec::new();
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                found.push((part.from, of(*part)));
            }
            found
        };
        let mut found = thread::scope(|scope| {
            let helpers = 1..threads.min(parts.len());
            // If the system has no thread to spare, this one does it all.
            let helpers: Vec<_> = helpers
                .map_while(|_| thread::Builder::new().name("compare".into()).spawn_scoped(scope, work).ok())
                .collect();
            let mut found = work();
            for helper in helpers {
                found.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            found
        });
        found.sort_unstable_by_key(|(from, _)| *from);
        let mut parts = found.into_iter().map(|(_, part)| part);
        let first = parts.next().unwrap_or_else(|| of(TreePart::default()))?;
        parts.try_fold(first, |all, part| Ok(all.and(part?)))
    }

    fn of_part<'a>(
        old: &'a Snapshot,
        new: &'a Snapshot,
        part: TreePart<'a>,
        renumbered: &Arc<[&'a Device]>,
        renames: bool,
        budget: &CacheBudget,
    ) -> Result<Self> {
        let mut pass = Self {
            removed: 0,
            unknown: 0,
            stubs: Vec::new(),
            finder: RenameFinder::new(old, new),
            renumbered: Renumbered::default(),
            cached: Some(CachedChanges::new()),
        };
        let mut compare = Compare::new(old, new, part, renumbered)?;
        while let Some(raw) = compare.next()? {
            if pass.cached.as_mut().is_some_and(|cached| !cached.push(&raw, compare.path(), budget)) {
                pass.cached = None;
            }
            match raw.kind {
                ChangeKind::Removed => pass.removed += 1,
                ChangeKind::Unknown => pass.unknown += 1,
                ChangeKind::Modified if raw.fields.contains(Fields::INODE) => {
                    if raw.new.is_some_and(|new| is_stub(&new.stat)) {
                        pass.stubs.push(compare.path().to_vec());
                    }
                    if let Some(device) = compare.last_old().device {
                        pass.renumbered.count(old, device);
                    }
                }
                _ => {}
            }
            if renames {
                pass.finder.add(&raw, &compare);
            }
        }
        Ok(pass)
    }

    /// Adds a later part.
    fn and(mut self, later: Self) -> Self {
        self.removed += later.removed;
        self.unknown += later.unknown;
        self.stubs.extend(later.stubs);
        self.finder.append(later.finder);
        self.renumbered.append(&later.renumbered);
        self.cached = match (self.cached, later.cached) {
            (Some(mut cached), Some(more)) => {
                cached.append(more);
                Some(cached)
            }
            _ => None,
        };
        self
    }
}

/// Divides what lies below the only root into about this many parts with about as many directories each, in tree
/// order. One part if there are several roots or little to compare.
fn divide<'a>(old: &Snapshot, new: &'a Snapshot, parts: u32) -> Result<Vec<TreePart<'a>>> {
    let whole = vec![TreePart::default()];
    let top = new.row(new.top())?;
    if top.subtree < WORTH_TWO || old.header().root_digest == new.header().root_digest {
        return Ok(whole);
    }
    let mut roots = new.listing(new.top())?;
    let (Some(root), None) = (roots.next(), roots.next()) else { return Ok(whole) };
    let Some(row) = root.row else { return Ok(whole) };
    let enough = new.row(row)?.subtree / parts;
    let mut divided = whole;
    let mut directories = 0;
    for node in new.listing(row)? {
        if let Some(child) = node.row {
            if directories >= enough {
                if let Some(last) = divided.last_mut() {
                    last.until = Some(node.child.name);
                }
                divided.push(TreePart { from: Some(node.child.name), until: None });
                directories = 0;
            }
            directories += new.row(child)?.subtree;
        }
    }
    Ok(divided)
}
