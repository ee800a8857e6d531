//! `snap --source`: when the inode tables say where to look, and what is said if they cannot.

use std::fs::{self, File};
use std::time::Duration;

use crate::testenv::{Kind, Mounts, Run, TestEnv, Volume, is_root, skip};

/// The racy window of the snapshots.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// A snapshot of a tree, with a racy window with which the tables can be believed.
pub(super) fn snap(env: &TestEnv, root: &str, output: &str, more: &[&str]) -> Run {
    let window = if more.contains(&"--racy-window") { &[][..] } else { &["--racy-window", "1s"] };
    env.run(["snap", root, "-o", output].iter().chain(window).chain(more))
}

/// The same once more, verbosely, with the first one as the base.
pub(super) fn again(env: &TestEnv, root: &str, more: &[&str]) -> Run {
    snap(env, root, "new.snap", &[&["--base", "old.snap", "-v"], more].concat())
}

/// An ext4 with some files, made and mounted on `disk` with these arguments; its first snapshot is `old.snap`. False,
/// and a visible skip, where it cannot be.
fn disk(mounts: &Mounts<'_>, make: &[&str], options: &str) -> bool {
    let env = mounts.env;
    let image = env.path("disk.img");
    File::create(&image).and_then(|file| file.set_len(32 << 20)).unwrap();
    let image = image.to_str().unwrap();
    let made = mounts.command("mkfs.ext4", ["-q", "-F"].iter().chain(make).chain(&[image]));
    if let Err(reason) = made.and_then(|_| mounts.mount(&["-t", "ext4", "-o", options, image], "disk")) {
        skip(&format!("{make:?} {options}: {reason}"));
        return false;
    }
    // One that was mounted read-only holds nothing but its own directory.
    if !options.contains("ro") {
        for number in 0..20 {
            env.write(format!("disk/{number}/file"), "1");
        }
    }
    assert_eq!(snap(env, "disk", "old.snap", &[]).code, Some(0));
    true
}

#[test]
fn the_inode_tables_are_used_and_said_to_be() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if !disk(mounts, &[], "loop") {
            return;
        }
        env.write("disk/7/file", "22");
        env.write("disk/8/new", "22");
        for more in [&[][..], &["--source", "auto"], &["--source", "inodes"], &["--overlay"]] {
            let run = again(&env, "disk", more);
            assert!(run.stderr.contains("note: source: inode tables\n"), "{}", run.stderr);
            let list = env.changes_with("old.snap", "new.snap", &[]).stdout;
            assert!(list.contains("7/file\n") && list.contains("A 8/new\n"), "{list}");
        }
        let run = again(&env, "disk", &["--source", "walk"]);
        assert!(!run.stderr.contains("source"), "{}", run.stderr);
        let run = again(&env, "disk", &["--quiet"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert!(snap(&env, "disk", "first.snap", &[]).stderr.lines().count() == 1, "nothing to compare with");
    });
}

/// What is said with `-v` about why the tables were not used, and that it is an error where they must be.
pub(super) fn refused(env: &TestEnv, root: &str, more: &[&str], reason: &str) {
    let run = again(env, root, more);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("note: source: walk\n"), "{reason}: {}", run.stderr);
    assert!(run.stderr.contains(&format!(" was walked: {reason}")), "{reason}: {}", run.stderr);
    let before = env.path("new.snap").metadata().unwrap().modified().unwrap();
    let run = again(env, root, &[&["--source", "inodes"], more].concat());
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains(&format!("cannot be used: {reason}")), "{reason}: {}", run.stderr);
    assert!(run.stderr.contains("--source auto"), "{}", run.stderr);
    assert_eq!(env.path("new.snap").metadata().unwrap().modified().unwrap(), before, "nothing was written");
}

#[test]
fn without_a_base_there_is_nothing_to_compare_with() {
    let env = TestEnv::new();
    let error = snap(&env, "tree", "new.snap", &["--source", "inodes"]).failure(2);
    assert!(error.contains("name an earlier snapshot with --base"), "{error}");
}

#[test]
fn a_short_window_and_the_portable_walker_close_the_tables() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if disk(mounts, &[], "loop") {
            refused(&env, "disk", &["--walker", "portable"], "only the native walker");
            assert_eq!(snap(&env, "disk", "old.snap", &["--racy-window", "999ms"]).code, Some(0));
            refused(&env, "disk", &[], "the racy window of the earlier snapshot is shorter than a second");
        }
    });
}

#[test]
fn other_file_systems_are_walked() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        for (kind, name) in [(Kind::Overlay, "overlay"), (Kind::Bindfs, "fuse")] {
            let Some(_volume) = Volume::of(mounts, kind, &format!("store-{name}"), name) else { continue };
            env.write(format!("{name}/file"), "1");
            assert_eq!(snap(&env, name, "old.snap", &[]).code, Some(0));
            refused(&env, name, &[], &format!("those of {name}"));
        }
        if mounts.mount(&["-t", "tmpfs", "none"], "memory").is_ok() {
            assert_eq!(snap(&env, "memory", "old.snap", &[]).code, Some(0));
            refused(&env, "memory", &[], "those of tmpfs cannot be read");
        }
    });
}

#[test]
fn a_device_that_cannot_be_opened_closes_the_tables() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if !disk(mounts, &[], "loop") {
            return;
        }
        env.dir("out");
        env.chmod("out", 0o777);
        let args = ["snap", "disk/1", "--racy-window", "1s", "-v"];
        assert_eq!(env.run_as_nobody(&[&args[..], &["-o", "out/old.snap"]].concat()).code, Some(0));
        let base = ["--base", "out/old.snap", "-o", "out/new.snap"];
        let run = env.run_as_nobody(&[&args[..], &base].concat());
        assert!(run.stderr.contains("its device cannot be opened: Permission denied"), "{}", run.stderr);
        let run = env.run_as_nobody(&[&args[..], &base, &["--source", "inodes"]].concat());
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        // As in a container: its device has no name here.
        let device = mounts.command("findmnt", ["-no", "SOURCE", env.path("disk").to_str().unwrap()]).unwrap();
        mounts.command("mount", ["--bind", "/dev/null", &device]).unwrap();
        refused(&env, "disk", &[], "its device cannot be opened: entity not found");
        mounts.command("umount", [&device]).unwrap();
    });
}

#[test]
fn mounts_that_show_something_else_close_the_tables() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        // Eight blocks of a group, so that the first copy of the superblock lies in block 8,193.
        if disk(mounts, &["-b", "1024", "-g", "8192"], "loop,ro,sb=8193") {
            refused(&env, "disk", &[], "it is mounted from a copy of its superblock");
            mounts.unmount("disk");
        }
        if disk(mounts, &["-O", "inline_data"], "loop,ro") {
            refused(&env, "disk", &[], "its superblock is not as needed: it has features that are not known here");
            mounts.unmount("disk");
        }
        if disk(mounts, &[], "loop,X-mount.idmap=b:0:100000:65536") {
            let place = env.path("disk").display().to_string();
            let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
            if !table.lines().any(|line| line.contains(&place) && line.contains("idmapped")) {
                return skip("mount(8) is too old for X-mount.idmap");
            }
            refused(&env, "disk", &[], "the mount shows other owners");
        }
    });
}

#[test]
fn in_a_user_namespace_the_tables_are_closed() {
    let env = TestEnv::new();
    if !is_root() {
        return skip("without root, the device cannot be opened in any case");
    }
    assert_eq!(snap(&env, "tree", "old.snap", &[]).code, Some(0));
    let mut command =
        env.shell("exec unshare --user --map-root-user $0 snap tree -o new.snap --base old.snap --racy-window 1s -v");
    let run = env.finish(&mut command);
    if run.stderr.contains("unshare") {
        return skip(&format!("no user namespace: {}", run.stderr));
    }
    assert!(run.stderr.contains("in a user namespace, owners are not those"), "{}", run.stderr);
}

#[test]
fn where_much_changed_a_walk_is_as_fast() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if !disk(mounts, &["-N", "8000"], "loop") {
            return;
        }
        for number in 0..1500 {
            env.write(format!("disk/many/{number}"), "");
        }
        mounts.command("mkfifo", [env.path("disk/9/fifo")]).unwrap();
        assert_eq!(snap(&env, "disk", "old.snap", &[]).code, Some(0));
        // What is racy is not compared.
        env.settle_for(WINDOW);
        assert_eq!(snap(&env, "disk", "old.snap", &[]).code, Some(0));
        for number in 0..1450 {
            env.write(format!("disk/many/{number}"), "");
        }
        let run = again(&env, "disk", &[]);
        assert!(run.stderr.contains("entries differ, so a walk is probably faster"), "{}", run.stderr);
        // What is no file, directory or symlink is looked at, whatever the tables say.
        env.chmod("disk/9/fifo", 0o600);
        let run = again(&env, "disk", &["--source", "inodes"]);
        assert!(run.stderr.contains("source: inode tables"), "{}", run.stderr);
        let list = env.changes_with("old.snap", "new.snap", &[]).stdout;
        assert!(list.contains("M 9/fifo\n"), "{list}");
    });
}

#[test]
fn a_device_that_cannot_be_read_closes_the_tables() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if !disk(mounts, &[], "loop") {
            return;
        }
        mounts.unmount("disk");
        let image = env.path("disk.img");
        mounts.mount(&["-o", "loop,ro", image.to_str().unwrap()], "disk").unwrap();
        // The system has the directory in memory; the device ends before the tables.
        for entry in fs::read_dir(env.path("disk")).unwrap() {
            let _ = entry.unwrap().metadata();
        }
        File::options().write(true).open(&image).and_then(|file| file.set_len(4096)).unwrap();
        let device = mounts.command("findmnt", ["-no", "SOURCE", env.path("disk").to_str().unwrap()]).unwrap();
        let _ = mounts.command("blockdev", ["--flushbufs", &device]);
        let run = again(&env, "disk", &[]);
        assert!(
            run.stderr.contains("source: walk") && run.stderr.contains("its device cannot be read"),
            "{}",
            run.stderr
        );
    });
}

#[test]
fn another_file_system_in_the_same_place_is_walked() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if !disk(mounts, &[], "loop") {
            return;
        }
        fs::rename(env.path("old.snap"), env.path("kept.snap")).unwrap();
        mounts.unmount("disk");
        assert!(disk(mounts, &[], "loop"));
        fs::rename(env.path("kept.snap"), env.path("old.snap")).unwrap();
        refused(&env, "disk", &[], "it is not the file system of the earlier snapshot");
        // The same one with another UUID is another one.
        assert_eq!(snap(&env, "disk", "old.snap", &[]).code, Some(0));
        mounts.unmount("disk");
        let image = env.path("disk.img");
        let _ = mounts.command("e2fsck", ["-fy", image.to_str().unwrap()]);
        mounts.command("tune2fs", ["-f", "-U", "random", image.to_str().unwrap()]).unwrap();
        mounts.mount(&["-o", "loop", env.path("disk.img").to_str().unwrap()], "disk").unwrap();
        refused(&env, "disk", &[], "it is not the file system of the earlier snapshot");
    });
}

#[test]
fn each_part_of_a_tree_has_its_own_source() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        // A tmpfs that holds an ext4, which holds a tmpfs.
        if mounts.mount(&["-t", "tmpfs", "none"], "outer").is_err() {
            return skip("no tmpfs");
        }
        let Some(_inner) = Volume::of(mounts, Kind::Ext4, "inner.img", "outer/a/disk") else { return };
        mounts.mount(&["-t", "tmpfs", "none"], "outer/a/disk/memory").unwrap();
        let places = ["", "a/", "a/disk/", "a/disk/d/", "a/disk/memory/"];
        let quiet = ["b/c/", "a/disk/b/c/", "a/disk/memory/b/c/"];
        for place in places.iter().chain(&quiet) {
            for number in 0..5 {
                env.write(format!("outer/{place}{number}"), "1");
            }
        }
        // What is racy is looked at in any case.
        env.settle_for(WINDOW);
        assert_eq!(snap(&env, "outer", "old.snap", &[]).code, Some(0));
        for place in places.iter().chain(&quiet) {
            env.write(format!("outer/{place}3"), "22");
        }
        for place in places {
            env.remove(format!("outer/{place}4"));
        }
        let run = again(&env, "outer", &[]);
        let line = "source: inode tables for [ROOT]/outer/a/disk; walk for [ROOT]/outer, [ROOT]/outer/a/disk/memory";
        assert!(run.stderr.contains(line), "{}", run.stderr);
        assert_eq!(snap(&env, "outer", "truth.snap", &[]).code, Some(0));
        let list = |new| env.changes_with("old.snap", new, &[]).stdout;
        assert_eq!(list("new.snap"), list("truth.snap"));
        assert_eq!(list("new.snap").matches("D ").count(), 5, "{}", list("new.snap"));
    });
}

#[test]
fn tables_that_were_wrong_are_reported_and_not_believed_again() {
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        if !disk(mounts, &[], "loop") {
            return;
        }
        // So few entries that each of them is asked for.
        for number in (0..20).filter(|number| *number != 7) {
            env.remove(format!("disk/{number}"));
        }
        env.settle_for(WINDOW);
        assert_eq!(snap(&env, "disk", "old.snap", &[]).code, Some(0));
        let file = env.path("disk/7/file");
        let was = debugfs(mounts, "stat /7/file");
        env.write("disk/7/file", "other");
        mounts.command("sync", ["-f", file.to_str().unwrap()]).unwrap();
        // The table is put back to what it was, behind the back of the system, which knows better: as an error of
        // the system would look.
        for field in ["ctime", "mtime"] {
            let line = was.lines().find(|line| line.trim_start().starts_with(&format!("{field}:"))).unwrap();
            let number = line.split_whitespace().nth(1).unwrap().trim_start_matches("0x");
            let (seconds, extra) = number.split_once(':').unwrap();
            debugfs(mounts, &format!("set_inode_field /7/file {field} @0x{seconds}"));
            debugfs(mounts, &format!("set_inode_field /7/file {field}_extra 0x{extra}"));
        }
        debugfs(mounts, "set_inode_field /7/file size 1");
        let state = env.dir("state");
        env.chmod("state", 0o700);
        let with_state = |more: &[&str]| {
            let args = ["snap", "disk", "-o", "new.snap", "--racy-window", "1s", "--base", "old.snap", "-v"];
            let mut command = env.command();
            env.finish(command.env("FASTDIFF_STATE_DIR", &state).args(args).args(more))
        };
        env.settle_for(WINDOW);
        let run = with_state(&[]);
        assert!(run.stderr.contains("disk/7/file changed, and they did not show it"), "{}", run.stderr);
        assert!(run.stderr.contains("warning: the inode tables of [ROOT]/disk (ext4:fsid:"), "{}", run.stderr);
        assert!(run.stderr.contains("please report that"), "{}", run.stderr);
        let list = env.changes_with("old.snap", "new.snap", &[]).stdout;
        assert!(list.contains("M 7/file\n"), "everything was walked: {list}");
        let run = with_state(&[]);
        assert!(run.stderr.contains("was walked: they were wrong once with this version"), "{}", run.stderr);
        let run = with_state(&["--source", "inodes"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
    });
}

/// Runs a command of debugfs on the device of `disk`.
fn debugfs(mounts: &Mounts<'_>, request: &str) -> String {
    let device = mounts.command("findmnt", ["-no", "SOURCE", mounts.env.path("disk").to_str().unwrap()]).unwrap();
    mounts.command("debugfs", ["-w", "-R", request, &device]).unwrap()
}
