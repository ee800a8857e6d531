//! Why two snapshots cannot be compared (promise 7): their scopes differ.

use std::fmt;

/// A part of the scope of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScopePart {
    /// The roots.
    Roots,
    /// The exclude patterns.
    Patterns,
    /// Whether cache directories are left out.
    ExcludeCaches,
    /// The files that mark a directory to be left out.
    ExcludeIfPresent,
    /// Whether the scan stays on the file systems of the roots.
    OneFileSystem,
}

impl fmt::Display for ScopePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Roots => "roots",
            Self::Patterns => "exclude patterns",
            Self::ExcludeCaches => "exclude-caches",
            Self::ExcludeIfPresent => "exclude-if-present",
            Self::OneFileSystem => "one-file-system",
        })
    }
}

/// A part of the scope that is not the same in two scans.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeDifference {
    /// The part.
    pub part: ScopePart,
    /// Its value in the older one, as text.
    pub before: String,
    /// Its value in the newer one, as text.
    pub now: String,
}

impl fmt::Display for ScopeDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        write!(f, "{}: {} before, {} now", self.part, shown(&self.before), shown(&self.now))
    }
}

/// All differences, in one line.
pub(crate) fn listed(differences: &[ScopeDifference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
