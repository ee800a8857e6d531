//! `fastdiff run` and the disks that come and go while its command reads.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use super::Jobs;
use crate::testenv::{Kind, Volume};

#[test]
fn a_root_that_is_another_one_after_the_command_moves_nothing() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let run = jobs.start(&["--", "sh", "-c", "mv tree old; mkdir tree"]);
    assert_eq!(run.code, Some(125));
    let told = "error: the command succeeded, but the baseline stays as it was: root [ROOT]/tree: is another directory than before, so its content may be different; check that it is mounted";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert!(jobs.job_state()["committed"].is_null());
    let run = jobs.start(&["--", "rmdir", "tree"]);
    assert!(
        run.stderr.contains("root [ROOT]/tree: was walked, and cannot be checked now: No such file"),
        "{}",
        run.stderr
    );
    jobs.env.rename("old", "tree");
    let run = jobs.start(&["--allow-root-change", "--", "sh", "-c", "mv tree old; mkdir tree"]);
    assert_eq!(run.code, Some(0), "who says that it is meant is believed: {}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 3);
}

#[test]
fn a_disk_that_is_unmounted_while_the_command_runs_moves_nothing() {
    for (kind, place, more) in [
        (Kind::Ext4, "tree", ""),
        (Kind::Ext4, "tree/disk", ""),
        (Kind::Xfs, "tree/disk", ""),
        (Kind::Btrfs, "tree/disk", ""),
        (Kind::Overlay, "tree/disk", ""),
        (Kind::Bind, "tree/disk", ""),
        // Containers come and go, and their directories with them.
        (Kind::Overlay, "tree/disk", "&& rmdir tree/disk"),
        (Kind::Bind, "tree/disk", "&& rmdir tree/disk"),
    ] {
        let is_noticed = more.is_empty();
        let jobs = Jobs::new();
        jobs.env.with_own_mounts(|mounts| {
            jobs.env.dir("tree");
            let Some(volume) = Volume::of(mounts, kind, "volume", place) else { return };
            jobs.env.write(format!("{place}/a"), "");
            let run = jobs.start(&["--", "sh", "-c", &format!("umount {place} {more}")]);
            assert_eq!(run.code, Some(if is_noticed { 125 } else { 0 }), "{}", run.stderr);
            let told = match kind {
                Kind::Bind => "is another directory than before".to_owned(),
                _ => format!("was on the file system {}:", kind.name()),
            };
            assert_eq!(run.stderr.contains(&format!("root [ROOT]/{place}: {told}")), is_noticed, "{}", run.stderr);
            assert_eq!(jobs.job_state()["committed"].is_null(), is_noticed);
            // Whatever the command ended with. A consumer that deletes what it does not find deletes a directory with
            // all that is in it, listed or not.
            if is_noticed {
                assert!(!jobs.job_state()["lost"].is_null());
                volume.attach(place).unwrap();
                jobs.start(&["--", "true"]);
                jobs.env.write(format!("{place}/b"), "");
                assert_eq!(jobs.start(&["--", "sh", "-c", &format!("umount {place}; exit 9")]).code, Some(9));
                assert!(!jobs.job_state()["lost"].is_null());
                volume.attach(place).unwrap();
                assert_eq!(jobs.start(&["--", "true"]).code, Some(0));
                assert!(jobs.job_state()["lost"].is_null());
            }
        });
    }
}

#[test]
fn another_btrfs_below_a_btrfs_is_no_subvolume() {
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.dir("tree");
        let Some(_below) = Volume::of(mounts, Kind::Btrfs, "below", "tree") else { return };
        let Some(_above) = Volume::of(mounts, Kind::Btrfs, "above", "tree/usb") else { return };
        mounts.command("btrfs", ["subvolume", "create", jobs.env.path("tree/own").to_str().unwrap()]).unwrap();
        jobs.env.write("tree/k", "");
        jobs.env.write("tree/own/a", "");
        jobs.env.write("tree/usb/a", "");
        jobs.settle();
        mounts.command("btrfs", ["subvolume", "delete", jobs.env.path("tree/own").to_str().unwrap()]).unwrap();
        let run = jobs.begin(&["--emit=name-status", "--relative"]);
        assert!(
            run.code == Some(0) && run.stdout.contains("D\town/a\n"),
            "it is removed like a directory: {}",
            run.stderr
        );
        mounts.unmount("tree/usb");
        jobs.env.remove("tree/usb");
        let run = jobs.begin(&[]);
        assert!(run.code == Some(2) && run.stderr.contains("tree/usb: was the mount point of btrfs"), "{}", run.stderr);
    });
}

#[test]
fn what_is_mounted_on_an_empty_directory_hides_nothing() {
    let jobs = Jobs::with("consumer = \"name-status\"\none-file-system = true");
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.dir("tree/empty");
        jobs.env.write("tree/full/a", "");
        jobs.settle();
        mounts.mount(&["-t", "tmpfs", "none"], "tree/empty").unwrap();
        assert_eq!(jobs.start(&["--always", "--", "true"]).code, Some(0));
        mounts.mount(&["-t", "tmpfs", "none"], "tree/full").unwrap();
        assert_eq!(jobs.start(&["--", "true"]).code, Some(125));
    });
}

#[test]
fn a_server_that_does_not_answer_after_the_command_moves_nothing_and_is_waited_for_no_longer_than_asked() {
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.dir("tree");
        let real = jobs.env.dir("real").to_str().unwrap().to_owned();
        let options = ["-o", "attr_timeout=0,entry_timeout=0", &real];
        if let Err(e) = mounts.mount_by("bindfs", &options, "tree/n") {
            return crate::testenv::skip(&format!("no bindfs here: {e}"));
        }
        jobs.env.write("tree/n/a", "");
        let server = server_of(&real);
        // A server that stops with the question in its hands keeps the process from ending, until it goes on.
        let stop = r#"kill -STOP "$0"; { sleep 5; kill -CONT "$0"; } >/dev/null 2>&1 &"#;
        let run = jobs.start(&["--io-timeout=1s", "--", "sh", "-c", stop, &server.to_string()]);
        kill_process(Pid::from_raw(server).unwrap(), Signal::CONT).unwrap();
        assert_eq!(run.code, Some(125), "{}", run.stderr);
        assert!(
            run.stderr.contains("root [ROOT]/tree/n: was walked, and cannot be checked now: no answer within 1s"),
            "{}",
            run.stderr
        );
        assert!(jobs.job_state()["committed"].is_null());
        // Gone for good: what could not be walked is not looked for either.
        assert_eq!(jobs.start(&["--", "true"]).code, Some(0));
        jobs.env.write("tree/b", "");
        kill_process(Pid::from_raw(server).unwrap(), Signal::KILL).unwrap();
        while jobs.env.path("tree/n/a").exists() {
            std::thread::yield_now();
        }
        let run = jobs.start(&["--anyway", "--", "true"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    });
}

/// The bindfs that shows a directory.
fn server_of(dir: &str) -> i32 {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut servers = processes.filter(|process| {
        let command = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        command.split('\0').next().is_some_and(|program| program.ends_with("bindfs")) && command.contains(dir)
    });
    servers.next().and_then(|process| process.file_name().to_str()?.parse().ok()).expect("it was mounted")
}
