//! Promise 6: the fuzzer's corpus, and every case that it ever found, once more. tools/fuzz looks for new ones.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::report::{Attack, Promise};

#[path = "../../fuzz/targets.rs"]
mod targets;

#[path = "../../fuzz/layouts.rs"]
mod layouts;

/// All files of a directory of fuzz/ and below; of one that does not exist, none.
fn files(below: &str) -> Vec<PathBuf> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(below)];
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => waiting.extend(entries.map(|e| e.unwrap().path())),
            Err(_) if path.is_file() => files.push(path),
            Err(_) => {}
        }
    }
    files.sort();
    files
}

#[test]
fn the_corpus_and_every_case_that_was_found_are_answered() {
    let mut attack = Attack::on(Promise::DamagedIsNotBelieved, "the fuzzer's corpus and cases");
    let (corpus, cases) = (files("corpus"), files("artifacts"));
    assert!(corpus.len() > 20, "fuzz/corpus is there");
    for file in corpus.iter().chain(&cases) {
        let bytes = fs::read(file).unwrap();
        for (name, target) in [("open", targets::open as fn(&[u8])), ("consistent", targets::consistent)] {
            attack.check(catch_unwind(|| target(&bytes)).is_ok(), || format!("{name}: {}", file.display()));
        }
    }
}

#[test]
fn the_layouts_of_file_systems_and_every_case_that_was_found_are_answered() {
    let mut attack = Attack::on(Promise::TablesHideNothing, "the fuzzer's layouts of ext4 and cases");
    for file in files("layouts").iter().chain(&files("artifacts/layout")) {
        let bytes = fs::read(file).unwrap();
        // Cut at each length, and with each bit of the first 300 bytes flipped.
        let cut = (0..=bytes.len()).step_by(3).map(|len| bytes[..len].to_vec());
        let flipped = (0..300 * 8).map(|bit| {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        for case in cut.chain(flipped) {
            attack.check(catch_unwind(|| layouts::layout(&case)).is_ok(), || format!("{}", file.display()));
        }
    }
}

#[test]
fn a_snapshot_whose_digests_fit_is_not_repaired_but_a_changed_one_is() {
    for file in files("corpus") {
        let good = fs::read(&file).unwrap();
        let mut repaired = targets::repaired(&good).unwrap();
        // The question is made that of the other snapshot, and the header's digest is made to fit that.
        let fingerprint = repaired[240..256].to_vec();
        repaired[240..272].copy_from_slice(&good[240..272]);
        assert!(repaired == good, "{}: what is right is left alone", file.display());
        if fingerprint != good[240..256] {
            continue;
        }
        // Bits of the first block, whose directory's digest and all above have to follow.
        let mut other = good.clone();
        other[272 + 20] ^= 1;
        let repaired = targets::repaired(&other).unwrap();
        assert!(repaired[208..224] != good[208..224], "{}: the digest of the tree follows", file.display());
    }
}
