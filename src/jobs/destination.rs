//! Where a backup program writes on this machine: whether that is a part of what the job reads, and on which file
//! system it lies.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::filter::{CACHEDIR_SIGNATURE, CACHEDIR_TAG, Filter};
use crate::path::{to_bytes, to_path};
use crate::scan::ScanOptions;
use crate::sys::filesystem::{self, are_subvolumes_of_one};
use crate::sys::stat_following;
use crate::{Error, JobProblem, Result};

/// A place on this machine that a backup program writes to. It need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDestination {
    /// As the program names it, absolute.
    path: PathBuf,
    /// The same without symlinks, as far as it exists.
    real: PathBuf,
    /// How much of that exists.
    existing: PathBuf,
    is_file: bool,
}

/// A destination that a job reads, too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkedDestination {
    /// The root in which it lies.
    pub root: PathBuf,
    /// Where it lies in it; empty if it is the root itself.
    pub relative: PathBuf,
}

impl LocalDestination {
    /// The place at an absolute path: a directory, or a file such as an archive.
    pub fn new(path: &Path, is_file: bool) -> Self {
        let (existing, rest) = resolved(path);
        Self { path: path.to_owned(), real: joined(&existing, &rest), existing, is_file }
    }

    /// The path as the program names it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is that directory, under whichever name.
    pub fn is(&self, directory: &Path) -> bool {
        place_within(self, directory).is_some_and(|rest| rest.as_os_str().is_empty())
    }

    /// The root in which a walk would find it, if it does: it is below that root, and nothing on the way to it is left
    /// out.
    ///
    /// # Errors
    /// [`Error::Pattern`].
    pub fn walked_in(&self, scan: &ScanOptions) -> Result<Option<WalkedDestination>> {
        let filter = Filter::new(&scan.filter, &scan.roots)?;
        for root in &scan.roots {
            let Some(relative) = place_within(self, root) else { continue };
            if !is_left_out(&filter, root, &relative, self.is_file) {
                return Ok(Some(WalkedDestination { root: root.clone(), relative }));
            }
        }
        Ok(None)
    }

    /// The name of the file system on which it lies, or will lie: see [`check`](Self::check). None if the system does
    /// not tell.
    pub fn file_system(&self) -> Option<String> {
        let (directory, mount) = self.directory()?;
        Some(filesystem::describe(&directory, mount).identity).filter(|identity| !identity.is_empty())
    }

    /// Makes sure that it lies on the file system of this name.
    ///
    /// # Errors
    /// [`JobProblem::OtherDestination`].
    pub fn check(&self, job: &str, before: &str) -> Result<()> {
        let Some((directory, mount)) = self.directory() else { return Ok(()) };
        let now = filesystem::describe(&directory, mount).identity;
        let kind = |identity: &str| identity.split(':').next().unwrap_or_default().to_owned();
        let is_same = filesystem::is_known_as(&directory, mount, before)
            || are_subvolumes_of_one((&kind(before), before), (&kind(&now), &now));
        if is_same {
            return Ok(());
        }
        let (path, before) = (self.path.clone(), before.to_owned());
        Err(Error::job(job, JobProblem::OtherDestination { path, before, now }))
    }

    /// The last directory on the way to it that exists now, and its mount.
    fn directory(&self) -> Option<(PathBuf, u64)> {
        let directory = self.path.ancestors().find(|path| path.is_dir())?.to_owned();
        // Whatever waits to be mounted there is mounted by this.
        let _ = fs::read_dir(&directory);
        let mount = stat_following(&directory).ok()?.mount;
        Some((directory, mount))
    }
}

/// The last part of a path that exists, without symlinks, and what is left of the path.
fn resolved(path: &Path) -> (PathBuf, PathBuf) {
    for above in path.ancestors() {
        if let Ok(existing) = above.canonicalize() {
            return (existing, path.strip_prefix(above).unwrap_or(Path::new("")).to_owned());
        }
    }
    (PathBuf::from("/"), path.strip_prefix("/").unwrap_or(path).to_owned())
}

/// Adds nothing for an empty path, not even a slash.
fn joined(path: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { path.to_owned() } else { path.join(rest) }
}

/// Where a destination lies in a directory, if it does: by its path, or through another mount of the same file system.
fn place_within(destination: &LocalDestination, directory: &Path) -> Option<PathBuf> {
    let directory = directory.canonicalize().ok()?;
    if let Ok(rest) = destination.real.strip_prefix(&directory) {
        return Some(rest.to_owned());
    }
    let (device, inside) = place_on_device(&destination.existing)?;
    let (of_directory, above) = place_on_device(&directory)?;
    let rest = destination.real.strip_prefix(&destination.existing).ok()?;
    let inside = joined(&inside, rest);
    let below = inside.strip_prefix(&above).ok().filter(|_| device == of_directory)?;
    Some(below.to_owned())
}

/// The file system that a path without symlinks lies on, and its path in there, however that is mounted.
fn place_on_device(path: &Path) -> Option<(Vec<u8>, PathBuf)> {
    let path = to_bytes(path);
    let mounts = filesystem::mounts()?;
    // Of two in one place, the later one is seen.
    let mount = mounts.iter().filter(|mount| mount.holds(&path)).max_by_key(|mount| mount.point.len())?;
    Some((mount.device.clone(), to_path(&mount.inner(&path)).into_owned()))
}

/// Whether a walk from a root leaves out what lies there.
fn is_left_out(filter: &Filter, root: &Path, relative: &Path, is_file: bool) -> bool {
    let device = stat_following(root).ok().map(|found| found.dev);
    let mut above: Vec<&Path> = relative.ancestors().filter(|path| !path.as_os_str().is_empty()).collect();
    above.reverse();
    above.iter().any(|path| {
        let is_dir = !(is_file && *path == relative);
        let here = root.join(path);
        let is_elsewhere = || stat_following(&here).is_ok_and(|found| Some(found.dev) != device);
        filter.excludes(&to_bytes(path), is_dir)
            || is_dir && is_marked(filter, &here)
            || filter.one_file_system() && is_elsewhere()
    })
}

/// Whether a directory holds something that leaves it out.
fn is_marked(filter: &Filter, directory: &Path) -> bool {
    use crate::filter::Marker;
    if !filter.has_markers() {
        return false;
    }
    let is_marker = |name: &OsStr| match filter.marker(&to_bytes(Path::new(name))) {
        Marker::None => false,
        Marker::Excluded => true,
        Marker::CacheTag => {
            let tag = directory.join(to_path(CACHEDIR_TAG));
            fs::read(tag).is_ok_and(|content| content.starts_with(CACHEDIR_SIGNATURE))
        }
    };
    fs::read_dir(directory).into_iter().flatten().flatten().any(|entry| is_marker(&entry.file_name()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::filter::{FilterOptions, Pattern};

    fn walked(root: &Path, path: &Path, patterns: &[&str]) -> Option<PathBuf> {
        let mut scan = ScanOptions::new([root]);
        let patterns = patterns.iter().copied().map(Pattern::new).collect();
        scan.filter = FilterOptions { patterns, exclude_caches: true, ..FilterOptions::default() };
        let destination = LocalDestination::new(path, false);
        destination.walked_in(&scan).expect("valid patterns").map(|walked| walked.relative)
    }

    #[test]
    fn a_destination_in_a_root_is_walked_unless_something_on_the_way_is_left_out() {
        let dir = tempfile::tempdir().expect("tempdir");
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/b")).expect("mkdir");
        std::os::unix::fs::symlink(root.join("a"), dir.path().join("link")).expect("symlink");
        let inside = |rest: &str| Some(PathBuf::from(rest));
        assert_eq!(walked(&root, &root, &[]), inside(""));
        assert_eq!(walked(&root, &root.join("a/b"), &[]), inside("a/b"));
        assert_eq!(walked(&root, &root.join("a/new/one"), &[]), inside("a/new/one"));
        assert_eq!(walked(&root, &dir.path().join("link/new"), &["/b"]), inside("a/new"), "through a symlink");
        for pattern in ["/a/", "a/new", "new/"] {
            assert_eq!(walked(&root, &root.join("a/new/one"), &[pattern]), None, "{pattern}");
        }
        assert_eq!(walked(&root, &dir.path().join("root2"), &[]), None);
        assert_eq!(walked(&root, dir.path(), &[]), None, "it holds the root");
        fs::write(root.join("a/CACHEDIR.TAG"), CACHEDIR_SIGNATURE).expect("write");
        assert_eq!(walked(&root, &root.join("a/b"), &[]), None, "tagged");
    }

    #[test]
    fn a_destination_is_a_directory_under_any_of_its_names() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).expect("symlink");
        assert!(LocalDestination::new(&dir.path().join("link"), false).is(dir.path()));
        assert!(!LocalDestination::new(&dir.path().join("new"), false).is(dir.path()));
    }
}
