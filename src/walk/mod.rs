//! Reads whole trees in parallel. The native walker uses the system's own calls, the portable one the jwalk crate.
//!
//! Both ask a [`BaseLookup`] what an earlier snapshot knows, and hand each finished directory, sorted, to a [`Sink`].
//! What becomes of it is not known here.

mod base;
mod devices;
mod foreign;
mod hint_filter;
mod listing;
mod native;
mod plan;
mod portable;
mod racy;
mod sink;

use std::io::ErrorKind;
use std::path::Path;

pub(crate) use self::base::{BaseDir, BaseListing, BaseLookup, Detail, LastState};
pub(crate) use self::devices::{Devices, FsRules, WalkDevice};
pub(crate) use self::foreign::ForeignMounts;
pub(crate) use self::hint_filter::HintFilter;
use self::listing::push_name;
pub(crate) use self::listing::{DirListing, FinishedDir, Name, PatchedDir, StatReason, WalkEntry, name};
use self::plan::is_own;
pub(crate) use self::plan::{OwnFile, WalkPlan};
pub(crate) use self::racy::{NewestRule, default_window};
use self::sink::{CarriedEntry, carry};
pub(crate) use self::sink::{FinishedRoot, Sink};
use crate::metadata::{Kind, Stat, Time};
use crate::monitor::Monitor;
pub(crate) use crate::sys::timeout::with_timeout;
use crate::{Error, Result, RootProblem};

/// The metadata of an entry of which only the kind is known.
fn unknown(kind: Kind) -> Stat {
    Stat { mode: kind.mode_bits(), ..Stat::default() }
}

/// The metadata of an entry whose times are those of the look at it.
fn timeless(stat: Stat) -> Stat {
    Stat { mtime: Time::default(), ctime: Time::default(), birth: 0, ..stat }
}

/// Whether a walk recorded a directory as one that stands for a subvolume.
pub(crate) fn is_stub(stat: &Stat) -> bool {
    stat.kind() == Kind::Dir && stat.ino == crate::sys::filesystem::STUB_INODE && *stat == timeless(*stat)
}

/// The error of a root that cannot be walked at all.
pub(crate) fn root_error(path: &Path, error: std::io::Error) -> Error {
    let problem = match error.kind() {
        ErrorKind::NotFound => RootProblem::Missing,
        ErrorKind::NotADirectory => RootProblem::NotADirectory,
        _ => RootProblem::Unlisted(error),
    };
    Error::root(path, problem)
}

/// Walks with the portable walker.
pub(crate) fn portable<B: BaseLookup, S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    base: &B,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    portable::walk(plan, devices, base, sink, monitor)
}

/// Walks with the system's own calls.
pub(crate) fn native<B: BaseLookup, S: Sink>(
    plan: &WalkPlan<'_>,
    devices: &Devices,
    base: &B,
    sink: &S,
    monitor: &dyn Monitor,
) -> Result<Vec<FinishedRoot<S::Done>>> {
    native::walk(plan, devices, base, sink, monitor)
}
