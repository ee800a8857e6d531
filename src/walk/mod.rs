//! Reads whole trees in parallel. The native walker uses the system's own calls, the portable one the
//! jwalk crate; both hand each finished directory, sorted, to a [`Sink`]. What becomes of it is not
//! known here.

mod devices;
mod hint_filter;
mod native;
mod portable;
mod racy;
mod timeout;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use devices::{Devices, FsRules, WalkDevice};
pub(crate) use hint_filter::HintFilter;
pub(crate) use racy::{NewestRule, default_window};
pub(crate) use timeout::with_timeout;

use crate::filter::Filter;
use crate::metadata::{DeviceNumber, Flags, Kind, Stat, Time};
use crate::monitor::Monitor;
use crate::{Error, Result, RootProblem, sys};

/// Where a name lies in the names of its directory: start and length.
pub(crate) type Name = (u32, u16);

/// The name at a place.
pub(crate) fn name(names: &[u8], (start, len): Name) -> &[u8] {
    &names[start as usize..start as usize + usize::from(len)]
}

/// Adds a name and a NUL; returns its place.
fn push_name(names: &mut Vec<u8>, name: &[u8]) -> Name {
    let start = names.len() as u32;
    names.extend_from_slice(name);
    names.push(0);
    (start, name.len() as u16)
}

/// One child of a finished directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalkEntry {
    pub(crate) name: Name,
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
}

/// A finished directory, its children sorted by name.
#[derive(Debug, Default)]
pub(crate) struct DirListing {
    /// All names, each followed by NUL.
    pub(crate) names: Arc<Vec<u8>>,
    pub(crate) entries: Vec<WalkEntry>,
}

impl DirListing {
    pub(crate) fn name(&self, entry: &WalkEntry) -> &[u8] {
        name(&self.names, entry.name)
    }

    /// Puts child directories, sorted by name, among the files, without room for a extra list. A name that was listed
    /// twice, and meant two things, is the directory's.
    fn merge(&mut self, dirs: &[WalkEntry]) {
        let (mut files, mut left) = (self.entries.len(), dirs.len());
        self.entries.extend_from_slice(dirs);
        let mut at = self.entries.len();
        // From the end, where there is room.
        while let Some(dir) = left.checked_sub(1).map(|last| dirs[last]) {
            let file = files.checked_sub(1).map(|last| self.entries[last]);
            let order = file.map_or(Ordering::Less, |file| self.name(&file).cmp(self.name(&dir)));
            let last = match (order, file) {
                (Ordering::Equal, _) => {
                    files -= 1;
                    continue;
                }
                (Ordering::Greater, Some(file)) => {
                    files -= 1;
                    file
                }
                _ => {
                    left -= 1;
                    dir
                }
            };
            at -= 1;
            self.entries[at] = last;
        }
        self.entries.drain(files..at);
    }
}

/// Why the entries of a directory were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Looked {
    /// Because everything is, or a hint named it.
    #[default]
    Asked,
    /// Though no hint named it: where they differ, a hint was lost.
    Unhinted,
    /// Not at all: they are those of the earlier snapshot.
    Not,
}

/// A directory whose children are all known.
#[derive(Debug)]
pub(crate) struct FinishedDir<'a> {
    /// Tells the threads apart.
    pub(crate) thread: usize,
    pub(crate) device: DeviceNumber,
    /// By what an earlier snapshot knows it.
    pub(crate) known: Option<u32>,
    pub(crate) looked: Looked,
    /// The time of the last change of the directory itself.
    pub(crate) changed: Time,
    pub(crate) listing: &'a DirListing,
}

/// What an earlier snapshot knows of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BaseDir {
    /// By what the sink knows it.
    pub(crate) row: u32,
    /// Its metadata as they were before it was listed then.
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
    /// All flags of the entries below it.
    pub(crate) below: Flags,
    /// How many directories it is with those below it; their rows lie before its own.
    pub(crate) subtree: u32,
    /// A file system began there.
    pub(crate) is_mount: bool,
}

/// How much of a directory is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Its child directories.
    Subdirs,
    /// Its child directories, and the names of everything else.
    Names,
    /// Everything.
    Metadata,
}

/// A directory that holds the names that an earlier snapshot knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PatchedDir<'a> {
    /// Tells the threads apart.
    pub(crate) thread: usize,
    pub(crate) device: DeviceNumber,
    /// By what the earlier snapshot knows it.
    pub(crate) row: u32,
    /// Some of the entries that are no directories, in order, as they are now.
    pub(crate) files: &'a [WalkEntry],
    /// All its child directories.
    pub(crate) dirs: &'a [WalkEntry],
}

/// The names in a directory as an earlier snapshot knows them, in order.
#[derive(Debug, Default)]
pub(crate) struct BaseListing {
    /// Each followed by NUL.
    pub(crate) names: Vec<u8>,
    /// Those of all that are no directories, if asked for.
    pub(crate) files: Vec<Name>,
    /// The same with their metadata, if asked for.
    pub(crate) entries: Vec<WalkEntry>,
    pub(crate) subdirs: Vec<(Name, BaseDir)>,
    /// All flags of what is no directory.
    pub(crate) flags: Flags,
    /// Files of the earlier scan's own were left out, which may count now.
    pub(crate) lacks_own: bool,
}

/// Takes what a walk finds, from many threads.
pub(crate) trait Sink: Sync {
    /// What a directory becomes; its parent hands it back.
    type Done: Copy + Send + 'static;

    /// A directory is finished: its children, and what its child directories became, in the same order.
    fn directory(&self, directory: &FinishedDir<'_>, subdirs: Vec<Self::Done>) -> Self::Done;

    /// What an earlier snapshot knows of a root.
    fn known_root(&self, number: usize) -> Option<BaseDir>;

    /// What a directory holds that an earlier snapshot knows; none if that cannot be relied on.
    fn listing_of_base(&self, row: u32, detail: Detail) -> Option<BaseListing>;

    /// A directory of which only some entries were looked at: what they and its child directories are now, and what the
    /// latter became. None if it has to be told with all its entries.
    fn passed(&self, directory: &PatchedDir<'_>, subdirs: &[Self::Done]) -> Option<Self::Done>;

    /// Something below a symlink was named by a hint.
    fn hint_below_symlink(&self);

    /// A directory and all below it as an earlier snapshot knows them; none if that cannot be relied on.
    fn kept(&self, row: u32) -> Option<Self::Done>;

    /// By what name the file system of a directory went in the earlier snapshot, if it had one.
    fn known_file_system(&self, row: u32) -> Option<&str>;

    /// The last known state of an entry that cannot be read, if there is any: its metadata, and for a
    /// directory all that lay below it.
    fn last_known(&self, path: &[u8]) -> Option<(Stat, Flags, Option<Self::Done>)>;
}

/// What a root became.
pub(crate) struct FinishedRoot<D> {
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
    pub(crate) done: D,
}

/// What to walk and how.
pub(crate) struct WalkPlan<'a> {
    /// Absolute and normal.
    pub(crate) roots: &'a [PathBuf],
    pub(crate) filter: &'a Filter,
    /// None for what the disks are worth.
    pub(crate) threads: Option<usize>,
    pub(crate) settle: bool,
    /// How long one call may last before its directory is given up; for the native walker.
    pub(crate) io_timeout: Option<Duration>,
    /// Looks only at what these name; for the native walker.
    pub(crate) hint_filter: Option<&'a HintFilter>,
    /// Files of our own that are left out: the directory (device and inode) and a test of the name.
    pub(crate) own: &'a [OwnFile],
}

/// A file or directory of our own inside the tree.
#[derive(Debug, Clone)]
pub(crate) struct OwnFile {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) name: Vec<u8>,
    /// Its temporary files begin with this.
    pub(crate) temporary: Vec<u8>,
}

impl OwnFile {
    /// For a file that may not exist yet; none if its directory does not.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let found = sys::stat_following(parent).ok()?;
        let name = crate::path::to_bytes(Path::new(path.file_name()?)).into_owned();
        Some(Self {
            dev: found.dev,
            ino: found.stat.ino,
            name,
            temporary: sys::durable::temporary_prefix(path).into_bytes(),
        })
    }
}

impl WalkPlan<'_> {
    /// Our own files in one directory.
    fn own_in(&self, dev: u64, ino: u64) -> impl Iterator<Item = &OwnFile> {
        self.own.iter().filter(move |o| o.dev == dev && o.ino == ino)
    }
}

fn is_own<'a>(own: impl IntoIterator<Item = &'a OwnFile>, name: &[u8]) -> bool {
    own.into_iter().any(|o| {
        o.name == name || (name.starts_with(&o.temporary) && name.ends_with(sys::durable::TEMPORARY_SUFFIX.as_bytes()))
    })
}

/// The metadata of an entry of which nothing but its kind is known.
fn unknown(kind: Kind) -> Stat {
    Stat { mode: kind.mode_bits(), ..Stat::default() }
}

/// Checks that a root can be walked at all.
pub(crate) fn root_error(path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind;
    let problem = match error.kind() {
        ErrorKind::NotFound => RootProblem::Missing,
        ErrorKind::NotADirectory => RootProblem::NotADirectory,
        _ => RootProblem::Unlisted(error),
    };
    Error::root(path, problem)
}

/// Walks with the portable walker.
pub(crate) fn portable<S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    portable::walk(plan, devices, sink, monitor)
}

/// Walks with the system's own calls, where it has them.
pub(crate) fn native<S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    native::walk(plan, devices, sink, monitor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_merged_in_order_and_take_the_place_of_a_file_of_their_name() {
        let names = Arc::new((b'a'..=b'f').flat_map(|name| [name, 0]).collect::<Vec<_>>());
        let entry = |letter: u8, ino| WalkEntry {
            name: (u32::from(letter - b'a') * 2, 1),
            stat: Stat { ino, ..Stat::default() },
            flags: Flags::empty(),
        };
        for (files, dirs) in
            [("", ""), ("ace", ""), ("", "bd"), ("ace", "bdf"), ("abcdef", "ace"), ("cd", "abef"), ("ab", "ab")]
        {
            let mut listing = DirListing {
                names: Arc::clone(&names),
                entries: files.bytes().map(|letter| entry(letter, 1)).collect(),
            };
            listing.merge(&dirs.bytes().map(|letter| entry(letter, 2)).collect::<Vec<_>>());
            let merged: Vec<_> = listing.entries.iter().map(|e| (listing.name(e)[0], e.stat.ino)).collect();
            let all: std::collections::BTreeMap<_, _> =
                files.bytes().map(|letter| (letter, 1)).chain(dirs.bytes().map(|letter| (letter, 2))).collect();
            assert_eq!(merged, all.into_iter().collect::<Vec<_>>(), "{files} and {dirs}");
        }
    }
}
