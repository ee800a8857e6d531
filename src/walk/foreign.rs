//! Where other file systems are mounted below the roots: with one file system alone these directories are left closed,
//! by the mount table. Nothing is asked of what is mounted there: it may refuse even a stat (a user's FUSE mount
//! refuses root), or never answer.

use rustc_hash::FxHashSet;

/// Mount points that are not asked anything. Empty if the walk enters other file systems.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForeignMounts {
    /// The last name of each, so that a path need not be built for every directory.
    names: FxHashSet<Vec<u8>>,
    /// Each path, as the walk names it, and the mount that the directory which holds it lies on.
    places: FxHashSet<(Vec<u8>, u64)>,
}

impl ForeignMounts {
    /// The mount points at these paths, each with the number of the mount that it covers a part of.
    pub(crate) fn new(places: impl IntoIterator<Item = (Vec<u8>, u64)>) -> Self {
        let places: FxHashSet<_> = places.into_iter().collect();
        let last = |path: &[u8]| path.rsplit(|b| *b == b'/').next().unwrap_or_default().to_vec();
        Self { names: places.iter().map(|(path, _)| last(path)).collect(), places }
    }

    /// Whether something else is mounted on a child of a directory that lies on the mount `above`. If that is another
    /// mount than the table says, the place in the table is hidden below it.
    pub(super) fn holds(&self, above: u64, name: &[u8], path: impl FnOnce() -> Vec<u8>) -> bool {
        self.names.contains(name) && self.places.contains(&(path(), above))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_known_by_its_path_and_the_mount_above_it() {
        let foreign = ForeignMounts::new([(b"/a/mount".to_vec(), 7)]);
        assert!(foreign.holds(7, b"mount", || b"/a/mount".to_vec()));
        assert!(!foreign.holds(8, b"mount", || b"/a/mount".to_vec()), "it is hidden");
        assert!(!foreign.holds(7, b"mount", || b"/b/mount".to_vec()));
        assert!(!foreign.holds(7, b"other", || unreachable!("no path is built")));
    }
}
