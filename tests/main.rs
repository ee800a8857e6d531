//! The integration tests: the commands on real trees, the promises as properties, Duplicati's rules. One
//! binary, so that it is linked once.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test")]

mod attacks;
mod commands;
mod consumers;
mod duplicati;
mod guides;
mod jobs;
mod properties;
mod released;
mod testenv;

use std::fs;
use std::path::{Path, PathBuf};

/// All files of a directory and below whose names end with `.rs`.
fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files that are reached from `file` by `mod name;`, itself included, but for those elsewhere (`#[path]`).
fn reached(file: &Path, children_in: &Path) -> Vec<PathBuf> {
    let mut found = vec![file.to_owned()];
    let text = fs::read_to_string(file).unwrap();
    for (before, line) in std::iter::once("").chain(text.lines()).zip(text.lines()) {
        if before.starts_with("#[path") {
            continue;
        }
        let Some((_, rest)) = line.split_once("mod ") else { continue };
        let before = line.trim_start();
        if !["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod "].iter().any(|p| before.starts_with(p)) {
            continue;
        }
        let Some(name) = rest.strip_suffix(';') else { continue };
        let below = children_in.join(name);
        let as_file = children_in.join(format!("{name}.rs"));
        found.extend(reached(&if as_file.exists() { as_file } else { below.join("mod.rs") }, &below));
    }
    found
}

#[test]
fn no_test_file_is_forgotten() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let portable = tests.join("portable");
    let mut reached = [reached(&tests.join("main.rs"), &tests), reached(&portable.join("main.rs"), &portable)].concat();
    reached.sort();
    assert_eq!(rust_files(&tests), reached, "a file below tests/ that no `mod` leads to is never run");
}

#[test]
fn every_test_file_says_what_lives_in_it_and_is_of_readable_length() {
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with a `//!` line", file.display());
        assert!(text.lines().count() <= 400, "{} is longer than 400 lines", file.display());
    }
}
