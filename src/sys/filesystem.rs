//! Which file system something lies on: a name for it that outlives reboots, and what its clock and
//! stamps are worth.

use std::path::{Path, PathBuf};

use crate::metadata::Time;

/// A file system as the system describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// The type, as mount(8) names it.
    pub(crate) kind: String,
    /// A name that stays the same over remounts and reboots as far as the system has one: the UUID,
    /// else the source and subtree of the mount.
    pub(crate) identity: String,
    /// The time by its own clock at this moment, where that is not simply the local clock.
    pub(crate) own_time: Option<Time>,
}

/// Types whose files are stamped by the local kernel's coarse clock.
const LOCAL: [&str; 22] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "devtmpfs", "overlay", "zfs", "f2fs", "bcachefs", "jfs",
    "reiserfs", "nilfs2", "ntfs3", "vfat", "msdos", "exfat", "iso9660", "squashfs", "erofs",
];

impl FileSystem {
    /// Whether its files are stamped by the local clock.
    pub(crate) fn has_local_clock(&self) -> bool {
        !cfg!(target_os = "linux") || LOCAL.contains(&self.kind.as_str())
    }

    /// Whether it keeps a change time of its own, which no program can set.
    pub(crate) fn keeps_ctime(&self) -> bool {
        !matches!(self.kind.as_str(), "vfat" | "msdos" | "exfat" | "fusefat" | "fuse.fusefat" | "fuse.sshfs")
            && cfg!(unix)
    }

    /// Whether whatever changes it does so through this mount's own kernel, where a watcher can see it. Not so over the
    /// network, behind a program (FUSE), and in the layers below an overlay.
    pub(crate) fn changes_are_local(&self) -> bool {
        cfg!(target_os = "linux") && LOCAL.contains(&self.kind.as_str()) && self.kind != "overlay"
    }

    /// Whether a directory whose mtime, ctime and inode are as before holds the same names as before: every change of
    /// its names moves its ctime. True where that was tried.
    pub(crate) fn stamps_prove_names(&self) -> bool {
        cfg!(target_os = "linux") && matches!(self.kind.as_str(), "ext4" | "xfs" | "btrfs" | "tmpfs")
    }

    /// Whether a directory of it may stand for something that is mounted when it is opened.
    pub(crate) fn may_automount(&self) -> bool {
        cfg!(target_os = "linux") && !LOCAL.contains(&self.kind.as_str())
    }
}

/// Describes the file system that a directory lies on.
#[cfg(target_os = "linux")]
pub(crate) fn describe(dir: &Path, mount: u64) -> FileSystem {
    match rustix::fs::open(
        dir,
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    ) {
        Ok(dir) => linux::describe(&dir, mount),
        Err(_) => linux::from_mount_table(mount).0,
    }
}

/// Describes the file system that a directory lies on: nothing is known of it here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn describe(_dir: &Path, _mount: u64) -> FileSystem {
    FileSystem { kind: String::new(), identity: String::new(), own_time: None }
}

/// Whether the file system that a directory lies on has this name, or had it while others of its mounts were there: where
/// there is no UUID it is named after one of them. Also if nothing is known of it.
#[cfg(target_os = "linux")]
pub(crate) fn is_known_as(dir: &Path, mount: u64, identity: &str) -> bool {
    let now = describe(dir, mount).identity;
    now.is_empty() || now == identity || linux::names_by_mounts(mount).any(|name| name == identity)
}

/// Nothing is known of file systems here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_known_as(_dir: &Path, _mount: u64, _identity: &str) -> bool {
    true
}

/// Whether a mount only waits for something to be mounted in its place.
#[cfg(target_os = "linux")]
pub(crate) fn is_automount(mount: u64) -> bool {
    linux::from_mount_table(mount).0.kind == "autofs"
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_automount(_mount: u64) -> bool {
    false
}

/// Whether a mount shows what lies on a server.
#[cfg(target_os = "linux")]
pub(crate) fn is_remote(mount: u64) -> bool {
    let (fs, _) = linux::from_mount_table(mount);
    matches!(
        fs.kind.as_str(),
        "nfs" | "nfs4" | "cifs" | "smb3" | "9p" | "ceph" | "afs" | "fuse.sshfs" | "fuse.rclone" | "fuse.glusterfs"
    )
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_remote(_mount: u64) -> bool {
    false
}

/// Where something is mounted.
#[cfg(target_os = "linux")]
pub(crate) fn mount_points() -> Vec<PathBuf> {
    linux::mount_table().unwrap_or_default().into_iter().map(|m| m.mount_point).collect()
}

/// Nothing is known of mounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn mount_points() -> Vec<PathBuf> {
    Vec::new()
}

/// Whether something waits to be mounted by autofs somewhere at or below one of `roots`.
#[cfg(target_os = "linux")]
pub(crate) fn has_automounts(roots: &[PathBuf]) -> bool {
    linux::mount_table().is_none_or(|table| {
        table.iter().any(|m| m.fs_type == "autofs" && roots.iter().any(|r| m.mount_point.starts_with(r)))
    })
}

/// Nothing is known of automounts here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn has_automounts(_roots: &[PathBuf]) -> bool {
    false
}

#[cfg(target_os = "linux")]
pub(crate) use linux::describe as describe_open;

/// Describes the file system of an open directory: there is none here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn describe_open(dir: &crate::sys::native::Dir, _mount: u64) -> FileSystem {
    match *dir {}
}

#[cfg(target_os = "linux")]
mod linux {
    use procfs::process::{MountInfo, MountInfos};
    use rustix::fs::{Mode, OFlags, fstatvfs, openat};
    use rustix::ioctl::{Getter, ioctl, opcode};
    use std::fmt::Write as _;
    use std::path::Path;

    use super::FileSystem;
    use crate::metadata::Time;
    use crate::sys::native::{Dir, stat_open};

    pub(super) fn mount_table() -> Option<Vec<MountInfo>> {
        use procfs::FromRead as _;
        MountInfos::from_file("/proc/self/mountinfo").ok().map(|m| m.0)
    }

    /// What the mount table says of a mount, and its source.
    pub(super) fn from_mount_table(mount: u64) -> (FileSystem, String) {
        let table = mount_table().unwrap_or_default();
        let met = table.iter().find(|m| u64::try_from(m.mnt_id) == Ok(mount));
        // A file system may be mounted in several places; it is named after the mount that shows most of it.
        let same = table.iter().filter(|m| met.is_some_and(|met| met.majmin == m.majmin && met.fs_type == m.fs_type));
        let Some(m) = same.min_by_key(|m| (m.root.len(), &m.root, &m.mount_source)).cloned() else {
            return (FileSystem { kind: String::new(), identity: String::new(), own_time: None }, String::new());
        };
        let identity = name_by_mount(&m);
        (FileSystem { identity, kind: m.fs_type, own_time: None }, m.mount_source.unwrap_or_default())
    }

    fn name_by_mount(mount: &MountInfo) -> String {
        format!("{}:{}:{}", mount.fs_type, mount.mount_source.as_deref().unwrap_or_default(), mount.root)
    }

    /// The names that the mounts of a file system give it.
    pub(super) fn names_by_mounts(mount: u64) -> impl Iterator<Item = String> {
        let table = mount_table().unwrap_or_default();
        let met = table.iter().find(|m| u64::try_from(m.mnt_id) == Ok(mount)).cloned();
        table
            .into_iter()
            .filter(move |m| met.as_ref().is_some_and(|met| met.majmin == m.majmin))
            .map(|m| name_by_mount(&m))
    }

    /// Describes the file system of an open directory.
    pub(crate) fn describe(dir: &Dir, mount: u64) -> FileSystem {
        let (mut fs, source) = from_mount_table(mount);
        let kind = fs.kind.as_str();
        // These derive f_fsid from the UUID; btrfs adds the subvolume, which has inodes of its own.
        let fsid_is_uuid = matches!(kind, "ext2" | "ext3" | "ext4" | "btrfs" | "zfs");
        if fsid_is_uuid
            && let Ok(v) = fstatvfs(dir)
            && v.f_fsid != 0
        {
            fs.identity = format!("{kind}:fsid:{:016x}", v.f_fsid);
        } else if let Some(uuid) =
            uuid(dir).or_else(|| uuid_by_link(Path::new("/dev/disk/by-uuid"), Path::new(&source)))
        {
            fs.identity = format!("{kind}:uuid:{uuid}");
        }
        if !fs.has_local_clock() {
            fs.own_time = own_time(dir);
        }
        fs
    }

    /// The time that the file system gives to a file made now, without leaving a name behind.
    fn own_time(dir: &Dir) -> Option<Time> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(dir, c".", flags, Mode::RUSR | Mode::WUSR).ok()?;
        Some(stat_open(&file).ok()?.stat.mtime)
    }

    /// `struct fsuuid2` of linux/fs.h.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct FsUuid2 {
        len: u8,
        uuid: [u8; 16],
    }

    /// The UUID that udev links to a block device, for kernels that do not tell it.
    fn uuid_by_link(links: &Path, source: &Path) -> Option<String> {
        let device = source.is_absolute().then(|| source.canonicalize().ok()).flatten()?;
        let link =
            std::fs::read_dir(links).ok()?.flatten().find(|l| l.path().canonicalize().is_ok_and(|d| d == device))?;
        Some(link.file_name().to_str()?.replace('-', "").to_lowercase())
    }

    /// The UUID in the superblock, from Linux 6.9 on.
    #[expect(unsafe_code, reason = "rustix has no wrapper for FS_IOC_GETFSUUID")]
    fn uuid(dir: &Dir) -> Option<String> {
        const FS_IOC_GETFSUUID: rustix::ioctl::Opcode = opcode::read::<FsUuid2>(0x15, 0);
        // SAFETY: FS_IOC_GETFSUUID is _IOR(0x15, 0, struct fsuuid2): it takes no input and fills the
        // whole structure or fails; any bytes are a valid `FsUuid2`.
        let answer = unsafe { ioctl(dir, Getter::<FS_IOC_GETFSUUID, FsUuid2>::new()) }.ok()?;
        let bytes = answer.uuid.get(..usize::from(answer.len))?;
        if bytes.iter().all(|b| *b == 0) {
            return None;
        }
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Some(text)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_device_has_the_uuid_that_is_linked_to_it() {
            let dir = tempfile::tempdir().expect("tempdir");
            let (links, device) = (dir.path().join("by-uuid"), dir.path().join("sda1"));
            std::fs::create_dir(&links).expect("mkdir");
            std::fs::write(&device, "").expect("write");
            std::os::unix::fs::symlink("../sdb1", links.join("1111-2222")).expect("symlink");
            std::os::unix::fs::symlink("../sda1", links.join("33AA-44bb")).expect("symlink");
            assert_eq!(uuid_by_link(&links, &device).as_deref(), Some("33aa44bb"));
            assert_eq!(uuid_by_link(&links, &dir.path().join("sdb1")), None);
            assert_eq!(uuid_by_link(&links, Path::new("tmpfs")), None);
        }
    }
}
