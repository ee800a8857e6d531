//! A tree as the standard library shows it, and random edits of one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use fastdiff::path::to_bytes;
use fastdiff::{Kind, Time};
use proptest::prelude::*;
use proptest::sample::Index;

/// What both sides know of an entry: kind, size of a file, time of its last change.
pub(crate) type Known = (Kind, u64, Time);

/// Every entry by its path, as bytes with slashes.
pub(crate) type Model = BTreeMap<Vec<u8>, Known>;

/// Reads a tree with the standard library alone.
pub(crate) fn read(root: &Path) -> Model {
    let mut model = Model::new();
    read_at(root, &mut model);
    model
}

fn read_at(path: &Path, model: &mut Model) {
    let found = fs::symlink_metadata(path).unwrap();
    let kind = if found.is_dir() { Kind::Dir } else { Kind::File };
    let size = if found.is_dir() { 0 } else { found.len() };
    model.insert(to_bytes(path).into_owned(), (kind, size, time(found.modified().unwrap())));
    if found.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read_at(&entry.unwrap().path(), model);
        }
    }
}

fn time(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap();
    Time::new(i64::try_from(since.as_secs()).unwrap(), since.subsec_nanos())
}

/// One edit. What it changes is drawn as an index into the entries of that moment.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    File { dir: Index, name: usize, size: u8 },
    Dir { dir: Index, name: usize },
    Rewrite { what: Index, size: u8 },
    Touch { what: Index, seconds: u32 },
    Rename { what: Index, dir: Index, name: usize },
    HardLink { what: Index, dir: Index, name: usize },
    Remove(Index),
}

#[cfg(feature = "duplicati")]
impl Edit {
    /// Makes a file in the root, so that there is one to list.
    pub(crate) fn always_a_file() -> Self {
        use proptest::strategy::ValueTree as _;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let dir = any::<Index>().new_tree(&mut runner).unwrap().current();
        Self::File { dir, name: 0, size: 5 }
    }
}

pub(crate) fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let name = || 0..NAMES.len();
    let edit = prop_oneof![
        4 => (at(), name(), 0..30_u8).prop_map(|(dir, name, size)| Edit::File { dir, name, size }),
        4 => (at(), name()).prop_map(|(dir, name)| Edit::Dir { dir, name }),
        2 => (at(), 0..30_u8).prop_map(|(what, size)| Edit::Rewrite { what, size }),
        1 => (at(), 1..1_000_000_u32).prop_map(|(what, seconds)| Edit::Touch { what, seconds }),
        3 => (at(), at(), name()).prop_map(|(what, dir, name)| Edit::Rename { what, dir, name }),
        1 => (at(), at(), name()).prop_map(|(what, dir, name)| Edit::HardLink { what, dir, name }),
        2 => at().prop_map(Edit::Remove),
    ];
    proptest::collection::vec(edit, 0..most)
}

/// Names that every system can hold, and that test the order of a tree.
const NAMES: [&str; 12] =
    ["a", "a-b", "a b", "b", "B!", "docs", "münchen", "刺身", "😀.txt", "a.b", "-n", "ä\u{308}\u{301} \u{202e}x"];

/// A tree that is edited. What the system refuses changes nothing.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
}

impl Tree {
    pub(crate) fn edit(&self, edits: &[Edit]) {
        for edit in edits {
            self.apply(edit);
        }
    }

    fn apply(&self, edit: &Edit) {
        let all = self.all();
        let dirs: Vec<_> = all.iter().filter(|path| path.is_dir()).cloned().collect();
        // Never the root.
        let pick = |what: &Index| all.get(1..).filter(|rest| !rest.is_empty()).map(|rest| what.get(rest).clone());
        let place = |dir: &Index, name: &usize| dir.get(&dirs).join(NAMES[*name]);
        let content = |size: u8| vec![size; size.into()];
        // A refusal is as good as an edit.
        let _ = match edit {
            Edit::File { dir, name, size } => fs::write(place(dir, name), content(*size)),
            Edit::Dir { dir, name } => fs::create_dir(place(dir, name)),
            Edit::Rewrite { what, size } => match pick(what) {
                Some(path) if path.is_file() => fs::write(path, content(*size)),
                _ => Ok(()),
            },
            Edit::Touch { what, seconds } => {
                pick(what)
                    .filter(|path| path.is_file())
                    .iter()
                    .for_each(|path| super::place::age(path, (*seconds).into()));
                Ok(())
            }
            Edit::Rename { what, dir, name } => pick(what).map_or(Ok(()), |from| fs::rename(from, place(dir, name))),
            Edit::HardLink { what, dir, name } => match pick(what) {
                Some(path) if path.is_file() => fs::hard_link(path, place(dir, name)),
                _ => Ok(()),
            },
            Edit::Remove(what) => match pick(what) {
                Some(path) if path.is_dir() => fs::remove_dir_all(path),
                Some(path) => fs::remove_file(path),
                None => Ok(()),
            },
        };
    }

    /// Every path, the root first.
    fn all(&self) -> Vec<PathBuf> {
        let mut all = vec![self.root.clone()];
        let mut at = 0;
        while let Some(path) = all.get(at).cloned() {
            if path.is_dir() {
                let mut below: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
                below.sort();
                all.extend(below);
            }
            at += 1;
        }
        all
    }
}
