//! Which entries an edit takes, so that no two edits meet.

use std::ffi::OsString;

use fastrand::Rng;

use super::Edit;
use crate::names::Namer;
use crate::random::{Purpose, stream};
use crate::scan::{Kind, Listing};

/// Only directories with at most this many entries, themselves included, are deleted, renamed, moved or replaced: an
/// edit is meant to be one change, not half a tree.
const LARGEST_SUBTREE: usize = 24;

/// How many random entries are tried before a walk through all of them looks for a free one.
const TRIES: usize = 64;

/// What an edit works on.
#[derive(Debug)]
pub(super) struct Chosen {
    /// The entry to edit; the directory to create in, for edits that create; the root is none.
    pub(super) entry: Option<usize>,
    /// The directory that gets a new entry, for moves and links.
    pub(super) into: Option<usize>,
    /// A name that is nowhere in the tree.
    pub(super) new_name: OsString,
}

/// Picks entries and remembers what is taken.
#[derive(Debug)]
pub(super) struct Chooser<'a> {
    listing: &'a Listing,
    rng: Rng,
    namer: Namer,
    /// Entries that an edit changes, or that lie below one that an edit moves or removes.
    taken: Vec<bool>,
    /// Directories below which something is edited: they must keep their place.
    pinned: Vec<bool>,
    /// The entries of each kind, in path order.
    directories: Vec<usize>,
    regular: Vec<usize>,
    symlinks: Vec<usize>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(listing: &'a Listing, seed: u64) -> Self {
        let entries = &listing.entries;
        let mut namer = Namer::new(stream(seed, Purpose::Edits, 1), 20);
        for entry in entries {
            namer.take(&entry.name.to_string_lossy());
        }
        let of_kind = |kind| (0..entries.len()).filter(|&number| entries[number].kind == kind).collect();
        Self {
            listing,
            rng: stream(seed, Purpose::Edits, 0),
            namer,
            taken: vec![false; entries.len()],
            pinned: vec![false; entries.len()],
            directories: of_kind(Kind::Directory),
            regular: of_kind(Kind::Regular),
            symlinks: of_kind(Kind::Symlink),
        }
    }

    /// The random numbers of all edits.
    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// Something for this edit, or nothing when every candidate is taken.
    pub(super) fn choose(&mut self, edit: Edit) -> Option<Chosen> {
        let entry = match edit {
            Edit::DeleteDirectory | Edit::RenameDirectory | Edit::MoveDirectory | Edit::DirectoryToFile => {
                Some(self.claim_subtree()?)
            }
            Edit::CreateFile | Edit::CreateDirectory => self.directory(),
            Edit::RetargetSymlink => Some(self.claim_file(Kind::Symlink)?),
            _ => Some(self.claim_file(Kind::Regular)?),
        };
        let into = match edit {
            Edit::MoveDirectory | Edit::MoveFile => self.other_directory(entry),
            Edit::HardLink => self.directory(),
            _ => None,
        };
        let new_name = OsString::from(match edit {
            Edit::RenameDirectory | Edit::MoveDirectory | Edit::CreateDirectory => self.namer.directory(),
            _ => self.namer.file(),
        });
        Some(Chosen { entry, into, new_name })
    }

    /// A file of a kind that no other edit has; its directories are pinned.
    fn claim_file(&mut self, kind: Kind) -> Option<usize> {
        let candidates = if kind == Kind::Symlink { &self.symlinks } else { &self.regular };
        let taken = &self.taken;
        let entry = pick(&mut self.rng, candidates, |entry| !taken[entry])?;
        self.taken[entry] = true;
        self.pin_above(entry);
        Some(entry)
    }

    /// A small directory in which nothing else is edited, with all its descendants.
    fn claim_subtree(&mut self) -> Option<usize> {
        let (listing, taken, pinned) = (self.listing, &self.taken, &self.pinned);
        let small_and_free = |entry: usize| {
            let subtree = listing.subtree(entry);
            subtree.len() <= LARGEST_SUBTREE && !pinned[entry] && subtree.into_iter().all(|below| !taken[below])
        };
        let entry = pick(&mut self.rng, &self.directories, small_and_free)?;
        self.taken[listing.subtree(entry)].fill(true);
        self.pin_above(entry);
        Some(entry)
    }

    /// A directory that stays where it is; the root, which is none, when there is no other.
    fn directory(&mut self) -> Option<usize> {
        let taken = &self.taken;
        let entry = pick(&mut self.rng, &self.directories, |entry| !taken[entry])?;
        self.pinned[entry] = true;
        self.pin_above(entry);
        Some(entry)
    }

    /// A directory other than the one that holds `entry`.
    fn other_directory(&mut self, entry: Option<usize>) -> Option<usize> {
        let holder = entry.and_then(|entry| self.listing.entries[entry].parent);
        (0..TRIES).map(|_| self.directory()).find(|directory| *directory != holder).flatten()
    }

    fn pin_above(&mut self, entry: usize) {
        let mut next = self.listing.entries[entry].parent;
        while let Some(directory) = next {
            self.pinned[directory] = true;
            next = self.listing.entries[directory].parent;
        }
    }
}

/// A random candidate that is fit; after some tries the next fit one from a random place on.
fn pick(rng: &mut Rng, candidates: &[usize], fit: impl Fn(usize) -> bool) -> Option<usize> {
    if candidates.is_empty() {
        return None;
    }
    for _ in 0..TRIES {
        let candidate = candidates[rng.usize(0..candidates.len())];
        if fit(candidate) {
            return Some(candidate);
        }
    }
    let start = rng.usize(0..candidates.len());
    candidates[start..].iter().chain(&candidates[..start]).copied().find(|&candidate| fit(candidate))
}
