//! Opens directories: the roots, and each child relative to its parent. Finds out which file system they lie on.

use std::ffi::CStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::Scope;

use super::super::hint_filter::Look;
use super::super::{BaseLookup, FsRules, Name, Sink, name, root_error, with_timeout};
use super::descriptors::SharedDir;
use super::open_dir::{OpenDir, OpenedDir};
use super::raw_listing::c_name;
use super::state::ChildOutcome;
use super::{NativeWalk, Task};
use crate::metadata::{Flags, Kind};
use crate::sys::native::{self, Dir};
use crate::sys::{StatAt, filesystem};
use crate::{Cause, Result};

impl<B: BaseLookup, S: Sink> NativeWalk<'_, B, S> {
    /// Opens a root.
    pub(super) fn open_root(&self, number: usize, path: &Path) -> Result<Arc<OpenDir<S::Done>>> {
        let root = path.to_owned();
        let settle = self.plan.settle;
        let opened = with_timeout(path, self.plan.io_timeout, self.monitor, move || {
            let fd = native::open_root(&root)?;
            let stat_at = native::stat_open(&fd)?;
            Ok((fd, stat_at))
        });
        let (fd, stat_at) = opened.map_err(|e| root_error(path, e))?;
        let fd = Arc::new(fd);
        // The boundary first, then the write-back: what is stored in between is then racy.
        let described = Arc::clone(&fd);
        let describe = || {
            with_timeout(path, self.plan.io_timeout, self.monitor, move || {
                Ok(filesystem::describe_open(&described, stat_at.mount))
            })
        };
        let rules = self.devices.rules_for(stat_at.dev, describe).map_err(|e| root_error(path, e))?;
        if settle {
            let synced = Arc::clone(&fd);
            with_timeout(path, None, self.monitor, move || native::sync_filesystem(&synced))
                .map_err(|e| root_error(path, e))?;
        }
        let look = self.plan.hint_filter.map_or(Look::Whole, |hint_filter| hint_filter.root(number));
        let reuse = self.reuse(&stat_at, &rules, None, self.base.root(number), look);
        let descriptor = SharedDir::new(fd, self.descriptors.take());
        Ok(Arc::new(OpenDir::root(number, path, OpenedDir { stat_at, rules }, reuse, descriptor)))
    }

    /// Opens a child directory and reads it, or leaves that to the extra pool.
    pub(super) fn enter<'s>(&'s self, scope: &Scope<'s>, task: Task<S::Done>)
    where
        S::Done: 's,
    {
        let Err((parent, slot)) = self.extra_pool.take(task) else { return };
        let parent = &parent;
        if self.cancelled.load(Ordering::Relaxed) {
            parent.descriptor.release();
            return self.deliver(parent, slot, ChildOutcome::Gone);
        }
        let (names, place, base) = parent.subdir(slot);
        let opened = self.open_child(parent, &names, place);
        parent.descriptor.release();
        match opened {
            Ok((fd, opened)) => {
                let name = c_name(&names, place);
                let stat_at = &opened.stat_at;
                let look = self.look_into(parent, name.to_bytes(), stat_at, base.as_ref());
                let reuse = self.reuse(stat_at, &opened.rules, Some(parent.opened.stat_at.dev), base, look);
                if let Some(done) = self.keep_unchanged(stat_at, &reuse) {
                    let flags = parent.opened.flags(stat_at) - Flags::FOREIGN;
                    return self.deliver(parent, slot, ChildOutcome::Dir { stat: stat_at.stat, flags, done });
                }
                let descriptor = SharedDir::new(fd, self.descriptors.take());
                self.read(scope, Arc::new(OpenDir::child(parent, slot, name.into(), opened, reuse, descriptor)));
            }
            Err(outcome) => self.deliver(parent, slot, outcome),
        }
    }

    /// The descriptor of a directory; it may have to be opened again.
    pub(super) fn descriptor(&self, dir: &Arc<OpenDir<S::Done>>) -> io::Result<Arc<Dir>> {
        if let Some(open) = dir.descriptor.get() {
            return Ok(open);
        }
        let closed = Arc::clone(dir);
        self.calls.make(dir, &Arc::default(), move |_| closed.open_again())
    }

    /// Opens a child directory, or says what it is instead.
    fn open_child(
        &self,
        parent: &Arc<OpenDir<S::Done>>,
        names: &Arc<Vec<u8>>,
        place: Name,
    ) -> Result<(Arc<Dir>, OpenedDir), ChildOutcome<S::Done>> {
        let name = name(names, place);
        let above = parent.opened;
        if self.plan.foreign.holds(above.stat_at.mount, name, || parent.path_of(name)) {
            return Err(self.unasked(parent));
        }
        let dir = self.descriptor(parent).map_err(|e| self.unreadable(parent, name, None, e))?;
        let look_first = self.automounts || above.rules.may_automount;
        let (above_dir, all_names) = (Arc::clone(parent), Arc::clone(names));
        let attempt = self.calls.make(parent, names, move |progress| {
            progress.about(place);
            let attempt = || attempt(&above_dir, &dir, c_name(&all_names, place), look_first);
            Ok(match attempt() {
                // Listed and not found: it may have been away for a moment.
                Attempt::Failed(e, None) if e.kind() == io::ErrorKind::NotFound => attempt(),
                attempt => attempt,
            })
        });
        let (fd, stat_at) = match attempt.map_err(|e| self.unreadable(parent, name, None, e))? {
            Attempt::Opened(fd, stat_at) => (Arc::new(fd), stat_at),
            Attempt::Automount(stat_at) => return Err(self.not_entered(parent, &stat_at)),
            Attempt::Gone => return Err(ChildOutcome::Gone),
            Attempt::Failed(_, Some(stat_at)) if stat_at.stat.kind() != Kind::Dir => {
                return Err(Self::other(parent, &stat_at));
            }
            Attempt::Failed(e, stat_at) => return Err(self.unreadable(parent, name, stat_at, e)),
        };
        let crosses = stat_at.dev != above.stat_at.dev;
        if crosses && filesystem::is_subvolume_stub(&above.stat_at, &stat_at) {
            return Err(self.stub(parent, &stat_at));
        }
        if crosses && self.plan.filter.one_file_system() {
            return Err(self.not_entered(parent, &stat_at));
        }
        if (crosses || stat_at.mount != above.stat_at.mount) && parent.shows(&stat_at) {
            self.warn(parent, name, Cause::Loop);
            return Err(self.not_entered(parent, &stat_at));
        }
        let rules = if crosses {
            let rules = self.enter_file_system(parent, names, place, &fd, &stat_at);
            rules.map_err(|e| self.unreadable(parent, name, Some(stat_at), e))?
        } else {
            above.rules
        };
        Ok((fd, OpenedDir { stat_at, rules }))
    }

    /// The rules of a child directory on another file system than its parent's.
    fn enter_file_system(
        &self,
        parent: &Arc<OpenDir<S::Done>>,
        names: &Arc<Vec<u8>>,
        place: Name,
        fd: &Arc<Dir>,
        stat_at: &StatAt,
    ) -> io::Result<FsRules> {
        let (described, mount) = (Arc::clone(fd), stat_at.mount);
        let rules = self.devices.rules_for(stat_at.dev, || {
            self.calls.make(parent, names, move |progress| {
                progress.about(place);
                Ok(filesystem::describe_open(&described, mount))
            })
        })?;
        if self.plan.settle {
            let synced = Arc::clone(fd);
            self.calls.make(parent, names, move |progress| {
                progress.about(place);
                native::sync_filesystem(&synced)
            })?;
        }
        Ok(rules)
    }
}

/// How an attempt to open a child directory ended.
enum Attempt {
    Opened(Dir, StatAt),
    /// Opening it would mount something.
    Automount(StatAt),
    /// It is not there any more, and not listed any more.
    Gone,
    /// With its stat after that, if there is one.
    Failed(io::Error, Option<StatAt>),
}

/// Whether a mount waits to be replaced by another: a direct mount of autofs shows that by its type alone.
fn waits_for_a_mount<D>(parent: &OpenDir<D>, child: &StatAt) -> bool {
    child.mount != parent.opened.stat_at.mount && filesystem::is_automount(child.mount)
}

fn attempt<D>(parent: &OpenDir<D>, dir: &Dir, name: &CStr, look_first: bool) -> Attempt {
    let open = || {
        let fd = native::open_child(dir, name)?;
        let stat_at = native::stat_open(&fd)?;
        Ok((fd, stat_at))
    };
    let closed = if look_first { native::stat_child(dir, name).map(Some) } else { Ok(None) };
    let error: io::Error = match closed {
        Ok(Some(child)) if child.automount || waits_for_a_mount(parent, &child) => return Attempt::Automount(child),
        Err(e) => e,
        Ok(_) => match open() {
            // It was opened without fetching it.
            Ok((_, stat_at)) if stat_at.automount => return Attempt::Automount(stat_at),
            Ok((fd, stat_at)) => return Attempt::Opened(fd, stat_at),
            Err(e) => e,
        },
    };
    match native::stat_child(dir, name) {
        Ok(stat_at) => Attempt::Failed(error, Some(stat_at)),
        Err(e) if e.kind() != io::ErrorKind::NotFound => Attempt::Failed(error, None),
        Err(gone) => match parent.still_lists(dir, name.to_bytes()) {
            Ok(false) => Attempt::Gone,
            Ok(true) => Attempt::Failed(gone, None),
            Err(e) => Attempt::Failed(e, None),
        },
    }
}
