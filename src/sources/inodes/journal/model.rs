//! A volume that writes a journal as NTFS does, edited at random, and scans that follow the journal by the rules of
//! this module: each must come to what is there.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::tests::answer;
use super::{CLOSE, HARD_LINK, JournalChanges, JournalRecord, JournalState, read_answer};

const DATA: u32 = 0x1;
const CREATE: u32 = 0x100;
const DELETE: u32 = 0x200;
const OLD_NAME: u32 = 0x1000;
const NEW_NAME: u32 = 0x2000;

const ROOT: u64 = (5 << 48) + 5;
const OUTSIDE: u64 = (1 << 48) + 30;

/// A file or directory.
#[derive(Debug, Clone, Default)]
struct ModelFile {
    is_dir: bool,
    /// What a stat shows: moves with each change of it.
    version: u64,
    /// The reasons of the records since it was opened, if it is open.
    open: Option<u32>,
}

/// The entries of directories: (directory, name) to number.
type ModelNames = BTreeMap<(u64, u8), u64>;

#[derive(Debug, Clone, Default)]
struct Volume {
    nodes: BTreeMap<u64, ModelFile>,
    entries: ModelNames,
    journal: Vec<JournalRecord>,
    /// Numbers are used again, with another count in their upper bits.
    made: u64,
    version: u64,
}

impl Volume {
    fn new() -> Self {
        let mut volume = Self::default();
        for dir in [ROOT, OUTSIDE] {
            volume.nodes.insert(dir, ModelFile { is_dir: true, ..ModelFile::default() });
        }
        volume
    }

    fn next(&self) -> i64 {
        i64::try_from(self.journal.len()).expect("few") * 8
    }

    fn record(&mut self, file: u64, parent: u64, reason: u32) {
        let number = self.next();
        self.journal.push(JournalRecord { number, file, parent, reason });
    }

    fn touch(&mut self, file: u64) {
        self.version += 1;
        let version = self.version;
        self.nodes.get_mut(&file).expect("it is there").version = version;
    }

    /// A change of a file by a handle: the same reason is recorded once for each time that it is open.
    fn change(&mut self, file: u64, parent: u64, reason: u32, stays_open: bool) {
        let node = self.nodes.get_mut(&file).expect("it is there");
        let before = node.open.unwrap_or(0);
        let now = before | reason;
        node.open = stays_open.then_some(now);
        if now != before {
            self.record(file, parent, now);
        }
        if !stays_open {
            self.record(file, parent, now | CLOSE);
        }
    }

    fn make(&mut self, dir: u64, name: u8, is_dir: bool, open: bool) {
        if self.entries.contains_key(&(dir, name)) {
            return;
        }
        self.made += 1;
        let id = self.made << 48 | (40 + self.made % 7);
        self.nodes.insert(id, ModelFile { is_dir, ..ModelFile::default() });
        self.entries.insert((dir, name), id);
        self.touch(id);
        self.touch(dir);
        self.change(id, dir, CREATE, open && !is_dir);
    }

    fn below(&self, dir: u64, other: u64) -> bool {
        dir == other || self.entries.iter().any(|((above, _), child)| *child == dir && self.below(*above, other))
    }

    fn apply(&mut self, edit: &Edit) {
        let dirs: Vec<_> = self.nodes.iter().filter(|(_, node)| node.is_dir).map(|(id, _)| *id).collect();
        let all: Vec<_> = self.entries.iter().map(|(place, id)| (*place, *id)).collect();
        let pick = |at: &Index| (!all.is_empty()).then(|| all[at.index(all.len())]);
        match edit {
            Edit::Make { dir, name, is_dir, open } => self.make(*dir.get(&dirs), *name, *is_dir, *open),
            Edit::Write { what, open } => {
                let Some(((dir, _), id)) = pick(what).filter(|(_, id)| !self.nodes[id].is_dir) else { return };
                self.touch(id);
                self.change(id, dir, DATA, *open);
            }
            Edit::Rename { what, dir, name } => {
                let (Some(((from, old), id)), to) = (pick(what), *dir.get(&dirs)) else { return };
                if self.entries.contains_key(&(to, *name)) || self.nodes[&id].is_dir && self.below(to, id) {
                    return;
                }
                self.entries.remove(&(from, old));
                self.entries.insert((to, *name), id);
                for touched in [id, from, to] {
                    self.touch(touched);
                }
                self.record(id, from, OLD_NAME);
                self.record(id, to, NEW_NAME);
                let stays_open = self.nodes[&id].open.is_some();
                self.change(id, to, OLD_NAME | NEW_NAME, stays_open);
            }
            Edit::Link { what, dir, name } => {
                let (Some((_, id)), to) = (pick(what).filter(|(_, id)| !self.nodes[id].is_dir), *dir.get(&dirs)) else {
                    return;
                };
                if self.entries.contains_key(&(to, *name)) {
                    return;
                }
                self.entries.insert((to, *name), id);
                for touched in [id, to] {
                    self.touch(touched);
                }
                self.change(id, to, HARD_LINK, self.nodes[&id].open.is_some());
            }
            Edit::Remove(what) => {
                let Some(((dir, name), id)) = pick(what) else { return };
                if self.entries.keys().any(|(above, _)| *above == id) {
                    return;
                }
                self.entries.remove(&(dir, name));
                self.touch(dir);
                let is_last = !self.entries.values().any(|other| *other == id);
                if is_last {
                    self.record(id, dir, DELETE | CLOSE);
                    self.nodes.remove(&id);
                } else {
                    self.touch(id);
                    // It is closed only when nobody has it open any more.
                    self.change(id, dir, HARD_LINK, self.nodes[&id].open.is_some());
                }
            }
        }
    }

    /// What a walk of the root finds: each path, with its number and what a stat shows.
    fn walk(&self, dir: u64, path: &[u8], found: &mut Tree) {
        found.insert(path.to_vec(), (dir, self.nodes[&dir].version));
        for (name, id) in self.listing(dir) {
            let below = [path, &[name]].concat();
            if self.nodes[&id].is_dir {
                self.walk(id, &below, found);
            } else {
                found.insert(below, (id, self.nodes[&id].version));
            }
        }
    }

    fn listing(&self, dir: u64) -> Vec<(u8, u64)> {
        self.entries.iter().filter(|((above, _), _)| *above == dir).map(|((_, name), id)| (*name, *id)).collect()
    }
}

/// A snapshot: by path, the number and what a stat showed.
type Tree = BTreeMap<Vec<u8>, (u64, u64)>;

/// A scan that follows the journal: what it names is asked for, directories among it are listed, and what is new in one
/// is walked whole. The rest is the base's.
fn follow(volume: &Volume, base: &Tree, changed: &rustc_hash::FxHashSet<u64>) -> Tree {
    let mut now = Tree::new();
    let mut dirs = vec![(Vec::new(), ROOT)];
    while let Some((path, dir)) = dirs.pop() {
        let before = base.get(&path).filter(|(id, _)| *id == dir);
        let Some(before) = before else {
            // Not what the base has there: all of it is read.
            volume.walk(dir, &path, &mut now);
            continue;
        };
        let version = if changed.contains(&dir) { volume.nodes[&dir].version } else { before.1 };
        now.insert(path.clone(), (dir, version));
        let names: Vec<(u8, u64)> = if changed.contains(&dir) {
            volume.listing(dir)
        } else {
            let of_dir =
                |(below, _): &(&Vec<u8>, &(u64, u64))| below.len() == path.len() + 1 && below.starts_with(&path);
            base.iter().filter(of_dir).map(|(below, (id, _))| (below[path.len()], *id)).collect()
        };
        for (name, id) in names {
            let below = [path.as_slice(), &[name]].concat();
            let known = base.get(&below).filter(|(before, _)| *before == id);
            match volume.nodes.get(&id) {
                Some(node) if node.is_dir => dirs.push((below, id)),
                Some(node) => {
                    let is_asked = changed.contains(&id) || known.is_none();
                    let version = if is_asked { node.version } else { known.map_or(0, |(_, version)| *version) };
                    now.insert(below, (id, version));
                }
                // Gone, and nothing was recorded: the comparison shows it.
                None => drop(now.insert(below, (id, 0))),
            }
        }
    }
    now
}

#[derive(Debug, Clone)]
enum Edit {
    Make { dir: Index, name: u8, is_dir: bool, open: bool },
    Write { what: Index, open: bool },
    Rename { what: Index, dir: Index, name: u8 },
    Link { what: Index, dir: Index, name: u8 },
    Remove(Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let name = || prop::sample::select(&b"abcdef"[..]);
    let edit = prop_oneof![
        5 => (at(), name(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(dir, name, is_dir, open)| Edit::Make { dir, name, is_dir, open }),
        3 => (at(), prop::bool::weighted(0.3)).prop_map(|(what, open)| Edit::Write { what, open }),
        4 => (at(), at(), name()).prop_map(|(what, dir, name)| Edit::Rename { what, dir, name }),
        2 => (at(), at(), name()).prop_map(|(what, dir, name)| Edit::Link { what, dir, name }),
        3 => at().prop_map(Edit::Remove),
    ];
    prop::collection::vec(edit, 0..14)
}

/// The records since a number, as the system hands them out.
fn changes(volume: &Volume, since: i64, skip: Option<usize>) -> (JournalChanges, i64) {
    let records: Vec<_> = volume.journal.iter().filter(|record| record.number >= since).copied().collect();
    let mut records = records;
    if let Some(at) = skip.filter(|at| *at < records.len()) {
        records.remove(at);
    }
    let mut changes = JournalChanges::default();
    let next = read_answer(&answer(volume.next(), &records, 2), |record| changes.add(record)).expect("sound");
    (changes, next)
}

proptest! {
    #[test]
    fn scans_that_follow_the_journal_come_to_what_is_there(
        first in edits(), rounds in prop::collection::vec(edits(), 1..6),
    ) {
        let mut volume = Volume::new();
        for edit in &first {
            volume.apply(edit);
        }
        // Whoever has a file open while the base is made is not known: nobody has.
        let open: Vec<_> = volume.nodes.iter().filter(|(_, node)| node.open.is_some()).map(|(id, _)| *id).collect();
        for id in open {
            volume.change(id, ROOT, 0, false);
        }
        let (mut base, mut since) = (Tree::new(), volume.next());
        volume.walk(ROOT, &[], &mut base);
        for edits in &rounds {
            for edit in edits {
                volume.apply(edit);
            }
            let (changes, next) = changes(&volume, since, None);
            let mut there = Tree::new();
            volume.walk(ROOT, &[], &mut there);
            if changes.has_links {
                // Nothing is proved: the tree is walked.
                base = there;
                since = changes.since(next);
                continue;
            }
            prop_assert_eq!(&follow(&volume, &base, &changes.changed), &there);
            since = changes.since(next);
            base = there;
        }
    }
}

#[test]
fn a_journal_without_one_of_its_records_would_show() {
    // The model can tell: at least one missing record leads to another tree.
    let mut volume = Volume::new();
    volume.make(ROOT, b'a', true, false);
    volume.make(ROOT, b'b', false, false);
    let (mut base, since) = (Tree::new(), volume.next());
    volume.walk(ROOT, &[], &mut base);
    for name in [b'c', b'd'] {
        volume.make(ROOT, name, false, false);
    }
    let mut there = Tree::new();
    volume.walk(ROOT, &[], &mut there);
    let all: BTreeSet<_> = (0..8).map(Some).chain([None]).collect();
    let right = |skip: Option<usize>| follow(&volume, &base, &changes(&volume, since, skip).0.changed) == there;
    assert!(right(None));
    assert!(
        all.iter().all(|skip| right(*skip)),
        "each change has two records, and a second file in the same directory"
    );
    let (nothing, _) = changes(&volume, volume.next(), None);
    assert_ne!(follow(&volume, &base, &nothing.changed), there);
}

#[test]
fn whoever_forgets_an_open_file_misses_what_is_written_on() {
    let mut volume = Volume::new();
    volume.make(ROOT, b'a', false, false);
    let (mut base, since) = (Tree::new(), volume.next());
    volume.walk(ROOT, &[], &mut base);
    let (_, id) = volume.listing(ROOT)[0];
    let write = |volume: &mut Volume| {
        volume.touch(id);
        volume.change(id, ROOT, DATA, true);
    };
    write(&mut volume);
    let (first, next) = changes(&volume, since, None);
    let second_base = follow(&volume, &base, &first.changed);
    // The same reason is recorded once.
    write(&mut volume);
    let mut there = Tree::new();
    volume.walk(ROOT, &[], &mut there);
    let with = |since| follow(&volume, &second_base, &changes(&volume, since, None).0.changed);
    assert_eq!(with(first.since(next)), there);
    assert_ne!(with(next), there, "this is what carrying it over is for");
    let state = JournalState { id: 1, first: 0, next };
    assert_eq!(state.holds(1, first.since(next)), Ok(()));
}
