//! What the stats of a directory's files came to.

use std::io;

use super::super::{Entry, Name};
use super::calls::Progress;
use super::node::Opened;
use super::read::c_name;
use crate::entry::Kind;
use crate::sys::native::{self, Dir};

/// What stats came to.
#[derive(Default)]
pub(super) struct Stated {
    /// By name.
    pub(super) entries: Vec<Entry>,
    /// Directories, though listed as something else.
    pub(super) late: Vec<Name>,
    /// Listed, and not found.
    pub(super) missing: Vec<Name>,
    /// Not readable.
    pub(super) failed: Vec<(Name, io::Error)>,
}

impl Stated {
    /// The entries, if every one was there, readable and no directory.
    pub(super) fn complete(self) -> Option<Vec<Entry>> {
        (self.late.is_empty() && self.missing.is_empty() && self.failed.is_empty()).then_some(self.entries)
    }

    /// Moves the entries to the start of `place`; how many there are, and the rest.
    pub(super) fn moved_to(mut self, place: &mut [Entry]) -> (usize, Self) {
        let entries = std::mem::take(&mut self.entries);
        place[..entries.len()].copy_from_slice(&entries);
        (entries.len(), self)
    }

    /// What pieces came to whose entries were moved to every `piece`th place of `entries`.
    pub(super) fn joined(mut entries: Vec<Entry>, piece: usize, pieces: Vec<(usize, Self)>) -> Self {
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
    pub(super) fn of(above: &Opened, dir: &Dir, names: &[u8], files: &[Name], progress: &Progress) -> Self {
        let mut stated = Self { entries: Vec::with_capacity(files.len()), ..Self::default() };
        for &place in files {
            progress.about(place);
            match native::stat_child(dir, c_name(names, place)) {
                Ok(found) if found.stat.kind() == Kind::Dir => stated.late.push(place),
                Ok(found) => stated.entries.push(Entry { name: place, stat: found.stat, flags: above.flags(&found) }),
                Err(e) if e.kind() == io::ErrorKind::NotFound => stated.missing.push(place),
                Err(e) => stated.failed.push((place, e)),
            }
        }
        stated
    }
}
