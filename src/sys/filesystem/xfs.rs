//! xfs: its inodes in bulk, as the system has them in memory or on the disk.

use std::io;

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

use crate::metadata::Time;
use crate::sys::native::Dir;

/// So many inodes are asked for at once. Their answer has 192 KiB.
const INODES_AT_ONCE: usize = 1024;

/// `struct xfs_bulk_ireq` of `xfs_fs.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct BulkRequest {
    inode: u64,
    flags: u32,
    room: u32,
    filled: u32,
    group: u32,
    reserved: [u64; 5],
}

/// `struct xfs_bulkstat` of `xfs_fs.h`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct BulkStat {
    inode: u64,
    size: u64,
    blocks: u64,
    flags: u64,
    access: i64,
    modification: i64,
    change: i64,
    birth: i64,
    generation: u32,
    uid: u32,
    gid: u32,
    project: u32,
    access_nsec: u32,
    modification_nsec: u32,
    change_nsec: u32,
    birth_nsec: u32,
    block_size: u32,
    device: u32,
    extent_sizes: [u32; 2],
    nlink: u32,
    extents: [u32; 2],
    version: u16,
    fork_offset: u16,
    health: [u16; 2],
    mode: u16,
    padding: u16,
    long_extents: u64,
    reserved: [u64; 6],
}

const EMPTY: BulkStat = BulkStat {
    inode: 0,
    size: 0,
    blocks: 0,
    flags: 0,
    access: 0,
    modification: 0,
    change: 0,
    birth: 0,
    generation: 0,
    uid: 0,
    gid: 0,
    project: 0,
    access_nsec: 0,
    modification_nsec: 0,
    change_nsec: 0,
    birth_nsec: 0,
    block_size: 0,
    device: 0,
    extent_sizes: [0; 2],
    nlink: 0,
    extents: [0; 2],
    version: 0,
    fork_offset: 0,
    health: [0; 2],
    mode: 0,
    padding: 0,
    long_extents: 0,
    reserved: [0; 6],
};

/// `struct xfs_bulkstat_req` of `xfs_fs.h`, with room for the answer.
#[repr(C)]
struct BulkArgs {
    request: BulkRequest,
    inodes: [BulkStat; INODES_AT_ONCE],
}

/// An inode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BulkInode {
    pub(crate) number: u64,
    pub(crate) mode: u16,
    pub(crate) nlink: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) size: u64,
    pub(crate) mtime: Time,
    pub(crate) ctime: Time,
}

impl From<&BulkStat> for BulkInode {
    fn from(stat: &BulkStat) -> Self {
        let BulkStat { inode: number, mode, nlink, uid, gid, size, .. } = *stat;
        let mtime = Time::new(stat.modification, stat.modification_nsec);
        let ctime = Time::new(stat.change, stat.change_nsec);
        Self { number, mode, nlink, uid, gid, size, mtime, ctime }
    }
}

struct BulkCall<'a>(&'a mut BulkArgs);

#[expect(unsafe_code, reason = "rustix has no wrapper for XFS_IOC_BULKSTAT")]
// SAFETY: XFS_IOC_BULKSTAT is _IOR('X', 127, struct xfs_bulkstat_req), whose size ends before its array. The kernel
// reads and writes the request, and writes as many elements of the array as `room` says, which are there; any bytes
// are valid ones.
unsafe impl Ioctl for BulkCall<'_> {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::read::<BulkRequest>(b'X', 127)
    }

    fn as_ptr(&mut self) -> *mut core::ffi::c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut core::ffi::c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// Reads the inodes of a file system, the smallest number first. Needs root.
pub(crate) struct BulkReader(Box<BulkArgs>);

impl BulkReader {
    pub(crate) fn new() -> Self {
        let request = BulkRequest { inode: 0, flags: 0, room: 0, filled: 0, group: 0, reserved: [0; 5] };
        #[expect(clippy::large_stack_arrays, reason = "a thread has room for it, and it is moved at once")]
        Self(Box::new(BulkArgs { request, inodes: [EMPTY; INODES_AT_ONCE] }))
    }

    /// Calls `each` with all inodes of an allocation group, in the order of their numbers. False if there is no such
    /// group.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn group(&mut self, dir: &Dir, group: u32, mut each: impl FnMut(BulkInode)) -> io::Result<bool> {
        /// `XFS_BULK_IREQ_AGNO`: the inodes of one group.
        const OF_GROUP: u32 = 1;
        self.0.request.inode = 0;
        loop {
            let request = &mut self.0.request;
            (request.flags, request.group) = (OF_GROUP, group);
            match self.ask(dir, INODES_AT_ONCE) {
                // The group's number is too big.
                Err(rustix::io::Errno::INVAL) if group > 0 && self.0.request.inode == 0 => return Ok(false),
                other => other?,
            }
            if self.filled().is_empty() {
                return Ok(true);
            }
            self.filled().iter().map(BulkInode::from).for_each(&mut each);
        }
    }

    /// How many inodes a file system has in use.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn used(dir: &Dir) -> io::Result<u64> {
        let all = rustix::fs::fstatfs(dir)?;
        Ok(all.f_files.saturating_sub(all.f_ffree))
    }

    /// One inode; none if it is not there any more.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn inode(&mut self, dir: &Dir, number: u64) -> io::Result<Option<BulkInode>> {
        let request = &mut self.0.request;
        (request.inode, request.flags, request.group) = (number, 0, 0);
        self.ask(dir, 1)?;
        Ok(self.filled().first().map(BulkInode::from).filter(|inode| inode.number == number))
    }

    fn ask(&mut self, dir: &Dir, room: usize) -> rustix::io::Result<()> {
        (self.0.request.room, self.0.request.filled) = (room as u32, 0);
        #[expect(unsafe_code, reason = "an ioctl is")]
        // SAFETY: it is what the system expects; see the implementation of `Ioctl`.
        unsafe {
            ioctl(dir, BulkCall(&mut self.0))
        }
    }

    fn filled(&self) -> &[BulkStat] {
        self.0.inodes.get(..self.0.request.filled as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_sizes_that_the_kernel_expects() {
        assert_eq!((size_of::<BulkRequest>(), size_of::<BulkStat>()), (64, 192));
        assert_eq!(std::mem::offset_of!(BulkStat, mode), 132);
    }
}
