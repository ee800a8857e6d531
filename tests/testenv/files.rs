//! Making, changing and listing what a tree can hold.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::TestEnv;

impl TestEnv {
    /// Writes a file; the directories above it are made as needed.
    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.with_parents(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Makes a directory, and those above it.
    pub(crate) fn dir(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    pub(crate) fn symlink(&self, target: impl AsRef<Path>, name: impl AsRef<Path>) -> PathBuf {
        let path = self.with_parents(name);
        symlink(target, &path).unwrap();
        path
    }

    pub(crate) fn hard_link(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        fs::hard_link(self.path(from), self.with_parents(to)).unwrap();
    }

    /// A file of this length without content.
    pub(crate) fn sparse(&self, name: impl AsRef<Path>, length: u64) {
        File::create(self.with_parents(name)).unwrap().set_len(length).unwrap();
    }

    pub(crate) fn fifo(&self, name: impl AsRef<Path>) -> PathBuf {
        self.node(name, FileType::Fifo, 0).unwrap()
    }

    pub(crate) fn socket(&self, name: impl AsRef<Path>) -> PathBuf {
        self.node(name, FileType::Socket, 0).unwrap()
    }

    /// A character device like `/dev/null`.
    pub(crate) fn null_device(&self, name: impl AsRef<Path>) -> Result<PathBuf, rustix::io::Errno> {
        self.node(name, FileType::CharacterDevice, makedev(1, 3))
    }

    /// A block device like `/dev/loop0`.
    pub(crate) fn loop_device(&self, name: impl AsRef<Path>) -> Result<PathBuf, rustix::io::Errno> {
        self.node(name, FileType::BlockDevice, makedev(7, 0))
    }

    fn node(&self, name: impl AsRef<Path>, kind: FileType, dev: u64) -> Result<PathBuf, rustix::io::Errno> {
        let path = self.with_parents(name);
        mknodat(CWD, &path, kind, Mode::from_raw_mode(0o644), dev)?;
        Ok(path)
    }

    fn with_parents(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Sets the mtime of a file or directory to so many seconds after 1970.
    pub(crate) fn set_mtime(&self, name: impl AsRef<Path>, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(self.path(name)).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    pub(crate) fn chmod(&self, name: impl AsRef<Path>, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        fs::rename(self.path(from), self.with_parents(to)).unwrap();
    }

    /// Removes a file, or a directory with all that is in it.
    pub(crate) fn remove(&self, name: impl AsRef<Path>) {
        let path = self.path(name);
        if path.symlink_metadata().unwrap().is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
            .unwrap();
    }

    pub(crate) fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names in a directory, sorted.
    pub(crate) fn names(&self, name: impl AsRef<Path>) -> Vec<String> {
        names_in(&self.path(name))
    }
}

/// The names in a directory, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Gives the owner all rights to the directories below, as far as they are theirs.
pub(super) fn open_directories(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o755));
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    below.filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir())).for_each(|entry| open_directories(&entry.path()));
}

/// The permission bits.
pub(crate) fn mode_of(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

/// A tree that takes a while to scan: so many empty files, two hundred to a directory.
pub(crate) fn tree_of_many_files(env: &TestEnv, files: usize) {
    for number in 0..files {
        let dir = format!("tree/{:04}", number / 200);
        if number % 200 == 0 {
            env.dir(&dir);
        }
        // Long names, so that lists of them are long too.
        File::create(env.path(format!("{dir}/{number:0>100}"))).unwrap();
    }
}
