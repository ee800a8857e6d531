//! The list: the two options by which Duplicati takes one.
//!
//! Each option is one value, split at `:`; nothing in it can be escaped. The rules for listed and unlisted paths were
//! found in Duplicati's source and by running it.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use super::super::{Emitted, ListPart, written};
use super::database::{DatabaseError, JobDatabase, StoredPaths};
use super::listed_paths::DuplicatiPaths;
use super::spelling::{SEPARATOR, compared_by, is_sayable, link_spelling, with_slash};
use super::unread::{ReadRule, changed_files};
use super::unstored::Unstored;
use crate::diff::{Change, ChangeKind, Diff};
use crate::metadata::Kind;
use crate::path::to_path;
use crate::{Error, Refusal, Result, System};

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
    /// How Duplicati tells whether it has to read a listed file.
    pub rule: ReadRule,
    /// The backup reads all listed files anyway.
    pub reads_all: bool,
    /// A run that did not succeed, or one of somebody else, came after that of the baseline. What it could not read it
    /// may have carried over as another of its stored versions.
    pub is_after_others: bool,
    /// No file is read for a proof later than this.
    pub until: Option<Instant>,
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

impl DuplicatiList {
    /// Makes the lists. Duplicati knows no renames: a renamed entry is deleted and changed.
    ///
    /// # Errors
    /// [`Error::Refused`] if a path cannot be expressed, the database cannot be relied on, or there is no
    /// file to list: then nothing is written, and without a list Duplicati scans everything, which is safe.
    pub fn new(diff: &Diff<'_>, options: &DuplicatiOptions) -> Result<Self> {
        let roots = &diff.newer().meta().roots;
        let in_database = |e: DatabaseError| refuse(e.to_string());
        let opened = options.database.as_deref().map(JobDatabase::open).transpose().map_err(in_database)?;
        let stored = opened.as_ref().map(|opened| opened.stored_paths(roots)).transpose().map_err(in_database)?;
        let database = stored.unwrap_or_default();
        let proofs = Proofs::find(diff, options, opened.as_ref())?;
        let needs_reading = proofs.needs_reading && !options.reads_all;
        let mut emitted = Emitted::default();
        let mut lists = DuplicatiPaths::default();
        let mut unstorable = Unstorable::default();
        for change in diff.changes_without_renames() {
            let change = change?;
            emitted.summary.add(&change);
            check_size(&change, options, &database)?;
            // A name that cannot be listed does no harm if Duplicati does not store it, or has stored what is there.
            if is_left_out(&change, options, &database)
                || unstorable.takes(&change)
                || proofs.leave_out(&change, &database)
            {
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
        let there: HashSet<_> = lists.changed.iter().map(|path| compared_by(path)).collect();
        lists.deleted.retain(|path| !there.contains(&compared_by(path)));
        if there.len() < lists.changed.len() {
            return Err(refuse("two names that differ only in case are one to Duplicati on Windows"));
        }
        drop(there);
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
        emitted.notes.extend(unstorable.note());
        let is_idle = !lists.corrects;
        Ok(Self { changed, deleted, emitted, is_idle, needs_reading, is_long })
    }

    /// Writes the options, each on a line: `--changed-files="…"` and, if anything was deleted, `--deleted-files="…"`;
    /// if a listed file has to be read that looks as it is stored, `--disable-filetime-check=true` too.
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
        if part == ListPart::All && self.needs_reading {
            written(out.write_all(READ_ALL.as_bytes()))?;
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
        let name = String::from_utf8_lossy(&System::HERE.quoted(&change.path)).into_owned();
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

/// Names that are not UTF-8. Duplicati stores none of them, not even by a scan of its own.
#[derive(Default)]
struct Unstorable {
    count: u64,
    example: Option<Vec<u8>>,
}

impl Unstorable {
    /// Whether the change is one of such a name, or below one.
    fn takes(&mut self, change: &Change) -> bool {
        let is_unstorable = std::str::from_utf8(&change.path).is_err();
        // What is gone is in nobody's way.
        if is_unstorable && change.new.is_some() {
            self.count += 1;
            self.example.get_or_insert_with(|| change.path.clone());
        }
        is_unstorable
    }

    fn note(self) -> Option<String> {
        let name = String::from_utf8_lossy(&System::HERE.quoted(&self.example?)).into_owned();
        let count = self.count;
        Some(format!(
            "{count} of the changes have names that are not UTF-8, such as {name}: Duplicati cannot store them"
        ))
    }
}

/// What the job database says of the changed files.
#[derive(Default)]
struct Proofs {
    /// These suspects are stored as they are: nothing differs, and their content has the stored hash.
    unchanged: HashSet<Vec<u8>>,
    /// Duplicati would not read one of the others.
    needs_reading: bool,
}

impl Proofs {
    /// Reads suspects, up to 256 MiB. Without a database it is unknown what is stored: the baseline stands for it.
    fn find(diff: &Diff<'_>, options: &DuplicatiOptions, opened: Option<&JobDatabase>) -> Result<Self> {
        let Some(opened) = opened else {
            let mut needs_reading = false;
            for change in diff.changes_without_renames() {
                needs_reading |= looks_the_same(&change?);
            }
            return Ok(Self { needs_reading, ..Self::default() });
        };
        let files = changed_files(diff, &options.unstored)?;
        let found = opened.lookalikes(&files, options.rule).map_err(|e| refuse(e.to_string()))?;
        let (suspects, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|file| file.is_suspect);
        let mut unchanged: HashSet<_> = suspects.iter().map(|file| file.path.clone()).collect();
        let unproved = opened.unproved(suspects, options.until);
        for path in &unproved {
            unchanged.remove(path);
        }
        let mut needs_reading = !others.is_empty() || !unproved.is_empty();
        // All that has several versions is listed, and would be taken for what it looks like.
        if options.is_after_others && !needs_reading && !options.reads_all {
            let mixed_up = opened.mixed_up(options.rule).map_err(|e| refuse(e.to_string()))?;
            needs_reading = mixed_up.iter().any(|path| to_path(path).is_file());
        }
        Ok(Self { unchanged, needs_reading })
    }

    /// Whether a suspect is proved to be stored as it is, and stays so without being listed: only one version of it is
    /// stored. A directory or a link has no content, and any change of its metadata after Duplicati had looked at it
    /// has a later ctime; it is left out if no list can name it.
    fn leave_out(&self, change: &Change, database: &StoredPaths) -> bool {
        let (ChangeKind::Suspect, Some(new)) = (change.kind, change.new) else { return false };
        let spelling = match new.kind() {
            Kind::File if self.unchanged.contains(&change.path) => change.path.clone(),
            Kind::Dir if !is_sayable(&change.path) => with_slash(&change.path),
            Kind::Symlink if !is_sayable(&change.path) => link_spelling(&change.path),
            _ => return false,
        };
        database.newest.contains(&spelling) && !database.multi_version.contains(&spelling)
    }
}

/// Whether a regular file may have other content although its size and time are those of before.
fn looks_the_same(change: &Change) -> bool {
    let (Some(old), Some(new)) = (change.old, change.new) else { return false };
    let is_file = old.kind() == Kind::File && new.kind() == Kind::File;
    is_file && old.stat.size == new.stat.size && old.stat.mtime == new.stat.mtime
}

/// The option by which Duplicati reads a file whatever its size and time are, as a line of a script's output.
const READ_ALL: &str = "--disable-filetime-check=true\n";

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

const NOT_SAYABLE: &str = if cfg!(windows) {
    "holds a `;`, at which Duplicati splits its lists; as long as it has two stored versions, each backup is a full scan"
} else {
    "holds a `:`, at which Duplicati splits its lists; as long as it has two stored versions, each backup is a full scan"
};

/// Joins paths, or names the first that cannot be expressed.
fn joined(paths: &BTreeSet<Vec<u8>>) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    for path in paths {
        let why = if path.contains(&SEPARATOR) {
            NOT_SAYABLE
        } else if path.contains(&b'\n') || path.contains(&b'\r') {
            "holds a line break, which neither a script nor a parameters file can pass on"
        } else if std::str::from_utf8(path).is_err() {
            "is not UTF-8, and Duplicati cannot name it"
        } else {
            if !value.is_empty() {
                value.push(SEPARATOR);
            }
            value.extend_from_slice(&System::HERE.shown(path));
            continue;
        };
        return Err(refuse(Refusal::Path { path: to_path(path).into_owned(), why }));
    }
    Ok(value)
}
