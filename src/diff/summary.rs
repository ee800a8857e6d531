//! Counts of changes, by kind of change and kind of entry.

use std::collections::BTreeMap;
use std::fmt;

use super::change::{Change, ChangeKind};
use crate::metadata::Kind;

/// How many entries of each kind, and how many bytes in regular files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Tally {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Everything else.
    pub other: u64,
    /// The sum of the sizes of the regular files in bytes. For removed files the old sizes count.
    pub bytes: u64,
}

impl Tally {
    /// All entries.
    pub fn entries(&self) -> u64 {
        self.files + self.dirs + self.symlinks + self.other
    }
}

/// As `3 files (4096 bytes), 1 directory`. Counts of zero are left out; if all are zero: `nothing`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.files, "file", "files"),
            (self.dirs, "directory", "directories"),
            (self.symlinks, "symlink", "symlinks"),
            (self.other, "other", "others"),
        ];
        let mut separator = "";
        for (count, one, many) in counts.into_iter().filter(|(count, ..)| *count > 0) {
            write!(f, "{separator}{count} {}", if count == 1 { one } else { many })?;
            separator = ", ";
            if one == "file" {
                write!(f, " ({} bytes)", self.bytes)?;
            }
        }
        if separator.is_empty() { f.write_str("nothing") } else { Ok(()) }
    }
}

/// Counts of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Summary {
    by_kind: BTreeMap<ChangeKind, Tally>,
    metadata_only: u64,
}

impl Summary {
    /// Counts one change.
    pub fn add(&mut self, change: &Change) {
        let tally = self.by_kind.entry(change.kind).or_default();
        match change.entry_kind() {
            Kind::File => {
                tally.files += 1;
                let size = change.new.or(change.old).map_or(0, |side| side.stat.size);
                tally.bytes = tally.bytes.saturating_add(size);
            }
            Kind::Dir => tally.dirs += 1,
            Kind::Symlink => tally.symlinks += 1,
            _ => tally.other += 1,
        }
        self.metadata_only += u64::from(change.is_metadata_only());
    }

    /// The counts for one kind of change.
    pub fn of(&self, kind: ChangeKind) -> Tally {
        self.by_kind.get(&kind).copied().unwrap_or_default()
    }

    /// How many of the modified entries changed only in their metadata.
    pub fn metadata_only(&self) -> u64 {
        self.metadata_only
    }

    /// Whether nothing was counted. Suspects and unknown entries count as well.
    pub fn is_empty(&self) -> bool {
        self.by_kind.is_empty()
    }
}

/// As `2 added, 1 removed`, in the order of [`ChangeKind`]. Without any change: `no changes`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no changes");
        }
        for (number, (kind, tally)) in self.by_kind.iter().enumerate() {
            write!(f, "{}{} {kind}", if number == 0 { "" } else { ", " }, tally.entries())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Side;
    use crate::metadata::{Fields, Flags, Stat};

    fn change(kind: ChangeKind, of: Kind, size: u64) -> Change {
        let stat = Stat { mode: of.mode_bits(), size, ..Stat::default() };
        let new = Some(Side { stat, flags: Flags::empty() });
        Change { kind, path: b"/x".to_vec(), from: None, old: None, new, fields: Fields::empty() }
    }

    #[test]
    fn counts_are_shown_in_words() {
        let mut summary = Summary::default();
        assert_eq!((summary.to_string().as_str(), Tally::default().to_string().as_str()), ("no changes", "nothing"));
        summary.add(&change(ChangeKind::Removed, Kind::Symlink, 7));
        summary.add(&change(ChangeKind::Added, Kind::File, 5));
        summary.add(&change(ChangeKind::Added, Kind::File, 6));
        summary.add(&change(ChangeKind::Added, Kind::Dir, 4096));
        assert_eq!(summary.to_string(), "3 added, 1 removed");
        assert_eq!(summary.of(ChangeKind::Added).to_string(), "2 files (11 bytes), 1 directory");
        assert_eq!(summary.of(ChangeKind::Removed).to_string(), "1 symlink");
    }
}
