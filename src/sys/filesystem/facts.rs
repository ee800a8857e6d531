//! What a file system can be relied on for, by its type: the one place for such facts. What follows from them is
//! decided where they are asked.
//!
//! A type that is not in the table has no good qualities: its clock is not ours, its changes may come from elsewhere,
//! its inodes may be renumbered at the next mount.

use bitflags::bitflags;

use crate::path::NameDifference;

bitflags! {
    /// What is known of a type of file system.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Facts: u16 {
        /// The local kernel's coarse clock stamps its files.
        const LOCAL_CLOCK = 1;
        /// Whatever changes it does so through this mount's own kernel, where a watcher can see it.
        const LOCAL_CHANGES = 1 << 1;
        /// It keeps no change time of its own: programs can set what it has.
        const NO_CTIME = 1 << 2;
        /// A directory with the mtime, ctime and inode that it had before holds the names that it held before. Only
        /// where that was tested.
        const STAMPS_PROVE_NAMES = 1 << 3;
        /// An entry keeps its inode number for as long as it exists.
        const KEEPS_INODES = 1 << 4;
        /// It is created at each mount, or replaced with each version of its content.
        const VOLATILE = 1 << 5;
        /// It shows what lies on a server.
        const REMOTE = 1 << 6;
        /// Two names are two, however little they differ.
        const EXACT_NAMES = 1 << 7;
        /// The same, but for directories that have the flag `casefold`.
        const FLAGGED_NAMES = 1 << 8;
        /// Names are one that differ only in case, unless the mount says otherwise.
        const FOLDS_CASE = 1 << 9;
        /// Names are one that differ only in how an accent is written.
        const FOLDS_ACCENTS = 1 << 10;
        /// Names are one that differ only in dots and blanks at the end.
        const FOLDS_END = 1 << 11;
    }
}

const LOCAL: Facts = Facts::LOCAL_CLOCK.union(Facts::LOCAL_CHANGES);
const DISK: Facts = LOCAL.union(Facts::KEEPS_INODES);
const TESTED: Facts = DISK.union(Facts::STAMPS_PROVE_NAMES);
const FAT_NAMES: Facts = Facts::FOLDS_CASE.union(Facts::FOLDS_END);
const FAT: Facts = LOCAL.union(Facts::NO_CTIME).union(FAT_NAMES);
const MAC: Facts = Facts::FOLDS_CASE.union(Facts::FOLDS_ACCENTS);
const IMAGE: Facts = LOCAL.union(Facts::VOLATILE);

/// The types as mount(8) names them, or Windows in small letters.
const TYPES: [(&str, Facts); 42] = [
    ("ext4", TESTED.union(Facts::FLAGGED_NAMES)),
    ("xfs", TESTED),
    ("btrfs", TESTED.union(Facts::EXACT_NAMES)),
    ("tmpfs", TESTED.union(Facts::VOLATILE).union(Facts::FLAGGED_NAMES)),
    ("ramfs", DISK.union(Facts::VOLATILE)),
    ("devtmpfs", IMAGE),
    ("ext2", DISK.union(Facts::EXACT_NAMES)),
    ("ext3", DISK.union(Facts::EXACT_NAMES)),
    ("zfs", DISK),
    ("f2fs", DISK.union(Facts::FLAGGED_NAMES)),
    ("bcachefs", DISK),
    ("jfs", DISK),
    ("reiserfs", DISK),
    ("nilfs2", DISK),
    ("ntfs3", DISK),
    // Windows. The inode numbers of ReFS have 128 bits, of which a listing gives half.
    ("ntfs", DISK.union(Facts::FOLDS_CASE)),
    ("refs", LOCAL.union(Facts::FOLDS_CASE)),
    ("smb", Facts::REMOTE.union(Facts::FOLDS_CASE)),
    ("vfat", FAT),
    ("msdos", FAT),
    ("exfat", FAT),
    ("hfs", MAC),
    ("hfsplus", MAC),
    ("apfs", MAC),
    ("iso9660", IMAGE),
    ("squashfs", IMAGE),
    ("erofs", IMAGE),
    // The layers below it may be changed directly.
    ("overlay", Facts::LOCAL_CLOCK.union(Facts::VOLATILE)),
    ("proc", Facts::VOLATILE),
    ("sysfs", Facts::VOLATILE),
    ("nfs", Facts::REMOTE),
    ("nfs4", Facts::REMOTE),
    ("cifs", Facts::REMOTE),
    ("smb3", Facts::REMOTE),
    ("9p", Facts::REMOTE),
    ("ceph", Facts::REMOTE),
    ("afs", Facts::REMOTE),
    ("fuse.sshfs", Facts::REMOTE.union(Facts::NO_CTIME)),
    ("fuse.rclone", Facts::REMOTE),
    ("fuse.glusterfs", Facts::REMOTE),
    ("fusefat", Facts::NO_CTIME.union(FAT_NAMES)),
    ("fuse.fusefat", Facts::NO_CTIME.union(FAT_NAMES)),
];

/// The type of a file system, as mount(8) names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FsType<'a>(pub(crate) &'a str);

impl FsType<'_> {
    fn has(self, fact: Facts) -> bool {
        TYPES.iter().any(|(name, facts)| *name == self.0 && facts.contains(fact))
    }

    /// Whether the local clock stamps its files.
    pub(crate) fn has_local_clock(self) -> bool {
        cfg!(target_os = "macos") || self.has(Facts::LOCAL_CLOCK)
    }

    /// Whether it keeps a change time that no program can set.
    pub(crate) fn keeps_ctime(self) -> bool {
        // On Windows only where it is known; a program can set it there if it asks for just that.
        !self.has(Facts::NO_CTIME) && (cfg!(unix) || self.has(LOCAL))
    }

    /// Whether every change is made through this mount's own kernel, where a watcher sees it. Not so over the network,
    /// behind a program (FUSE), and in the layers below an overlay.
    pub(crate) fn changes_are_local(self) -> bool {
        cfg!(target_os = "linux") && self.has(Facts::LOCAL_CHANGES)
    }

    /// Whether a directory whose mtime, ctime and inode are as before holds the same names as before.
    pub(crate) fn stamps_prove_names(self) -> bool {
        cfg!(target_os = "linux") && self.has(Facts::STAMPS_PROVE_NAMES)
    }

    /// Whether opening a directory of it may mount something.
    pub(crate) fn may_automount(self) -> bool {
        cfg!(target_os = "linux") && !self.has(Facts::LOCAL_CLOCK)
    }

    /// Whether entries keep their inode numbers. Some FUSE and network file systems renumber at every mount; there an
    /// inode says nothing of a change, and believing it would report every file.
    pub(crate) fn keeps_inodes(self) -> bool {
        self.has(Facts::KEEPS_INODES)
    }

    /// Whether another one mounted below a root says nothing: containers and packages come and go.
    pub(crate) fn is_volatile(self) -> bool {
        self.has(Facts::VOLATILE)
    }

    /// Whether it shows what lies on a server.
    pub(crate) fn is_remote(self) -> bool {
        self.has(Facts::REMOTE)
    }
}

/// Which names are one in a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameRule {
    facts: Facts,
    /// The directory has the flag `casefold`; none if that cannot be asked.
    is_flagged: Option<bool>,
}

impl NameRule {
    /// The rule of a directory on a file system of this type.
    pub(crate) fn new(kind: &str, is_flagged: Option<bool>) -> Self {
        let facts = TYPES.iter().find(|(name, _)| *name == kind).map_or(Facts::empty(), |(_, facts)| *facts);
        Self { facts, is_flagged }
    }

    /// Whether names are one that differ like that, if the type leaves no doubt.
    pub(crate) fn certain(self, part: NameDifference) -> Option<bool> {
        match self.is_flagged {
            _ if self.facts.contains(Facts::EXACT_NAMES) => Some(false),
            // Unicode case folding of canonically decomposed names (Documentation/filesystems/ext4/directory.rst).
            Some(is_flagged) if self.facts.contains(Facts::FLAGGED_NAMES) => {
                Some(is_flagged && part != NameDifference::END)
            }
            _ => None,
        }
    }

    /// Whether they usually are, where nothing can be looked up.
    pub(crate) fn usual(self, part: NameDifference) -> Option<bool> {
        let folds = Facts::FOLDS_CASE | Facts::FOLDS_ACCENTS | Facts::FOLDS_END;
        let fact = if part == NameDifference::CASE {
            Facts::FOLDS_CASE
        } else if part == NameDifference::ACCENTS {
            Facts::FOLDS_ACCENTS
        } else {
            Facts::FOLDS_END
        };
        self.facts.intersects(folds).then(|| self.facts.contains(fact))
    }

    /// Whether names that differ like that are one by the type. That the system does not find one under the other name
    /// proves nothing then: with `iocharset=utf8` vfat does not, and refuses to create the second name.
    pub(crate) fn are_usually_one(self, difference: NameDifference) -> bool {
        difference.iter().all(|part| self.usual(part) == Some(true))
    }
}

/// Whether two file systems, each by type and identity, are subvolumes of one btrfs. `statfs` makes its identifier from
/// the UUID and the subvolume's number, which changes only one half of it.
pub(crate) fn are_subvolumes_of_one(a: (&str, &str), b: (&str, &str)) -> bool {
    let of_uuid = |identity: &str| identity.strip_prefix("btrfs:fsid:")?.get(8..).map(str::to_owned);
    a.0 == "btrfs" && b.0 == "btrfs" && of_uuid(a.1) == of_uuid(b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_stands_in_the_table_once_and_an_unknown_one_is_not_relied_on() {
        for (name, _) in TYPES {
            assert_eq!(TYPES.iter().filter(|(other, _)| *other == name).count(), 1, "{name}");
        }
        let unknown = FsType("fuse.new");
        assert!(!unknown.changes_are_local() && !unknown.stamps_prove_names() && !unknown.keeps_inodes());
    }

    #[test]
    fn names_are_one_by_the_type_and_the_flag_of_the_directory() {
        let (case, accents, end) = (NameDifference::CASE, NameDifference::ACCENTS, NameDifference::END);
        assert_eq!(NameRule::new("btrfs", None).certain(case), Some(false));
        assert_eq!(NameRule::new("ext4", Some(true)).certain(case), Some(true));
        assert_eq!(NameRule::new("ext4", Some(true)).certain(end), Some(false));
        assert_eq!(NameRule::new("ext4", Some(false)).certain(accents), Some(false));
        assert_eq!(NameRule::new("ext4", None).certain(case), None);
        for (kind, usual) in [
            ("vfat", [Some(true), Some(false), Some(true)]),
            ("apfs", [Some(true), Some(true), Some(false)]),
            ("cifs", [None; 3]),
        ] {
            let rule = NameRule::new(kind, None);
            assert_eq!([case, accents, end].map(|part| rule.usual(part)), usual, "{kind}");
            assert_eq!(rule.certain(case), None, "{kind}");
        }
    }

    #[test]
    fn subvolumes_share_one_half_of_the_identifier() {
        let [one, two, other] = ["btrfs:fsid:0000000012345678", "btrfs:fsid:00000fff12345678", "btrfs:fsid:1234"];
        assert!(are_subvolumes_of_one(("btrfs", one), ("btrfs", two)));
        assert!(!are_subvolumes_of_one(("btrfs", one), ("btrfs", other)));
        assert!(!are_subvolumes_of_one(("btrfs", one), ("ext4", two)));
    }
}
