//! A consumer of one's own: a list for `zip -@`, which reads one name a line.
//!
//! It scans a tree twice and prints the list of what changed in between. Run it with `cargo run --example
//! own_consumer`.

use std::borrow::Cow;
use std::error::Error;
use std::io::Write;

use fastdiff::consumers::{
    ChangeLists, Consumer, Emitted, EmptyList, ListForm, ListOptions, ListPart, PathChoice, Spelled, asked_part,
    check_not_empty, list_base,
};
use fastdiff::{Diff, DiffOptions, NoMonitor, ScanOptions, Snapshot, scan};

/// The archive program zip.
#[derive(Debug)]
struct Zip;

impl Consumer for Zip {
    fn name(&self) -> &'static str {
        "zip"
    }

    fn about(&self) -> &'static str {
        "its archive holds only what changed"
    }

    fn command(&self) -> Option<&'static str> {
        Some("zip changes.zip -@ <LIST")
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::Changed]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::Changed
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Relative
    }

    fn empty_list(&self) -> EmptyList {
        EmptyList::Misread("zip fails on an empty list")
    }

    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> fastdiff::Result<Emitted> {
        asked_part(self, diff, options.part)?;
        let lists = ChangeLists::of(diff)?;
        check_not_empty(self, &lists.changed)?;
        let form = ListForm::new(self).with_end(b'\n').relative_to(list_base(diff)).with_spelling(spell);
        form.write(&lists.changed, out)?;
        Ok(lists.emitted)
    }
}

/// A name as zip reads it, or why it cannot: then there is no list at all.
fn spell(path: &[u8]) -> Spelled<'_> {
    if path.contains(&b'\n') {
        return Err("holds a newline, which ends a name for zip");
    }
    Ok(Cow::Borrowed(path))
}

/// Changes a tree, and returns the list for zip. The tree is so young that a change might leave no trace, so
/// everything in it is suspect and is listed too.
pub(crate) fn list_of_a_changed_tree(new_file: &str) -> Result<String, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let (tree, old, new) = (dir.path().join("tree"), dir.path().join("old.snap"), dir.path().join("new.snap"));
    std::fs::create_dir_all(tree.join("letters"))?;
    std::fs::write(tree.join("letters/kept.txt"), "Dear reader")?;
    let options = ScanOptions::new([&tree]);
    scan(&options, None, &old, &NoMonitor)?;

    std::fs::write(tree.join("letters").join(new_file), "Dear writer")?;
    scan(&options, None, &new, &NoMonitor)?;

    let (old, new) = (Snapshot::open(&old)?, Snapshot::open(&new)?);
    let mut options = DiffOptions::default();
    options.renames = Zip.knows_renames();
    let diff = Diff::new(&old, &new, &options)?;
    let mut list = Vec::new();
    Zip.write(&diff, &ListOptions::default(), &mut list)?;
    Ok(String::from_utf8(list)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    print!("{}", list_of_a_changed_tree("new.txt")?);
    Ok(())
}
