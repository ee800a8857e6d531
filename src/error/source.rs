//! Why inode tables are not used.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::path::PathExt as _;

/// Why the inode tables of a file system were not used, so that the tree was walked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceProblem {
    /// The tables of another part of the tree were wrong, so that none are believed in this scan.
    NotBelieved,
    /// Only the native walker can read less than everything.
    PortableWalker,
    /// The base's racy window is shorter than a second.
    ShortWindow,
    /// There are more than four billion entries.
    ManyEntries,
    /// The roots are snapshots of which nobody knows when they were made.
    SnapshotRoots,
    /// In a user namespace, owners are shown as others than the file system stores.
    UserNamespace,
    /// Its inode tables were wrong once, with this version of the program.
    Distrusted,
    /// The directory cannot be looked at.
    Unreadable(String),
    /// What is mounted there is another file system than in the base.
    OtherFileSystem,
    /// Its type has no tables that can be read.
    Type(String),
    /// The mount table cannot be read, or does not name the mount.
    NoMount,
    /// Owners are shown as others than the file system stores.
    Idmapped,
    /// It was mounted from another superblock than the first.
    OtherSuperblock,
    /// It lies on no device of its own, or another driver has mounted it.
    NoDevice,
    /// Its device cannot be opened.
    Device(String),
    /// The device does not hold this file system, or its layout is not understood.
    Layout(&'static str),
    /// A look at the device shows another inode than the system does.
    OtherView(PathBuf),
    /// What a file of the program's own became does not show on the device at once.
    Probe(&'static str),
    /// The device cannot be read.
    DeviceRead(String),
    /// The file system does not tell its count of transactions, or this system does not tell one mount from another.
    NoMark,
    /// The earlier snapshot has no mark of the file system.
    NotMarked,
    /// It was mounted again since the earlier snapshot, or is another subvolume.
    MountedAgain,
    /// It is read-only, as it makes itself after an error.
    ReadOnly,
    /// Its trees cannot be searched.
    Search(String),
    /// So many MiB have to be written back before that a walk is probably faster.
    MuchUnwritten(u64),
    /// Writing back what is in memory takes so long that a walk is probably faster.
    SlowSync(Duration),
    /// Its change journal does not tell what changed since the earlier snapshot.
    Journal(&'static str),
    /// It was never tried on a real system of this kind: only who asks for it gets it.
    NeverRun,
    /// Its inodes are in memory, where a walk finds them quickly.
    InMemory,
    /// All its inodes would have to be read, and the tree has few of them.
    ManyOthers(u64),
    /// The system does not hand out its inodes.
    Bulk(String),
    /// So much of the tables would have to be read that a walk is probably faster.
    MuchToRead(u64),
    /// So many entries differ that a walk is probably faster.
    MuchChanged(u64),
    /// An entry changed, and the tables did not show it.
    Missed(PathBuf),
    /// Something else was mounted meanwhile.
    Moved,
}

impl SourceProblem {
    /// Whether this is an error of the program or of the system: the file system's tables must not be believed again.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Missed(_))
    }
}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBelieved => "those of another file system were wrong, so none are believed",
            Self::PortableWalker => "only the native walker can use them",
            Self::ShortWindow => "the racy window of the earlier snapshot is shorter than a second",
            Self::ManyEntries => "there are more entries than can be counted here",
            Self::SnapshotRoots => "the roots are snapshots, and when they were made is not known",
            Self::UserNamespace => "in a user namespace, owners are not those that the file system stores",
            Self::Distrusted => "they were wrong once with this version of fastdiff",
            Self::Unreadable(why) => return write!(f, "the directory cannot be looked at: {why}"),
            Self::OtherFileSystem => "it is not the file system of the earlier snapshot",
            Self::Type(kind) if kind.is_empty() => "its type is not known",
            Self::Type(kind) => return write!(f, "those of {} cannot be read", kind.escape_debug()),
            Self::NoMount => "the mount table does not tell how it is mounted",
            Self::Idmapped => "the mount shows other owners than the file system stores",
            Self::OtherSuperblock => "it is mounted from a copy of its superblock",
            Self::NoDevice => "it has no block device of its own here",
            Self::Device(why) => return write!(f, "its device cannot be opened: {why}"),
            Self::Layout(what) => return write!(f, "its superblock is not as needed: {what}"),
            Self::OtherView(path) => {
                return write!(f, "the device shows another inode of {} than the system does", path.shown());
            }
            Self::Probe(step) => return write!(f, "a probe failed: {step} did not show on the device"),
            Self::DeviceRead(why) => return write!(f, "its device cannot be read: {why}"),
            Self::NoMark => "its changes cannot be told by transaction here: that needs Linux 6.8",
            Self::NotMarked => "the earlier snapshot does not say which transactions of it it holds",
            Self::MountedAgain => "it was mounted again since the earlier snapshot, or is another subvolume",
            Self::ReadOnly => "it is read-only, as after an error of the file system",
            Self::Search(why) => return write!(f, "its trees cannot be searched: {why}"),
            Self::MuchUnwritten(mib) => {
                return write!(f, "{mib} MiB wait to be written back, a walk is probably faster");
            }
            Self::SlowSync(after) => {
                return write!(f, "it was not written back after {after:.1?}, so a walk is probably faster");
            }
            Self::Journal(why) => return write!(f, "of its change journal: {why}"),
            Self::NeverRun => "the change journal was never tried on a real Windows, and has to be asked for by name",
            Self::InMemory => "its inodes are in memory, where a walk finds them quickly",
            Self::ManyOthers(number) => {
                return write!(f, "all its {number} inodes would have to be read, a walk is probably faster");
            }
            Self::Bulk(why) => return write!(f, "its inodes cannot be read in bulk: {why}"),
            Self::MuchToRead(mib) => return write!(f, "{mib} MiB would have to be read, a walk is probably faster"),
            Self::MuchChanged(number) => {
                return write!(f, "{number} entries differ, so a walk is probably faster");
            }
            Self::Missed(path) => return write!(f, "{} changed, and they did not show it", path.shown()),
            Self::Moved => "something else was mounted meanwhile",
        })
    }
}
