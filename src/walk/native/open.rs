//! Opens directories: the roots, and each child relative to its parent; sees what file system they lie on.

use std::ffi::CStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::Scope;

use super::super::hint_filter::Look;
use super::super::{FsRules, Name, Sink, name, root_error, with_timeout};
use super::open_dir::{OpenDir, OpenedDir};
use super::read::c_name;
use super::state::ChildOutcome;
use super::{NativeWalk, Task};
use crate::metadata::{Flags, Kind};
use crate::sys::native::{self, Dir};
use crate::sys::{StatAt, filesystem};
use crate::{Cause, Result};

impl<S: Sink> NativeWalk<'_, S> {
    /// Opens a root.
    pub(super) fn open_root(&self, number: usize, path: &Path) -> Result<Arc<OpenDir<S::Done>>> {
        let root = path.to_owned();
        let settle = self.plan.settle;
        let opened = with_timeout(path, self.plan.io_timeout, self.monitor, move || {
            let fd = native::open_root(&root)?;
            let found = native::stat_open(&fd)?;
            Ok((fd, found))
        });
        let (fd, found) = opened.map_err(|e| root_error(path, e))?;
        let fd = Arc::new(fd);
        // The boundary first, then the write-back: what is stored in between is then racy.
        let described = Arc::clone(&fd);
        let describe = || {
            with_timeout(path, self.plan.io_timeout, self.monitor, move || {
                Ok(filesystem::describe_open(&described, found.mount))
            })
        };
        let rules = self.devices.rules_for(found.dev, describe).map_err(|e| root_error(path, e))?;
        if settle {
            let synced = Arc::clone(&fd);
            with_timeout(path, None, self.monitor, move || native::sync_filesystem(&synced))
                .map_err(|e| root_error(path, e))?;
        }
        let look = self.plan.hint_filter.map_or(Look::Whole, |hint_filter| hint_filter.root(number));
        let reuse = self.reuse(&found, &rules, None, self.sink.known_root(number), look);
        self.open.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(OpenDir::root(number, path, OpenedDir { found, rules }, reuse, fd)))
    }

    /// Opens a child directory and reads it, or leaves that to the extra pool.
    pub(super) fn enter<'s>(&'s self, scope: &Scope<'s>, task: Task<S::Done>)
    where
        S::Done: 's,
    {
        let Err((parent, slot)) = self.extra.take(task) else { return };
        let parent = &parent;
        if self.cancelled.load(Ordering::Relaxed) {
            self.child_opened(parent);
            return self.deliver(parent, slot, ChildOutcome::Gone);
        }
        let (names, place, known) = parent.subdir(slot);
        let opened = self.open_child(parent, &names, place);
        self.child_opened(parent);
        match opened {
            Ok((fd, opened)) => {
                let name = c_name(&names, place);
                let look = self.look_at(parent, name.to_bytes(), &opened.found, known.as_ref());
                let reuse = self.reuse(&opened.found, &opened.rules, Some(parent.opened.found.dev), known, look);
                if let Some(done) = self.kept(&opened.found, &reuse) {
                    let flags = parent.opened.flags(&opened.found) - Flags::FOREIGN;
                    return self.deliver(parent, slot, ChildOutcome::Dir { stat: opened.found.stat, flags, done });
                }
                self.open.fetch_add(1, Ordering::Relaxed);
                let name = name.into();
                self.read(scope, Arc::new(OpenDir::child(parent, slot, name, opened, reuse, fd)));
            }
            Err(outcome) => self.deliver(parent, slot, outcome),
        }
    }

    /// The open directory; it may have to be opened again.
    pub(super) fn directory(&self, node: &Arc<OpenDir<S::Done>>) -> io::Result<Arc<Dir>> {
        if let Some(open) = node.open_dir() {
            return Ok(open);
        }
        let closed = Arc::clone(node);
        self.calls.make(node, &Arc::default(), move |_| closed.descriptor())
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
        let dir = self.directory(parent).map_err(|e| self.unreadable(parent, name, None, e))?;
        let look_first = self.automounts || above.rules.may_automount;
        let (above_node, all_names) = (Arc::clone(parent), Arc::clone(names));
        let attempt = self.calls.make(parent, names, move |progress| {
            progress.about(place);
            let attempt = || attempt(&above_node, &dir, c_name(&all_names, place), look_first);
            Ok(match attempt() {
                // ReadOutcome and not found: it may have been away for a moment.
                Attempt::Failed(e, None) if e.kind() == io::ErrorKind::NotFound => attempt(),
                attempt => attempt,
            })
        });
        let (fd, found) = match attempt.map_err(|e| self.unreadable(parent, name, None, e))? {
            Attempt::OpenedDir(fd, found) => (Arc::new(fd), found),
            Attempt::Automount(found) => return Err(self.not_entered(parent, &found)),
            Attempt::Gone => return Err(ChildOutcome::Gone),
            Attempt::Failed(_, Some(found)) if found.stat.kind() != Kind::Dir => {
                return Err(Self::other(parent, &found));
            }
            Attempt::Failed(e, found) => return Err(self.unreadable(parent, name, found, e)),
        };
        if found.dev != above.found.dev && self.plan.filter.one_file_system() {
            return Err(self.not_entered(parent, &found));
        }
        if (found.mount != above.found.mount || found.dev != above.found.dev) && parent.shows(&found) {
            self.warn(parent, name, Cause::Loop);
            return Err(self.not_entered(parent, &found));
        }
        let rules = if found.dev == above.found.dev {
            above.rules
        } else {
            self.meet(parent, names, place, &fd, &found).map_err(|e| self.unreadable(parent, name, Some(found), e))?
        };
        Ok((fd, OpenedDir { found, rules }))
    }

    /// A child directory lies on another file system than its parent.
    fn meet(
        &self,
        parent: &Arc<OpenDir<S::Done>>,
        names: &Arc<Vec<u8>>,
        place: Name,
        fd: &Arc<Dir>,
        found: &StatAt,
    ) -> io::Result<FsRules> {
        let (described, mount) = (Arc::clone(fd), found.mount);
        let rules = self.devices.rules_for(found.dev, || {
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

/// What came of opening a child directory.
enum Attempt {
    OpenedDir(Dir, StatAt),
    /// Opening it would mount something.
    Automount(StatAt),
    /// It is not there any more, and not listed any more.
    Gone,
    /// And what a stat says then.
    Failed(io::Error, Option<StatAt>),
}

/// Whether something else is to be mounted in the place of a mount: a direct one of autofs says so by its type alone.
fn waits_for_a_mount<D>(parent: &OpenDir<D>, found: &StatAt) -> bool {
    found.mount != parent.opened.found.mount && filesystem::is_automount(found.mount)
}

fn attempt<D>(parent: &OpenDir<D>, dir: &Dir, name: &CStr, look_first: bool) -> Attempt {
    let open = || {
        let fd = native::open_child(dir, name)?;
        let found = native::stat_open(&fd)?;
        Ok((fd, found))
    };
    let looked = if look_first { native::stat_child(dir, name).map(Some) } else { Ok(None) };
    let error: io::Error = match looked {
        Ok(Some(found)) if found.automount || waits_for_a_mount(parent, &found) => return Attempt::Automount(found),
        Err(e) => e,
        Ok(_) => match open() {
            Ok((fd, found)) => return Attempt::OpenedDir(fd, found),
            Err(e) => e,
        },
    };
    match native::stat_child(dir, name) {
        Ok(found) => Attempt::Failed(error, Some(found)),
        Err(e) if e.kind() != io::ErrorKind::NotFound => Attempt::Failed(error, None),
        Err(gone) => match parent.still_lists(dir, name.to_bytes()) {
            Ok(false) => Attempt::Gone,
            Ok(true) => Attempt::Failed(gone, None),
            Err(e) => Attempt::Failed(e, None),
        },
    }
}
