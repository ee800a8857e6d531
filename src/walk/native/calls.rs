//! Makes the system calls of the walk.
//!
//! A server that went away, or a disk that keeps trying, may let a call hang, and a thread cannot be taken out of it.
//! So each thread records which call it is in, and a watcher reports calls that last. With a timeout, helper threads
//! make the calls, and can be left behind.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::super::name;
use super::open_dir::OpenDir;
use super::progress::CallProgress;
use super::state::lock;
use super::threads::thread;
use crate::monitor::Monitor;
use crate::path::to_path;
use crate::sys::timeout::{CallTimer, timeout_error};

/// How often the watcher looks.
const LOOK: Duration = Duration::from_secs(1);

/// A file system that left this many calls in a row without an answer is given up as a whole. Otherwise a dead server
/// with a thousand directories would cost a thousand timeouts.
const DEAD_AFTER: u32 = 4;

/// No more threads than this are left behind.
const MOST_LEFT_BEHIND: u32 = 512;

/// The call that a thread is in.
#[derive(Debug)]
struct CurrentCall<D> {
    dir: Arc<OpenDir<D>>,
    names: Arc<Vec<u8>>,
    progress: Arc<CallProgress>,
}

impl<D> CurrentCall<D> {
    fn path(&self) -> PathBuf {
        let path = match self.progress.current() {
            Some(place) => self.dir.path_of(name(&self.names, place)),
            None => self.dir.path(),
        };
        to_path(&path).into_owned()
    }
}

#[derive(Debug)]
struct CallSlot<D> {
    current: Mutex<Option<CurrentCall<D>>>,
    /// Used if the walk's own threads make the calls.
    progress: Arc<CallProgress>,
}

/// The calls of all threads of a walk.
#[derive(Debug)]
pub(super) struct WalkCalls<D> {
    timeout: Option<Duration>,
    slots: Box<[CallSlot<D>]>,
    /// Whether any call ever went without an answer.
    any_hung: AtomicBool,
    hung: Mutex<HungCalls>,
}

/// Calls without an answer.
#[derive(Debug, Default)]
struct HungCalls {
    in_a_row: FxHashMap<u64, u32>,
    in_all: u32,
}

type HelperCall = Box<dyn FnOnce() + Send>;

thread_local! {
    /// Makes the calls of this thread, and may be left behind.
    static HELPER: RefCell<Option<Sender<HelperCall>>> = const { RefCell::new(None) };
}

/// Hands a job to this thread's helper.
fn hand_over(job: HelperCall) -> io::Result<()> {
    HELPER.with_borrow_mut(|helper| {
        let jobs = if let Some(jobs) = helper {
            jobs
        } else {
            let (sender, jobs) = mpsc::channel::<HelperCall>();
            // It ends when the thread of the walk ends or leaves it behind.
            std::thread::Builder::new().name("walk-call".into()).spawn(move || jobs.iter().for_each(|job| job()))?;
            helper.insert(sender)
        };
        jobs.send(job).map_err(|_| io::Error::other("a thread of the walk ended"))
    })
}

impl<D: Send + 'static> WalkCalls<D> {
    pub(super) fn new(threads: usize, timeout: Option<Duration>) -> Self {
        let slot = |_| CallSlot { current: Mutex::new(None), progress: Arc::default() };
        Self {
            timeout,
            slots: (0..threads).map(slot).collect(),
            any_hung: AtomicBool::new(false),
            hung: Mutex::default(),
        }
    }

    /// Makes calls about a directory or its `names`; the work records which of them.
    ///
    /// # Errors
    /// That of the work; `TimedOut` if one call did not return in time, or if the file system is given up.
    pub(super) fn make<T: Send + 'static>(
        &self,
        dir: &Arc<OpenDir<D>>,
        names: &Arc<Vec<u8>>,
        work: impl FnOnce(&CallProgress) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let slot = &self.slots[thread() % self.slots.len()];
        let progress = if self.timeout.is_some() { Arc::default() } else { Arc::clone(&slot.progress) };
        progress.about_directory();
        let current = CurrentCall { dir: Arc::clone(dir), names: Arc::clone(names), progress: Arc::clone(&progress) };
        *lock(&slot.current) = Some(current);
        let result = match self.timeout {
            None => work(&progress),
            Some(timeout) => self.wait_for(timeout, dir.opened.stat_at.dev, slot, &progress, work),
        };
        *lock(&slot.current) = None;
        result
    }

    fn wait_for<T: Send + 'static>(
        &self,
        timeout: Duration,
        device: u64,
        slot: &CallSlot<D>,
        progress: &Arc<CallProgress>,
        work: impl FnOnce(&CallProgress) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if self.is_given_up(device) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "its file system does not answer"));
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let own = Arc::clone(progress);
        hand_over(Box::new(move || {
            // The caller may have given up by now.
            let _ = answer.send(work(&own));
        }))?;
        let mut seen = progress.calls();
        let mut since = Instant::now();
        loop {
            match answered.recv_timeout(timeout / 4) {
                Ok(result) => {
                    self.answered(device);
                    return result;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("a thread of the walk failed")),
                Err(RecvTimeoutError::Timeout) if progress.calls() != seen => {
                    seen = progress.calls();
                    since = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) if since.elapsed() < timeout => {}
                Err(RecvTimeoutError::Timeout) => {
                    HELPER.with_borrow_mut(Option::take);
                    self.count_hung(device);
                    let path = lock(&slot.current).as_ref().map(CurrentCall::path).unwrap_or_default();
                    return Err(timeout_error(timeout, &path));
                }
            }
        }
    }

    fn is_given_up(&self, device: u64) -> bool {
        self.any_hung.load(Ordering::Relaxed) && {
            let hung = lock(&self.hung);
            hung.in_all >= MOST_LEFT_BEHIND || hung.in_a_row.get(&device).is_some_and(|n| *n >= DEAD_AFTER)
        }
    }

    fn count_hung(&self, device: u64) {
        let mut hung = lock(&self.hung);
        hung.in_all += 1;
        *hung.in_a_row.entry(device).or_default() += 1;
        self.any_hung.store(true, Ordering::Relaxed);
    }

    fn answered(&self, device: u64) {
        if self.any_hung.load(Ordering::Relaxed) {
            let mut hung = lock(&self.hung);
            if hung.in_a_row.get(&device).is_some_and(|n| *n < DEAD_AFTER) {
                hung.in_a_row.remove(&device);
            }
        }
    }

    /// Reports calls that last, until the walk is over.
    pub(super) fn watch(&self, monitor: &dyn Monitor, over: &WalkOver) {
        let mut seen: Vec<(u64, Option<CallTimer>)> = self.slots.iter().map(|_| (0, None)).collect();
        while !over.wait(LOOK) {
            for (slot, (calls, timer)) in self.slots.iter().zip(&mut seen) {
                let current = lock(&slot.current);
                let Some(now) = &*current else {
                    *timer = None;
                    continue;
                };
                if *calls != now.progress.calls() {
                    *calls = now.progress.calls();
                    *timer = None;
                }
                if let Some(waited) = timer.get_or_insert_default().should_report() {
                    let path = now.path();
                    drop(current);
                    monitor.waiting(&path, waited);
                }
            }
        }
    }
}

/// Tells the watcher that the walk is over.
#[derive(Debug, Default)]
pub(super) struct WalkOver {
    over: Mutex<bool>,
    changed: Condvar,
}

impl WalkOver {
    /// Waits at most this long; true if the walk is over.
    pub(super) fn wait(&self, long: Duration) -> bool {
        let over = lock(&self.over);
        *self.changed.wait_timeout_while(over, long, |over| !*over).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Tells the watcher when it is dropped, also by a panic.
pub(super) struct AtEnd<'a>(pub(super) &'a WalkOver);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        *lock(&self.0.over) = true;
        self.0.changed.notify_all();
    }
}
