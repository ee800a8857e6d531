//! Reads one directory: lists it, applies the filter, sends its child directories to the other threads and stats the
//! rest.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::Scope;
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;
use rustc_hash::FxHashSet;

use super::super::{
    BaseListing, BaseLookup, CarriedEntry, Name, Sink, StatReason, WalkEntry, carry, is_own, name, unknown,
};
use super::NativeWalk;
use super::open_dir::OpenDir;
use super::raw_listing::RawListing;
use super::state::{ChildOutcome, ListingEnd, Subdir};
use super::stats::Stats;
use crate::filter::{CACHEDIR_SIGNATURE, CACHEDIR_TAG, Marker};
use crate::metadata::{Flags, Kind, Stat};
use crate::path::{push, to_path};
use crate::sys::native::{self, Dir};
use crate::{Cause, Warning};

/// A directory with more files than this is stat'ed by several threads.
const SPLIT: usize = 2048;

/// Files per piece of a split directory.
const PIECE: usize = 256;

/// Files of a split directory after which the extra pool may have started: whole pieces.
const PART: usize = 256 * PIECE;

/// A listing without what the filter leaves out.
#[derive(Default)]
struct FilteredListing {
    names: Vec<u8>,
    subdirs: Vec<Name>,
    files: Vec<Name>,
    /// The metadata of the files, on systems whose listings give it.
    listed: Vec<(Name, Stat)>,
    /// It holds a `CACHEDIR.TAG`, which may leave the directory out.
    cache_tag: bool,
    /// It holds a marker that leaves the directory out.
    excluded: bool,
}

impl<B: BaseLookup, S: Sink> NativeWalk<'_, B, S> {
    /// Reads an open directory and leaves the rest to whoever finishes last.
    pub(super) fn read<'s>(&'s self, scope: &Scope<'s>, dir: Arc<OpenDir<S::Done>>)
    where
        S::Done: 's,
    {
        if self.monitor.cancelled() {
            self.cancelled.store(true, Ordering::Relaxed);
            dir.set_end(ListingEnd::Gone);
        } else {
            match self.descriptor(&dir) {
                Ok(fd) => self.read_open(scope, &dir, &fd),
                Err(e) => self.cut(&dir, e),
            }
        }
        dir.descriptor.release();
        if self.descriptors.is_exceeded() {
            dir.descriptor.close();
        }
        self.climb(dir);
    }

    fn read_open<'s>(&'s self, scope: &Scope<'s>, dir: &Arc<OpenDir<S::Done>>, fd: &Arc<Dir>)
    where
        S::Done: 's,
    {
        if let Some(to_enter) = self.patch_base(dir, fd) {
            return self.spawn_all(scope, dir, to_enter);
        }
        if let Some(base_listing) = self.reusable_listing(dir)
            && self.read_by_base(scope, dir, fd, base_listing)
        {
            return;
        }
        let mut listing = match self.list(dir, fd) {
            Ok(Some(listing)) => listing,
            // A removed directory that is still open lists as ENOENT.
            Ok(None) => return dir.set_end(ListingEnd::Gone),
            Err(e) => return self.cut(dir, e),
        };
        if !dir.is_root() && (listing.excluded || listing.cache_tag && self.is_tagged(dir, fd)) {
            return dir.set_end(ListingEnd::Excluded);
        }
        sort(&mut listing.subdirs, &listing.names);
        sort(&mut listing.files, &listing.names);
        let names = Arc::new(listing.names);
        let total = listing.files.len() + listing.subdirs.len();
        let to_enter = dir.listed(&names, self.match_subdirs(dir, &names, listing.subdirs));
        self.spawn_all(scope, dir, to_enter);
        let unchanged = self.unchanged_by_listing(dir, &names, &mut listing.files, listing.listed);
        let stats = self.stat_all(dir, fd, &names, &Arc::new(listing.files)).and_then(|mut stats| {
            if !stats.missing.is_empty() {
                self.list_again(dir, fd, &names, &mut stats)?;
            }
            stats.add(unchanged, &names);
            Ok(stats)
        });
        match stats {
            Ok(stats) => self.take(scope, dir, &names, stats),
            // No answer: its child directories are walked for nothing.
            Err(e) => self.cut(dir, e),
        }
        self.monitor.directory(&|| dir.shown_path(), total as u64);
    }

    fn spawn_all<'s>(&'s self, scope: &Scope<'s>, dir: &Arc<OpenDir<S::Done>>, slots: Vec<usize>)
    where
        S::Done: 's,
    {
        for slot in slots {
            self.spawn(scope, dir, slot);
        }
    }

    /// Has a child directory read.
    fn spawn<'s>(&'s self, scope: &Scope<'s>, dir: &Arc<OpenDir<S::Done>>, slot: usize)
    where
        S::Done: 's,
    {
        if let Err(task) = self.extra_pool.take((Arc::clone(dir), slot)) {
            scope.spawn(move |scope| self.enter(scope, task));
        }
    }

    /// Reads a directory by the names of the base. False if they are not the directory's after all: then it has to be
    /// listed.
    fn read_by_base<'s>(
        &'s self,
        scope: &Scope<'s>,
        dir: &Arc<OpenDir<S::Done>>,
        fd: &Arc<Dir>,
        base_listing: BaseListing,
    ) -> bool
    where
        S::Done: 's,
    {
        let BaseListing { names, files, subdirs, .. } = base_listing;
        let names = Arc::new(names);
        let total = files.len() + subdirs.len();
        // The files first: if one is missing, the names of the child directories are in doubt, too.
        let stats = self.stat_all(dir, fd, &names, &Arc::new(files));
        if stats.as_ref().is_ok_and(|stats| !stats.missing.is_empty() || !stats.late.is_empty()) {
            return false;
        }
        let subdirs =
            subdirs.into_iter().map(|(name, base)| Subdir { name, outcome: ChildOutcome::Pending(Some(base)) });
        let to_enter = dir.listed(&names, subdirs.collect());
        self.spawn_all(scope, dir, to_enter);
        match stats {
            Ok(stats) => self.take(scope, dir, &names, stats),
            Err(e) => self.cut(dir, e),
        }
        self.monitor.directory(&|| dir.shown_path(), total as u64);
        true
    }

    /// Puts the files of a directory in place.
    fn take<'s>(&'s self, scope: &Scope<'s>, dir: &Arc<OpenDir<S::Done>>, names: &Arc<Vec<u8>>, stats: Stats)
    where
        S::Done: 's,
    {
        let Stats { mut entries, late, failed, .. } = stats;
        if !failed.is_empty() {
            entries.extend(failed.into_iter().filter_map(|(place, e)| self.unread(dir, names, place, e)));
            entries.sort_unstable_by(|a, b| name(names, a.name).cmp(name(names, b.name)));
        }
        let is_unhinted =
            self.plan.hint_filter.is_some_and(|hint_filter| !hint_filter.is_hinted(dir.look, dir.base.as_ref()))
                && !Self::was_left_out(dir);
        dir.set_entries(entries, if is_unhinted { StatReason::Unhinted } else { StatReason::Requested });
        for name in late {
            self.spawn(scope, dir, dir.add_late(name));
        }
    }

    /// The listing broke off: the part that was read does not count.
    fn cut(&self, dir: &OpenDir<S::Done>, error: io::Error) {
        self.monitor.warning(Warning { path: dir.shown_path(), cause: Cause::Unlisted(error) });
        dir.set_end(ListingEnd::Cut);
    }

    /// Lists a directory and leaves out what the filter says; none if it was removed meanwhile.
    fn list(&self, dir: &Arc<OpenDir<S::Done>>, fd: &Arc<Dir>) -> io::Result<Option<FilteredListing>> {
        let (open, own_dir) = (Arc::clone(fd), Arc::clone(dir));
        let raw =
            self.calls.make(dir, &Arc::default(), move |progress| match RawListing::read(&open, Some(progress)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound && own_dir.is_gone() => Ok(None),
                raw => raw.map(Some),
            })?;
        let Some(raw) = raw else { return Ok(None) };
        let filter = self.plan.filter;
        let stat_at = &dir.opened.stat_at;
        let own: Vec<_> = self.plan.own_in(stat_at).collect();
        let mut relative = if filter.has_patterns() { Some(dir.relative()) } else { None };
        let mut listing = FilteredListing::default();
        for (number, (place, kind)) in raw.entries.into_iter().enumerate() {
            let bytes = name(&raw.names, place);
            match filter.marker(bytes) {
                Marker::None => {}
                Marker::Excluded => listing.excluded = true,
                Marker::CacheTag => listing.cache_tag = true,
            }
            if !own.is_empty() && is_own(own.iter().copied(), bytes) {
                continue;
            }
            if let Some(path) = &mut relative {
                let len = push(path, bytes);
                let excluded = filter.excludes(path, kind == Some(Kind::Dir));
                path.truncate(len);
                if excluded {
                    continue;
                }
            }
            if kind == Some(Kind::Dir) {
                listing.subdirs.push(place);
            } else {
                listing.files.push(place);
                listing.listed.extend(raw.stats.get(number).map(|stat| (place, *stat)));
            }
        }
        listing.names = raw.names;
        Ok(Some(listing))
    }

    /// Whether a directory holds a valid `CACHEDIR.TAG`.
    fn is_tagged(&self, dir: &Arc<OpenDir<S::Done>>, fd: &Arc<Dir>) -> bool {
        const LEN: usize = CACHEDIR_SIGNATURE.len();
        let open = Arc::clone(fd);
        match self.calls.make(dir, &Arc::default(), move |_| native::read_start::<LEN>(&open, c"CACHEDIR.TAG")) {
            Ok(start) => start == CACHEDIR_SIGNATURE,
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => {
                let path = to_path(&dir.path_of(CACHEDIR_TAG)).into_owned();
                self.monitor.warning(Warning { path, cause: Cause::Marker(e) });
                false
            }
        }
    }

    /// Stats the files, by several threads if there are many.
    pub(super) fn stat_all(
        &self,
        dir: &Arc<OpenDir<S::Done>>,
        fd: &Arc<Dir>,
        names: &Arc<Vec<u8>>,
        files: &Arc<Vec<Name>>,
    ) -> io::Result<Stats> {
        if files.is_empty() {
            return Ok(Stats::default());
        }
        let stat = |range: Range<usize>| {
            let (fd, own_names, files, opened) = (Arc::clone(fd), Arc::clone(names), Arc::clone(files), dir.opened);
            self.calls
                .make(dir, names, move |progress| Ok(Stats::of(&opened, &fd, &own_names, &files[range], progress)))
        };
        if files.len() <= SPLIT {
            return stat(0..files.len());
        }
        // Each piece has its place among the entries: there may be too many for a second list.
        let unread = WalkEntry { name: files[0], stat: unknown(Kind::Unknown), flags: Flags::UNKNOWN };
        let mut entries = vec![unread; files.len()];
        let mut pieces = Vec::new();
        for (number, part) in entries.chunks_mut(PART).enumerate() {
            let of_part = part.par_chunks_mut(PIECE).enumerate().map(|(piece, place)| {
                let from = number * PART + piece * PIECE;
                Ok(stat(from..from + place.len())?.moved_to(place))
            });
            pieces.append(&mut self.extra_pool.divide(|| of_part.collect::<io::Result<Vec<_>>>())?);
        }
        Ok(Stats::joined(entries, PIECE, pieces))
    }

    /// An entry whose metadata cannot be read: as it was last known. If that was a directory, it goes to the child
    /// directories and nothing is returned: all below it is carried over until the entry can be read.
    fn unread(&self, dir: &Arc<OpenDir<S::Done>>, names: &[u8], place: Name, error: io::Error) -> Option<WalkEntry> {
        let path = dir.path_of(name(names, place));
        self.monitor.warning(Warning { path: to_path(&path).into_owned(), cause: Cause::Unread(error) });
        let (stat, flags) = match carry(self.base, self.sink, &path) {
            None => (unknown(Kind::Unknown), Flags::UNKNOWN),
            Some(CarriedEntry { stat, flags, done: None }) => {
                (stat, flags & Flags::RACY | Flags::UNKNOWN | Flags::CARRIED)
            }
            was_directory => {
                let slot = dir.add_late(place);
                dir.descriptor.release();
                self.deliver(dir, slot, self.unlisted(&dir.opened, None, was_directory));
                return None;
            }
        };
        Some(WalkEntry { name: place, stat, flags })
    }

    /// Names that were listed and not found are gone only if a second listing lacks them, too: a listing proves
    /// absence, a stat never does.
    fn list_again(
        &self,
        dir: &Arc<OpenDir<S::Done>>,
        fd: &Arc<Dir>,
        names: &Arc<Vec<u8>>,
        stats: &mut Stats,
    ) -> io::Result<()> {
        let missing = std::mem::take(&mut stats.missing);
        let (fd, own_names, opened) = (Arc::clone(fd), Arc::clone(names), dir.opened);
        let again = self.calls.make(dir, names, move |progress| {
            // The first listing stands at the end of the directory; a new descriptor starts at the beginning.
            let listing = native::open_child(&fd, c".").and_then(|fd| RawListing::read(&fd, Some(progress)));
            let again: FxHashSet<_> = match &listing {
                Ok(listing) => listing.entries.iter().map(|(place, _)| name(&listing.names, *place)).collect(),
                Err(_) => FxHashSet::default(),
            };
            let is_unknown = listing.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::NotFound);
            let still_there = |place: &Name| is_unknown || again.contains(name(&own_names, *place));
            let left: Vec<_> = missing.into_iter().filter(still_there).collect();
            Ok(match listing {
                // Nothing more is known of these.
                Err(e) if !left.is_empty() => Stats {
                    failed: left.into_iter().map(|place| (place, io::Error::from(e.kind()))).collect(),
                    ..Stats::default()
                },
                _ => Stats::of(&opened, &fd, &own_names, &left, progress),
            })
        })?;
        stats.add(again.entries, names);
        stats.late.extend(again.late);
        stats.failed.extend(again.failed);
        let still_missing = again.missing.into_iter().map(|place| (place, io::Error::from(io::ErrorKind::NotFound)));
        stats.failed.extend(still_missing);
        Ok(())
    }
}

/// Sorts names and drops those that were listed twice, as POSIX allows while a directory changes.
fn sort(files: &mut Vec<Name>, names: &[u8]) {
    let by_name = |a: &Name, b: &Name| name(names, *a).cmp(name(names, *b));
    if files.len() > SPLIT {
        files.par_sort_unstable_by(by_name);
    } else {
        files.sort_unstable_by(by_name);
    }
    files.dedup_by(|a, b| name(names, *a) == name(names, *b));
}
