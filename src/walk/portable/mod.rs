//! The portable walker, on the jwalk crate. It is the only walker on systems without a native one; elsewhere the native
//! one is tested against it. It opens by path: it cannot read paths past `PATH_MAX`, and a
//! symlink that is swapped in meanwhile can mislead it.
//!
//! jwalk can deadlock on a busy pool and has swallowed errors. It gets a pool of its own, and every error that it
//! returns marks the directory that it came from.

mod children;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jwalk::{DirEntry, Parallelism, WalkDirGeneric};
use rustc_hash::FxHashMap;

use self::children::{ChildReader, ChildState, DirContext, ReadState, is_gone, is_still, settle};
use super::racy::RacyRule;
use super::{
    BaseLookup, CarriedEntry, Devices, DirListing, FinishedDir, FinishedRoot, Sink, WalkEntry, WalkPlan, carry,
    push_name, root_error, timeless, unknown,
};
use crate::metadata::{DeviceIndex, Flags, Kind, Stat};
use crate::monitor::Monitor;
use crate::path::to_bytes;
use crate::sys::filesystem::{self, FileSystem};
use crate::sys::{self, StatAt};
use crate::{Cause, Error, Result, RootProblem, Warning};

/// A directory whose children are not all read.
struct PartialDir<D> {
    path: PathBuf,
    stat_at: StatAt,
    device: DeviceIndex,
    rule: RacyRule,
    children: BTreeMap<Vec<u8>, (Stat, Flags)>,
    subdirs: BTreeMap<Vec<u8>, D>,
    cut: bool,
    excluded: bool,
    /// [`Flags::LEFT_OUT`] if a child directory was.
    left_out: Flags,
}

/// Walks all roots, one after the other.
pub(super) fn walk<B: BaseLookup, S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    base: &B,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    plan.roots
        .iter()
        .map(|root| {
            let (stack, file_systems) = (Vec::new(), Arc::default());
            PortableWalk { plan, devices, base, sink, monitor, stack, file_systems }.root(root)
        })
        .collect()
}

struct PortableWalk<'a, B: BaseLookup, S: Sink> {
    plan: &'a WalkPlan<'a>,
    devices: &'a Devices,
    base: &'a B,
    sink: &'a S,
    monitor: &'a dyn Monitor,
    stack: Vec<PartialDir<S::Done>>,
    /// File systems below the root, described before anything on them was read: by their clock, that is the boundary.
    file_systems: Arc<Mutex<FxHashMap<u64, FileSystem>>>,
}

impl<B: BaseLookup, S: Sink> PortableWalk<'_, B, S> {
    fn root(mut self, root: &Path) -> Result<FinishedRoot<S::Done>> {
        let stat_at = sys::stat_following(root).map_err(|e| root_error(root, e))?;
        // A root that cannot be listed is an error, not a warning.
        std::fs::read_dir(root).map_err(|e| root_error(root, e))?;
        // The boundary first, then the write-back, then jwalk's threads: what is stored in between is then racy.
        self.open(root.to_owned(), stat_at);
        if self.plan.settle {
            settle(root).map_err(|e| root_error(root, e))?;
        }
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let reader = ChildReader {
            root: root.to_owned(),
            filter: self.plan.filter.clone(),
            own: self.plan.own.to_vec(),
            foreign: self.plan.foreign.clone(),
            settle: self.plan.settle,
            file_systems: Arc::clone(&self.file_systems),
            warnings: Arc::clone(&warnings),
        };
        let threads = self.plan.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let entries = WalkDirGeneric::<ReadState>::new(root)
            .skip_hidden(false)
            .follow_links(false)
            .parallelism(parallelism(threads)?)
            .root_read_dir_state(Some(Arc::new(DirContext { relative: Vec::new(), stat_at, above: None })))
            .process_read_dir(move |depth, path, context, children| {
                if let (Some(_), Some(context)) = (depth, context.as_ref()) {
                    reader.read(path, context, children);
                }
            })
            .try_into_iter()
            .map_err(|e| Error::Io { operation: "start threads for", path: root.to_owned(), source: e.into() })?;
        for entry in entries {
            if self.monitor.cancelled() {
                return Err(Error::Interrupted);
            }
            match entry {
                Ok(entry) if entry.depth == 0 => self.root_entry(&entry),
                Ok(entry) => self.entry(entry),
                Err(e) => self.listing_error(&e),
            }
        }
        for warning in warnings.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            self.monitor.warning(warning);
        }
        self.close_to(1);
        if !is_still(root, &stat_at) {
            return Err(Error::root(root, RootProblem::Moved));
        }
        let Some(root) = self.stack.pop() else { return Err(Error::Interrupted) };
        let stat = root.stat_at.stat;
        let mut flags = racy(root.rule, &stat);
        let done = if root.cut { self.carry(&root.path, &mut flags) } else { None };
        flags |= if root.cut { Flags::UNLISTED } else { root.left_out };
        let done = done.unwrap_or_else(|| self.finish(root));
        Ok(FinishedRoot { stat, flags, done })
    }

    fn root_entry(&mut self, entry: &DirEntry<ReadState>) {
        if let Some(e) = entry.read_children.as_ref().and_then(|c| c.error()) {
            self.unlisted(entry.path(), io_error(e));
            self.stack[0].cut = true;
        }
    }

    fn open(&mut self, path: PathBuf, stat_at: StatAt) {
        let above = self.stack.last().filter(|dir| dir.stat_at.dev == stat_at.dev);
        let (device, rule) = if let Some(above) = above {
            (above.device, above.rule)
        } else {
            let describe = || {
                let file_systems = self.file_systems.lock().unwrap_or_else(PoisonError::into_inner);
                let described = file_systems.get(&stat_at.dev).cloned();
                drop(file_systems);
                Ok::<_, Infallible>(described.unwrap_or_else(|| filesystem::describe(&path, stat_at.mount)))
            };
            let Ok(rules) = self.devices.rules_for(stat_at.dev, describe);
            (rules.device, rules.rule)
        };
        self.stack.push(PartialDir {
            path,
            stat_at,
            device,
            rule,
            children: BTreeMap::new(),
            subdirs: BTreeMap::new(),
            cut: false,
            excluded: false,
            left_out: Flags::empty(),
        });
    }

    fn entry(&mut self, entry: DirEntry<ReadState>) {
        self.close_to(entry.depth);
        let Some(dir) = self.stack.last_mut() else { return };
        let path = entry.path();
        let name = to_bytes(Path::new(&entry.file_name)).into_owned();
        match entry.client_state {
            // Every entry of jwalk was read. If one were not, it would be unknown.
            ChildState::Unseen => {
                dir.children.insert(name, (unknown(Kind::Unknown), Flags::UNKNOWN));
            }
            ChildState::Excluded => dir.excluded = true,
            ChildState::Unread(e) if entry.file_type.is_dir() => {
                let device = dir.device;
                self.unlisted(path.clone(), e);
                let mut flags = Flags::UNLISTED | Flags::UNKNOWN;
                let (stat, done) = match carry(self.base, self.sink, &to_bytes(&path)) {
                    Some(CarriedEntry { stat, flags: last, done: Some(done) }) => {
                        flags |= Flags::CARRIED | last & Flags::RACY;
                        (stat, done)
                    }
                    _ => (unknown(Kind::Dir), self.empty(device)),
                };
                self.add(name, stat, flags, done);
            }
            ChildState::Unread(e) => {
                self.monitor.warning(Warning { path: path.clone(), cause: Cause::Unread(e) });
                let carried = |last: Flags| last & Flags::RACY | Flags::UNKNOWN | Flags::CARRIED;
                match carry(self.base, self.sink, &to_bytes(&path)) {
                    // Whatever it is now: all below it is carried over until the entry can be read.
                    Some(CarriedEntry { stat, flags, done: Some(done) }) => {
                        self.add(name, stat, carried(flags) | Flags::UNLISTED, done);
                    }
                    Some(CarriedEntry { stat, flags, done: None }) => {
                        dir.children.insert(name, (stat, carried(flags)));
                    }
                    None => drop(dir.children.insert(name, (unknown(Kind::Unknown), Flags::UNKNOWN))),
                }
            }
            ChildState::Stat(child) if child.stat.kind() != Kind::Dir => {
                let mut flags = racy(dir.rule, &child.stat);
                flags.set(Flags::FOREIGN, child.dev != dir.stat_at.dev);
                dir.subdirs.remove(&name);
                dir.children.insert(name, (child.stat, flags));
            }
            ChildState::Stat(child) => {
                let error = match &entry.read_children {
                    Some(c) => c.error().map(io_error),
                    None => Some(io::Error::other("it became a directory while its parent was read")),
                };
                match error {
                    None => self.open(path, child),
                    Some(e) if e.kind() == io::ErrorKind::NotFound && is_gone(&dir.path, &dir.stat_at, &name) => {}
                    Some(e) => {
                        let mut flags = racy(dir.rule, &child.stat) | Flags::UNLISTED;
                        let device = dir.device;
                        self.unlisted(path.clone(), e);
                        let last = self.carry(&path, &mut flags);
                        let done = last.unwrap_or_else(|| self.empty(device));
                        self.add(name, child.stat, flags, done);
                    }
                }
            }
            ChildState::Unasked => {
                let device = dir.device;
                let done = self.empty(device);
                self.add(name, unknown(Kind::Dir), Flags::UNASKED, done);
            }
            ChildState::Stub(child) => {
                let device = dir.device;
                let done = self.empty(device);
                self.add(name, timeless(child.stat), Flags::empty(), done);
            }
            ChildState::NotEntered(child, is_loop) => {
                let flags = racy(dir.rule, &child.stat) | Flags::NOT_ENTERED;
                let device = dir.device;
                if is_loop {
                    self.monitor.warning(Warning { path, cause: Cause::Loop });
                }
                let done = self.empty(device);
                self.add(name, child.stat, flags, done);
            }
        }
    }

    fn listing_error(&mut self, error: &jwalk::Error) {
        self.close_to(error.depth().max(1));
        let error = io_error(error);
        if let Some(dir) = self.stack.last_mut() {
            dir.cut = true;
            let path = dir.path.clone();
            self.unlisted(path, error);
        }
    }

    fn unlisted(&self, path: PathBuf, error: io::Error) {
        self.monitor.warning(Warning { path, cause: Cause::Unlisted(error) });
    }

    /// Carries a directory over from the base, if the base knows it, and says so in its flags.
    fn carry(&self, path: &Path, flags: &mut Flags) -> Option<S::Done> {
        let CarriedEntry { done, .. } = carry(self.base, self.sink, &to_bytes(path))?;
        if done.is_some() {
            *flags |= Flags::CARRIED;
        }
        done
    }

    fn done(&self, device: DeviceIndex, listing: &DirListing, subdirs: Vec<S::Done>) -> S::Done {
        let (stat_reason, ctime) = Default::default();
        self.sink.directory(&FinishedDir { thread: 0, device, base_row: None, stat_reason, ctime, listing }, subdirs)
    }

    fn empty(&self, device: DeviceIndex) -> S::Done {
        self.done(device, &DirListing::default(), Vec::new())
    }

    fn add(&mut self, name: Vec<u8>, stat: Stat, flags: Flags, done: S::Done) {
        if let Some(dir) = self.stack.last_mut() {
            dir.children.insert(name.clone(), (stat, flags));
            dir.subdirs.insert(name, done);
        }
    }

    /// Finishes the directories that are deeper than `depth`.
    fn close_to(&mut self, depth: usize) {
        while self.stack.len() > depth.max(1) {
            let Some(dir) = self.stack.pop() else { return };
            if dir.excluded {
                if let Some(parent) = self.stack.last_mut() {
                    parent.left_out = Flags::LEFT_OUT;
                }
                continue;
            }
            let name = to_bytes(Path::new(dir.path.file_name().unwrap_or_default())).into_owned();
            let stat = dir.stat_at.stat;
            let mut flags = racy(dir.rule, &stat);
            let done = if dir.cut {
                flags |= Flags::UNLISTED;
                let device = dir.device;
                self.carry(&dir.path, &mut flags).unwrap_or_else(|| self.empty(device))
            } else {
                flags |= dir.left_out;
                self.finish(dir)
            };
            self.add(name, stat, flags, done);
        }
    }

    fn finish(&self, dir: PartialDir<S::Done>) -> S::Done {
        let mut names = Vec::new();
        let mut entries = Vec::new();
        if !dir.cut {
            for (name, (stat, flags)) in dir.children {
                entries.push(WalkEntry { name: push_name(&mut names, &name), stat, flags });
            }
        }
        let total = entries.len() as u64;
        let listing = DirListing { names: Arc::new(names), entries };
        let done = self.done(dir.device, &listing, dir.subdirs.into_values().collect());
        self.monitor.directory(&|| dir.path.clone(), total);
        done
    }
}

/// A pool of its own, made here: if no thread can be started, jwalk would wait for ever for one of rayon's.
fn parallelism(threads: usize) -> Result<Parallelism> {
    if threads == 1 {
        return Ok(Parallelism::Serial);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| Error::Io {
        operation: "start threads for",
        path: "the walk".into(),
        source: io::Error::other(e),
    })?;
    Ok(Parallelism::RayonExistingPool { pool: Arc::new(pool), busy_timeout: None })
}

/// The system's error; jwalk returns it by reference only.
fn io_error(error: &jwalk::Error) -> io::Error {
    match error.io_error() {
        Some(e) => e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error),
        None => io::Error::other("the walk broke off"),
    }
}

fn racy(rule: RacyRule, stat: &Stat) -> Flags {
    if rule.is_racy(stat) { Flags::RACY } else { Flags::empty() }
}
