//! What a walk reads: entries, the listing of a directory, and directories that are finished.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::metadata::{DeviceIndex, Flags, Stat, Time};

/// Where a name lies in the names of its directory: start and length.
pub(crate) type Name = (u32, u16);

/// The name at a place.
pub(crate) fn name(names: &[u8], (start, len): Name) -> &[u8] {
    &names[start as usize..start as usize + usize::from(len)]
}

/// Adds a name and a NUL; returns its place.
pub(super) fn push_name(names: &mut Vec<u8>, name: &[u8]) -> Name {
    let start = names.len() as u32;
    names.extend_from_slice(name);
    names.push(0);
    (start, name.len() as u16)
}

/// One child of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WalkEntry {
    pub(crate) name: Name,
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
}

/// The children of a directory, sorted by name.
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

    /// Puts child directories, sorted by name, among the files, without room for a second list. If a name was listed
    /// as a directory and as something else, the directory stays.
    pub(super) fn merge(&mut self, dirs: &[WalkEntry]) {
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

/// Why the entries of a directory were stat'ed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum StatReason {
    /// The walk looks everywhere, or a hint named the directory.
    #[default]
    Requested,
    /// No hint named it. If something differs there, a hint was lost.
    Unhinted,
    /// They were not: they are the entries of the base.
    NotDone,
}

/// A directory whose children are all read.
#[derive(Debug)]
pub(crate) struct FinishedDir<'a> {
    /// Tells the threads apart.
    pub(crate) thread: usize,
    pub(crate) device: DeviceIndex,
    /// Its row in the base, if it is the same directory.
    pub(crate) base_row: Option<u32>,
    pub(crate) stat_reason: StatReason,
    /// The ctime of the directory itself.
    pub(crate) ctime: Time,
    pub(crate) listing: &'a DirListing,
}

/// A directory that holds the names that the base knows, of which only some entries were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PatchedDir<'a> {
    /// Tells the threads apart.
    pub(crate) thread: usize,
    pub(crate) device: DeviceIndex,
    /// Its row in the base.
    pub(crate) row: u32,
    /// The entries that were read and are not directories, in order.
    pub(crate) files: &'a [WalkEntry],
    /// All its child directories.
    pub(crate) dirs: &'a [WalkEntry],
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
