//! btrfs: its count of transactions, and which inodes changed since one.

use std::io;
use std::path::PathBuf;

use procfs::process::MountInfo;
use rustc_hash::FxHashSet;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Updater, ioctl, opcode};

use super::linux::{from_mount_table, mount_table};
use super::mark::{Mark, Marks};
use super::subvolume::Subvolume;
use crate::sys::native::{Dir, open_root};

/// The letter of btrfs among all ioctls.
const MAGIC: u8 = 0x94;

/// `struct btrfs_ioctl_fs_info_args` of linux/btrfs.h.
#[repr(C)]
struct FsInfo {
    devices: [u64; 2],
    fsid: [u8; 16],
    sizes: [u32; 3],
    checksum: [u16; 2],
    flags: u64,
    generation: u64,
    metadata_uuid: [u8; 16],
    reserved: [u8; 944],
}

/// The UUID of a file system, and the transaction that is running or was the last one. None before Linux 5.10.
#[expect(unsafe_code, reason = "rustix has no wrapper for BTRFS_IOC_FS_INFO")]
fn generation(dir: impl AsFd) -> Option<([u8; 16], u64)> {
    const BTRFS_IOC_FS_INFO: Opcode = opcode::read::<FsInfo>(MAGIC, 31);
    /// `BTRFS_FS_INFO_FLAG_GENERATION`: asks for the field, and says that it was filled.
    const WITH_GENERATION: u64 = 1 << 1;
    let mut info = FsInfo {
        devices: [0; 2],
        fsid: [0; 16],
        sizes: [0; 3],
        checksum: [0; 2],
        flags: WITH_GENERATION,
        generation: 0,
        metadata_uuid: [0; 16],
        reserved: [0; 944],
    };
    // SAFETY: BTRFS_IOC_FS_INFO is _IOR(0x94, 31, struct btrfs_ioctl_fs_info_args). In spite of its direction it reads
    // the flags, and it fills the whole structure or fails; any bytes are a valid `FsInfo`.
    unsafe { ioctl(dir, Updater::<BTRFS_IOC_FS_INFO, FsInfo>::new(&mut info)) }.ok()?;
    (info.flags & WITH_GENERATION != 0).then_some((info.fsid, info.generation))
}

/// The mark of the subvolume that an open directory lies in, now.
pub(crate) fn mark(dir: &Dir) -> Option<Mark> {
    let (file_system, running) = generation(dir)?;
    let subvolume = Subvolume::of(dir)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let scope = format!("{} {} {}", subvolume.place(), boot.trim(), unique_mount(dir)?);
    // No change can become part of a transaction whose end the subvolume has seen.
    let ended = subvolume.ended().map_or(0, |ended| ended + 1);
    Some(Mark { file_system, generation: running.max(ended), scope })
}

/// The number of a mount that none after it gets. None before Linux 6.8.
fn unique_mount(dir: &Dir) -> Option<u64> {
    /// `STATX_MNT_ID_UNIQUE` of linux/stat.h.
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let found = statx(dir, c"", AtFlags::EMPTY_PATH, UNIQUE).ok()?;
    (found.stx_mask & UNIQUE.bits() != 0).then_some(found.stx_mnt_id)
}

/// The marks of all file systems that are mounted, and of the subvolumes that some directories lie in.
pub(crate) fn marks(dirs: &[PathBuf]) -> Marks {
    let all = mount_table().unwrap_or_default();
    // Below another mount, whatever that is.
    let is_covered = |m: &MountInfo| all.iter().any(|c| c.pid == m.mnt_id && c.mount_point == m.mount_point);
    let is_asked = |m: &&MountInfo| m.fs_type == "btrfs" && !is_covered(m);
    let mut table: Vec<_> = all.iter().filter(is_asked).collect();
    if table.is_empty() {
        return Marks::default();
    }
    // Each is asked once, however often it is mounted.
    table.sort_by(|a, b| a.mount_source.cmp(&b.mount_source));
    table.dedup_by(|a, b| a.mount_source == b.mount_source);
    let of = |mount: &&MountInfo| generation(open_root(&mount.mount_point).ok()?);
    let file_systems = table.iter().filter_map(of).collect();
    // Other file systems may not answer.
    let is_here = |dir: &&PathBuf| {
        let found = crate::sys::stat_following(dir).ok();
        found.is_some_and(|found| from_mount_table(found.mount).0.kind == "btrfs")
    };
    let subvolumes = dirs.iter().filter(is_here).filter_map(|dir| mark(&open_root(dir).ok()?)).collect();
    Marks { file_systems, subvolumes, ..Marks::default() }
}

/// What is searched: `struct btrfs_ioctl_search_key` of linux/btrfs.h.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct SearchKey {
    tree: u64,
    objects: [u64; 2],
    offsets: [u64; 2],
    generations: [u64; 2],
    types: [u32; 2],
    items: u32,
    unused: u32,
    reserved: [u64; 4],
}

/// `BTRFS_INODE_ITEM_KEY`.
const INODE_ITEM: u32 = 1;

/// `BTRFS_FIRST_FREE_OBJECTID` and `BTRFS_LAST_FREE_OBJECTID`: the numbers that inodes can have.
const INODES: [u64; 2] = [256, u64::MAX - 255];

/// Room for the answer of a search.
const BUFFER: usize = 256 * 1024;

/// `struct btrfs_ioctl_search_args_v2` of linux/btrfs.h, with its buffer.
#[repr(C)]
struct SearchArgs {
    key: SearchKey,
    size: u64,
    buffer: [u8; BUFFER],
}

/// A search of a subvolume's tree.
struct TreeSearch<'a>(&'a mut SearchArgs);

#[expect(unsafe_code, reason = "rustix has no wrapper for BTRFS_IOC_TREE_SEARCH_V2")]
// SAFETY: BTRFS_IOC_TREE_SEARCH_V2 is _IOWR(0x94, 17, struct btrfs_ioctl_search_args_v2), whose size ends before its
// buffer. The kernel writes the key, the size, and as many bytes of the buffer as `size` says, which are there.
unsafe impl Ioctl for TreeSearch<'_> {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read_write::<[u64; 14]>(MAGIC, 17)
    }

    fn as_ptr(&mut self) -> *mut core::ffi::c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut core::ffi::c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// The inodes of the subvolume that an open directory lies in which changed since a generation, that one included, as
/// far as they are written back. None if there are more than `most`. With `only`, just that inode is looked for. Needs
/// root.
///
/// # Errors
/// Those of the system; an answer that makes no sense.
pub(crate) fn changed_inodes(
    dir: &Dir,
    since: u64,
    only: Option<u64>,
    most: usize,
) -> io::Result<Option<FxHashSet<u64>>> {
    let key = SearchKey {
        tree: 0,
        objects: only.map_or(INODES, |inode| [inode, inode]),
        offsets: [0, 0],
        generations: [since, u64::MAX],
        types: [INODE_ITEM, INODE_ITEM],
        items: 0,
        unused: 0,
        reserved: [0; 4],
    };
    #[expect(clippy::large_stack_arrays, reason = "a thread has room for it, and it is moved at once")]
    let mut args = Box::new(SearchArgs { key, size: 0, buffer: [0; BUFFER] });
    let mut found = FxHashSet::default();
    loop {
        args.size = BUFFER as u64;
        args.key.items = u32::MAX;
        #[expect(unsafe_code, reason = "an ioctl is")]
        // SAFETY: it is what the system expects; see the implementation of `Ioctl`.
        unsafe { ioctl(dir, TreeSearch(&mut args)) }?;
        let Some(last) = read_items(&args.buffer, args.key.items, |item| {
            if item.kind == INODE_ITEM && item.generation().is_some_and(|generation| generation >= since) {
                found.insert(item.object);
            }
        })?
        else {
            return Ok(Some(found));
        };
        if found.len() > most {
            return Ok(None);
        }
        let Some([object, kind, offset]) = key_after(last) else { return Ok(Some(found)) };
        args.key.objects[0] = object;
        args.key.types[0] = kind as u32;
        args.key.offsets[0] = offset;
    }
}

/// An item that was found.
struct TreeItem<'a> {
    object: u64,
    kind: u32,
    bytes: &'a [u8],
}

impl TreeItem<'_> {
    /// Of an inode: when it changed last. `transid` of `struct btrfs_inode_item`.
    fn generation(&self) -> Option<u64> {
        self.bytes.get(8..16)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// Calls `each` with the items of an answer, and returns the key of the last one: object, type, offset. None if there
/// is no item.
///
/// # Errors
/// If an item does not fit into the answer.
#[expect(clippy::host_endian_bytes, reason = "the system answers as its processor counts")]
fn read_items(buffer: &[u8], items: u32, mut each: impl FnMut(TreeItem<'_>)) -> io::Result<Option<[u64; 3]>> {
    /// `struct btrfs_ioctl_search_header`.
    const HEADER: usize = 32;
    let too_short = || io::Error::new(io::ErrorKind::InvalidData, "the answer to a search is too short");
    let (mut rest, mut last) = (buffer, None);
    for _ in 0..items {
        let (header, behind) = rest.split_at_checked(HEADER).ok_or_else(too_short)?;
        let long = |at: usize| u64::from_ne_bytes(std::array::from_fn(|i| header[at + i]));
        let short = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| header[at + i]));
        let (object, offset, kind, len) = (long(8), long(16), short(24), short(28));
        let (bytes, behind) = behind.split_at_checked(len as usize).ok_or_else(too_short)?;
        each(TreeItem { object, kind, bytes });
        last = Some([object, u64::from(kind), offset]);
        rest = behind;
    }
    Ok(last)
}

/// The key behind one: object, type, offset. None behind the last one.
fn key_after([object, kind, offset]: [u64; 3]) -> Option<[u64; 3]> {
    /// Types have one byte.
    const LAST_TYPE: u64 = 255;
    if let Some(offset) = offset.checked_add(1) {
        return Some([object, kind, offset]);
    }
    if kind < LAST_TYPE {
        return Some([object, kind + 1, 0]);
    }
    Some([object.checked_add(1)?, 0, 0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An item as the system answers it.
    #[expect(clippy::host_endian_bytes, reason = "the system answers as its processor counts")]
    fn item(object: u64, kind: u32, offset: u64, bytes: &[u8]) -> Vec<u8> {
        let mut item = 7_u64.to_ne_bytes().to_vec();
        item.extend(object.to_ne_bytes());
        item.extend(offset.to_ne_bytes());
        item.extend(kind.to_ne_bytes());
        item.extend((bytes.len() as u32).to_ne_bytes());
        item.extend(bytes);
        item
    }

    #[test]
    fn items_are_read_up_to_their_number_and_a_short_answer_is_an_error() {
        let inode = [3_u64.to_le_bytes(), 5_u64.to_le_bytes()].concat();
        let buffer = [item(256, INODE_ITEM, 0, &inode), item(256, 12, 9, b"name"), item(1, 1, 1, b"")].concat();
        let mut found = Vec::new();
        let mut take = |item: TreeItem<'_>| found.push((item.object, item.kind, item.generation()));
        assert_eq!(read_items(&buffer, 2, &mut take).expect("they fit"), Some([256, 12, 9]));
        assert_eq!(found, [(256, INODE_ITEM, Some(5)), (256, 12, None)]);
        assert_eq!(read_items(&buffer, 0, |_| ()).expect("there is none"), None);
        for len in [0, 31, 40, buffer.len() - 1] {
            read_items(&buffer[..len], 3, |_| ()).expect_err("too short");
        }
    }

    #[test]
    fn the_key_behind_another_is_the_next_one() {
        assert_eq!(key_after([256, 1, 0]), Some([256, 1, 1]));
        assert_eq!(key_after([256, 1, u64::MAX]), Some([256, 2, 0]));
        assert_eq!(key_after([256, 255, u64::MAX]), Some([257, 0, 0]));
        assert_eq!(key_after([u64::MAX, 255, u64::MAX]), None);
    }

    #[test]
    fn the_structures_have_the_sizes_that_the_kernel_expects() {
        assert_eq!((size_of::<FsInfo>(), size_of::<SearchKey>()), (1024, 104));
        assert_eq!(size_of::<SearchArgs>(), 112 + BUFFER);
    }
}
