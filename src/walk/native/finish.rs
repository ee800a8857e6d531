//! What becomes of a directory: it is handed to the sink when all its children are known, and its outcome to its
//! parent.

use std::io;
use std::sync::Arc;

use super::super::{
    BaseLookup, CarriedEntry, DirListing, FinishedDir, FinishedRoot, Sink, WalkEntry, carry, timeless, unknown,
};
use super::NativeWalk;
use super::open_dir::{OpenDir, OpenedDir};
use super::state::{ChildOutcome, ListingEnd, lock};
use super::threads::thread;
use crate::metadata::{DeviceIndex, Flags, Kind};
use crate::sys::StatAt;
use crate::{Cause, Warning};

impl<B: BaseLookup, S: Sink> NativeWalk<'_, B, S> {
    /// The outcome of a child that was listed as a directory and is something else.
    pub(super) fn other(parent: &OpenDir<S::Done>, stat_at: &StatAt) -> ChildOutcome<S::Done> {
        ChildOutcome::Other { stat: stat_at.stat, flags: parent.opened.flags(stat_at) }
    }

    /// The outcome of a directory that is recorded and not entered.
    pub(super) fn not_entered(&self, parent: &OpenDir<S::Done>, stat_at: &StatAt) -> ChildOutcome<S::Done> {
        let flags = (parent.opened.flags(stat_at) - Flags::FOREIGN) | Flags::NOT_ENTERED;
        ChildOutcome::Dir { stat: stat_at.stat, flags, done: self.empty(parent.opened.rules.device) }
    }

    /// The outcome of a directory that is left closed without a question.
    pub(super) fn unasked(&self, parent: &OpenDir<S::Done>) -> ChildOutcome<S::Done> {
        let done = self.empty(parent.opened.rules.device);
        ChildOutcome::Dir { stat: unknown(Kind::Dir), flags: Flags::UNASKED, done }
    }

    /// The outcome of a directory that stands for a subvolume: an empty one, whose times mean nothing.
    pub(super) fn stub(&self, parent: &OpenDir<S::Done>, stat_at: &StatAt) -> ChildOutcome<S::Done> {
        let done = self.empty(parent.opened.rules.device);
        ChildOutcome::Dir { stat: timeless(stat_at.stat), flags: Flags::empty(), done }
    }

    /// The outcome of a directory that cannot be listed: as it was last known, else without content.
    pub(super) fn unreadable(
        &self,
        parent: &OpenDir<S::Done>,
        name: &[u8],
        stat_at: Option<StatAt>,
        error: io::Error,
    ) -> ChildOutcome<S::Done> {
        let last = carry(self.base, self.sink, &parent.path_of(name));
        self.warn(parent, name, Cause::Unlisted(error));
        self.unlisted(&parent.opened, stat_at, last)
    }

    /// The same without a warning.
    pub(super) fn unlisted(
        &self,
        above: &OpenedDir,
        stat_at: Option<StatAt>,
        last: Option<CarriedEntry<S::Done>>,
    ) -> ChildOutcome<S::Done> {
        let (last_stat, last_flags, last_done) = match last {
            Some(CarriedEntry { stat, flags, done: Some(done) }) => (Some(stat), flags, Some(done)),
            _ => (None, Flags::empty(), None),
        };
        let mut flags = Flags::UNLISTED;
        if last_done.is_some() {
            flags |= Flags::CARRIED;
        }
        let stat = if let Some(stat_at) = stat_at {
            flags |= above.flags(&stat_at) - Flags::FOREIGN;
            stat_at.stat
        } else {
            flags |= Flags::UNKNOWN | last_flags & Flags::RACY;
            last_stat.unwrap_or(unknown(Kind::Dir))
        };
        ChildOutcome::Dir { stat, flags, done: last_done.unwrap_or_else(|| self.empty(above.rules.device)) }
    }

    fn empty(&self, device: DeviceIndex) -> S::Done {
        let listing = &DirListing::default();
        let (stat_reason, ctime) = Default::default();
        let empty = FinishedDir { thread: thread(), device, base_row: None, stat_reason, ctime, listing };
        self.sink.directory(&empty, Vec::new())
    }

    /// Tells the monitor about a child.
    pub(super) fn warn(&self, parent: &OpenDir<S::Done>, name: &[u8], cause: Cause) {
        let path = crate::path::to_path(&parent.path_of(name)).into_owned();
        self.monitor.warning(Warning { path, cause });
    }

    /// Hands a child directory's outcome to its parent.
    pub(super) fn deliver(&self, parent: &Arc<OpenDir<S::Done>>, slot: usize, outcome: ChildOutcome<S::Done>) {
        parent.set(slot, outcome);
        self.climb(Arc::clone(parent));
    }

    /// One part of `dir` is done. If that was the last, finishes it, and then every directory above that this
    /// completes. A loop, since the tree may be deeper than the stack.
    pub(super) fn climb(&self, mut dir: Arc<OpenDir<S::Done>>) {
        while dir.complete() {
            let outcome = self.finish(&dir);
            let Some((parent, slot)) = dir.place() else {
                if let ChildOutcome::Dir { stat, flags, done } = outcome {
                    lock(&self.roots)[dir.slot()] = Some(FinishedRoot { stat, flags, done });
                }
                return;
            };
            parent.set(slot, outcome);
            dir = parent;
        }
    }

    /// All children are known: merges files and directories and hands the directory over.
    fn finish(&self, dir: &Arc<OpenDir<S::Done>>) -> ChildOutcome<S::Done> {
        let mut state = dir.take_state();
        let stat_at = &dir.opened.stat_at;
        let mut flags = dir.opened.flags(stat_at);
        if state.is_patch
            && let Some(done) = self.finish_patch(dir, &mut state)
        {
            return ChildOutcome::Dir { stat: stat_at.stat, flags: flags - Flags::FOREIGN, done };
        }
        match state.end {
            ListingEnd::Complete => {}
            ListingEnd::Excluded => return ChildOutcome::LeftOut,
            ListingEnd::Gone => return ChildOutcome::Gone,
            ListingEnd::Cut => {
                let last = carry(self.base, self.sink, &dir.path());
                return self.unlisted(&dir.opened, Some(*stat_at), last);
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
                // Every child is delivered before its parent is finished. If one were not, it would be unknown.
                ChildOutcome::Pending(_) => {
                    subdirs.push(self.empty(dir.opened.rules.device));
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
            device: dir.opened.rules.device,
            base_row: dir.base.map(|base| base.row),
            stat_reason: state.stat_reason,
            ctime: stat_at.stat.ctime,
            listing: &listing,
        };
        let done = self.sink.directory(&directory, subdirs);
        ChildOutcome::Dir { stat: stat_at.stat, flags, done }
    }
}
