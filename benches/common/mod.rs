//! A tree of 20,000 files in 1,000 directories, made anew for each run, and snapshots of it.

#![allow(dead_code, clippy::allow_attributes, reason = "each benchmark uses a part of this")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to say")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastdiff::{NoMonitor, ScanOptions, Snapshot, Time, WalkerKind, scan};
use tempfile::TempDir;

pub(crate) const FILES: usize = 20_000;
const PER_DIRECTORY: usize = 20;

pub(crate) struct Tree {
    pub(crate) dir: TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..FILES {
            let parent = dir.path().join(format!("tree/{}/{}", number / 1000, number / PER_DIRECTORY));
            if number % PER_DIRECTORY == 0 {
                fs::create_dir_all(&parent).unwrap();
            }
            fs::write(parent.join(format!("document-{number}.txt")), format!("{number}")).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("tree")
    }

    pub(crate) fn options(&self, walker: WalkerKind) -> ScanOptions {
        let mut options = ScanOptions::new([self.root()]);
        options.walker = walker;
        // A boundary far ahead: nothing is racy, however young the tree is.
        options.boundary = Some(Time::new(1 << 40, 0));
        options.racy_window = Some(Duration::ZERO);
        options
    }

    pub(crate) fn snap(&self, name: &str) -> Snapshot {
        let path = self.dir.path().join(name);
        scan(&self.options(WalkerKind::Native), None, &path, &NoMonitor).unwrap();
        Snapshot::open(path).unwrap()
    }

    /// Appends to every `step`th file.
    pub(crate) fn edit(&self, step: usize) {
        for number in (0..FILES).step_by(step) {
            let parent = self.root().join(format!("{}/{}", number / 1000, number / PER_DIRECTORY));
            append(&parent.join(format!("document-{number}.txt")));
        }
    }
}

fn append(path: &Path) {
    use std::io::Write as _;
    fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
}
