//! What a narrowed walk comes upon beside the directories themselves: hints that were lost, and changed files that have
//! other names.

use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::metadata::{Flags, Kind, Time};
use crate::path::push;
use crate::snapshot::{Child, Snapshot};
use crate::walk::{FinishedDir, Looked, WalkEntry};

/// So many of the entries that no hint named are told one by one.
const MOST_TOLD: usize = 10;

/// What a narrowed walk came upon.
#[derive(Debug, Default)]
pub(super) struct HintFindings {
    /// Entries that changed before the hints end, without one.
    pub(super) missed: u64,
    /// The first of them: their paths.
    pub(super) first_missed: Vec<Vec<u8>>,
    /// The inodes of files with several names that changed, came or went; true where a name that the base has was come upon.
    pub(super) linked: FxHashMap<u64, bool>,
    /// A hint names something below a symlink.
    pub(super) through_symlink: bool,
}

impl HintFindings {
    fn add_linked(&mut self, inode: u64, is_known: bool) {
        *self.linked.entry(inode).or_default() |= is_known;
    }
}

/// Watches a narrowed walk.
#[derive(Debug)]
pub(super) struct MissedHints {
    /// What changed before this time was to be hinted at.
    until: Time,
    found: Mutex<HintFindings>,
}

impl MissedHints {
    pub(super) fn new(until: Time) -> Self {
        Self { until, found: Mutex::default() }
    }

    pub(super) fn take(&self) -> HintFindings {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at entries that hints named and that changed: how they were and how they are.
    pub(super) fn see_changed<'a, 'b: 'a>(&self, pairs: impl Iterator<Item = (&'a Child<'b>, &'a Child<'b>)>) {
        for (before, now) in pairs.filter(|(before, now)| before.is_linked() || now.is_linked()) {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.add_linked(before.stat.ino, true);
            if now.is_linked() {
                found.add_linked(now.stat.ino, false);
            }
        }
    }

    /// A hint names something below a symlink, where another path leads to as well.
    pub(super) fn see_symlink(&self) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).through_symlink = true;
    }

    /// Looks at a directory that the walk read.
    pub(super) fn see(&self, base: &Snapshot, directory: &FinishedDir<'_>) {
        if directory.looked == Looked::Not {
            return;
        }
        let listing = directory.listing;
        let mut found = HintFindings::default();
        let mut entries = listing.entries.iter().peekable();
        let child = |e: &WalkEntry| Child { name: listing.name(e), stat: e.stat, flags: e.flags };
        let known = directory.known.and_then(|row| Some((row, base.listing(row).ok()?)));
        let row = known.as_ref().map(|(row, _)| *row);
        let mut see = |before: Option<&Child<'_>>, now: Option<&Child<'_>>| {
            let is_linked = [before, now].into_iter().flatten().any(Child::is_linked);
            if is_linked {
                before
                    .filter(|child| child.kind() != Kind::Dir)
                    .inspect(|child| found.add_linked(child.stat.ino, true));
                now.filter(|child| child.is_linked()).inspect(|child| found.add_linked(child.stat.ino, false));
                // The hint may have named another of its names; all of them will be looked at.
                return;
            }
            let changed = match (before, now) {
                // Directories are looked at by their own entries, if these are what changed.
                (Some(before), Some(now))
                    if before.kind() == Kind::Dir
                        && now.kind() == Kind::Dir
                        && (before.stat.mtime != now.stat.mtime || before.flags.intersects(Flags::NEVER_SKIPPED)) =>
                {
                    return;
                }
                (Some(before), Some(now)) if !before.flags.intersects(Flags::NEVER_SKIPPED) => now.stat.ctime,
                (Some(_), Some(_)) => return,
                // The directory's own time tells when a name came or went.
                _ => directory.changed,
            };
            if directory.looked == Looked::Unhinted && row.is_some() && changed < self.until {
                found.missed += 1;
                let name = before.or(now).map_or(&b""[..], |child| child.name);
                if let Some(mut path) =
                    row.and_then(|row| base.path_of(row).ok()).filter(|_| found.missed as usize <= MOST_TOLD)
                {
                    push(&mut path, name);
                    found.first_missed.push(path);
                }
            }
        };
        for before in known.into_iter().flat_map(|(_, listing)| listing) {
            let before = before.child;
            while let Some(new) = entries.next_if(|e| listing.name(e) < before.name) {
                see(None, Some(&child(new)));
            }
            match entries.next_if(|e| listing.name(e).cmp(before.name) == Ordering::Equal) {
                Some(now) if now.stat == before.stat => {}
                now => see(Some(&before), now.map(child).as_ref()),
            }
        }
        entries.for_each(|new| see(None, Some(&child(new))));
        if found.missed > 0 || !found.linked.is_empty() {
            let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            all.missed += found.missed;
            all.first_missed.extend(found.first_missed);
            found.linked.into_iter().for_each(|(inode, is_known)| all.add_linked(inode, is_known));
        }
    }
}
