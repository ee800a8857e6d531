//! The two archives of a snapshot, laid out by rkyv: the index of its directories and the account of
//! the scan. Flat columns of numbers, so that checked access costs nothing per directory.

use rkyv::{Archive, Deserialize, Serialize};

use super::header::Digest;
use super::overlay::OverlayMeta;
use crate::path::{PathExt as _, is_within, to_path};
use crate::{Error, Result, ScopeDifference, ScopePart};

/// One row per directory, each after all that lie below it (post-order), siblings in name order. The
/// last row is the directory that holds the roots.
#[derive(Debug, Default, Archive, Serialize)]
pub(crate) struct Index {
    /// Where the directory's block ends, counted from the end of the header. It begins where the
    /// block of the row before ends.
    pub(crate) block_end: Vec<u64>,
    /// The number of rows of the directory's subtree, itself included.
    pub(crate) subtree: Vec<u32>,
    /// All flags of the entries below the directory.
    pub(crate) flags: Vec<u8>,
    /// The digest of the directory's block and of the rows of its child directories.
    pub(crate) digest: Vec<Digest>,
}

impl Index {
    /// Makes room for so many rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.block_end.reserve_exact(rows);
        self.subtree.reserve_exact(rows);
        self.flags.reserve_exact(rows);
        self.digest.reserve_exact(rows);
    }
}

/// The columns of the index and the blocks, found once: where they lie is not read again from a mapping that
/// another program may write to.
pub(super) struct View<'a> {
    pub(super) blocks: &'a [u8],
    pub(super) block_end: &'a [[u8; 8]],
    pub(super) subtree: &'a [[u8; 4]],
    pub(super) flags: &'a [[u8; 1]],
    pub(super) digest: &'a [Digest],
}

/// The bytes that an archived vector takes where it is named: its distance from there, its length.
const VECTOR: usize = 16;

impl<'a> View<'a> {
    /// Finds the columns of an index of so many rows: one behind the other, and then the four vectors that
    /// name them. Not through rkyv, which would read their places at every access.
    pub(super) fn new(blocks: &'a [u8], index: &'a [u8], rows: usize) -> Option<Self> {
        let vectors = index.len().checked_sub(4 * VECTOR)?;
        let mut start = 0;
        let view = Self {
            blocks,
            block_end: column(index, vectors, rows, &mut start)?,
            subtree: column(index, vectors + VECTOR, rows, &mut start)?,
            flags: column(index, vectors + 2 * VECTOR, rows, &mut start)?,
            digest: column(index, vectors + 3 * VECTOR, rows, &mut start)?,
        };
        (start == vectors).then_some(view)
    }
}

/// The column that begins at `start` and is named by the vector at `at`; `start` moves behind it.
fn column<'a, const SIZE: usize>(
    index: &'a [u8],
    at: usize,
    rows: usize,
    start: &mut usize,
) -> Option<&'a [[u8; SIZE]]> {
    let (distance, len) = index.get(at..at + VECTOR)?.split_at(8);
    let distance = isize::try_from(i64::from_le_bytes(distance.try_into().ok()?)).ok()?;
    let len = u64::from_le_bytes(len.try_into().ok()?);
    if len != rows as u64 || at.checked_add_signed(distance)? != *start {
        return None;
    }
    let end = start.checked_add(rows.checked_mul(SIZE)?)?;
    let column = index.get(*start..end)?.as_chunks().0;
    *start = end;
    Some(column)
}

/// What was asked and of what: small, read and checked as a whole when a snapshot is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Meta {
    /// The host's name.
    pub host: String,
    /// The roots as they were spelled, absolute, in tree order.
    pub roots: Vec<Vec<u8>>,
    /// The exclude patterns in order.
    pub patterns: Vec<String>,
    /// Directories with a `CACHEDIR.TAG` were left out.
    pub exclude_caches: bool,
    /// Directories that hold one of these names were left out.
    pub exclude_if_present: Vec<String>,
    /// Other file systems were left out.
    pub one_file_system: bool,
    /// Our own files inside the roots, which were left out: absolute paths. Behind a directory, of which everything
    /// was left out, stands a slash.
    pub own_files: Vec<Vec<u8>>,
    /// The snapshot from which was taken over what could not be read: its header's digest, and when the
    /// oldest of what it holds was seen (seconds and nanoseconds).
    pub(crate) base: Option<(Digest, (i64, u32))>,
    /// The file systems that the scan met.
    pub devices: Vec<Device>,
    /// Where each begins, ordered by row.
    pub(crate) mounts: Vec<Mount>,
    /// What was mounted below the roots when the scan began, files and what lies on the same file system too.
    pub(crate) mount_points: Vec<Vec<u8>>,
    /// The clock of watchman at the scan: what its next answer has to be complete since.
    pub watchman_clock: Option<String>,
    /// The directory up to which narrowed scans have checked the tree against lost hints: the next one goes on
    /// behind it.
    pub(crate) audited: Option<Vec<u8>>,
    /// Where this snapshot holds only what differs from another one: that one, and which rows are whose.
    pub(crate) overlay: Option<OverlayMeta>,
}

impl Meta {
    /// Whether an entry was left out as our own, or lies in a directory that was.
    pub(crate) fn is_own(&self, path: &[u8]) -> bool {
        self.own_files.iter().any(|own| match own.strip_suffix(b"/") {
            Some(dir) => is_within(path, dir),
            None => own == path,
        })
    }
}

/// A file system that a scan met.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub struct Device {
    /// The type, as mount(8) names it; empty where the system does not tell.
    pub kind: String,
    /// What it is known by over remounts and reboots; empty where the system does not tell.
    pub identity: String,
    /// The boundary by its own clock: seconds and nanoseconds.
    pub(crate) boundary: (i64, u32),
}

/// A directory whose file system is not that of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub(crate) struct Mount {
    /// The row of the directory.
    pub(crate) row: u32,
    /// Its device's place in the table.
    pub(crate) device: u32,
}

/// Compares what two scans were asked (promise 7).
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
