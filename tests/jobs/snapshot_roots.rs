//! Roots that are a new snapshot of their file system each time: `root-is = "snapshot"`.

use super::Jobs;
use crate::testenv::{Kind, Mounts, Run, Volume, skip};

const KEYS: &str = "consumer = \"name-status\"\nroot-is = \"snapshot\"";

fn btrfs(mounts: &Mounts<'_>, args: &[&str]) {
    mounts.command("btrfs", [&["subvolume"], args].concat()).unwrap();
}

/// Runs `body` with a btrfs on `pool`, whose subvolume `pool/home` is to be backed up from a snapshot on `tree`.
fn on_btrfs(keys: &str, body: impl Fn(&Jobs, &Mounts<'_>) + Sync) {
    let jobs = Jobs::with(keys);
    jobs.env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
        btrfs(mounts, &["create", "pool/home"]);
        btrfs(mounts, &["create", "pool/home/nested"]);
        jobs.env.write("pool/home/nested/file", "");
        for name in ["a", "b/c", "b/d"] {
            jobs.env.write(format!("pool/home/{name}"), name);
        }
        jobs.env.remove("tree");
        std::os::unix::fs::symlink(jobs.env.path("pool/snap"), jobs.env.path("tree")).unwrap();
        body(&jobs, mounts);
    });
}

/// A new snapshot of a subvolume in the place of the last one.
fn renew(jobs: &Jobs, mounts: &Mounts<'_>, of: &str) {
    if jobs.env.path("pool/snap").exists() {
        btrfs(mounts, &["delete", "pool/snap"]);
    }
    btrfs(mounts, &["snapshot", "-r", of, "pool/snap"]);
}

/// Begins a run; what changed for certain, and how it ended.
fn list(jobs: &Jobs, more: &[&str]) -> Run {
    let mut run = jobs.begin(&[&["--emit=name-status", "--relative"], more].concat());
    let lines = run.stdout.lines().filter(|line| !line.starts_with('S'));
    run.stdout = lines.map(|line| line.replace('\t', " ") + "\n").collect();
    run
}

#[track_caller]
fn refused(run: &Run, reason: &str) {
    assert!(run.code == Some(2) && run.stderr.contains(reason) && run.stdout.is_empty(), "{run:?}");
}

#[test]
fn a_new_snapshot_each_time_lists_what_changed_between_them() {
    on_btrfs(KEYS, |jobs, mounts| {
        renew(jobs, mounts, "pool/home");
        jobs.settle();
        for walker in ["--walker=native", "--walker=portable"] {
            renew(jobs, mounts, "pool/home");
            let run = list(jobs, &[walker]);
            assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
            jobs.env.write("pool/home/b/c", "something else");
            jobs.env.rename("pool/home/a", "pool/home/e");
            renew(jobs, mounts, "pool/home");
            let run = list(jobs, &[walker]);
            assert_eq!((run.code, run.stdout.as_str()), (Some(0), "M .\nD a\nM b/c\nA e\n"), "{}", run.stderr);
            jobs.commit();
            jobs.env.rename("pool/home/e", "pool/home/a");
            renew(jobs, mounts, "pool/home");
            jobs.settle();
        }
        // Without the key the same is another root.
        jobs.define("consumer = \"name-status\"");
        renew(jobs, mounts, "pool/home");
        refused(&list(jobs, &[]), "was on the file system btrfs:");
    });
}

#[test]
fn a_directory_that_became_a_subvolume_of_its_own_is_not_taken_for_emptied() {
    on_btrfs(KEYS, |jobs, mounts| {
        for name in ["with", "without"] {
            jobs.env.dir(format!("pool/home/{name}"));
        }
        jobs.env.write("pool/home/with/file", "");
        renew(jobs, mounts, "pool/home");
        jobs.settle();
        for name in ["with", "without"] {
            jobs.env.remove(format!("pool/home/{name}"));
            btrfs(mounts, &["create", &format!("pool/home/{name}")]);
        }
        renew(jobs, mounts, "pool/home");
        let run = list(jobs, &[]);
        refused(&run, "tree/with: held entries before and is a subvolume of its own now");
        let run = list(jobs, &["--allow-root-change"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), "M .\nM with\nD with/file\nM without\n"), "{run:?}");
    });
}

#[test]
fn what_is_no_snapshot_of_the_same_subvolume_is_refused() {
    on_btrfs(KEYS, |jobs, mounts| {
        renew(jobs, mounts, "pool/home");
        jobs.settle();
        // Of another subvolume, of a copy of this one, or no snapshot at all.
        btrfs(mounts, &["create", "pool/other"]);
        jobs.env.write("pool/other/a", "");
        renew(jobs, mounts, "pool/other");
        refused(&list(jobs, &[]), "is not a snapshot of the same subvolume as before");
        btrfs(mounts, &["delete", "pool/snap"]);
        btrfs(mounts, &["create", "pool/snap"]);
        jobs.env.write("pool/snap/a", "");
        refused(&list(jobs, &[]), "is not a snapshot of the same subvolume as before");
        // The definition changed: a full list, which must not be made of it either.
        jobs.define(&KEYS.replace("name-status", "paths"));
        refused(&list(jobs, &[]), "is not a snapshot of the same subvolume as before");
        jobs.define(KEYS);
        // The snapshot is gone, and only a directory is there, empty or not.
        btrfs(mounts, &["delete", "pool/snap"]);
        refused(&list(jobs, &[]), "does not exist");
        jobs.env.dir("pool/snap");
        refused(&list(jobs, &[]), "root [ROOT]/tree: ");
        jobs.env.write("pool/snap/a", "");
        refused(&list(jobs, &[]), "root [ROOT]/tree: ");
        jobs.env.remove("pool/snap");
        // Meant.
        renew(jobs, mounts, "pool/other");
        assert_eq!(list(jobs, &["--allow-root-change"]).code, Some(0));
        jobs.commit();
        renew(jobs, mounts, "pool/other");
        assert_eq!(list(jobs, &[]).code, Some(0));
        // Another btrfs.
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "second", "second") else { return };
        btrfs(mounts, &["create", "second/home"]);
        jobs.env.write("second/home/a", "");
        jobs.env.remove("tree");
        std::os::unix::fs::symlink(jobs.env.path("second/home"), jobs.env.path("tree")).unwrap();
        refused(&list(jobs, &[]), "root [ROOT]/tree: ");
    });
}

#[test]
fn a_directory_in_a_mounted_snapshot_is_a_root_and_an_unmounted_one_is_none() {
    let jobs = Jobs::with(KEYS);
    jobs.env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
        btrfs(mounts, &["create", "pool/home"]);
        jobs.env.write("pool/home/a", "");
        let snapshot = |number: u32| {
            btrfs(mounts, &["snapshot", "-r", "pool/home", &format!("pool/{number}")]);
            let device = mounts.command("findmnt", ["-no", "SOURCE", jobs.env.path("pool").to_str().unwrap()]).unwrap();
            let device = device.split('[').next().unwrap().to_owned();
            mounts.mount(&["-o", &format!("subvol={number}"), &device], "tree").unwrap();
        };
        snapshot(1);
        jobs.settle();
        mounts.unmount("tree");
        // An empty mount point, on the parent's file system.
        refused(&list(&jobs, &[]), "root [ROOT]/tree: ");
        // What lies below an unmounted one.
        jobs.env.write("tree/a", "");
        refused(&list(&jobs, &[]), "root [ROOT]/tree: was on the file system btrfs:");
        jobs.env.write("pool/home/b", "");
        snapshot(2);
        let run = list(&jobs, &[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), "M .\nA b\n"), "{}", run.stderr);
        mounts.unmount("tree");
    });
}

#[test]
fn what_changed_while_a_snapshot_was_made_is_suspect_however_late_it_is_walked() {
    on_btrfs(KEYS, |jobs, mounts| {
        jobs.env.write("pool/home/young", "");
        jobs.env.settle();
        std::thread::sleep(std::time::Duration::from_millis(1200));
        jobs.env.write("pool/home/b/younger", "");
        renew(jobs, mounts, "pool/home");
        std::thread::sleep(std::time::Duration::from_millis(1200));
        let begin = |more: &[&str]| {
            let args = ["begin", "j", "--racy-window=1s", "--quiet", "--emit=name-status", "--relative"];
            jobs.run(args.iter().chain(more))
        };
        assert_eq!(begin(&[]).code, Some(0));
        jobs.commit();
        let run = begin(&[]);
        assert_eq!(run.stdout.replace('\t', " "), "S b\nS b/younger\n", "{}", run.stderr);
    });
}

#[test]
fn elsewhere_it_is_said_that_snapshots_are_not_checked() {
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        let Some(_unnamed) = Volume::of(mounts, Kind::Bindfs, "source", "tree") else { return };
        jobs.env.write("tree/a", "");
        let root = jobs.env.path("tree").display().to_string();
        let add = |name: &str, root: &str| jobs.run(["job", "add", name, root, "--root-is", "snapshot"]);
        let run = add("k", &root);
        let told =
            "note: root [ROOT]/tree on fuse: it is not checked that each snapshot is one of the same file system";
        assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
        let run = jobs.run(["job", "show", "k"]);
        assert!(run.success().contains("root-is             snapshot (not checked)\n"));
        assert!(jobs.env.read("fastdiff.toml").windows(20).any(|text| text == b"root-is = \"snapshot\""));
        if let Some(_volume) = Volume::of(mounts, Kind::Ext4, "volume", "disk") {
            let run = add("l", jobs.env.path("disk").to_str().unwrap());
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
            assert!(
                jobs.run(["job", "show", "l"]).success().contains("snapshot (checked by the UUID of the file system)")
            );
        }
    });
}

#[test]
fn the_page_about_snapshots_does_what_it_says() {
    let env = crate::guides::home();
    env.with_own_mounts(|mounts| {
        // For this test alone.
        if let Err(e) = mounts.mount(&["-t", "tmpfs", "none"], "/mnt") {
            return skip(&format!("no tmpfs here: {e}"));
        }
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "/mnt/pool") else { return };
        mounts.command("btrfs", ["subvolume", "create", "/mnt/pool/home"]).unwrap();
        env.write("/mnt/pool/home/letter.txt", "Dear reader\n");
        crate::guides::try_out_in(&env, "volume-snapshots");
    });
}
