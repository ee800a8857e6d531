//! What a walk hands its results to.

use super::{BaseLookup, FinishedDir, LastState, PatchedDir};
use crate::metadata::{Flags, Stat};

/// Takes what a walk reads, from many threads.
pub(crate) trait Sink: Sync {
    /// What a directory becomes; its parent hands it back.
    type Done: Copy + Send + 'static;

    /// A directory is finished: its children, and what its child directories became, in the same order.
    fn directory(&self, directory: &FinishedDir<'_>, subdirs: Vec<Self::Done>) -> Self::Done;

    /// A directory is finished of which only some entries were read; the others are as in the base. None if the sink
    /// needs all its entries.
    fn patched(&self, directory: &PatchedDir<'_>, subdirs: &[Self::Done]) -> Option<Self::Done>;

    /// A directory and all below it are as in the base. None if the base cannot be relied on.
    fn keep(&self, row: u32) -> Option<Self::Done>;

    /// A directory cannot be read: it and all below it are carried over from the base and marked unknown. None if the
    /// base cannot be relied on.
    fn carry(&self, row: u32) -> Option<Self::Done>;
}

/// What a root became.
pub(crate) struct FinishedRoot<D> {
    pub(crate) stat: Stat,
    pub(crate) flags: Flags,
    pub(crate) done: D,
}

/// The last known state of an entry that cannot be read, and what a directory became with all that lay below it.
#[derive(Clone, Copy)]
pub(super) struct CarriedEntry<D> {
    pub(super) stat: Stat,
    pub(super) flags: Flags,
    pub(super) done: Option<D>,
}

/// Carries an entry that cannot be read over from the base, if the base knows it.
pub(super) fn carry<B: BaseLookup, S: Sink>(base: &B, sink: &S, path: &[u8]) -> Option<CarriedEntry<S::Done>> {
    let LastState { stat, flags, row } = base.last_state(path)?;
    let done = match row {
        Some(row) => Some(sink.carry(row)?),
        None => None,
    };
    Some(CarriedEntry { stat, flags, done })
}
