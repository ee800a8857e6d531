//! Stats of a directory's files.

use std::io;

use super::super::{Name, WalkEntry, name};
use super::open_dir::OpenedDir;
use super::progress::CallProgress;
use super::raw_listing::c_name;
use crate::metadata::Kind;
use crate::sys::native::{self, Dir};

/// The entries that were stat'ed, and those that were not.
#[derive(Default)]
pub(super) struct Stats {
    /// By name.
    pub(super) entries: Vec<WalkEntry>,
    /// Directories that were listed as something else.
    pub(super) late: Vec<Name>,
    /// Listed, and not found.
    pub(super) missing: Vec<Name>,
    /// Not readable.
    pub(super) failed: Vec<(Name, io::Error)>,
}

impl Stats {
    /// The entries, if each was there, could be read and is not a directory.
    pub(super) fn complete(self) -> Option<Vec<WalkEntry>> {
        (self.late.is_empty() && self.missing.is_empty() && self.failed.is_empty()).then_some(self.entries)
    }

    /// Adds entries.
    pub(super) fn add(&mut self, entries: Vec<WalkEntry>, names: &[u8]) {
        if !entries.is_empty() {
            self.entries.extend(entries);
            self.entries.sort_unstable_by(|a, b| name(names, a.name).cmp(name(names, b.name)));
        }
    }

    /// Moves the entries to the start of `place`; how many there are, and the rest.
    pub(super) fn moved_to(mut self, place: &mut [WalkEntry]) -> (usize, Self) {
        let entries = std::mem::take(&mut self.entries);
        place[..entries.len()].copy_from_slice(&entries);
        (entries.len(), self)
    }

    /// The stats of all pieces, whose entries were moved to every `piece`th place of `entries`.
    pub(super) fn joined(mut entries: Vec<WalkEntry>, piece: usize, pieces: Vec<(usize, Self)>) -> Self {
        let mut all = Self::default();
        let mut end = 0;
        for (number, (count, rest)) in pieces.into_iter().enumerate() {
            let start = number * piece;
            // Most often nothing is missing.
            if start != end {
                entries.copy_within(start..start + count, end);
            }
            end += count;
            all.late.extend(rest.late);
            all.missing.extend(rest.missing);
            all.failed.extend(rest.failed);
        }
        entries.truncate(end);
        Self { entries, ..all }
    }

    /// Stats these files of an open directory.
    pub(super) fn of(above: &OpenedDir, dir: &Dir, names: &[u8], files: &[Name], progress: &CallProgress) -> Self {
        let mut stats = Self { entries: Vec::with_capacity(files.len()), ..Self::default() };
        for &place in files {
            progress.about(place);
            match native::stat_child(dir, c_name(names, place)) {
                Ok(child) if child.stat.kind() == Kind::Dir => stats.late.push(place),
                Ok(child) => {
                    stats.entries.push(WalkEntry { name: place, stat: child.stat, flags: above.flags(&child) });
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => stats.missing.push(place),
                Err(e) => stats.failed.push((place, e)),
            }
        }
        stats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Flags, Stat};

    #[test]
    fn pieces_are_joined_without_their_gaps() {
        let entry = |n: u32| WalkEntry {
            name: (n, 1),
            stat: Stat { ino: u64::from(n), ..Stat::default() },
            flags: Flags::empty(),
        };
        // Three pieces of four places, of which the second lost two and the last is short.
        let found = [vec![0, 1, 2, 3], vec![4, 7], vec![8, 9]];
        let mut entries = vec![entry(99); 10];
        let places = entries.chunks_mut(4);
        let pieces = places.zip(&found).map(|(place, found)| {
            let missing = if found.len() == 2 && place.len() == 4 { vec![(5, 1), (6, 1)] } else { Vec::new() };
            Stats { entries: found.iter().copied().map(entry).collect(), missing, ..Stats::default() }.moved_to(place)
        });
        let pieces = pieces.collect();
        let joined = Stats::joined(entries, 4, pieces);
        let numbers: Vec<_> = joined.entries.iter().map(|e| (e.name.0, e.stat.ino)).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 7, 8, 9].map(|n| (n, u64::from(n))));
        assert_eq!(joined.missing, [(5, 1), (6, 1)]);
    }
}
