//! Makes the system calls of the walk. A server that went away, or a disk that tries and tries again, may
//! let one hang for as long as it likes, and no thread can be taken out of it. So it is known at any time
//! which call each thread is in, a watcher says which one lasts, and with a timeout the calls are made by
//! threads that can be left behind.

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::super::timeout::{CallTimer, timeout_error};
use super::super::{Name, name};
use super::open_dir::{OpenDir, lock};
use super::threads::thread;
use crate::monitor::Monitor;
use crate::path::to_path;

/// So often the watcher looks.
const LOOK: Duration = Duration::from_secs(1);

/// A file system that left so many calls in a row without an answer is given up as a whole: else a dead
/// server with a thousand directories cost a thousand timeouts.
const DEAD_AFTER: u32 = 4;

/// No more threads than this are left behind.
const MOST_LEFT_BEHIND: u32 = 512;

/// How far a thread is, for whoever waits for it.
#[derive(Debug, Default)]
pub(super) struct CallProgress {
    calls: AtomicU64,
    name: AtomicU64,
}

impl CallProgress {
    /// The next call is about a name in the directory. Only the thread that makes the calls says so.
    #[inline]
    pub(super) fn about(&self, (start, len): Name) {
        self.name.store(u64::from(start) << 16 | u64::from(len), Ordering::Relaxed);
        self.calls.store(self.calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The next call is about the directory itself.
    pub(super) fn about_directory(&self) {
        self.about((0, 0));
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The name that the call is about; none for the directory itself.
    fn current(&self) -> Option<Name> {
        let packed = self.name.load(Ordering::Relaxed);
        let (start, len) = ((packed >> 16) as u32, packed as u16);
        (len > 0).then_some((start, len))
    }
}

/// What a thread is at.
#[derive(Debug)]
struct CurrentCall<D> {
    node: Arc<OpenDir<D>>,
    names: Arc<Vec<u8>>,
    progress: Arc<CallProgress>,
}

impl<D> CurrentCall<D> {
    fn path(&self) -> PathBuf {
        let path = match self.progress.current() {
            Some(place) => self.node.path_of(name(&self.names, place)),
            None => self.node.path(),
        };
        to_path(&path).into_owned()
    }
}

#[derive(Debug)]
struct CallSlot<D> {
    current: Mutex<Option<CurrentCall<D>>>,
    /// Where calls are made by the walk's own threads.
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
    /// Makes the calls of this thread of the walk, and may be left behind.
    static HELPER: RefCell<Option<Sender<HelperCall>>> = const { RefCell::new(None) };
}

/// Hands a job to this thread's helper.
fn hand_over(job: HelperCall) -> io::Result<()> {
    HELPER.with_borrow_mut(|helper| {
        let jobs = if let Some(jobs) = helper {
            jobs
        } else {
            let (sender, jobs) = mpsc::channel::<HelperCall>();
            // It ends when the walk's thread ends, or has left it behind.
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

    /// Makes calls about a directory or its `names`; the work says about which of them.
    ///
    /// # Errors
    /// That of the work; `TimedOut` if one call did not return in time, or if the file system is given up.
    pub(super) fn make<T: Send + 'static>(
        &self,
        node: &Arc<OpenDir<D>>,
        names: &Arc<Vec<u8>>,
        work: impl FnOnce(&CallProgress) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let slot = &self.slots[thread() % self.slots.len()];
        let progress = if self.timeout.is_some() { Arc::default() } else { Arc::clone(&slot.progress) };
        progress.about_directory();
        let current = CurrentCall { node: Arc::clone(node), names: Arc::clone(names), progress: Arc::clone(&progress) };
        *lock(&slot.current) = Some(current);
        let result = match self.timeout {
            None => work(&progress),
            Some(timeout) => self.wait_for(timeout, node.opened.found.dev, slot, &progress, work),
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
            // Whoever asked may be gone by now.
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

    /// Says which calls last, until the walk is over.
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
    /// Waits so long; true if the walk is over.
    pub(super) fn wait(&self, long: Duration) -> bool {
        let over = lock(&self.over);
        *self.changed.wait_timeout_while(over, long, |over| !*over).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Says so when it is dropped, also by a panic.
pub(super) struct AtEnd<'a>(pub(super) &'a WalkOver);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        *lock(&self.0.over) = true;
        self.0.changed.notify_all();
    }
}
