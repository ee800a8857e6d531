//! The canary: some entries that the tables call unchanged are asked for in the ordinary way. One that did change shows
//! that the tables cannot be believed.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use rustc_hash::FxHashSet;

use super::entries::{BaseEntry, each_entry};
use super::tables::{TableAnswer, Tables};
use super::{InodeQuestion, system_path};
use crate::metadata::Stat;
use crate::sys;
use crate::sys::timeout::with_timeout;
use crate::{Result, SourceProblem};

/// How many entries are asked for.
const ENTRIES: u64 = 64;

/// Random ones of the entries that are compared; `pick` finds one by a random number.
pub(super) fn sample(pick: impl FnMut(u64) -> Option<BaseEntry>) -> Vec<BaseEntry> {
    let random = RandomState::new();
    (0..ENTRIES).map(|number| random.hash_one(number)).filter_map(pick).collect()
}

/// A call that changes an inode may wait for the journal between the two places. It is given so many seconds.
const PATIENCE: u32 = 5;

/// Asks for those entries of the sample that are not among the differing ones. None if all are as the base says, or the
/// tables show by now that they are not.
///
/// # Errors
/// A damaged base.
pub(super) fn check(
    question: &InodeQuestion<'_>,
    tables: &Tables,
    compared: &TableAnswer,
) -> Result<Option<SourceProblem>> {
    let differing: FxHashSet<_> = compared.differing.iter().copied().collect();
    let mut asked = Vec::new();
    let entries = compared.sample.iter().copied();
    each_entry(question.base, entries.filter(|entry| !differing.contains(entry)), |place| {
        asked.push((place.entry, system_path(place.path)));
    })?;
    let Some((_, first)) = asked.first().cloned() else { return Ok(None) };
    let paths: Vec<_> = asked.iter().map(|(_, path)| path.clone()).collect();
    let stats = with_timeout(&first, question.io_timeout, question.monitor, move || {
        Ok(paths.iter().map(|path| sys::stat(path)).collect::<Vec<_>>())
    });
    let Ok(stats) = stats else { return Ok(None) };
    for ((entry, path), now) in asked.into_iter().zip(stats) {
        let before = question.base.checked_child(entry.row, entry.place)?.stat;
        // By another inode the path leads somewhere else now: a directory above it was renamed, which the tables show.
        let is_changed = |now: &sys::StatAt| {
            let is_same_file = (now.dev, now.stat.ino) == (tables.dev(), before.ino);
            is_same_file && !now.stat.differing(&before).is_empty() && now.stat.ctime < question.until
        };
        if now.is_ok_and(|now| is_changed(&now)) && !shows_soon(tables, &before) {
            return Ok(Some(SourceProblem::Missed(path)));
        }
    }
    Ok(None)
}

/// Whether the tables show, now or soon, that an inode is not as it was.
fn shows_soon(tables: &Tables, before: &Stat) -> bool {
    (0..PATIENCE).any(|_| {
        let shows = tables.show_change(before);
        if !shows {
            std::thread::sleep(Duration::from_secs(1));
        }
        shows
    })
}
