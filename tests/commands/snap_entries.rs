//! `snap`: every kind of entry and every name is recorded as it is, by both walkers alike.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use fastdiff::{NoMonitor, ScanOptions, Snapshot, SourceChoice, Time, WalkerKind, scan};

use crate::testenv::{TestEnv, on_disk, shown, skip};

/// One of every kind that this user may make.
fn tree_of_every_kind(env: &TestEnv) {
    env.write("tree/file", "12345");
    env.write("tree/empty", "");
    env.write("tree/old", "older than 1970");
    let old = std::time::SystemTime::UNIX_EPOCH - Duration::new(86_400, 500_000_000);
    let file = std::fs::File::open(env.path("tree/old")).unwrap();
    file.set_times(std::fs::FileTimes::new().set_modified(old)).unwrap();
    env.set_mtime("tree/file", 1_000_000_000);
    env.write("tree/setuid", "");
    env.chmod("tree/setuid", 0o4755);
    env.dir("tree/dir/empty-dir");
    env.write("tree/dir/below", "x");
    env.chmod("tree/dir", 0o1777);
    env.symlink("file", "tree/link");
    env.symlink("dir", "tree/link-to-dir");
    env.symlink("nowhere", "tree/broken-link");
    env.symlink("loop-link", "tree/loop-link");
    env.fifo("tree/fifo");
    env.socket("tree/socket");
    env.hard_link("tree/file", "tree/dir/hard-link");
    env.sparse("tree/sparse", 1 << 40);
    for made in [env.null_device("tree/char-device"), env.loop_device("tree/block-device")] {
        if let Err(e) = made {
            skip(&format!("a device cannot be made here: {e}"));
        }
    }
}

/// Every one-byte name, and longer ones that somebody could trip over.
fn tree_of_every_name(env: &TestEnv) {
    let mut names: Vec<Vec<u8>> = (1..=255_u8).filter(|b| !b"/.".contains(b)).map(|b| vec![b]).collect();
    names.extend([
        vec![b'x'; 255],
        [b"\xf0\x9f\x92\xa9".repeat(63), b"abc".to_vec()].concat(),
        b"...".to_vec(),
        b" leading and trailing ".to_vec(),
        b"new\nline".to_vec(),
        b"\x1b[31mred\x1b[0m\x07".to_vec(),
        b"half \xc3 of a letter".to_vec(),
        b"-rf".to_vec(),
        b"\"quoted\"\\".to_vec(),
        "\u{202e}txt.exe".into(),
    ]);
    for (i, name) in names.iter().enumerate() {
        let path = Path::new("tree").join(OsStr::from_bytes(name));
        if i % 3 == 0 {
            env.write(path.join(OsStr::from_bytes(name)), "");
        } else {
            env.write(path, name);
        }
    }
}

#[test]
fn every_kind_of_entry_is_recorded_as_it_is() {
    let env = TestEnv::new();
    tree_of_every_kind(&env);
    env.snap("a.snap");
    let shown = shown(&env, "a.snap");
    assert_eq!(shown, on_disk(&env.path("tree")));
    let kinds: BTreeSet<_> = shown.values().map(|s| s.kind.as_str()).collect();
    assert!(kinds.is_superset(&["file", "directory", "symlink", "fifo", "socket"].into()), "{kinds:?}");
    assert_eq!(env.run(["verify", "a.snap", "--quiet"]).success(), "");
}

#[test]
fn names_of_any_bytes_are_recorded_as_they_are() {
    let env = TestEnv::new();
    tree_of_every_name(&env);
    env.snap("a.snap");
    let shown = shown(&env, "a.snap");
    assert_eq!(shown, on_disk(&env.path("tree")));
    assert!(shown.len() > 300);
    let null_separated = env.run(["diff", "a.snap", "a.snap", "--emit", "name-status", "-z"]);
    assert_eq!(null_separated.stdout, "");
}

#[test]
fn names_of_any_bytes_come_out_of_a_diff_as_they_are() {
    let env = TestEnv::new();
    env.snap("a.snap");
    tree_of_every_name(&env);
    env.snap("b.snap");
    let run = env.run(["diff", "a.snap", "b.snap", "--emit", "name-status", "-z"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let mut fields = run.bytes.split(|b| *b == 0);
    let mut listed = Vec::new();
    while let (Some(letter), Some(path)) = (fields.next(), fields.next()) {
        assert_eq!(letter, if listed.is_empty() { b"M" } else { b"A" });
        listed.push(path.to_vec());
    }
    // Their order is that of the components; the witness sorts whole paths.
    listed.sort();
    assert_eq!(listed, on_disk(&env.path("tree")).into_keys().collect::<Vec<_>>());
}

/// A snapshot by the library, with everything fixed that may differ from run to run.
fn scanned(env: &TestEnv, walker: WalkerKind, threads: usize, boundary: Time) -> Vec<u8> {
    let output = env.path(format!("{walker:?}.snap"));
    let mut options = ScanOptions::new([env.path("tree")]);
    options.walker = walker;
    // Without the mark of a btrfs, which goes on from scan to scan.
    options.source = SourceChoice::Walk;
    options.threads = Some(threads);
    options.boundary = Some(boundary);
    options.racy_window = Some(Duration::ZERO);
    let outcome = scan(&options, None, &output, &NoMonitor).unwrap();
    let snapshot = Snapshot::open(&output).unwrap();
    snapshot.verify().unwrap();
    assert_eq!(snapshot.header().root_digest, outcome.root_digest);
    assert_eq!(snapshot.header().walker, walker);
    std::fs::read(output).unwrap()
}

/// The bytes after the header, whose length is said at offset 12.
fn body(snapshot: &[u8]) -> &[u8] {
    let length = u32::from_le_bytes(*snapshot[12..].first_chunk().unwrap());
    &snapshot[usize::try_from(length).unwrap()..]
}

#[test]
fn both_walkers_and_any_number_of_threads_give_the_same_bytes_after_the_header() {
    let env = TestEnv::new();
    env.write("tree/older than the rest", "");
    env.settle();
    tree_of_every_kind(&env);
    tree_of_every_name(&env);
    let ctime = on_disk(&env.path("tree"))[env.path("tree/file").as_os_str().as_bytes()].ctime;
    // Once nothing is racy, once everything, once some.
    let boundaries = [i64::MAX, i64::MIN, ctime.0].map(|sec| Time::new(sec, u32::try_from(ctime.1).unwrap()));
    let mut seen = BTreeSet::new();
    for boundary in boundaries {
        let expected = scanned(&env, WalkerKind::Native, 1, boundary);
        seen.insert(body(&expected).to_vec());
        for (walker, threads) in [(WalkerKind::Native, 7), (WalkerKind::Portable, 1), (WalkerKind::Portable, 7)] {
            let other = scanned(&env, walker, threads, boundary);
            assert!(body(&other) == body(&expected), "{walker:?} with {threads} threads, boundary {boundary:?}");
        }
    }
    assert_eq!(seen.len(), 3, "the boundary decides what is racy, and that is recorded");
}

#[test]
fn the_fixed_boundary_flags_what_is_not_older_as_racy() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    for (boundary, racy) in [(Time::new(i64::MIN, 0), 2), (Time::new(i64::MAX, 0), 0)] {
        scanned(&env, WalkerKind::Native, 1, boundary);
        let snapshot = Snapshot::open(env.path("Native.snap")).unwrap();
        assert_eq!(snapshot.header().counts.racy, racy, "{boundary:?}");
        assert_eq!(snapshot.header().boundary, boundary);
    }
}

#[test]
fn an_empty_tree_is_a_tree() {
    let env = TestEnv::new();
    for walker in ["native", "portable"] {
        assert_eq!(env.snap_with("a.snap", &["--walker", walker]).success(), "");
        assert_eq!(shown(&env, "a.snap"), on_disk(&env.path("tree")));
    }
}

#[test]
fn the_summary_of_snap_counts_by_kind() {
    let env = TestEnv::new();
    env.write("tree/dir/file", "12345");
    env.write("tree/file", "1234567");
    env.symlink("x", "tree/link");
    env.settle();
    let run = env.run(["snap", "tree", "-o", "a.snap", "--racy-window", "0"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    let (before, after) = run.stderr.split_once(" in ").unwrap();
    assert_eq!(before, "fastdiff: snapshot: a.snap: 5 entries (2 files with 12 B, 2 directories)");
    assert!(!after.contains("changed just now"), "{after}");
    let run = env.run(["snap", "tree", "-o", "a.snap", "--racy-window", "1h"]);
    assert!(run.stderr.trim_end().ends_with("; 5 changed just now"), "{}", run.stderr);
}
