//! A mark in the history of a file system, from which on it can tell what changed.

/// When something was, by a file system's own count of its transactions. Only btrfs has one that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    /// The UUID of the file system.
    pub(crate) file_system: [u8; 16],
    /// Every later change is part of this transaction or of one after it.
    pub(crate) generation: u64,
    /// What the count belongs to: the subvolume, and the boot and mount during which no state of it was lost.
    pub(crate) scope: String,
}

/// The marks at one time, as far as they were asked for then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    /// The transaction of each file system that was mounted.
    pub(super) file_systems: Vec<([u8; 16], u64)>,
    /// Those of single subvolumes, which may be later.
    pub(super) subvolumes: Vec<Mark>,
}

impl Marks {
    /// The mark that a part of a file system had at that time; `now` is its mark now. None if it was not mounted.
    pub(crate) fn before(&self, now: Mark) -> Option<Mark> {
        let same = |mark: &&Mark| (mark.file_system, &mark.scope) == (now.file_system, &now.scope);
        let of_subvolume = self.subvolumes.iter().filter(same).map(|mark| mark.generation);
        let same = |of: &&([u8; 16], u64)| of.0 == now.file_system;
        let of_file_system = self.file_systems.iter().filter(same).map(|(_, generation)| *generation);
        let generation = of_subvolume.chain(of_file_system).max()?.min(now.generation);
        Some(Mark { generation, ..now })
    }

    /// Adds marks that were asked for later, but still early enough.
    pub(crate) fn with(mut self, later: &[Mark]) -> Self {
        self.subvolumes.extend_from_slice(later);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_latest_that_was_asked_early_enough() {
        let mark = |generation| Mark { file_system: [1; 16], generation, scope: "here".into() };
        let early = Marks { file_systems: vec![([2; 16], 1), ([1; 16], 7)], subvolumes: Vec::new() };
        assert_eq!(early.before(mark(9)), Some(mark(7)));
        assert_eq!(Marks::default().before(mark(9)), None);
        let elsewhere = Mark { scope: "elsewhere".into(), ..mark(9) };
        let early = early.with(&[mark(8), elsewhere]);
        assert_eq!(early.before(mark(9)), Some(mark(8)));
        assert_eq!(early.before(mark(3)), Some(mark(3)));
    }
}
