//! What may have changed: a tree of names, and directories of the base by row.

use std::ops::Range;

use rustc_hash::FxHashMap;

use super::roots::{RootNames, components};
use crate::path::push;

/// An entry in the tree of [`Dirty`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirtyId(u32);

#[derive(Debug, Default)]
struct DirtyNode {
    children: FxHashMap<Box<[u8]>, DirtyId>,
    read: bool,
    whole: bool,
    /// A path that was inserted leads to one of its entries.
    holds_named: bool,
}

/// What may have changed below each root. Made once, then read by many threads. All nodes lie in one arena, so that
/// paths may be of any depth.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    nodes: Vec<DirtyNode>,
    roots: FxHashMap<usize, DirtyId>,
    /// Directories of the base in which any entry may have changed, for sources that know rows and no names.
    pub(crate) rows: DirtyRows,
}

impl Dirty {
    fn add(&mut self) -> DirtyId {
        self.nodes.push(DirtyNode::default());
        DirtyId(self.nodes.len() as u32 - 1)
    }

    fn node(&mut self, DirtyId(id): DirtyId) -> &mut DirtyNode {
        &mut self.nodes[id as usize]
    }

    /// Marks the entry at `components` below a root: its own metadata has to be read, and the entries of a directory;
    /// with `whole` everything below it, too.
    pub(crate) fn insert<'p>(&mut self, root: usize, components: impl Iterator<Item = &'p [u8]>, whole: bool) {
        let mut at = if let Some(id) = self.roots.get(&root) {
            *id
        } else {
            let id = self.add();
            self.roots.insert(root, id);
            id
        };
        let mut above = None;
        for name in components {
            above = Some(at);
            at = if let Some(id) = self.node(at).children.get(name) {
                *id
            } else {
                let id = self.add();
                self.node(at).children.insert(name.into(), id);
                id
            };
        }
        if let Some(above) = above {
            self.node(above).holds_named = true;
        }
        let node = self.node(at);
        node.read = true;
        node.whole |= whole;
    }

    /// Marks the entry at a path, below whichever root it lies.
    pub(crate) fn insert_path(&mut self, path: &[u8], roots: &[RootNames]) {
        self.insert_in_all(path, false, roots);
    }

    /// Marks the entry at a path, and with `whole` everything below it. If a root lies below the path, that is marked.
    /// False if the path has nothing to do with any root.
    pub(crate) fn insert_in_all(&mut self, path: &[u8], whole: bool, roots: &[RootNames]) -> bool {
        let mut is_inside = false;
        for (number, root) in roots.iter().enumerate() {
            if let Some(rest) = root.rest(path) {
                is_inside = true;
                self.insert(number, components(rest), whole);
            } else if root.is_below(path) {
                // Above the root: only a hint for a whole tree says something about what lies below.
                is_inside = true;
                self.insert(number, std::iter::empty(), whole);
            }
        }
        is_inside
    }

    /// The node of a root; none if it holds no dirty name.
    pub(crate) fn root(&self, number: usize) -> Option<DirtyId> {
        self.roots.get(&number).copied()
    }

    /// The node of a child; none if it is not dirty and holds no dirty name.
    pub(crate) fn child(&self, DirtyId(id): DirtyId, name: &[u8]) -> Option<DirtyId> {
        self.nodes[id as usize].children.get(name).copied()
    }

    /// The children that have nodes, in no order.
    pub(crate) fn each_child(&self, DirtyId(id): DirtyId) -> impl Iterator<Item = (&[u8], DirtyId)> {
        self.nodes[id as usize].children.iter().map(|(name, id)| (&**name, *id))
    }

    /// Calls `f` with the path of each entry of a root that has to be read, and whether everything below it has to be.
    /// `path` is that of the root.
    pub(crate) fn each_read(&self, number: usize, path: &[u8], mut f: impl FnMut(&[u8], bool)) {
        /// The tree may be deeper than the stack.
        enum DirtyStep<'d> {
            Enter(&'d [u8], DirtyId),
            Leave(usize),
        }
        let Some(root) = self.root(number) else { return };
        let mut at = Vec::new();
        let mut steps = vec![DirtyStep::Enter(path, root)];
        while let Some(step) = steps.pop() {
            match step {
                DirtyStep::Leave(len) => at.truncate(len),
                DirtyStep::Enter(name, id) => {
                    steps.push(DirtyStep::Leave(push(&mut at, name)));
                    if self.is_read(id) {
                        f(&at, self.is_whole(id));
                    }
                    steps.extend(self.each_child(id).map(|(name, id)| DirtyStep::Enter(name, id)));
                }
            }
        }
    }

    /// How many children have nodes.
    pub(crate) fn children(&self, DirtyId(id): DirtyId) -> usize {
        self.nodes[id as usize].children.len()
    }

    /// Whether the entries of the directory have to be read.
    pub(crate) fn is_read(&self, DirtyId(id): DirtyId) -> bool {
        self.nodes[id as usize].read
    }

    /// Whether an entry of the directory is dirty, or all of them.
    pub(crate) fn is_named_in(&self, DirtyId(id): DirtyId) -> bool {
        let node = &self.nodes[id as usize];
        node.read || node.holds_named
    }

    /// Whether everything below has to be read.
    pub(crate) fn is_whole(&self, DirtyId(id): DirtyId) -> bool {
        self.nodes[id as usize].whole
    }
}

/// Directories of the base by row.
#[derive(Debug, Clone, Default)]
pub(crate) struct DirtyRows {
    /// In order, none of them empty.
    ranges: Vec<Range<u32>>,
}

impl DirtyRows {
    /// Whether a directory is among them.
    pub(crate) fn contains(&self, row: u32) -> bool {
        self.meets(row, row)
    }

    /// Whether a directory from the first to the last row is among them.
    pub(crate) fn meets(&self, first: u32, last: u32) -> bool {
        let at = self.ranges.partition_point(|range| range.end <= first);
        self.ranges.get(at).is_some_and(|range| range.start <= last)
    }
}

/// From ranges that do not overlap.
impl<const N: usize> From<[Range<u32>; N]> for DirtyRows {
    fn from(ranges: [Range<u32>; N]) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        Self { ranges }
    }
}
