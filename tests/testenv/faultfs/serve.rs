//! Answers the kernel from the tree, unless a fault is set for what it asks. Nothing may be cached: every answer
//! is valid for no time at all.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, KernelConfig, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite,
    Request, TimeOrNow, WriteFlags,
};
use rustix::fs::FileType as Kind;

use super::stamps::nanoseconds;
use super::tree::{Content, Id};
use super::{Asked, Shared, State, is_foreign};

const AT_ONCE: Duration = Duration::ZERO;

pub(super) struct Server(pub(super) Arc<Shared>);

/// An answer that can be an error.
pub(super) trait CanFail: Send + 'static {
    fn fail(self, error: Errno);
}

macro_rules! can_fail {
    ($($reply:ty),*) => { $(impl CanFail for $reply { fn fail(self, error: Errno) { self.error(error); } })* };
}
can_fail!(ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite);

fn entry(state: &State, id: Result<Id, Errno>, reply: ReplyEntry) {
    // The number in this answer is the kernel's handle of the node; the one that is shown comes with `getattr`.
    match id.and_then(|id| state.tree.attributes(id, id)) {
        Ok(attributes) => reply.entry(&AT_ONCE, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

fn attributes(state: &State, id: Id, reply: ReplyAttr) {
    match state.tree.get(id).and_then(|node| state.tree.attributes(id, node.ino)) {
        Ok(attributes) => reply.attr(&AT_ONCE, &attributes),
        Err(error) => reply.error(error),
    }
}

fn done(result: Result<(), Errno>, reply: ReplyEmpty) {
    match result {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

/// The entries from `offset` on, as many as fit. A listing that breaks off gives those before.
fn list(state: &State, listing: FileHandle, offset: u64, breaks_off: Option<(u64, Errno)>, mut reply: ReplyDirectory) {
    let Some(entries) = state.listings.get(&listing.0) else { return reply.error(Errno::EBADF) };
    let end = entries.len() as u64;
    let (until, error) = breaks_off.map_or((end, None), |(after, error)| (after.min(end), Some(error)));
    if let (true, Some(error)) = (offset >= until, error) {
        return reply.error(error);
    }
    for (number, (name, id)) in (1..).zip(entries).skip(usize::try_from(offset).unwrap()) {
        let Ok(node) = state.tree.get(*id) else { continue };
        if number > until || reply.add(INodeNo(node.ino), number, node.kind(), OsStr::from_bytes(name)) {
            break;
        }
    }
    reply.ok();
}

impl Filesystem for Server {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Else one call that hangs in a directory holds up all others there.
        let _ = config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS);
        Ok(())
    }

    fn lookup(&self, req: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_owned();
        self.0.serve(req, &Asked::Lookup(parent.0, name.as_bytes().to_vec()), reply, move |state, reply| {
            entry(state, state.tree.lookup(parent.0, &name), reply);
        });
    }

    fn getattr(&self, req: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let by_others = is_foreign(req);
        self.0.serve(req, &Asked::Getattr(ino.0), reply, move |state, reply| {
            if by_others {
                state.write_before(ino.0);
            }
            attributes(state, ino.0, reply);
            if by_others {
                state.rewrite_behind(ino.0);
            }
        });
    }

    fn opendir(&self, req: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.0.serve(req, &Asked::Opendir(ino.0), reply, move |state, reply| match state.tree.entries(ino.0) {
            Ok(entries) => {
                let entries = entries.iter().map(|(name, id)| (name.clone(), *id)).collect();
                let number = state.next_listing;
                state.next_listing += 1;
                state.listings.insert(number, entries);
                reply.opened(FileHandle(number), FopenFlags::empty());
            }
            Err(error) => reply.error(error),
        });
    }

    fn readdir(&self, req: &Request, ino: INodeNo, fh: FileHandle, offset: u64, reply: ReplyDirectory) {
        let breaks_off = self.0.breaks_off(req, ino.0, offset);
        self.0.serve(req, &Asked::Readdir(ino.0), reply, move |state, reply| {
            list(state, fh, offset, breaks_off, reply);
        });
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.0.state().listings.remove(&fh.0);
        reply.ok();
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut state = self.0.state();
        let tree = &mut state.tree;
        let mtime = mtime.map(|time| match time {
            TimeOrNow::SpecificTime(time) => nanoseconds(time),
            TimeOrNow::Now => tree.stamps.now(),
        });
        let cut = size.map_or(Ok(()), |size| tree.truncate(ino.0, usize::try_from(size).unwrap()));
        match cut.and_then(|()| tree.set(ino.0, mode, (uid, gid), mtime)) {
            Ok(()) => attributes(&state, ino.0, reply),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.0.state().tree.get(ino.0).map(|node| &node.content) {
            Ok(Content::Symlink(target)) => reply.data(target),
            _ => reply.error(Errno::EINVAL),
        }
    }

    fn mknod(&self, req: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, _: u32, reply: ReplyEntry) {
        let is_file = Kind::from_raw_mode(mode) == Kind::RegularFile;
        let content = if is_file { Content::File(Vec::new()) } else { Content::Other };
        let mut state = self.0.state();
        let id = state.tree.make(parent.0, name, mode & !umask, (req.uid(), req.gid()), content);
        entry(&state, id, reply);
    }

    fn mkdir(&self, req: &Request, parent: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let mode = Kind::Directory.as_raw_mode() | mode & !umask & 0o7777;
        let mut state = self.0.state();
        let id = state.tree.make(parent.0, name, mode, (req.uid(), req.gid()), Content::Dir(BTreeMap::new()));
        entry(&state, id, reply);
    }

    fn symlink(&self, req: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let content = Content::Symlink(target.as_os_str().as_bytes().to_vec());
        let mut state = self.0.state();
        let mode = Kind::Symlink.as_raw_mode() | 0o777;
        let id = state.tree.make(parent.0, name, mode, (req.uid(), req.gid()), content);
        entry(&state, id, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.0.state().tree.remove(parent.0, name, false), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(self.0.state().tree.remove(parent.0, name, true), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        done(self.0.state().tree.rename((parent.0, name), (newparent.0, newname)), reply);
    }

    fn link(&self, _: &Request, ino: INodeNo, newparent: INodeNo, newname: &OsStr, reply: ReplyEntry) {
        let mut state = self.0.state();
        let made = state.tree.link(ino.0, newparent.0, newname);
        entry(&state, made.map(|()| ino.0), reply);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.0.state().tree.get(ino.0).map(|node| &node.content) {
            Ok(Content::File(bytes)) => {
                let start = bytes.len().min(usize::try_from(offset).unwrap());
                let end = bytes.len().min(start + size as usize);
                reply.data(&bytes[start..end]);
            }
            _ => reply.error(Errno::EISDIR),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.0.state().tree.write(ino.0, usize::try_from(offset).unwrap(), data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }
}
