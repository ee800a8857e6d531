//! What a snapshot says of its scan: the scope, the file systems, and what later scans need to know.

use super::digest::Digest;
use super::overlay::OverlayMeta;
use crate::path::{PathExt as _, is_within, to_path};
use crate::sys::filesystem::Mark;
use crate::{Error, Result, ScopeDifference, ScopePart};

/// The scope of a scan, and what it found beside the tree. Read and checked as a whole when a snapshot is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Meta {
    /// The host's name.
    pub host: String,
    /// The roots as they were spelled, absolute, in tree order.
    pub roots: Vec<Vec<u8>>,
    /// The exclude patterns in order.
    pub patterns: Vec<String>,
    /// Whether directories with a `CACHEDIR.TAG` were left out.
    pub exclude_caches: bool,
    /// Directories that hold one of these names were left out.
    pub exclude_if_present: Vec<String>,
    /// Whether other file systems were left out.
    pub one_file_system: bool,
    /// fastdiff's own files inside the roots, which were left out: absolute paths. A slash at the end marks a
    /// directory that was left out with all it holds.
    pub own_files: Vec<Vec<u8>>,
    /// The base snapshot, if what could not be read was carried over from it: the digest of its header, and when the
    /// oldest state in it was seen (seconds and nanoseconds).
    pub(crate) base: Option<(Digest, (i64, u32))>,
    /// The file systems that the scan met.
    pub devices: Vec<Device>,
    /// Where each begins, ordered by row.
    pub(crate) mounts: Vec<Mount>,
    /// The paths below the roots at which anything was mounted when the scan began: also files, and also parts of the
    /// same file system.
    pub(crate) mount_points: Vec<Vec<u8>>,
    /// The clock of watchman at the scan: its next answer must be complete since then.
    pub watchman_clock: Option<String>,
    /// The directory up to which scans with hints have checked the tree for lost hints. The next one continues after
    /// it.
    pub(crate) audited: Option<Vec<u8>>,
    /// For an overlay: its base, and which rows lie there.
    pub(crate) overlay: Option<OverlayMeta>,
}

impl Meta {
    /// Whether an entry was left out as fastdiff's own, or lies in a directory that was.
    pub(crate) fn is_own(&self, path: &[u8]) -> bool {
        self.own_files.iter().any(|own| match own.strip_suffix(b"/") {
            Some(dir) => is_within(path, dir),
            None => own == path,
        })
    }
}

/// A file system that a scan met.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Device {
    /// The type, as mount(8) names it. Empty if the system does not tell.
    pub kind: String,
    /// What identifies it over remounts and reboots. Empty if the system does not tell.
    pub identity: String,
    /// The boundary by its own clock: seconds and nanoseconds.
    pub(crate) boundary: (i64, u32),
    /// From where on it can tell what changed since the scan began.
    pub(crate) mark: Option<Mark>,
}

impl Device {
    /// Whether its identity is the UUID that lies on the device itself, which a snapshot of the device shares. btrfs
    /// and ZFS make identifiers of their own for each snapshot.
    pub(crate) fn has_uuid(&self) -> bool {
        let is_made_of_uuid = matches!(self.kind.as_str(), "ext2" | "ext3" | "ext4");
        self.identity.contains(":uuid:") || is_made_of_uuid && self.identity.contains(":fsid:")
    }
}

/// A directory whose file system is not its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(crate) struct Mount {
    /// The row of the directory.
    pub(crate) row: u32,
    /// The position of its device in [`Meta::devices`].
    pub(crate) device: u32,
}

/// Compares the scopes of two scans (promise 7).
///
/// # Errors
/// [`Error::Incomparable`] with every difference.
pub(crate) fn same_scope(old: &Meta, new: &Meta) -> Result<()> {
    let roots = |m: &Meta| m.roots.iter().map(|r| to_path(r).shown().to_string()).collect::<Vec<_>>().join(", ");
    let quoted = |items: &[String]| items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ");
    let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
    let parts = [
        (ScopePart::Roots, old.roots == new.roots, roots(old), roots(new)),
        (ScopePart::Patterns, old.patterns == new.patterns, quoted(&old.patterns), quoted(&new.patterns)),
        (
            ScopePart::ExcludeCaches,
            old.exclude_caches == new.exclude_caches,
            switch(old.exclude_caches),
            switch(new.exclude_caches),
        ),
        (
            ScopePart::ExcludeIfPresent,
            old.exclude_if_present == new.exclude_if_present,
            quoted(&old.exclude_if_present),
            quoted(&new.exclude_if_present),
        ),
        (
            ScopePart::OneFileSystem,
            old.one_file_system == new.one_file_system,
            switch(old.one_file_system),
            switch(new.one_file_system),
        ),
    ];
    let differences: Vec<_> = parts
        .into_iter()
        .filter(|(_, is_same, ..)| !is_same)
        .map(|(part, _, before, now)| ScopeDifference { part, before, now })
        .collect();
    if differences.is_empty() { Ok(()) } else { Err(Error::Incomparable { differences }) }
}
