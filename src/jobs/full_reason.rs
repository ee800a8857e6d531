//! Why a list is a full one.

use std::fmt;

/// Why a run lists everything instead of what changed since the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FullReason {
    /// There is no baseline yet.
    First,
    /// The baseline was made by another definition: what differs.
    Definition(String),
    /// The baseline's file is gone.
    Deleted,
    /// The baseline cannot be relied on: why.
    Damaged(String),
    /// The state cannot be relied on: why.
    State(String),
    /// The state belongs to another machine.
    OtherMachine,
    /// What an unfinished run listed is not known any more: why.
    Unconfirmed(String),
    /// The caller asked for it: why.
    Asked(String),
}

impl fmt::Display for FullReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("there is no baseline yet"),
            Self::Definition(what) => write!(f, "the definition changed since the last successful run ({what})"),
            Self::Deleted => f.write_str("the snapshot of the last successful run is gone"),
            Self::Damaged(why) => write!(f, "the snapshot of the last successful run cannot be relied on ({why})"),
            Self::State(why) => write!(f, "the job's state file cannot be relied on ({why})"),
            Self::OtherMachine => f.write_str("the state is that of another machine"),
            Self::Unconfirmed(why) => write!(f, "what a run that did not succeed listed is not known any more ({why})"),
            Self::Asked(why) => f.write_str(why),
        }
    }
}
