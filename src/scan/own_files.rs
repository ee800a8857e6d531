//! The program's own files that may lie inside the tree. The scan leaves them out, and the snapshot says which.

use std::path::{Path, PathBuf};

use super::ScanOptions;
use super::scope::ScanRoots;
use crate::error::Context as _;
use crate::path::{absolute, to_bytes};
use crate::snapshot::Snapshot;
use crate::sources::RootNames;
use crate::walk::OwnFile;
use crate::{Error, Result, RootProblem};

/// The output, the base, the base's own base, and the caller's state directories.
pub(super) struct OwnFiles {
    /// As the walk compares them.
    pub(super) for_walk: Vec<OwnFile>,
    /// The paths of those inside of a root, as the snapshot keeps them; directories end with a slash.
    pub(super) paths: Vec<Vec<u8>>,
}

impl OwnFiles {
    /// # Errors
    /// [`Error::Root`] for a root that lies in a state directory.
    pub(super) fn find(
        options: &ScanOptions,
        base: Option<&Snapshot>,
        output: &Path,
        roots: &ScanRoots,
    ) -> Result<Self> {
        let below = base.and_then(Snapshot::overlay_base);
        let files = [Some(output), base.map(Snapshot::path), below.map(Snapshot::path)];
        let files: Vec<_> = files.into_iter().flatten().collect();
        let dirs = options.own_dirs.iter().map(PathBuf::as_path);
        let for_walk = files.iter().copied().chain(dirs).filter_map(OwnFile::new).collect();
        let mut paths = paths_of_files(&files, &roots.names)?;
        paths.extend(paths_of_dirs(&options.own_dirs, &roots.paths)?);
        Ok(Self { for_walk, paths })
    }
}

fn paths_of_files(files: &[&Path], names: &[RootNames]) -> Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for file in files {
        let current = if file.is_absolute() {
            PathBuf::new()
        } else {
            std::env::current_dir().context("find the current directory, for", file)?
        };
        let path = absolute(file, &current);
        // The walk finds it in its real directory.
        let real =
            path.parent().zip(path.file_name()).and_then(|(dir, name)| Some(dir.canonicalize().ok()?.join(name)));
        let path = to_bytes(real.as_deref().unwrap_or(&path)).into_owned();
        for path in names.iter().filter_map(|root| root.as_given(&path)) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

fn paths_of_dirs(dirs: &[PathBuf], roots: &[PathBuf]) -> Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for root in roots.iter().filter(|_| !dirs.is_empty()) {
        // A state directory has no symlink in its path, a root may.
        let real = root.canonicalize().unwrap_or_else(|_| root.clone());
        for dir in dirs {
            if real.starts_with(dir) {
                return Err(Error::root(root, RootProblem::OwnState(dir.clone())));
            }
            if let Ok(below) = dir.strip_prefix(&real) {
                let mut path = to_bytes(&root.join(below)).into_owned();
                path.push(b'/');
                paths.push(path);
            }
        }
    }
    Ok(paths)
}
