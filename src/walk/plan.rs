//! What to walk and how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ForeignMounts, HintFilter};
use crate::filter::Filter;
use crate::sys::{self, StatAt};

/// What to walk and how.
pub(crate) struct WalkPlan<'a> {
    /// Absolute and normal.
    pub(crate) roots: &'a [PathBuf],
    pub(crate) filter: &'a Filter,
    /// None for as many as suit the disks.
    pub(crate) threads: Option<usize>,
    /// Write back what is in memory before anything is read.
    pub(crate) settle: bool,
    /// Directories that are left closed without a question.
    pub(crate) foreign: &'a ForeignMounts,
    /// How long one call may last before its directory is given up; for the native walker.
    pub(crate) io_timeout: Option<Duration>,
    /// Read only where these say so; for the native walker.
    pub(crate) hint_filter: Option<&'a HintFilter>,
    /// Whether a listing that is as the base may stand for the files; for the native walker, on Windows.
    pub(crate) trusts_listings: bool,
    /// Which part of the files is asked all the same.
    pub(crate) round: u8,
    /// The program's own files, which are left out.
    pub(crate) own: &'a [OwnFile],
}

/// A file or directory of the program's own that may lie inside the tree.
#[derive(Debug, Clone)]
pub(crate) struct OwnFile {
    /// The device of the directory that holds it.
    parent_dev: u64,
    /// The inode of the directory that holds it.
    parent_ino: u64,
    name: Vec<u8>,
    /// Its temporary files begin with this.
    temporary: Vec<u8>,
}

impl OwnFile {
    /// For a file that may not exist yet; none if its directory does not.
    pub(crate) fn new(path: &Path) -> Option<Self> {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let parent = sys::stat_following(parent).ok()?;
        let name = crate::path::to_bytes(Path::new(path.file_name()?)).into_owned();
        Some(Self {
            parent_dev: parent.dev,
            parent_ino: parent.stat.ino,
            name,
            temporary: sys::durable::temporary_prefix(path).into_bytes(),
        })
    }

    /// Whether it lies in this directory. Where directories have no numbers that is never known: the file is then an
    /// entry like others, since leaving out each file of its name would lose those of the user.
    pub(super) fn is_in(&self, dir: &StatAt) -> bool {
        dir.is_at(self.parent_dev, self.parent_ino)
    }
}

impl WalkPlan<'_> {
    /// The program's own files in one directory.
    pub(super) fn own_in(&self, dir: &StatAt) -> impl Iterator<Item = &OwnFile> {
        self.own.iter().filter(move |own| own.is_in(dir))
    }
}

/// Whether a name is that of one of these files, or of one of their temporary files.
pub(super) fn is_own<'a>(own: impl IntoIterator<Item = &'a OwnFile>, name: &[u8]) -> bool {
    own.into_iter().any(|own| {
        own.name == name
            || (name.starts_with(&own.temporary) && name.ends_with(sys::durable::TEMPORARY_SUFFIX.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Stat;

    #[test]
    fn without_numbers_no_directory_holds_an_own_file() {
        let own = |parent_ino| OwnFile { parent_dev: 0, parent_ino, name: b"docs".to_vec(), temporary: b"t".to_vec() };
        let dir = |ino| StatAt { stat: Stat { ino, ..Stat::default() }, dev: 0, mount: 0, automount: false };
        assert!(own(7).is_in(&dir(7)));
        assert!(!own(7).is_in(&dir(8)));
        assert!(!own(0).is_in(&dir(0)), "a job named docs must not hide every directory docs");
    }
}
