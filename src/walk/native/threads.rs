//! How many threads walk.
//!
//! While every call is answered from memory, one thread per processor is enough; more would get into each other's
//! way. Calls that wait for a disk or a server keep no processor busy, and many at a time are answered sooner. So
//! there is an extra pool: it starts when the processors are idle, and takes over everything that is still to be
//! read.
//!
//! It stays until the end. From memory sixteen threads are hardly slower than two, so it need not be found out why the
//! processors are busy again. A short walk is over before the extra pool starts.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SendError, Sender};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use rayon::{Scope, ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::sys::load;

/// More were no faster on any disk that was tried.
const MOST_LOCAL: usize = 16;

/// A server answers many at a time.
const MOST_REMOTE: usize = 32;

/// A rotating disk has one arm.
const MOST_ROTATING: usize = 4;

/// How often to look whether the processors are idle.
const LOOK: Duration = Duration::from_millis(8);

/// The extra pool starts if they were idle this many times in a row.
const LOOKS: u32 = 2;

/// The processors are idle if less than this part of them is used.
const IDLE: f64 = 0.8;

/// How many threads the first pool has, and how many the extra.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Threads {
    pub(super) first: usize,
    pub(super) most: usize,
}

impl Threads {
    /// As many as were asked for, or as suit the roots' file systems.
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
    /// Whether the processors are idle if so much of their time was used in so long.
    fn are_idle(self, elapsed: Duration, used: Duration) -> bool {
        let cores = u32::try_from(self.first).unwrap_or(u32::MAX);
        used < elapsed.saturating_mul(cores).mul_f64(IDLE)
    }
}

thread_local! {
    /// The number of the first thread of this thread's pool.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

/// The number of this thread among those of both pools.
pub(super) fn thread() -> usize {
    POOL.get() + rayon::current_thread_index().unwrap_or(0)
}

fn pool(number: usize, first: usize) -> Result<ThreadPool, ThreadPoolBuildError> {
    let pool = ThreadPoolBuilder::new().num_threads(number).thread_name(move |i| format!("walk-{}", first + i));
    pool.start_handler(move |_| POOL.set(first)).build()
}

impl Threads {
    /// How many numbers [`thread`] gives.
    pub(super) fn numbers(self) -> usize {
        self.first + self.most
    }

    /// The first pool.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub(super) fn first_pool(self) -> Result<ThreadPool, ThreadPoolBuildError> {
        pool(self.first, 0)
    }

    /// Waits until the processors are idle; false if the first pool is done before that.
    fn wait_until_idle<T>(self, tasks: &Receiver<Option<T>>) -> bool {
        let Some(mut used) = load::processor_time() else { return false };
        let (mut then, mut idle) = (Instant::now(), 0);
        while idle < LOOKS {
            match tasks.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return false,
            }
            let Some(now_used) = load::processor_time() else { return false };
            let elapsed = then.elapsed();
            then += elapsed;
            idle = if self.are_idle(elapsed, now_used.saturating_sub(used)) { idle + 1 } else { 0 };
            used = now_used;
        }
        true
    }
}

/// The extra pool, which takes over tasks of the first.
#[derive(Debug)]
pub(super) struct ExtraPool<T> {
    pool: OnceLock<ThreadPool>,
    tasks: Sender<Option<T>>,
}

impl<T: Send> ExtraPool<T> {
    /// It has not started; what will be handed to it comes out of the receiver.
    pub(super) fn new() -> (Self, Receiver<Option<T>>) {
        let (tasks, handed) = mpsc::channel();
        (Self { pool: OnceLock::new(), tasks }, handed)
    }

    /// Hands a task of the first pool over.
    ///
    /// # Errors
    /// The task, if the extra pool has not started or is itself calling.
    #[inline]
    pub(super) fn take(&self, task: T) -> Result<(), T> {
        if self.pool.get().is_none() || POOL.get() > 0 {
            return Err(task);
        }
        match self.tasks.send(Some(task)) {
            Err(SendError(Some(task))) => Err(task),
            _ => Ok(()),
        }
    }

    /// Does work that is divided among all threads of the pool that reads now.
    pub(super) fn divide<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self.pool.get() {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Starts if the processors are idle, and does what is handed to it until the first pool is done.
    pub(super) fn run_if_idle<'s>(
        &'s self,
        threads: Threads,
        handed: &Receiver<Option<T>>,
        run: impl Fn(&Scope<'s>, T) + Copy + Send + 's,
    ) where
        T: 's,
    {
        if threads.most <= threads.first || !threads.wait_until_idle(handed) {
            return;
        }
        // If these threads cannot be started, the first pool goes on alone.
        let Ok(pool) = pool(threads.most, threads.first) else { return };
        self.pool.get_or_init(|| pool).in_place_scope(|scope| {
            while let Ok(Some(task)) = handed.recv() {
                scope.spawn(move |scope| run(scope, task));
            }
        });
    }
}

/// Tells the extra pool when it is dropped, also by a panic, that nothing more will be handed to it.
pub(super) struct FirstPoolDone<'a, T>(pub(super) &'a ExtraPool<T>);

impl<T> Drop for FirstPoolDone<'_, T> {
    fn drop(&mut self) {
        // The extra pool may have ended by itself.
        let _ = self.0.tasks.send(None);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_processor_that_is_used_for_less_than_four_fifths_is_idle() {
        let threads = Threads { first: 2, most: 16 };
        let are_idle = |used| threads.are_idle(Duration::from_millis(10), Duration::from_millis(used));
        assert!(are_idle(15));
        assert!(!are_idle(17), "more than 80 % of two processors");
    }

    #[test]
    fn as_many_as_asked_for_and_few_for_a_disk_that_rotates() {
        assert_eq!(Threads::new(Some(5), true, true), Threads { first: 5, most: 5 });
        assert!(Threads::new(None, true, true).most <= MOST_ROTATING);
        let local = Threads::new(None, false, false);
        assert!(local.first <= local.most && local.most >= MOST_LOCAL);
        assert!(Threads::new(None, true, false).first >= MOST_LOCAL);
    }

    /// A task of a pool: waits as for a disk, and then there are two more until enough are done.
    fn task<'s>(extra: &'s ExtraPool<u32>, scope: &Scope<'s>, seen: &'s Seen, depth: u32) {
        std::thread::sleep(Duration::from_millis(1));
        seen.tasks.fetch_add(1, Ordering::Relaxed);
        seen.by_extra.fetch_or(thread() >= 2, Ordering::Relaxed);
        for depth in (0..depth).rev().take(2) {
            if let Err(depth) = extra.take(depth) {
                scope.spawn(move |scope| task(extra, scope, seen, depth));
            }
        }
    }

    #[derive(Default)]
    struct Seen {
        tasks: AtomicUsize,
        by_extra: AtomicBool,
    }

    #[test]
    fn the_extra_pool_takes_over_what_the_first_has_not_begun() {
        let threads = Threads { first: 2, most: 8 };
        let (extra, handed) = ExtraPool::new();
        let seen = Seen::default();
        std::thread::scope(|own| {
            let (extra, seen) = (&extra, &seen);
            let run = move || extra.run_if_idle(threads, &handed, |scope, depth| task(extra, scope, seen, depth));
            own.spawn(run);
            let _done = FirstPoolDone(extra);
            threads.first_pool().expect("threads").scope(|scope| task(extra, scope, seen, 14));
        });
        // Each task of depth n has those of depth n-1 and n-2 below it.
        let tasks = (0..14).fold((1, 2), |(a, b), _| (b, a + b + 1)).0;
        assert_eq!(seen.tasks.into_inner(), tasks);
        assert!(seen.by_extra.into_inner() || load::processor_time().is_none());
    }

    #[test]
    fn if_nothing_waits_there_is_one_pool() {
        let threads = Threads { first: 3, most: 3 };
        let (extra, handed) = ExtraPool::<()>::new();
        extra.run_if_idle(threads, &handed, |_, ()| unreachable!("nothing was handed over"));
        assert!(extra.take(()).is_err());
        assert_eq!(extra.divide(|| 5), 5);
    }
}
