//! What both measures share: names in one arena, pieces of a huge directory, what is counted, the first error.

use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use crate::calls;

/// The files of a directory beyond this many are stat'ed by whichever threads are free, as the walker does it.
pub(crate) const SPLIT: usize = 2048;

/// Files per piece of a split directory.
pub(crate) const PIECE: usize = 256;

/// How many threads can run at a time.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// What a run came to.
pub(crate) struct Measured {
    pub(crate) entries: u64,
    pub(crate) time: Duration,
}

/// Names one after the other, each with its NUL.
#[derive(Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    pub(crate) count: usize,
}

impl Names {
    pub(crate) fn push(&mut self, name: &CStr) {
        self.bytes.extend_from_slice(name.to_bytes_with_nul());
        self.count += 1;
    }

    /// The same names, so many at a time.
    pub(crate) fn pieces(&self, size: usize) -> Vec<Self> {
        let mut pieces: Vec<Self> = Vec::with_capacity(self.count.div_ceil(size));
        for (place, name) in self.iter().enumerate() {
            if place % size == 0 {
                pieces.push(Self::default());
            }
            pieces.last_mut().into_iter().for_each(|piece| piece.push(name));
        }
        pieces
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.bytes.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok())
    }
}

/// The state of a run that its threads share.
#[derive(Default)]
pub(crate) struct Run {
    entries: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Run {
    /// Counts entries; once per directory or piece, so that the threads do not fight for it.
    pub(crate) fn count(&self, entries: usize) {
        self.entries.fetch_add(entries as u64, Ordering::Relaxed);
    }

    /// Keeps the first error: a floor of a tree that could not be read is none.
    pub(crate) fn check(&self, name: &CStr, done: io::Result<()>) {
        if let Err(error) = done {
            let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| format!("cannot read {}: {error}", name.to_string_lossy()));
        }
    }

    /// Stats these entries of an open directory.
    pub(crate) fn stat_names(&self, dir: &OwnedFd, names: &Names) {
        for name in names.iter() {
            self.check(name, calls::stat_child(dir, name));
        }
        self.count(names.count);
    }

    pub(crate) fn finish(self, time: Duration) -> Result<Measured, String> {
        match self.error.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(Measured { entries: self.entries.into_inner(), time }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir, write};

    use super::*;
    use crate::{full, known};

    #[test]
    fn names_come_back_in_pieces_and_in_order() {
        let mut names = Names::default();
        for name in [c"a", c"bb", c"c", c"dd", c"e"] {
            names.push(name);
        }
        let pieces = names.pieces(2);
        let lists: Vec<Vec<_>> = pieces.iter().map(|piece| piece.iter().collect()).collect();
        assert_eq!(lists, [vec![c"a", c"bb"], vec![c"c", c"dd"], vec![c"e"]]);
    }

    #[test]
    fn both_measures_count_every_entry_of_small_and_split_directories() {
        let tree = tempfile::tempdir().expect("a directory");
        let below = tree.path().join("below");
        create_dir(&below).expect("writable");
        for number in 0..SPLIT + PIECE + 7 {
            write(below.join(number.to_string()), "").expect("writable");
        }
        write(tree.path().join("file"), "").expect("writable");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads");
        let wanted = (3 + SPLIT + PIECE + 7) as u64;
        for measure in [full::measure, known::measure] {
            let root = calls::open_root(tree.path()).expect("it is there");
            assert_eq!(measure(&pool, root).expect("readable").entries, wanted);
        }
    }
}
