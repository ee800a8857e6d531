//! The program is killed at any moment.

use std::fs;
use std::time::{Duration, Instant};

use fastdiff::Snapshot;

use super::place::Place;

#[test]
fn a_killed_snap_leaves_the_old_snapshot_or_the_new_one() {
    let place = Place::new();
    for number in 0..2000 {
        place.write(format!("tree/{}/{number}", number % 40), "x");
    }
    place.snap("x.fds", &[]);
    let began = Instant::now();
    place.snap("whole.fds", &[]);
    let usual = began.elapsed();
    let (mut killed, mut finished) = (0, 0);
    for round in 0..16_u32 {
        place.write(format!("tree/new{round}"), "y");
        let before = Snapshot::open(place.path("x.fds")).unwrap().header().identity;
        let mut child = place.command(["snap", "tree", "-o", "x.fds", "--quiet"]).spawn().unwrap();
        std::thread::sleep(usual * round / 14);
        let _ = child.kill();
        let ended = child.wait().unwrap();
        let snapshot = Snapshot::open(place.path("x.fds")).unwrap();
        snapshot.verify().unwrap();
        let is_new = snapshot.header().identity != before;
        if ended.success() {
            assert!(is_new, "it said that it was done");
            finished += 1;
        } else {
            killed += 1;
        }
    }
    assert!(killed > 0, "{killed} killed, {finished} finished");
    place.snap("x.fds", &[]);
    let names = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.starts_with(".fastdiff")).collect();
    assert_eq!(left, [""; 0], "what killed runs left is removed by the next");
}

#[test]
fn a_killed_run_is_no_success_and_its_changes_are_listed_again() {
    let place = Place::new();
    place.write("tree/a", "1");
    let root = place.path("tree");
    place.run(["job", "add", "j", root.to_str().unwrap(), "--consumer", "name-status"]);
    place.run(["begin", "j", "--quiet", "-o", "list"]);
    place.run(["commit", "j", "--run", "1"]);
    place.write("tree/b", "2");
    let mut run = place.command(["run", "j", "--racy-window", "0s", "--quiet", "--"]);
    let mut child = run.args(super::backup::command("wait", &place)).spawn().unwrap();
    let began = Instant::now();
    while !place.path("waiting").exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "the command never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Without the program nobody would notice how the command ends. On Windows it ends with it.
    fs::write(place.path("go"), "").unwrap();
    let began = Instant::now();
    let list = loop {
        let run = place.run(["begin", "j", "--racy-window", "0s", "--emit", "name-status", "--relative", "--quiet"]);
        if run.code == Some(0) {
            break run.stdout;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{}", run.stderr);
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(list.contains("A\tb\n"), "{list}");
    assert_eq!(place.path("waited").exists(), !cfg!(windows), "on Windows the command ends with the program");
}
