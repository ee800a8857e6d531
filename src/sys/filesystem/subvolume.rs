//! btrfs subvolumes: what a snapshot was made of, and when.

use std::fmt::Write as _;

use rustix::fd::AsFd;
use rustix::ioctl::{Getter, ioctl, opcode};

use crate::metadata::Time;

/// A subvolume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subvolume {
    tree: u64,
    uuid: [u8; 16],
    /// The transaction that made it, the last that changed it, and the last that ended with changes in it.
    transactions: [u64; 3],
    /// What it was made of as a snapshot; zeros if it is none.
    parent: [u8; 16],
    /// When its content was frozen, if it is a snapshot: when it was made or, if it came from elsewhere, received.
    pub(crate) made: Time,
}

/// `struct btrfs_ioctl_timespec` of linux/btrfs.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Timespec {
    sec: u64,
    nsec: u32,
}

/// `struct btrfs_ioctl_get_subvol_info_args` of linux/btrfs.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct SubvolumeInfo {
    treeid: u64,
    name: [u8; 256],
    parent_id: u64,
    dirid: u64,
    generation: u64,
    flags: u64,
    uuid: [u8; 16],
    parent_uuid: [u8; 16],
    received_uuid: [u8; 16],
    transactions: [u64; 4],
    ctime: Timespec,
    otime: Timespec,
    stime: Timespec,
    rtime: Timespec,
    reserved: [u64; 8],
}

impl Subvolume {
    /// The one that an open file or directory lies in. None on other file systems, and before Linux 4.18.
    #[expect(unsafe_code, reason = "rustix has no wrapper for BTRFS_IOC_GET_SUBVOL_INFO")]
    pub(crate) fn of(file: impl AsFd) -> Option<Self> {
        const BTRFS_IOC_GET_SUBVOL_INFO: rustix::ioctl::Opcode = opcode::read::<SubvolumeInfo>(0x94, 60);
        // SAFETY: BTRFS_IOC_GET_SUBVOL_INFO is _IOR(0x94, 60, struct btrfs_ioctl_get_subvol_info_args): it takes no
        // input and fills the whole structure or fails; any bytes are a valid `SubvolumeInfo`.
        let info = unsafe { ioctl(file, Getter::<BTRFS_IOC_GET_SUBVOL_INFO, SubvolumeInfo>::new()) }.ok()?;
        let time = if info.received_uuid == [0; 16] { info.otime } else { info.rtime };
        let made = Time::new(i64::try_from(time.sec).unwrap_or(i64::MAX), time.nsec);
        let [changed, made_in, ..] = info.transactions;
        let transactions = [made_in, changed, info.generation];
        Some(Self { tree: info.treeid, uuid: info.uuid, transactions, parent: info.parent_uuid, made })
    }

    /// What tells it from one that took its place: all subvolumes begin with the same inode numbers.
    pub(super) fn place(&self) -> String {
        let [made_in, ..] = self.transactions;
        format!("{} {} {made_in}", self.tree, hex(&self.uuid))
    }

    /// The last transaction that ended with changes in it, if none is under way in it. btrfs notes the number of a
    /// transaction in a subvolume with each change, and once more, as the generation of its root, when the transaction
    /// is committed: after the last program that took part in it is done.
    pub(super) fn ended(&self) -> Option<u64> {
        let [_, changed, ended] = self.transactions;
        (ended >= changed).then_some(ended)
    }

    /// Both UUIDs as text.
    pub(crate) fn origin(&self) -> String {
        format!("btrfs:{}:{}", hex(&self.uuid), hex(&self.parent))
    }
}

fn hex(uuid: &[u8; 16]) -> String {
    uuid.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether two subvolumes, as [`Subvolume::origin`] gives them, are one, are snapshots of one, or one is a snapshot of
/// the other.
pub(crate) fn have_one_origin(a: &str, b: &str) -> bool {
    const NONE: &str = "00000000000000000000000000000000";
    let uuids = |text: &str| -> Vec<String> {
        let known = text.strip_prefix("btrfs:").into_iter().flat_map(|uuids| uuids.split(':'));
        known.filter(|uuid| *uuid != NONE).map(str::to_owned).collect()
    };
    let others = uuids(b);
    uuids(a).iter().any(|uuid| others.contains(uuid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_of_one_subvolume_belong_together() {
        let of = |uuid: u8, parent: u8| {
            let (uuid, parent, made) = ([uuid; 16], [parent; 16], Time::default());
            Subvolume { tree: 5, uuid, transactions: [1; 3], parent, made }.origin()
        };
        let (origin, first, second) = (of(1, 0), of(2, 1), of(3, 1));
        for (a, b) in [(&origin, &origin), (&origin, &first), (&first, &second), (&second, &origin)] {
            assert!(have_one_origin(a, b), "{a} {b}");
        }
        for (a, b) in [(&origin, &of(4, 0)), (&first, &of(5, 4)), (&first, &String::new())] {
            assert!(!have_one_origin(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_transaction_has_ended_if_no_change_came_after_it() {
        let of = |transactions| {
            let (uuid, parent, made) = ([1; 16], [0; 16], Time::default());
            Subvolume { tree: 5, uuid, transactions, parent, made }.ended()
        };
        assert_eq!([of([1, 7, 7]), of([1, 7, 9]), of([1, 8, 7])], [Some(7), Some(9), None]);
    }

    #[test]
    fn the_structure_has_the_size_that_the_kernel_expects() {
        assert_eq!(size_of::<SubvolumeInfo>(), 504);
    }
}
