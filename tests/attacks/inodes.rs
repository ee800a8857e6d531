//! Promise 12, the inode tables: after any change, on any layout of ext4, btrfs and xfs, a snapshot that read only what
//! the tables show is that of a walk.

mod changes;
mod damage;
mod layouts;
mod slow_disk;
mod subvolumes;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastdiff::{Entry, Error, NoMonitor, ScanOptions, ScanOutcome, Snapshot, SourceChoice, SourceProblem, Time, scan};

use self::changes::Changes;
use self::layouts::{LAYOUTS, Layout, USUAL};
use super::draw::Random;
use super::report::{Attack, Promise, at_length_asked, times};
use crate::testenv::{Mounts, TestEnv, skip};

/// How the tree is looked at.
pub(super) struct Look<'e> {
    env: &'e TestEnv,
    root: PathBuf,
    source: SourceChoice,
    /// Nothing counts as racy, so that nothing is read for that reason. Each look gives the next change of an entry a
    /// stamp of its own (Linux 6.13), so that this hides nothing where stamps are fine.
    nothing_is_racy: bool,
}

impl Look<'_> {
    pub(super) fn scan(&self, base: Option<&Snapshot>, output: &str) -> Result<(ScanOutcome, Snapshot), Error> {
        let mut options = ScanOptions::new([&self.root]);
        options.source = self.source;
        options.racy_window = Some(Duration::from_secs(2));
        if self.nothing_is_racy {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            options.boundary = Some(Time::new(i64::try_from(now.as_secs()).unwrap() + 10, 1));
        }
        let output = self.env.path(output);
        let outcome = scan(&options, base, &output, &NoMonitor)?;
        Ok((outcome, Snapshot::open(&output)?))
    }

    fn by(&self, source: SourceChoice) -> Look<'_> {
        Look { root: self.root.clone(), source, ..*self }
    }

    pub(super) fn walk(&self, output: &str) -> Snapshot {
        self.by(SourceChoice::Walk).scan(None, output).unwrap().1
    }
}

/// The first entries in which two snapshots differ, flags aside: what is racy depends on the time.
pub(super) fn differences(one: &Snapshot, other: &Snapshot) -> Result<(), String> {
    let entries = |snapshot: &Snapshot| snapshot.entries().collect::<Result<Vec<Entry>, _>>().unwrap();
    let (one, other) = (entries(one), entries(other));
    let same = |a: &&Entry, b: &&Entry| a.path == b.path && a.stat == b.stat;
    let first = one.iter().zip(&other).find(|(a, b)| !same(a, b));
    match first {
        Some(pair) => Err(format!("{pair:#?}")),
        None if one.len() == other.len() => Ok(()),
        None => Err(format!("{} entries and {}", one.len(), other.len())),
    }
}

/// Whether the kernel gives a file that was looked at a fine stamp at its next change.
fn has_fine_stamps() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(13))
}

fn attack_layout(mounts: &Mounts<'_>, layout: &Layout, rounds: u32, attack: &mut Attack) -> Result<(), String> {
    let disk = layout.make(mounts)?;
    let root = disk.join("tree");
    std::fs::create_dir(&root).unwrap();
    // Where stamps are coarse, a look and the next change never fall into one second.
    let (rounds, nothing_is_racy) =
        if layout.fine_stamps { (rounds, has_fine_stamps()) } else { (rounds.div_ceil(8), true) };
    let look = Look { env: mounts.env, root: root.clone(), source: SourceChoice::Inodes, nothing_is_racy };
    let mut changes = Changes::new(&root, Random(u64::from(rounds) + layout.name.len() as u64));
    changes.make(300);
    // With the marks that a walk without tables does not keep.
    let mut base = look.by(SourceChoice::Auto).scan(None, "0.snap").unwrap().1;
    for round in 1..=rounds {
        if !layout.fine_stamps {
            mounts.env.settle_for(Duration::from_secs(1));
        }
        changes.make(40);
        let is_other_mount = layout.disturb(mounts, &disk, round) && layout.is_of_mount;
        if !nothing_is_racy {
            mounts.env.settle();
        }
        let source = if is_other_mount { SourceChoice::Auto } else { SourceChoice::Inodes };
        let (outcome, new) =
            look.by(source).scan(Some(&base), &format!("{round}.snap")).map_err(|e| format!("{}: {e}", layout.name))?;
        let truth = look.walk("truth.snap");
        let problem = outcome.parts.iter().find_map(|part| part.problem.clone());
        let expected = is_other_mount.then_some(SourceProblem::MountedAgain);
        let held = if problem == expected { differences(&new, &truth) } else { Err(format!("{problem:?}")) };
        attack.tried(held.map_err(|why| format!("{}, round {round}: {why}\n{:?}", layout.name, changes.last)));
        std::fs::remove_file(mounts.env.path(format!("{}.snap", round - 1))).unwrap();
        base = new;
    }
    Ok(())
}

#[test]
fn after_random_changes_a_snapshot_by_inode_tables_is_that_of_a_walk() {
    let env = TestEnv::new();
    let mut attack = Attack::on(Promise::TablesHideNothing, "random changes, by inode tables");
    let mut is_tried = false;
    env.with_own_mounts(|mounts| {
        let layouts = if at_length_asked() { LAYOUTS } else { &LAYOUTS[..USUAL] };
        for layout in layouts {
            match attack_layout(mounts, layout, times(12, 150), &mut attack) {
                Ok(()) => is_tried = true,
                Err(reason) => skip(&format!("ext4 with {}: {reason}", layout.name)),
            }
            layout.remove(mounts);
        }
    });
    if !is_tried {
        attack.skipped();
    }
}

/// A directory that is not there must not be made by a test that was skipped.
pub(super) fn is_mounted(disk: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|found| found.dev()).ok();
    disk.parent().is_some_and(|above| device(disk).is_some() && device(disk) != device(above))
}
