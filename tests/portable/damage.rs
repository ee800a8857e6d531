//! Snapshots that are damaged, cut or replaced.

use std::fs;

use fastdiff::Snapshot;

use super::place::Place;

#[test]
fn a_damaged_snapshot_is_an_error_and_never_another_tree() {
    let place = Place::new();
    for number in 0..60 {
        place.write(format!("tree/{}/{number}", number % 5), "x");
    }
    place.snap("whole.fds", &[]);
    let whole = fs::read(place.path("whole.fds")).unwrap();
    let entries = |path| -> Option<Vec<_>> {
        let snapshot = Snapshot::open(path).ok()?;
        snapshot.verify().ok()?;
        snapshot.entries().collect::<Result<Vec<_>, _>>().ok()
    };
    let true_entries = entries(place.path("whole.fds")).unwrap();
    let step = (whole.len() / 150).max(1);
    for at in (0..whole.len()).step_by(step) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        fs::write(place.path("damaged.fds"), &damaged).unwrap();
        assert!(entries(place.path("damaged.fds")).is_none_or(|found| found == true_entries), "byte {at}");
        fs::write(place.path("cut.fds"), &whole[..at]).unwrap();
        assert!(entries(place.path("cut.fds")).is_none(), "cut at {at}");
    }
}

#[test]
fn a_snapshot_replaces_its_own_base() {
    let place = Place::new();
    place.write("tree/a", "1");
    place.snap("x.fds", &[]);
    fs::copy(place.path("x.fds"), place.path("old.fds")).unwrap();
    place.write("tree/b", "2");
    place.snap("x.fds", &["--base", "x.fds"]);
    let changes = place.changes("old.fds", "x.fds");
    assert!(changes.contains("A b\n"), "{changes}");
    // Again, while others have it open as readers do.
    let open = Snapshot::open(place.path("old.fds")).unwrap();
    place.write("tree/c", "3");
    place.snap("x.fds", &["--base", "x.fds"]);
    assert!(place.changes("old.fds", "x.fds").contains("A c\n"));
    drop(open);
    let left: Vec<_> = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().is_some_and(|name| name.contains(".tmp"))), "{left:?}");
}
