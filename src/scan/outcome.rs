//! What a scan returns.

use std::path::PathBuf;

use crate::filter::Pattern;
use crate::snapshot::{Counts, Digest};
use crate::sources::{HintsProblem, PartUse};

/// The result of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanOutcome {
    /// Counts by kind.
    pub counts: Counts,
    /// Size of the snapshot file in bytes.
    pub bytes: u64,
    /// Digest of the whole tree.
    pub root_digest: Digest,
    /// How the hints were used, if there were any.
    pub hints: Option<HintsUse>,
    /// For each part of the tree, whether the inode tables of its file system said where to look, and why not. Empty if
    /// nobody asked them.
    pub parts: Vec<PartUse>,
    /// The patterns that matched nothing; none if the scan had a base, which saves listing directories. Patterns for
    /// what lies below a directory that is left out are not among them.
    pub unmatched: Option<Vec<Pattern>>,
    /// If the snapshot is an overlay: the snapshot whose file it needs.
    pub overlay_of: Option<PathBuf>,
}

impl ScanOutcome {
    /// Whether everything could be read. If not, the snapshot says what is unknown.
    pub fn is_complete(&self) -> bool {
        self.counts.unknown == 0
    }
}

/// How hints were used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HintsUse {
    /// The scan read only what they name, and what is always read.
    Used {
        /// How many paths they name.
        paths: u64,
        /// How many of these lie outside of the roots.
        outside: u64,
    },
    /// The scan looked everywhere, for this reason.
    NotUsed(HintsProblem),
    /// The scan looked everywhere. The hints were only a clock of watchman, since which the next ones will be complete.
    ClockKept,
}
