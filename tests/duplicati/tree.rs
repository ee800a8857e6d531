//! What Duplicati stores of a tree, and what it finds at a listed path.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// What separates names, and ends the path of a directory.
pub(super) const SLASH: u8 = if cfg!(windows) { b'\\' } else { b'/' };

/// The content of an entry. Equal content has one blockset, so that it stands for its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    Dir,
    Link,
    File(Vec<u8>),
}

/// The metadata that Duplicati stores: no inode, no ctime, no link count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Metadata {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    target: Option<PathBuf>,
}

impl Metadata {
    /// As Duplicati stores a time: tenths of microseconds since the year 1.
    pub(super) fn ticks(&self) -> i64 {
        621_355_968_000_000_000 + self.mtime.0 * 10_000_000 + self.mtime.1 / 100
    }
}

/// One stored state of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stored {
    pub(super) content: Content,
    pub(super) metadata: Metadata,
}

/// A version: what is stored under each path, as Duplicati spells it.
pub(super) type Version = BTreeMap<Vec<u8>, Stored>;

/// The path with a slash at its end.
pub(super) fn slashed(path: &[u8]) -> Vec<u8> {
    [path, &[SLASH]].concat()
}

fn path(spelled: &[u8]) -> PathBuf {
    PathBuf::from(of_bytes(spelled.strip_suffix(&[SLASH]).unwrap_or(spelled)))
}

#[cfg(unix)]
fn of_bytes(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(windows)]
fn of_bytes(bytes: &[u8]) -> OsString {
    String::from_utf8(bytes.to_vec()).expect("only Unicode is stored").into()
}

#[cfg(unix)]
fn bytes_of(text: &OsStr) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(text).to_vec()
}

#[cfg(windows)]
fn bytes_of(text: &OsStr) -> Vec<u8> {
    text.to_str().expect("only Unicode is stored").as_bytes().to_vec()
}

/// Mode and owner; on Windows the attributes.
#[cfg(unix)]
fn rights(found: &fs::Metadata) -> (u32, (u32, u32)) {
    use std::os::unix::fs::MetadataExt as _;
    (found.mode(), (found.uid(), found.gid()))
}

#[cfg(windows)]
fn rights(found: &fs::Metadata) -> (u32, (u32, u32)) {
    (std::os::windows::fs::MetadataExt::file_attributes(found), (0, 0))
}

/// Seconds and nanoseconds since 1970; before that the nanoseconds count forward too.
fn mtime(found: &fs::Metadata) -> (i64, i64) {
    let time = found.modified().expect("a time");
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => (i64::try_from(since.as_secs()).expect("in range"), since.subsec_nanos().into()),
        Err(before) => {
            let before = before.duration();
            let (sec, nsec) = (i64::try_from(before.as_secs()).expect("in range"), i64::from(before.subsec_nanos()));
            if nsec == 0 { (-sec, 0) } else { (-sec - 1, 1_000_000_000 - nsec) }
        }
    }
}

/// What Duplicati finds at a listed path, if it does not silently go on.
pub(super) fn look(spelled: &[u8]) -> Option<Stored> {
    let path = &path(spelled);
    // consumers: what does not exist is silently skipped.
    let found = fs::symlink_metadata(path).ok()?;
    // consumers: a directory must end in `/`, else it is silently ignored; a symlink to a directory is
    // stored and listed as `link/`, one to a file, or broken, as `link`.
    let leads_to_dir = fs::metadata(path).is_ok_and(|m| m.is_dir());
    if spelled.ends_with(&[SLASH]) != leads_to_dir {
        return None;
    }
    let content = if found.is_symlink() {
        Content::Link
    } else if found.is_dir() {
        Content::Dir
    } else if found.is_file() {
        Content::File(fs::read(path).expect("a readable file"))
    } else {
        // Duplicati's source: fifos, sockets and devices are passed over, listed or not.
        return None;
    };
    let (mode, owner) = rights(&found);
    let metadata = Metadata { mode, owner, mtime: mtime(&found), target: fs::read_link(path).ok() };
    Some(Stored { content, metadata })
}

/// All that a scan of the sources stores.
pub(super) fn scan(sources: &[PathBuf]) -> Version {
    let mut version = Version::new();
    for source in sources {
        // A source that is a symlink is entered, and stored as the link that it is.
        let spelled = slashed(&bytes_of(source.as_os_str()));
        if let Some(stored) = look(&spelled) {
            version.insert(spelled.clone(), stored);
            scan_below(&spelled, &mut version);
        }
    }
    version
}

/// The names that a scan of the sources cannot store, as Duplicati reads them: with U+FFFD for what is not UTF-8.
pub(super) fn unstorable(sources: &[PathBuf]) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs: Vec<PathBuf> = sources.to_vec();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).expect("a readable directory") {
            let entry = entry.expect("a readable entry");
            if entry.file_name().to_str().is_none() {
                found.push(entry.path().to_string_lossy().into_owned());
            } else if entry.file_type().expect("a kind").is_dir() {
                dirs.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn scan_below(dir: &[u8], version: &mut Version) {
    for entry in fs::read_dir(path(dir)).expect("a readable directory") {
        let name = entry.expect("a readable entry").file_name();
        // consumers: names that are not UTF-8 are not saved even by Duplicati's own scan.
        if name.to_str().is_none() {
            continue;
        }
        let plain = [dir, &bytes_of(&name)].concat();
        for spelled in [plain.clone(), slashed(&plain)] {
            let Some(stored) = look(&spelled) else { continue };
            let is_dir = stored.content == Content::Dir;
            version.insert(spelled.clone(), stored);
            if is_dir {
                scan_below(&spelled, version);
            }
        }
    }
}
