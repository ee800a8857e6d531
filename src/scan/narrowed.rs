//! What a narrowed walk comes upon beside the directories themselves: hints that were lost, and changed files that have
//! other names.

use std::cmp::Ordering;
use std::sync::{Mutex, PoisonError};

use rustc_hash::FxHashSet;

use crate::entry::{Flags, Kind, Time};
use crate::path::push;
use crate::snapshot::{Child, Snapshot};
use crate::walk::{Directory, Entry, Looked};

/// So many of the entries that no hint named are told one by one.
const MOST_TOLD: usize = 10;

/// What a narrowed walk came upon.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Entries that changed before the hints end, without one.
    pub(super) missed: u64,
    /// The first of them: their paths.
    pub(super) first_missed: Vec<Vec<u8>>,
    /// The inodes of files with several names that changed, came or went.
    pub(super) linked: FxHashSet<u64>,
}

/// Watches a narrowed walk.
#[derive(Debug)]
pub(super) struct Narrowed {
    /// What changed before this time was to be hinted at.
    until: Time,
    found: Mutex<Found>,
}

impl Narrowed {
    pub(super) fn new(until: Time) -> Self {
        Self { until, found: Mutex::default() }
    }

    pub(super) fn take(&self) -> Found {
        std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at entries that hints named and that changed: how they were and how they are.
    pub(super) fn see_changed<'a, 'b: 'a>(&self, children: impl Iterator<Item = &'a Child<'b>>) {
        let linked: Vec<_> = children.filter(|c| c.is_linked()).map(|c| c.stat.ino).collect();
        if !linked.is_empty() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).linked.extend(linked);
        }
    }

    /// Looks at a directory that the walk read.
    pub(super) fn see(&self, base: &Snapshot, directory: &Directory<'_>) {
        if directory.looked == Looked::Not {
            return;
        }
        let listing = directory.listing;
        let mut found = Found::default();
        let mut entries = listing.entries.iter().peekable();
        let child = |e: &Entry| Child { name: listing.name(e), stat: e.stat, flags: e.flags };
        let known = directory.known.and_then(|row| Some((row, base.listing(row).ok()?)));
        let row = known.as_ref().map(|(row, _)| *row);
        let mut see = |before: Option<&Child<'_>>, now: Option<&Child<'_>>| {
            let linked: Vec<_> = [before, now].into_iter().flatten().filter(|c| c.is_linked()).collect();
            found.linked.extend(linked.iter().map(|child| child.stat.ino));
            if !linked.is_empty() {
                // The hint may have named another of its names; all of them will be looked at.
                return;
            }
            let changed = match (before, now) {
                // Directories are looked at by their own entries.
                (Some(before), Some(now)) if before.kind() == Kind::Dir && now.kind() == Kind::Dir => return,
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
            all.linked.extend(found.linked);
        }
    }
}
