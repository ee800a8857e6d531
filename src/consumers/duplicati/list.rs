//! The list: the two options by which Duplicati takes one.
//!
//! Each option is one value, split at `:`; nothing in it can be escaped. The rules for listed and unlisted paths were
//! found in Duplicati's source and by running it.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::PathBuf;

use super::super::{Emitted, ListPart, quote, written};
use super::database::{JobDatabase, StoredPaths};
use super::spelling::{is_stored_as_spelled, link_spelling, with_slash};
use super::unstored::Unstored;
use crate::diff::{Change, ChangeKind, Diff};
use crate::metadata::{Flags, Kind};
use crate::path::{is_within, parent, to_path};
use crate::{Error, Refusal, Result};

/// Duplicati splits the values here, and cannot quote it.
const SEPARATOR: u8 = b':';

/// A larger option makes every later script of Duplicati fail to start.
const LARGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// What the list depends on beside the changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuplicatiOptions {
    /// The job's database. Without one, unchanged files may be restored in an older version.
    pub database: Option<PathBuf>,
    /// Refuse if the newest version holds something below the roots that is in no snapshot: changes there would never
    /// be listed. Otherwise it is carried over.
    pub exact: bool,
    /// What Duplicati does not store. A list is refused if a file has outgrown the size: Duplicati would carry over
    /// its old content.
    pub unstored: Unstored,
}

/// The two lists, complete and checked.
#[derive(Debug)]
#[non_exhaustive]
pub struct DuplicatiList {
    changed: Vec<u8>,
    deleted: Vec<u8>,
    /// Counts of changes, and what the user should know.
    pub emitted: Emitted,
    /// Nothing changed, and the newest version needs no correction either. The list holds only paths with several
    /// versions, or one file because an empty list would be a full scan.
    pub is_idle: bool,
    /// A file may have other content although it has the size and the time of before: Duplicati reads it only with
    /// `--disable-filetime-check=true`.
    pub needs_reading: bool,
    /// An option is longer than an argument may be: Duplicati can start no script after it has got the list.
    pub is_long: bool,
}

#[derive(Debug, Default)]
struct DuplicatiPaths {
    changed: BTreeSet<Vec<u8>>,
    deleted: BTreeSet<Vec<u8>>,
    /// A regular file that exists, and that no filter of Duplicati's keeps out, is among the changed.
    has_file: bool,
    needs_reading: bool,
    /// Something changed, or the newest version holds what is not there, or under another spelling.
    corrects: bool,
    /// How many are listed only because they have several versions.
    several: u64,
}

impl DuplicatiList {
    /// Makes the lists. Duplicati knows no renames: a renamed entry is deleted and changed.
    ///
    /// # Errors
    /// [`Error::Refused`] if a path cannot be expressed, the database cannot be relied on, or there is no
    /// file to list: then nothing is written, and without a list Duplicati scans everything, which is safe.
    pub fn new(diff: &Diff<'_>, options: &DuplicatiOptions) -> Result<Self> {
        let roots = &diff.newer().meta().roots;
        let database = match &options.database {
            Some(file) => {
                let stored = JobDatabase::open(file).and_then(|database| database.stored_paths(roots));
                stored.map_err(|e| refuse(e.to_string()))?
            }
            None => StoredPaths::default(),
        };
        let mut emitted = Emitted::default();
        let mut lists = DuplicatiPaths::default();
        for change in diff.changes_without_renames() {
            let change = change?;
            emitted.summary.add(&change);
            check_size(&change, options, &database)?;
            // A name that cannot be listed does no harm if Duplicati does not store it.
            if is_left_out(&change, options, &database) {
                continue;
            }
            lists.corrects = true;
            lists.take(&change, roots);
            // With filters of Duplicati's about, only what is stored already is sure to get through.
            lists.has_file |= change.new.is_some_and(|new| new.kind() == Kind::File)
                && change.kind != ChangeKind::Unknown
                && (!options.exact || database.newest.contains(&change.path));
        }
        let outside = lists.complete(diff, &database, options)?;
        if outside > 0 {
            emitted.notes.push(format!(
                "{outside} paths of the job database lie outside of the roots: if they are sources of the job, changes there are missed; the snapshots must cover exactly its sources"
            ));
        }
        let several = lists.several;
        let entries = diff.newer().header().counts.entries;
        if several > entries / 2 {
            emitted.notes.push(format!(
                "{several} of {entries} entries are listed only because they have several versions; a full scan may be as fast: leave the list out now and then"
            ));
        }
        // A path in both lists disappears from the backup: what is there is not deleted.
        lists.deleted.retain(|path| !lists.changed.contains(path));
        // Duplicati cannot store a name that is not UTF-8, so that there is nothing to delete.
        lists.deleted.retain(|path| std::str::from_utf8(path).is_ok());
        let changed = joined(&lists.changed)?;
        let deleted = joined(&lists.deleted)?;
        let is_long = changed.len().max(deleted.len()) + "DUPLICATI__changed_files=".len() > LARGEST_ARGUMENT;
        if is_long {
            emitted.notes.push(format!(
                "the list is longer than one argument may be ({LARGEST_ARGUMENT} bytes): pass it with --run-script-before or --parameters-file, and do not use --run-script-after"
            ));
        }
        let is_idle = !lists.corrects;
        Ok(Self { changed, deleted, emitted, is_idle, needs_reading: lists.needs_reading, is_long })
    }

    /// Writes the options, each on a line: `--changed-files="…"` and, if anything was deleted, `--deleted-files="…"`.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, out: &mut dyn Write) -> Result<()> {
        self.write_part(ListPart::All, out)
    }

    pub(super) fn write_part(&self, part: ListPart, out: &mut dyn Write) -> Result<()> {
        if part != ListPart::Deleted {
            written(write_option(out, "--changed-files", &self.changed))?;
        }
        if part != ListPart::Changed {
            written(write_option(out, "--deleted-files", &self.deleted))?;
        }
        written(out.flush())
    }
}

/// Duplicati skips what is too large, and carries it over as it was.
fn check_size(change: &Change, options: &DuplicatiOptions, database: &StoredPaths) -> Result<()> {
    let (Some(limit), Some(new)) = (options.unstored.larger_than, change.new) else { return Ok(()) };
    // What an unsuccessful run stored was in no baseline.
    let was_small = change.old.is_some_and(|old| old.kind() == Kind::File && old.stat.size <= limit)
        || database.newest.contains(&change.path);
    if was_small && new.kind() == Kind::File && new.stat.size > limit {
        let name = String::from_utf8_lossy(&quote(&change.path)).into_owned();
        return Err(refuse(format!(
            "{name} is too large now for --skip-files-larger-than, and a list would leave its old content in the backup"
        )));
    }
    Ok(())
}

/// Whether what changed is a file that Duplicati stores neither now nor before.
fn is_left_out(change: &Change, options: &DuplicatiOptions, database: &StoredPaths) -> bool {
    let is_unstored = |kind: Kind| options.unstored.holds(&change.path, kind);
    change.new.or(change.old).is_some_and(|side| is_unstored(side.kind()))
        && change.old.is_none_or(|old| is_unstored(old.kind()))
        && !database.newest.contains(&change.path)
        && !database.newest.contains(&with_slash(&change.path))
}

fn write_option(out: &mut dyn Write, option: &str, value: &[u8]) -> std::io::Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    write!(out, "{option}=\"")?;
    out.write_all(value)?;
    out.write_all(b"\"\n")
}

pub(super) const NAME: &str = "duplicati";

pub(super) fn refuse(refusal: impl Into<Refusal>) -> Error {
    super::super::refuse(NAME, refusal)
}

/// Joins paths, or names the first that cannot be expressed.
fn joined(paths: &BTreeSet<Vec<u8>>) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    for path in paths {
        let why = if path.contains(&SEPARATOR) {
            "holds a `:`, at which Duplicati splits its lists"
        } else if path.contains(&b'\n') || path.contains(&b'\r') {
            "holds a line break, which neither a script nor a parameters file can pass on"
        } else if std::str::from_utf8(path).is_err() {
            "is not UTF-8, and Duplicati cannot name it"
        } else {
            if !value.is_empty() {
                value.push(SEPARATOR);
            }
            value.extend_from_slice(path);
            continue;
        };
        return Err(refuse(Refusal::Path { path: to_path(path).into_owned(), why }));
    }
    Ok(value)
}

impl DuplicatiPaths {
    fn take(&mut self, change: &Change, roots: &[Vec<u8>]) {
        if change.kind == ChangeKind::Unknown {
            // Not listed: carried over from the last version.
            return;
        }
        self.needs_reading |= looks_the_same(change);
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
    fn complete(&mut self, diff: &Diff<'_>, database: &StoredPaths, options: &DuplicatiOptions) -> Result<u64> {
        let exact = options.exact;
        let roots = &diff.newer().meta().roots;
        let is_inside = |path: &[u8]| roots.iter().any(|root| is_within(path, root));
        let mut several: HashSet<&[u8]> = database.multi_version.iter().map(Vec::as_slice).collect();
        let mut gone: HashSet<&[u8]> =
            database.newest.iter().map(Vec::as_slice).filter(|path| is_inside(path)).collect();
        let mut closed: Vec<Vec<u8>> = Vec::new();
        let mut not_entered: Vec<Vec<u8>> = Vec::new();
        let (mut some_file, mut stored_file) = (None, None);
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

fn left_out(path: &[u8], why: &str) -> Error {
    let name = String::from_utf8_lossy(&quote(path)).into_owned();
    refuse(format!(
        "{name} is in the last version and {why}, so changes there would be missed: leave it out of the backup too, or include it in the job"
    ))
}

/// Whether a regular file may have other content although its size and time are those of before.
fn looks_the_same(change: &Change) -> bool {
    let (Some(old), Some(new)) = (change.old, change.new) else { return false };
    let is_file = old.kind() == Kind::File && new.kind() == Kind::File;
    is_file && old.stat.size == new.stat.size && old.stat.mtime == new.stat.mtime
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
        && !entry.path.iter().any(|b| matches!(*b, SEPARATOR | b'\n' | b'\r'))
        && std::str::from_utf8(&entry.path).is_ok()
        && std::fs::symlink_metadata(to_path(&entry.path)).is_ok_and(|m| m.is_file())
}
