//! A disk that turns: the tables are read in order, where a walk goes from place to place; and what takes long to be
//! written back is not waited for.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use fastdiff::SourceProblem;

use super::{Look, SourceChoice, differences};
use crate::attacks::report::{Attack, Promise, times};
use crate::testenv::slow_disk::SlowDisk;
use crate::testenv::{Mounts, TestEnv, skip};

/// The file systems, how each is made, and how many times as many seeks a walk has to need. In a small tree, xfs has
/// nearly everything in one place.
const KINDS: [(&str, &[&str], [u32; 2]); 2] =
    [("ext4", &["mkfs.ext4", "-q", "-F"], [4, 10]), ("xfs", &["mkfs.xfs", "-q"], [0, 3])];

/// An image with a tree, which is not mounted any more.
fn image(mounts: &Mounts<'_>, make: &[&str], entries: u32) -> Result<(), String> {
    let env = mounts.env;
    let image = env.path("disk.img");
    File::create(&image).and_then(|file| file.set_len(400 << 20)).unwrap();
    let image = image.to_str().unwrap();
    mounts.command(make[0], make[1..].iter().chain(&[image]))?;
    mounts.mount(&["-o", "loop", image], "disk")?;
    for number in 0..entries {
        // Each directory has a block of its own somewhere.
        env.write(format!("disk/tree/{}/{}/file{number}", number % 37, number / 6), "x");
    }
    Ok(())
}

/// Mounts the image anew, with nothing in memory, and takes the time of a scan of it, in seconds, and its seeks.
fn cold<T>(mounts: &Mounts<'_>, slow: &SlowDisk, look: impl FnOnce() -> T) -> (T, f64, u64) {
    mounts.mount(&["-o", "loop", slow.file().to_str().unwrap()], "disk").unwrap();
    fs::write("/proc/sys/vm/drop_caches", "3\n").unwrap();
    let (began, seeks) = (Instant::now(), slow.seeks());
    let result = look();
    let time = began.elapsed().as_secs_f64();
    let seeks = slow.seeks() - seeks;
    mounts.unmount("disk");
    (result, time, seeks)
}

#[test]
fn on_a_disk_that_turns_the_tables_are_chosen_and_faster() {
    let mut attack = Attack::on(Promise::TablesHideNothing, "a disk that waits 8 ms before each read elsewhere");
    let entries = times(1500, 30_000);
    let mut is_tried = false;
    for (kind, make, faster) in KINDS {
        let (env, faster) = (TestEnv::new(), times(faster[0], faster[1]));
        env.with_own_mounts(|mounts| {
            if let Err(reason) = image(mounts, make, entries) {
                return skip(&format!("{kind}: {reason}"));
            }
            let root = env.path("disk/tree");
            let look = |source| Look { env: &env, root: root.clone(), source, nothing_is_racy: true };
            let base = look(SourceChoice::Auto).scan(None, "base.snap").unwrap().1;
            mounts.unmount("disk");
            let Some(slow) = SlowDisk::mount(mounts, &env.path("disk.img"), "slow") else { return };
            if mounts.mount(&["-o", "loop", slow.file().to_str().unwrap()], "disk").is_err() {
                return skip("a loop device on FUSE cannot be mounted");
            }
            mounts.unmount("disk");
            let ((_, walked), walk, walk_seeks) =
                cold(mounts, &slow, || look(SourceChoice::Walk).scan(Some(&base), "walked.snap").unwrap());
            let ((outcome, new), tables, table_seeks) =
                cold(mounts, &slow, || look(SourceChoice::Auto).scan(Some(&base), "new.snap").unwrap());
            println!(
                "{kind}, {entries} files: walk {walk:.2} s and {walk_seeks} seeks, tables {tables:.2} s and {table_seeks}"
            );
            attack.tried(differences(&new, &walked).map_err(|why| format!("{kind}: {why}")));
            attack.check(outcome.parts[0].problem.is_none(), || format!("{kind}: {:?}", outcome.parts));
            attack.check(table_seeks * u64::from(faster) < walk_seeks, || {
                format!("{kind}: {table_seeks} seeks, and {walk_seeks} for a walk")
            });
            is_tried = true;
        });
    }
    if !is_tried {
        attack.skipped();
    }
}

#[test]
fn what_is_not_written_back_soon_is_walked() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if let Err(reason) = image(mounts, &["mkfs.btrfs", "-q", "-f"], 50) {
            return skip(&format!("btrfs: {reason}"));
        }
        mounts.unmount("disk");
        let Some(slow) = SlowDisk::mount(mounts, &env.path("disk.img"), "slow") else { return };
        if mounts.mount(&["-o", "loop", slow.file().to_str().unwrap()], "disk").is_err() {
            return skip("a loop device on FUSE cannot be mounted");
        }
        let root = env.path("disk/tree");
        let look = |source| Look { env: &env, root: root.clone(), source, nothing_is_racy: true };
        let base = look(SourceChoice::Auto).scan(None, "base.snap").unwrap().1;
        // Somebody else writes a lot.
        env.write("disk/elsewhere", vec![1; 12 << 20]);
        env.write("disk/tree/1/1/file1", "other");
        slow.delay_writes(50);
        let (outcome, new) = look(SourceChoice::Auto).scan(Some(&base), "new.snap").unwrap();
        let problem = outcome.parts[0].problem.clone();
        // The tests beside this one write, too.
        let is_refused = match problem {
            Some(SourceProblem::SlowSync(after)) => after < Duration::from_secs(1),
            Some(SourceProblem::MuchUnwritten(mib)) => mib >= 16,
            _ => false,
        };
        assert!(is_refused, "{problem:?}");
        differences(&new, &look(SourceChoice::Walk).walk("truth.snap")).unwrap();
        // Who insists waits.
        slow.delay_writes(1);
        let (outcome, new) = look(SourceChoice::Inodes).scan(Some(&base), "new.snap").unwrap();
        assert_eq!(outcome.parts[0].problem, None);
        differences(&new, &look(SourceChoice::Walk).walk("truth.snap")).unwrap();
        mounts.unmount("disk");
    });
}
