//! Two snapshots and their difference in one place.

use self_cell::self_cell;

use crate::diff::{Diff, DiffOptions, Relist, Summary};
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// The new snapshot, and the baseline if there is one to compare with.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) old: Option<Snapshot>,
    pub(super) new: Snapshot,
}

self_cell!(
    struct Cell {
        owner: Pair,
        #[covariant]
        dependent: Diff,
    }

    impl {Debug}
);

/// Two snapshots and their difference.
#[derive(Debug)]
pub(super) struct Compared(Cell);

impl Compared {
    /// Compares, adds what is listed again, and counts the changes. Any damage shows now, since the count reads them
    /// all.
    ///
    /// # Errors
    /// Those of [`Diff::new`], with the snapshots.
    pub(super) fn new(
        pair: Pair,
        options: &DiffOptions,
        again: &Relist,
    ) -> Result<(Self, Summary), Box<(Pair, Error)>> {
        let cell = Cell::try_new_or_recover(pair, |pair| match &pair.old {
            Some(old) => {
                let mut diff = Diff::new(old, &pair.new, options)?;
                diff.list_again(again)?;
                Ok(diff)
            }
            None => Ok(Diff::everything(&pair.new)),
        });
        let cell = cell.map_err(Box::new)?;
        let compared = Self(cell);
        match compared.count() {
            Ok(summary) => Ok((compared, summary)),
            Err(error) => Err(Box::new((compared.0.into_owner(), error))),
        }
    }

    fn count(&self) -> Result<Summary> {
        let mut summary = Summary::default();
        for change in self.diff().changes() {
            summary.add(&change?);
        }
        Ok(summary)
    }

    pub(super) fn diff(&self) -> &Diff<'_> {
        self.0.borrow_dependent()
    }

    pub(super) fn old(&self) -> Option<&Snapshot> {
        self.0.borrow_owner().old.as_ref()
    }

    pub(super) fn new_snapshot(&self) -> &Snapshot {
        &self.0.borrow_owner().new
    }
}
