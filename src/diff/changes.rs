//! Iterates over the changes of a [`Diff`]: from the cache, by comparing again, or over everything in a snapshot.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::slice;

use super::Diff;
use super::cached_changes::{CacheCursor, CachedChanges};
use super::change::{Change, ChangeKind, Side};
use super::compare::Compare;
use super::raw_change::RawChange;
use super::renames::Renames;
use crate::metadata::{Fields, Flags};
use crate::path::compare;
use crate::snapshot::{Entries, Entry};
use crate::{Error, Result};

/// Where the changes come from.
#[derive(Debug)]
pub(super) enum RawChanges<'a, 'd> {
    Cached { changes: &'d CachedChanges, cursor: CacheCursor },
    Compared(Box<Result<Compare<'a>, Option<Error>>>),
    Everything(Box<Entries<'a>>),
}

impl<'a, 'd> RawChanges<'a, 'd> {
    /// From the first cached change on.
    pub(super) fn cached(changes: &'d CachedChanges) -> Self {
        Self::Cached { changes, cursor: CacheCursor::default() }
    }

    /// An error is handed out as the first change.
    pub(super) fn compared(compare: Result<Compare<'a>>) -> Self {
        Self::Compared(Box::new(compare.map_err(Some)))
    }

    /// The next change and its path.
    fn next(&mut self) -> Result<Option<(RawChange, &[u8])>> {
        match self {
            Self::Cached { changes, cursor } => Ok(changes.next(cursor)),
            Self::Compared(compare) => match compare.as_mut() {
                Ok(compare) => Ok(compare.next()?.map(|raw| (raw, compare.path()))),
                Err(error) => error.take().map_or(Ok(None), Err),
            },
            Self::Everything(_) => Ok(None),
        }
    }
}

/// Iterates over changes in tree order. After an error it ends.
#[derive(Debug)]
pub struct Changes<'a, 'd> {
    diff: &'d Diff<'a>,
    renames: Option<&'d Renames>,
    source: RawChanges<'a, 'd>,
    /// A second change of the same entry.
    second: Option<Change>,
    /// What is listed again, whether it differs or not.
    relisted: Peekable<slice::Iter<'d, Change>>,
    /// A change that was read already, and comes after the next one that is listed again.
    read_ahead: Option<Change>,
    has_ended: bool,
}

impl<'a, 'd> Changes<'a, 'd> {
    /// Without `renames`, what was renamed is removed and added.
    pub(super) fn new(
        diff: &'d Diff<'a>,
        renames: Option<&'d Renames>,
        source: RawChanges<'a, 'd>,
        relisted: &'d [Change],
    ) -> Self {
        let relisted = relisted.iter().peekable();
        Self { diff, renames, source, second: None, relisted, read_ahead: None, has_ended: false }
    }

    /// The next change, or what is listed again if that comes before it. At one path what differs is listed.
    fn merged(&mut self) -> Result<Option<Change>> {
        let next = match self.read_ahead.take() {
            Some(next) => Some(next),
            None => self.advance()?,
        };
        let Some(relisted) = self.relisted.peek() else { return Ok(next) };
        match next.as_ref().map(|next| compare(&relisted.path, &next.path)) {
            Some(Ordering::Greater) => Ok(next),
            Some(Ordering::Equal) => {
                Ok(self.relisted.next().filter(|relisted| says_more(relisted, next.as_ref())).cloned().or(next))
            }
            Some(Ordering::Less) | None => {
                self.read_ahead = next;
                Ok(self.relisted.next().cloned())
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Change>> {
        if let Some(change) = self.second.take() {
            return Ok(Some(change));
        }
        if let RawChanges::Everything(entries) = &mut self.source {
            let is_listed = |entry: &Result<Entry>| !entry.as_ref().is_ok_and(|entry| entry.flags.is_unasked());
            let Some(entry) = entries.find(is_listed).transpose()? else { return Ok(None) };
            let [added, unknown] = added(&entry);
            self.second = unknown;
            return Ok(added);
        }
        while let Some((raw, path)) = self.source.next()? {
            let Some(renames) = self.renames else { return Ok(Some(raw.at(path))) };
            match raw.kind {
                ChangeKind::Removed if raw.old.is_some_and(|old| renames.is_source(old.place)) => {}
                ChangeKind::Added => match renames.changes(&raw, path, self.diff.older())? {
                    Some([None, None]) => {}
                    Some([None, only]) => return Ok(only),
                    Some([first, second]) => {
                        self.second = second;
                        return Ok(first);
                    }
                    None => return Ok(Some(raw.at(path))),
                },
                _ => return Ok(Some(raw.at(path))),
            }
        }
        Ok(None)
    }
}

impl Iterator for Changes<'_, '_> {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Result<Change>> {
        if self.has_ended {
            return None;
        }
        let next = match self.merged() {
            Ok(None) => self.diff.check_unchanged().err().map(Err),
            other => other.transpose(),
        };
        self.has_ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Whether a change that is listed again says more than the difference at its path: the reader of an earlier list may
/// have stored the entry as another kind.
fn says_more(relisted: &Change, next: Option<&Change>) -> bool {
    let plain = [ChangeKind::Added, ChangeKind::Modified, ChangeKind::Suspect];
    relisted.kind == ChangeKind::TypeChanged && next.is_some_and(|next| plain.contains(&next.kind))
}

/// The changes of an entry in a list of everything: as in a comparison with an empty tree.
fn added(entry: &Entry) -> [Option<Change>; 2] {
    let new = Some(Side { stat: entry.stat, flags: entry.flags });
    let change = |kind| Change { kind, path: entry.path.clone(), from: None, old: None, new, fields: Fields::empty() };
    if entry.flags.is_unread() {
        return [Some(change(ChangeKind::Unknown)), None];
    }
    let is_unknown = entry.flags.intersects(Flags::UNKNOWN | Flags::UNLISTED);
    [Some(change(ChangeKind::Added)), is_unknown.then(|| change(ChangeKind::Unknown))]
}
