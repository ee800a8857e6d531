//! What only Windows has: drives, prefixes, names that its usual calls change, files that nobody else may open.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::windows::ffi::OsStringExt as _;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use fastdiff::{Kind, NoMonitor, ScanOptions, Snapshot, scan};

use super::place::Place;

/// The path with the prefix that keeps the system from changing it.
fn verbatim(path: &Path) -> PathBuf {
    PathBuf::from(format!(r"\\?\{}", path.display()))
}

fn paths(place: &Place, root: &Path) -> Vec<(String, Kind, u64)> {
    let output = place.path("any.fds");
    scan(&ScanOptions::new([root]), None, &output, &NoMonitor).unwrap();
    let root = fastdiff::path::to_bytes(root).len() + 1;
    let snapshot = Snapshot::open(output).unwrap();
    let entries = snapshot.entries().map(Result::unwrap).skip(1);
    entries.map(|e| (String::from_utf8(e.path[root..].to_vec()).unwrap(), e.kind(), e.stat.size)).collect()
}

#[test]
fn names_that_usual_calls_change_are_kept() {
    let place = Place::new();
    let tree = verbatim(&place.path("tree"));
    let names = ["CON", "aux.txt", "dot.", "blank ", "LPT1.dir"];
    let made: Vec<_> = names.iter().filter(|name| fs::write(tree.join(name), name).is_ok()).collect();
    assert!(made.len() >= 2, "{made:?}");
    let mut expected: Vec<_> = made.iter().map(|name| ((**name).to_string(), Kind::File, name.len() as u64)).collect();
    expected.sort();
    assert_eq!(paths(&place, &place.path("tree")), expected);
}

#[test]
fn a_path_of_thousands_of_characters_is_walked() {
    let place = Place::new();
    let mut dir = verbatim(&place.path("tree"));
    let mut depth = 0;
    while dir.as_os_str().len() < 3000 {
        dir.push("a-name-of-some-fifty-characters-which-is-not-unusual");
        if fs::create_dir(&dir).is_err() {
            dir.pop();
            break;
        }
        depth += 1;
    }
    assert!(depth > 6, "deeper than the 260 characters of old: {depth}");
    fs::write(dir.join("file"), "deep").unwrap();
    let found = paths(&place, &place.path("tree"));
    assert_eq!(found.len(), depth + 1);
    assert!(
        found.last().is_some_and(|(path, kind, size)| path.ends_with("/file") && *kind == Kind::File && *size == 4)
    );
}

#[test]
fn a_name_that_is_not_unicode_comes_back_unit_for_unit() {
    let place = Place::new();
    let name = OsString::from_wide(&[0x61, 0xd800, 0x62]);
    if fs::write(place.path("tree").join(&name), "x").is_err() {
        println!("SKIP a name that is not Unicode: this system refuses it");
        return;
    }
    let output = place.path("any.fds");
    scan(&ScanOptions::new([place.path("tree")]), None, &output, &NoMonitor).unwrap();
    let snapshot = Snapshot::open(output).unwrap();
    let entry = snapshot.entries().map(Result::unwrap).last().unwrap();
    assert_eq!(fastdiff::path::to_path(&entry.path).file_name(), Some(name.as_os_str()));
}

#[test]
fn a_file_that_nobody_else_may_open_is_recorded() {
    let place = Place::new();
    place.write("tree/locked", "held");
    let path = place.path("tree/locked");
    let held = OpenOptions::new().read(true).write(true).share_mode(0).open(&path).unwrap();
    assert!(fs::read(&path).is_err(), "another handle is refused");
    assert_eq!(paths(&place, &place.path("tree")), [("locked".to_owned(), Kind::File, 4)]);
    drop(held);
}

#[test]
fn a_file_that_cannot_be_written_changes_by_that() {
    let place = Place::new();
    place.write("tree/a", "x");
    place.snap("old.fds", &[]);
    let mut permissions = fs::metadata(place.path("tree/a")).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(place.path("tree/a"), permissions.clone()).unwrap();
    place.snap("new.fds", &["--base", "old.fds"]);
    let changes = place.changes("old.fds", "new.fds");
    #[expect(clippy::permissions_set_readonly_false, reason = "this is Windows")]
    permissions.set_readonly(false);
    fs::set_permissions(place.path("tree/a"), permissions).unwrap();
    assert_eq!(changes, "M a\n");
}

#[test]
fn a_root_is_the_same_however_it_is_written() {
    let place = Place::new();
    place.write("tree/a", "x");
    let root = place.path("tree").to_str().unwrap().to_owned();
    let lower = root[..1].to_ascii_lowercase() + &root[1..];
    let spellings =
        [root.clone(), lower, root.replace('\\', "/"), format!(r"\\?\{root}"), format!(r"{root}\"), "tree".into()];
    for (number, spelling) in spellings.iter().enumerate() {
        let output = format!("{number}.fds");
        let run = place.run(["snap", spelling, "-o", &output, "-q", "--racy-window", "0s"]);
        assert_eq!(run.code, Some(0), "{spelling}: {}", run.stderr);
        assert_eq!(Snapshot::open(place.path(&output)).unwrap().meta().roots, [root.replace('\\', "/").into_bytes()]);
    }
}

#[test]
fn two_names_that_differ_in_case_alone_are_two() {
    let place = Place::new();
    place.write("tree/Name", "x");
    place.snap("old.fds", &[]);
    fs::rename(place.path("tree/Name"), place.path("tree/NAME")).unwrap();
    let listed = fs::read_dir(place.path("tree")).unwrap().next().unwrap().unwrap().file_name();
    if listed != "NAME" {
        println!("SKIP a rename in case alone: this system does not make it");
        return;
    }
    place.snap("new.fds", &["--base", "old.fds"]);
    let changes = place.changes("old.fds", "new.fds");
    assert!(changes.contains("R Name NAME\n"), "{changes}");
}
