//! Snapshots of every released format version can still be read, or give a clear error. tests/fixtures has a snapshot
//! of each version, beside what `fastdiff show --json` prints of it.

use std::path::Path;

use fastdiff::Snapshot;
use fastdiff::consumers::entry_json;

fn read(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let snapshot = Snapshot::open(&path).expect("a released version opens");
    snapshot.verify().expect("a released version is whole");
    snapshot.entries().map(|e| entry_json(&e.expect("a released version is whole"), snapshot.header().system)).collect()
}

#[test]
fn version_4_is_read() {
    let expected: Vec<_> = include_str!("../fixtures/v4.jsonl").lines().collect();
    assert_eq!(read("v4.snap"), expected);
}

#[test]
fn an_overlay_of_version_4_is_read() {
    let expected: Vec<_> = include_str!("../fixtures/v4-overlay.jsonl").lines().collect();
    assert_eq!(read("v4-overlay.snap"), expected);
}
