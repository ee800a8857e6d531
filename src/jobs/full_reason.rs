//! Why a list is a full one.

use std::fmt;

use crate::error::{ScopeDifference, SnapshotProblem, StateDamage, listed};

/// Why a run lists everything instead of what changed since the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FullReason {
    /// There is no baseline yet.
    First,
    /// The roots or the filters are not those of the baseline.
    Scope(Vec<ScopeDifference>),
    /// The consumer is not that of the baseline.
    Consumer,
    /// The baseline's file is gone.
    Deleted,
    /// The baseline's file is damaged.
    Damaged(SnapshotProblem),
    /// The baseline's file cannot be read: what the system said.
    Unreadable(String),
    /// The state file is damaged.
    State(StateDamage),
    /// The state belongs to another machine.
    OtherMachine,
    /// What an unsuccessful run listed is not known any more: why.
    Unconfirmed(String),
    /// The caller asked for it: why.
    Asked(String),
}

impl fmt::Display for FullReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("there is no baseline yet"),
            Self::Scope(differences) => {
                write!(f, "the definition changed since the last successful run: {}", listed(differences))
            }
            Self::Consumer => f.write_str("the consumer changed since the last successful run"),
            Self::Deleted => f.write_str("the snapshot of the last successful run is gone"),
            Self::Damaged(problem) => write!(f, "the snapshot of the last successful run {problem}"),
            Self::Unreadable(why) => write!(f, "the snapshot of the last successful run cannot be used: {why}"),
            Self::State(damage) => write!(f, "the job's state file is damaged: {damage}"),
            Self::OtherMachine => f.write_str("the state belongs to another machine"),
            Self::Unconfirmed(why) => {
                write!(f, "it is no longer known what an unsuccessful run listed ({why})")
            }
            Self::Asked(why) => f.write_str(why),
        }
    }
}
