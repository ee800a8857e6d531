//! Files that Duplicati does not read although their content may be another one. It compares the size and the time of a
//! file with what is stored, and reads a file only if they differ, or if it is told to read every file.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::MAIN_SEPARATOR;
use std::time::Instant;

use base64::Engine as _;
use rusqlite::params;
use sha2::{Digest as _, Sha256};

use super::database::{DatabaseError, JobDatabase};
use super::spelling::from_duplicati;
use super::unstored::Unstored;
use crate::diff::{ChangeKind, Diff};
use crate::metadata::{Kind, Stat};
use crate::path::to_path;
use crate::sys::durable::open_unfollowed;
use crate::{Result, System, Time};

/// .NET counts the ticks of 100 ns since the year 1. These are from there to 1970.
const TICKS_TO_1970: i64 = 621_355_968_000_000_000;

/// As much is read at most to find out whether files are what is stored.
const MOST_READ: u64 = 256 << 20;

/// As many bytes of paths are kept for the next list at most. The state of a job is read by each command.
const MOST_KEPT: usize = 4 << 20;

/// A regular file, as a walk found it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundFile {
    /// Its path.
    pub path: Vec<u8>,
    /// Its metadata.
    pub stat: Stat,
    /// Nothing differs, but its time stamps prove nothing.
    pub is_suspect: bool,
}

impl FoundFile {
    /// A file that may have changed.
    pub fn new(path: Vec<u8>, stat: Stat) -> Self {
        Self { path, stat, is_suspect: false }
    }
}

/// A file whose size and time are those that are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookalike {
    /// Its path.
    pub path: Vec<u8>,
    /// Nothing differs, but its time stamps prove nothing.
    pub is_suspect: bool,
    /// The size of the file.
    size: u64,
    /// The hash of the stored content. None if it is unknown which content is stored.
    hash: Option<String>,
}

/// How Duplicati tells whether it has to read a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadRule {
    /// It compares the times alone, and not the sizes.
    pub time_only: bool,
}

/// A time as Duplicati stores it.
fn ticks(time: Time) -> Option<i64> {
    time.sec.checked_mul(10_000_000)?.checked_add(i64::from(time.nsec) / 100)?.checked_add(TICKS_TO_1970)
}

impl JobDatabase {
    /// Those of some files that Duplicati would not read: the newest version, or the newest complete one, has them with
    /// the same size and time. Costs a look-up for each.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn lookalikes(&self, files: &[FoundFile], rule: ReadRule) -> Result<Vec<Lookalike>, DatabaseError> {
        let find = || -> rusqlite::Result<Vec<Lookalike>> {
            let newest = "SELECT ID FROM Fileset {} ORDER BY Timestamp DESC, ID DESC LIMIT 1";
            let mut query = self.connection.prepare(&format!(
                "SELECT B.Length, E.Lastmodified, B.FullHash FROM PathPrefix P
                 JOIN FileLookup L ON L.PrefixID = P.ID JOIN Blockset B ON B.ID = L.BlocksetID
                 JOIN FilesetEntry E ON E.FileID = L.ID
                 WHERE P.Prefix = ? AND L.Path = ? AND E.FilesetID IN (({}), ({}))",
                newest.replace("{}", ""),
                newest.replace("{}", "WHERE IsFullBackup = 1"),
            ))?;
            let mut found = Vec::new();
            for FoundFile { path, stat, is_suspect } in files {
                let shown = System::HERE.shown(path);
                let (Some(time), Ok(text)) = (ticks(stat.mtime), std::str::from_utf8(&shown)) else { continue };
                let (prefix, name) = text.split_at(text.rfind(MAIN_SEPARATOR).map_or(0, |slash| slash + 1));
                let mut rows = query.query(params![prefix, name])?;
                let mut hashes = Vec::new();
                while let Some(row) = rows.next()? {
                    let (length, stored): (i64, i64) = (row.get(0)?, row.get(1)?);
                    if stored == time && (rule.time_only || length.cast_unsigned() == stat.size) {
                        hashes.push(row.get::<_, String>(2)?);
                    }
                }
                hashes.dedup();
                if let Some(hash) = hashes.pop() {
                    let hash = Some(hash).filter(|_| hashes.is_empty());
                    found.push(Lookalike { path: path.clone(), size: stat.size, is_suspect: *is_suspect, hash });
                }
            }
            Ok(found)
        };
        find().map_err(|e| self.error(&e))
    }

    /// The files that a run may take for another of their versions and not read: what is carried over of a path with
    /// several versions is another one of them. That happens to all of them when Duplicati completes what a cut-off run
    /// left from the version before, and to a listed file that it could not read.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn mixed_up(&self, rule: ReadRule) -> Result<Vec<Vec<u8>>, DatabaseError> {
        let alike = if rule.time_only { "" } else { ", L.MetadataID, B.Length" };
        let find = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let mut query = self.connection.prepare(&format!(
                "SELECT DISTINCT P.Prefix || L.Path FROM FileLookup L JOIN PathPrefix P ON P.ID = L.PrefixID
                 JOIN Blockset B ON B.ID = L.BlocksetID GROUP BY L.PrefixID, L.Path{alike} HAVING COUNT(*) > 1"
            ))?;
            query.query_map([], |row| Ok(from_duplicati(row.get::<_, String>(0)?.as_bytes())))?.collect()
        };
        find().map_err(|e| self.error(&e))
    }

    /// Whether the hashes of the contents are those that are understood here.
    fn has_sha256(&self) -> bool {
        let value = self.ask::<String>("SELECT Value FROM Configuration WHERE Key = 'filehash'", ());
        value.is_ok_and(|value| value.is_some_and(|value| value.eq_ignore_ascii_case("SHA256")))
    }

    /// Reads files, and leaves only those whose content is not proved to be the stored one. Stops at a time, and after
    /// 256 MiB.
    pub fn unproved(&self, files: Vec<Lookalike>, until: Option<Instant>) -> Vec<Vec<u8>> {
        let knows_hash = self.has_sha256();
        let mut left = MOST_READ;
        let is_proved = |file: &Lookalike| {
            let Some(hash) = file.hash.as_ref().filter(|_| knows_hash && file.size <= left) else { return false };
            if until.is_some_and(|until| Instant::now() >= until) {
                return false;
            }
            left -= file.size;
            content_hash(file, until).as_ref() == Some(hash)
        };
        let mut is_proved = is_proved;
        files.into_iter().filter(|file| !is_proved(file)).map(|file| file.path).collect()
    }
}

/// The hash of the content of a file that has the size of its stat; none if it cannot be read, is another one now, or
/// the time has come.
fn content_hash(file: &Lookalike, until: Option<Instant>) -> Option<String> {
    let path = to_path(&file.path);
    // What is no regular file now is not opened: a fifo would hang.
    if !std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() == file.size) {
        return None;
    }
    let mut open = open_unfollowed(&path).ok()?;
    // It may be another one by now.
    if !open.metadata().is_ok_and(|m| m.is_file() && m.len() == file.size) {
        return None;
    }
    let (mut hash, mut left) = (Sha256::new(), file.size);
    let mut buffer = vec![0; 256 << 10];
    loop {
        if until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        match open.read(&mut buffer).ok()? {
            0 => break,
            read => {
                left = left.checked_sub(read as u64)?;
                hash.update(&buffer[..read]);
            }
        }
    }
    (left == 0).then(|| base64::engine::general_purpose::STANDARD.encode(hash.finalize()))
}

/// Those regular files among the changes of a diff that Duplicati can store, with what they are now.
///
/// # Errors
/// A damaged snapshot.
pub fn changed_files(diff: &Diff<'_>, unstored: &Unstored) -> Result<Vec<FoundFile>> {
    let mut files = Vec::new();
    for change in diff.changes_without_renames() {
        let change = change?;
        let Some(new) = change.new.filter(|new| new.kind() == Kind::File && change.kind != ChangeKind::Unknown) else {
            continue;
        };
        let is_stored = std::str::from_utf8(&change.path).is_ok() && !unstored.holds(&change.path, Kind::File);
        if is_stored {
            let is_suspect = change.kind == ChangeKind::Suspect;
            files.push(FoundFile { path: change.path, stat: new.stat, is_suspect });
        }
    }
    Ok(files)
}

/// What a full scan that succeeds may leave unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// These files.
    Files(BTreeSet<Vec<u8>>),
    /// Any file: it is unknown which.
    Anything,
}

impl Default for Unread {
    fn default() -> Self {
        Self::Files(BTreeSet::new())
    }
}

/// Stands for any file in a note. A path begins with a slash.
const ANYTHING: &str = "*";

impl Unread {
    /// As a string that a job can keep.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Anything => ANYTHING.to_owned(),
            Self::Files(files) => {
                let texts: Vec<_> = files.iter().filter_map(|path| std::str::from_utf8(path).ok()).collect();
                texts.join("\0")
            }
        }
    }

    /// From that string.
    pub(super) fn from_text(text: &str) -> Self {
        match text {
            ANYTHING => Self::Anything,
            text => Self::Files(text.split('\0').filter(|p| !p.is_empty()).map(|p| p.as_bytes().to_vec()).collect()),
        }
    }

    /// The files; none if it may be any.
    pub fn files(&self) -> Option<&BTreeSet<Vec<u8>>> {
        match self {
            Self::Files(files) => Some(files),
            Self::Anything => None,
        }
    }

    /// Whether it is more than a job can keep.
    pub(super) fn is_too_much(&self) -> bool {
        self.files().is_some_and(|files| files.iter().map(Vec::len).sum::<usize>() > MOST_KEPT)
    }

    /// Whether the scan itself has to read every file: it may be any file, or one that no list can name, or one that an
    /// earlier scan has left unread already, or there are too many to keep them for the next list.
    pub fn needs_reading_now(&self, left_before: &Self) -> bool {
        let Self::Files(files) = self else { return true };
        files.iter().any(|path| !super::spelling::is_sayable(path))
            || self.is_too_much()
            || left_before.files().is_some_and(|before| !before.is_disjoint(files))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_as_dotnet_counts_them() {
        let at = |sec, nsec| ticks(Time { sec, nsec });
        assert_eq!(at(0, 0), Some(621_355_968_000_000_000));
        assert_eq!(at(1, 199), Some(621_355_968_010_000_001));
        assert_eq!(at(-62_135_596_800, 0), Some(0));
        assert_eq!(at(i64::MAX, 0), None);
    }

    #[cfg(unix)]
    #[test]
    fn nothing_but_a_file_is_read_to_prove_a_content() {
        let dir = tempfile::tempdir().expect("it is there");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "x").expect("it is there");
        std::os::unix::fs::symlink("file", at("link")).expect("it is there");
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), 0o600.into()).expect("it is there");
        let hash = |name: &str| {
            let path = crate::path::to_bytes(&at(name)).into_owned();
            content_hash(&Lookalike { path, is_suspect: true, size: 1, hash: None }, None)
        };
        assert!(hash("file").is_some());
        assert_eq!((hash("link"), hash("fifo")), (None, None));
        let (link, fifo) = (open_unfollowed(&at("link")), open_unfollowed(&at("fifo")));
        assert!(link.is_err() && fifo.is_ok_and(|open| !open.metadata().expect("it is there").is_file()));
    }

    #[test]
    fn what_is_unread_is_written_and_read_alike() {
        let files = |paths: &[&str]| Unread::Files(paths.iter().map(|p| p.as_bytes().to_vec()).collect());
        for unread in [Unread::default(), Unread::Anything, files(&["/a\nb", "/c:d", "/*"])] {
            assert_eq!(Unread::from_text(&unread.to_text()), unread);
        }
        assert!(Unread::Anything.needs_reading_now(&Unread::default()));
        assert!(!files(&["/a"]).needs_reading_now(&files(&["/b"])));
        assert!(files(&["/a", "/b"]).needs_reading_now(&files(&["/b"])), "once is enough");
        let unsayable = format!("/a{}b", char::from(super::super::spelling::SEPARATOR));
        assert!(files(&[&unsayable]).needs_reading_now(&Unread::default()), "no list can name it");
        let many = Unread::Files((0..5).map(|n| vec![b'a' + n; 1 << 20]).collect());
        assert!(many.needs_reading_now(&Unread::default()));
    }
}
