//! A mirror of the tree that is told nothing but what the lists say, as a backup program would be.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use fastdiff::Snapshot;

/// What the mirror keeps of an entry.
#[derive(Clone, PartialEq, Eq)]
struct Node {
    /// Kind and permissions.
    mode: u32,
    /// Of a file its bytes, of a symlink its target.
    content: Vec<u8>,
}

/// Entries by path, relative to the root, which is `.`. Every path stands for itself, so that an entry that is
/// not listed is noticed even if all around it was.
#[derive(Default)]
pub(super) struct Mirror {
    root: PathBuf,
    nodes: BTreeMap<Vec<u8>, Node>,
}

impl Mirror {
    /// What is there now.
    fn of(root: &Path) -> Self {
        let mut mirror = Self { root: root.to_owned(), nodes: BTreeMap::new() };
        mirror.take_subtree(b".");
        mirror
    }

    /// A first backup: all that a snapshot holds.
    pub(super) fn first(root: &Path, snapshot: &Snapshot) -> Self {
        let mut mirror = Self { root: root.to_owned(), nodes: BTreeMap::new() };
        mirror.take_all(b".", snapshot);
        mirror
    }

    fn place(&self, path: &[u8]) -> PathBuf {
        if path == b"." { self.root.clone() } else { self.root.join(std::ffi::OsStr::from_bytes(path)) }
    }

    /// Copies one listed entry. One that has vanished meanwhile is left: its removal has to be listed.
    fn take(&mut self, path: &[u8]) -> bool {
        let Some(node) = look(&self.place(path)) else { return false };
        let is_dir = node.mode & 0o170_000 == 0o040_000;
        self.nodes.insert(path.to_vec(), node);
        is_dir
    }

    fn take_subtree(&mut self, path: &[u8]) {
        if !self.take(path) {
            return;
        }
        for entry in fs::read_dir(self.place(path)).into_iter().flatten().flatten() {
            self.take_subtree(&below(path, &entry.file_name().into_vec()));
        }
    }

    /// Copies an entry and all that the snapshot has below it. What is there and not in the snapshot is not taken: it
    /// could be gone before the next one, and no list would say so.
    fn take_all(&mut self, path: &[u8], snapshot: &Snapshot) {
        let root = self.root.as_os_str().as_bytes().to_vec();
        let top = if path == b"." { root.clone() } else { [&root, &b"/"[..], path].concat() };
        for entry in snapshot.entries_below(&top).expect("an undamaged snapshot").expect("it is in there") {
            let path = entry.expect("an undamaged snapshot").path;
            self.take(path.get(root.len() + 1..).unwrap_or(b"."));
        }
    }

    fn drop_subtree(&mut self, path: &[u8]) {
        let prefix = below(path, b"");
        self.nodes.retain(|key, _| key != path && !key.starts_with(&prefix));
    }

    /// Does what a list says (`--emit name-status -z --relative`); returns its length. First what is gone, then
    /// what is there: a renamed directory is one line, and what is in it the new snapshot knows.
    pub(super) fn apply(&mut self, list: &[u8], new: &Snapshot) -> usize {
        let mut fields = list.split(|b| *b == 0).filter(|field| !field.is_empty());
        let mut changes = Vec::new();
        while let Some(letter) = fields.next() {
            let path = fields.next().expect("a path after the letter");
            let to = if letter == b"R" { Some(fields.next().expect("a new path")) } else { None };
            changes.push((letter, path, to));
        }
        for (letter, path, _) in &changes {
            match *letter {
                b"D" => {
                    self.nodes.remove(*path);
                }
                b"R" => self.drop_subtree(path),
                _ => {}
            }
        }
        for (letter, path, to) in &changes {
            match (*letter, to) {
                (b"R", Some(to)) => self.take_all(to, new),
                (b"A" | b"M" | b"T" | b"S", None) => {
                    self.take(path);
                }
                (b"D" | b"U", None) => {}
                _ => panic!("an unknown letter: {}", letter.escape_ascii()),
            }
        }
        changes.len()
    }

    /// How the tree, which must be at rest, differs.
    pub(super) fn compare(&self) -> Result<(), String> {
        let tree = Self::of(&self.root);
        let mut differences = Vec::new();
        for path in tree.nodes.keys().chain(self.nodes.keys().filter(|path| !tree.nodes.contains_key(*path))) {
            let (is, was) = (tree.nodes.get(path), self.nodes.get(path));
            if is != was {
                let show = |node: Option<&Node>| node.map_or("nothing".into(), ToString::to_string);
                differences.push(format!("{}: {}, the mirror has {}", path.escape_ascii(), show(is), show(was)));
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        differences.truncate(10);
        Err(differences.join("\n"))
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = &self.content[..self.content.len().min(12)];
        write!(f, "{:o} with {} bytes {}…", self.mode, self.content.len(), start.escape_ascii())
    }
}

fn below(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path == b"." { name.to_vec() } else { [path, b"/", name].concat() }
}

/// What lies at a path; nothing if it is gone, or turns into something else while it is looked at.
fn look(path: &Path) -> Option<Node> {
    loop {
        let found = path.symlink_metadata().ok()?;
        let mut node = Node { mode: found.mode(), content: Vec::new() };
        if found.is_symlink() {
            match fs::read_link(path) {
                Ok(target) => node.content = target.into_os_string().into_vec(),
                Err(e) if e.kind() == ErrorKind::InvalidInput => continue,
                Err(_) => return None,
            }
        } else if found.is_file() {
            let flags = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits();
            let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path);
            let mut file = match opened {
                Ok(file) => file,
                // A symlink now.
                Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => continue,
                Err(_) => return None,
            };
            let opened = file.metadata().ok()?;
            if !opened.is_file() {
                continue;
            }
            file.read_to_end(&mut node.content).ok()?;
            node.mode = file.metadata().ok()?.mode();
        }
        return Some(node);
    }
}
