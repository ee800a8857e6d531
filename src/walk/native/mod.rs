//! The native walker: one unit of work is one directory, opened relative to its parent's descriptor,
//! listed, and its entries stat'ed relative to its own; work-stealing over rayon, last in first out,
//! so that few descriptors are open at a time.
//!
//! A directory's own record is taken from its descriptor *before* it is listed; a change to it in
//! between then shows in the next scan. Its parent can be finished only when all its children are, so
//! finishing climbs up the tree.

mod calls;
mod known;
mod node;
mod open;
mod read;
mod state;
mod stated;
mod threads;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use self::calls::{AtEnd, Calls, Over};
use self::node::{Node, Opened};
use self::state::{Ended, Outcome};
use self::threads::{FirstIsDone, Second, Threads, thread};
use super::{Devices, Directory, Entry, FinishedRoot, Listing, Plan, Sink, ask, root_error, unknown};
use crate::entry::{Flags, Kind, Stat};
use crate::monitor::Monitor;
use crate::sys::native::{self};
use crate::sys::{Found, filesystem, load};
use crate::{Cause, Error, Result, Warning};

/// Descriptors that are left to others: the output, the base, the pool's own.
const SPARE_DESCRIPTORS: u64 = 64;

struct Walker<'a, S: Sink> {
    plan: &'a Plan<'a>,
    devices: &'a Devices,
    sink: &'a S,
    monitor: &'a dyn Monitor,
    /// Something may be mounted by looking at it: look before opening.
    automounts: bool,
    /// Directories held open for their children, and how many may be.
    open: AtomicUsize,
    open_limit: usize,
    cancelled: AtomicBool,
    calls: Calls<S::Done>,
    roots: Mutex<Vec<Option<FinishedRoot<S::Done>>>>,
    second: Second<Task<S::Done>>,
}

/// A child directory that is to be read: its parent, its slot there.
type Task<D> = (Arc<Node<D>>, usize);

/// Walks all roots.
pub(super) fn walk<S: Sink>(
    plan: &Plan<'_>,
    devices: &Devices,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    let threads = threads_for(plan, monitor);
    let first = threads.first_crew().map_err(|e| Error::Io {
        operation: "start threads for",
        path: PathBuf::from("the walk"),
        source: io::Error::other(e),
    })?;
    let (second, handed) = Second::new();
    let open_limit = native::open_file_limit().saturating_sub(SPARE_DESCRIPTORS) * 3 / 4;
    // The mount table has no symlinks in it.
    let roots: Vec<_> = plan.roots.iter().map(|r| r.canonicalize().unwrap_or_else(|_| r.clone())).collect();
    let walker = Walker {
        plan,
        devices,
        sink,
        monitor,
        automounts: filesystem::has_automounts(&roots),
        open: AtomicUsize::new(0),
        open_limit: usize::try_from(open_limit).unwrap_or(usize::MAX).max(threads.numbers()),
        cancelled: AtomicBool::new(false),
        calls: Calls::new(threads.numbers(), plan.io_timeout),
        roots: Mutex::new(plan.roots.iter().map(|_| None).collect()),
        second,
    };
    let mut nodes = Vec::new();
    for (number, path) in plan.roots.iter().enumerate() {
        nodes.push(walker.open_root(number, path)?);
    }
    let over = Over::default();
    std::thread::scope(|own| {
        let _at_end = AtEnd(&over);
        // Without a thread for it nobody watches, and no second crew comes.
        let watch = || walker.calls.watch(monitor, &over);
        let _ = std::thread::Builder::new().name("watch".into()).spawn_scoped(own, watch);
        let walker = &walker;
        let come = move || walker.second.come(threads, &handed, |scope, task| walker.enter(scope, task));
        let crew = std::thread::Builder::new().name("threads".into()).spawn_scoped(own, come);
        let done = FirstIsDone(&walker.second);
        first.scope(|scope| {
            for node in nodes {
                scope.spawn(|scope| walker.read(scope, node));
            }
        });
        drop(done);
        if let Ok(Err(panic)) = crew.map(ScopedJoinHandle::join) {
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
        .map(|(root, path)| root.ok_or_else(|| root_error(path, &io::Error::from(io::ErrorKind::NotFound))))
        .collect()
}

/// How many threads the roots' disks are worth.
fn threads_for(plan: &Plan<'_>, monitor: &dyn Monitor) -> Threads {
    if plan.threads.is_some() {
        return Threads::new(plan.threads, false, false);
    }
    let found = plan.roots.iter().filter_map(|root| {
        let path = root.clone();
        ask(root, plan.io_timeout, monitor, move || crate::sys::stat_following(&path)).ok()
    });
    let found: Vec<_> = found.collect();
    let any_remote = found.iter().any(|found| filesystem::is_remote(found.mount));
    Threads::new(None, any_remote, found.iter().any(|found| load::is_rotating(found.dev)))
}

impl<S: Sink> Walker<'_, S> {
    /// A listed directory turned out to be something else.
    fn other(parent: &Node<S::Done>, found: &Found) -> Outcome<S::Done> {
        Outcome::Other { stat: found.stat, flags: parent.opened.flags(found) }
    }

    fn not_entered(&self, parent: &Node<S::Done>, found: &Found) -> Outcome<S::Done> {
        let flags = (parent.opened.flags(found) - Flags::FOREIGN) | Flags::NOT_ENTERED;
        Outcome::Dir { stat: found.stat, flags, done: self.empty(parent.opened.met.device) }
    }

    /// A directory that cannot be listed: as it was last known, else without content.
    fn unreadable(
        &self,
        parent: &Node<S::Done>,
        name: &[u8],
        found: Option<Found>,
        error: io::Error,
    ) -> Outcome<S::Done> {
        let last = self.sink.last_known(&parent.path_of(name));
        self.warn(parent, name, Cause::Unlisted(error));
        self.unlisted(&parent.opened, found, last)
    }

    fn unlisted(
        &self,
        above: &Opened,
        found: Option<Found>,
        last: Option<(Stat, Flags, Option<S::Done>)>,
    ) -> Outcome<S::Done> {
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
        Outcome::Dir { stat, flags, done: last_done.unwrap_or_else(|| self.empty(above.met.device)) }
    }

    fn empty(&self, device: u32) -> S::Done {
        let listing = &Listing::default();
        let (looked, changed) = Default::default();
        let empty = Directory { thread: thread(), device, known: None, looked, changed, listing };
        self.sink.directory(&empty, Vec::new())
    }

    fn warn(&self, parent: &Node<S::Done>, name: &[u8], cause: Cause) {
        let path = crate::path::to_path(&parent.path_of(name)).into_owned();
        self.monitor.warning(Warning { path, cause });
    }

    /// A child directory needs its parent's descriptor no more.
    fn child_opened(&self, parent: &Node<S::Done>) {
        if parent.release() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Hands a child directory's outcome to its parent.
    fn deliver(&self, parent: &Arc<Node<S::Done>>, slot: usize, outcome: Outcome<S::Done>) {
        parent.set(slot, outcome);
        self.climb(Arc::clone(parent));
    }

    /// Something of `node` is done: finishes it if that was the last, and then every directory above
    /// that this completes. A loop, since the tree may be deeper than the stack.
    fn climb(&self, mut node: Arc<Node<S::Done>>) {
        while node.complete() {
            let outcome = self.finish(&node);
            let Some((parent, slot)) = node.place() else {
                if let Outcome::Dir { stat, flags, done } = outcome {
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
    fn finish(&self, node: &Arc<Node<S::Done>>) -> Outcome<S::Done> {
        let mut state = node.take_state();
        let found = &node.opened.found;
        let mut flags = node.opened.flags(found);
        if state.passed
            && let Some(done) = self.finish_passed(node, &mut state)
        {
            return Outcome::Dir { stat: found.stat, flags: flags - Flags::FOREIGN, done };
        }
        match state.ended {
            Ended::Listed => {}
            Ended::Excluded => return Outcome::LeftOut,
            Ended::Gone => return Outcome::Gone,
            Ended::Cut => {
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
                Outcome::Gone => continue,
                Outcome::LeftOut => {
                    flags |= Flags::LEFT_OUT;
                    continue;
                }
                // Every child is delivered before its parent is finished; were it not, it would be unknown.
                Outcome::Pending(_) => {
                    subdirs.push(self.empty(node.opened.met.device));
                    (unknown(Kind::Dir), Flags::UNKNOWN | Flags::UNLISTED)
                }
                Outcome::Other { stat, flags } => (stat, flags),
                Outcome::Dir { stat, flags, done } => {
                    subdirs.push(done);
                    (stat, flags)
                }
            };
            dirs.push(Entry { name: sub.name, stat, flags });
        }
        listing.merge(&dirs);
        let directory = Directory {
            thread: thread(),
            device: node.opened.met.device,
            known: node.known.map(|known| known.row),
            looked: state.looked,
            changed: found.stat.ctime,
            listing: &listing,
        };
        let done = self.sink.directory(&directory, subdirs);
        Outcome::Dir { stat: found.stat, flags, done }
    }
}
