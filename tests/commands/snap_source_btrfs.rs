//! `snap --source` on btrfs and xfs, which are asked in other ways than ext4.

use std::fs;

use super::snap_source::{WINDOW, again, refused, snap};
use crate::testenv::{Kind, Mounts, TestEnv, Volume};

/// A file system with some files on `disk`; its first snapshot is `old.snap`.
fn disk<'m, 'e>(mounts: &'m Mounts<'e>, kind: Kind) -> Option<Volume<'m, 'e>> {
    let env = mounts.env;
    let volume = Volume::of(mounts, kind, "volume", "disk")?;
    for number in 0..20 {
        env.write(format!("disk/{number}/file"), "1");
    }
    // What is racy is looked at in any case.
    env.settle_for(WINDOW);
    assert_eq!(snap(env, "disk", "old.snap", &[]).code, Some(0));
    Some(volume)
}

/// `old.snap` once more.
fn first(env: &TestEnv, root: &str, more: &[&str]) {
    assert_eq!(snap(env, root, "old.snap", more).code, Some(0));
}

#[test]
fn what_btrfs_and_xfs_know_is_used_and_said_to_be() {
    for kind in [Kind::Btrfs, Kind::Xfs] {
        let env = TestEnv::new();
        env.with_own_mounts(|mounts| {
            let Some(_volume) = disk(mounts, kind) else { return };
            env.write("disk/7/file", "22");
            env.write("disk/8/new", "22");
            env.remove("disk/9");
            for more in [&["--source", "inodes"][..], &["--source", "inodes", "--overlay"]] {
                let run = again(&env, "disk", more);
                assert!(run.stderr.contains("note: source: inode tables\n"), "{kind:?}: {}", run.stderr);
                let list = env.changes_with("old.snap", "new.snap", &[]).stdout;
                for line in ["7/file\n", "A 8/new\n", "D 9/file\n"] {
                    assert!(list.contains(line), "{kind:?}: {list}");
                }
            }
        });
    }
}

#[test]
fn btrfs_is_walked_where_its_transactions_prove_nothing() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(volume) = disk(mounts, Kind::Btrfs) else { return };
        // Unless the tests beside this one have much to be written.
        let is_used = (0..100).any(|_| {
            rustix::fs::sync();
            let run = again(&env, "disk", &[]);
            let is_used = run.stderr.contains("note: source: inode tables\n");
            assert!(is_used || run.stderr.contains("written back"), "{}", run.stderr);
            is_used
        });
        assert!(is_used, "it is the default");
        first(&env, "disk", &["--source", "walk"]);
        refused(&env, "disk", &[], "the earlier snapshot does not say which transactions of it it holds");
        first(&env, "disk", &[]);
        env.dir("out");
        env.chmod("out", 0o777);
        let args = ["snap", "disk", "--racy-window", "1s", "-v", "--base", "old.snap", "-o", "out/new.snap"];
        env.chmod("old.snap", 0o644);
        let run = env.run_as_nobody(&args);
        assert!(run.stderr.contains("its trees cannot be searched: Operation not permitted"), "{}", run.stderr);
        mounts.command("mount", ["-o", "remount,ro", env.path("disk").to_str().unwrap()]).unwrap();
        refused(&env, "disk", &[], "it is read-only, as after an error of the file system");
        mounts.command("mount", ["-o", "remount,rw", env.path("disk").to_str().unwrap()]).unwrap();
        mounts.unmount("disk");
        volume.attach("disk").unwrap();
        refused(&env, "disk", &[], "it was mounted again since the earlier snapshot, or is another subvolume");
    });
}

#[test]
fn another_subvolume_in_the_same_place_is_walked() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
        mounts.command("btrfs", ["subvolume", "create", "pool/tree"]).unwrap();
        env.write("pool/tree/file", "1");
        env.settle_for(WINDOW);
        first(&env, "pool/tree", &[]);
        mounts.command("btrfs", ["subvolume", "snapshot", "pool/tree", "pool/copy"]).unwrap();
        // The changes come before the rollback, in a tree that was there before.
        env.write("pool/copy/file", "other");
        env.rename("pool/tree", "pool/was");
        env.rename("pool/copy", "pool/tree");
        refused(&env, "pool/tree", &[], "it is not the file system of the earlier snapshot");
        assert!(env.changes_with("old.snap", "new.snap", &["--allow-root-change"]).stdout.contains("file\n"));
    });
}

#[test]
fn what_hints_did_not_name_is_found_by_transactions() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = disk(mounts, Kind::Btrfs) else { return };
        env.write("disk/4/file", "not named");
        // It belongs to a transaction that is over when the hints are read.
        mounts.command("sync", ["-f", "disk"]).unwrap();
        env.write("disk/3/file", "named");
        fs::write(env.path("hints"), "3/file\n").unwrap();
        let hints = ["--base", "old.snap", "--hints", "hints", "--trust-hints", "--audit", "0"];
        let run = snap(&env, "disk", "hinted.snap", &hints);
        assert!(run.stderr.contains("source: hints"), "{}", run.stderr);
        let run = snap(&env, "disk", "new.snap", &["--base", "hinted.snap", "--source", "inodes", "--audit", "0"]);
        assert!(run.stderr.contains("note: source: inode tables\n"), "{}", run.stderr);
        let list = env.changes_with("hinted.snap", "new.snap", &[]).stdout;
        assert!(list.contains("M 4/file\n"), "{list}");
    });
}

#[test]
fn xfs_is_walked_where_that_is_as_fast_or_not_allowed() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = disk(mounts, Kind::Xfs) else { return };
        let run = again(&env, "disk", &[]);
        assert!(run.stderr.contains("its inodes are in memory, where a walk finds them quickly"), "{}", run.stderr);
        for number in 0..250 {
            env.write(format!("disk/other/{number}"), "");
        }
        first(&env, "disk/7", &[]);
        let run = again(&env, "disk/7", &[]);
        assert!(run.stderr.contains("inodes would have to be read, a walk is probably faster"), "{}", run.stderr);
        env.dir("out");
        env.chmod("out", 0o777);
        env.chmod("old.snap", 0o644);
        let args = ["snap", "disk/7", "--racy-window", "1s", "-v", "--base", "old.snap", "-o", "out/new.snap"];
        let run = env.run_as_nobody(&args);
        assert!(run.stderr.contains("its inodes cannot be read in bulk: Operation not permitted"), "{}", run.stderr);
    });
}
