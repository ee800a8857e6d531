//! Files that appear whole or not at all: written beside their destination, synced and renamed; then the directory is
//! synced. The next run for the same destination removes what a killed run left.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use xxhash_rust::xxh3::xxh3_64;

use super::open_at::owners_alone;
use super::writeback::Early;
use crate::error::Context as _;
use crate::path::to_bytes;
use crate::{Error, OutputProblem, Result};

/// Who may read the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Only its owner.
    Private,
    /// Everybody whom the umask allows.
    Umask,
}

/// A file that is being written. If it is dropped before [`commit`](Self::commit), nothing is left of it.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    writer: BufWriter<Early>,
    destination: PathBuf,
}

/// The end of the names of temporary files.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// The start of the names of the temporary files for a destination. Its length is fixed, since the destination's own
/// name may leave no room.
pub(crate) fn temporary_prefix(destination: &Path) -> String {
    let name = destination.file_name().map_or_else(Default::default, |n| to_bytes(Path::new(n)).into_owned());
    format!(".fastdiff-{:016x}-", xxh3_64(&name))
}

/// Whether this is the name of a temporary file of this program, whatever its destination.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(".fastdiff-") && name.ends_with(TEMPORARY_SUFFIX)
}

fn directory(destination: &Path) -> &Path {
    match destination.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

impl AtomicFile {
    /// Begins a file. Whatever lies at `destination` stays until [`commit`](Self::commit).
    ///
    /// # Errors
    /// A destination that is not a regular file (a symlink is not followed); a directory that cannot be written.
    pub(crate) fn create(destination: &Path, access: Access) -> Result<Self> {
        let refuse = |problem| Error::output(destination, problem);
        if destination.file_name().is_none() {
            return Err(refuse(OutputProblem::NoName));
        }
        match fs::symlink_metadata(destination) {
            Ok(m) if m.is_dir() => return Err(refuse(OutputProblem::Directory)),
            Ok(m) if m.is_symlink() => return Err(refuse(OutputProblem::Symlink)),
            Ok(m) if !m.is_file() => return Err(refuse(OutputProblem::NotAFile)),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e).context("write", destination),
        }
        remove_stale(destination);
        let file = create_locked(destination, access).context("create a file in", directory(destination))?;
        Ok(Self { writer: BufWriter::with_capacity(1 << 20, Early::new(file)), destination: destination.to_owned() })
    }

    /// The open file, after everything written so far has reached it.
    fn flushed(&mut self) -> Result<&mut Early> {
        self.writer.flush().map_err(bare).context("write", &self.destination)?;
        Ok(self.writer.get_mut())
    }

    /// Where the file will be.
    pub(crate) fn destination(&self) -> &Path {
        &self.destination
    }

    /// Overwrites the first bytes, which were left free for that.
    pub(crate) fn replace_start(&mut self, bytes: &[u8]) -> Result<()> {
        let path = self.destination.clone();
        self.flushed()?.replace_start(bytes).map_err(bare).context("write", path)
    }

    /// Makes the file durable and gives it its name.
    pub(crate) fn commit(mut self) -> Result<()> {
        self.flushed()?.file().sync_all().context("sync", &self.destination)?;
        let file = self.writer.into_inner().map_err(|e| bare(e.into_error())).context("write", &self.destination)?;
        // Windows does not replace a file that is open.
        let replaced = if cfg!(windows) { None } else { open_unfollowed(&self.destination).ok() };
        persist(file.into_inner(), &self.destination).map_err(bare).context("replace", &self.destination)?;
        if let Some(replaced) = replaced {
            give_back(replaced);
        }
        sync_directory(directory(&self.destination))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.writer.write(buffer).map_err(bare)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(bare)
    }
}

/// How long to try to replace a file that another program has open: a virus scanner looks into each new file.
const BUSY: Duration = Duration::from_secs(3);

/// Gives a temporary file its name.
fn persist(mut file: NamedTempFile, destination: &Path) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match file.persist(destination) {
            Ok(_) => return Ok(()),
            Err(e) if cfg!(windows) && began.elapsed() < BUSY && is_busy(&e.error) => file = e.file,
            Err(e) => return Err(e.error),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether this is what Windows says of a file that is open.
fn is_busy(error: &io::Error) -> bool {
    const ACCESS_DENIED: i32 = 5;
    const SHARING_VIOLATION: i32 = 32;
    const LOCK_VIOLATION: i32 = 33;
    matches!(code_of(error), Some(ACCESS_DENIED | SHARING_VIOLATION | LOCK_VIOLATION))
}

/// Closes a file that has no name any more. The system then frees its blocks; for a big file that takes longer than
/// everything else that is left to do.
fn give_back(replaced: File) {
    const BIG: u64 = 1 << 20;
    if replaced.metadata().is_ok_and(|m| m.len() >= BIG) {
        // If the thread cannot be started, it is closed here.
        let _ = std::thread::Builder::new().name("close".into()).spawn(move || drop(replaced));
    }
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|directory| {
        directory.sync_all()?;
        // An XFS that has shut down (an I/O error in its log) drops the rename and reports the directory as synced
        // (xfs_dir_fsync checks only the inode). But it fails every later call.
        directory.metadata().map(drop)
    });
    match synced {
        // Some file systems cannot sync a directory. There the rename has to do.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput || e.kind() == io::ErrorKind::Unsupported => Ok(()),
        // A directory may be writable without being readable; then it cannot be synced.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        other => other.context("sync the directory", directory),
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of other systems")]
fn sync_directory(_directory: &Path) -> Result<()> {
    Ok(())
}

/// Creates a temporary file and locks it, so that a clean-up can distinguish it from a dead one.
fn create_locked(destination: &Path, access: Access) -> io::Result<NamedTempFile> {
    let prefix = temporary_prefix(destination);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX).rand_bytes(8);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = if access == Access::Private { 0o600 } else { 0o666 };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    loop {
        let file = builder.tempfile_in(directory(destination)).map_err(bare)?;
        if access == Access::Private {
            owners_alone(file.as_file());
        }
        // A clean-up may have removed the file before it was locked: try again.
        match file.as_file().try_lock() {
            Err(fs::TryLockError::WouldBlock) => {}
            Ok(()) if !file.path().exists() => {}
            _ => return Ok(file),
        }
    }
}

/// The system's error without the name of the temporary file, which helps nobody. The tempfile crate keeps the code
/// only in the text.
fn bare(error: io::Error) -> io::Error {
    match code_of(&error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error,
    }
}

fn code_of(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| error.to_string().rsplit_once("(os error ")?.1.split(')').next()?.parse().ok())
}

/// Removes what killed runs left for this destination. What cannot be removed stays.
fn remove_stale(destination: &Path) {
    let prefix = temporary_prefix(destination);
    let Ok(entries) = fs::read_dir(directory(destination)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|n| n.starts_with(&prefix) && n.ends_with(TEMPORARY_SUFFIX))
            || !entry.file_type().is_ok_and(|t| t.is_file())
        {
            continue;
        }
        if let Ok(file) = open_unfollowed(&entry.path())
            && file.metadata().is_ok_and(|m| m.is_file())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Opens a file to lock or to read it. Others may write in the directory, so the file may have become a symlink, which
/// is not followed, or a fifo, which is not waited for.
pub(crate) fn open_unfollowed(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt as _;
        options.custom_flags(windows_sys::Win32::Storage::FileSystem::FILE_FLAG_OPEN_REPARSE_POINT);
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).expect("list").flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_dropped_file_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("x");
        fs::write(&path, "old").expect("write");
        let mut file = AtomicFile::create(&path, Access::Private).expect("create");
        file.write_all(b"new").expect("write");
        drop(file);
        assert_eq!(fs::read(&path).expect("read"), b"old");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[test]
    fn a_dead_temporary_file_is_removed_and_a_live_one_is_not() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("x");
        let live = AtomicFile::create(&path, Access::Private).expect("create");
        let dead = dir.path().join(format!("{}dead.tmp", temporary_prefix(&path)));
        fs::write(&dead, "").expect("write");
        AtomicFile::create(&path, Access::Private).expect("create").commit().expect("commit");
        assert!(!dead.exists());
        live.commit().expect("the live one was left alone");
        assert_eq!(names(dir.path()), ["x"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_symlink_is_not_followed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("target"), &link).expect("symlink");
        let error = AtomicFile::create(&link, Access::Private).expect_err("refused");
        assert!(error.to_string().contains("symbolic link"), "{error}");
    }
}
