//! Scans a tree twice and prints what changed in between. Run it with `cargo run --example scan_and_diff`.

use std::error::Error;
use std::fs;

use fastdiff::{Diff, DiffOptions, NoMonitor, ScanOptions, Snapshot, scan};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (tree, old, new) = (dir.path().join("tree"), dir.path().join("old.snap"), dir.path().join("new.snap"));
    fs::create_dir(&tree)?;
    fs::write(tree.join("old name.txt"), "Dear reader")?;

    let mut options = ScanOptions::new([&tree]);
    options.filter.exclude_caches = true;
    scan(&options, None, &old, &NoMonitor)?;

    fs::rename(tree.join("old name.txt"), tree.join("new name.txt"))?;
    fs::write(tree.join("letter.txt"), "Dear writer")?;

    // With the old snapshot as the base, what cannot be read now is carried over from there, and marked as unknown.
    let base = Snapshot::open(&old)?;
    let outcome = scan(&options, Some(&base), &new, &NoMonitor)?;
    println!("{} entries, {} could not be read", outcome.counts.entries, outcome.counts.unknown);

    let newer = Snapshot::open(&new)?;
    let diff = Diff::new(&base, &newer, &DiffOptions::default())?;
    for change in diff.changes() {
        let change = change?;
        println!("{} {}", change.kind, change.as_path().display());
    }
    Ok(())
}
