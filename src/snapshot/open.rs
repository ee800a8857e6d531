//! Opens a snapshot: checks its header, its meta archive and its bounds, and finds the base of an overlay.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::digest::digest;
use super::header::{HEADER_LEN, Header};
use super::index::View;
use super::mapping::{Mapped, OpenedFile, copy, map, open_regular};
use super::overlay::{OverlayMeta, RowRuns};
use super::reader::{Overlay, Snapshot};
use super::stored_meta;
use crate::error::Context as _;
use crate::path::to_path;
use crate::sys;
use crate::{Error, Result, SnapshotProblem};

impl Snapshot {
    /// Opens a snapshot and checks its header, its meta archive and its bounds. Costs the same for any size. Opens the
    /// base of an overlay too.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read, [`Error::Snapshot`] if it is not a snapshot that this
    /// version can use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_by(path.as_ref(), BytesBy::Mapped)
    }

    /// Opens a snapshot whose file is to be replaced while it is open, by a scan that has it as its base: Windows
    /// replaces no file that is mapped. There the file is read into memory instead; elsewhere this is
    /// [`open`](Self::open).
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_replaceable(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_by(path.as_ref(), if cfg!(windows) { BytesBy::Copied } else { BytesBy::Mapped })
    }

    fn open_by(path: &Path, by: BytesBy) -> Result<Self> {
        let mut snapshot = open_alone(path, by)?;
        if let Some(meta) = &snapshot.meta.overlay {
            snapshot.overlay = Some(open_overlay(&snapshot.path, meta, &snapshot.header)?);
        }
        let top = snapshot.row(snapshot.top())?;
        if top.digest != snapshot.header.root_digest
            || top.flags != snapshot.header.root_flags
            || top.subtree != snapshot.header.directories
        {
            return Err(Error::damaged(&snapshot.path, "the index does not match the header"));
        }
        Ok(snapshot)
    }
}

/// How the bytes of a file are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BytesBy {
    Mapped,
    Copied,
}

/// Opens a file without the base that it may need.
fn open_alone(path: &Path, by: BytesBy) -> Result<Snapshot> {
    let problem = |problem| Error::Snapshot { path: path.to_owned(), problem };
    let file = open_regular(path)?;
    let metadata = file.metadata().context("read", path)?;
    if metadata.len() == 0 {
        return Err(problem(SnapshotProblem::Empty));
    }
    let map = match by {
        BytesBy::Mapped => map(&file).context("map", path)?,
        BytesBy::Copied => copy(&file, metadata.len()).context("read", path)?,
    };
    let len = map.len() as u64;
    // What is small is copied: so what is checked is what is used, whatever another program writes meanwhile.
    let header = map[..HEADER_LEN.min(map.len())].to_vec();
    let header = Header::decode(&header, len).map_err(problem)?;
    let meta_bytes = map[section(path, &header, header.meta_offset, header.meta_len)?].to_vec();
    if digest(&meta_bytes) != header.meta_digest {
        return Err(Error::damaged(path, "the meta archive does not match its digest"));
    }
    let meta = stored_meta::decode(&meta_bytes).map_err(|_| Error::damaged(path, "the meta archive cannot be read"))?;
    let index_range = section(path, &header, header.index_offset, header.index_len)?;
    let rows = header.own_directories as usize;
    if meta.overlay.is_none() && header.own_directories != header.directories {
        return Err(Error::damaged(path, "directories are missing"));
    }
    let mapped = Mapped::try_new(map, |map| -> Result<View<'_>> {
        let blocks = &map[HEADER_LEN..header.index_offset as usize];
        let view = View::new(blocks, &map[index_range], rows).filter(|_| rows > 0);
        view.ok_or_else(|| Error::damaged(path, "the index cannot be read"))
    })?;
    let inode = sys::stat_file(&file).context("read", path)?.stat.ino;
    let file = (by == BytesBy::Mapped).then(|| OpenedFile::new(file, &metadata));
    Ok(Snapshot { mapped, path: path.to_owned(), header, meta, file, inode, overlay: None })
}

/// Where a section of the file lies.
fn section(path: &Path, header: &Header, offset: u64, len: u64) -> Result<Range<usize>> {
    let end = offset.checked_add(len).filter(|e| *e <= header.file_len && offset >= HEADER_LEN as u64);
    let end = end.ok_or_else(|| Error::damaged(path, "a section lies outside of the file"))?;
    Ok(offset as usize..end as usize)
}

/// The base of the overlay at `path`, and which rows lie there.
fn open_overlay(path: &Path, meta: &OverlayMeta, header: &Header) -> Result<Overlay> {
    let base = find_base(path, meta)?;
    let is_alone = base.meta.overlay.is_none();
    let runs = RowRuns::new(&meta.runs, header.directories, header.own_directories, base.header.directories);
    let runs =
        runs.filter(|_| is_alone).ok_or_else(|| Error::damaged(path, "its table of rows in the base is wrong"))?;
    Ok(Overlay { base: Box::new(base), runs })
}

/// Looks for the base beside the overlay, then where it lay when the overlay was written.
fn find_base(overlay: &Path, meta: &OverlayMeta) -> Result<Snapshot> {
    let recorded = to_path(&meta.path).into_owned();
    let mut candidates: Vec<PathBuf> = Vec::new();
    if let Some(name) = recorded.file_name() {
        candidates.push(overlay.parent().unwrap_or(Path::new("")).join(name));
    }
    candidates.push(recorded.clone());
    let (mut found_another, mut failed) = (false, None);
    for candidate in candidates {
        match open_alone(&candidate, BytesBy::Mapped) {
            Ok(base) if base.header.identity == meta.base => return Ok(base),
            Ok(_) => found_another = true,
            Err(Error::Snapshot { problem: SnapshotProblem::Missing, .. }) => {}
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let problem = SnapshotProblem::NoBase { base: recorded, is_replaced: found_another };
    Err(Error::Snapshot { path: overlay.to_owned(), problem })
}
