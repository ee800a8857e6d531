//! The answer of a change source.

use super::roots::normal;
use super::{BaseFacts, CompleteSince, Dirty, HintsProblem, RootNames};
use crate::metadata::Time;

/// A longer record is not a path: the source lost its place.
const LONGEST: usize = 1 << 20;

/// What a source cannot see. The scan looks there on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a blind spot of its own")]
pub(crate) struct BlindSpots {
    /// Changes that others make to a file system that this system shares with them.
    pub(crate) remote_changes: bool,
    /// The other names of a file that has several: it names only the one that was used.
    pub(crate) other_names: bool,
    /// Whether a name is that of a symlink: it may name what lies behind one by a path through it.
    pub(crate) symlinks: bool,
    /// Where a name ends that holds a line break.
    pub(crate) line_breaks: bool,
}

impl BlindSpots {
    /// What the inode tables of a file system do not show.
    pub(crate) const INODES: Self =
        Self { remote_changes: false, other_names: false, symlinks: false, line_breaks: false };

    /// What no watcher sees.
    pub(crate) const WATCHER: Self =
        Self { remote_changes: true, other_names: true, symlinks: true, line_breaks: false };
}

/// What a source says.
#[derive(Debug)]
pub(crate) struct SourceAnswer {
    /// What may have changed.
    pub(crate) dirty: Dirty,
    /// How many paths it names.
    pub(crate) paths: u64,
    /// Those that lie outside of the roots by their names. What they name may lie inside.
    pub(crate) outside: Vec<Vec<u8>>,
    /// Directories that the source does not look into, although they lie in what it watches.
    pub(crate) ignored: Vec<Vec<u8>>,
    /// Since when the answer is complete.
    pub(crate) since: CompleteSince,
    /// Up to when it is complete, if it says so.
    pub(crate) until: Option<Time>,
    /// Why it is not complete in any case, whatever it claims.
    pub(crate) lost: Option<HintsProblem>,
    /// Why it may not be complete although its claim is proved.
    doubt: Option<HintsProblem>,
    /// The clock of watchman at this answer, since which the next one will be complete.
    pub(crate) watchman_clock: Option<String>,
    pub(crate) blind: BlindSpots,
}

impl SourceAnswer {
    /// An answer that names nothing and claims nothing.
    pub(super) fn new(blind: BlindSpots) -> Self {
        Self {
            dirty: Dirty::default(),
            paths: 0,
            outside: Vec::new(),
            ignored: Vec::new(),
            since: CompleteSince::Unstated,
            until: None,
            lost: None,
            doubt: None,
            watchman_clock: None,
            blind,
        }
    }

    /// Whether the answer names everything that changed since the base began.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn prove(&self, base: Option<&BaseFacts<'_>>) -> Result<(), HintsProblem> {
        match (&self.lost, base) {
            (Some(why), _) => Err(why.clone()),
            (None, None) => Err(HintsProblem::NoBase),
            (None, Some(base)) => self.since.proves(base).and_then(|()| self.doubt.clone().map_or(Ok(()), Err)),
        }
    }

    /// The answer may not be complete. The first reason stays.
    pub(super) fn doubt(&mut self, why: HintsProblem) {
        self.doubt.get_or_insert(why);
    }

    /// The answer is not complete. The first reason stays.
    pub(super) fn lose(&mut self, why: HintsProblem) {
        self.lost.get_or_insert(why);
    }

    /// Adds an absolute path; `number` is that of the hint.
    pub(super) fn add_absolute(&mut self, path: &[u8], number: usize, roots: &[RootNames]) {
        self.paths += 1;
        if path.len() > LONGEST {
            return self.lose(HintsProblem::Lost("one of them is longer than 1 MiB"));
        }
        let Some(path) = normal(path) else { return self.lose(HintsProblem::NoPath(number)) };
        if !self.place(&path, roots) {
            self.outside.push(path);
        }
    }

    /// Marks what a normal path names, and with a slash at its end everything below it. False if that has nothing to do
    /// with any root.
    pub(crate) fn place(&mut self, path: &[u8], roots: &[RootNames]) -> bool {
        let whole = path.ends_with(b"/");
        let path = if whole && path.len() > 1 { &path[..path.len() - 1] } else { path };
        self.dirty.insert_in_all(path, whole, roots)
    }

    /// Adds a path relative to `top`, or to the only root.
    pub(super) fn add_relative(
        &mut self,
        path: &[u8],
        number: usize,
        top: Option<&[u8]>,
        roots: &[RootNames],
    ) -> Result<(), String> {
        let top = match (top, roots) {
            (Some(top), _) => top,
            (None, [root]) => &root.given,
            _ => {
                return Err(format!(
                    "hint {number} is relative, and there are several roots; name it by its absolute path"
                ));
            }
        };
        let mut absolute = top.to_vec();
        absolute.push(b'/');
        absolute.extend_from_slice(path);
        self.add_absolute(&absolute, number, roots);
        Ok(())
    }
}
