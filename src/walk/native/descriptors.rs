//! How many directories a walk holds open. A directory stays open while it is read and until its child directories are
//! opened. If that is more than the budget, directories are closed early, and opened again when a child needs them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::state::lock;
use crate::sys::native::{self, Dir};

/// Descriptors that are left to others: the output, the base, the pool's own.
const SPARE: u64 = 64;

/// How many directories may be open at a time.
#[derive(Debug)]
pub(super) struct DirBudget {
    /// One reference of the budget's own, and one for each open directory.
    taken: Arc<()>,
    limit: usize,
}

impl DirBudget {
    /// The budget that this process' limit on open files leaves; each thread gets one directory in any case.
    pub(super) fn new(threads: usize) -> Self {
        Self::with_limit(native::open_file_limit(), threads)
    }

    fn with_limit(files: u64, threads: usize) -> Self {
        let limit = files.saturating_sub(SPARE) * 3 / 4;
        Self { taken: Arc::new(()), limit: usize::try_from(limit).unwrap_or(usize::MAX).max(threads) }
    }

    /// A place for one more directory, also past the limit.
    pub(super) fn take(&self) -> DirSlot {
        DirSlot { _taken: Arc::clone(&self.taken) }
    }

    /// Whether more directories are open than should be.
    pub(super) fn is_exceeded(&self) -> bool {
        Arc::strong_count(&self.taken) - 1 > self.limit
    }
}

/// The place of one open directory. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct DirSlot {
    _taken: Arc<()>,
}

/// The descriptor of a directory, shared by its reader and by each child directory that is not opened yet. The last of
/// them closes it.
#[derive(Debug)]
pub(super) struct SharedDir<T = Dir> {
    open: Mutex<Option<(Arc<T>, DirSlot)>>,
    users: AtomicUsize,
}

impl<T> SharedDir<T> {
    /// With one user, the reader.
    pub(super) fn new(dir: Arc<T>, slot: DirSlot) -> Self {
        Self { open: Mutex::new(Some((dir, slot))), users: AtomicUsize::new(1) }
    }

    /// The descriptor, unless it was closed early.
    pub(super) fn get(&self) -> Option<Arc<T>> {
        lock(&self.open).as_ref().map(|(dir, _)| Arc::clone(dir))
    }

    /// This number of further child directories needs it.
    pub(super) fn add_users(&self, number: usize) {
        self.users.fetch_add(number, Ordering::AcqRel);
    }

    /// One user needs it no more.
    pub(super) fn release(&self) {
        if self.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// Closes it, although somebody may need it again.
    pub(super) fn close(&self) {
        lock(&self.open).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(budget: &DirBudget) -> SharedDir<()> {
        SharedDir::new(Arc::new(()), budget.take())
    }

    #[test]
    fn the_last_user_closes_the_directory_and_gives_its_place_back() {
        let budget = DirBudget::with_limit(0, 1);
        let (first, second) = (open(&budget), open(&budget));
        assert!(budget.is_exceeded());
        second.add_users(2);
        second.release();
        second.release();
        assert!(budget.is_exceeded() && second.get().is_some());
        second.release();
        assert!(!budget.is_exceeded() && second.get().is_none());
        assert!(first.get().is_some());
    }

    #[test]
    fn a_place_comes_back_when_a_directory_is_closed_early_dropped_or_lost_in_a_panic() {
        let budget = DirBudget::with_limit(SPARE + 4, 1);
        let held: Vec<_> = (0..4).map(|_| open(&budget)).collect();
        assert!(budget.is_exceeded(), "three quarters of four");
        held[0].close();
        assert!(!budget.is_exceeded());
        // Its last user comes later.
        held[0].release();
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = open(&budget);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panic.is_err() && !budget.is_exceeded());
        drop(held);
        assert_eq!(Arc::strong_count(&budget.taken), 1);
    }
}
