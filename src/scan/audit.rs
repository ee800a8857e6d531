//! The audit: each scan with hints also reads a share of the tree that no hint names, so that a lost hint is found
//! within a known number of scans.

use crate::Result;
use crate::path::is_within;
use crate::snapshot::Snapshot;
use crate::sources::DirtyRows;

/// The share of one scan.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The directories of the base that are read.
    pub(super) rows: DirtyRows,
    /// The last of them; the next scan goes on behind it.
    pub(super) last: Option<Vec<u8>>,
}

impl Audit {
    /// The next share of the directories of `base`, in percent, behind those of the last audit.
    pub(super) fn next(base: &Snapshot, percent: f64) -> Result<Self> {
        let all = base.top();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most all rows")]
        let count = (f64::from(all) * percent.clamp(0.0, 100.0) / 100.0).ceil() as u32;
        if count == 0 {
            return Ok(Self { last: base.meta().audited.clone(), ..Self::default() });
        }
        let start = match &base.meta().audited {
            Some(last) => row_after(base, last)?,
            None => 0,
        };
        let end = start.saturating_add(count);
        let rows = [start..end.min(all), 0..end.saturating_sub(all).min(start)];
        let end = if rows[1].is_empty() { rows[0].end } else { rows[1].end };
        let last = end.checked_sub(1).map(|row| base.path_of(row)).transpose()?;
        Ok(Self { rows: DirtyRows::from(rows), last })
    }
}

/// The row behind that of the directory at `path`, or behind its place if it is gone. The first one after the last.
fn row_after(base: &Snapshot, path: &[u8]) -> Result<u32> {
    let mut dir = base.top();
    let mut rest: Vec<&[u8]> = Vec::new();
    for root in base.listing(dir)? {
        if let (true, Some(row)) = (is_within(path, root.child.name), root.row) {
            dir = row;
            rest = path[root.child.name.len()..].split(|b| *b == b'/').filter(|name| !name.is_empty()).collect();
        }
    }
    let mut next = if dir == base.top() { 0 } else { dir + 1 };
    for name in rest {
        // Behind it come its later siblings, and then the directory that holds them.
        let mut child = None;
        next = dir;
        for node in base.listing(dir)? {
            let Some(row) = node.row else { continue };
            if node.child.name == name {
                child = Some(row);
                next = row + 1;
            } else if node.child.name > name && child.is_none() {
                next = *base.subtree_rows(row)?.start();
                break;
            }
        }
        let Some(row) = child else { break };
        dir = row;
    }
    Ok(if next >= base.top() { 0 } else { next })
}
