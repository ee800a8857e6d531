//! One change, as readers and consumers get it.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use crate::metadata::{Fields, Flags, Kind, Stat};
use crate::path::to_path;

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It is gone: it is not in its directory any more, and that directory was listed to its end.
    Removed,
    /// At least one field differs.
    Modified,
    /// Its kind differs. What lay below the old one is removed, and what lies below the new one is added.
    TypeChanged,
    /// It has another path now. The entries below a renamed directory moved with it: each is listed only if
    /// something else about it changed.
    Renamed,
    /// Nothing differs, but its time stamps were too young to prove that nothing changed (promise 1). Treat it as
    /// changed.
    Suspect,
    /// It could not be read or listed, so it counts neither as changed nor as removed (promise 2).
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

    /// The word used in JSON.
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

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An entry in one of the two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Side {
    /// Its metadata.
    pub stat: Stat,
    /// What the scan noted about it.
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
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The absolute path, as bytes. For a rename the new one.
    pub path: Vec<u8>,
    /// The old path of a rename, as bytes.
    pub from: Option<Vec<u8>>,
    /// The entry in the older snapshot.
    pub old: Option<Side>,
    /// The entry in the newer snapshot.
    pub new: Option<Side>,
    /// The fields that differ, if it is in both snapshots.
    pub fields: Fields,
}

impl Change {
    /// The path for the standard library. Costs nothing on Unix. Elsewhere a path that is not UTF-8 is converted
    /// lossily.
    pub fn as_path(&self) -> Cow<'_, Path> {
        to_path(&self.path)
    }

    /// The old path of a rename, as [`as_path`](Self::as_path) gives the new one.
    pub fn as_old_path(&self) -> Option<Cow<'_, Path>> {
        self.from.as_deref().map(to_path)
    }

    /// The kind of the entry: the new kind, or the old one if it was removed.
    pub fn entry_kind(&self) -> Kind {
        self.new.or(self.old).map_or(Kind::Unknown, |side| side.kind())
    }

    /// Whether the differing fields show that only the metadata changed, and not the content. This is a label for
    /// people: no list leaves an entry out because of it.
    pub fn is_metadata_only(&self) -> bool {
        self.kind == ChangeKind::Modified && self.fields.metadata_only()
    }
}
