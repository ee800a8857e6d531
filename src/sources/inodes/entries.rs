//! Entries of the base by number, and their paths.

use crate::Result;
use crate::path::push;
use crate::snapshot::Snapshot;

/// An entry of the base: the row of the directory that holds it, and its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct BaseEntry {
    pub(super) row: u32,
    pub(super) place: u32,
}

/// Where an entry of the base lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct BaseEntryPlace<'a> {
    pub(super) entry: BaseEntry,
    pub(super) path: &'a [u8],
}

/// A step down the tree, which may be deeper than the stack.
enum TreeStep<'b> {
    Enter { row: u32, name: &'b [u8] },
    Leave(usize),
}

/// Calls `f` for each of these entries, in no order. Reads only the directories on the way to them.
///
/// # Errors
/// A damaged base.
pub(super) fn each_entry(
    base: &Snapshot,
    entries: impl IntoIterator<Item = BaseEntry>,
    mut f: impl FnMut(BaseEntryPlace<'_>),
) -> Result<()> {
    let mut sorted: Vec<_> = entries.into_iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let first_of = |row| sorted.partition_point(|entry| entry.row < row);
    let mut path = Vec::new();
    let mut steps = vec![TreeStep::Enter { row: base.top(), name: b"" }];
    while let Some(step) = steps.pop() {
        let (row, name) = match step {
            TreeStep::Enter { row, name } => (row, name),
            TreeStep::Leave(len) => {
                path.truncate(len);
                continue;
            }
        };
        if row != base.top() {
            steps.push(TreeStep::Leave(push(&mut path, name)));
        }
        let mut wanted = &sorted[first_of(row)..];
        let mut listing = base.listing(row)?;
        while let Some(node) = listing.next_packed() {
            if let Some(entry) = wanted.first().copied().filter(|e| (e.row, e.place) == (row, node.place)) {
                wanted = &wanted[1..];
                let len = push(&mut path, node.name);
                f(BaseEntryPlace { entry, path: &path });
                path.truncate(len);
            }
            let Some(child) = node.row else { continue };
            let rows = base.subtree_rows(child)?;
            if sorted.get(first_of(*rows.start())).is_some_and(|entry| entry.row <= *rows.end()) {
                steps.push(TreeStep::Enter { row: child, name: node.name });
            }
        }
    }
    Ok(())
}
