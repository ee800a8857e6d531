//! What to scan and how.

use std::path::PathBuf;
use std::time::Duration;

use super::scope::{ScanRoots, prepare_roots};
use crate::filter::FilterOptions;
use crate::metadata::Time;
use crate::monitor::NoMonitor;
use crate::snapshot::WalkerKind;
use crate::{Error, Result, Unsupported, sys};

/// More threads than these would only wait for each other.
const MOST_THREADS: usize = 1024;

/// What to scan and how. `ScanOptions::new(["/home/me"])` and the defaults are right for most.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ScanOptions {
    /// The directories to scan. Relative ones are made absolute; a symlink is followed.
    pub roots: Vec<PathBuf>,
    /// What to leave out.
    pub filter: FilterOptions,
    /// The roots lie on snapshots of their file systems, a new one for each scan, in which nothing changes. What
    /// changed shortly before a snapshot was made is then racy, however long ago that is. btrfs tells when that was;
    /// elsewhere the newest change in the tree stands for it.
    pub snapshot_roots: bool,
    /// Which walker reads the directories.
    pub walker: WalkerKind,
    /// How many threads read, at most 1024. If none: one per processor while calls are answered at once, and more
    /// while they wait for a disk or a server.
    pub threads: Option<usize>,
    /// How young a stamp must be for an entry to be racy. If none: as long as the kernel takes to begin writing back
    /// what a program stored into a mapped file.
    pub racy_window: Option<Duration>,
    /// Write back what is in memory before the walk, so that a short window is enough.
    pub settle: bool,
    /// How long the system may take for one answer. After that the directory is given up as unknown. If none, the scan
    /// waits for ever. Only the native walker can do that. A thread that waits is left behind until its call returns,
    /// which may keep the process from ending. Calls through such threads cost some processor time.
    pub io_timeout: Option<Duration>,
    /// Where something changed since the base began; if none, the scan looks everywhere. Needs a base and the native
    /// walker.
    pub hints: Option<Hints>,
    /// Whether the inode tables of the file systems may say where something changed. Needs a base and the native
    /// walker; hints that can be used come first.
    pub source: SourceChoice,
    /// File systems, by [`PartUse::file_system`](crate::PartUse), whose inode tables were wrong once.
    pub distrusted: Vec<String>,
    /// The percentage of the tree that is read although no hint names it and no inode table calls it changed, to find
    /// what is missing there. Each scan reads another part. If none: 5 with hints, 0.5 with inode tables.
    pub audit: Option<f64>,
    /// Write only what differs from the base, if that is little. The snapshot then needs the base's file.
    pub overlay: bool,
    /// Directories of the caller's own state, absolute and without symlinks. They are left out with all that they
    /// hold.
    pub own_dirs: Vec<PathBuf>,
    /// The time before the walk; if none, that of the system's clock. A fixed one gives the same bytes for the same
    /// tree.
    pub boundary: Option<Time>,
}

impl ScanOptions {
    /// The defaults, for these roots.
    pub fn new(roots: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            roots: roots.into_iter().map(Into::into).collect(),
            filter: FilterOptions::default(),
            snapshot_roots: false,
            walker: if sys::HAS_NATIVE_WALKER { WalkerKind::Native } else { WalkerKind::Portable },
            threads: None,
            racy_window: None,
            settle: false,
            io_timeout: None,
            hints: None,
            source: SourceChoice::Auto,
            distrusted: Vec::new(),
            audit: None,
            overlay: false,
            own_dirs: Vec::new(),
            boundary: None,
        }
    }

    /// Checks that the patterns can be understood and that the roots can be walked together, without a walk.
    ///
    /// # Errors
    /// [`Error::Pattern`] and [`Error::Root`], as [`scan`](super::scan) gives them.
    pub fn check(&self) -> Result<()> {
        let roots = ScanRoots::new(prepare_roots(self, &NoMonitor)?, self, &NoMonitor);
        self.filter.check(&roots.all_paths())
    }

    /// The walker that will read, if it can do what is asked.
    pub(super) fn checked_walker(&self) -> Result<WalkerKind> {
        let walker = if sys::HAS_NATIVE_WALKER { self.walker } else { WalkerKind::Portable };
        if self.io_timeout.is_some() && walker == WalkerKind::Portable {
            return Err(Error::Unsupported(Unsupported::TimeoutOfPortable));
        }
        if self.audit.is_some_and(|share| !share.is_finite()) {
            return Err(Error::Unsupported(Unsupported::AuditShare));
        }
        Ok(walker)
    }

    pub(super) fn walk_threads(&self) -> Option<usize> {
        self.threads.map(|threads| threads.clamp(1, MOST_THREADS))
    }
}

/// What may say where something changed, besides hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SourceChoice {
    /// The inode tables, on each file system where that is safe and probably faster. On ext4 this needs a device that
    /// can be opened for reading, on btrfs and xfs root. The rest is walked.
    #[default]
    Auto,
    /// Nothing: the scan looks everywhere.
    Walk,
    /// The inode tables of the file systems of all roots. If those cannot be used, the scan fails with
    /// [`Error::Source`]; without a base it looks everywhere.
    Inodes,
}

/// Hints as they come from a watcher; docs/hints.md describes the forms.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Hints {
    /// Where they come from, for messages.
    pub name: PathBuf,
    /// The hints.
    pub bytes: Vec<u8>,
    /// Use them although they do not prove since when they are complete.
    pub trust: bool,
}

impl Hints {
    /// Hints that have to say themselves what they are complete since.
    pub fn new(name: impl Into<PathBuf>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes, trust: false }
    }
}
