//! What Linux says of its file systems: the mount table, `statfs`, the UUID in the superblock.

use procfs::process::MountInfo;
use rustix::fs::{Mode, OFlags, fstatvfs, openat};
use rustix::ioctl::{Getter, ioctl, opcode};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::mounts::view;
use super::subvolume::Subvolume;
use super::{FileSystem, FsType, MountFacts, NameRule, btrfs};
use crate::metadata::Time;
use crate::path::to_path;
use crate::sys::StatAt;
use crate::sys::native::{Dir, stat_open};

/// The mount table; none if it cannot be read. The crate takes no bytes that are not UTF-8, and leaves the escapes in
/// names: a disk with a blank in its name would be at another place.
pub(super) fn mount_table() -> Option<Vec<MountInfo>> {
    let table = std::fs::read("/proc/thread-self/mountinfo").ok()?;
    let lines = table.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    Some(lines.filter_map(|line| mount(line, &String::from_utf8_lossy(line))).collect())
}

/// A line of the mount table, as bytes and as text.
fn mount(line: &[u8], text: &str) -> Option<MountInfo> {
    let mount_point = to_path(&view(line)?.point).into_owned();
    Some(MountInfo { mount_point, ..MountInfo::from_line(text).ok()? })
}

/// Where another file system is mounted on a directory or file: its path, and the mount that the path itself lies on.
/// That may be hidden below a later mount.
pub(super) fn foreign_mounts(table: &[MountInfo]) -> Vec<(PathBuf, u64)> {
    let above = |m: &MountInfo| table.iter().find(|above| above.mnt_id == m.pid && above.mnt_id != m.mnt_id);
    let is_covered = |m: &MountInfo| table.iter().any(|c| c.pid == m.mnt_id && c.mount_point == m.mount_point);
    let place = |top: &MountInfo| {
        let mut below = above(top)?;
        // Several mounts on one place: the last one shows.
        while below.mount_point == top.mount_point {
            below = above(below)?;
        }
        let covered = u64::try_from(below.mnt_id).ok()?;
        (below.majmin != top.majmin).then(|| (top.mount_point.clone(), covered))
    };
    table.iter().filter(|m| !is_covered(m)).filter_map(place).collect()
}

/// What the mount table says of a mount, for whoever reads the device below it.
pub(super) fn mount_facts(table: &[MountInfo], mount: u64) -> Option<MountFacts> {
    let mount = table.iter().find(|m| u64::try_from(m.mnt_id) == Ok(mount))?;
    Some(MountFacts {
        kind: mount.fs_type.clone(),
        source: PathBuf::from(mount.mount_source.clone().unwrap_or_default()),
        is_idmapped: mount.mount_options.contains_key("idmapped"),
        is_lazytime: mount.super_options.contains_key("lazytime") || mount.mount_options.contains_key("lazytime"),
        is_read_only: mount.super_options.contains_key("ro"),
        has_other_superblock: mount.super_options.contains_key("sb"),
    })
}

/// What the mount table says of a mount, and its source.
pub(super) fn from_mount_table(mount: u64) -> (FileSystem, String) {
    let table = mount_table().unwrap_or_default();
    let own = table.iter().find(|m| u64::try_from(m.mnt_id) == Ok(mount));
    // A file system may be mounted in several places; it is named after the mount that shows most of it.
    let same = table.iter().filter(|m| own.is_some_and(|own| own.majmin == m.majmin && own.fs_type == m.fs_type));
    let Some(m) = same.min_by_key(|m| (m.root.len(), &m.root, &m.mount_source)).cloned() else {
        return (FileSystem::default(), String::new());
    };
    let identity = name_by_mount(&m);
    (FileSystem { identity, kind: m.fs_type, ..FileSystem::default() }, m.mount_source.unwrap_or_default())
}

fn name_by_mount(mount: &MountInfo) -> String {
    format!("{}:{}:{}", mount.fs_type, mount.mount_source.as_deref().unwrap_or_default(), mount.root)
}

/// The names that the mounts of a file system give it.
pub(super) fn names_by_mounts(mount: u64) -> impl Iterator<Item = String> {
    let table = mount_table().unwrap_or_default();
    let own = table.iter().find(|m| u64::try_from(m.mnt_id) == Ok(mount)).cloned();
    table.into_iter().filter(move |m| own.as_ref().is_some_and(|own| own.majmin == m.majmin)).map(|m| name_by_mount(&m))
}

/// Whether a directory stands for a btrfs subvolume that was nested in the origin of a snapshot. The snapshot itself
/// holds none of it: the kernel shows an empty directory there, with the time of each look at it, on the one device
/// number that all these have in common. Its inode number is `BTRFS_EMPTY_SUBVOL_DIR_OBJECTID`,
/// which nothing else on btrfs has.
pub(crate) fn is_subvolume_stub(above: &StatAt, child: &StatAt) -> bool {
    (child.stat.ino, child.mount) == (super::STUB_INODE, above.mount)
        && child.dev != above.dev
        && from_mount_table(child.mount).0.kind == "btrfs"
}

/// Describes the file system of an open directory.
pub(crate) fn describe(dir: &Dir, mount: u64) -> FileSystem {
    let (mut fs, source) = from_mount_table(mount);
    let kind = fs.kind.as_str();
    let kind_is_btrfs = kind == "btrfs";
    // These derive f_fsid from the UUID; btrfs adds the subvolume, which has inodes of its own.
    let fsid_is_uuid = matches!(kind, "ext2" | "ext3" | "ext4" | "btrfs" | "zfs");
    if fsid_is_uuid
        && let Ok(v) = fstatvfs(dir)
        && v.f_fsid != 0
    {
        fs.identity = format!("{kind}:fsid:{:016x}", v.f_fsid);
    } else if let Some(uuid) = uuid(dir).or_else(|| uuid_by_link(Path::new("/dev/disk/by-uuid"), Path::new(&source))) {
        fs.identity = format!("{kind}:uuid:{uuid}");
    }
    if kind_is_btrfs {
        fs.frozen = Subvolume::of(dir).map(|subvolume| subvolume.made);
        fs.mark = btrfs::mark(dir);
    }
    if !FsType(&fs.kind).has_local_clock() {
        fs.own_time = own_time(dir);
    }
    fs
}

/// Which names are one in a directory.
pub(super) fn name_rule(dir: &Path) -> NameRule {
    /// `FS_CASEFOLD_FL` of linux/fs.h.
    const CASEFOLD: u32 = 0x4000_0000;
    let kind = crate::sys::stat_following(dir).map(|found| from_mount_table(found.mount).0.kind).unwrap_or_default();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let flags = rustix::fs::open(dir, flags, Mode::empty()).and_then(rustix::fs::ioctl_getflags);
    NameRule::new(&kind, flags.ok().map(|flags| flags.bits() & CASEFOLD != 0))
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

/// The UUID that udev links to a block device, for kernels that do not give it.
fn uuid_by_link(links: &Path, source: &Path) -> Option<String> {
    let device = source.is_absolute().then(|| source.canonicalize().ok()).flatten()?;
    let link = std::fs::read_dir(links).ok()?.flatten().find(|l| l.path().canonicalize().is_ok_and(|d| d == device))?;
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
    fn a_mount_table_may_hold_any_bytes() {
        let line = b"36 35 0:40 / /media/My\\040Disk\xff rw,noatime - fuse.\xff src rw";
        let mount = mount(line, &String::from_utf8_lossy(line)).expect("a line");
        assert_eq!(crate::path::to_bytes(&mount.mount_point).as_ref(), b"/media/My Disk\xff");
        assert_eq!((mount.mnt_id, mount.pid, mount.majmin.as_str()), (36, 35, "0:40"));
        assert!(mount_table().is_some_and(|table| table.iter().any(|m| m.mount_point == Path::new("/"))));
    }

    #[test]
    fn a_mount_says_what_hides_the_device_below_it() {
        let facts = |line: &str| {
            let table = [mount(line.as_bytes(), line).expect("a line")];
            mount_facts(&table, 36).expect("it is there")
        };
        let usual = facts("36 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro");
        assert_eq!((usual.kind.as_str(), usual.source.as_path()), ("ext4", Path::new("/dev/sda1")));
        assert!(!usual.is_idmapped && !usual.is_lazytime && !usual.is_read_only && !usual.has_other_superblock);
        assert!(!facts("36 1 8:1 / / ro,relatime - btrfs /dev/sda1 rw").is_read_only);
        assert!(facts("36 1 8:1 / / rw,relatime - btrfs /dev/sda1 ro").is_read_only);
        assert!(facts("36 1 8:1 / / rw,relatime,idmapped - ext4 /dev/sda1 rw").is_idmapped);
        assert!(facts("36 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,lazytime").is_lazytime);
        assert!(facts("36 1 8:1 / / ro - ext4 /dev/sda1 ro,sb=32768").has_other_superblock);
    }

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
