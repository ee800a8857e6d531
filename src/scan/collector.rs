//! What stands between the walker and the builder: hands on finished directories, and what the base knows.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::missed_hints::{HintFindings, MissedHints};
use crate::Result;
use crate::metadata::{DeviceNumber, Flags, Stat, Time};
use crate::path::parent;
use crate::snapshot::{Builder, BuiltDir, Child, Node, Row, Snapshot};
use crate::walk::{
    BaseDir, BaseListing, Detail, FinishedDir, FinishedRoot, NewestRule, PatchedDir, Sink, WalkDevice, WalkEntry,
};

/// Takes finished directories from the walker to the builder, and last known states from the base.
pub(super) struct Collector<'b> {
    pub(super) builder: Builder<'b>,
    base: Option<&'b Snapshot>,
    /// The rows of the base's directories that held files of its own scan.
    held_own: Vec<u32>,
    /// What a narrowed walk came upon; none if it is not narrowed.
    pub(super) missed_hints: Option<MissedHints>,
    /// The directory of the base that was asked for last, by name: entries that cannot be read come in
    /// whole directories.
    last: Mutex<Option<KnownDir<'b>>>,
}

/// A directory of the base: its path and its entries by name.
struct KnownDir<'b> {
    path: Vec<u8>,
    nodes: FxHashMap<&'b [u8], Node<'b>>,
}

impl<'b> Collector<'b> {
    pub(super) fn new(base: Option<&'b Snapshot>, missed_hints: Option<MissedHints>, output: &Path) -> Self {
        let held_own = |base: &Snapshot| {
            let own = base.meta().own_files.iter().filter_map(|path| parent(path.strip_suffix(b"/").unwrap_or(path)));
            own.filter_map(|dir| base.find_node(dir).ok()??.row).collect()
        };
        let held_own = base.map(held_own).unwrap_or_default();
        Self {
            builder: Builder::new(base, missed_hints.is_some(), output),
            base,
            held_own,
            missed_hints,
            last: Mutex::default(),
        }
    }

    /// What a narrowed walk came upon, when it is over.
    pub(super) fn found(&mut self) -> Option<HintFindings> {
        let mut found = self.missed_hints.as_ref()?.take();
        found.linked.extend(self.builder.take_removed_links().into_iter().map(|inode| (inode, true)));
        Some(found)
    }

    fn as_known(base: &Snapshot, row: u32, child: &Child<'_>) -> Option<BaseDir> {
        let Row { subtree, flags: below, .. } = base.row(row).ok()?;
        let is_mount = base.mounted_at(row).is_some();
        Some(BaseDir { row, stat: child.stat, flags: child.flags, below, subtree, is_mount })
    }

    /// The entry of the base at a path. A damaged base knows nothing; without it the entry is unknown,
    /// which is the truth.
    fn known(&self, path: &[u8]) -> Option<Node<'b>> {
        let base = self.base?;
        let (Some(parent), false) = (parent(path), base.meta().roots.iter().any(|root| root == path)) else {
            return base.find_node(path).ok()?;
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|known| known.path != parent) {
            let row = base.find_node(parent).ok()??.row?;
            let nodes = base.listing(row).ok()?.map(|node| (node.child.name, node)).collect();
            *last = Some(KnownDir { path: parent.to_vec(), nodes });
        }
        last.as_ref()?.nodes.get(&path[parent.len() + usize::from(!parent.ends_with(b"/"))..]).copied()
    }
}

impl Collector<'_> {
    /// The directory that holds the roots.
    pub(super) fn top(&self, names: &[Vec<u8>], roots: &[FinishedRoot<BuiltDir>]) -> BuiltDir {
        let children = names.iter().zip(roots).map(|(name, root)| Child { name, stat: root.stat, flags: root.flags });
        let subdirs: Vec<_> = roots.iter().map(|r| r.done).collect();
        self.builder.top(children, &subdirs)
    }

    /// Where the clock of a file system is unknown, the newest stamps are racy.
    pub(super) fn flag_newest(
        &mut self,
        top: BuiltDir,
        devices: &[WalkDevice],
        walk: Duration,
        boundary: Time,
    ) -> Result<BuiltDir> {
        let rule = |d: &WalkDevice| d.unknown_clock.then(|| NewestRule::new(d.keeps_ctime, walk, boundary));
        let mut rules: Vec<_> = devices.iter().map(rule).collect();
        self.builder.each(|device, child| {
            if let Some(Some(rule)) = rules.get_mut(device.index()) {
                rule.see(&child.stat);
            }
        })?;
        let is_racy = |device: DeviceNumber, child: &Child<'_>| {
            rules.get(device.index()).and_then(Option::as_ref).is_some_and(|rule| rule.is_racy(&child.stat))
        };
        self.builder.flag_racy(top, is_racy)
    }
}

impl Sink for Collector<'_> {
    type Done = BuiltDir;

    fn directory(&self, directory: &FinishedDir<'_>, subdirs: Vec<BuiltDir>) -> BuiltDir {
        let listing = directory.listing;
        if let (Some(base), Some(missed_hints)) = (self.base, &self.missed_hints) {
            missed_hints.see(base, directory);
        }
        let children = listing.entries.iter().map(|e| Child { name: listing.name(e), stat: e.stat, flags: e.flags });
        self.builder.directory(directory.thread, directory.device, directory.known, children, &subdirs)
    }

    fn known_root(&self, number: usize) -> Option<BaseDir> {
        let base = self.base?;
        let node = base.listing(base.top()).ok()?.nth(number)?;
        Self::as_known(base, node.row?, &node.child)
    }

    fn listing_of_base(&self, row: u32, detail: Detail) -> Option<BaseListing> {
        let base = self.base?;
        let mut listing = base.listing(row).ok()?;
        let mut listing_of_base = BaseListing {
            names: listing.block.names_with_nul().to_vec(),
            lacks_own: self.held_own.contains(&row),
            flags: listing.block.flags_of_files(),
            ..BaseListing::default()
        };
        let mut start = 0;
        while let Some(node) = listing.next_packed() {
            // No snapshot of ours holds such a name; a path made of it could lead out of the root.
            if matches!(node.name, b"" | b"." | b"..") || memchr::memchr(b'/', node.name).is_some() {
                return None;
            }
            let place = (start, node.name.len() as u16);
            start += node.name.len() as u32 + 1;
            match node.row {
                Some(row) => {
                    listing_of_base.subdirs.push((place, Self::as_known(base, row, &listing.unpack(&node).child)?));
                }
                None => match detail {
                    Detail::Subdirs => {}
                    Detail::Names => listing_of_base.files.push(place),
                    Detail::Metadata => {
                        let Child { stat, flags, .. } = listing.unpack(&node).child;
                        listing_of_base.entries.push(WalkEntry { name: place, stat, flags });
                    }
                },
            }
        }
        Some(listing_of_base)
    }

    fn passed(&self, directory: &PatchedDir<'_>, subdirs: &[BuiltDir]) -> Option<BuiltDir> {
        let base = self.base?;
        let listing = base.listing(directory.row).ok()?;
        let changed =
            listing.changed(directory.files.iter().chain(directory.dirs).map(|e| (e.name.0, e.stat, e.flags)));
        let revised = self
            .builder
            .patch_directory(directory.thread, directory.device, directory.row, &changed, subdirs)
            .ok()??;
        if let Some(missed_hints) = &self.missed_hints {
            missed_hints.see_changed(changed.iter().map(|c| (&c.before, &c.now)));
        }
        Some(revised)
    }

    fn hint_below_symlink(&self) {
        self.missed_hints.as_ref().inspect(|missed_hints| missed_hints.see_symlink());
    }

    fn kept(&self, row: u32) -> Option<BuiltDir> {
        self.builder.keep(row).ok()?
    }

    fn known_file_system(&self, row: u32) -> Option<&str> {
        Some(self.base?.mounted_at(row)?.identity.as_str())
    }

    fn last_known(&self, path: &[u8]) -> Option<(Stat, Flags, Option<BuiltDir>)> {
        let node = self.known(path)?;
        let child = node.child;
        let known = !child.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED | Flags::NOT_ENTERED)
            || child.flags.contains(Flags::CARRIED);
        if !known {
            return None;
        }
        let done = match node.row {
            Some(row) => Some(self.builder.carry(row).ok()??),
            None => None,
        };
        Some((child.stat, child.flags, done))
    }
}
