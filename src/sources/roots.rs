//! The names of the roots, by which the paths of a source are found below them.

use std::path::{Path, PathBuf};

use crate::path::{is_within, push, to_bytes};

/// A root by its two names.
#[derive(Debug, Clone)]
pub(crate) struct RootNames {
    pub(super) given: Vec<u8>,
    pub(super) canonical: Vec<u8>,
}

impl RootNames {
    /// Looks the canonical name up.
    pub(crate) fn new(root: &Path) -> Self {
        Self::with(root, root.canonicalize().ok())
    }

    /// With the canonical name, if there is one.
    pub(crate) fn with(root: &Path, canonical: Option<PathBuf>) -> Self {
        let canonical = canonical.unwrap_or_else(|| root.to_owned());
        Self { given: to_bytes(root).into_owned(), canonical: to_bytes(&canonical).into_owned() }
    }

    /// The part of a path below the root, by either of its names; none if it is not within.
    pub(crate) fn rest<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let root = [&self.given, &self.canonical].into_iter().find(|root| is_within(path, root))?;
        Some(&path[root.len()..])
    }

    /// The root as it was given.
    pub(crate) fn given(&self) -> &[u8] {
        &self.given
    }

    /// The root without symlinks.
    pub(crate) fn canonical(&self) -> &[u8] {
        &self.canonical
    }

    /// Whether one of its names holds a line break.
    pub(super) fn has_line_break(&self) -> bool {
        self.given.contains(&b'\n') || self.canonical.contains(&b'\n')
    }

    /// The path by the name that the root was given.
    pub(crate) fn as_given(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut given = self.given.clone();
        for name in components(self.rest(path)?) {
            push(&mut given, name);
        }
        Some(given)
    }

    /// Whether the root lies in the directory `path`.
    pub(super) fn is_below(&self, path: &[u8]) -> bool {
        is_within(&self.given, path) || is_within(&self.canonical, path)
    }
}

/// The names in a path.
pub(super) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|b| *b == b'/').filter(|name| !name.is_empty())
}

/// An absolute path without `.` and doubled slashes; one slash at its end stays. None for `..`, which may lead through
/// a symlink to another place than the names say.
pub(super) fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let mut normal = Vec::with_capacity(path.len());
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => return None,
            name => {
                normal.push(b'/');
                normal.extend_from_slice(name);
            }
        }
    }
    if path.ends_with(b"/") || path.ends_with(b"/.") || normal.is_empty() {
        normal.push(b'/');
    }
    Some(normal)
}
