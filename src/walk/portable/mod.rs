//! The portable walker, on the jwalk crate: the only one where there is no native one, and elsewhere
//! the witness that the native one is tested against. It opens by path, so trees past `PATH_MAX` and
//! races with symlinks are beyond it.
//!
//! jwalk can deadlock on a busy pool and has swallowed errors: it gets a pool of its own, and every
//! error that it hands out marks the directory that it came from.

mod look;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jwalk::{DirEntry, Parallelism, WalkDirGeneric};
use rustc_hash::FxHashMap;

use self::look::{Ahead, ReadState, Rules, SeenEntry, is_gone, is_still, settle};
use super::racy::RacyRule;
use super::{
    Devices, DirListing, FinishedDir, FinishedRoot, Sink, WalkEntry, WalkPlan, push_name, root_error, unknown,
};
use crate::metadata::{DeviceNumber, Flags, Kind, Stat};
use crate::monitor::Monitor;
use crate::path::to_bytes;
use crate::sys::filesystem::{self, FileSystem};
use crate::sys::{self, StatAt};
use crate::{Cause, Error, Result, RootProblem, Warning};

/// A directory that is being gathered.
struct Gathering<D> {
    path: PathBuf,
    found: StatAt,
    device: DeviceNumber,
    rule: RacyRule,
    children: BTreeMap<Vec<u8>, (Stat, Flags)>,
    subdirs: BTreeMap<Vec<u8>, D>,
    cut: bool,
    excluded: bool,
    /// [`Flags::LEFT_OUT`] if a child directory was.
    left_out: Flags,
}

/// Walks all roots, one after the other.
pub(super) fn walk<S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    plan.roots
        .iter()
        .map(|root| PortableWalk { plan, devices, sink, monitor, stack: Vec::new(), rules: Arc::default() }.root(root))
        .collect()
}

struct PortableWalk<'a, S: Sink> {
    plan: &'a WalkPlan<'a>,
    devices: &'a Devices,
    sink: &'a S,
    monitor: &'a dyn Monitor,
    stack: Vec<Gathering<S::Done>>,
    /// File systems below the root as they were before anything of them was read: their own clock counts
    /// from then on.
    rules: Arc<Mutex<FxHashMap<u64, FileSystem>>>,
}

impl<S: Sink> PortableWalk<'_, S> {
    fn root(mut self, root: &Path) -> Result<FinishedRoot<S::Done>> {
        let found = sys::stat_following(root).map_err(|e| root_error(root, e))?;
        // Says now what would otherwise only be a directory that could not be listed.
        std::fs::read_dir(root).map_err(|e| root_error(root, e))?;
        // The boundary first, then the write-back, and jwalk's threads after both: what is stored in between is
        // then racy.
        self.open(root.to_owned(), found);
        if self.plan.settle {
            settle(root).map_err(|e| root_error(root, e))?;
        }
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let rules = Rules {
            root: root.to_owned(),
            filter: self.plan.filter.clone(),
            own: self.plan.own.to_vec(),
            settle: self.plan.settle,
            file_systems: Arc::clone(&self.rules),
            warnings: Arc::clone(&warnings),
        };
        let threads = self.plan.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let entries = WalkDirGeneric::<ReadState>::new(root)
            .skip_hidden(false)
            .follow_links(false)
            .parallelism(parallelism(threads)?)
            .root_read_dir_state(Some(Arc::new(Ahead { relative: Vec::new(), found, above: None })))
            .process_read_dir(move |depth, path, ahead, children| {
                if let (Some(_), Some(ahead)) = (depth, ahead.as_ref()) {
                    rules.look(path, ahead, children);
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
        if !is_still(root, &found) {
            return Err(Error::root(root, RootProblem::Moved));
        }
        let Some(root) = self.stack.pop() else { return Err(Error::Interrupted) };
        let stat = root.found.stat;
        let mut flags = racy(root.rule, &stat);
        let done = if root.cut { self.last_known(&root.path, &mut flags) } else { None };
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

    fn open(&mut self, path: PathBuf, found: StatAt) {
        let above = self.stack.last().filter(|g| g.found.dev == found.dev);
        let (device, rule) = if let Some(above) = above {
            (above.device, above.rule)
        } else {
            let describe = || {
                let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner).get(&found.dev).cloned();
                Ok::<_, Infallible>(rules.unwrap_or_else(|| filesystem::describe(&path, found.mount)))
            };
            let Ok(rules) = self.devices.rules_for(found.dev, describe);
            (rules.device, rules.rule)
        };
        self.stack.push(Gathering {
            path,
            found,
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
            // jwalk hands out nothing that was not looked at; if it did, it would be unknown.
            SeenEntry::Nothing => {
                dir.children.insert(name, (unknown(Kind::Unknown), Flags::UNKNOWN));
            }
            SeenEntry::Excluded => dir.excluded = true,
            SeenEntry::Unread(e) if entry.file_type.is_dir() => {
                let device = dir.device;
                self.unlisted(path.clone(), e);
                let mut flags = Flags::UNLISTED | Flags::UNKNOWN;
                let (stat, done) = match self.sink.last_known(&to_bytes(&path)) {
                    Some((stat, last, Some(done))) => {
                        flags |= Flags::CARRIED | last & Flags::RACY;
                        (stat, done)
                    }
                    _ => (unknown(Kind::Dir), self.empty(device)),
                };
                self.add(name, stat, flags, done);
            }
            SeenEntry::Unread(e) => {
                self.monitor.warning(Warning { path: path.clone(), cause: Cause::Unread(e) });
                let carried = |last: Flags| last & Flags::RACY | Flags::UNKNOWN | Flags::CARRIED;
                match self.sink.last_known(&to_bytes(&path)) {
                    // Whatever it is now: all that lay below is kept until that can be told.
                    Some((stat, flags, Some(done))) => self.add(name, stat, carried(flags) | Flags::UNLISTED, done),
                    Some((stat, flags, None)) => drop(dir.children.insert(name, (stat, carried(flags)))),
                    None => drop(dir.children.insert(name, (unknown(Kind::Unknown), Flags::UNKNOWN))),
                }
            }
            SeenEntry::Stat(found) if found.stat.kind() != Kind::Dir => {
                let mut flags = racy(dir.rule, &found.stat);
                flags.set(Flags::FOREIGN, found.dev != dir.found.dev);
                dir.subdirs.remove(&name);
                dir.children.insert(name, (found.stat, flags));
            }
            SeenEntry::Stat(found) => {
                let error = match &entry.read_children {
                    Some(c) => c.error().map(io_error),
                    None => Some(io::Error::other("it became a directory while its parent was read")),
                };
                match error {
                    None => self.open(path, found),
                    Some(e) if e.kind() == io::ErrorKind::NotFound && is_gone(&dir.path, &dir.found, &name) => {}
                    Some(e) => {
                        let mut flags = racy(dir.rule, &found.stat) | Flags::UNLISTED;
                        let device = dir.device;
                        self.unlisted(path.clone(), e);
                        let last = self.last_known(&path, &mut flags);
                        let done = last.unwrap_or_else(|| self.empty(device));
                        self.add(name, found.stat, flags, done);
                    }
                }
            }
            SeenEntry::Closed(found, is_loop) => {
                let flags = racy(dir.rule, &found.stat) | Flags::NOT_ENTERED;
                let device = dir.device;
                if is_loop {
                    self.monitor.warning(Warning { path, cause: Cause::Loop });
                }
                let done = self.empty(device);
                self.add(name, found.stat, flags, done);
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

    fn last_known(&self, path: &Path, flags: &mut Flags) -> Option<S::Done> {
        let (_, _, done) = self.sink.last_known(&to_bytes(path))?;
        if done.is_some() {
            *flags |= Flags::CARRIED;
        }
        done
    }

    fn done(&self, device: DeviceNumber, listing: &DirListing, subdirs: Vec<S::Done>) -> S::Done {
        let (looked, changed) = Default::default();
        self.sink.directory(&FinishedDir { thread: 0, device, known: None, looked, changed, listing }, subdirs)
    }

    fn empty(&self, device: DeviceNumber) -> S::Done {
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
            let stat = dir.found.stat;
            let mut flags = racy(dir.rule, &stat);
            let done = if dir.cut {
                flags |= Flags::UNLISTED;
                let device = dir.device;
                self.last_known(&dir.path, &mut flags).unwrap_or_else(|| self.empty(device))
            } else {
                flags |= dir.left_out;
                self.finish(dir)
            };
            self.add(name, stat, flags, done);
        }
    }

    fn finish(&self, dir: Gathering<S::Done>) -> S::Done {
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

/// A pool of its own, made here: where no thread can be started jwalk would wait for ever for one of rayon's.
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

/// The system's error; jwalk hands it out by reference only.
fn io_error(error: &jwalk::Error) -> io::Error {
    match error.io_error() {
        Some(e) => e.raw_os_error().map_or_else(|| e.kind().into(), io::Error::from_raw_os_error),
        None => io::Error::other("the walk broke off"),
    }
}

fn racy(rule: RacyRule, stat: &Stat) -> Flags {
    if rule.is_racy(stat) { Flags::RACY } else { Flags::empty() }
}
