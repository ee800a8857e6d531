//! How many threads walk. As many as there are processors are enough while every call is answered from memory; more
//! would only get into each other's way. Calls that wait for a disk or a server keep no processor busy, and more of them
//! at a time are answered sooner. So the pool has more threads than processors, most of which wait at a gate at first; it
//! is opened further while the processors are idle. Threads that were let in stay: on a walk from memory sixteen are
//! hardly slower than two, so that it is not worth telling idle processors from those that other programs use.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rayon::Scope;

use super::calls::Over;
use super::node::lock;
use crate::sys::load;

/// More were no faster on any disk that was tried.
const MOST_LOCAL: usize = 16;

/// A server answers many at a time.
const MOST_REMOTE: usize = 32;

/// A rotating disk has one arm.
const MOST_ROTATING: usize = 4;

/// So often the controller looks.
const LOOK: Duration = Duration::from_millis(8);

/// The processors are idle if less than this part of them is used.
const IDLE: f64 = 0.8;

/// How many threads work at first, and how many may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Threads {
    pub(super) first: usize,
    pub(super) most: usize,
}

impl Threads {
    /// As many as were asked for, or what the roots' file systems are worth.
    pub(super) fn new(asked: Option<usize>, any_remote: bool, any_rotating: bool) -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        match asked {
            Some(number) => Self { first: number.max(1), most: number.max(1) },
            None if any_rotating => Self { first: cores.min(MOST_ROTATING), most: cores.min(MOST_ROTATING) },
            None if any_remote => Self { first: cores.max(MOST_LOCAL), most: cores.max(MOST_REMOTE) },
            None => Self { first: cores, most: cores.max(MOST_LOCAL) },
        }
    }
}

impl Threads {
    /// How many threads may work, where so many did for so long and used so much of the processors' time.
    fn after(self, limit: usize, elapsed: Duration, used: Duration) -> usize {
        let cores = u32::try_from(self.first).unwrap_or(u32::MAX);
        let is_idle = used < elapsed.saturating_mul(cores).mul_f64(IDLE);
        if is_idle { (limit * 2).min(self.most) } else { limit }
    }
}

thread_local! {
    /// This thread waits for others within a task: it must not be kept at the gate.
    static IS_WAITING: Cell<bool> = const { Cell::new(false) };
}

/// Does work in which this thread may take up other tasks while it waits for parts of this one.
pub(super) fn in_parallel<T>(work: impl FnOnce() -> T) -> T {
    let before = IS_WAITING.replace(true);
    let result = work();
    IS_WAITING.set(before);
    result
}

/// Where the threads wait that are too many.
#[derive(Debug)]
pub(super) struct Gate {
    /// Threads with a lower number may work.
    limit: AtomicUsize,
    lock: Mutex<()>,
    opened: Condvar,
}

impl Gate {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), lock: Mutex::default(), opened: Condvar::new() }
    }

    /// Waits until this thread may work.
    fn wait(&self, thread: usize) {
        let mut guard = lock(&self.lock);
        while thread >= self.limit.load(Ordering::Relaxed) {
            guard = self.opened.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends the threads to the gate that are too many from the beginning.
    pub(super) fn gather<'s>(&'s self, scope: &Scope<'s>) {
        scope.spawn_broadcast(|_, context| {
            // One that is within a task already must not leave it for so long.
            if !IS_WAITING.get() {
                self.wait(context.index());
            }
        });
    }

    fn set(&self, limit: usize) {
        let _guard = lock(&self.lock);
        // Once it is open it stays open.
        if self.limit.load(Ordering::Relaxed) != usize::MAX {
            self.limit.store(limit, Ordering::Relaxed);
            self.opened.notify_all();
        }
    }

    /// Lets all threads go: the walk is over.
    pub(super) fn open(&self) {
        self.set(usize::MAX);
    }

    /// Opens the gate as far as it is worth it, until the walk is over.
    pub(super) fn control(&self, threads: Threads, over: &Over) {
        let mut limit = threads.first;
        let Some(mut used) = load::processor_time() else { return };
        let mut then = Instant::now();
        while limit < threads.most && !over.wait(LOOK) {
            let Some(now_used) = load::processor_time() else { return };
            let elapsed = then.elapsed();
            then += elapsed;
            limit = threads.after(limit, elapsed, now_used.saturating_sub(used));
            used = now_used;
            self.set(limit);
        }
    }
}

/// Opens the gate when it is dropped by a panic: who waits there would keep the walk from ending.
pub(super) struct OnPanic<'a>(pub(super) &'a Gate);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.open();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_processors_bring_threads() {
        let threads = Threads { first: 2, most: 16 };
        let after = |limit, used| threads.after(limit, Duration::from_millis(10), Duration::from_millis(used));
        assert_eq!([2, 4, 8, 16].map(|limit| after(limit, 15)), [4, 8, 16, 16]);
        assert_eq!([2, 4, 8, 16].map(|limit| after(limit, 17)), [2, 4, 8, 16], "more than 80 % of two processors");
    }

    #[test]
    fn as_many_as_asked_for_and_few_for_a_disk_that_rotates() {
        assert_eq!(Threads::new(Some(5), true, true), Threads { first: 5, most: 5 });
        assert!(Threads::new(None, true, true).most <= MOST_ROTATING);
        let local = Threads::new(None, false, false);
        assert!(local.first <= local.most && local.most >= MOST_LOCAL);
        assert!(Threads::new(None, true, false).first >= MOST_LOCAL);
    }

    #[test]
    fn whoever_waits_at_the_gate_goes_when_it_opens() {
        let gate = Gate::new(2);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(8).build().expect("threads");
        let tasks = AtomicUsize::new(0);
        pool.scope(|scope| {
            gate.gather(scope);
            for _ in 0..1000 {
                let (gate, tasks) = (&gate, &tasks);
                scope.spawn(move |_| {
                    if tasks.fetch_add(1, Ordering::Relaxed) == 999 {
                        gate.open();
                    }
                });
            }
        });
        assert_eq!(tasks.into_inner(), 1000);
    }
}
