//! The directories that have to be looked at, as a tree of names.

use rustc_hash::FxHashMap;

/// A directory in the tree of [`Dirty`].
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

/// What has to be looked at below each root. Made once, then read by many threads. All nodes lie in one arena, so that
/// paths may be of any depth.
#[derive(Debug, Default)]
pub(crate) struct Dirty {
    nodes: Vec<DirtyNode>,
    roots: FxHashMap<usize, DirtyId>,
}

impl Dirty {
    fn add(&mut self) -> DirtyId {
        self.nodes.push(DirtyNode::default());
        DirtyId(self.nodes.len() as u32 - 1)
    }

    fn node(&mut self, DirtyId(id): DirtyId) -> &mut DirtyNode {
        &mut self.nodes[id as usize]
    }

    /// Marks the entry at `components` below a root: its own metadata has to be looked at, and if it is a directory its
    /// entries; `whole` with all that lies below.
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

    /// The node of a root; none if nothing in it has to be looked at.
    pub(crate) fn root(&self, number: usize) -> Option<DirtyId> {
        self.roots.get(&number).copied()
    }

    /// The node of a child; none if nothing at or below it has to be looked at.
    pub(crate) fn child(&self, DirtyId(id): DirtyId, name: &[u8]) -> Option<DirtyId> {
        self.nodes[id as usize].children.get(name).copied()
    }

    /// How many children have nodes.
    pub(crate) fn children(&self, DirtyId(id): DirtyId) -> usize {
        self.nodes[id as usize].children.len()
    }

    /// Whether the entries of the directory have to be looked at.
    pub(crate) fn is_read(&self, DirtyId(id): DirtyId) -> bool {
        self.nodes[id as usize].read
    }

    /// Whether an entry of the directory was named, or all of them.
    pub(crate) fn is_named_in(&self, DirtyId(id): DirtyId) -> bool {
        let node = &self.nodes[id as usize];
        node.read || node.holds_named
    }

    /// Whether all that lies below has to be looked at.
    pub(crate) fn is_whole(&self, DirtyId(id): DirtyId) -> bool {
        self.nodes[id as usize].whole
    }
}
