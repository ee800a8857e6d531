//! What a scan is asked: its roots made absolute and checked, its filters, and the digest of both (promise 7).

use std::path::{Path, PathBuf};

use super::ScanOptions;
use crate::error::Context as _;
use crate::filter::FilterOptions;
use crate::metadata::Kind;
use crate::monitor::Monitor;
use crate::path::{absolute, compare, is_within, to_bytes};
use crate::snapshot::{Digest, Meta, digest};
use crate::sources::RootNames;
use crate::{Error, Result, RootProblem, sys, walk};

/// What a scan with these options would be asked, for comparing it with what a snapshot was.
///
/// # Errors
/// Those of [`scan`](super::scan) for roots.
pub(crate) fn scope_of(options: &ScanOptions, monitor: &dyn Monitor) -> Result<Meta> {
    Ok(scope(&prepare_roots(options, monitor)?, &options.filter))
}

/// Makes roots absolute, drops repeated ones, sorts them in tree order and refuses what cannot be
/// scanned.
pub(super) fn prepare_roots(options: &ScanOptions, monitor: &dyn Monitor) -> Result<Vec<PathBuf>> {
    let refuse = |path: &Path, problem| Err(Error::root(path, problem));
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in &options.roots {
        if path.as_os_str().is_empty() {
            return refuse(path, RootProblem::EmptyPath);
        }
        let current = if path.is_absolute() {
            PathBuf::new()
        } else {
            std::env::current_dir().context("find the current directory, for", path)?
        };
        let root = absolute(path, &current);
        let (asked, given) = (root.clone(), path.clone());
        let looked = walk::with_timeout(&root, options.io_timeout, monitor, move || {
            Ok((sys::stat_following(&asked)?, sys::stat_following(&given)))
        });
        let (found, as_given) = looked.map_err(|e| walk::root_error(&root, e))?;
        if found.stat.kind() != Kind::Dir {
            return refuse(&root, RootProblem::OtherKind(found.stat.kind()));
        }
        if let Ok(as_given) = as_given
            && (as_given.dev, as_given.stat.ino) != (found.dev, found.stat.ino)
        {
            return refuse(path, RootProblem::BehindSymlink(root));
        }
        roots.push(root);
    }
    roots.sort_by(|a, b| compare(&to_bytes(a), &to_bytes(b)));
    roots.dedup();
    for pair in roots.windows(2) {
        if is_within(&to_bytes(&pair[1]), &to_bytes(&pair[0])) {
            return refuse(&pair[1], RootProblem::Nested(pair[0].clone()));
        }
    }
    if roots.is_empty() {
        return refuse(Path::new(""), RootProblem::NoRoot);
    }
    Ok(roots)
}

pub(super) fn scope(roots: &[PathBuf], filter: &FilterOptions) -> Meta {
    Meta {
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        roots: roots.iter().map(|r| to_bytes(r).into_owned()).collect(),
        patterns: filter.patterns.iter().map(|p| p.text.clone()).collect(),
        exclude_caches: filter.exclude_caches,
        exclude_if_present: filter.exclude_if_present.clone(),
        one_file_system: filter.one_file_system,
        own_files: Vec::new(),
        base: None,
        devices: Vec::new(),
        mounts: Vec::new(),
        mount_points: Vec::new(),
        watchman_clock: None,
        audited: None,
        overlay: None,
    }
}

/// The paths of our own files, and of our own directories with a slash at their end, as far as they lie inside of a root.
///
/// # Errors
/// [`Error::Root`] for a root that lies in such a directory.
pub(super) fn own_paths(
    files: [Option<&Path>; 3],
    dirs: &[PathBuf],
    roots: &[PathBuf],
    names: &[RootNames],
) -> Result<Vec<Vec<u8>>> {
    let mut paths = Vec::new();
    for file in files.into_iter().flatten() {
        let current = if file.is_absolute() {
            PathBuf::new()
        } else {
            std::env::current_dir().context("find the current directory, for", file)?
        };
        let path = absolute(file, &current);
        // The walk meets it where its directory really is.
        let real =
            path.parent().zip(path.file_name()).and_then(|(dir, name)| Some(dir.canonicalize().ok()?.join(name)));
        let path = to_bytes(real.as_deref().unwrap_or(&path)).into_owned();
        for path in names.iter().filter_map(|root| root.as_given(&path)) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    for root in roots.iter().filter(|_| !dirs.is_empty()) {
        // A directory of our own has no symlink in its path, a root may.
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

/// The digest of the scope (promise 7): each part with its length, so that no two questions share one.
pub(crate) fn fingerprint(scope: &Meta) -> Digest {
    let mut bytes = Vec::new();
    let mut part = |b: &[u8]| {
        bytes.extend_from_slice(&(b.len() as u64).to_le_bytes());
        bytes.extend_from_slice(b);
    };
    let lists: [Vec<&[u8]>; 3] = [
        scope.roots.iter().map(Vec::as_slice).collect(),
        scope.patterns.iter().map(String::as_bytes).collect(),
        scope.exclude_if_present.iter().map(String::as_bytes).collect(),
    ];
    for list in &lists {
        part(&(list.len() as u64).to_le_bytes());
        for item in list {
            part(item);
        }
    }
    part(&[u8::from(scope.exclude_caches), u8::from(scope.one_file_system)]);
    digest(&bytes)
}
