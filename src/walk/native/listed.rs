//! What a listing with metadata saves, on systems that give one (Windows): a file that it shows as the base knows it
//! need not be opened.
//!
//! NTFS keeps a copy of times and sizes in the directory, and that copy may be late: it is brought up to date when a
//! handle is closed, and for a file with several names only under the name that was used. What is recorded is therefore
//! always what a handle says. The base holds that, too: an equal copy says that nothing changed since. Files with
//! several names, those that were suspect, and in each scan another part of the others are asked by handle all the
//! same.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::super::{BaseLookup, Detail, Name, Sink, WalkEntry, name};
use super::NativeWalk;
use super::open_dir::OpenDir;
use crate::metadata::{Flags, Kind, Stat};
use crate::sys::StatAt;

/// One of so many files is asked by handle although its listing shows no change, and after so many scans each was.
const AUDITED: u64 = 64;

impl<B: BaseLookup, S: Sink> NativeWalk<'_, B, S> {
    /// The files that are as in the base, by a listing. They are taken out of `files`; both are sorted by name.
    pub(super) fn unchanged_by_listing(
        &self,
        dir: &Arc<OpenDir<S::Done>>,
        names: &[u8],
        files: &mut Vec<Name>,
        mut listed: Vec<(Name, Stat)>,
    ) -> Vec<WalkEntry> {
        let is_of_use = !listed.is_empty() && self.plan.trusts_listings;
        let Some(base) = dir.base.filter(|_| is_of_use) else { return Vec::new() };
        let Some(before) = self.base.listing(base.row, Detail::Metadata) else { return Vec::new() };
        listed.sort_unstable_by(|(a, _), (b, _)| name(names, *a).cmp(name(names, *b)));
        listed.dedup_by(|(a, _), (b, _)| name(names, *a) == name(names, *b));
        let mut before_entries = before.entries.iter().peekable();
        let mut unchanged = Vec::new();
        for (place, stat) in &listed {
            let wanted = name(names, *place);
            while before_entries.next_if(|entry| name(&before.names, entry.name) < wanted).is_some() {}
            let Some(entry) = before_entries.next_if(|entry| name(&before.names, entry.name) == wanted) else {
                continue;
            };
            if is_as_listed(entry, stat) && !self.is_audited(stat.ino) {
                let stat_at = StatAt { stat: entry.stat, ..dir.opened.stat_at };
                let flags = dir.opened.flags(&stat_at);
                if !flags.contains(Flags::RACY) {
                    unchanged.push(WalkEntry { name: *place, stat: entry.stat, flags });
                }
            }
        }
        let mut found = unchanged.iter().peekable();
        files.retain(|place| found.next_if(|entry| name(names, entry.name) == name(names, *place)).is_none());
        unchanged
    }

    fn is_audited(&self, inode: u64) -> bool {
        xxh3_64(&inode.to_le_bytes()) % AUDITED == u64::from(self.plan.round) % AUDITED
    }
}

/// Whether a listing shows the file that the base knows, with one name, and provably as it was.
fn is_as_listed(base: &WalkEntry, listed: &Stat) -> bool {
    base.stat.kind() != Kind::Dir
        && base.stat.nlink == 1
        && !base.flags.intersects(Flags::RACY | Flags::UNKNOWN | Flags::CARRIED)
        && base.stat == Stat { nlink: 1, ..*listed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Time;

    #[test]
    fn a_file_is_as_listed_only_if_all_agrees_and_it_has_one_name() {
        let stat = Stat { mode: Kind::File.mode_bits() | 0o644, nlink: 1, ino: 7, size: 3, ..Stat::default() };
        let base = WalkEntry { name: (0, 1), stat, flags: Flags::empty() };
        let listed = Stat { nlink: 0, ..stat };
        assert!(is_as_listed(&base, &listed));
        for other in [
            Stat { ino: 8, ..listed },
            Stat { size: 4, ..listed },
            Stat { mtime: Time::new(0, 100), ..listed },
            Stat { ctime: Time::new(0, 100), ..listed },
            Stat { birth: 9, ..listed },
            Stat { mode: Kind::File.mode_bits() | 0o444, ..listed },
            Stat { mode: Kind::Symlink.mode_bits() | 0o644, ..listed },
        ] {
            assert!(!is_as_listed(&base, &other), "{other:?}");
        }
        assert!(!is_as_listed(&WalkEntry { stat: Stat { nlink: 2, ..stat }, ..base }, &listed));
        for flags in [Flags::RACY, Flags::UNKNOWN, Flags::CARRIED] {
            assert!(!is_as_listed(&WalkEntry { flags, ..base }, &listed));
        }
    }
}
