//! Reads one directory: lists it, applies the filter, sends its child directories to the other
//! threads and stats the rest.

use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::Scope;
use rayon::iter::ParallelIterator as _;
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};

use rustc_hash::FxHashSet;

use super::super::{Entry, Name, Sink, is_own, name, push_name, unknown};
use super::Walker;
use super::node::{Ended, Node};
use crate::entry::{Flags, Kind};
use crate::filter::{CACHEDIR_SIGNATURE, CACHEDIR_TAG, Marker};
use crate::path::{push, to_path};
use crate::sys::native::{self, Dir};
use crate::{Cause, Warning};

/// A directory with more files than this is stat'ed by several threads.
const SPLIT: usize = 2048;

/// Files per piece of a split directory.
const PIECE: usize = 256;

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> =
        RefCell::new(vec![MaybeUninit::uninit(); native::LISTING_BUFFER]);
}

/// What a listing came to.
#[derive(Default)]
struct Listed {
    names: Vec<u8>,
    subdirs: Vec<Name>,
    files: Vec<Name>,
    cache_tag: bool,
    excluded: bool,
    too_large: bool,
}

impl<S: Sink> Walker<'_, S> {
    /// Reads an open directory and leaves the rest to whoever finishes last.
    pub(super) fn read<'s>(&'s self, scope: &Scope<'s>, node: Arc<Node<S::Done>>)
    where
        S::Done: 's,
    {
        if self.monitor.cancelled() {
            self.cancelled.store(true, Ordering::Relaxed);
            node.set_ended(Ended::Gone);
        } else {
            match node.descriptor() {
                Ok(dir) => self.read_open(scope, &node, &dir),
                Err(e) => self.cut(&node, e),
            }
        }
        if node.release() || (self.open.load(Ordering::Relaxed) > self.open_limit && node.close_early()) {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
        self.climb(node);
    }

    fn read_open<'s>(&'s self, scope: &Scope<'s>, node: &Arc<Node<S::Done>>, dir: &Dir)
    where
        S::Done: 's,
    {
        let mut listed = match self.list(node, dir) {
            Ok(listed) => listed,
            // A removed directory that is still open lists as ENOENT.
            Err(e) if e.kind() == io::ErrorKind::NotFound && node.is_gone() => return node.set_ended(Ended::Gone),
            Err(e) => return self.cut(node, e),
        };
        if !node.is_root() && (listed.excluded || listed.cache_tag && self.is_tagged(node, dir)) {
            return node.set_ended(Ended::Excluded);
        }
        sort(&mut listed.subdirs, &listed.names);
        sort(&mut listed.files, &listed.names);
        let names = Arc::new(listed.names);
        let total = listed.files.len() + listed.subdirs.len();
        let enter = |slot| {
            let parent = Arc::clone(node);
            scope.spawn(move |scope| self.enter(scope, &parent, slot));
        };
        (0..node.listed(&names, &listed.subdirs)).for_each(enter);
        let mut stated = self.stat_all(node, dir, &names, &listed.files);
        if !stated.missing.is_empty() {
            self.look_again(node, dir, &names, &mut stated);
        }
        node.set_entries(stated.entries);
        for name in stated.late {
            enter(node.add_late(name));
        }
        self.monitor.directory(&|| node.shown_path(), total as u64);
    }

    /// The listing broke off: what was seen of it is not relied on.
    fn cut(&self, node: &Node<S::Done>, error: io::Error) {
        self.monitor.warning(Warning { path: node.shown_path(), cause: Cause::Unlisted(error) });
        node.set_ended(Ended::Cut);
    }

    fn list(&self, node: &Node<S::Done>, dir: &Dir) -> io::Result<Listed> {
        let filter = self.plan.filter;
        let found = &node.opened.found;
        let own: Vec<_> = self.plan.own_in(found.dev, found.stat.ino).collect();
        let mut relative = if filter.has_patterns() { Some(node.relative()) } else { None };
        let mut listed = Listed::default();
        BUFFER.with_borrow_mut(|buffer| {
            native::list(dir, buffer, |name, kind| {
                let bytes = name.to_bytes();
                match filter.marker(bytes) {
                    Marker::None => {}
                    Marker::Excluded => listed.excluded = true,
                    Marker::CacheTag => listed.cache_tag = true,
                }
                if !own.is_empty() && is_own(own.iter().copied(), bytes) {
                    return;
                }
                let kind = kind.or_else(|| {
                    // Only some file systems make this necessary; an error shows again below.
                    native::stat_child(dir, name).ok().map(|found| found.stat.kind())
                });
                if let Some(path) = &mut relative {
                    let len = push(path, bytes);
                    let excluded = filter.excludes(path, kind == Some(Kind::Dir));
                    path.truncate(len);
                    if excluded {
                        return;
                    }
                }
                if listed.names.len() + bytes.len() >= u32::MAX as usize {
                    listed.too_large = true;
                    return;
                }
                let place = push_name(&mut listed.names, bytes);
                if kind == Some(Kind::Dir) {
                    listed.subdirs.push(place);
                } else {
                    listed.files.push(place);
                }
            })
        })?;
        if listed.too_large {
            return Err(io::Error::other("its names take more than 4 GiB"));
        }
        Ok(listed)
    }

    fn is_tagged(&self, node: &Node<S::Done>, dir: &Dir) -> bool {
        const LEN: usize = CACHEDIR_SIGNATURE.len();
        match native::read_start::<LEN>(dir, c"CACHEDIR.TAG") {
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
    fn stat_all(&self, node: &Node<S::Done>, dir: &Dir, names: &[u8], files: &[Name]) -> Stated {
        if files.len() <= SPLIT {
            return self.stat_piece(node, dir, names, files);
        }
        let pieces: Vec<_> = files.par_chunks(PIECE).map(|piece| self.stat_piece(node, dir, names, piece)).collect();
        let mut all = Stated { entries: Vec::with_capacity(files.len()), ..Stated::default() };
        for piece in pieces {
            all.entries.extend(piece.entries);
            all.late.extend(piece.late);
            all.missing.extend(piece.missing);
        }
        all
    }

    fn stat_piece(&self, node: &Node<S::Done>, dir: &Dir, names: &[u8], files: &[Name]) -> Stated {
        let mut stated = Stated { entries: Vec::with_capacity(files.len()), ..Stated::default() };
        for &name in files {
            let Some(c_name) = c_name(names, name) else { continue };
            match native::stat_child(dir, c_name) {
                Ok(found) if found.stat.kind() == Kind::Dir => stated.late.push(name),
                Ok(found) => {
                    stated.entries.push(Entry { name, stat: found.stat, flags: Self::flags(&node.opened, &found) });
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => stated.missing.push(name),
                Err(e) => stated.entries.push(self.unread(node, c_name, name, e)),
            }
        }
        stated
    }

    /// An entry whose metadata cannot be read: as it was last known.
    fn unread(&self, node: &Node<S::Done>, c_name: &CStr, name: Name, error: io::Error) -> Entry {
        let path = node.path_of(c_name.to_bytes());
        let (stat, flags) = match self.sink.last_known(&path) {
            Some((stat, flags, None)) => (stat, flags & Flags::RACY | Flags::UNKNOWN | Flags::CARRIED),
            _ => (unknown(Kind::Unknown), Flags::UNKNOWN),
        };
        self.monitor.warning(Warning { path: to_path(&path).into_owned(), cause: Cause::Unread(error) });
        Entry { name, stat, flags }
    }

    /// Names that were listed and could not be found are gone only if a second listing does not have them
    /// either: absence is proved by a listing, never by a stat.
    fn look_again(&self, node: &Node<S::Done>, dir: &Dir, names: &[u8], stated: &mut Stated) {
        let missing = std::mem::take(&mut stated.missing);
        let mut again: FxHashSet<Vec<u8>> = FxHashSet::default();
        // The first listing stands at the end of the directory; a new descriptor begins anew.
        let listed = native::open_child(dir, c".").and_then(|anew| {
            BUFFER.with_borrow_mut(|buffer| {
                native::list(&anew, buffer, |name, _| {
                    again.insert(name.to_bytes().to_vec());
                })
            })
        });
        for place in missing {
            let Some(c_name) = c_name(names, place) else { continue };
            let error = match &listed {
                Err(e) if e.kind() != io::ErrorKind::NotFound => io::Error::from(e.kind()),
                _ if !again.contains(c_name.to_bytes()) => continue,
                _ => match native::stat_child(dir, c_name) {
                    Ok(found) if found.stat.kind() == Kind::Dir => {
                        stated.late.push(place);
                        continue;
                    }
                    Ok(found) => {
                        let flags = Self::flags(&node.opened, &found);
                        stated.entries.push(Entry { name: place, stat: found.stat, flags });
                        continue;
                    }
                    Err(e) => e,
                },
            };
            let entry = self.unread(node, c_name, place, error);
            stated.entries.push(entry);
        }
        stated.entries.sort_unstable_by(|a, b| name(names, a.name).cmp(name(names, b.name)));
    }
}

/// What stats came to.
#[derive(Default)]
struct Stated {
    /// By name.
    entries: Vec<Entry>,
    /// Directories, though listed as something else.
    late: Vec<Name>,
    /// Listed, and not found.
    missing: Vec<Name>,
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

fn c_name(names: &[u8], (start, len): Name) -> Option<&CStr> {
    // Names come from the system as C strings and are stored with their NUL.
    CStr::from_bytes_with_nul(names.get(start as usize..=start as usize + usize::from(len))?).ok()
}
