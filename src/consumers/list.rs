//! Lists of paths: which to read, which to delete, what they are relative to, and how they are written. This is enough
//! to write your own consumer.

use std::borrow::Cow;
use std::io::Write;

use rustc_hash::FxHashSet;

use super::{Consumer, Emitted, EmptyList, ListedFiles, nothing_to_list, put, refuse, written};
use crate::diff::{ChangeKind, Diff};
use crate::metadata::{Fields, Flags, Kind};
use crate::path::{compare, is_within, parent, to_path};
use crate::{Refusal, Result, System};

/// Which part of a change list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListPart {
    /// What is to be read: added, modified, of another kind, suspect.
    Changed,
    /// What is to be deleted from the copy.
    Deleted,
    /// Both, for a program that deletes what is listed and gone.
    All,
}

impl ListPart {
    /// Each of them.
    pub const EACH: [Self; 3] = [Self::Changed, Self::Deleted, Self::All];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Deleted => "deleted",
            Self::All => "all",
        }
    }

    /// What stands in the command of a job for the directory that relative paths start from.
    pub const ROOT_PLACEHOLDER: &str = "{root}";

    /// The variable that holds the same.
    pub const ROOT_VARIABLE: &str = "FASTDIFF_ROOT";

    /// What stands in the command of a job for the file with this part of the list.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Changed => "{changed}",
            Self::Deleted => "{deleted}",
            Self::All => "{all}",
        }
    }

    /// The variable of the environment that names that file.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Changed => "FASTDIFF_CHANGED",
            Self::Deleted => "FASTDIFF_DELETED",
            Self::All => "FASTDIFF_ALL",
        }
    }
}

/// A path of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedPath {
    /// The absolute path.
    pub path: Vec<u8>,
    /// What it is; of what is deleted, what it was.
    pub kind: Kind,
    /// It was not there before, under this name and as this kind.
    pub is_new: bool,
    /// Its owner or mode is another.
    pub has_other_rights: bool,
    /// The inode of a file with several names.
    pub link: Option<u64>,
    /// The fields of it that differ.
    pub fields: Fields,
}

impl ListedPath {
    /// Listed because of another path.
    pub(super) fn unchanged(path: Vec<u8>, kind: Kind, link: Option<u64>) -> Self {
        Self { path, kind, is_new: false, has_other_rights: false, link, fields: Fields::empty() }
    }
}

/// The paths of a list, in tree order.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ChangeLists {
    /// The counts.
    pub emitted: Emitted,
    /// What is there, and was added, modified, replaced by another kind, or is suspect.
    pub changed: Vec<ListedPath>,
    /// What is gone.
    pub deleted: Vec<ListedPath>,
    /// What has another kind now, as it was, with its kind now. It is among the changed as well, as it is.
    pub replaced: Vec<(ListedPath, Kind)>,
}

impl ChangeLists {
    /// The lists of a diff. A rename is a removal and an addition. What could not be read is in none of them.
    ///
    /// Costs memory in proportion to the changes: a list is refused before its first line is written.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub fn of(diff: &Diff<'_>) -> Result<Self> {
        let mut lists = Self::default();
        // Its own change comes before, what lies below it right behind.
        let mut unread: Option<Vec<u8>> = None;
        for change in diff.changes_without_renames() {
            let change = change?;
            lists.emitted.summary.add(&change);
            let link = change.new.filter(|new| new.stat.nlink > 1 && new.kind() != Kind::Dir).map(|new| new.stat.ino);
            let has_other_rights = change.fields.intersects(Fields::MODE | Fields::UID | Fields::GID);
            let listed = |kind, is_new| ListedPath {
                path: change.path.clone(),
                kind,
                is_new,
                has_other_rights,
                link,
                fields: change.fields,
            };
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
        lists.count_files();
        Ok(lists)
    }

    /// Leaves out what changed in nothing that is in `stored`. If the change time moved, it stays: the content may have
    /// changed too, and its time may have been put back.
    pub(super) fn keep_stored(&mut self, stored: Fields) {
        let matters = |fields: Fields| fields.is_empty() || fields.intersects(stored | Fields::CTIME);
        self.changed.retain(|listed| listed.is_new || matters(listed.fields));
        self.count_files();
    }

    /// Counts the regular files that are to be read.
    pub(super) fn count_files(&mut self) {
        let mut files = self.changed.iter().filter(|listed| listed.kind == Kind::File);
        let first = files.next().map(|listed| to_path(&listed.path).into_owned());
        let count = 1 + u64::try_from(files.count()).unwrap_or(u64::MAX - 1);
        self.emitted.files = first.map(|first| ListedFiles { count, first });
    }

    /// What is gone, without what lay below something else that is gone or is not a directory now. And of those, what
    /// is not a directory now although something below it is gone.
    pub fn topmost_deleted(&self) -> (Vec<ListedPath>, Vec<ListedPath>) {
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

/// The longest path that the system takes (`PATH_MAX` without the NUL; on Windows in units). Most programs drop a
/// longer one from a list, and some do not say so.
const LONGEST: usize = if cfg!(windows) { 32_767 } else { 4095 };

/// How paths stand in a list: absolute and ended by NUL, unless something else is said.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListForm {
    consumer: &'static str,
    prefix: &'static [u8],
    end: u8,
    /// What paths are relative to; none if they are absolute.
    base: Option<Vec<u8>>,
    spell: Option<Spell>,
}

/// How a path is spelled, or why it cannot be.
pub type Spell = fn(&[u8]) -> Spelled<'_>;

/// See [`Spell`].
pub type Spelled<'p> = std::result::Result<Cow<'p, [u8]>, &'static str>;

/// What the lists of a diff are relative to: its root, or `/` if it has several.
pub fn list_base(diff: &Diff<'_>) -> Vec<u8> {
    match diff.newer().meta().roots.as_slice() {
        [root] => root.clone(),
        _ => b"/".to_vec(),
    }
}

impl ListForm {
    /// The form of a consumer's list.
    pub fn new(consumer: &dyn Consumer) -> Self {
        Self { consumer: consumer.name(), prefix: b"", end: 0, base: None, spell: None }
    }

    /// What stands before each path.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &'static [u8]) -> Self {
        self.prefix = prefix;
        self
    }

    /// What ends each path. The consumer's [`spell`](Self::with_spelling) must refuse it in a path, if it is not NUL.
    #[must_use]
    pub fn with_end(mut self, end: u8) -> Self {
        self.end = end;
        self
    }

    /// Paths are relative to this directory, which itself is written as `.`: see [`list_base`].
    #[must_use]
    pub fn relative_to(mut self, base: Vec<u8>) -> Self {
        self.base = Some(base);
        self
    }

    /// What stands for a path that the consumer does not take as it is.
    #[must_use]
    pub fn with_spelling(mut self, spell: Spell) -> Self {
        self.spell = Some(spell);
        self
    }

    fn spelled<'p>(&self, path: &'p [u8]) -> Spelled<'p> {
        if cfg!(windows) {
            return self.spelled_for_windows(path);
        }
        let path = self.shown(path);
        self.spell.map_or(Ok(Cow::Borrowed(path)), |spell| spell(path))
    }

    /// Absolute paths have backslashes; relative ones have slashes, which programs that come from Unix take everywhere.
    fn spelled_for_windows<'p>(&self, path: &'p [u8]) -> Spelled<'p> {
        if std::str::from_utf8(path).is_err() {
            return Err("is no Unicode text, and programs of Windows cannot read it in a list");
        }
        if self.base.as_ref().is_some_and(|base| base == b"/" || !is_within(path, base)) {
            return Err("has no name relative to several roots on Windows: make a job for each root");
        }
        if self.base.is_some() {
            let path = self.shown(path);
            return self.spell.map_or(Ok(Cow::Borrowed(path)), |spell| spell(path));
        }
        let path = System::Windows.shown(path);
        match self.spell {
            Some(spell) => spell(&path).map(|spelled| Cow::Owned(spelled.into_owned())),
            None => Ok(Cow::Owned(path.into_owned())),
        }
    }

    fn shown<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let Some(base) = &self.base else { return path };
        match path.strip_prefix(base.as_slice()) {
            Some([]) => b".",
            Some(rest) => rest.strip_prefix(b"/").unwrap_or(rest),
            None => path,
        }
    }

    /// Writes paths. All of them are checked before the first is written.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) for a path that cannot be spelled, or is longer than the system takes;
    /// what writing gives.
    pub fn write(&self, paths: &[ListedPath], out: &mut dyn Write) -> Result<()> {
        for ListedPath { path, .. } in paths {
            let too_long = "is longer than the longest path that a program can open";
            let spelled = if path.len() > LONGEST { Err(too_long) } else { self.spelled(path) };
            spelled.map_err(|why| refuse(self.consumer, Refusal::Path { path: to_path(path).into_owned(), why }))?;
        }
        for ListedPath { path, .. } in paths {
            written(out.write_all(self.prefix))?;
            written(put(out, &self.spelled(path).unwrap_or_default(), self.end))?;
        }
        written(out.flush())
    }
}

/// Refuses a list without entries if the consumer would misread it.
///
/// # Errors
/// [`Error::NothingToList`](crate::Error::NothingToList).
pub fn check_not_empty(consumer: &dyn Consumer, paths: &[ListedPath]) -> Result<()> {
    match consumer.empty_list() {
        EmptyList::Misread(how) if paths.is_empty() => Err(nothing_to_list(consumer.name(), how)),
        _ => Ok(()),
    }
}

/// The part that is asked for.
///
/// # Errors
/// [`Error::Refused`](crate::Error::Refused) for a part that the consumer does not have, and for snapshots of another
/// kind of system than this one: programs here cannot find their paths.
pub fn asked_part(consumer: &dyn Consumer, diff: &Diff<'_>, part: Option<ListPart>) -> Result<ListPart> {
    let system = diff.newer().header().system;
    if system != System::HERE {
        return Err(refuse(consumer.name(), Refusal::OtherSystem(system.name())));
    }
    if let Some(why) = consumer.why_not_on(system) {
        return Err(refuse(consumer.name(), why));
    }
    let part = part.unwrap_or(consumer.usual_part());
    if consumer.parts().contains(&part) {
        return Ok(part);
    }
    let why = consumer.why_no_other_part();
    Err(refuse(consumer.name(), Refusal::Part { part: part.name(), why }))
}

/// Adds the other names of each file that has several: only if all of them are listed, they are one file in the copy
/// too. A renamed directory brings new names for files that did not change otherwise. Costs a pass over the snapshot if
/// a listed file has several names.
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

/// Adds the directory of each entry: replacing a file in the copy changes the times of its directory.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_certainly_changed_in_nothing_that_is_stored_is_left_out() {
        let listed =
            |fields, is_new| ListedPath { is_new, fields, ..ListedPath::unchanged(vec![b'/'], Kind::File, None) };
        let is_kept = |fields, is_new| {
            let mut lists = ChangeLists { changed: vec![listed(fields, is_new)], ..ChangeLists::default() };
            lists.keep_stored(Fields::all() - Fields::MODE - Fields::UID);
            assert_eq!(lists.emitted.files.is_some(), !lists.changed.is_empty());
            !lists.changed.is_empty()
        };
        assert!(!is_kept(Fields::MODE, false) && !is_kept(Fields::MODE | Fields::UID, false));
        for fields in [Fields::MODE | Fields::CTIME, Fields::MODE | Fields::SIZE, Fields::GID, Fields::empty()] {
            assert!(is_kept(fields, false), "{fields:?}");
        }
        assert!(is_kept(Fields::MODE, true));
    }
}
