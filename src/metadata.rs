//! The metadata of one entry: kind, times, the fields that are compared, and flags. No system calls.

use std::fmt;
use std::num::NonZeroU32;

/// The kind of an entry, from the type bits of its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link. It is never followed.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// None of the above, or unknown because the metadata could not be read.
    Unknown,
}

impl Kind {
    /// The kind that the type bits of `st_mode` stand for.
    pub fn from_mode(mode: u16) -> Self {
        match mode & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Dir,
            0o120_000 => Self::Symlink,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            0o020_000 => Self::CharDevice,
            0o060_000 => Self::BlockDevice,
            _ => Self::Unknown,
        }
    }

    /// The type bits of `st_mode`.
    pub fn mode_bits(self) -> u16 {
        match self {
            Self::File => 0o100_000,
            Self::Dir => 0o040_000,
            Self::Symlink => 0o120_000,
            Self::Fifo => 0o010_000,
            Self::Socket => 0o140_000,
            Self::CharDevice => 0o020_000,
            Self::BlockDevice => 0o060_000,
            Self::Unknown => 0,
        }
    }

    /// The word used in JSON and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Dir => "directory",
            Self::Symlink => "symlink",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::CharDevice => "char-device",
            Self::BlockDevice => "block-device",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A time of the file system: seconds since 1970 (negative before) and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Time {
    /// Seconds since the epoch.
    pub sec: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub nsec: u32,
}

impl Time {
    /// A time from its two parts.
    pub const fn new(sec: i64, nsec: u32) -> Self {
        Self { sec, nsec }
    }

    /// This time minus a duration. Stops at the end of the range.
    #[must_use]
    pub fn saturating_sub(self, duration: std::time::Duration) -> Self {
        let sec = self.sec.checked_sub_unsigned(duration.as_secs());
        let time = match self.nsec.checked_sub(duration.subsec_nanos()) {
            Some(nsec) => sec.map(|sec| Self { sec, nsec }),
            None => sec
                .and_then(|sec| sec.checked_sub(1))
                .map(|sec| Self { sec, nsec: self.nsec + 1_000_000_000 - duration.subsec_nanos() }),
        };
        time.unwrap_or(Self { sec: i64::MIN, nsec: 0 })
    }

    /// This time plus a duration. Stops at the end of the range.
    #[must_use]
    pub fn saturating_add(self, duration: std::time::Duration) -> Self {
        let nsec = u64::from(self.nsec) + u64::from(duration.subsec_nanos());
        let sec = self.sec.checked_add_unsigned(duration.as_secs());
        match sec.and_then(|sec| sec.checked_add_unsigned(nsec / 1_000_000_000)) {
            Some(sec) => Self { sec, nsec: (nsec % 1_000_000_000) as u32 },
            None => Self { sec: i64::MAX, nsec: 999_999_999 },
        }
    }
}

/// The metadata of one entry. An entry that is not racy is unchanged if no field differs but the birth time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stat {
    /// Type and permission bits, as `st_mode`.
    pub mode: u16,
    /// Number of hard links.
    pub nlink: u32,
    /// The number of the owner.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// Inode number on its file system.
    pub ino: u64,
    /// Size in bytes, as `st_size`.
    pub size: u64,
    /// Time of the last change of the content. Any program can set it.
    pub mtime: Time,
    /// Time of the last change of content or metadata. On most file systems no program can set it.
    pub ctime: Time,
    /// A digest of the birth time, 0 if there is none. It tells a reused inode from a renamed
    /// entry. It does not count when two entries are compared.
    pub birth: u32,
}

impl Stat {
    /// The kind, from the mode.
    pub fn kind(&self) -> Kind {
        Kind::from_mode(self.mode)
    }

    /// The fields in which `self` and `other` differ. The birth time is not one of them.
    pub fn differing(&self, other: &Self) -> Fields {
        let mut fields = Fields::empty();
        fields.set(Fields::KIND, self.mode & 0o170_000 != other.mode & 0o170_000);
        fields.set(Fields::SIZE, self.size != other.size);
        fields.set(Fields::MTIME, self.mtime != other.mtime);
        fields.set(Fields::CTIME, self.ctime != other.ctime);
        fields.set(Fields::INODE, self.ino != other.ino);
        fields.set(Fields::MODE, self.mode & 0o7777 != other.mode & 0o7777);
        fields.set(Fields::UID, self.uid != other.uid);
        fields.set(Fields::GID, self.gid != other.gid);
        fields.set(Fields::NLINK, self.nlink != other.nlink);
        fields
    }
}

/// The position of a file system in the table of a scan. `Option` of it needs no more room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceIndex(NonZeroU32);

impl DeviceIndex {
    /// Of the file system at this position. A table never has four billion of them.
    pub(crate) fn new(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// The position.
    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

bitflags::bitflags! {
    /// A set of fields of a [`Stat`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct Fields: u16 {
        /// The type bits of the mode.
        const KIND = 1;
        /// Size in bytes.
        const SIZE = 1 << 1;
        /// Modification time.
        const MTIME = 1 << 2;
        /// Change time.
        const CTIME = 1 << 3;
        /// Inode number.
        const INODE = 1 << 4;
        /// Permission bits.
        const MODE = 1 << 5;
        /// Owner.
        const UID = 1 << 6;
        /// Group.
        const GID = 1 << 7;
        /// Link count.
        const NLINK = 1 << 8;
    }
}

impl Fields {
    /// The words used in JSON and text, in this order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(Fields, &str); 9] = [
            (Fields::KIND, "kind"),
            (Fields::SIZE, "size"),
            (Fields::MTIME, "mtime"),
            (Fields::CTIME, "ctime"),
            (Fields::INODE, "inode"),
            (Fields::MODE, "mode"),
            (Fields::UID, "uid"),
            (Fields::GID, "gid"),
            (Fields::NLINK, "nlink"),
        ];
        NAMES.into_iter().filter(move |(field, _)| self.contains(*field)).map(|(_, name)| name)
    }

    /// Whether these differences show that only the metadata changed: the owner, the mode or
    /// the link count (which moves the ctime), and nothing that moves with the content.
    /// A ctime that moved without such a reason may hide changed content whose mtime was put back.
    pub fn metadata_only(self) -> bool {
        let metadata = Self::MODE | Self::UID | Self::GID | Self::NLINK;
        self.intersects(metadata) && (metadata | Self::CTIME).contains(self)
    }
}

bitflags::bitflags! {
    /// What a scan noted about an entry beside its metadata.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Flags: u8 {
        /// Its time stamps are too young to prove that it did not change since (promise 1).
        const RACY = 1;
        /// Its metadata could not be read. Without `CARRIED` only its name and kind mean anything.
        const UNKNOWN = 1 << 1;
        /// A directory whose listing could not be read to its end.
        const UNLISTED = 1 << 2;
        /// A directory that was left closed on purpose: another file system, an automount, a loop of mounts.
        const NOT_ENTERED = 1 << 3;
        /// What could not be read was carried over from the base snapshot.
        const CARRIED = 1 << 4;
        /// On another file system than its directory, and not a directory (a file mount).
        const FOREIGN = 1 << 5;
        /// In the index only, never of an entry itself: a file below has several names.
        const LINKED = 1 << 6;
        /// A directory with a child directory that was left out because it held a marker, as a `CACHEDIR.TAG`. Its
        /// own times do not tell whether the marker is still there.
        const LEFT_OUT = 1 << 7;
    }
}

impl Flags {
    /// The flags that keep a subtree from being skipped, equal digest or not.
    pub const NEVER_SKIPPED: Self = Self::RACY.union(Self::UNKNOWN).union(Self::UNLISTED).union(Self::NOT_ENTERED);

    /// Whether an entry could not be read, and nothing was carried over for it: no list holds it until it can be.
    pub fn is_unread(self) -> bool {
        self.intersects(Self::UNKNOWN | Self::UNLISTED) && !self.contains(Self::CARRIED)
    }

    /// The flags of a directory that was left closed without asking for its metadata.
    pub(crate) const UNASKED: Self = Self::UNKNOWN.union(Self::NOT_ENTERED);

    /// Whether this is a directory that was left closed without asking for its metadata: with one file system alone,
    /// where another is mounted. Only its name is known. It counts as left out, and no list holds it.
    pub fn is_unasked(self) -> bool {
        self.contains(Self::UNASKED) && !self.contains(Self::CARRIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_field_has_a_word() {
        assert_eq!(Fields::all().names().count(), Fields::all().iter().count());
    }

    #[test]
    fn subtraction_borrows_a_second() {
        let t = Time::new(10, 200).saturating_sub(Duration::new(3, 300));
        assert_eq!(t, Time::new(6, 999_999_900));
    }

    #[test]
    fn subtraction_stays_at_the_end_of_the_range() {
        let t = Time::new(i64::MIN, 0).saturating_sub(Duration::new(1, 1));
        assert_eq!(t, Time::new(i64::MIN, 0));
    }

    #[test]
    fn addition_carries_and_stays_at_the_end_of_the_range() {
        assert_eq!(Time::new(1, 999_999_999).saturating_add(Duration::new(1, 2)), Time::new(3, 1));
        let last = Time::new(i64::MAX, 999_999_999);
        assert_eq!(last.saturating_add(Duration::from_nanos(1)), last);
        assert_eq!(Time::new(i64::MAX - 1, 5).saturating_add(Duration::MAX), last);
    }

    #[test]
    fn a_lone_ctime_change_may_be_content() {
        assert!(!Fields::CTIME.metadata_only());
        assert!((Fields::CTIME | Fields::MODE).metadata_only());
        assert!(!(Fields::CTIME | Fields::MODE | Fields::SIZE).metadata_only());
    }

    #[test]
    fn no_device_takes_no_room() {
        assert_eq!(size_of::<Option<DeviceIndex>>(), 4);
        for index in [0, 1, u32::MAX as usize - 1] {
            assert_eq!(DeviceIndex::new(index).index(), index);
        }
    }

    #[test]
    fn kinds_survive_the_mode() {
        for bits in 0..16_u16 {
            let kind = Kind::from_mode(bits << 12);
            if kind != Kind::Unknown {
                assert_eq!(kind.mode_bits(), bits << 12);
            }
        }
    }
}
