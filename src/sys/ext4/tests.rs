use super::*;

/// A superblock with what is usual today, and a group descriptor whose table begins at block 1,037.
fn usual() -> Vec<u8> {
    let mut bytes = vec![0; SUPERBLOCK_LEN];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0x0, &16_384_u32.to_le_bytes());
    put(0x4, &65_536_u32.to_le_bytes());
    put(0x18, &2_u32.to_le_bytes());
    put(0x20, &32_768_u32.to_le_bytes());
    put(0x28, &8_192_u32.to_le_bytes());
    put(0x38, &MAGIC.to_le_bytes());
    put(0x4c, &1_u32.to_le_bytes());
    put(0x58, &256_u16.to_le_bytes());
    put(0x60, &0x2c2_u32.to_le_bytes());
    put(0x64, &SPARSE_SUPER.to_le_bytes());
    put(0x68, &[7; 16]);
    put(0xfe, &64_u16.to_le_bytes());
    bytes
}

fn with(at: usize, value: &[u8]) -> Result<Layout, LayoutProblem> {
    let mut bytes = usual();
    bytes[at..at + value.len()].copy_from_slice(value);
    Layout::parse(&bytes)
}

#[test]
fn inodes_are_found_by_their_number() {
    let layout = Layout::parse(&usual()).expect("a superblock");
    assert_eq!((layout.block_size, layout.inode_size, layout.uuid), (4096, 256, [7; 16]));
    let places = [0, 1, 2, 8192, 8193, 16_384, 16_385, u64::MAX].map(|inode| layout.place_of(inode));
    assert_eq!(places, [None, Some((0, 0)), Some((0, 1)), Some((0, 8191)), Some((1, 0)), Some((1, 8191)), None, None]);
    assert_eq!([0, 1, 2].map(|group| layout.descriptor_place(group)), [Some(4096), Some(4096 + 64), None]);
    let mut descriptor = [0; 64];
    descriptor[8..12].copy_from_slice(&1037_u32.to_le_bytes());
    assert_eq!(layout.table_place(&descriptor), Some(1037 * 4096));
    descriptor[0x28] = 1;
    assert_eq!(layout.table_place(&descriptor), None, "behind the end of the device");
    assert_eq!(layout.table_place(&descriptor[..8]), None);
}

#[test]
fn the_descriptors_of_meta_groups_lie_in_their_own_groups() {
    // 1,024 bytes in a block, 16 descriptors in one: groups 0 to 15 are the first meta group.
    let mut bytes = usual();
    let mut put = |at: usize, value: u32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(0x4, 40 * 8192);
    put(0x14, 1);
    put(0x18, 0);
    put(0x20, 8192);
    put(0x28, 1024);
    put(0x60, 0x2d2);
    put(0x104, 0);
    let layout = Layout::parse(&bytes).expect("a superblock");
    assert_eq!(layout.descriptor_place(0), Some(2 * 1024), "behind the superblock");
    assert_eq!(layout.descriptor_place(15), Some(2 * 1024 + 15 * 64));
    assert_eq!(layout.descriptor_place(16), Some((16 * 8192 + 1) * 1024), "without a copy of the superblock");
    put_copies(&mut bytes);
    let layout = Layout::parse(&bytes).expect("a superblock");
    assert_eq!(layout.descriptor_place(16), Some((16 * 8192 + 2) * 1024), "behind a copy of it");
}

/// Says that group 16 has a copy of the superblock.
fn put_copies(bytes: &mut [u8]) {
    bytes[0x5c..0x60].copy_from_slice(&SPARSE_SUPER2.to_le_bytes());
    bytes[0x24c..0x250].copy_from_slice(&16_u32.to_le_bytes());
}

#[test]
fn copies_of_the_superblock_lie_in_powers_of_three_five_and_seven() {
    let sparse: Vec<_> = (0..130).filter(|group| SuperblockCopies::Sparse.is_in(*group)).collect();
    assert_eq!(sparse, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
}

#[test]
fn what_is_out_of_range_is_refused() {
    assert!(with(0x38, &[0, 0]).is_err(), "the magic number");
    assert!(with(0x18, &[7, 0, 0, 0]).is_err(), "blocks of 128 KiB");
    assert!(with(0x18, &[255, 0, 0, 0]).is_err(), "blocks of 2^265 bytes");
    assert!(with(0x58, &[0, 0]).is_err() && with(0x58, &[192, 0]).is_err(), "the size of an inode");
    assert!(with(0x58, &8192_u16.to_le_bytes()).is_err(), "larger than a block");
    assert!(with(0x28, &[0; 4]).is_err() && with(0x28, &[255; 4]).is_err(), "inodes in a group");
    assert!(with(0x20, &[0; 4]).is_err(), "blocks in a group");
    assert!(with(0xfe, &[0, 0]).is_err() && with(0xfe, &[96, 0]).is_err(), "the size of a descriptor");
    assert!(with(0x0, &u32::MAX.to_le_bytes()).is_err(), "more inodes than places");
    assert!(with(0x4, &[0; 4]).is_err(), "no blocks");
    assert!(with(0x150, &[255; 4]).is_err(), "more bytes than a file can have");
    assert!(with(0x60, &0x8000_u32.to_le_bytes()).is_err(), "inline data");
    assert!(with(0x60, &0x8000_02c2_u32.to_le_bytes()).is_err(), "an unknown feature");
    assert!((0..SUPERBLOCK_LEN).all(|len| Layout::parse(&usual()[..len.min(0x150)]).is_err()), "too short");
}

#[test]
fn an_inode_has_times_before_1970_and_after_2038() {
    let layout = Layout::parse(&usual()).expect("a superblock");
    let mut bytes = [0; 256];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0x0, &0o100_644_u16.to_le_bytes());
    put(0x2, &1000_u16.to_le_bytes());
    put(0x78, &1_u16.to_le_bytes());
    put(0x4, &5_u32.to_le_bytes());
    put(0x6c, &1_u32.to_le_bytes());
    put(0x1a, &3_u16.to_le_bytes());
    put(0x80, &32_u16.to_le_bytes());
    put(0xc, &(-1_i32).to_le_bytes());
    put(0x84, &(999_999_999_u32 << 2 | 1).to_le_bytes());
    put(0x10, &(-5_i32).to_le_bytes());
    put(0x88, &(7_u32 << 2).to_le_bytes());
    let inode = layout.inode(&bytes).expect("an inode");
    assert_eq!((inode.uid, inode.gid, inode.nlink, inode.size), (66_536, 0, 3, (1 << 32) + 5));
    assert_eq!((inode.ctime, inode.mtime), (((1 << 32) - 1, 999_999_999), (-5, 7)));
    // What is not in use does not count.
    let mut short = bytes;
    short[0x80] = 8;
    let inode = layout.inode(&short).expect("an inode");
    assert_eq!((inode.ctime, inode.mtime), (((1 << 32) - 1, 999_999_999), (-5, 0)));
    let mut directory = bytes;
    directory[..2].copy_from_slice(&0o040_755_u16.to_le_bytes());
    assert_eq!(layout.inode(&directory).expect("an inode").size, 5, "it has something else there");
    assert_eq!(layout.inode(&bytes[..255]), None);
}
