//! One change, as it is handed to readers and emitters.

use crate::metadata::{Fields, Flags, Kind, Stat};

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It is gone: absent from a parent that was listed completely.
    Removed,
    /// At least one field differs.
    Modified,
    /// Its kind differs. What lay below the old one is removed, what lies below the new one added.
    TypeChanged,
    /// It is there under another path. What lies below a renamed directory came along, and is
    /// reported only where it changed otherwise.
    Renamed,
    /// Nothing differs, but the stamps were too young to prove that nothing changed (promise 1).
    Suspect,
    /// It could not be read, or not be listed: nothing is known of it (promise 2).
    Unknown,
}

impl ChangeKind {
    /// The letter of `name-status`.
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Removed => 'D',
            Self::Modified => 'M',
            Self::TypeChanged => 'T',
            Self::Renamed => 'R',
            Self::Suspect => 'S',
            Self::Unknown => 'U',
        }
    }

    /// The word of JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Modified => "modified",
            Self::TypeChanged => "type-changed",
            Self::Renamed => "renamed",
            Self::Suspect => "suspect",
            Self::Unknown => "unknown",
        }
    }
}

/// An entry in one of the two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Its metadata.
    pub stat: Stat,
    /// What the scan had to say of it.
    pub flags: Flags,
}

impl Side {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.stat.kind()
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The absolute path; of a rename the new one.
    pub path: Vec<u8>,
    /// The old path of a rename.
    pub from: Option<Vec<u8>>,
    /// The entry in the older snapshot.
    pub old: Option<Side>,
    /// The entry in the newer snapshot.
    pub new: Option<Side>,
    /// The fields that differ, if it is in both.
    pub fields: Fields,
}

impl Change {
    /// The kind of the entry: the new one, of a removed entry the old one.
    pub fn entry_kind(&self) -> Kind {
        self.new.or(self.old).map_or(Kind::Unknown, |side| side.kind())
    }

    /// Whether it can be told that only the metadata changed, not the content. A label for readers:
    /// nothing is left out of a list because of it.
    pub fn is_metadata_only(&self) -> bool {
        self.kind == ChangeKind::Modified && self.fields.metadata_only()
    }
}
