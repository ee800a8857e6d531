//! What a walk with hints finds out about them: hints that were lost, and changed files that have other names.

use std::cmp::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::metadata::{Flags, Kind, Time};
use crate::path::push;
use crate::snapshot::{Child, Snapshot};
use crate::walk::{FinishedDir, StatReason, WalkEntry};

/// At most this many entries that no hint named are reported one by one.
const MOST_REPORTED: usize = 10;

/// What was found out.
#[derive(Debug, Default)]
pub(super) struct HintFindings {
    /// How many entries changed before the hints end, and no hint named them.
    pub(super) missed: u64,
    /// The paths of the first of them.
    pub(super) first_missed: Vec<Vec<u8>>,
    /// The inodes of files with several names that changed, came or went; true if the walk saw a name that the base
    /// has.
    pub(super) linked: FxHashMap<u64, bool>,
}

impl HintFindings {
    fn add_linked(&mut self, inode: u64, is_seen: bool) {
        *self.linked.entry(inode).or_default() |= is_seen;
    }
}

/// Watches a walk with hints.
#[derive(Debug)]
pub(super) struct MissedHints {
    /// What changed before this time, a hint has to name.
    until: Time,
    findings: Mutex<HintFindings>,
}

impl MissedHints {
    pub(super) fn new(until: Time) -> Self {
        Self { until, findings: Mutex::default() }
    }

    /// What was found out so far.
    pub(super) fn take(&self) -> HintFindings {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, HintFindings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes entries that hints named and that changed: as they were and as they are.
    pub(super) fn see_changed<'a, 'b: 'a>(&self, pairs: impl Iterator<Item = (&'a Child<'b>, &'a Child<'b>)>) {
        for (before, now) in pairs.filter(|(before, now)| before.is_linked() || now.is_linked()) {
            let mut findings = self.lock();
            findings.add_linked(before.stat.ino, true);
            if now.is_linked() {
                findings.add_linked(now.stat.ino, false);
            }
        }
    }

    /// Takes a directory that the walk read.
    pub(super) fn see(&self, base: &Snapshot, directory: &FinishedDir<'_>) {
        if directory.stat_reason == StatReason::NotDone {
            return;
        }
        let listing = directory.listing;
        let mut findings = HintFindings::default();
        let mut entries = listing.entries.iter().peekable();
        let child = |e: &WalkEntry| Child { name: listing.name(e), stat: e.stat, flags: e.flags };
        let in_base = directory.base_row.and_then(|row| Some((row, base.listing(row).ok()?)));
        let row = in_base.as_ref().map(|(row, _)| *row);
        let mut see = |before: Option<&Child<'_>>, now: Option<&Child<'_>>| {
            let is_linked = [before, now].into_iter().flatten().any(Child::is_linked);
            if is_linked {
                before
                    .filter(|child| child.kind() != Kind::Dir)
                    .inspect(|child| findings.add_linked(child.stat.ino, true));
                now.filter(|child| child.is_linked()).inspect(|child| findings.add_linked(child.stat.ino, false));
                // A hint may have named another of its names. All of them will be read.
                return;
            }
            let changed = match (before, now) {
                // If the entries of a child directory changed, that shows in its own turn.
                (Some(before), Some(now))
                    if before.kind() == Kind::Dir
                        && now.kind() == Kind::Dir
                        && (before.stat.mtime != now.stat.mtime || before.flags.intersects(Flags::NEVER_SKIPPED)) =>
                {
                    return;
                }
                (Some(before), Some(now)) if !before.flags.intersects(Flags::NEVER_SKIPPED) => now.stat.ctime,
                (Some(_), Some(_)) => return,
                // The directory's own ctime says when a name came or went.
                _ => directory.ctime,
            };
            if directory.stat_reason == StatReason::Unhinted && row.is_some() && changed < self.until {
                findings.missed += 1;
                let name = before.or(now).map_or(&b""[..], |child| child.name);
                if let Some(mut path) =
                    row.and_then(|row| base.path_of(row).ok()).filter(|_| findings.missed as usize <= MOST_REPORTED)
                {
                    push(&mut path, name);
                    findings.first_missed.push(path);
                }
            }
        };
        for before in in_base.into_iter().flat_map(|(_, listing)| listing) {
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
        if findings.missed > 0 || !findings.linked.is_empty() {
            let mut all = self.lock();
            all.missed += findings.missed;
            all.first_missed.extend(findings.first_missed);
            findings.linked.into_iter().for_each(|(inode, is_seen)| all.add_linked(inode, is_seen));
        }
    }
}
