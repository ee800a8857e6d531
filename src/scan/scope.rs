//! The scope of a scan: its roots, absolute and checked, its filters, and the digest of both (promise 7).

use std::path::{Path, PathBuf};

use super::ScanOptions;
use crate::error::Context as _;
use crate::filter::FilterOptions;
use crate::metadata::Kind;
use crate::monitor::Monitor;
use crate::path::{absolute, compare, is_within, to_bytes, to_path};
use crate::snapshot::{Digest, Meta, digest};
use crate::sources::RootNames;
use crate::walk::ForeignMounts;
use crate::{Error, Result, RootProblem, sys, walk};

/// The scope of a scan with these options, to compare it with that of a snapshot.
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
    let mut places: Vec<RootPlace> = Vec::new();
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
        let (normal, given) = (root.clone(), path.clone());
        let stats = walk::with_timeout(&root, options.io_timeout, monitor, move || {
            Ok((sys::stat_following(&normal)?, sys::stat_following(&given), normal.canonicalize().ok()))
        });
        let (stat_at, as_given, canonical) = stats.map_err(|e| walk::root_error(&root, e))?;
        if stat_at.stat.kind() != Kind::Dir {
            return refuse(&root, RootProblem::OtherKind(stat_at.stat.kind()));
        }
        if let Ok(as_given) = as_given
            && (as_given.dev, as_given.stat.ino) != (stat_at.dev, stat_at.stat.ino)
        {
            return refuse(path, RootProblem::BehindSymlink(root));
        }
        let canonical = canonical.unwrap_or_else(|| root.clone());
        places.push(RootPlace { root: root.clone(), canonical, inode: (stat_at.dev, stat_at.stat.ino) });
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
    check_places(places)?;
    Ok(roots)
}

/// Where a root leads.
struct RootPlace {
    root: PathBuf,
    canonical: PathBuf,
    inode: (u64, u64),
}

/// Refuses two roots that lead to one place, through a symlink or a bind mount: everything there would be read and
/// listed twice.
fn check_places(mut places: Vec<RootPlace>) -> Result<()> {
    places.sort_by(|a, b| compare(&to_bytes(&a.canonical), &to_bytes(&b.canonical)).then_with(|| a.root.cmp(&b.root)));
    places.dedup_by(|a, b| a.root == b.root);
    // The name that a symlink gave is the one to leave out.
    let refuse = |a: &RootPlace, b: &RootPlace, problem: fn(PathBuf) -> RootProblem| {
        let (one, other) = if a.root == a.canonical { (b, a) } else { (a, b) };
        Err(Error::root(&one.root, problem(other.root.clone())))
    };
    for pair in places.windows(2) {
        let [a, b] = pair else { continue };
        if a.canonical == b.canonical {
            return refuse(a, b, RootProblem::Same);
        }
        if is_within(&to_bytes(&b.canonical), &to_bytes(&a.canonical)) {
            return Err(Error::root(&b.root, RootProblem::Nested(a.root.clone())));
        }
    }
    places.sort_by_key(|place| place.inode);
    // Without inode numbers they say nothing.
    match places.windows(2).find(|pair| pair[0].inode == pair[1].inode && pair[0].inode.1 != 0) {
        Some(pair) => refuse(&pair[0], &pair[1], RootProblem::Same),
        None => Ok(()),
    }
}

/// The roots of a scan.
pub(super) struct ScanRoots {
    /// As they were given, absolute and in tree order.
    pub(super) paths: Vec<PathBuf>,
    /// The same by both names.
    pub(super) names: Vec<RootNames>,
}

impl ScanRoots {
    pub(super) fn new(paths: Vec<PathBuf>, options: &ScanOptions, monitor: &dyn Monitor) -> Self {
        let names = paths.iter().map(|root| {
            let path = root.clone();
            let canonical = walk::with_timeout(root, options.io_timeout, monitor, move || path.canonicalize());
            RootNames::with(root, canonical.ok())
        });
        Self { names: names.collect(), paths }
    }
}

impl ScanRoots {
    /// The paths of the roots by all their names.
    pub(super) fn all_paths(&self) -> Vec<PathBuf> {
        let canonical = self.names.iter().map(|names| to_path(names.canonical()).into_owned());
        let mut all: Vec<_> = self.paths.iter().cloned().chain(canonical).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Where other file systems are mounted below the roots, as paths below the roots as given.
pub(super) fn foreign_mounts(roots: &[RootNames]) -> ForeignMounts {
    let all = sys::filesystem::foreign_mounts();
    let below = all.iter().flat_map(|(point, above)| {
        roots.iter().filter_map(move |root| Some((root.as_given(&to_bytes(point))?, *above)))
    });
    ForeignMounts::new(below)
}

/// The part of a snapshot's description that says what was scanned.
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

/// The digest of the scope (promise 7): each part with its length, so that no two scopes share one.
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
