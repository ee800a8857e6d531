//! The native walker. One unit of work is one directory: it is opened relative to its parent's descriptor and listed,
//! and its entries are stat'ed relative to its own. Threads steal work from each other (rayon), last in first out, so
//! that few descriptors are open at a time.
//!
//! A directory's own record is taken from its descriptor *before* it is listed: a change in between shows in the next
//! scan. A directory is finished when all its children are, so finishing climbs up the tree.
//!
//! [`NativeWalk`] is spread over files by the way of a directory: `open` (with `reuse`, which sees whether the base
//! saves work), `read`, `finish`.

mod calls;
mod descriptors;
mod finish;
mod listed;
mod open;
mod open_dir;
mod progress;
mod raw_listing;
mod read;
mod reuse;
mod state;
mod stats;
mod threads;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use self::calls::{AtEnd, WalkCalls, WalkOver};
use self::descriptors::DirBudget;
use self::open_dir::OpenDir;
use self::threads::{ExtraPool, FirstPoolDone, Threads};
use super::{BaseLookup, Devices, FinishedRoot, Sink, WalkPlan, root_error, with_timeout};
use crate::monitor::Monitor;
use crate::sys::{filesystem, load};
use crate::{Error, Result};

struct NativeWalk<'a, B: BaseLookup, S: Sink> {
    plan: &'a WalkPlan<'a>,
    devices: &'a Devices,
    base: &'a B,
    sink: &'a S,
    monitor: &'a dyn Monitor,
    /// Opening a directory may mount something: stat it first.
    automounts: bool,
    descriptors: DirBudget,
    cancelled: AtomicBool,
    calls: WalkCalls<S::Done>,
    roots: Mutex<Vec<Option<FinishedRoot<S::Done>>>>,
    extra_pool: ExtraPool<Task<S::Done>>,
}

/// A child directory that is to be read: its parent, its slot there.
type Task<D> = (Arc<OpenDir<D>>, usize);

/// Walks all roots.
pub(super) fn walk<B: BaseLookup, S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    base: &B,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    let threads = threads_for(plan, monitor);
    let first = threads.first_pool().map_err(|e| Error::Io {
        operation: "start threads for",
        path: PathBuf::from("the walk"),
        source: io::Error::other(e),
    })?;
    let (extra_pool, handed) = ExtraPool::new();
    // The mount table has no symlinks in it.
    let roots: Vec<_> = plan.roots.iter().map(|r| r.canonicalize().unwrap_or_else(|_| r.clone())).collect();
    let walker = NativeWalk {
        plan,
        devices,
        base,
        sink,
        monitor,
        automounts: filesystem::has_automounts(&roots),
        descriptors: DirBudget::new(threads.numbers()),
        cancelled: AtomicBool::new(false),
        calls: WalkCalls::new(threads.numbers(), plan.io_timeout),
        roots: Mutex::new(plan.roots.iter().map(|_| None).collect()),
        extra_pool,
    };
    let mut dirs = Vec::new();
    for (number, path) in plan.roots.iter().enumerate() {
        dirs.push(walker.open_root(number, path)?);
    }
    let over = WalkOver::default();
    std::thread::scope(|own| {
        let _at_end = AtEnd(&over);
        // If these threads cannot be started, nobody watches, and the extra pool stays away.
        let watch = || walker.calls.watch(monitor, &over);
        let _ = std::thread::Builder::new().name("watch".into()).spawn_scoped(own, watch);
        let walker = &walker;
        let run_extra =
            move || walker.extra_pool.run_if_idle(threads, &handed, |scope, task| walker.enter(scope, task));
        let extra = std::thread::Builder::new().name("threads".into()).spawn_scoped(own, run_extra);
        let done = FirstPoolDone(&walker.extra_pool);
        first.scope(|scope| {
            for dir in dirs {
                scope.spawn(|scope| walker.read(scope, dir));
            }
        });
        drop(done);
        if let Ok(Err(panic)) = extra.map(ScopedJoinHandle::join) {
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

/// How many threads suit the roots' disks.
fn threads_for(plan: &WalkPlan<'_>, monitor: &dyn Monitor) -> Threads {
    if plan.threads.is_some() {
        return Threads::new(plan.threads, false, false);
    }
    let disks = plan.roots.iter().filter_map(|root| {
        let path = root.clone();
        let look = move || {
            let found = crate::sys::stat_following(&path)?;
            Ok((filesystem::is_remote(&path, found.mount), load::is_rotating(found.dev)))
        };
        with_timeout(root, plan.io_timeout, monitor, look).ok()
    });
    let disks: Vec<_> = disks.collect();
    Threads::new(None, disks.iter().any(|(remote, _)| *remote), disks.iter().any(|(_, rotating)| *rotating))
}
