//! `duplicati`: the two options that Duplicati takes a change list by.
//!
//! Each option is one value, split at `:`; nothing can be escaped in it. What a listed path means, and
//! what happens to one that is not listed, was found in Duplicati's source and by running it; each rule
//! below says which.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::path::PathBuf;

use super::duplicati_db::JobDatabase;
use super::{Emitted, quote, written};
use crate::diff::{Change, ChangeKind, Diff};
use crate::entry::{Flags, Kind};
use crate::path::{is_within, parent, to_path};
use crate::{Error, Result};

/// Duplicati splits the values here, and has no way to quote it.
const SEPARATOR: u8 = b':';

/// A larger option makes every later script of Duplicati fail to start.
const LARGEST_ARGUMENT: usize = 128 * 1024 - 1;

/// What the emitter needs to know of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuplicatiOptions {
    /// The job's database; none to do without, at the risk that unchanged files are restored in an
    /// older version.
    pub database: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Lists {
    changed: BTreeSet<Vec<u8>>,
    deleted: BTreeSet<Vec<u8>>,
    /// A regular file that exists is among the changed.
    has_file: bool,
}

/// Writes `--changed-files="…"` and, if anything was deleted, `--deleted-files="…"`, each on a line.
///
/// Duplicati knows no renames: a renamed entry is deleted and changed.
///
/// # Errors
/// [`Error::Refused`] if a path cannot be expressed, the database cannot be relied on, or there is no
/// file to list: then nothing is written, and without a list Duplicati scans everything, which is safe.
pub fn duplicati(diff: &Diff<'_>, options: &DuplicatiOptions, out: &mut dyn Write) -> Result<Emitted> {
    let roots = &diff.new_snapshot().meta().roots;
    let database = match &options.database {
        Some(file) => JobDatabase::read(file, roots).map_err(refuse)?,
        None => JobDatabase::default(),
    };
    let mut emitted = Emitted::default();
    let mut lists = Lists::default();
    for change in diff.changes_without_renames() {
        let change = change?;
        emitted.summary.add(&change);
        lists.take(&change, roots);
    }
    let listed = lists.changed.len();
    let outside = lists.complete(diff, &database)?;
    if outside > 0 {
        emitted.notes.push(format!(
            "{outside} paths of the job database lie outside of the roots: if they are sources of the job, changes there are missed; the snapshots have to cover exactly its sources"
        ));
    }
    let several = lists.changed.len() - listed;
    let entries = diff.new_snapshot().header().counts.entries;
    if several as u64 > entries / 2 {
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
    if changed.len().max(deleted.len()) + "--changed-files=".len() > LARGEST_ARGUMENT {
        emitted.notes.push(format!(
            "the list is longer than one argument may be ({LARGEST_ARGUMENT} bytes): hand it over by --run-script-before or --parameters-file, and use no --run-script-after"
        ));
    }
    written(write(out, &changed, &deleted))?;
    Ok(emitted)
}

fn write(out: &mut dyn Write, changed: &[u8], deleted: &[u8]) -> std::io::Result<()> {
    for (option, value) in [("--changed-files", changed), ("--deleted-files", deleted)] {
        if !value.is_empty() {
            write!(out, "{option}=\"")?;
            out.write_all(value)?;
            out.write_all(b"\"\n")?;
        }
    }
    out.flush()
}

fn refuse(reason: impl Into<String>) -> Error {
    let mut reason = reason.into();
    reason.push_str("; without a list Duplicati scans everything, which is safe");
    Error::Refused { consumer: "duplicati", reason }
}

/// Joins paths, or names the first that cannot be expressed.
fn joined(paths: &BTreeSet<Vec<u8>>) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    for path in paths {
        let why = if path.contains(&SEPARATOR) {
            "holds a `:`, at which Duplicati splits its lists"
        } else if path.contains(&b'\n') || path.contains(&b'\r') {
            "holds a line break, which neither a script nor a parameters file can hand over"
        } else if std::str::from_utf8(path).is_err() {
            "is not UTF-8, and Duplicati cannot name it"
        } else {
            if !value.is_empty() {
                value.push(SEPARATOR);
            }
            value.extend_from_slice(path);
            continue;
        };
        return Err(refuse(format!("{} {why}", String::from_utf8_lossy(&quote(path)))));
    }
    Ok(value)
}

fn with_slash(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path
}

/// A symlink is spelled as a directory if it leads to one at this moment.
fn link_spelling(path: &[u8]) -> Vec<u8> {
    let leads_to_dir = std::fs::metadata(to_path(path)).is_ok_and(|m| m.is_dir());
    if leads_to_dir { with_slash(path) } else { path.to_vec() }
}

impl Lists {
    fn take(&mut self, change: &Change, roots: &[Vec<u8>]) {
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
        self.has_file |= kind == Kind::File;
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

    /// Adds what has to be listed although it did not change: every path with several stored versions,
    /// which would silently flip to another of them if it were carried over; a symlink that is not stored
    /// under the spelling that is right now, because its target changed its kind; and one regular file if there is none, since a run that examined no
    /// regular file ends with a warning, and an empty list means a full scan. What the newest version holds
    /// and is gone was in neither snapshot (a full scan of Duplicati's own saw it in between): deleted.
    /// Returns how many of the listed paths lie outside of the roots.
    fn complete(&mut self, diff: &Diff<'_>, database: &JobDatabase) -> Result<u64> {
        let roots = &diff.new_snapshot().meta().roots;
        let is_inside = |path: &[u8]| roots.iter().any(|root| is_within(path, root));
        let mut several: HashSet<&[u8]> = database.multi_version.iter().map(Vec::as_slice).collect();
        let mut gone: HashSet<&[u8]> =
            database.newest.iter().map(Vec::as_slice).filter(|path| is_inside(path)).collect();
        let mut closed: Vec<Vec<u8>> = Vec::new();
        let mut some_file = None;
        for entry in diff.new_snapshot().entries() {
            // With a database every symlink is looked at: what is not stored is in none of the sets.
            if database.newest.is_empty() && several.is_empty() && (some_file.is_some() || self.has_file) {
                break;
            }
            let entry = entry?;
            if entry.flags.intersects(Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN) {
                closed.push(entry.path.clone());
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
            if entry.kind() == Kind::Symlink {
                // Its directory is stored, so that no filter of Duplicati's keeps it out; a name that is not
                // UTF-8 it cannot store at all.
                let is_stored = |path: &[u8]| database.newest.contains(path);
                let flipped = !is_stored(&spelling)
                    && std::str::from_utf8(&spelling).is_ok()
                    && parent(&entry.path).is_some_and(|dir| is_stored(&with_slash(dir)));
                if is_several || flipped {
                    self.list(&entry.path, Kind::Symlink);
                    self.delete(&entry.path, Kind::Symlink);
                }
            } else if is_several && entry.kind() == Kind::Unknown {
                self.changed.insert(spelling);
            } else if is_several {
                self.list(&entry.path, entry.kind());
            }
            if some_file.is_none() && is_fit(&entry) {
                some_file = Some(entry.path);
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
            if !closed.iter().any(|dir| is_within(path, dir)) && !is_stored_as_spelled(path) {
                self.deleted.insert(path.to_vec());
            }
        }
        if !self.has_file {
            let Some(file) = some_file else {
                return Err(refuse("there is no regular file to list, and an empty list means a full scan anyway"));
            };
            self.changed.insert(file);
        }
        Ok(outside)
    }
}

/// Whether there is what Duplicati would store under this spelling. Unreadable counts as there.
fn is_stored_as_spelled(path: &[u8]) -> bool {
    let slash = path.len() > 1 && path.ends_with(b"/");
    let bare = if slash { &path[..path.len() - 1] } else { path };
    match std::fs::symlink_metadata(to_path(bare)) {
        Ok(m) if m.is_symlink() => link_spelling(bare) == path,
        Ok(m) => {
            if slash {
                m.is_dir()
            } else {
                m.is_file()
            }
        }
        Err(e) => e.kind() != std::io::ErrorKind::NotFound && e.kind() != std::io::ErrorKind::NotADirectory,
    }
}

/// Whether an entry can stand for "a regular file that exists".
fn is_fit(entry: &crate::Entry) -> bool {
    entry.kind() == Kind::File
        && !entry.flags.contains(Flags::UNKNOWN)
        && !entry.path.iter().any(|b| matches!(*b, SEPARATOR | b'\n' | b'\r'))
        && std::str::from_utf8(&entry.path).is_ok()
        && std::fs::symlink_metadata(to_path(&entry.path)).is_ok_and(|m| m.is_file())
}
