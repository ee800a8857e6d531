//! The first pass over all differences, in two parts at once where there is much to compare.

use super::change::ChangeKind;
use super::compare::{Compare, Part};
use super::kept::Kept;
use super::renames::Finder;
use crate::Result;
use crate::snapshot::Snapshot;

/// Fewer directories are compared sooner than a thread is woken.
const WORTH_TWO: u32 = 4_000;

/// What the first pass found.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) removed: u64,
    pub(super) unknown: u64,
    pub(super) finder: Finder,
    /// None if they are too many.
    pub(super) kept: Option<Kept>,
}

impl Gathered {
    /// Goes over the differences of a part.
    pub(super) fn new(old: &Snapshot, new: &Snapshot, part: Part<'_>, renames: bool) -> Result<Self> {
        let mut gathered = Self { removed: 0, unknown: 0, finder: Finder::new(old, new), kept: Some(Kept::default()) };
        let mut compare = Compare::of_part(old, new, part)?;
        while let Some(raw) = compare.next()? {
            if gathered.kept.as_mut().is_some_and(|kept| !kept.push(&raw, compare.path())) {
                gathered.kept = None;
            }
            match raw.kind {
                ChangeKind::Removed => gathered.removed += 1,
                ChangeKind::Unknown => gathered.unknown += 1,
                _ => {}
            }
            if renames {
                gathered.finder.take(&raw, compare.path(), old, new);
            }
        }
        Ok(gathered)
    }

    /// This part and the later one.
    pub(super) fn and(mut self, later: Self) -> Self {
        self.removed += later.removed;
        self.unknown += later.unknown;
        self.finder.append(later.finder);
        self.kept = match (self.kept, later.kept) {
            (Some(mut kept), Some(more)) => kept.append(&more).then_some(kept),
            _ => None,
        };
        self
    }
}

/// The name of the child of the only root that begins the second half of what lies below it; none if
/// there is nothing to divide.
pub(super) fn middle<'a>(old: &Snapshot, new: &'a Snapshot) -> Result<Option<&'a [u8]>> {
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
