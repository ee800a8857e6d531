//! The paths of a list: what changed, and what must be listed although it did not.

use std::collections::{BTreeSet, HashSet};

use super::database::StoredPaths;
use super::list::{DuplicatiOptions, refuse};
use super::spelling::{compared_by, is_sayable, is_stored_as_spelled, link_spelling, with_slash};
use crate::diff::{Change, ChangeKind, Diff};
use crate::metadata::{Flags, Kind};
use crate::path::{is_within, parent, to_path};
use crate::{Error, Result, System};

/// The two lists while they are made.
#[derive(Debug, Default)]
pub(super) struct DuplicatiPaths {
    pub(super) changed: BTreeSet<Vec<u8>>,
    pub(super) deleted: BTreeSet<Vec<u8>>,
    /// A regular file that exists, and that no filter of Duplicati's keeps out, is among the changed.
    pub(super) has_file: bool,
    /// Something changed, or the newest version holds what is not there, or under another spelling.
    pub(super) corrects: bool,
    /// How many are listed only because they have several versions.
    pub(super) several: u64,
}

impl DuplicatiPaths {
    pub(super) fn take(&mut self, change: &Change, roots: &[Vec<u8>]) {
        if change.kind == ChangeKind::Unknown {
            // Not listed: carried over from the last version.
            return;
        }
        if let Some(old) = change.old {
            let same_kind = change.new.is_some_and(|new| new.kind() == old.kind());
            if old.kind() == Kind::Symlink || !same_kind {
                self.delete(&change.path, old.kind());
            }
        }
        if let Some(new) = change.new {
            self.list(&change.path, new.kind());
        }
        // The directory of what changed is listed for its own metadata, unless it is gone as well.
        if !roots.contains(&change.path)
            && let Some(parent) = parent(&change.path).map(with_slash)
            && !self.deleted.contains(&parent)
        {
            self.changed.insert(parent);
        }
    }

    /// A directory must end in a slash, else it is silently ignored; listing it does not recurse.
    /// Fifos, sockets and devices are not stored: what was there before is deleted instead.
    fn list(&mut self, path: &[u8], kind: Kind) {
        self.changed.insert(match kind {
            Kind::Dir => with_slash(path),
            Kind::Symlink => link_spelling(path),
            Kind::File | Kind::Unknown => path.to_vec(),
            Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice => return,
        });
    }

    /// Exact, case-sensitive names, every descendant by itself. Of a symlink, and of what could not be read
    /// then, both spellings: how a link was stored depends on where it led, and a name that is not there
    /// does no harm.
    fn delete(&mut self, path: &[u8], kind: Kind) {
        if kind != Kind::Dir {
            self.deleted.insert(path.to_vec());
        }
        if matches!(kind, Kind::Dir | Kind::Symlink | Kind::Unknown) {
            self.deleted.insert(with_slash(path));
        }
    }

    /// Adds what must be listed although it did not change: every path with several stored versions, which would
    /// silently flip to another of them if it were carried over; a symlink that is not stored under the spelling that
    /// is right now, because its target changed its kind; and one regular file if there is none, since a run that
    /// examined no regular file ends with a warning, and an empty list means a full scan. What the newest version holds
    /// and is gone was in neither snapshot (a full scan of Duplicati's own saw it in between): deleted. With `exact`
    /// what the newest version lacks is listed too: where Duplicati could not read it, nobody else would ever name it
    /// again. Returns how many of the listed paths lie outside of the roots.
    pub(super) fn complete(
        &mut self,
        diff: &Diff<'_>,
        database: &StoredPaths,
        options: &DuplicatiOptions,
    ) -> Result<u64> {
        let exact = options.exact;
        let roots = &diff.newer().meta().roots;
        let is_inside = |path: &[u8]| roots.iter().any(|root| is_within(path, root));
        let mut several: HashSet<&[u8]> = database.multi_version.iter().map(Vec::as_slice).collect();
        let mut gone: HashSet<&[u8]> =
            database.newest.iter().map(Vec::as_slice).filter(|path| is_inside(path)).collect();
        let mut closed: Vec<Vec<u8>> = Vec::new();
        let mut not_entered: Vec<Vec<u8>> = Vec::new();
        let (mut some_file, mut stored_file) = (None, None);
        check_case(diff)?;
        for entry in diff.newer().entries() {
            // With a database every symlink is looked at: what is not stored is in none of the sets.
            if database.newest.is_empty() && several.is_empty() && (some_file.is_some() || self.has_file) {
                break;
            }
            let entry = entry?;
            if entry.flags.intersects(Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN) {
                closed.push(entry.path.clone());
            }
            if exact && entry.flags.contains(Flags::NOT_ENTERED) {
                not_entered.push(entry.path.clone());
            }
            let slashed = with_slash(&entry.path);
            let spelling = match entry.kind() {
                Kind::Dir => slashed,
                Kind::Symlink => link_spelling(&entry.path),
                // What could not be read is left as it is stored.
                Kind::Unknown if database.newest.contains(&slashed) => slashed,
                _ => entry.path.clone(),
            };
            // What Duplicati does not store is gone from there even if it is here.
            if !matches!(entry.kind(), Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice) {
                gone.remove(spelling.as_slice());
            }
            let is_several = several.remove(spelling.as_slice());
            self.several += u64::from(is_several && !self.changed.contains(&spelling));
            if entry.kind() == Kind::Symlink {
                // Its directory is stored, so that no filter of Duplicati's keeps it out; a name that is not
                // UTF-8 it cannot store at all.
                let is_stored = |path: &[u8]| database.newest.contains(path);
                let is_parent_stored = |dir: &[u8]| {
                    let dir = with_slash(dir);
                    is_stored(&dir) || self.changed.contains(&dir)
                };
                let flipped = !is_stored(&spelling)
                    && std::str::from_utf8(&spelling).is_ok()
                    && !options.unstored.holds(&entry.path, Kind::Symlink)
                    && parent(&entry.path).is_some_and(is_parent_stored);
                self.corrects |= flipped;
                if is_several || flipped {
                    self.list(&entry.path, Kind::Symlink);
                    self.delete(&entry.path, Kind::Symlink);
                }
            } else if is_several && entry.kind() == Kind::Unknown {
                self.changed.insert(spelling);
            } else if is_several || exact && is_missing(&entry, &spelling, database, options) {
                self.list(&entry.path, entry.kind());
                self.has_file |= is_several && entry.kind() == Kind::File;
                self.corrects |= !is_several;
            }
            let file = if database.newest.contains(&entry.path) { &mut stored_file } else { &mut some_file };
            if !self.has_file && file.is_none() && is_fit(&entry) {
                *file = Some(entry.path);
            }
        }
        let mut outside = 0;
        // What the snapshot does not hold (a directory that was not listed or not entered, a filter, another
        // source) is carried over as well if it is there.
        for path in several {
            if is_stored_as_spelled(path) && !self.deleted.contains(path) {
                outside += u64::from(!is_inside(path));
                self.changed.insert(path.to_vec());
            }
        }
        for path in gone {
            if not_entered.iter().any(|dir| is_within(path, dir) && path.len() > dir.len() + 1) {
                return Err(left_out(path, "lies on another file system, which was not entered"));
            }
            if closed.iter().any(|dir| is_within(path, dir)) {
                continue;
            }
            if !is_stored_as_spelled(path) {
                self.corrects |= self.deleted.insert(path.to_vec());
            } else if exact {
                return Err(left_out(path, "is left out by the job"));
            }
        }
        if !self.has_file {
            let Some(file) = stored_file.or(some_file) else {
                return Err(refuse("there is no regular file to list, and an empty list means a full scan anyway"));
            };
            self.changed.insert(file);
        }
        Ok(outside)
    }
}

/// Refuses a tree of Windows in which names differ only in case, as a directory may allow: what is listed of one would
/// take the place of the other, listed or not. Costs a pass over the entries.
fn check_case(diff: &Diff<'_>) -> Result<()> {
    if !cfg!(windows) {
        return Ok(());
    }
    let mut seen = rustc_hash::FxHashSet::default();
    for entry in diff.newer().entries() {
        let path = entry?.path;
        if !seen.insert(xxhash_rust::xxh3::xxh3_64(&compared_by(&path))) {
            let name = String::from_utf8_lossy(&System::HERE.quoted(&path)).into_owned();
            return Err(refuse(format!("{name} and another name differ only in case, and are one to Duplicati")));
        }
    }
    Ok(())
}

fn left_out(path: &[u8], why: &str) -> Error {
    let name = String::from_utf8_lossy(&System::HERE.quoted(path)).into_owned();
    refuse(format!(
        "{name} is in the last version and {why}, so changes there would be missed: leave it out of the backup too, or include it in the job"
    ))
}

/// Whether the newest version lacks a file or a directory that Duplicati stores. Of the same sources, by the same
/// filters.
fn is_missing(entry: &crate::Entry, spelling: &[u8], database: &StoredPaths, options: &DuplicatiOptions) -> bool {
    let unstored = &options.unstored;
    let is_skipped = unstored.larger_than.is_some_and(|limit| entry.kind() == Kind::File && entry.stat.size > limit)
        || unstored.holds(&entry.path, entry.kind());
    matches!(entry.kind(), Kind::File | Kind::Dir)
        && !entry.flags.contains(Flags::UNKNOWN)
        && !is_skipped
        && std::str::from_utf8(spelling).is_ok()
        && !database.newest.contains(spelling)
}

/// Whether an entry can stand for "a regular file that exists".
fn is_fit(entry: &crate::Entry) -> bool {
    entry.kind() == Kind::File
        && !entry.flags.contains(Flags::UNKNOWN)
        && is_sayable(&entry.path)
        && std::fs::symlink_metadata(to_path(&entry.path)).is_ok_and(|m| m.is_file())
}
