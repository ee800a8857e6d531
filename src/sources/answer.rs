//! The answer of a change source.

use super::roots::{components, normal};
use super::{BaseFacts, CompleteSince, Dirty, HintsProblem, RootNames};
use crate::metadata::Time;

/// What a source cannot see. The scan looks there on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlindSpots {
    /// Changes that others make to a file system that this system shares with them.
    pub(crate) remote_changes: bool,
    /// The other names of a file that has several: it names only the one that was used.
    pub(crate) other_names: bool,
}

impl BlindSpots {
    /// What no watcher sees.
    pub(crate) const WATCHER: Self = Self { remote_changes: true, other_names: true };
}

/// What a source says.
#[derive(Debug)]
pub(crate) struct SourceAnswer {
    /// What may have changed.
    pub(crate) dirty: Dirty,
    /// The paths inside of the roots that it names, as it spells them.
    pub(crate) named: Vec<Vec<u8>>,
    /// How many paths it names.
    pub(crate) paths: u64,
    /// How many of these lie outside of the roots.
    pub(crate) outside: u64,
    /// Since when the answer is complete.
    pub(crate) since: CompleteSince,
    /// Up to when it is complete, if it says so.
    pub(crate) until: Option<Time>,
    /// Why it is not complete in any case, whatever it claims.
    pub(crate) lost: Option<HintsProblem>,
    /// The clock of watchman at this answer, since which the next one will be complete.
    pub(crate) watchman_clock: Option<String>,
    pub(crate) blind: BlindSpots,
}

impl SourceAnswer {
    /// An answer that names nothing and claims nothing.
    pub(super) fn new(blind: BlindSpots) -> Self {
        Self {
            dirty: Dirty::default(),
            named: Vec::new(),
            paths: 0,
            outside: 0,
            since: CompleteSince::Unstated,
            until: None,
            lost: None,
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
            (None, Some(base)) => self.since.proves(base),
        }
    }

    /// The answer is not complete. The first reason stays.
    pub(super) fn lose(&mut self, why: HintsProblem) {
        self.lost.get_or_insert(why);
    }

    /// Adds an absolute path; `number` is that of the hint.
    pub(super) fn add_absolute(&mut self, path: &[u8], number: usize, roots: &[RootNames]) {
        self.paths += 1;
        let Some(path) = normal(path) else { return self.lose(HintsProblem::NoPath(number)) };
        let whole = path.ends_with(b"/");
        let path = if whole && path.len() > 1 { &path[..path.len() - 1] } else { &path[..] };
        let mut is_inside = false;
        for (number, root) in roots.iter().enumerate() {
            if let Some(rest) = root.rest(path) {
                is_inside = true;
                self.dirty.insert(number, components(rest), whole);
                self.named.push(path.to_vec());
            } else if root.is_below(path) {
                // Above the root: only a hint for a whole tree says something about what lies below.
                is_inside = true;
                self.dirty.insert(number, std::iter::empty(), whole);
            }
        }
        self.outside += u64::from(!is_inside);
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
