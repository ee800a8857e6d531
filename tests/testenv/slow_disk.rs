//! A disk that turns, simulated: a file system through FUSE with one file, which waits at each read that does not
//! follow the one before, and at each write.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    Session, WriteFlags,
};
use rustix::mount::{UnmountFlags, unmount};

use super::{Mounts, skip};

/// How long the head of a disk takes from one place to another, and for the plate to turn there.
const SEEK: Duration = Duration::from_millis(8);

/// Its one file.
const DISK: INodeNo = INodeNo(2);

/// What the server and the test share.
#[derive(Debug, Default)]
struct Delays {
    /// In milliseconds.
    write: AtomicU64,
    seeks: AtomicU64,
}

struct Server {
    image: File,
    /// Where the last read ended. Only one place is read at a time.
    head: Mutex<u64>,
    delays: Arc<Delays>,
}

/// A mounted disk; taken down when it is dropped.
pub(crate) struct SlowDisk {
    delays: Arc<Delays>,
    dir: PathBuf,
    session: Option<BackgroundSession>,
}

impl SlowDisk {
    /// Shows an image as `NAME/disk`. None, and a visible skip, where that cannot be done.
    pub(crate) fn mount(mounts: &Mounts<'_>, image: &Path, name: &str) -> Option<Self> {
        if !Path::new("/dev/fuse").exists() {
            skip("there is no /dev/fuse");
            return None;
        }
        let dir = mounts.env.dir(name);
        let image = File::options().read(true).write(true).open(image).unwrap();
        let delays = Arc::new(Delays::default());
        let server = Server { image, head: Mutex::new(0), delays: Arc::clone(&delays) };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("slow".into())];
        match Session::new(server, &dir, &config).and_then(Session::spawn) {
            Ok(session) => Some(Self { delays, dir, session: Some(session) }),
            Err(e) => {
                skip(&format!("FUSE cannot be mounted here: {e}"));
                None
            }
        }
    }

    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("disk")
    }

    /// How often the head had to move.
    pub(crate) fn seeks(&self) -> u64 {
        self.delays.seeks.load(Ordering::Relaxed)
    }

    /// From now on each write waits so long.
    pub(crate) fn delay_writes(&self, milliseconds: u64) {
        self.delays.write.store(milliseconds, Ordering::Relaxed);
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        self.delay_writes(0);
        let _ = unmount(&self.dir, UnmountFlags::FORCE | UnmountFlags::DETACH);
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}

/// Answers stay valid: nothing else changes the file.
const LONG: Duration = Duration::from_hours(1);

impl Server {
    fn attributes(&self, ino: INodeNo) -> FileAttr {
        let (kind, size) = if ino == DISK {
            (FileType::RegularFile, self.image.metadata().map_or(0, |found| found.len()))
        } else {
            (FileType::Directory, 0)
        };
        FileAttr {
            ino,
            size,
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm: 0o700,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Server {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == "disk" {
            reply.entry(&LONG, &self.attributes(DISK), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&LONG, &self.attributes(ino));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(1), FopenFlags::empty());
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut head = self.head.lock().unwrap();
        if *head != offset {
            self.delays.seeks.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(SEEK);
        }
        let mut bytes = vec![0; size as usize];
        match self.image.read_at(&mut bytes, offset) {
            Ok(len) => {
                *head = offset + len as u64;
                reply.data(&bytes[..len]);
            }
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        std::thread::sleep(Duration::from_millis(self.delays.write.load(Ordering::Relaxed)));
        match self.image.write_all_at(data, offset) {
            Ok(()) => reply.written(data.len() as u32),
            Err(_) => reply.error(Errno::EIO),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }
}
