//! What the lists for rsync, rclone, restic, borg and tar have in common: which paths are to be read, which to be
//! deleted, relative to what, and how they stand in the list.

use std::borrow::Cow;
use std::io::Write;

use rustc_hash::FxHashSet;

use super::{Emitted, put, written};
use crate::diff::{ChangeKind, Diff};
use crate::metadata::{Fields, Flags, Kind};
use crate::path::{compare, is_within, parent, to_path};
use crate::{Error, Refusal, Result};

/// Which part of a change list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListPart {
    /// What is to be read: added, modified, of another kind, suspect.
    Changed,
    /// What is to be deleted from the copy.
    Deleted,
    /// Both, for a program that deletes what it is told of and does not find.
    All,
}

impl ListPart {
    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::All => "all",
        }
    }
}

/// A path of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedPath {
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    /// It was not there before, under this name and as this kind.
    pub(super) is_new: bool,
    /// Its owner or mode is another.
    pub(super) has_other_rights: bool,
    /// The inode of a file with several names.
    pub(super) link: Option<u64>,
}

impl ListedPath {
    /// What is listed for another's sake.
    fn unchanged(path: Vec<u8>, kind: Kind, link: Option<u64>) -> Self {
        Self { path, kind, is_new: false, has_other_rights: false, link }
    }
}

/// The paths of a list, in tree order.
#[derive(Debug, Default)]
pub(super) struct ChangeLists {
    pub(super) emitted: Emitted,
    pub(super) changed: Vec<ListedPath>,
    /// What is gone.
    pub(super) deleted: Vec<ListedPath>,
    /// What has another kind now: among the changed as what it is, here as what it was, beside what it is.
    pub(super) replaced: Vec<(ListedPath, Kind)>,
}

impl ChangeLists {
    /// Memory in proportion to the changes: a list is refused before its first line is written.
    pub(super) fn of(diff: &Diff<'_>) -> Result<Self> {
        let mut lists = Self::default();
        // Its own change comes before, what lies below it right behind.
        let mut unread: Option<Vec<u8>> = None;
        for change in diff.changes_without_renames() {
            let change = change?;
            lists.emitted.summary.add(&change);
            let link = change.new.filter(|new| new.stat.nlink > 1 && new.kind() != Kind::Dir).map(|new| new.stat.ino);
            let has_other_rights = change.fields.intersects(Fields::MODE | Fields::UID | Fields::GID);
            let listed = |kind, is_new| ListedPath { path: change.path.clone(), kind, is_new, has_other_rights, link };
            match (change.kind, change.old, change.new) {
                (ChangeKind::Unknown, ..) => unread = Some(change.path),
                // Nothing new is known of it, and it stays suspect; a mirror would delete it if it cannot be found.
                (ChangeKind::Suspect, _, Some(new))
                    if new.flags.contains(Flags::UNKNOWN)
                        || unread.as_ref().is_some_and(|dir| is_within(&change.path, dir)) => {}
                (ChangeKind::Removed, Some(old), _) => lists.deleted.push(listed(old.kind(), false)),
                (ChangeKind::TypeChanged, Some(old), Some(new)) => {
                    lists.replaced.push((listed(old.kind(), false), new.kind()));
                    lists.changed.push(listed(new.kind(), true));
                }
                (kind, _, Some(new)) => lists.changed.push(listed(new.kind(), kind == ChangeKind::Added)),
                _ => {}
            }
        }
        Ok(lists)
    }

    /// What is gone, without what lay below something else that is gone or is no directory now; and what of these is no directory
    /// now although something below it is gone.
    pub(super) fn topmost_deleted(&self) -> (Vec<ListedPath>, Vec<ListedPath>) {
        let mut others = self.changed.iter().filter(|listed| listed.kind != Kind::Dir).peekable();
        // What may hold a path, and whether it is deleted itself.
        let mut last: Option<(&ListedPath, bool)> = None;
        let (mut topmost, mut above): (Vec<ListedPath>, Vec<ListedPath>) = (Vec::new(), Vec::new());
        for listed in &self.deleted {
            // Both are in tree order: the last one before a path is the only one that may hold it.
            while let Some(next) = others.next_if(|r| compare(&r.path, &listed.path).is_lt()) {
                last = Some((next, false));
            }
            if let Some((holder, is_deleted)) = last.filter(|(holder, _)| is_within(&listed.path, &holder.path)) {
                if !is_deleted && above.last() != Some(holder) {
                    above.push(holder.clone());
                }
                continue;
            }
            last = Some((listed, true));
            topmost.push(listed.clone());
        }
        (topmost, above)
    }
}

/// The longest path that the system takes (`PATH_MAX` without the NUL). Programs that get a longer one out of a list drop it,
/// rsync and rclone in silence.
const LONGEST: usize = 4095;

/// How paths stand in a list.
#[derive(Debug, Clone)]
pub(super) struct ListForm {
    pub(super) consumer: &'static str,
    /// What stands before each path.
    pub(super) prefix: &'static [u8],
    /// What ends each path.
    pub(super) end: u8,
    pub(super) base: ListBase,
    /// Where a path cannot stand as it is.
    pub(super) spell: Option<Spell>,
}

/// How a path is spelled, or why it cannot be.
pub(super) type Spell = fn(&[u8]) -> Spelled<'_>;

/// See [`Spell`].
pub(super) type Spelled<'p> = std::result::Result<Cow<'p, [u8]>, &'static str>;

/// What paths are relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListBase {
    /// Nothing: they are absolute.
    Absolute,
    /// This directory.
    Directory(Vec<u8>),
}

/// What the lists of a diff are relative to: its root, or `/` if it has several.
pub fn list_base(diff: &Diff<'_>) -> Vec<u8> {
    match diff.newer().meta().roots.as_slice() {
        [root] => root.clone(),
        _ => b"/".to_vec(),
    }
}

impl ListBase {
    pub(super) fn of(diff: &Diff<'_>) -> Self {
        Self::Directory(list_base(diff))
    }
}

impl ListForm {
    fn spelled<'p>(&self, path: &'p [u8]) -> Spelled<'p> {
        let path = self.shown(path);
        self.spell.map_or(Ok(Cow::Borrowed(path)), |spell| spell(path))
    }

    fn shown<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let ListBase::Directory(base) = &self.base else { return path };
        match path.strip_prefix(base.as_slice()) {
            Some([]) => b".",
            Some(rest) => rest.strip_prefix(b"/").unwrap_or(rest),
            None => path,
        }
    }

    /// Writes paths; all of them are looked at before the first is written.
    pub(super) fn write(&self, paths: &[ListedPath], out: &mut dyn Write) -> Result<()> {
        for ListedPath { path, .. } in paths {
            let too_long = "is longer than the longest path that a program can open";
            let spelled = if path.len() > LONGEST { Err(too_long) } else { self.spelled(path) };
            spelled.map_err(|why| {
                let path = to_path(path).into_owned();
                Error::Refused { consumer: self.consumer, refusal: Refusal::Path { path, why } }
            })?;
        }
        for ListedPath { path, .. } in paths {
            written(out.write_all(self.prefix))?;
            written(put(out, &self.spelled(path).unwrap_or_default(), self.end))?;
        }
        written(out.flush())
    }
}

/// Refuses a list without entries for a program that would misread it.
pub(super) fn not_empty(consumer: &'static str, paths: &[ListedPath], misread: &str) -> Result<()> {
    if paths.is_empty() {
        return Err(Error::NothingToList { consumer, misread: misread.to_owned() });
    }
    Ok(())
}

/// Refuses a part that a program has no use for.
pub(super) fn no_such_part(consumer: &'static str, part: ListPart, why: &'static str) -> Error {
    Error::Refused { consumer, refusal: Refusal::Part { part: part.name(), why } }
}

/// Adds the other names of each file that has several: only with all of them listed they are one file in the copy too. A
/// renamed directory brings new names for files that did not change otherwise. Costs a pass over the snapshot if there is one.
pub(super) fn with_links(diff: &Diff<'_>, listed: &mut Vec<ListedPath>) -> Result<()> {
    let inodes: FxHashSet<u64> = listed.iter().filter_map(|l| l.link).collect();
    if inodes.is_empty() {
        return Ok(());
    }
    let all: FxHashSet<Vec<u8>> = listed.iter().map(|l| l.path.clone()).collect();
    for entry in diff.newer().entries() {
        let entry = entry?;
        let is_another = entry.stat.nlink > 1
            && entry.kind() != Kind::Dir
            && !entry.flags.contains(Flags::UNKNOWN)
            && inodes.contains(&entry.stat.ino)
            && !all.contains(&entry.path);
        if is_another {
            let (kind, link) = (entry.kind(), Some(entry.stat.ino));
            listed.push(ListedPath::unchanged(entry.path, kind, link));
        }
    }
    listed.sort_by(|a, b| compare(&a.path, &b.path));
    Ok(())
}

/// Adds the directory of each entry: files are replaced, which moves the times of their directory
/// in the copy.
pub(super) fn with_parents(diff: &Diff<'_>, listed: &mut Vec<ListedPath>) {
    let roots = &diff.newer().meta().roots;
    let mut all: FxHashSet<Vec<u8>> = listed.iter().map(|l| l.path.clone()).collect();
    let below = listed.iter().filter(|l| !roots.contains(&l.path));
    let parents: Vec<_> = below
        .filter_map(|l| parent(&l.path))
        .filter(|dir| all.insert(dir.to_vec()))
        .map(|dir| ListedPath::unchanged(dir.to_vec(), Kind::Dir, None))
        .collect();
    listed.extend(parents);
    listed.sort_by(|a, b| compare(&a.path, &b.path));
}
