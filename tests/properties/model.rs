//! The plain model of a tree: what lies on disk, read by a simple walk that shares no code with the walkers of the
//! crate, and the list that follows from two such trees.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use fastdiff::{Change, ChangeKind, Fields, Stat, Time};

/// Every entry of a tree by its absolute path, the root included. The birth time is left out.
pub(crate) type Model = BTreeMap<Vec<u8>, Stat>;

/// Reads a tree.
pub(crate) fn read(root: &Path) -> Model {
    let mut model = Model::new();
    // The root may be a symlink, and is followed. No other symlink is.
    model.insert(root.as_os_str().as_bytes().to_vec(), stat(&fs::metadata(root).expect("the root is there")));
    read_below(root, &mut model);
    model
}

fn read_below(dir: &Path, model: &mut Model) {
    for entry in fs::read_dir(dir).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        let found = fs::symlink_metadata(&path).expect("nothing else changes the tree");
        model.insert(path.clone().into_os_string().into_vec(), stat(&found));
        if found.is_dir() {
            read_below(&path, model);
        }
    }
}

fn stat(m: &fs::Metadata) -> Stat {
    let mut stat = Stat::default();
    stat.mode = u16::try_from(m.mode()).expect("16 bits");
    stat.nlink = u32::try_from(m.nlink()).expect("few links");
    stat.uid = m.uid();
    stat.gid = m.gid();
    stat.ino = m.ino();
    stat.size = m.size();
    stat.mtime = Time::new(m.mtime(), u32::try_from(m.mtime_nsec()).expect("below a second"));
    stat.ctime = Time::new(m.ctime(), u32::try_from(m.ctime_nsec()).expect("below a second"));
    stat
}

/// A stat of the crate as the model holds it.
pub(crate) fn without_birth(mut stat: Stat) -> Stat {
    stat.birth = 0;
    stat
}

/// The components of a path. Comparing these is tree order by definition.
fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|b| *b == b'/').collect()
}

/// Tree order: by components, each as bytes.
pub(crate) fn tree_order(a: &[u8], b: &[u8]) -> Ordering {
    components(a).cmp(&components(b))
}

/// The directories above a path, the nearest first.
pub(crate) fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev().filter(|(_, b)| **b == b'/');
    slashes.map(|(at, _)| &path[..at]).filter(|above| !above.is_empty())
}

/// The rule of promise 1: the stamp of the last change is not older than the boundary minus the window. A stamp of
/// whole seconds may mean any time until two seconds later. A stamp that ends in zeros may mean any time until the
/// first of those digits would change.
pub(crate) fn is_racy(stat: &Stat, boundary: Time, window: Duration) -> bool {
    let nanoseconds = |t: Time| i128::from(t.sec) * 1_000_000_000 + i128::from(t.nsec);
    let window = i128::try_from(window.as_nanos()).expect("a short window");
    let digits = stat.ctime.nsec.to_string();
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let granule = if stat.ctime.nsec == 0 { 2_000_000_000 } else { 10_i128.pow(u32::try_from(zeros).expect("few")) };
    nanoseconds(stat.ctime) + granule > nanoseconds(boundary) - window
}

/// The fields in which two stats differ.
pub(crate) fn differing(a: &Stat, b: &Stat) -> Fields {
    let parts = [
        (Fields::KIND, a.mode >> 12 != b.mode >> 12),
        (Fields::SIZE, a.size != b.size),
        (Fields::MTIME, (a.mtime.sec, a.mtime.nsec) != (b.mtime.sec, b.mtime.nsec)),
        (Fields::CTIME, (a.ctime.sec, a.ctime.nsec) != (b.ctime.sec, b.ctime.nsec)),
        (Fields::INODE, a.ino != b.ino),
        (Fields::MODE, a.mode & 0o7777 != b.mode & 0o7777),
        (Fields::UID, a.uid != b.uid),
        (Fields::GID, a.gid != b.gid),
        (Fields::NLINK, a.nlink != b.nlink),
    ];
    parts.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect()
}

/// What a list says about one path.
pub(crate) type Said = (Vec<u8>, ChangeKind, Fields);

/// The list without renames that two trees must give, in its order. `racy` tells whether the stamps of an entry of the
/// older tree were too young.
pub(crate) fn expected(a: &Model, b: &Model, racy: impl Fn(&Stat) -> bool) -> Vec<Said> {
    let mut paths: Vec<_> = a.keys().chain(b.keys().filter(|p| !a.contains_key(*p))).collect();
    paths.sort_by(|x, y| tree_order(x, y));
    let said = |path: &Vec<u8>| -> Option<Said> {
        let (kind, fields) = match (a.get(path), b.get(path)) {
            (Some(_), None) => (ChangeKind::Removed, Fields::empty()),
            (None, _) => (ChangeKind::Added, Fields::empty()),
            (Some(old), Some(new)) => match differing(old, new) {
                fields if fields.contains(Fields::KIND) => (ChangeKind::TypeChanged, fields),
                fields if !fields.is_empty() => (ChangeKind::Modified, fields),
                _ if racy(old) => (ChangeKind::Suspect, Fields::empty()),
                _ => return None,
            },
        };
        Some((path.clone(), kind, fields))
    };
    paths.into_iter().filter_map(said).collect()
}

/// What a list says, for comparison with [`expected`].
pub(crate) fn said(changes: &[Change]) -> Vec<Said> {
    changes.iter().map(|c| (c.path.clone(), c.kind, c.fields)).collect()
}
