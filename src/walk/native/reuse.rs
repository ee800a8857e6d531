//! What the base saves: a directory that provably did not change itself need not be listed.
//!
//! Creating, removing or renaming an entry moves the mtime and the ctime of its directory, and no program can set a
//! ctime. A directory on the same file system, with the inode, mtime and ctime that it had before it was listed then,
//! holds the same names. If it changed within the tick of that stamp, it was racy, and is listed. All this proves
//! nothing about its files: each of them is stat'ed.

use std::sync::Arc;

use super::super::hint_filter::{Look, NAMES_UNPROVED};
use super::super::{
    BaseDir, BaseListing, BaseLookup, Detail, FsRules, Name, PatchedDir, Sink, StatReason, WalkEntry, name,
};
use super::NativeWalk;
use super::open_dir::{OpenDir, Reuse};
use super::state::{ChildOutcome, DirState, ListingEnd, Subdir};
use super::threads::thread;
use crate::filter::{CACHEDIR_TAG, Marker};
use crate::metadata::Flags;
use crate::path::push;
use crate::sys::StatAt;
use crate::sys::native::Dir;

impl<B: BaseLookup, S: Sink> NativeWalk<'_, B, S> {
    /// What the base saves of reading a directory: nothing if it is not the same directory any more. `above` is the
    /// device of the directory that holds it, none for a root.
    pub(super) fn reuse(
        &self,
        stat_at: &StatAt,
        rules: &FsRules,
        above: Option<u64>,
        base: Option<BaseDir>,
        look: Look,
    ) -> Reuse {
        let is_same = |base: &BaseDir| {
            let is_same_file_system = match above {
                Some(above) if above == stat_at.dev => !base.is_mount,
                _ => self.base.file_system(base.row).is_some_and(|fs| self.devices.is(rules.device, fs)),
            };
            is_same_file_system && stat_at.is_at(stat_at.dev, base.stat.ino) && base.stat.birth == stat_at.stat.birth
        };
        let base = base.filter(|base| !rules.racy_at_the_end && is_same(base));
        // What the base could not read is older than the base: hints since then do not cover it.
        let is_covered = self.plan.hint_filter.is_some_and(|hint_filter| hint_filter.covers(rules.changes_are_local))
            && base.is_some_and(|base| !base.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED | Flags::CARRIED));
        let look = if is_covered { look } else { Look::Whole };
        Reuse { base, look }
    }

    /// What has to be read in a child directory that was opened. If it was renamed and renamed back, hints may name
    /// what changed below it by the other name. Then a hint names the directory itself, and its ctime and its
    /// parent's times have moved: all of it is read.
    pub(super) fn look_into(
        &self,
        parent: &OpenDir<S::Done>,
        name: &[u8],
        stat_at: &StatAt,
        base: Option<&BaseDir>,
    ) -> Look {
        let Some(hint_filter) = self.plan.hint_filter else { return Look::Whole };
        if let Some(look) = hint_filter.of_part(base) {
            return look;
        }
        let look = hint_filter.below(parent.look, name);
        let may_have_been_away = hint_filter.is_named(look)
            && base.is_some_and(|base| base.stat.ctime != stat_at.stat.ctime)
            && parent.base.is_none_or(|above| !is_unchanged(&parent.opened.stat_at, &above));
        if may_have_been_away { Look::Whole } else { look }
    }

    /// A directory that was opened only to see whether it is as before. If it is, and nothing below it has to be read,
    /// it is kept from the base.
    pub(super) fn keep_unchanged(&self, stat_at: &StatAt, reuse: &Reuse) -> Option<S::Done> {
        let (hint_filter, base) = (self.plan.hint_filter?, reuse.base?);
        let needs = hint_filter.needs(reuse.look, &base) || !is_unchanged(stat_at, &base);
        if needs { None } else { self.sink.keep(base.row) }
    }

    /// Takes the entries of a directory that did not change itself from the base, and reads only those that hints name.
    /// Returns the slots of the child directories that have to be entered; none if all entries have to be read.
    pub(super) fn patch_base(&self, dir: &Arc<OpenDir<S::Done>>, fd: &Arc<Dir>) -> Option<Vec<usize>> {
        let (hint_filter, base) = (self.plan.hint_filter?, dir.base?);
        let stat_at = &dir.opened.stat_at;
        if hint_filter.reads(dir.look, &base)
            || !is_unchanged(stat_at, &base)
            || self.plan.own_in(stat_at).next().is_some()
        {
            return None;
        }
        let base_listing = self.base.listing(base.row, Detail::Names)?;
        if base_listing.lacks_own || base_listing.flags.intersects(NAMES_UNPROVED) {
            return None;
        }
        let is_named = |place| hint_filter.below(dir.look, name(&base_listing.names, place)) != Look::Hinted(None);
        let dirs_named = base_listing.subdirs.iter().filter(|(place, _)| is_named(*place)).count();
        let mut named = Vec::new();
        if dirs_named < hint_filter.named(dir.look) {
            named.extend(base_listing.files.iter().copied().filter(|place| is_named(*place)));
        }
        // The content of a marker may leave out the whole directory.
        let filter = self.plan.filter;
        if filter.has_markers()
            && named.iter().any(|place| filter.marker(name(&base_listing.names, *place)) != Marker::None)
        {
            return None;
        }
        // Only a listing can tell about a name that the base lacks, or if times do not prove names.
        let is_proved = dir.opened.rules.stamps_prove_names || named.is_empty();
        if hint_filter.named(dir.look) != named.len() + dirs_named || !is_proved {
            return None;
        }
        let names = Arc::new(base_listing.names);
        let reason = if named.is_empty() { StatReason::NotDone } else { StatReason::Requested };
        let entries = self.stat_all(dir, fd, &names, &Arc::new(named)).ok()?.complete()?;
        dir.set_patch(entries, reason);
        let subdirs = base_listing.subdirs.into_iter().map(|(place, base)| {
            let look = hint_filter.below(dir.look, name(&names, place));
            let kept = if hint_filter.needs(look, &base) { None } else { self.sink.keep(base.row) };
            let outcome = match kept {
                Some(done) => ChildOutcome::Dir { stat: base.stat, flags: base.flags, done },
                None => ChildOutcome::Pending(Some(base)),
            };
            Subdir { name: place, outcome }
        });
        let subdirs = subdirs.collect();
        Some(dir.listed(&names, subdirs))
    }

    /// Finishes a directory of which only what hints name was read: the base's, with new records of that and of its
    /// child directories. None if that is not possible; then `state` holds all its entries, or its end is
    /// [`ListingEnd::Cut`] if the base cannot be relied on.
    pub(super) fn finish_patch(&self, dir: &OpenDir<S::Done>, state: &mut DirState<S::Done>) -> Option<S::Done> {
        let base = dir.base?;
        let mut now = std::mem::take(&mut state.listing.entries);
        let mut subdirs = Vec::with_capacity(state.subdirs.len());
        let mut dirs = Vec::with_capacity(state.subdirs.len());
        for subdir in &state.subdirs {
            if let ChildOutcome::Dir { stat, flags, done } = subdir.outcome {
                dirs.push(WalkEntry { name: subdir.name, stat, flags });
                subdirs.push(done);
            }
        }
        if subdirs.len() == state.subdirs.len() {
            let directory = PatchedDir {
                thread: thread(),
                device: dir.opened.rules.device,
                row: base.row,
                files: &now,
                dirs: &dirs,
            };
            let done = self.sink.patched(&directory, &subdirs);
            if done.is_some() {
                return done;
            }
        }
        match self.base.listing(base.row, Detail::Metadata) {
            Some(base_listing) => {
                let mut fresh = now.drain(..).peekable();
                let entry = |then: WalkEntry| fresh.next_if(|now| now.name == then.name).unwrap_or(then);
                state.listing.entries = base_listing.entries.into_iter().map(entry).collect();
            }
            None => state.end = ListingEnd::Cut,
        }
        None
    }

    /// The base's listing of a directory, if it proves which names the directory holds now.
    pub(super) fn reusable_listing(&self, dir: &Arc<OpenDir<S::Done>>) -> Option<BaseListing> {
        let base = dir.base?;
        let stat_at = &dir.opened.stat_at;
        let is_proved = dir.opened.rules.stamps_prove_names
            && is_unchanged(stat_at, &base)
            && !base.flags.intersects(NAMES_UNPROVED)
            && self.plan.own_in(stat_at).next().is_none();
        if !is_proved {
            return None;
        }
        let base_listing = self.base.listing(base.row, Detail::Names)?;
        let filter = self.plan.filter;
        let is_marker = |place: &Name| filter.marker(name(&base_listing.names, *place)) != Marker::None;
        // The content of a file makes a cache directory, and a pattern may leave that file out.
        let hides_tag = || {
            filter.marker(CACHEDIR_TAG) == Marker::CacheTag && filter.has_patterns() && {
                let mut path = dir.relative();
                push(&mut path, CACHEDIR_TAG);
                filter.excludes(&path, false)
            }
        };
        let in_doubt =
            base_listing.lacks_own || filter.has_markers() && (base_listing.files.iter().any(is_marker) || hides_tag());
        (!in_doubt).then_some(base_listing)
    }

    /// Whether anything new in a directory can only be what a marker left out before.
    pub(super) fn was_left_out(dir: &OpenDir<S::Done>) -> bool {
        dir.opened.rules.stamps_prove_names
            && dir.base.is_some_and(|base| {
                base.flags & NAMES_UNPROVED == Flags::LEFT_OUT && is_unchanged(&dir.opened.stat_at, &base)
            })
    }

    /// Finds the child directories of a directory that had to be listed in the base; `subdirs` are sorted by name.
    pub(super) fn match_subdirs(
        &self,
        dir: &Arc<OpenDir<S::Done>>,
        names: &[u8],
        subdirs: Vec<Name>,
    ) -> Vec<Subdir<S::Done>> {
        let base_listing = dir.base.and_then(|base| self.base.listing(base.row, Detail::Subdirs)).unwrap_or_default();
        let mut before = base_listing.subdirs.into_iter().peekable();
        let find = |place| {
            let wanted = name(names, place);
            while before.next_if(|(place, _)| name(&base_listing.names, *place) < wanted).is_some() {}
            let base = before.next_if(|(place, _)| name(&base_listing.names, *place) == wanted);
            Subdir { name: place, outcome: ChildOutcome::Pending(base.map(|(_, base)| base)) }
        };
        subdirs.into_iter().map(find).collect()
    }
}

/// Whether the times of a directory are as in the base.
fn is_unchanged(stat_at: &StatAt, base: &BaseDir) -> bool {
    (stat_at.stat.mtime, stat_at.stat.ctime) == (base.stat.mtime, base.stat.ctime)
}
