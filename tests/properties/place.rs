//! A temporary directory with a tree and the snapshots of it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastdiff::{
    Change, Diff, DiffOptions, Entry, FilterOptions, NoMonitor, ScanOptions, Snapshot, Time, WalkerKind, scan,
};
use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use super::edits::{Edit, Tree};

/// When a scan takes place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Boundary {
    /// So late that no stamp is young: the scan has no suspects. Changes after it may have the same stamps as before,
    /// because the clock that stamps files moves in ticks.
    Late,
    /// By the rule, with a window of zero, after the tick of the last edit: no suspects, and changes after the scan
    /// have later stamps.
    Settled,
    /// Now, with the default window. The whole tree was made within it, so everything is suspect.
    Now,
    /// As given.
    At(Time, Duration),
}

/// A tree, and a place for its snapshots outside of it.
pub(crate) struct Place {
    dir: TempDir,
    number: Cell<u32>,
    pub(crate) tree: Tree,
}

impl Place {
    /// A tree made by these edits.
    pub(crate) fn new(edits: &[Edit]) -> Self {
        let dir = TempDir::with_prefix("fastdiff-test-").expect("a temporary directory");
        let root = dir.path().join("tree");
        std::fs::create_dir(&root).expect("an empty directory");
        let mut tree = Tree::new(root);
        tree.edit(edits);
        Self { dir, number: Cell::new(0), tree }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.tree.root
    }

    /// A path beside the tree.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Options for a scan of the tree.
    pub(crate) fn options(&self, boundary: Boundary) -> ScanOptions {
        let mut options = ScanOptions::new([self.root()]);
        options.threads = Some(2);
        match boundary {
            Boundary::Late => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
                options.boundary = Some(Time::new(i64::try_from(now).expect("in range") + 3600, 0));
                options.racy_window = Some(Duration::ZERO);
            }
            Boundary::Settled => {
                settle();
                options.racy_window = Some(Duration::ZERO);
            }
            Boundary::Now => {}
            Boundary::At(time, window) => {
                options.boundary = Some(time);
                options.racy_window = Some(window);
            }
        }
        options
    }

    /// Takes a snapshot.
    pub(crate) fn snap(&self, boundary: Boundary) -> Snapshot {
        self.snap_with(&self.options(boundary))
    }

    /// A filter that leaves out directories with a marker, or nothing.
    pub(crate) fn marked(is_marked: bool) -> FilterOptions {
        let mut filter = FilterOptions::default();
        filter.exclude_if_present = if is_marked { vec!["b".to_owned(), ".a".to_owned()] } else { Vec::new() };
        filter
    }

    /// Takes a snapshot with a walker and a filter.
    pub(crate) fn snap_by(&self, boundary: Boundary, walker: WalkerKind, filter: &FilterOptions) -> Snapshot {
        let mut options = self.options(boundary);
        options.walker = walker;
        options.filter = filter.clone();
        self.snap_with(&options)
    }

    /// Takes a snapshot that must be complete.
    pub(crate) fn snap_with(&self, options: &ScanOptions) -> Snapshot {
        let number = self.number.get() + 1;
        self.number.set(number);
        let output = self.beside(&format!("{number}.snap"));
        let outcome = scan(options, None, &output, &NoMonitor).expect("a scan of a readable tree");
        assert!(outcome.is_complete(), "nothing here is unreadable");
        Snapshot::open(&output).expect("what was just written")
    }
}

/// Waits until nothing that was done so far is racy with a window of zero.
pub(crate) fn settle() {
    let now = clock_gettime(ClockId::Realtime);
    while clock_gettime(ClockId::RealtimeCoarse) <= now {
        std::thread::yield_now();
    }
}

/// All entries of a snapshot.
pub(crate) fn entries(snapshot: &Snapshot) -> Vec<Entry> {
    snapshot.entries().collect::<Result<_, _>>().expect("an undamaged snapshot")
}

/// All changes from `old` to `new`.
pub(crate) fn changes(old: &Snapshot, new: &Snapshot, renames: bool) -> Vec<Change> {
    let diff = Diff::new(old, new, &options(renames)).expect("two undamaged snapshots of one tree");
    let changes: Vec<_> = diff.changes().collect::<Result<_, _>>().expect("undamaged snapshots");
    let removed = changes.iter().filter(|c| c.kind == fastdiff::ChangeKind::Removed).count();
    assert_eq!((diff.removed(), diff.unknown()), (removed as u64, 0), "the counts of the diff");
    changes
}

/// Random edits may well empty the root.
pub(crate) fn options(renames: bool) -> DiffOptions {
    let mut options = DiffOptions::default();
    (options.renames, options.allow_root_change) = (renames, true);
    options
}
