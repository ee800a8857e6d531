//! A tree in memory, with what POSIX says of it. Faults are not known here.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use fuser::{Errno, FileAttr, FileType, INodeNo};
use rustix::fs::FileType as Kind;

use super::stamps::{Nanoseconds, Stamps, system_time};

/// What tells nodes apart: never used twice, not even after a removal, and never shown.
pub(super) type Id = u64;

/// The root's.
pub(super) const ROOT: Id = 1;

type Answer<T> = Result<T, Errno>;

#[derive(Debug)]
pub(super) enum Content {
    File(Vec<u8>),
    Dir(BTreeMap<Vec<u8>, Id>),
    Symlink(Vec<u8>),
    Other,
}

#[derive(Debug)]
pub(super) struct Node {
    /// Kind and permissions.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) rdev: u32,
    pub(super) nlink: u32,
    pub(super) mtime: Nanoseconds,
    pub(super) ctime: Nanoseconds,
    pub(super) content: Content,
    /// The inode number that is shown.
    pub(super) ino: u64,
}

impl Node {
    pub(super) fn kind(&self) -> FileType {
        match Kind::from_raw_mode(self.mode) {
            Kind::Directory => FileType::Directory,
            Kind::Symlink => FileType::Symlink,
            Kind::Fifo => FileType::NamedPipe,
            Kind::Socket => FileType::Socket,
            Kind::CharacterDevice => FileType::CharDevice,
            Kind::BlockDevice => FileType::BlockDevice,
            _ => FileType::RegularFile,
        }
    }

    fn size(&self) -> u64 {
        match &self.content {
            Content::File(bytes) | Content::Symlink(bytes) => bytes.len() as u64,
            Content::Dir(_) => 4096,
            Content::Other => 0,
        }
    }
}

/// All nodes. What is removed stays in memory: somebody may have it open, and the trees are small.
pub(super) struct Tree {
    nodes: HashMap<Id, Node>,
    pub(super) stamps: Stamps,
}

impl Tree {
    pub(super) fn new(stamps: Stamps, uid: u32, gid: u32) -> Self {
        let mut tree = Self { nodes: HashMap::new(), stamps };
        let mut root = tree.node(Kind::Directory.as_raw_mode() | 0o755, uid, gid, Content::Dir(BTreeMap::new()));
        (root.ino, root.nlink) = (ROOT, 2);
        tree.nodes.insert(ROOT, root);
        tree
    }

    fn node(&self, mode: u32, uid: u32, gid: u32, content: Content) -> Node {
        let now = self.stamps.now();
        Node { mode, uid, gid, rdev: 0, nlink: 1, mtime: now, ctime: now, content, ino: 0 }
    }

    pub(super) fn get(&self, id: Id) -> Answer<&Node> {
        self.nodes.get(&id).ok_or(Errno::ENOENT)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Answer<&mut Node> {
        self.nodes.get_mut(&id).ok_or(Errno::ENOENT)
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut Node> {
        self.nodes.values_mut()
    }

    pub(super) fn entries(&self, dir: Id) -> Answer<&BTreeMap<Vec<u8>, Id>> {
        match &self.get(dir)?.content {
            Content::Dir(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    fn entries_mut(&mut self, dir: Id) -> Answer<&mut BTreeMap<Vec<u8>, Id>> {
        match &mut self.get_mut(dir)?.content {
            Content::Dir(entries) => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn lookup(&self, dir: Id, name: &OsStr) -> Answer<Id> {
        self.entries(dir)?.get(name.as_bytes()).copied().ok_or(Errno::ENOENT)
    }

    /// What stat shows, with `ino` as the inode.
    pub(super) fn attributes(&self, id: Id, ino: u64) -> Answer<FileAttr> {
        let node = self.get(id)?;
        let ctime = if self.stamps.keeps_ctime { node.ctime } else { node.mtime };
        Ok(FileAttr {
            ino: INodeNo(ino),
            size: node.size(),
            blocks: node.size().div_ceil(512),
            atime: system_time(node.mtime),
            mtime: system_time(node.mtime),
            ctime: system_time(ctime),
            crtime: system_time(0),
            kind: node.kind(),
            perm: (node.mode & 0o7777) as u16,
            nlink: node.nlink,
            uid: node.uid,
            gid: node.gid,
            rdev: node.rdev,
            blksize: 4096,
            flags: 0,
        })
    }

    /// The content or the entries changed.
    pub(super) fn changed(&mut self, id: Id) -> Answer<()> {
        let now = self.stamps.now();
        let node = self.get_mut(id)?;
        (node.mtime, node.ctime) = (now, now);
        Ok(())
    }

    /// The metadata changed.
    fn altered(&mut self, id: Id) -> Answer<()> {
        let now = self.stamps.now();
        self.get_mut(id)?.ctime = now;
        Ok(())
    }

    /// Makes an entry that is not there yet.
    pub(super) fn make(&mut self, dir: Id, name: &OsStr, mode: u32, owner: (u32, u32), content: Content) -> Answer<Id> {
        if self.entries(dir)?.contains_key(name.as_bytes()) {
            return Err(Errno::EEXIST);
        }
        let id = self.nodes.keys().max().map_or(ROOT, |last| last + 1);
        let is_dir = matches!(content, Content::Dir(_));
        let mut node = self.node(mode, owner.0, owner.1, content);
        node.ino = id;
        if is_dir {
            node.nlink = 2;
            self.get_mut(dir)?.nlink += 1;
        }
        self.nodes.insert(id, node);
        self.entries_mut(dir)?.insert(name.as_bytes().to_vec(), id);
        self.changed(dir)?;
        Ok(id)
    }

    pub(super) fn link(&mut self, id: Id, dir: Id, name: &OsStr) -> Answer<()> {
        if self.entries(dir)?.contains_key(name.as_bytes()) {
            return Err(Errno::EEXIST);
        }
        self.get_mut(id)?.nlink += 1;
        self.altered(id)?;
        self.entries_mut(dir)?.insert(name.as_bytes().to_vec(), id);
        self.changed(dir)
    }

    /// Removes a directory if it is one and `is_dir`, else something else.
    pub(super) fn remove(&mut self, dir: Id, name: &OsStr, is_dir: bool) -> Answer<()> {
        let id = self.lookup(dir, name)?;
        match (&self.get(id)?.content, is_dir) {
            (Content::Dir(entries), true) if !entries.is_empty() => return Err(Errno::ENOTEMPTY),
            (Content::Dir(_), false) => return Err(Errno::EISDIR),
            (Content::Dir(_), true) => self.get_mut(dir)?.nlink -= 1,
            (_, true) => return Err(Errno::ENOTDIR),
            (_, false) => {}
        }
        let node = self.get_mut(id)?;
        node.nlink = if is_dir { 0 } else { node.nlink - 1 };
        self.altered(id)?;
        self.entries_mut(dir)?.remove(name.as_bytes());
        self.changed(dir)
    }

    pub(super) fn rename(&mut self, from: (Id, &OsStr), to: (Id, &OsStr)) -> Answer<()> {
        let id = self.lookup(from.0, from.1)?;
        let is_dir = matches!(self.get(id)?.content, Content::Dir(_));
        // The kernel has refused a directory into itself.
        if let Ok(replaced) = self.lookup(to.0, to.1) {
            if replaced == id {
                return Ok(());
            }
            if is_dir && !matches!(self.get(replaced)?.content, Content::Dir(_)) {
                return Err(Errno::ENOTDIR);
            }
            self.remove(to.0, to.1, is_dir)?;
        }
        self.entries_mut(from.0)?.remove(from.1.as_bytes());
        self.entries_mut(to.0)?.insert(to.1.as_bytes().to_vec(), id);
        if is_dir {
            self.get_mut(from.0)?.nlink -= 1;
            self.get_mut(to.0)?.nlink += 1;
        }
        self.changed(from.0)?;
        self.changed(to.0)?;
        self.altered(id)
    }

    pub(super) fn write(&mut self, id: Id, offset: usize, data: &[u8]) -> Answer<()> {
        let Content::File(bytes) = &mut self.get_mut(id)?.content else { return Err(Errno::EINVAL) };
        bytes.resize(bytes.len().max(offset + data.len()), 0);
        bytes[offset..offset + data.len()].copy_from_slice(data);
        self.changed(id)
    }

    pub(super) fn truncate(&mut self, id: Id, size: usize) -> Answer<()> {
        let Content::File(bytes) = &mut self.get_mut(id)?.content else { return Err(Errno::EINVAL) };
        bytes.resize(size, 0);
        self.changed(id)
    }

    /// Sets what is given of permissions, owner, group and mtime.
    pub(super) fn set(
        &mut self,
        id: Id,
        mode: Option<u32>,
        owner: (Option<u32>, Option<u32>),
        mtime: Option<Nanoseconds>,
    ) -> Answer<()> {
        let mtime = mtime.map(|time| self.stamps.cut(time));
        let node = self.get_mut(id)?;
        if let Some(mode) = mode {
            node.mode = node.mode & !0o7777 | mode & 0o7777;
        }
        node.uid = owner.0.unwrap_or(node.uid);
        node.gid = owner.1.unwrap_or(node.gid);
        node.mtime = mtime.unwrap_or(node.mtime);
        self.altered(id)
    }
}
