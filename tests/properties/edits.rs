//! Random edits of a real tree. The target of an edit is drawn as an index into the entries at that moment, so every
//! sequence of edits makes sense. An edit that the system refuses changes nothing.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

/// A new entry.
#[derive(Debug, Clone)]
pub(crate) enum New {
    File(u8),
    Dir,
    Symlink(&'static str),
    Fifo,
}

/// One edit.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Create {
        dir: Index,
        name: Vec<u8>,
        new: New,
    },
    /// With everything below it.
    Remove(Index),
    /// To another name, usually in another directory. An entry of that name is replaced if the system allows it.
    Rename {
        what: Index,
        dir: Index,
        name: Vec<u8>,
    },
    HardLink {
        what: Index,
        dir: Index,
        name: Vec<u8>,
    },
    Rewrite {
        what: Index,
        size: u8,
    },
    /// Other content of the same size. The mtime is put back.
    RewriteUnseen(Index),
    Chmod {
        what: Index,
        mode: u32,
    },
    /// Does nothing without the right to do it.
    Chown {
        what: Index,
        owner: u32,
    },
    Touch {
        what: Index,
        mtime: (i64, i64),
    },
    /// By another entry under the same name: of another kind, or of the same kind with a new inode.
    Replace {
        what: Index,
        new: New,
    },
}

/// Targets of symlinks: directories, files, the link itself, nothing; inside the tree and outside of it.
const TARGETS: [&str; 7] = ["a", "b", "..", "a/b", "a-b", "nowhere", "/"];

fn any_new(links: bool) -> impl Strategy<Value = New> {
    prop_oneof![
        4 => (0..20_u8).prop_map(New::File),
        4 => Just(New::Dir),
        2 => proptest::sample::select(&TARGETS[..])
            .prop_map(move |to| if links { New::Symlink(to) } else { New::File(9) }),
        1 => Just(New::Fifo),
    ]
}

/// Edits that create a tree, with or without symlinks.
pub(crate) fn making(name: BoxedStrategy<Vec<u8>>, links: bool) -> impl Strategy<Value = Vec<Edit>> {
    let create =
        (any::<Index>(), name.clone(), any_new(links)).prop_map(|(dir, name, new)| Edit::Create { dir, name, new });
    let link = (any::<Index>(), any::<Index>(), name).prop_map(|(what, dir, name)| Edit::HardLink { what, dir, name });
    proptest::collection::vec(prop_oneof![9 => create, 1 => link], 0..30)
}

/// Edits of every kind, with or without symlinks.
pub(crate) fn changing(name: BoxedStrategy<Vec<u8>>, links: bool, most: usize) -> impl Strategy<Value = Vec<Edit>> {
    let at = any::<Index>;
    let times = [(0, 0), (-5, 7), (1_000_000_000, 0), (1_600_000_000, 123_456_789), (4_000_000_000, 1)];
    let edit = prop_oneof![
        4 => (at(), name.clone(), any_new(links)).prop_map(|(dir, name, new)| Edit::Create { dir, name, new }),
        3 => at().prop_map(Edit::Remove),
        6 => (at(), at(), name.clone()).prop_map(|(what, dir, name)| Edit::Rename { what, dir, name }),
        1 => (at(), at(), name).prop_map(|(what, dir, name)| Edit::HardLink { what, dir, name }),
        2 => (at(), 0..20_u8).prop_map(|(what, size)| Edit::Rewrite { what, size }),
        2 => at().prop_map(Edit::RewriteUnseen),
        1 => (at(), 0..0o10000_u32).prop_map(|(what, mode)| Edit::Chmod { what, mode }),
        1 => (at(), 0..3_u32).prop_map(|(what, owner)| Edit::Chown { what, owner }),
        1 => (at(), proptest::sample::select(times.to_vec())).prop_map(|(what, mtime)| Edit::Touch { what, mtime }),
        3 => (at(), any_new(links)).prop_map(|(what, new)| Edit::Replace { what, new }),
    ];
    proptest::collection::vec(edit, 0..most)
}

/// A tree that is edited.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Counts contents: no two are alike, as far as their size allows.
    content: u64,
    /// Whether entries that are not files get several names too.
    links_all: bool,
}

impl Tree {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, content: 0, links_all: true }
    }

    /// A tree in which only files get several names.
    pub(crate) fn linking_files_only(root: PathBuf) -> Self {
        Self { links_all: false, ..Self::new(root) }
    }

    pub(crate) fn edit(&mut self, edits: &[Edit]) {
        for edit in edits {
            // An edit that is not possible (a directory into itself, a link to a directory) is left out.
            let _ = self.apply(edit);
        }
    }

    fn apply(&mut self, edit: &Edit) -> io::Result<()> {
        let paths = paths(&self.root);
        let below: Vec<_> = paths.iter().skip(1).collect();
        let dirs: Vec<_> = paths.iter().filter(|p| is_dir(p)).collect();
        let some = |what: &Index| if below.is_empty() { None } else { Some(*what.get(&below)) };
        let place = |dir: &Index, name: &[u8]| dir.get(&dirs).join(OsStr::from_bytes(name));
        match edit {
            Edit::Create { dir, name, new } => {
                let path = place(dir, name);
                if path.symlink_metadata().is_err() { self.create(&path, new) } else { Ok(()) }
            }
            Edit::Remove(what) => some(what).map_or(Ok(()), |path| remove(path)),
            Edit::Rename { what, dir, name } => some(what).map_or(Ok(()), |path| fs::rename(path, place(dir, name))),
            Edit::HardLink { what, dir, name } => match some(what) {
                Some(path) if self.links_all || is_file(path) => fs::hard_link(path, place(dir, name)),
                _ => Ok(()),
            },
            Edit::Rewrite { what, size } => match some(what) {
                Some(path) if is_file(path) => fs::write(path, self.content(usize::from(*size))),
                _ => Ok(()),
            },
            Edit::RewriteUnseen(what) => match some(what) {
                Some(path) if is_file(path) => self.rewrite_unseen(path),
                _ => Ok(()),
            },
            Edit::Chmod { what, mode } => match some(what) {
                Some(path) if path.is_symlink() => Ok(()),
                Some(path) => {
                    // A directory stays readable: other tests cover those that are not.
                    let kept = if is_dir(path) { 0o700 } else { 0o600 };
                    fs::set_permissions(path, Permissions::from_mode(mode | kept))
                }
                None => Ok(()),
            },
            Edit::Chown { what, owner } => some(what).map_or(Ok(()), |path| lchown(path, Some(*owner), Some(*owner))),
            Edit::Touch { what, mtime: (sec, nsec) } => some(what).map_or(Ok(()), |path| set_mtime(path, *sec, *nsec)),
            Edit::Replace { what, new } => match some(what) {
                Some(path) => {
                    remove(path)?;
                    self.create(path, new)
                }
                None => Ok(()),
            },
        }
    }

    fn create(&mut self, path: &Path, new: &New) -> io::Result<()> {
        match new {
            New::File(size) => fs::write(path, self.content(usize::from(*size))),
            New::Dir => fs::create_dir(path),
            New::Symlink(target) => symlink(target, path),
            New::Fifo => Ok(mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0)?),
        }
    }

    fn content(&mut self, size: usize) -> Vec<u8> {
        self.content += 1;
        self.content.to_le_bytes().into_iter().cycle().take(size).collect()
    }

    fn rewrite_unseen(&mut self, path: &Path) -> io::Result<()> {
        let before = path.symlink_metadata()?;
        let content = self.content(usize::try_from(before.size()).expect("small files"));
        OpenOptions::new().write(true).open(path)?.write_all(&content)?;
        set_mtime(path, before.mtime(), before.mtime_nsec())
    }
}

/// All paths of a tree, the root first, sorted.
fn paths(root: &Path) -> Vec<PathBuf> {
    let mut paths = vec![root.to_owned()];
    let mut next = 0;
    while let Some(path) = paths.get(next) {
        if is_dir(path) {
            let below = fs::read_dir(path).expect("a readable directory");
            paths.extend(below.map(|e| e.expect("a readable entry").path()).collect::<Vec<_>>());
        }
        next += 1;
    }
    paths.sort();
    paths
}

fn is_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_dir())
}

fn is_file(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|m| m.is_file())
}

fn remove(path: &Path) -> io::Result<()> {
    if is_dir(path) { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn set_mtime(path: &Path, sec: i64, nsec: i64) -> io::Result<()> {
    let omit = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT };
    let times = Timestamps { last_access: omit, last_modification: Timespec { tv_sec: sec, tv_nsec: nsec } };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[test]
fn every_edit_can_be_seen() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut tree = Tree::new(dir.path().to_owned());
    let first = first();
    let name = |name: &str| name.as_bytes().to_vec();
    let mut last = super::model::read(&tree.root);
    let edits = [
        Edit::Create { dir: first, name: name("f"), new: New::File(3) },
        Edit::RewriteUnseen(first),
        Edit::Rewrite { what: first, size: 4 },
        Edit::Chmod { what: first, mode: 0o444 },
        Edit::Touch { what: first, mtime: (5, 5) },
        Edit::HardLink { what: first, dir: first, name: name("g") },
        Edit::Rename { what: first, dir: first, name: name("h") },
        Edit::Replace { what: first, new: New::Symlink("nowhere") },
        Edit::Replace { what: first, new: New::Fifo },
        Edit::Replace { what: first, new: New::Dir },
        Edit::Remove(first),
    ];
    for edit in edits {
        let content = |tree: &Tree| fs::read(tree.root.join("f")).ok();
        let (is_hidden, before) = (matches!(edit, Edit::RewriteUnseen(_)), content(&tree));
        tree.apply(&edit).expect("it can be done");
        let now = super::model::read(&tree.root);
        assert_ne!(now, last, "{edit:?}");
        if is_hidden {
            assert_ne!(content(&tree), before);
            assert_eq!(now.values().map(|s| s.mtime).max(), last.values().map(|s| s.mtime).max());
        }
        last = now;
    }
}

/// The index that picks the first of any list.
fn first() -> Index {
    let mut runner = TestRunner::deterministic();
    // An index is a fraction: the first of eight is also the first of fewer.
    let found = any::<Index>().prop_filter("not the first", |i| i.index(8) == 0).new_tree(&mut runner);
    found.expect("one in eight").current()
}
