//! Destinations that know fewer names than the source: what a job leaves there, with the real programs.

use std::collections::BTreeMap;
use std::fs;

use super::program;
use crate::jobs::Jobs;
use crate::testenv::{Kind, Volume};

/// Those of the guides, with the destination `copy/b`.
const RSYNC: &str = "consumer = \"rsync\"\ncommand = [\"rsync\", \"-aHI\", \"--modify-window=-1\", \"--from0\", \
     \"--files-from={all}\", \"--delete-missing-args\", \"--force\", \"{root}/\", \"[ROOT]/copy/b/\"]";
// One file after the other: two at once that are one name there may end rclone itself, before anybody looks.
const RCLONE: &str = "consumer = \"rclone\"\ncommand = [\"rclone\", \"sync\", \"--config=\", \"--links\", \"--ignore-times\", \
     \"--transfers=1\", \"--no-unicode-normalization\", \"--files-from-raw\", \"{all}\", \"{root}\", \"[ROOT]/copy/b\"]";

/// How many files are renamed: with rsync about each tenth was lost, with rclone all. A virtual machine is slow.
fn how_many() -> usize {
    if std::env::var_os("FASTDIFF_PLACE").is_some() { 40 } else { 300 }
}

/// A job whose destination is `copy/b`.
fn job(keys: &str) -> Jobs {
    let jobs = Jobs::new();
    jobs.define(&keys.replace("[ROOT]", jobs.env.path("").to_str().unwrap().trim_end_matches('/')));
    jobs.env.dir("copy");
    jobs
}

/// The files in a directory and their content, without case.
fn files(jobs: &Jobs, dir: &str) -> BTreeMap<String, Vec<u8>> {
    let top = jobs.env.path(dir);
    let mut found = BTreeMap::new();
    let mut todo = vec![top.clone()];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let name = path.strip_prefix(&top).unwrap().to_str().unwrap().to_lowercase();
            assert!(found.insert(name, fs::read(&path).unwrap()).is_none(), "{}", path.display());
        }
    }
    found
}

/// The copy holds the files of the tree and no others. rclone does not find capitals where they are shown as small
/// letters, so it deletes nothing there: more may be left.
#[track_caller]
fn assert_equal(jobs: &Jobs, kind: Kind) {
    let may_hold_more =
        kind == Kind::LowNtfs && String::from_utf8_lossy(&jobs.env.read("fastdiff.toml")).contains("rclone");
    let (tree, copy) = (files(jobs, "tree"), files(jobs, "copy/b"));
    let lacks: Vec<_> = tree.iter().filter(|(name, is)| copy.get(*name) != Some(is)).map(|(name, _)| name).collect();
    let more: Vec<_> = copy.keys().filter(|name| !tree.contains_key(*name)).collect();
    assert!(
        lacks.is_empty() && (more.is_empty() || may_hold_more),
        "{kind:?}: lacks {}: {:?}, more: {:?}",
        lacks.len(),
        lacks.first(),
        more.first()
    );
}

/// Runs a part of a test once for each file system here that takes `a` and `A` for one, with each of the programs.
fn on_each(body: impl Fn(&Jobs, Kind) + Sync) {
    for (name, keys) in [("rsync", RSYNC), ("rclone", RCLONE)] {
        if program(name).is_none() {
            continue;
        }
        for kind in Kind::FOLDING {
            let jobs = job(keys);
            jobs.env.dir("tree");
            jobs.env.with_own_mounts(|mounts| {
                let Some(_copy) = Volume::of(mounts, kind, "volume", "copy") else { return };
                if kind == Kind::Ext4Casefold {
                    mounts.command("chattr", ["+F", jobs.env.dir("copy/b").to_str().unwrap()]).unwrap();
                }
                body(&jobs, kind);
            });
        }
    }
}

#[test]
fn what_is_renamed_in_case_only_is_kept_where_case_does_not_count() {
    on_each(|jobs, kind| {
        for i in 0..how_many() {
            jobs.env.write(format!("tree/img_{i}.jpg"), format!("old {i}"));
            jobs.env.write(format!("tree/Photos/{i}"), format!("photo {i}"));
        }
        assert_eq!(jobs.start(&[]).code, Some(0));
        assert_equal(jobs, kind);
        for i in 0..how_many() {
            jobs.env.rename(format!("tree/img_{i}.jpg"), format!("tree/IMG_{i}.jpg"));
        }
        jobs.env.rename("tree/Photos", "tree/photos");
        jobs.env.write("tree/IMG_7.jpg", "new 7");
        jobs.env.remove("tree/photos/8");
        let run = jobs.start(&[]);
        assert_eq!(run.code, Some(0), "{kind:?}: {}", run.stderr);
        assert_equal(jobs, kind);
        // And back, in the other order of the two names.
        for i in 0..how_many() {
            jobs.env.rename(format!("tree/IMG_{i}.jpg"), format!("tree/img_{i}.jpg"));
        }
        jobs.env.rename("tree/photos", "tree/PHOTOS");
        assert_eq!(jobs.start(&[]).code, Some(0));
        assert_equal(jobs, kind);
    });
}

#[test]
fn two_names_that_are_one_at_the_destination_do_not_pass_for_two_copies() {
    on_each(|jobs, kind| {
        jobs.env.write("tree/d/readme", "lower");
        jobs.env.write("tree/d/README", "upper");
        // What the type of the file system does not tell is seen afterwards.
        let run = jobs.start(&[]);
        assert_eq!(run.code, Some(125), "{kind:?}: {}", run.stderr);
        let told = "[ROOT]/tree/d/README and [ROOT]/tree/d/readme are one name at the destination";
        let told_the_other_way = "[ROOT]/tree/d/readme and [ROOT]/tree/d/README are one name at the destination";
        assert!(run.stderr.contains(told) || run.stderr.contains(told_the_other_way), "{}", run.stderr);
        assert!(run.stderr.contains("rename one of them, or leave one out with --exclude"), "{}", run.stderr);
        assert!(jobs.job_state()["committed"].is_null());
        jobs.env.remove("tree/d/README");
        assert_eq!(jobs.start(&[]).code, Some(0), "{kind:?}");
        assert_equal(jobs, kind);
        // Beside one that was there before. vfat with `iocharset=utf8` finds only one of them, and refuses the other.
        jobs.env.write("tree/d/README", "upper");
        let run = jobs.start(&[]);
        assert_ne!(run.code, Some(0), "{kind:?}");
        assert_eq!(files(jobs, "copy/b")["d/readme"], b"lower");
        let is_looked_up = run.stderr.contains("the command is not started");
        assert!(run.code == Some(125) && is_looked_up || kind == Kind::Vfat, "{kind:?}: {}", run.stderr);
    });
}

#[test]
fn a_destination_with_exact_names_gets_one_pass_and_no_word() {
    for (name, keys) in [("rsync", RSYNC), ("rclone", RCLONE)] {
        if program(name).is_none() {
            continue;
        }
        let jobs = job(keys);
        jobs.env.write("tree/readme", "1");
        jobs.env.write("tree/README", "2");
        jobs.env.write("tree/old", "3");
        let run = jobs.start(&[]);
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (Some(0), "fastdiff: note: the list is a full one: there is no baseline yet\n")
        );
        jobs.env.rename("tree/old", "tree/OLD");
        let run = jobs.run(["run", "j", "--racy-window=0"]);
        assert!(run.code == Some(0) && !run.stderr.contains("twice"), "{}", run.stderr);
        assert_eq!(fs::read(jobs.env.path("copy/b/OLD")).unwrap(), b"3");
        assert!(!jobs.env.path("copy/b/old").exists() && jobs.env.path("copy/b/readme").exists());
    }
}

#[test]
fn a_destination_that_cannot_be_seen_gets_two_passes() {
    let jobs = job("consumer = \"rsync\"");
    jobs.env.write("tree/Old/a", "");
    jobs.env.write("tree/kept", "");
    jobs.env.write("tree/KEPT", "");
    jobs.settle();
    jobs.env.rename("tree/Old", "tree/OLD");
    jobs.env.remove("tree/kept");
    jobs.env.write("tree/new", "");
    let show = "for f in \"$1\" \"$2\" \"$3\"; do tr '\\0' ' ' <$f; echo; done >>said";
    let run = jobs.start(&["--", "sh", "-c", show, "sh", "{changed}", "{deleted}", "{all}"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = fs::read_to_string(jobs.env.path("said")).unwrap();
    // The name that stays is sent again: the first pass may have deleted it.
    assert_eq!(
        said.lines().map(str::trim).collect::<Vec<_>>(),
        ["", "/Old /kept", "/Old /kept", "/KEPT /OLD /OLD/a /new", "", "/KEPT /OLD /OLD/a /new"]
    );
    // What fails in the first pass has no second one.
    jobs.env.rename("tree/OLD", "tree/Old");
    let run = jobs.start(&["--", "sh", "-c", "echo >>passes; exit 3"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert_eq!(fs::read_to_string(jobs.env.path("passes")).unwrap(), "\n");
    let run = jobs.start(&["--", "sh", "-c", "echo >>passes; test $(wc -l <passes) = 2"]);
    assert_eq!(run.code, Some(1), "the second pass failed: {}", run.stderr);
    assert!(!jobs.job_state()["pending"].is_null());
}

#[test]
fn a_list_without_a_run_says_that_removals_must_come_first() {
    let jobs = job("consumer = \"rsync\"");
    jobs.env.write("tree/old", "");
    jobs.settle();
    jobs.env.rename("tree/old", "tree/OLD");
    let run = jobs.begin(&[]);
    let told = "[ROOT]/tree/old is gone, [ROOT]/tree/OLD is there, and a destination may take them for one: give it \
                `--list deleted` first and then `--list changed`";
    assert!(run.code == Some(0) && run.stderr.contains(told), "{}", run.stderr);
    let run = jobs.begin(&["--list=changed"]);
    assert_eq!((run.code, run.stderr.contains("may take them for one")), (Some(0), false), "{}", run.stderr);
}

#[test]
fn names_that_a_destination_cannot_hold_leave_the_baseline_as_it_is() {
    if program("rsync").is_none() {
        return;
    }
    for kind in Kind::FOLDING {
        let jobs = job(RSYNC);
        jobs.env.with_own_mounts(|mounts| {
            jobs.env.dir("tree");
            let Some(_copy) = Volume::of(mounts, kind, "volume", "copy") else { return };
            for name in ["co:lon", "qu?", "\u{1f980}", "dot.", "blank ", &"n".repeat(255), "aux"] {
                jobs.env.write(format!("tree/{name}"), name);
                let run = jobs.start(&["--full"]);
                let arrived = fs::read(jobs.env.path("copy/b").join(name)).is_ok_and(|is| is == name.as_bytes());
                assert!(arrived || run.code != Some(0), "{kind:?} {name:?}: {}", run.stderr);
                jobs.env.remove(format!("tree/{name}"));
            }
        });
    }
}
