//! How ext2, ext3 and ext4 lay out their inodes: superblock, group descriptors, inode tables. Bytes in, numbers out.
//! This file knows nothing else, and checks every length that it reads.
//!
//! Source: `fs/ext4/ext4.h` and `fs/ext4/super.c` of Linux, which agree with "ext4 Data Structures and Algorithms" in
//! its documentation. All numbers are little endian.

/// Where the superblock begins, in bytes.
pub(crate) const SUPERBLOCK_PLACE: u64 = 1024;

/// Its length in bytes.
pub(crate) const SUPERBLOCK_LEN: usize = 1024;

/// The smallest inode: what every version of the layout has.
const SHORT_INODE: usize = 128;

const MAGIC: u16 = 0xef53;

/// The features that change how the rest has to be read, by their bits in `s_feature_incompat`, as far as they are
/// understood here: `filetype`, `recover`, `meta_bg`, `extents`, `64bit`, `mmp`, `flex_bg`, `ea_inode`, `csum_seed`,
/// `largedir`, `encrypt`. Not `inline_data` and `casefold`, which were not tested.
const KNOWN_FEATURES: u32 =
    0x2 | 0x4 | META_BG | 0x40 | WIDE | 0x100 | 0x200 | 0x400 | 0x2000 | LARGE_DIRECTORIES | 0x1_0000;
const META_BG: u32 = 0x10;
const WIDE: u32 = 0x80;
const LARGE_DIRECTORIES: u32 = 0x4000;

/// Bits of `s_feature_compat` and `s_feature_ro_compat` that say where the copies of the superblock lie.
const SPARSE_SUPER2: u32 = 0x200;
const SPARSE_SUPER: u32 = 0x1;

/// Why a superblock cannot be used.
pub(crate) type LayoutProblem = &'static str;

/// What the superblock says of the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The UUID of the file system.
    pub(crate) uuid: [u8; 16],
    /// Bytes of a block: a power of two from 1,024 to 65,536.
    pub(crate) block_size: u32,
    /// How many inodes there are; their numbers begin at 1.
    pub(crate) inodes: u32,
    /// How many of them lie in the table of one group.
    pub(crate) inodes_per_group: u32,
    /// Bytes of an inode: a power of two from 128 to the size of a block.
    pub(crate) inode_size: u32,
    blocks: u64,
    blocks_per_group: u32,
    first_data_block: u32,
    groups: u32,
    descriptor_size: u32,
    /// The groups whose descriptors lie in one block, from this one on, lie at the beginning of their own groups.
    first_meta_group: Option<u32>,
    has_large_directories: bool,
    copies: SuperblockCopies,
}

/// Which groups begin with a copy of the superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SuperblockCopies {
    All,
    Sparse,
    These([u32; 2]),
}

impl SuperblockCopies {
    fn is_in(self, group: u32) -> bool {
        let is_power_of = |base: u32| {
            let mut power = base;
            while power < group {
                power = power.saturating_mul(base);
            }
            power == group
        };
        match self {
            _ if group == 0 => true,
            Self::These(groups) => groups.contains(&group),
            Self::All => true,
            Self::Sparse => group == 1 || group % 2 == 1 && [3, 5, 7].into_iter().any(is_power_of),
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Layout {
    /// Reads a superblock.
    ///
    /// # Errors
    /// What is wrong with it, or not understood.
    pub(crate) fn parse(superblock: &[u8]) -> Result<Self, LayoutProblem> {
        const SHORT: LayoutProblem = "it is too short";
        let long = |at| u32_at(superblock, at).ok_or(SHORT);
        let short = |at| u16_at(superblock, at).ok_or(SHORT);
        if short(0x38)? != MAGIC {
            return Err("it has no magic number");
        }
        let is_dynamic = long(0x4c)? > 0;
        let feature = |at| if is_dynamic { long(at) } else { Ok(0) };
        let (compatible, incompatible, read_only) = (feature(0x5c)?, feature(0x60)?, feature(0x64)?);
        if incompatible & !KNOWN_FEATURES != 0 {
            return Err("it has features that are not known here");
        }
        let block_size = 1024_u32.checked_shl(long(0x18)?).filter(|size| (1024..=65536).contains(size));
        let block_size = block_size.ok_or("its block size is out of range")?;
        let inode_size = if is_dynamic { u32::from(short(0x58)?) } else { SHORT_INODE as u32 };
        if !inode_size.is_power_of_two() || !(SHORT_INODE as u32..=block_size).contains(&inode_size) {
            return Err("its inode size is out of range");
        }
        let is_wide = incompatible & WIDE != 0;
        let descriptor_size = if is_wide { u32::from(short(0xfe)?) } else { 32 };
        if !descriptor_size.is_power_of_two() || !(if is_wide { 64..=1024 } else { 32..=32 }).contains(&descriptor_size)
        {
            return Err("the size of its group descriptors is out of range");
        }
        let high = if is_wide { long(0x150)? } else { 0 };
        let blocks = u64::from(high) << 32 | u64::from(long(0x4)?);
        // So every place in bytes is a number that a file can have.
        if blocks.checked_mul(u64::from(block_size)).is_none_or(|bytes| i64::try_from(bytes).is_err()) {
            return Err("its number of blocks is out of range");
        }
        let (first_data_block, blocks_per_group) = (long(0x14)?, long(0x20)?);
        let (inodes, inodes_per_group) = (long(0x0)?, long(0x28)?);
        if inodes_per_group == 0 || inodes_per_group > 8 * block_size {
            return Err("the number of its inodes in a group is out of range");
        }
        let data = blocks.checked_sub(u64::from(first_data_block)).filter(|data| *data > 0 && first_data_block < 2);
        let groups = data.zip(Some(blocks_per_group).filter(|number| *number > 0));
        let groups = groups.and_then(|(data, in_group)| u32::try_from(data.div_ceil(u64::from(in_group))).ok());
        let groups = groups.ok_or("its number of groups is out of range")?;
        if u64::from(groups) * u64::from(inodes_per_group) < u64::from(inodes) {
            return Err("it has more inodes than its groups can hold");
        }
        let copies = if compatible & SPARSE_SUPER2 != 0 {
            SuperblockCopies::These([long(0x24c)?, long(0x250)?])
        } else if read_only & SPARSE_SUPER != 0 {
            SuperblockCopies::Sparse
        } else {
            SuperblockCopies::All
        };
        Ok(Self {
            uuid: *superblock.get(0x68..).and_then(<[u8]>::first_chunk).ok_or(SHORT)?,
            block_size,
            inodes,
            inodes_per_group,
            inode_size,
            blocks,
            blocks_per_group,
            first_data_block,
            groups,
            descriptor_size,
            first_meta_group: if incompatible & META_BG != 0 { Some(long(0x104)?) } else { None },
            has_large_directories: incompatible & LARGE_DIRECTORIES != 0,
            copies,
        })
    }

    /// What `statfs` gives for the UUID, as 16 hexadecimal digits: one half of it combined with the other.
    pub(crate) fn fsid(&self) -> String {
        let (low, high) = (u128::from_le_bytes(self.uuid) as u64, (u128::from_le_bytes(self.uuid) >> 64) as u64);
        format!("{:016x}", low ^ high)
    }

    /// The group of an inode, and its position in the group's table; none if there is no such inode.
    pub(crate) fn place_of(&self, inode: u64) -> Option<(u32, u32)> {
        let index = u32::try_from(inode).ok().filter(|inode| *inode <= self.inodes)?.checked_sub(1)?;
        Some((index / self.inodes_per_group, index % self.inodes_per_group)).filter(|(group, _)| *group < self.groups)
    }

    /// How many bytes a group descriptor has.
    pub(crate) fn descriptor_len(&self) -> usize {
        self.descriptor_size as usize
    }

    /// Where the descriptor of a group lies, in bytes; none if there is no such group.
    pub(crate) fn descriptor_place(&self, group: u32) -> Option<u64> {
        let in_block = self.block_size / self.descriptor_size;
        let (number, rest) = (group / in_block, group % in_block);
        let block = if self.first_meta_group.is_some_and(|first| number >= first) {
            let first = number.checked_mul(in_block).filter(|first| *first < self.groups)?;
            let behind_copy = u64::from(self.copies.is_in(first));
            // With blocks of 1,024 bytes and clusters, the superblock lies in the second block of the first group.
            let is_shifted = self.block_size == 1024 && number == 0 && self.first_data_block == 0;
            let begin = u64::from(first) * u64::from(self.blocks_per_group) + u64::from(self.first_data_block);
            begin + behind_copy + u64::from(is_shifted)
        } else {
            // Behind the superblock, which lies in block 1 if blocks have a size of 1,024 bytes.
            u64::from(self.block_size == 1024) + u64::from(number) + 1
        };
        let is_inside = group < self.groups && block < self.blocks;
        is_inside.then(|| block * u64::from(self.block_size) + u64::from(rest) * u64::from(self.descriptor_size))
    }

    /// Where the inode table of a group begins, in bytes; none if the descriptor names no place on the device.
    pub(crate) fn table_place(&self, descriptor: &[u8]) -> Option<u64> {
        let high = if self.descriptor_size >= 64 { u32_at(descriptor, 0x28)? } else { 0 };
        let block = u64::from(high) << 32 | u64::from(u32_at(descriptor, 0x8)?);
        let len = (u64::from(self.inodes_per_group) * u64::from(self.inode_size)).div_ceil(u64::from(self.block_size));
        let is_inside = block > 0 && block.checked_add(len).is_some_and(|end| end <= self.blocks);
        is_inside.then(|| block * u64::from(self.block_size))
    }

    /// Reads an inode; none if the bytes are too few.
    pub(crate) fn inode(&self, bytes: &[u8]) -> Option<RawInode> {
        let bytes = bytes.get(..self.inode_size as usize)?;
        let (short, rest) = bytes.split_first_chunk::<SHORT_INODE>()?;
        let u16_at = |at: usize| u16::from_le_bytes([short[at], short[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([short[at], short[at + 1], short[at + 2], short[at + 3]]);
        let mode = u16_at(0x0);
        let has_high_size = mode & 0o170_000 == 0o100_000 || self.has_large_directories;
        // What follows the short inode, as far as it is in use: its own length, and more about the times.
        let more = match rest.first_chunk::<12>() {
            Some(more) => *more,
            None => [0; 12],
        };
        let in_use = u16::from_le_bytes([more[0], more[1]]);
        let time = |at, extra: usize| {
            let sec = i64::from(u32_at(at).cast_signed());
            if usize::from(in_use) < extra + 4 {
                return (sec, 0);
            }
            // Two bits continue the seconds, the others are the nanoseconds.
            let extra = u32::from_le_bytes([more[extra], more[extra + 1], more[extra + 2], more[extra + 3]]);
            (sec + (i64::from(extra & 3) << 32), extra >> 2)
        };
        Some(RawInode {
            mode,
            uid: u32::from(u16_at(0x78)) << 16 | u32::from(u16_at(0x2)),
            gid: u32::from(u16_at(0x7a)) << 16 | u32::from(u16_at(0x18)),
            nlink: u16_at(0x1a),
            size: u64::from(if has_high_size { u32_at(0x6c) } else { 0 }) << 32 | u64::from(u32_at(0x4)),
            ctime: time(0xc, 0x4),
            mtime: time(0x10, 0x8),
        })
    }
}

/// An inode as it lies in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawInode {
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// 0 for an inode that is free.
    pub(crate) nlink: u16,
    pub(crate) size: u64,
    /// Seconds since 1970, nanoseconds.
    pub(crate) mtime: (i64, u32),
    pub(crate) ctime: (i64, u32),
}

#[cfg(test)]
#[path = "ext4/tests.rs"]
mod tests;
