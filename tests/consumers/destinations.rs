//! Destinations that cannot be right: in the root, relative, the source itself, another disk than before.

use std::fs;
use std::os::unix::fs::symlink;

use super::program;
use crate::jobs::Jobs;
use crate::testenv::{Kind, Run, Volume};

/// A job `j` of `tree` by rsync to a destination, as a user adds it in the test's directory.
fn add(jobs: &Jobs, more: &[&str], destination: &str) -> Run {
    jobs.env.write("fastdiff.toml", "");
    jobs.env.dir("tree");
    let words = rsync(destination);
    let [options, words] = [more, &words[..]].map(|words| words.iter().map(ToString::to_string));
    let root = jobs.env.path("tree").to_str().unwrap().to_owned();
    let args = ["job", "add", "j", &root, "--consumer", "rsync"].map(str::to_owned);
    jobs.run(args.into_iter().chain(options).chain(["--".to_owned()]).chain(words))
}

fn rsync(destination: &str) -> [&str; 9] {
    let list = "--files-from={all}";
    ["rsync", "-aHI", "--modify-window=-1", "--from0", list, "--delete-missing-args", "--force", "{root}/", destination]
}

/// The same in the definitions, with a destination relative to the test's directory unless it is absolute.
fn define(jobs: &Jobs, keys: &str, destination: &str) {
    let destination = format!("{}/", jobs.env.path(destination).display());
    let words = rsync(&destination).map(|word| format!("{word:?}")).join(", ");
    jobs.define(&format!("consumer = \"rsync\"\n{keys}\ncommand = [{words}]"));
}

#[test]
fn a_destination_in_the_root_is_refused_unless_it_is_left_out() {
    let jobs = Jobs::new();
    let path = |name: &str| jobs.env.path(name).to_str().unwrap().to_owned();
    jobs.env.dir("tree/real");
    symlink(jobs.env.path("tree/real"), jobs.env.path("link")).unwrap();
    for (destination, inside) in [
        ("tree/mirrors/j/", "tree/mirrors/j"),
        ("tree/real", "tree/real"),
        ("tree/real/../new", "tree/new"),
        ("link/new", "link/new"),
    ] {
        let run = add(&jobs, &[], &path(destination));
        assert_eq!(run.code, Some(2), "{destination}");
        let told = format!("the destination [ROOT]/{inside} lies in the root [ROOT]/tree, so that each run");
        assert!(run.stderr.contains(&told), "{}", run.stderr);
    }
    let run = add(&jobs, &[], &path("tree/mirrors/j"));
    assert!(run.stderr.contains("or leave it out with --exclude /mirrors/j"), "{}", run.stderr);
    for exclude in ["/mirrors/j", "/mirrors/", "j"] {
        let run = add(&jobs, &["--exclude", exclude], &path("tree/mirrors/j/"));
        assert_eq!(run.code, Some(0), "{exclude}: {}", run.stderr);
    }
    for apart in ["copy/", "tree2/", "."] {
        assert_eq!(add(&jobs, &[], &path(apart)).code, Some(0), "{apart}");
    }
    // What a person wrote into the definitions is seen before the run.
    define(&jobs, "", "tree/mirrors");
    jobs.env.write("tree/a", "");
    let run = jobs.start(&[]);
    assert_eq!(run.code, Some(125), "{}", run.stderr);
    assert!(run.stderr.contains("lies in the root") && !jobs.env.path("tree/mirrors").exists(), "{}", run.stderr);
    define(&jobs, "exclude = [\"/mirrors/\"]", "tree/mirrors");
    if program("rsync").is_some() {
        assert_eq!(jobs.start(&[]).code, Some(0));
    }
}

#[test]
fn a_destination_in_the_root_by_another_mount_is_refused() {
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.dir("tree/copies");
        let inside = jobs.env.path("tree/copies").to_str().unwrap().to_owned();
        mounts.mount(&["--bind", &inside], "elsewhere").unwrap();
        let run = add(&jobs, &[], jobs.env.path("elsewhere/new").to_str().unwrap());
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("leave it out with --exclude /copies/new"), "{}", run.stderr);
    });
}

#[test]
fn a_destination_that_is_the_source_is_refused() {
    let jobs = Jobs::new();
    let tree = jobs.env.path("tree").to_str().unwrap().to_owned();
    jobs.env.dir("tree");
    symlink(&tree, jobs.env.path("link")).unwrap();
    for destination in [tree.clone(), format!("{tree}/"), jobs.env.path("link").to_str().unwrap().to_owned()] {
        let run = add(&jobs, &[], &destination);
        assert!(run.code == Some(2) && run.stderr.contains("is the source; name another"), "{}", run.stderr);
    }
}

#[test]
fn a_destination_that_depends_on_the_current_directory_is_refused_in_a_definition() {
    let jobs = Jobs::new();
    for destination in ["copy", "./copy/", "../copy", "copy/"] {
        let run = add(&jobs, &[], destination);
        assert_eq!(run.code, Some(2), "{destination}");
        assert!(run.stderr.contains("depends on the directory that the run is started in; write "), "{}", run.stderr);
    }
    assert!(add(&jobs, &[], "copy/").stderr.contains("write [ROOT]/copy"));
    let words = rsync("copy").map(|word| format!("{word:?}")).join(", ");
    jobs.define(&format!("consumer = \"rsync\"\ncommand = [{words}]"));
    jobs.env.write("tree/a", "");
    let run = jobs.start(&[]);
    assert!(run.code == Some(125) && !jobs.env.path("copy").exists(), "{}", run.stderr);
    if program("rsync").is_some() {
        let run = jobs.start(&[&["--"], &rsync("copy/")[..]].concat());
        assert!(
            run.code == Some(0) && jobs.env.path("copy/a").exists(),
            "a person wrote it here and now: {}",
            run.stderr
        );
    }
}

#[test]
fn a_disk_that_is_not_there_or_another_one_is_refused_until_it_is_accepted() {
    if program("rsync").is_none() {
        return;
    }
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.write("tree/a", "");
        let Some(disk) = Volume::of(mounts, Kind::Ext4, "disk", "usb") else { return };
        define(&jobs, "", "usb/copy");
        assert_eq!(jobs.start(&[]).code, Some(0));
        // Remembered by a run of which only the commit is known, too, and by one that had nothing to do.
        jobs.settle();
        let run = jobs.start(&[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        mounts.unmount("usb");
        for mount_point in [true, false] {
            if !mount_point {
                jobs.env.remove("usb");
            }
            jobs.env.write("tree/b", "");
            let run = jobs.start(&[]);
            assert_eq!(run.code, Some(125), "{}", run.stderr);
            let told = "the destination [ROOT]/usb/copy was on the file system ext4:";
            assert!(run.stderr.contains(told), "{}", run.stderr);
            assert!(run.stderr.contains("pass --allow-destination-change"), "{}", run.stderr);
            assert!(!jobs.env.path("usb/copy").exists());
        }
        disk.attach("usb").unwrap();
        assert_eq!(jobs.start(&[]).code, Some(0), "it is there again");
        assert!(jobs.env.path("usb/copy/b").exists());
        mounts.unmount("usb");
        let Some(_other) = Volume::of(mounts, Kind::Ext4, "other", "usb") else { return };
        assert_eq!(jobs.start(&[]).code, Some(125));
        assert_eq!(jobs.start(&["--full", "--allow-destination-change"]).code, Some(0));
        assert!(jobs.env.path("usb/copy/a").exists());
        jobs.env.write("tree/c", "");
        assert_eq!(jobs.start(&[]).code, Some(0), "it is remembered now");
    });
}

#[test]
fn a_first_run_into_an_empty_mount_point_is_noticed_when_the_disk_is_there() {
    if program("rsync").is_none() {
        return;
    }
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.write("tree/a", "");
        jobs.env.dir("usb");
        define(&jobs, "", "usb/copy");
        assert_eq!(jobs.start(&[]).code, Some(0), "nothing tells that a disk is missing");
        let Some(_disk) = Volume::of(mounts, Kind::Ext4, "disk", "usb") else { return };
        jobs.env.write("tree/b", "");
        let run = jobs.start(&[]);
        assert_eq!(run.code, Some(125), "the disk lacks a: {}", run.stderr);
        assert!(run.stderr.contains("if not, pass --full as well"), "{}", run.stderr);
        assert_eq!(fs::read_dir(jobs.env.path("usb")).unwrap().count(), 1, "lost+found");
    });
}

#[test]
fn a_destination_that_is_unmounted_while_the_command_runs_moves_nothing() {
    if program("rsync").is_none() {
        return;
    }
    let jobs = Jobs::with("consumer = \"rsync\"");
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.write("tree/a", "");
        let Some(_disk) = Volume::of(mounts, Kind::Ext4, "disk", "usb") else { return };
        let copy = jobs.env.path("usb/copy/");
        let words = rsync(copy.to_str().unwrap()).join(" ");
        let run = jobs.start(&["--", "sh", "-c", &format!("{words} && umount usb")]);
        assert_eq!(run.code, Some(125), "{}", run.stderr);
        assert!(run.stderr.contains("the command succeeded, but the baseline stays as it was"), "{}", run.stderr);
        assert!(jobs.job_state()["committed"].is_null());
    });
}

#[test]
fn a_destination_that_rsync_would_make_a_file_of_is_refused() {
    let jobs = Jobs::new();
    let copy = jobs.env.path("copy").to_str().unwrap().to_owned();
    jobs.env.write("tree/a", "");
    let told = "is no directory yet: if the list names one file alone";
    let run = add(&jobs, &[], &copy);
    assert!(
        run.code == Some(2) && run.stderr.contains(told) && run.stderr.contains("copy/, or make"),
        "{}",
        run.stderr
    );
    jobs.define("consumer = \"rsync\"");
    let run = jobs.start(&[&["--"], &rsync(&copy)[..]].concat());
    assert!(run.code == Some(125) && run.stderr.contains(told), "{}", run.stderr);
    jobs.env.dir("copy");
    assert_eq!(add(&jobs, &[], &copy).code, Some(0));
}

#[test]
fn a_script_that_mounts_its_destination_goes_on_after_a_reboot() {
    if program("rsync").is_none() {
        return;
    }
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.write("tree/a", "");
        jobs.env.dir("usb");
        let usb = jobs.env.path("usb");
        let words = rsync("/copy/")[..7].join(" ");
        let usb = usb.display();
        let script = format!("mountpoint -q {usb} || mount -t tmpfs -o size=1m none {usb} || exit 1; ");
        let script = script + &format!("{words} $FASTDIFF_ROOT/ {usb}/copy/").replace("{all}", "$FASTDIFF_ALL");
        jobs.define(&format!("consumer = \"rsync\"\ncommand = [\"sh\", \"-c\", {script:?}]"));
        for _ in 0..2 {
            jobs.env.write("tree/a", "more");
            let run = jobs.start(&["--full"]);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            assert!(jobs.env.path("usb/copy/a").exists());
            mounts.command("umount", [&usb.to_string()]).unwrap();
        }
    });
}

#[test]
fn a_missing_disk_is_told_of_before_its_mount_point_lies_in_the_root_and_the_log_has_it() {
    if program("rsync").is_none() {
        return;
    }
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        jobs.env.write("tree/a", "");
        let Some(_disk) = Volume::of(mounts, Kind::Ext4, "disk", "tree/usb") else { return };
        define(&jobs, "one-file-system = true", "tree/usb/copy");
        assert_eq!(jobs.start(&[]).code, Some(0));
        mounts.unmount("tree/usb");
        jobs.env.write("tree/a", "more");
        let run = jobs.start(&[]);
        assert!(run.code == Some(125) && run.stderr.contains("was on the file system ext4:"), "{}", run.stderr);
        let log = jobs.run(["log", "j"]).success();
        assert!(log.contains("refused") && log.contains("was on the file system ext4:"), "{log}");
    });
}

#[test]
fn a_command_for_one_run_may_be_relative_and_must_not_write_into_the_root() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.define("consumer = \"rsync\"");
    let inside = jobs.env.path("tree/copy/");
    let run = jobs.start(&[&["--"], &rsync(inside.to_str().unwrap())[..]].concat());
    assert!(run.code == Some(125) && run.stderr.contains("lies in the root"), "{}", run.stderr);
    if program("rsync").is_some() {
        let run = jobs.start(&[&["--"], &rsync("copy/")[..]].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    let run = add(&jobs, &[], "~/copy");
    assert!(run.code == Some(2) && run.stderr.contains("no shell reads the command"), "{}", run.stderr);
}
