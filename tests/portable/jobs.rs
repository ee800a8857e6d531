//! Jobs: definitions, runs, two phases, locks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::backup;
use super::place::{Place, here, settle};

/// A job `j` over `tree` that takes the list of rclone, which is a list of plain names.
fn job() -> Place {
    let place = Place::new();
    place.write("tree/a", "1");
    place.write("tree/docs/b", "2");
    let root = place.path("tree");
    let run = place.run(["job", "add", "j", root.to_str().unwrap(), "--consumer", "rclone"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    place
}

#[track_caller]
fn start(place: &Place, what: &str) -> super::place::Run {
    settle();
    let args = ["run", "j", "--racy-window", "0s", "--unchecked", "--"].map(str::to_owned);
    place.run(args.into_iter().chain(backup::command(what, place)))
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn runs_copy_what_changed_and_only_a_success_moves_the_baseline() {
    let place = job();
    let first = start(&place, "copy");
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(files(&place.path("copy")), files(&place.path("tree")));
    let idle = start(&place, "copy");
    assert!(idle.code == Some(0) && idle.stderr.contains("nothing changed"), "{idle:?}");

    place.write("tree/docs/new", "3");
    for (what, code) in [("fail", 7), ("big", i32::from(cfg!(windows)))] {
        // Elsewhere only the low byte of 256 arrives.
        if code == 0 {
            continue;
        }
        let failed = start(&place, what);
        assert_eq!(failed.code, Some(code), "{what}: {failed:?}");
    }
    assert!(!place.path("copy/docs/new").exists());
    fs::remove_dir_all(place.path("copy")).unwrap();
    let again = start(&place, "copy");
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(files(&place.path("copy")).into_keys().collect::<Vec<_>>(), [here("docs/new")]);
    let log = place.run(["log", "j"]).success();
    assert!(log.contains("committed") || log.contains("ok"), "{log}");
}

#[test]
fn two_phases_and_status() {
    let place = job();
    settle();
    place.run(["begin", "j", "--quiet", "--racy-window", "0s", "-o", "list"]);
    place.run(["commit", "j", "--run", "1"]);
    place.write("tree/c", "3");
    settle();
    let begun = place.run(["begin", "j", "--racy-window", "0s", "--quiet"]);
    assert_eq!((begun.code, begun.stdout.as_str()), (Some(0), "c\n"), "{begun:?}");
    place.run(["abort", "j"]).success();
    let status = place.run(["status", "j"]);
    assert!(status.stdout.contains("docs") || status.stdout.contains("added"), "{status:?}");
    let begun = place.run(["begin", "j", "--racy-window", "0s", "--quiet"]);
    assert_eq!(begun.stdout, "c\n", "an aborted run is listed again: {begun:?}");
    let wrong = place.run(["commit", "j", "--run", "77"]);
    assert_ne!(wrong.code, Some(0));
}

#[test]
fn a_job_that_runs_is_locked() {
    let place = job();
    let args = ["run", "j", "--unchecked", "--quiet", "--"].map(str::to_owned);
    let mut child = place.command(args.into_iter().chain(backup::command("wait", &place))).spawn().unwrap();
    while !place.path("waiting").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
        assert!(child.try_wait().unwrap().is_none(), "it ended");
    }
    let other = place.run(["begin", "j", "--quiet"]);
    assert_eq!(other.code, Some(2), "{other:?}");
    assert!(other.stderr.contains("another"), "{other:?}");
    fs::write(place.path("go"), "").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(place.run(["begin", "j", "--quiet"]).code, Some(0));
}
