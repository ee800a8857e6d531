//! `snap` across mounts: one file system on request, loops end, a full disk leaves nothing behind, a
//! mount that vanished is noticed.

use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::testenv::{TestEnv, skip};

/// The lines that a script wrote, without what only warns or sums up.
fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn other_file_systems_are_entered_unless_one_is_asked_for() {
    let env = TestEnv::new();
    env.dir("tree/mount");
    env.write("tree/file", "");
    for walker in ["native", "portable"] {
        let script = format!(
            "mount -t tmpfs none tree/mount; mkdir tree/mount/sub; echo x > tree/mount/sub/file
             $FASTDIFF snap tree -o all.snap --quiet --walker {walker}
             $FASTDIFF snap tree -o one.snap --quiet --walker {walker} --one-file-system
             umount tree/mount
             $FASTDIFF show all.snap | grep -o 'tree.*' | sed 's/ .*//'; echo
             $FASTDIFF show one.snap | grep -o 'tree.*' | sed 's/  .racy.$//; s/  .*not entered.$/ (not entered)/'"
        );
        let Some(run) = env.with_mounts(&script) else { return };
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        let expected = [
            "tree",
            "tree/file",
            "tree/mount",
            "tree/mount/sub",
            "tree/mount/sub/file",
            "",
            "tree",
            "tree/file",
            "tree/mount (not entered)",
        ];
        assert_eq!(lines(&run.stdout), expected, "{walker}");
    }
}

#[test]
fn a_mounted_file_is_recorded_also_on_one_file_system() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.write("source", "mounted");
    for walker in ["native", "portable"] {
        let script = format!(
            "mount --bind source tree/file
             $FASTDIFF snap tree -o a.snap --quiet -x --walker {walker}
             $FASTDIFF show a.snap --json | grep -c '\"size\":7'"
        );
        let Some(run) = env.with_mounts(&script) else { return };
        assert_eq!(run.success(), "1\n", "{walker}");
    }
}

#[test]
fn a_loop_of_bind_mounts_ends_with_a_warning() {
    let env = TestEnv::new();
    env.dir("tree/sub/loop");
    env.write("tree/file", "");
    for walker in ["native", "portable"] {
        let script = format!(
            "mount --bind tree tree/sub/loop
             $FASTDIFF snap tree -o a.snap --quiet --walker {walker}
             $FASTDIFF show a.snap | grep -o 'tree.*' | sed 's/ .*//'"
        );
        let Some(run) = env.with_mounts(&script) else { return };
        assert_eq!(run.code, Some(0));
        assert_eq!(
            run.stderr, "fastdiff: warning: [ROOT]/tree/sub/loop shows one of its own ancestors; not entered\n",
            "{walker}"
        );
        assert_eq!(lines(&run.stdout), ["tree", "tree/file", "tree/sub", "tree/sub/loop"], "{walker}");
    }
}

#[test]
fn a_directory_that_is_mounted_twice_is_no_loop() {
    let env = TestEnv::new();
    env.write("tree/a/file", "");
    env.dir("tree/b");
    for walker in ["native", "portable"] {
        let script = format!(
            "mount --bind tree/a tree/b
             $FASTDIFF snap tree -o a.snap --quiet --walker {walker}
             $FASTDIFF show a.snap | grep -o 'tree.*' | sed 's/ .*//'"
        );
        let Some(run) = env.with_mounts(&script) else { return };
        assert_eq!(lines(&run.success()), ["tree", "tree/a", "tree/a/file", "tree/b", "tree/b/file"], "{walker}");
    }
}

#[test]
fn the_root_of_the_file_system_can_be_a_root() {
    let env = TestEnv::new();
    let dir = env.dir("jail/sub");
    for name in ["lib", "lib64", "usr", "out"] {
        env.dir(format!("jail/{name}"));
    }
    env.write("jail/program", "");
    env.write("jail/sub/file", "");
    assert!(dir.exists());
    for walker in ["native", "portable"] {
        let script = format!(
            "for dir in lib lib64 usr; do if [ -e /$dir ]; then mount --bind /$dir jail/$dir; fi; done
             mount --bind $FASTDIFF jail/program
             without=\"--exclude /lib*/ --exclude /usr/ --exclude /program\"; set -f
             snap() {{ chroot jail /program snap / -o /out/$1 --quiet $without --walker {walker}; }}
             snap a.snap; touch jail/sub/new; snap b.snap
             chroot jail /program diff /out/a.snap /out/b.snap --emit name-status | grep -v ^S
             chroot jail /program diff /out/a.snap /out/b.snap --emit name-status --relative | grep -v ^S
             chroot jail /program diff /out/a.snap /out/b.snap --emit text | head -n 2
             chroot jail /program show /out/b.snap /sub --json | wc -l
             rm jail/sub/new"
        );
        let Some(run) = env.with_mounts(&script) else { return };
        let text = run.success().replace('\t', " ");
        let expected = ["M /out", "M /sub", "A /sub/new", "M out", "M sub", "A sub/new"];
        let mut found = lines(&text);
        assert_eq!(found.pop().unwrap().trim(), "3", "{walker}");
        assert!(found.pop().unwrap().starts_with("M  /sub/  ("), "{text}");
        assert!(found.pop().unwrap().starts_with("M  /out/  ("), "{text}");
        assert_eq!(found, expected, "{walker}");
        env.remove("jail/out/a.snap");
        env.remove("jail/out/b.snap");
    }
}

#[test]
fn a_full_disk_leaves_an_error_and_nothing_else() {
    let env = TestEnv::new();
    for i in 0..3000 {
        env.write(format!("tree/{i:0>100}"), "");
    }
    env.dir("small");
    let script = "mount -t tmpfs -o size=64k none small
         $FASTDIFF snap tree -o whole.snap --quiet
         mkdir empty-tree; $FASTDIFF snap empty-tree -o small/a.snap --quiet
         before=$(cksum < small/a.snap)
         status=0; $FASTDIFF snap tree -o small/a.snap --quiet || status=$?; echo snap $status
         status=0; $FASTDIFF diff whole.snap whole.snap -o small/list || status=$?; echo list $status
         touch tree; rm tree/*1; $FASTDIFF snap tree -o after.snap --quiet
         status=0; $FASTDIFF diff whole.snap after.snap --emit json -o small/list || status=$?; echo list $status
         test \"$before\" = \"$(cksum < small/a.snap)\"; cat small/list
         ls -A small";
    let Some(run) = env.with_mounts(script) else { return };
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(lines(&run.stdout), ["snap 2", "list 0", "list 2", "no changes", "a.snap", "list"]);
    let errors: Vec<_> = run.stderr.lines().filter(|l| l.starts_with("fastdiff: error: ")).collect();
    assert_eq!(errors.len(), 2, "{}", run.stderr);
    for (error, file) in errors.iter().zip(["small/a.snap", "small/list"]) {
        assert!(error.contains("No space left on device") && error.contains(file), "{error}");
    }
}

#[test]
fn a_read_only_file_system_is_an_error_and_nothing_else() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.dir("out");
    let script = "mount --bind out out; mount -o remount,ro,bind out
         status=0; $FASTDIFF snap tree -o out/a.snap -q || status=$?; echo $status
         status=0; $FASTDIFF diff a.snap a.snap -o out/list || status=$?; echo $status";
    let Some(run) = env.with_mounts(script) else { return };
    assert_eq!(run.stdout, "2\n2\n", "{}", run.stderr);
    let says = "fastdiff: error: cannot create a file in out: Read-only file system (os error 30)";
    assert_eq!(run.stderr.lines().filter(|line| *line == says).count(), 2, "{}", run.stderr);
}

#[test]
fn a_mount_that_came_or_went_under_one_file_system_is_unknown_and_not_removed() {
    let env = TestEnv::new();
    env.write("tree/mount/below", "");
    env.write("tree/file", "");
    let script = "snap() { $FASTDIFF snap tree -o $1 --quiet --one-file-system; }
         snap bare.snap; mount -t tmpfs none tree/mount; touch tree/mount/hidden; snap covered.snap
         list() { $FASTDIFF diff $1 $2 --emit name-status --relative 2>/dev/null || echo $?; }
         list bare.snap covered.snap | grep -v ^S; umount tree/mount; snap again.snap
         list covered.snap again.snap | grep -v ^S";
    let Some(run) = env.with_mounts(script) else { return };
    assert_eq!(run.success().replace('\t', " "), "U mount\n3\nA mount\nA mount/below\n");
}

#[test]
fn what_a_user_mounted_for_himself_is_unknown_or_on_one_file_system_left_out() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.dir("tree/mount");
    env.write("source/private", "");
    let root = env.path("tree");
    let of =
        |name: &str, keys: &str| format!("[jobs.{name}]\nroots = [{root:?}]\nconsumer = \"name-status\"\n{keys}\n");
    env.write("fastdiff.toml", of("all", "") + &of("one", "one-file-system = true"));
    for walker in ["native", "portable"] {
        let script = format!(
            "chmod 755 . && chown -R nobody source tree/mount && chmod 700 source || exit 77
             mknod fuse-{walker} c 10 229 && chmod 666 fuse-{walker} || exit 77
             mount --bind fuse-{walker} /dev/fuse || exit 77
             setpriv --reuid nobody --clear-groups bindfs --no-allow-other source tree/mount || exit 77
             ! test -e tree/mount/private || exit 77
             export FASTDIFF_CONFIG=$PWD/fastdiff.toml FASTDIFF_STATE_DIR=$PWD/state-{walker}
             list() {{
                 status=0
                 $FASTDIFF begin $1 -q --walker {walker} --emit name-status --relative 2>/dev/null || status=$?
                 echo $1 $status
             }}
             list all; list one; $FASTDIFF commit one >/dev/null; list one | grep -v ^S
             $FASTDIFF snap tree -o {walker}.snap -x -q --walker {walker}
             umount tree/mount; mkdir tree/mount/seen; list one | grep -v ^S; rmdir tree/mount/seen"
        );
        let Some(run) = env.with_mounts(&script) else { return };
        if run.code == Some(77) {
            return skip(&format!("no mount of a user's own here: {}", run.stderr.trim()));
        }
        let expected = "A .\nA file\nU mount\nall 3\nA .\nA file\none 0\none 0\nA mount\nA mount/seen\none 0\n";
        assert_eq!(run.stdout.replace('\t', " "), expected, "{walker}: {}", run.stderr);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{walker}");
    }
}

#[test]
fn a_mount_that_vanished_below_the_root_is_no_emptied_directory() {
    let env = TestEnv::new();
    env.dir("tree/mount");
    let script = "truncate -s 8M image && mkfs.ext4 -q image && mount -o loop image tree/mount || exit 77
         touch tree/mount/file
         $FASTDIFF snap tree -o a.snap --quiet; umount tree/mount; $FASTDIFF snap tree -o b.snap --quiet
         status=0; $FASTDIFF diff a.snap b.snap --emit name-status || status=$?; echo $status
         $FASTDIFF diff a.snap b.snap --emit name-status --relative --allow-root-change | grep -v -e ^S -e lost+found";
    let Some(run) = env.with_mounts(script) else { return };
    if run.code == Some(77) {
        return skip(&format!("no image can be mounted here: {}", run.stderr.trim()));
    }
    assert_eq!(run.stdout.replace('\t', " "), "2\nM mount\nD mount/file\n");
    assert!(run.stderr.contains("root [ROOT]/tree/mount: was the mount point of ext4:"), "{}", run.stderr);
    assert!(run.stderr.contains("--allow-root-change"), "{}", run.stderr);
}

#[test]
fn a_temporary_file_system_below_the_root_may_come_and_go() {
    let env = TestEnv::new();
    env.dir("tree/mount");
    env.write("tree/other", "");
    let script = "mount -t tmpfs none tree/mount; touch tree/mount/file
         $FASTDIFF snap tree -o a.snap --quiet; umount tree/mount; rmdir tree/mount
         $FASTDIFF snap tree -o b.snap --quiet; mkdir tree/mount; mount -t tmpfs none tree/mount
         $FASTDIFF snap tree -o c.snap --quiet
         for new in b c; do $FASTDIFF diff a.snap $new.snap --emit name-status --relative | grep -v ^S; done";
    let Some(run) = env.with_mounts(script) else { return };
    assert_eq!(run.success().replace('\t', " "), "M .\nD mount\nD mount/file\nM .\nM mount\nD mount/file\n");
}

#[test]
fn a_root_on_another_file_system_is_another_root() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    let script = "$FASTDIFF snap tree -o a.snap --quiet
         mount -t tmpfs none tree; touch tree/other; $FASTDIFF snap tree -o b.snap --quiet
         status=0; $FASTDIFF diff a.snap b.snap --emit name-status || status=$?; echo $status
         $FASTDIFF diff a.snap b.snap --emit name-status --relative --allow-root-change";
    let Some(run) = env.with_mounts(script) else { return };
    assert_eq!(run.stdout.replace('\t', " "), "2\nM .\nD file\nA other\n");
    assert!(run.stderr.contains("root [ROOT]/tree: was on the file system "), "{}", run.stderr);
}

#[test]
fn what_waits_to_be_mounted_is_not_mounted_by_looking_at_it() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.dir("tree/auto");
    env.with_own_mounts(|_| {
        // Nobody reads it: whoever makes autofs ask waits for ever. Only this process group, its daemon's, may pass.
        let (_requests, asks) = std::io::pipe().unwrap();
        let group = rustix::process::getpgrp().as_raw_nonzero();
        let options = format!("fd={},pgrp={group},minproto=5,maxproto=5,direct", asks.as_raw_fd());
        let options = std::ffi::CString::new(options).unwrap();
        let place = env.path("tree/auto");
        if let Err(e) = mount("test", &place, "autofs", MountFlags::empty(), options.as_c_str()) {
            return skip(&format!("no autofs here: {e}"));
        }
        for more in [&[][..], &["--one-file-system"], &["--walker=portable"], &["--walker=portable", "-x"]] {
            let mut command = env.shell("exec timeout -s KILL 20 \"$0\" snap tree -o a.snap -q \"$@\"");
            let run = env.finish(command.args(more).process_group(0));
            assert_eq!(run.code, Some(0), "{more:?}: {}", run.stderr);
            assert!(env.run(["show", "a.snap"]).success().contains("tree/auto"));
        }
        unmount(&place, UnmountFlags::DETACH).unwrap();
    });
}
