//! What an earlier snapshot saves: the names of a directory that provably did not change need no listing.
//!
//! Creating, removing and renaming an entry moves the mtime and the ctime of its directory, and no program can set
//! a ctime. So a directory with the inode, the mtime and the ctime that it had before it was listed then, on the same
//! file system, holds the same names, unless it changed within the tick of that stamp: then it was racy. That
//! proves nothing of its files: each of them is looked at.

use std::sync::Arc;

use super::super::hint_filter::{Look, NAMES_UNPROVED};
use super::super::{BaseDir, BaseListing, Detail, FsRules, Looked, Name, PatchedDir, Sink, WalkEntry, name};
use super::open_dir::{OpenDir, Reuse};
use super::state::{ChildOutcome, DirState, ListingEnd, Subdir};
use super::{NativeWalk, thread};
use crate::filter::{CACHEDIR_TAG, Marker};
use crate::metadata::{Flags, Kind};
use crate::path::push;
use crate::sys::StatAt;
use crate::sys::native::Dir;

impl<S: Sink> NativeWalk<'_, S> {
    /// What was known of a directory counts if this is still the same one. `above` is the device of the directory
    /// that holds it, none for a root.
    pub(super) fn reuse(
        &self,
        found: &StatAt,
        rules: &FsRules,
        above: Option<u64>,
        known: Option<BaseDir>,
        look: Look,
    ) -> Reuse {
        let is_same = |known: &BaseDir| {
            let is_same_file_system = match above {
                Some(above) if above == found.dev => !known.is_mount,
                _ => self.sink.known_file_system(known.row).is_some_and(|fs| self.devices.is(rules.device, fs)),
            };
            is_same_file_system && known.stat.ino == found.stat.ino && known.stat.birth == found.stat.birth
        };
        let known = known.filter(|known| !rules.racy_at_the_end && is_same(known));
        // Nobody is told of what others change on a file system that they share; and what is older than the base itself, since
        // it could not be read then, was hinted at in vain.
        let is_told = rules.changes_are_local
            && known.is_some_and(|known| !known.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED | Flags::CARRIED));
        let look = if is_told { look } else { Look::Whole };
        Reuse { known, look }
    }

    /// What has to be looked at in a child directory that was opened. One that was away for a while, and back under its name,
    /// was changed under another: it is named itself then, and both its own ctime and its parent's times have moved.
    pub(super) fn look_at(
        &self,
        parent: &OpenDir<S::Done>,
        name: &[u8],
        found: &StatAt,
        known: Option<&BaseDir>,
    ) -> Look {
        let Some(hint_filter) = self.plan.hint_filter else { return Look::Whole };
        let look = hint_filter.below(parent.look, name);
        let may_have_been_away = hint_filter.is_named(look)
            && known.is_some_and(|known| known.stat.ctime != found.stat.ctime)
            && parent.known.is_none_or(|above| !is_unchanged(&parent.opened.found, &above));
        if may_have_been_away { Look::Whole } else { look }
    }

    /// A directory that was opened only to see whether it is as before, and is, and nothing below it has to be
    /// looked at: taken over from the base.
    pub(super) fn kept(&self, found: &StatAt, reuse: &Reuse) -> Option<S::Done> {
        let (hint_filter, known) = (self.plan.hint_filter?, reuse.known?);
        let needs = hint_filter.needs(reuse.look, &known) || !is_unchanged(found, &known);
        if needs { None } else { self.sink.kept(known.row) }
    }

    /// The entries of a directory that did not change itself, taken over from the base but for those that hints name; the
    /// places of the child directories that have to be entered. None if all of it has to be looked at.
    pub(super) fn entries_of_base(&self, node: &Arc<OpenDir<S::Done>>, dir: &Arc<Dir>) -> Option<Vec<usize>> {
        let (hint_filter, known) = (self.plan.hint_filter?, node.known?);
        let found = &node.opened.found;
        if hint_filter.reads(node.look, &known)
            || !is_unchanged(found, &known)
            || self.plan.own_in(found.dev, found.stat.ino).next().is_some()
        {
            return None;
        }
        let listing_of_base = self.sink.listing_of_base(known.row, Detail::Names)?;
        if listing_of_base.lacks_own || listing_of_base.flags.intersects(NAMES_UNPROVED) {
            return None;
        }
        let is_named = |place| hint_filter.below(node.look, name(&listing_of_base.names, place)) != Look::Hinted(None);
        let dirs_named = listing_of_base.subdirs.iter().filter(|(place, _)| is_named(*place)).count();
        let mut named = Vec::new();
        if dirs_named < hint_filter.named(node.look) {
            named.extend(listing_of_base.files.iter().copied().filter(|place| is_named(*place)));
        }
        // What is in a marker may leave out the whole directory.
        let filter = self.plan.filter;
        if filter.has_markers()
            && named.iter().any(|place| filter.marker(name(&listing_of_base.names, *place)) != Marker::None)
        {
            return None;
        }
        // Of what is named and not known, and where names prove nothing, only a listing tells.
        let is_proved = node.opened.rules.stamps_prove_names || named.is_empty();
        if hint_filter.named(node.look) != named.len() + dirs_named || !is_proved {
            return None;
        }
        let names = Arc::new(listing_of_base.names);
        let looked = if named.is_empty() { Looked::Not } else { Looked::Asked };
        let entries = self.stat_all(node, dir, &names, &Arc::new(named)).ok()?.complete()?;
        self.look_for_symlinks(node, &names, &entries);
        node.set_passed(entries, looked);
        let subdirs = listing_of_base.subdirs.into_iter().map(|(place, known)| {
            let look = hint_filter.below(node.look, name(&names, place));
            let kept = if hint_filter.needs(look, &known) { None } else { self.sink.kept(known.row) };
            let outcome = match kept {
                Some(done) => ChildOutcome::Dir { stat: known.stat, flags: known.flags, done },
                None => ChildOutcome::Pending(Some(known)),
            };
            Subdir { name: place, outcome }
        });
        let subdirs = subdirs.collect();
        Some(node.listed(&names, subdirs))
    }

    /// What hints name below a symlink lies elsewhere.
    pub(super) fn look_for_symlinks(&self, node: &OpenDir<S::Done>, names: &[u8], entries: &[WalkEntry]) {
        let Some(hint_filter) = self.plan.hint_filter.filter(|hint_filter| hint_filter.named(node.look) > 0) else {
            return;
        };
        for entry in entries.iter().filter(|entry| entry.stat.kind() == Kind::Symlink) {
            let name = name(names, entry.name);
            // What took the place of a directory was hinted at as that.
            let was_one = || {
                let last = self.sink.last_known(&node.path_of(name));
                last.is_some_and(|(stat, ..)| stat.kind() == Kind::Symlink)
            };
            if hint_filter.is_named_below(node.look, name) && was_one() {
                self.sink.hint_below_symlink();
            }
        }
    }

    /// What became of a directory of which only what hints name was looked at: the one of the base with other records of
    /// those and of its child directories. None if it is not that simple; then `state` holds all its entries, or none if
    /// the base cannot be relied on.
    pub(super) fn finish_passed(&self, node: &OpenDir<S::Done>, state: &mut DirState<S::Done>) -> Option<S::Done> {
        let known = node.known?;
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
                device: node.opened.rules.device,
                row: known.row,
                files: &now,
                dirs: &dirs,
            };
            let done = self.sink.passed(&directory, &subdirs);
            if done.is_some() {
                return done;
            }
        }
        match self.sink.listing_of_base(known.row, Detail::Metadata) {
            Some(listing_of_base) => {
                let mut fresh = now.drain(..).peekable();
                let entry = |then: WalkEntry| fresh.next_if(|now| now.name == then.name).unwrap_or(then);
                state.listing.entries = listing_of_base.entries.into_iter().map(entry).collect();
            }
            None => state.ended = ListingEnd::Cut,
        }
        None
    }

    /// The names in a directory, if they are known without listing it.
    pub(super) fn names_without_listing(&self, node: &Arc<OpenDir<S::Done>>) -> Option<BaseListing> {
        let known = node.known?;
        let found = &node.opened.found;
        let is_as_known = node.opened.rules.stamps_prove_names
            && is_unchanged(found, &known)
            && !known.flags.intersects(NAMES_UNPROVED)
            && self.plan.own_in(found.dev, found.stat.ino).next().is_none();
        if !is_as_known {
            return None;
        }
        let listing_of_base = self.sink.listing_of_base(known.row, Detail::Names)?;
        let filter = self.plan.filter;
        let is_marker = |place: &Name| filter.marker(name(&listing_of_base.names, *place)) != Marker::None;
        // What makes a cache directory of one is the content of a file, which may be left out itself.
        let hides_tag = || {
            filter.marker(CACHEDIR_TAG) == Marker::CacheTag && filter.has_patterns() && {
                let mut path = node.relative();
                push(&mut path, CACHEDIR_TAG);
                filter.excludes(&path, false)
            }
        };
        let in_doubt = listing_of_base.lacks_own
            || filter.has_markers() && (listing_of_base.files.iter().any(is_marker) || hides_tag());
        (!in_doubt).then_some(listing_of_base)
    }

    /// Whether what is new in a directory can only be what a marker left out before.
    pub(super) fn comes_from_left_out(node: &OpenDir<S::Done>) -> bool {
        node.opened.rules.stamps_prove_names
            && node.known.is_some_and(|known| {
                known.flags & NAMES_UNPROVED == Flags::LEFT_OUT && is_unchanged(&node.opened.found, &known)
            })
    }

    /// What is known of the child directories of a directory that had to be listed: `subdirs`, sorted by name.
    pub(super) fn known_subdirs(
        &self,
        node: &Arc<OpenDir<S::Done>>,
        names: &[u8],
        subdirs: Vec<Name>,
    ) -> Vec<Subdir<S::Done>> {
        let listing_of_base =
            node.known.and_then(|known| self.sink.listing_of_base(known.row, Detail::Subdirs)).unwrap_or_default();
        let mut before = listing_of_base.subdirs.into_iter().peekable();
        let reuse = |place| {
            let wanted = name(names, place);
            while before.next_if(|(place, _)| name(&listing_of_base.names, *place) < wanted).is_some() {}
            let known = before.next_if(|(place, _)| name(&listing_of_base.names, *place) == wanted);
            Subdir { name: place, outcome: ChildOutcome::Pending(known.map(|(_, known)| known)) }
        };
        subdirs.into_iter().map(reuse).collect()
    }
}

fn is_unchanged(found: &StatAt, known: &BaseDir) -> bool {
    (found.stat.mtime, found.stat.ctime) == (known.stat.mtime, known.stat.ctime)
}
