//! Reads one directory: lists it, applies the filter, sends its child directories to the other
//! threads and stats the rest.

use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::Scope;
use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::ParallelSliceMut as _;
use rustc_hash::FxHashSet;

use super::super::{BaseListing, Looked, Name, Sink, WalkEntry, is_own, name, push_name, unknown};
use super::NativeWalk;
use super::calls::CallProgress;
use super::open_dir::OpenDir;
use super::state::{ChildOutcome, ListingEnd, Subdir};
use super::stats::Stats;

use crate::filter::{CACHEDIR_SIGNATURE, CACHEDIR_TAG, Marker};
use crate::metadata::{Flags, Kind};
use crate::path::{push, to_path};
use crate::sys::native::{self, Dir};
use crate::{Cause, Warning};

/// A directory with more files than this is stat'ed by several threads.
const SPLIT: usize = 2048;

/// Files per piece of a split directory.
const PIECE: usize = 256;

/// Files of a split directory after which more threads may have come: whole pieces.
const PART: usize = 256 * PIECE;

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> =
        RefCell::new(vec![MaybeUninit::uninit(); native::LISTING_BUFFER]);
}

/// What a listing came to.
#[derive(Default)]
struct ReadOutcome {
    names: Vec<u8>,
    subdirs: Vec<Name>,
    files: Vec<Name>,
    cache_tag: bool,
    excluded: bool,
}

impl<S: Sink> NativeWalk<'_, S> {
    /// Reads an open directory and leaves the rest to whoever finishes last.
    pub(super) fn read<'s>(&'s self, scope: &Scope<'s>, node: Arc<OpenDir<S::Done>>)
    where
        S::Done: 's,
    {
        if self.monitor.cancelled() {
            self.cancelled.store(true, Ordering::Relaxed);
            node.set_ended(ListingEnd::Gone);
        } else {
            match self.directory(&node) {
                Ok(dir) => self.read_open(scope, &node, &dir),
                Err(e) => self.cut(&node, e),
            }
        }
        if node.release() || (self.open.load(Ordering::Relaxed) > self.open_limit && node.close_early()) {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
        self.climb(node);
    }

    fn read_open<'s>(&'s self, scope: &Scope<'s>, node: &Arc<OpenDir<S::Done>>, dir: &Arc<Dir>)
    where
        S::Done: 's,
    {
        if let Some(to_enter) = self.entries_of_base(node, dir) {
            return self.spawn_all(scope, node, to_enter);
        }
        if let Some(listing_of_base) = self.names_without_listing(node)
            && self.read_remembered(scope, node, dir, listing_of_base)
        {
            return;
        }
        let mut listed = match self.list(node, dir) {
            Ok(Some(listed)) => listed,
            // A removed directory that is still open lists as ENOENT.
            Ok(None) => return node.set_ended(ListingEnd::Gone),
            Err(e) => return self.cut(node, e),
        };
        if !node.is_root() && (listed.excluded || listed.cache_tag && self.is_tagged(node, dir)) {
            return node.set_ended(ListingEnd::Excluded);
        }
        sort(&mut listed.subdirs, &listed.names);
        sort(&mut listed.files, &listed.names);
        let names = Arc::new(listed.names);
        let total = listed.files.len() + listed.subdirs.len();
        let to_enter = node.listed(&names, self.known_subdirs(node, &names, listed.subdirs));
        self.spawn_all(scope, node, to_enter);
        let stated = self.stat_all(node, dir, &names, &Arc::new(listed.files)).and_then(|mut stated| {
            if !stated.missing.is_empty() {
                self.look_again(node, dir, &names, &mut stated)?;
            }
            Ok(stated)
        });
        match stated {
            Ok(stated) => self.take(scope, node, &names, stated),
            // No answer: its child directories are walked for nothing.
            Err(e) => self.cut(node, e),
        }
        self.monitor.directory(&|| node.shown_path(), total as u64);
    }

    fn spawn_all<'s>(&'s self, scope: &Scope<'s>, node: &Arc<OpenDir<S::Done>>, slots: Vec<usize>)
    where
        S::Done: 's,
    {
        for slot in slots {
            self.spawn(scope, node, slot);
        }
    }

    fn spawn<'s>(&'s self, scope: &Scope<'s>, node: &Arc<OpenDir<S::Done>>, slot: usize)
    where
        S::Done: 's,
    {
        if let Err(task) = self.extra.take((Arc::clone(node), slot)) {
            scope.spawn(move |scope| self.enter(scope, task));
        }
    }

    /// Reads a directory whose names are known. False if they turn out not to be: then it has to be listed after all.
    fn read_remembered<'s>(
        &'s self,
        scope: &Scope<'s>,
        node: &Arc<OpenDir<S::Done>>,
        dir: &Arc<Dir>,
        listing_of_base: BaseListing,
    ) -> bool
    where
        S::Done: 's,
    {
        let BaseListing { names, files, subdirs, .. } = listing_of_base;
        let names = Arc::new(names);
        let total = files.len() + subdirs.len();
        // The files first: no child directory is entered by a name that has to be doubted.
        let stated = self.stat_all(node, dir, &names, &Arc::new(files));
        if stated.as_ref().is_ok_and(|stated| !stated.missing.is_empty() || !stated.late.is_empty()) {
            return false;
        }
        let subdirs =
            subdirs.into_iter().map(|(name, known)| Subdir { name, outcome: ChildOutcome::Pending(Some(known)) });
        let to_enter = node.listed(&names, subdirs.collect());
        self.spawn_all(scope, node, to_enter);
        match stated {
            Ok(stated) => self.take(scope, node, &names, stated),
            Err(e) => self.cut(node, e),
        }
        self.monitor.directory(&|| node.shown_path(), total as u64);
        true
    }

    /// Puts the files of a directory in place.
    fn take<'s>(&'s self, scope: &Scope<'s>, node: &Arc<OpenDir<S::Done>>, names: &Arc<Vec<u8>>, stated: Stats)
    where
        S::Done: 's,
    {
        let Stats { mut entries, late, failed, .. } = stated;
        if !failed.is_empty() {
            entries.extend(failed.into_iter().filter_map(|(place, e)| self.unread(node, names, place, e)));
            entries.sort_unstable_by(|a, b| name(names, a.name).cmp(name(names, b.name)));
        }
        let unhinted = self.plan.hint_filter.is_some_and(|hint_filter| !hint_filter.is_hinted(node.look))
            && !Self::comes_from_left_out(node);
        self.look_for_symlinks(node, names, &entries);
        node.set_entries(entries, if unhinted { Looked::Unhinted } else { Looked::Asked });
        for name in late {
            self.spawn(scope, node, node.add_late(name));
        }
    }

    /// The listing broke off: what was seen of it is not relied on.
    fn cut(&self, node: &OpenDir<S::Done>, error: io::Error) {
        self.monitor.warning(Warning { path: node.shown_path(), cause: Cause::Unlisted(error) });
        node.set_ended(ListingEnd::Cut);
    }

    /// Lists a directory and leaves out what the filter says; none if it was removed meanwhile.
    fn list(&self, node: &Arc<OpenDir<S::Done>>, dir: &Arc<Dir>) -> io::Result<Option<ReadOutcome>> {
        let (open, listing) = (Arc::clone(dir), Arc::clone(node));
        let raw =
            self.calls.make(node, &Arc::default(), move |progress| match RawListing::read(&open, Some(progress)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound && listing.is_gone() => Ok(None),
                raw => raw.map(Some),
            })?;
        let Some(raw) = raw else { return Ok(None) };
        let filter = self.plan.filter;
        let found = &node.opened.found;
        let own: Vec<_> = self.plan.own_in(found.dev, found.stat.ino).collect();
        let mut relative = if filter.has_patterns() { Some(node.relative()) } else { None };
        let mut listed = ReadOutcome::default();
        for (place, kind) in raw.entries {
            let bytes = name(&raw.names, place);
            match filter.marker(bytes) {
                Marker::None => {}
                Marker::Excluded => listed.excluded = true,
                Marker::CacheTag => listed.cache_tag = true,
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
            if kind == Some(Kind::Dir) { listed.subdirs.push(place) } else { listed.files.push(place) }
        }
        listed.names = raw.names;
        Ok(Some(listed))
    }

    fn is_tagged(&self, node: &Arc<OpenDir<S::Done>>, dir: &Arc<Dir>) -> bool {
        const LEN: usize = CACHEDIR_SIGNATURE.len();
        let open = Arc::clone(dir);
        match self.calls.make(node, &Arc::default(), move |_| native::read_start::<LEN>(&open, c"CACHEDIR.TAG")) {
            Ok(start) => start == CACHEDIR_SIGNATURE,
            Err(e) if e.kind() == io::ErrorKind::NotFound => false,
            Err(e) => {
                let path = to_path(&node.path_of(CACHEDIR_TAG)).into_owned();
                self.monitor.warning(Warning { path, cause: Cause::Marker(e) });
                false
            }
        }
    }

    /// Stats the files, by several threads if there are many.
    pub(super) fn stat_all(
        &self,
        node: &Arc<OpenDir<S::Done>>,
        dir: &Arc<Dir>,
        names: &Arc<Vec<u8>>,
        files: &Arc<Vec<Name>>,
    ) -> io::Result<Stats> {
        if files.is_empty() {
            return Ok(Stats::default());
        }
        let stat = |range: Range<usize>| {
            let (dir, own_names, files, above) = (Arc::clone(dir), Arc::clone(names), Arc::clone(files), node.opened);
            self.calls
                .make(node, names, move |progress| Ok(Stats::of(&above, &dir, &own_names, &files[range], progress)))
        };
        if files.len() <= SPLIT {
            return stat(0..files.len());
        }
        // Each piece has its place among the entries: there may be too many for a extra list.
        let unread = WalkEntry { name: files[0], stat: unknown(Kind::Unknown), flags: Flags::UNKNOWN };
        let mut entries = vec![unread; files.len()];
        let mut pieces = Vec::new();
        for (number, part) in entries.chunks_mut(PART).enumerate() {
            let of_part = part.par_chunks_mut(PIECE).enumerate().map(|(piece, place)| {
                let from = number * PART + piece * PIECE;
                Ok(stat(from..from + place.len())?.moved_to(place))
            });
            pieces.append(&mut self.extra.divide(|| of_part.collect::<io::Result<Vec<_>>>())?);
        }
        Ok(Stats::joined(entries, PIECE, pieces))
    }

    /// An entry whose metadata cannot be read: as it was last known. Nothing if that was a directory: whatever
    /// it is now, all that lay below is kept until that can be told.
    fn unread(&self, node: &Arc<OpenDir<S::Done>>, names: &[u8], place: Name, error: io::Error) -> Option<WalkEntry> {
        let path = node.path_of(name(names, place));
        self.monitor.warning(Warning { path: to_path(&path).into_owned(), cause: Cause::Unread(error) });
        let (stat, flags) = match self.sink.last_known(&path) {
            None => (unknown(Kind::Unknown), Flags::UNKNOWN),
            Some((stat, flags, None)) => (stat, flags & Flags::RACY | Flags::UNKNOWN | Flags::CARRIED),
            was_directory => {
                let slot = node.add_late(place);
                self.child_opened(node);
                self.deliver(node, slot, self.unlisted(&node.opened, None, was_directory));
                return None;
            }
        };
        Some(WalkEntry { name: place, stat, flags })
    }

    /// Names that were listed and could not be found are gone only if a extra listing does not have them
    /// either: absence is proved by a listing, never by a stat.
    fn look_again(
        &self,
        node: &Arc<OpenDir<S::Done>>,
        dir: &Arc<Dir>,
        names: &Arc<Vec<u8>>,
        stated: &mut Stats,
    ) -> io::Result<()> {
        let missing = std::mem::take(&mut stated.missing);
        let (dir, own_names, above) = (Arc::clone(dir), Arc::clone(names), node.opened);
        let again = self.calls.make(node, names, move |progress| {
            // The first listing stands at the end of the directory; a new descriptor begins anew.
            let listed = native::open_child(&dir, c".").and_then(|anew| RawListing::read(&anew, Some(progress)));
            let again: FxHashSet<_> = match &listed {
                Ok(listed) => listed.entries.iter().map(|(place, _)| name(&listed.names, *place)).collect(),
                Err(_) => FxHashSet::default(),
            };
            let is_unknown = listed.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::NotFound);
            let still_there = |place: &Name| is_unknown || again.contains(name(&own_names, *place));
            let left: Vec<_> = missing.into_iter().filter(still_there).collect();
            Ok(match listed {
                // Nothing more is known of these.
                Err(e) if !left.is_empty() => Stats {
                    failed: left.into_iter().map(|place| (place, io::Error::from(e.kind()))).collect(),
                    ..Stats::default()
                },
                _ => Stats::of(&above, &dir, &own_names, &left, progress),
            })
        })?;
        stated.entries.extend(again.entries);
        stated.late.extend(again.late);
        stated.failed.extend(again.failed);
        let still_missing = again.missing.into_iter().map(|place| (place, io::Error::from(io::ErrorKind::NotFound)));
        stated.failed.extend(still_missing);
        stated.entries.sort_unstable_by(|a, b| name(names, a.name).cmp(name(names, b.name)));
        Ok(())
    }
}

/// A listing as the system gives it.
#[derive(Default)]
pub(super) struct RawListing {
    pub(super) names: Vec<u8>,
    pub(super) entries: Vec<(Name, Option<Kind>)>,
}

impl RawListing {
    pub(super) fn read(dir: &Dir, progress: Option<&CallProgress>) -> io::Result<Self> {
        let mut raw = Self::default();
        let mut too_large = false;
        BUFFER.with_borrow_mut(|buffer| {
            native::list(dir, buffer, |name, kind| {
                if let Some(progress) = progress {
                    progress.about_directory();
                }
                // Only some file systems make this necessary; an error shows again below.
                let kind = kind.or_else(|| native::stat_child(dir, name).ok().map(|found| found.stat.kind()));
                if raw.names.len() + name.count_bytes() >= u32::MAX as usize {
                    too_large = true;
                    return;
                }
                raw.entries.push((push_name(&mut raw.names, name.to_bytes()), kind));
            })
        })?;
        if too_large {
            return Err(io::Error::other("its names take more than 4 GiB"));
        }
        Ok(raw)
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

/// A name with its NUL. Names come from the system as C strings and are stored as such.
pub(super) fn c_name(names: &[u8], (start, len): Name) -> &CStr {
    let bytes = names.get(start as usize..=start as usize + usize::from(len)).unwrap_or_default();
    CStr::from_bytes_with_nul(bytes).unwrap_or_default()
}
