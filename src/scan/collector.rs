//! Takes the results of the walk to the builder.

use std::path::Path;
use std::time::Duration;

use super::missed_hints::{HintFindings, MissedHints};
use crate::Result;
use crate::metadata::{DeviceIndex, Time};
use crate::snapshot::{Builder, BuiltDir, Child, Snapshot};
use crate::walk::{FinishedDir, FinishedRoot, NewestRule, PatchedDir, Sink, WalkDevice};

/// Hands finished directories to the builder.
pub(super) struct Collector<'b> {
    pub(super) builder: Builder<'b>,
    base: Option<&'b Snapshot>,
    /// Only for a scan with hints.
    missed_hints: Option<MissedHints>,
}

impl<'b> Collector<'b> {
    pub(super) fn new(base: Option<&'b Snapshot>, missed_hints: Option<MissedHints>, output: &Path) -> Self {
        Self { builder: Builder::new(base, missed_hints.is_some(), output), base, missed_hints }
    }

    /// What the walk found out about the hints, when it is over.
    pub(super) fn hint_findings(&mut self) -> Option<HintFindings> {
        let mut findings = self.missed_hints.as_ref()?.take();
        findings.linked.extend(self.builder.take_removed_links().into_iter().map(|inode| (inode, true)));
        Some(findings)
    }
}

impl Collector<'_> {
    /// The directory that holds the roots.
    pub(super) fn top(&self, names: &[Vec<u8>], roots: &[FinishedRoot<BuiltDir>]) -> BuiltDir {
        let children = names.iter().zip(roots).map(|(name, root)| Child { name, stat: root.stat, flags: root.flags });
        let subdirs: Vec<_> = roots.iter().map(|r| r.done).collect();
        self.builder.top(children, &subdirs)
    }

    /// Flags the newest entries as racy on file systems whose clock is unknown.
    pub(super) fn flag_newest(
        &mut self,
        top: BuiltDir,
        devices: &[WalkDevice],
        walk: Duration,
        boundary: Time,
    ) -> Result<BuiltDir> {
        let walk_of = |d: &WalkDevice| if d.is_frozen { Duration::ZERO } else { walk };
        let rule = |d: &WalkDevice| d.unknown_clock.then(|| NewestRule::new(d.keeps_ctime, walk_of(d), boundary));
        let mut rules: Vec<_> = devices.iter().map(rule).collect();
        self.builder.each(|device, child| {
            if let Some(Some(rule)) = rules.get_mut(device.index()) {
                rule.see(&child.stat);
            }
        })?;
        let is_racy = |device: DeviceIndex, child: &Child<'_>| {
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
        self.builder.directory(directory.thread, directory.device, directory.base_row, children, &subdirs)
    }

    fn patched(&self, directory: &PatchedDir<'_>, subdirs: &[BuiltDir]) -> Option<BuiltDir> {
        let listing = self.base?.listing(directory.row).ok()?;
        let changed =
            listing.changed(directory.files.iter().chain(directory.dirs).map(|e| (e.name.0, e.stat, e.flags)));
        let patched = self
            .builder
            .patch_directory(directory.thread, directory.device, directory.row, &changed, subdirs)
            .ok()??;
        if let Some(missed_hints) = &self.missed_hints {
            missed_hints.see_changed(changed.iter().map(|c| (&c.before, &c.now)));
        }
        Some(patched)
    }

    fn keep(&self, row: u32) -> Option<BuiltDir> {
        self.builder.keep(row).ok()?
    }

    fn carry(&self, row: u32) -> Option<BuiltDir> {
        self.builder.carry(row).ok()?
    }
}
