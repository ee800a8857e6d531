//! Whole trees in a temporary directory: made twice, edited twice, compared.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::Parser;

use super::*;
use crate::args::{Args, parse_percent};

/// Makes a tree of 600 files in `root`.
fn make(root: &Path, words: &[&str]) {
    let command = ["mktree", "--files", "600", "--dirs", "90", "--largest", "100"];
    let words = command.iter().chain(words).copied().chain([root.to_str().expect("UTF-8")]);
    let args = Args::try_parse_from(words).expect("parses");
    crate::run(&args).expect("the tree is made");
}

/// Kind, mode, link count, size, time, target and content of every entry by path.
fn describe(root: &Path, times: bool) -> BTreeMap<String, String> {
    let listing = Listing::read(root).expect("readable");
    let describe = |entry: Option<usize>| {
        let path = listing.path(entry);
        let meta = fs::symlink_metadata(&path).expect("exists");
        let time = if times { (meta.mtime(), meta.mtime_nsec()) } else { (0, 0) };
        let inside = if meta.is_symlink() {
            fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else if meta.is_file() {
            fs::read(&path).expect("readable")
        } else {
            Vec::new()
        };
        let size = if meta.is_dir() { 0 } else { meta.len() };
        let text = format!("{:o} {} {size} {time:?} {:x?}", meta.mode(), meta.nlink(), digest(&inside));
        (path.strip_prefix(root).expect("below").to_string_lossy().into_owned(), text)
    };
    (0..listing.entries.len()).map(Some).chain([None]).map(describe).collect()
}

fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(bytes.len() as u64, |hash, &byte| hash.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte))
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

#[test]
fn the_same_arguments_make_the_same_tree() {
    let (one, other, seeded) = (temporary(), temporary(), temporary());
    make(one.path(), &[]);
    make(other.path(), &[]);
    make(seeded.path(), &["--seed", "2"]);
    let tree = describe(one.path(), true);
    assert_eq!(tree.len(), 691, "files, directories and the root");
    assert_eq!(tree, describe(other.path(), true));
    assert_ne!(tree, describe(seeded.path(), true));
}

#[test]
fn the_tree_has_the_links_that_were_asked_for() {
    let root = temporary();
    make(root.path(), &["--symlinks", "20", "--hardlinks", "30"]);
    let listing = Listing::read(root.path()).expect("readable");
    let mut inodes: Vec<u64> = (0..listing.entries.len())
        .filter(|&entry| listing.entries[entry].kind == crate::scan::Kind::Regular)
        .map(|entry| fs::symlink_metadata(listing.path(Some(entry))).expect("exists").ino())
        .collect();
    assert_eq!(inodes.len(), 580);
    inodes.sort_unstable();
    inodes.dedup();
    assert_eq!(inodes.len(), 550);
}

#[test]
fn a_directory_nested_past_the_longest_path_is_made() {
    let root = temporary();
    make(root.path(), &["--files", "60", "--dirs", "120", "--depth", "120", "--name-length", "100"]);
    // Too long to be removed by path: the standard library goes by descriptors.
    fs::remove_dir_all(root.path()).expect("removable");
}

#[test]
fn a_directory_that_holds_something_is_refused() {
    let root = temporary();
    fs::write(root.path().join("mine"), "").expect("writable");
    let args = Args::try_parse_from(["mktree".as_ref(), root.path().as_os_str()]).expect("parses");
    let error = crate::run(&args).expect_err("refused");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("is not empty"));
}

#[test]
fn every_kind_of_edit_is_done_and_counted() {
    let root = temporary();
    make(root.path(), &[]);
    let before = describe(root.path(), true);
    let summary = mutate(root.path(), parse_percent("10").expect("valid"), 1).expect("edited");
    assert_eq!(summary["files"], 600);
    assert_eq!(summary["edits"], 60);
    for (_, key, _) in EDITS {
        assert!(summary["kinds"][key].as_u64() >= Some(1), "{key}: {summary}");
    }
    let after = describe(root.path(), true);
    let changed = before.iter().filter(|(path, entry)| after.get(*path) != Some(entry)).count();
    assert!(changed >= 60, "{changed} of the old entries differ");
}

#[test]
fn the_same_seed_makes_the_same_edits() {
    let (one, other, seeded) = (temporary(), temporary(), temporary());
    for (root, seed) in [(&one, 4), (&other, 4), (&seeded, 5)] {
        make(root.path(), &[]);
        mutate(root.path(), parse_percent("10").expect("valid"), seed).expect("edited");
    }
    let tree = describe(one.path(), false);
    assert_eq!(tree, describe(other.path(), false));
    assert_ne!(tree, describe(seeded.path(), false));
}

#[test]
fn a_tree_without_candidates_is_edited_as_far_as_possible() {
    let root = temporary();
    make(root.path(), &["--files", "3", "--dirs", "0", "--symlinks", "0", "--hardlinks", "0"]);
    let summary = mutate(root.path(), parse_percent("100").expect("valid"), 1).expect("edited");
    assert_eq!(summary["kinds"]["delete_directory"], 0);
}

#[test]
fn quotas_add_up_and_leave_no_kind_out() {
    for total in [0, 1, 17, 18, 60, 5_000] {
        let quotas = quotas(total);
        assert_eq!(quotas.iter().sum::<usize>(), total);
        assert!(total < EDITS.len() || quotas.iter().all(|&quota| quota > 0));
    }
}
