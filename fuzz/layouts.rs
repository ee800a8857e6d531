//! What the fuzz target `layout` does with its bytes: a superblock, then what is taken for group descriptors and
//! inodes. tests/attacks/fuzzed.rs replays the corpus and every case that was ever found.

#[path = "../src/sys/ext4.rs"]
#[expect(dead_code, reason = "not all of it is asked for here")]
mod ext4;

use self::ext4::{Layout, SUPERBLOCK_LEN};

/// Any answer will do, but whatever it names has to lie where it can.
pub(crate) fn layout(data: &[u8]) {
    let Ok(layout) = Layout::parse(data) else { return };
    let rest = data.get(SUPERBLOCK_LEN..).unwrap_or_default();
    assert!(layout.inode_size <= layout.block_size && layout.inodes_per_group > 0);
    for number in [0, 1, 2, u64::from(layout.inodes), u64::from(layout.inodes) + 1, u64::MAX] {
        let Some((group, index)) = layout.place_of(number) else { continue };
        assert_eq!(u64::from(group) * u64::from(layout.inodes_per_group) + u64::from(index) + 1, number);
        let place = layout.descriptor_place(group);
        std::hint::black_box(place);
        if let Some(table) = layout.table_place(rest) {
            assert!(table.is_multiple_of(u64::from(layout.block_size)) && table > 0);
        }
        std::hint::black_box(layout.inode(rest));
    }
    std::hint::black_box(layout.descriptor_place(u32::MAX));
    assert!(layout.inode(&rest[..rest.len().min(127)]).is_none());
}
