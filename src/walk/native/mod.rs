//! The native walker: one unit of work is one directory, opened relative to its parent's descriptor,
//! listed, and its entries stat'ed relative to its own; work-stealing over rayon, last in first out,
//! so that few descriptors are open at a time.
//!
//! A directory's own record is taken from its descriptor *before* it is listed; a change to it in
//! between then shows in the next scan. Its parent can be finished only when all its children are, so
//! finishing climbs up the tree.

mod calls;
mod open;
mod open_dir;
mod read;
mod reuse;
mod state;
mod stats;
mod threads;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use self::calls::{AtEnd, WalkCalls, WalkOver};
use self::open_dir::{OpenDir, OpenedDir};
use self::state::{ChildOutcome, ListingEnd};
use self::threads::{ExtraPool, FirstPoolDone, Threads, thread};
use super::{
    Devices, DirListing, FinishedDir, FinishedRoot, Sink, WalkEntry, WalkPlan, root_error, unknown, with_timeout,
};
use crate::metadata::{DeviceNumber, Flags, Kind, Stat};
use crate::monitor::Monitor;
use crate::sys::native::{self};
use crate::sys::{StatAt, filesystem, load};
use crate::{Cause, Error, Result, Warning};

/// Descriptors that are left to others: the output, the base, the pool's own.
const SPARE_DESCRIPTORS: u64 = 64;

struct NativeWalk<'a, S: Sink> {
    plan: &'a WalkPlan<'a>,
    devices: &'a Devices,
    sink: &'a S,
    monitor: &'a dyn Monitor,
    /// Something may be mounted by looking at it: look before opening.
    automounts: bool,
    /// Directories held open for their children, and how many may be.
    open: AtomicUsize,
    open_limit: usize,
    cancelled: AtomicBool,
    calls: WalkCalls<S::Done>,
    roots: Mutex<Vec<Option<FinishedRoot<S::Done>>>>,
    extra: ExtraPool<Task<S::Done>>,
}

/// A child directory that is to be read: its parent, its slot there.
type Task<D> = (Arc<OpenDir<D>>, usize);

/// Walks all roots.
pub(super) fn walk<S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    let threads = threads_for(plan, monitor);
    let first = threads.first_pool().map_err(|e| Error::Io {
        operation: "start threads for",
        path: PathBuf::from("the walk"),
        source: io::Error::other(e),
    })?;
    let (extra, handed) = ExtraPool::new();
    let open_limit = native::open_file_limit().saturating_sub(SPARE_DESCRIPTORS) * 3 / 4;
    // The mount table has no symlinks in it.
    let roots: Vec<_> = plan.roots.iter().map(|r| r.canonicalize().unwrap_or_else(|_| r.clone())).collect();
    let walker = NativeWalk {
        plan,
        devices,
        sink,
        monitor,
        automounts: filesystem::has_automounts(&roots),
        open: AtomicUsize::new(0),
        open_limit: usize::try_from(open_limit).unwrap_or(usize::MAX).max(threads.numbers()),
        cancelled: AtomicBool::new(false),
        calls: WalkCalls::new(threads.numbers(), plan.io_timeout),
        roots: Mutex::new(plan.roots.iter().map(|_| None).collect()),
        extra,
    };
    let mut nodes = Vec::new();
    for (number, path) in plan.roots.iter().enumerate() {
        nodes.push(walker.open_root(number, path)?);
    }
    let over = WalkOver::default();
    std::thread::scope(|own| {
        let _at_end = AtEnd(&over);
        // Without a thread for it nobody watches, and no extra pool comes.
        let watch = || walker.calls.watch(monitor, &over);
        let _ = std::thread::Builder::new().name("watch".into()).spawn_scoped(own, watch);
        let walker = &walker;
        let come = move || walker.extra.run_if_idle(threads, &handed, |scope, task| walker.enter(scope, task));
        let pool = std::thread::Builder::new().name("threads".into()).spawn_scoped(own, come);
        let done = FirstPoolDone(&walker.extra);
        first.scope(|scope| {
            for node in nodes {
                scope.spawn(|scope| walker.read(scope, node));
            }
        });
        drop(done);
        if let Ok(Err(panic)) = pool.map(ScopedJoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    });
    if walker.cancelled.into_inner() {
        return Err(Error::Interrupted);
    }
    let roots = walker.roots.into_inner().unwrap_or_else(PoisonError::into_inner);
    roots
        .into_iter()
        .zip(plan.roots)
        .map(|(root, path)| root.ok_or_else(|| root_error(path, io::Error::from(io::ErrorKind::NotFound))))
        .collect()
}

/// How many threads the roots' disks are worth.
fn threads_for(plan: &WalkPlan<'_>, monitor: &dyn Monitor) -> Threads {
    if plan.threads.is_some() {
        return Threads::new(plan.threads, false, false);
    }
    let found = plan.roots.iter().filter_map(|root| {
        let path = root.clone();
        with_timeout(root, plan.io_timeout, monitor, move || crate::sys::stat_following(&path)).ok()
    });
    let found: Vec<_> = found.collect();
    let any_remote = found.iter().any(|found| filesystem::is_remote(found.mount));
    Threads::new(None, any_remote, found.iter().any(|found| load::is_rotating(found.dev)))
}

impl<S: Sink> NativeWalk<'_, S> {
    /// A listed directory turned out to be something else.
    fn other(parent: &OpenDir<S::Done>, found: &StatAt) -> ChildOutcome<S::Done> {
        ChildOutcome::Other { stat: found.stat, flags: parent.opened.flags(found) }
    }

    fn not_entered(&self, parent: &OpenDir<S::Done>, found: &StatAt) -> ChildOutcome<S::Done> {
        let flags = (parent.opened.flags(found) - Flags::FOREIGN) | Flags::NOT_ENTERED;
        ChildOutcome::Dir { stat: found.stat, flags, done: self.empty(parent.opened.rules.device) }
    }

    /// A directory that cannot be listed: as it was last known, else without content.
    fn unreadable(
        &self,
        parent: &OpenDir<S::Done>,
        name: &[u8],
        found: Option<StatAt>,
        error: io::Error,
    ) -> ChildOutcome<S::Done> {
        let last = self.sink.last_known(&parent.path_of(name));
        self.warn(parent, name, Cause::Unlisted(error));
        self.unlisted(&parent.opened, found, last)
    }

    fn unlisted(
        &self,
        above: &OpenedDir,
        found: Option<StatAt>,
        last: Option<(Stat, Flags, Option<S::Done>)>,
    ) -> ChildOutcome<S::Done> {
        let (last_stat, last_flags, last_done) = match last {
            Some((stat, flags, Some(done))) => (Some(stat), flags, Some(done)),
            _ => (None, Flags::empty(), None),
        };
        let mut flags = Flags::UNLISTED;
        if last_done.is_some() {
            flags |= Flags::CARRIED;
        }
        let stat = if let Some(found) = found {
            flags |= above.flags(&found) - Flags::FOREIGN;
            found.stat
        } else {
            flags |= Flags::UNKNOWN | last_flags & Flags::RACY;
            last_stat.unwrap_or(unknown(Kind::Dir))
        };
        ChildOutcome::Dir { stat, flags, done: last_done.unwrap_or_else(|| self.empty(above.rules.device)) }
    }

    fn empty(&self, device: DeviceNumber) -> S::Done {
        let listing = &DirListing::default();
        let (looked, changed) = Default::default();
        let empty = FinishedDir { thread: thread(), device, known: None, looked, changed, listing };
        self.sink.directory(&empty, Vec::new())
    }

    fn warn(&self, parent: &OpenDir<S::Done>, name: &[u8], cause: Cause) {
        let path = crate::path::to_path(&parent.path_of(name)).into_owned();
        self.monitor.warning(Warning { path, cause });
    }

    /// A child directory needs its parent's descriptor no more.
    fn child_opened(&self, parent: &OpenDir<S::Done>) {
        if parent.release() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Hands a child directory's outcome to its parent.
    fn deliver(&self, parent: &Arc<OpenDir<S::Done>>, slot: usize, outcome: ChildOutcome<S::Done>) {
        parent.set(slot, outcome);
        self.climb(Arc::clone(parent));
    }

    /// Something of `node` is done: finishes it if that was the last, and then every directory above
    /// that this completes. A loop, since the tree may be deeper than the stack.
    fn climb(&self, mut node: Arc<OpenDir<S::Done>>) {
        while node.complete() {
            let outcome = self.finish(&node);
            let Some((parent, slot)) = node.place() else {
                if let ChildOutcome::Dir { stat, flags, done } = outcome {
                    let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
                    roots[node.slot()] = Some(FinishedRoot { stat, flags, done });
                }
                return;
            };
            parent.set(slot, outcome);
            node = parent;
        }
    }

    /// All children are known: merges files and directories and hands the directory over.
    fn finish(&self, node: &Arc<OpenDir<S::Done>>) -> ChildOutcome<S::Done> {
        let mut state = node.take_state();
        let found = &node.opened.found;
        let mut flags = node.opened.flags(found);
        if state.passed
            && let Some(done) = self.finish_passed(node, &mut state)
        {
            return ChildOutcome::Dir { stat: found.stat, flags: flags - Flags::FOREIGN, done };
        }
        match state.ended {
            ListingEnd::ReadOutcome => {}
            ListingEnd::Excluded => return ChildOutcome::LeftOut,
            ListingEnd::Gone => return ChildOutcome::Gone,
            ListingEnd::Cut => {
                let last = self.sink.last_known(&node.path());
                return self.unlisted(&node.opened, Some(*found), last);
            }
        }
        let mut listing = state.listing;
        let mut subdirs = Vec::with_capacity(state.subdirs.len());
        let mut dirs = Vec::with_capacity(state.subdirs.len());
        flags -= Flags::FOREIGN;
        for sub in state.subdirs {
            let (stat, flags) = match sub.outcome {
                ChildOutcome::Gone => continue,
                ChildOutcome::LeftOut => {
                    flags |= Flags::LEFT_OUT;
                    continue;
                }
                // Every child is delivered before its parent is finished; were it not, it would be unknown.
                ChildOutcome::Pending(_) => {
                    subdirs.push(self.empty(node.opened.rules.device));
                    (unknown(Kind::Dir), Flags::UNKNOWN | Flags::UNLISTED)
                }
                ChildOutcome::Other { stat, flags } => (stat, flags),
                ChildOutcome::Dir { stat, flags, done } => {
                    subdirs.push(done);
                    (stat, flags)
                }
            };
            dirs.push(WalkEntry { name: sub.name, stat, flags });
        }
        listing.merge(&dirs);
        let directory = FinishedDir {
            thread: thread(),
            device: node.opened.rules.device,
            known: node.known.map(|known| known.row),
            looked: state.looked,
            changed: found.stat.ctime,
            listing: &listing,
        };
        let done = self.sink.directory(&directory, subdirs);
        ChildOutcome::Dir { stat: found.stat, flags, done }
    }
}
