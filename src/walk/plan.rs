//! What to walk and how.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ForeignMounts, HintFilter};
use crate::filter::Filter;
use crate::sys;

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
    /// The program's own files, which are left out.
    pub(crate) own: &'a [OwnFile],
}

/// A file or directory of the program's own that may lie inside the tree.
#[derive(Debug, Clone)]
pub(crate) struct OwnFile {
    /// The device of the directory that holds it.
    pub(super) parent_dev: u64,
    /// The inode of the directory that holds it.
    pub(super) parent_ino: u64,
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
}

impl WalkPlan<'_> {
    /// The program's own files in one directory.
    pub(super) fn own_in(&self, dev: u64, ino: u64) -> impl Iterator<Item = &OwnFile> {
        self.own.iter().filter(move |own| own.parent_dev == dev && own.parent_ino == ino)
    }
}

/// Whether a name is that of one of these files, or of one of their temporary files.
pub(super) fn is_own<'a>(own: impl IntoIterator<Item = &'a OwnFile>, name: &[u8]) -> bool {
    own.into_iter().any(|own| {
        own.name == name
            || (name.starts_with(&own.temporary) && name.ends_with(sys::durable::TEMPORARY_SUFFIX.as_bytes()))
    })
}
