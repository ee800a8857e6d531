//! The first pass over all differences, in two parts at once where there is much to compare.

use std::sync::Arc;

use super::change::ChangeKind;
use super::compare::{Compare, Part};
use super::inodes::Renumbered;
use super::kept::Kept;
use super::renames::Finder;
use crate::Result;
use crate::entry::Fields;
use crate::snapshot::{Device, Snapshot};

/// Fewer directories are compared sooner than a thread is woken.
const WORTH_TWO: u32 = 4_000;

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) removed: u64,
    pub(super) unknown: u64,
    pub(super) finder: Finder,
    pub(super) renumbered: Renumbered,
    /// None if they are too many.
    pub(super) kept: Option<Kept>,
}

impl Gathered {
    /// Goes over all differences; on the `renumbered` file systems inodes do not count.
    pub(super) fn all<'a>(
        old: &'a Snapshot,
        new: &'a Snapshot,
        renumbered: &Arc<[&'a Device]>,
        renames: bool,
    ) -> Result<Self> {
        let middle = middle(old, new)?;
        let first = Part { from: None, until: middle };
        let of = |part| Self::of_part(old, new, part, renumbered, renames);
        let Some(from) = middle else { return of(first) };
        let later = Part { from: Some(from), until: None };
        let (first, later) = std::thread::scope(|threads| {
            match std::thread::Builder::new().name("compare".into()).spawn_scoped(threads, || of(later)) {
                Ok(thread) => {
                    let first = of(first);
                    (first, thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                }
                // No thread is to be had.
                Err(_) => (of(first), of(later)),
            }
        });
        Ok(first?.and(later?))
    }

    fn of_part<'a>(
        old: &'a Snapshot,
        new: &'a Snapshot,
        part: Part<'a>,
        renumbered: &Arc<[&'a Device]>,
        renames: bool,
    ) -> Result<Self> {
        let mut gathered = Self {
            removed: 0,
            unknown: 0,
            finder: Finder::new(old, new),
            renumbered: Renumbered::default(),
            kept: Some(Kept::default()),
        };
        let mut compare = Compare::new(old, new, part, renumbered)?;
        while let Some(raw) = compare.next()? {
            if gathered.kept.as_mut().is_some_and(|kept| !kept.push(&raw, compare.path())) {
                gathered.kept = None;
            }
            match raw.kind {
                ChangeKind::Removed => gathered.removed += 1,
                ChangeKind::Unknown => gathered.unknown += 1,
                ChangeKind::Modified if raw.fields.contains(Fields::INODE) => {
                    if let Some(device) = raw.old_device(Some((old, new))) {
                        gathered.renumbered.count(old, device);
                    }
                }
                _ => {}
            }
            if renames {
                gathered.finder.take(&raw, compare.path(), old, new);
            }
        }
        Ok(gathered)
    }

    /// This part and the later one.
    fn and(mut self, later: Self) -> Self {
        self.removed += later.removed;
        self.unknown += later.unknown;
        self.finder.append(later.finder);
        self.renumbered.append(&later.renumbered);
        self.kept = match (self.kept, later.kept) {
            (Some(mut kept), Some(more)) => kept.append(&more).then_some(kept),
            _ => None,
        };
        self
    }
}

/// The name of the child of the only root that begins the second half of what lies below it; none if
/// there is nothing to divide.
fn middle<'a>(old: &Snapshot, new: &'a Snapshot) -> Result<Option<&'a [u8]>> {
    let top = new.row(new.top())?;
    if top.subtree < WORTH_TWO || old.header().root_digest == new.header().root_digest {
        return Ok(None);
    }
    let mut roots = new.listing(new.top())?;
    let (Some(root), None) = (roots.next(), roots.next()) else { return Ok(None) };
    let Some(row) = root.row else { return Ok(None) };
    let half = new.row(row)?.subtree / 2;
    let mut before = 0;
    for node in new.listing(row)? {
        if let Some(child) = node.row {
            before += new.row(child)?.subtree;
            if before > half {
                return Ok(Some(node.child.name));
            }
        }
    }
    Ok(None)
}
