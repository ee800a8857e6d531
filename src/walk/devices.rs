//! The file systems that a walk enters, numbered in that order, each with the rules that its directories follow.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::racy::RacyRule;
use crate::metadata::{DeviceIndex, Time};
use crate::sys::filesystem::{FileSystem, FsType, Mark, Marks};

/// How far the clock of a server may be behind ours if its time cannot be asked.
const CLOCK_MARGIN: Duration = Duration::from_mins(1);

/// A file system that a walk entered.
#[derive(Debug, Clone)]
pub(crate) struct WalkDevice {
    pub(crate) kind: String,
    pub(crate) identity: String,
    /// The boundary by its own clock.
    pub(crate) boundary: Time,
    pub(crate) rules: FsRules,
    /// It keeps a change time that no program can set.
    pub(crate) keeps_ctime: bool,
    /// Its clock is not ours and could not be asked; or it is a snapshot, and when it was made is not known.
    pub(crate) unknown_clock: bool,
    /// It is a snapshot: nothing changed during the walk.
    pub(crate) is_frozen: bool,
    /// From where on it can tell what changed since the scan began.
    pub(crate) mark: Option<Mark>,
}

/// The rules that a file system sets for its directories.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact about a file system")]
pub(crate) struct FsRules {
    /// Its number.
    pub(crate) device: DeviceIndex,
    pub(crate) rule: RacyRule,
    /// Opening a directory of it may mount something.
    pub(crate) may_automount: bool,
    /// A directory whose own stamps are as before holds the names that it held before.
    pub(crate) stamps_prove_names: bool,
    /// Whatever changes it does so through this system.
    pub(crate) changes_are_local: bool,
    /// Which of its entries are racy is known only when all were read.
    pub(crate) racy_at_the_end: bool,
}

/// The table of file systems.
#[derive(Debug)]
pub(crate) struct Devices {
    boundary: Time,
    window: Duration,
    /// Those that are snapshots, by `st_dev`.
    frozen: Vec<u64>,
    /// Those of the beginning of the scan.
    marks: Marks,
    /// By `st_dev`.
    table: RwLock<Vec<(u64, WalkDevice)>>,
}

impl Devices {
    /// The file systems `frozen` are snapshots, as the roots may be: their boundary is when those were made. What is
    /// mounted below may change during the walk.
    pub(crate) fn new(boundary: Time, window: Duration, frozen: Vec<u64>, marks: Marks) -> Self {
        Self { boundary, window, frozen, marks, table: RwLock::default() }
    }

    /// The rules of the file system `dev`; `describe` is called the first time.
    ///
    /// # Errors
    /// That of `describe`.
    pub(crate) fn rules_for<E>(
        &self,
        dev: u64,
        describe: impl FnOnce() -> Result<FileSystem, E>,
    ) -> Result<FsRules, E> {
        let find = |table: &[(u64, WalkDevice)]| table.iter().find(|(d, _)| *d == dev).map(|(_, device)| device.rules);
        if let Some(rules) = find(&self.table.read().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(rules);
        }
        let fs = describe()?;
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = find(&table) {
            return Ok(rules);
        }
        let facts = FsType(&fs.kind);
        let is_frozen = self.frozen.contains(&dev) && facts.has_local_clock();
        let unknown_clock =
            if is_frozen { fs.frozen.is_none() } else { !facts.has_local_clock() && fs.own_time.is_none() };
        let boundary = if is_frozen {
            fs.frozen.map_or(self.boundary, |frozen| frozen.min(self.boundary))
        } else if facts.has_local_clock() {
            self.boundary
        } else {
            fs.own_time.unwrap_or_else(|| self.boundary.saturating_sub(CLOCK_MARGIN))
        };
        let keeps_ctime = facts.keeps_ctime();
        let rule = RacyRule::new(boundary, self.window, keeps_ctime);
        let rules = FsRules {
            device: DeviceIndex::new(table.len()),
            rule,
            may_automount: facts.may_automount(),
            stamps_prove_names: facts.stamps_prove_names(),
            changes_are_local: facts.changes_are_local(),
            racy_at_the_end: unknown_clock,
        };
        let FileSystem { kind, identity, mark, .. } = fs;
        let mark = mark.and_then(|mark| self.marks.before(mark));
        let device = WalkDevice { kind, identity, boundary, rules, keeps_ctime, unknown_clock, is_frozen, mark };
        table.push((dev, device));
        Ok(rules)
    }

    /// Whether a file system has this identity. An empty one proves nothing.
    pub(crate) fn is(&self, device: DeviceIndex, identity: &str) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        !identity.is_empty() && table.get(device.index()).is_some_and(|(_, d)| d.identity == identity)
    }

    /// The table in the order of the numbers.
    pub(crate) fn into_table(self) -> Vec<WalkDevice> {
        let table = self.table.into_inner().unwrap_or_else(PoisonError::into_inner);
        table.into_iter().map(|(_, device)| device).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_below_a_snapshot_is_none() {
        let devices = Devices::new(Time { sec: 100, nsec: 0 }, Duration::ZERO, vec![1], Marks::default());
        let ext4 = || FileSystem { kind: "ext4".into(), ..FileSystem::default() };
        let rules = |dev| devices.rules_for(dev, || Ok::<_, std::convert::Infallible>(ext4()));
        let (Ok(root), Ok(below)) = (rules(1), rules(2));
        // When the snapshot was made is unknown; what is mounted on it lives.
        assert!(root.racy_at_the_end && !below.racy_at_the_end);
        assert_eq!(devices.into_table().iter().map(|d| d.is_frozen).collect::<Vec<_>>(), [true, false]);
    }
}
