//! A mark in the history of a file system, from which on it can tell what changed.

/// When something was, by a file system's own count of its transactions. Only btrfs has one that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    /// The UUID of the file system.
    pub(crate) file_system: [u8; 16],
    /// The transaction that was running, or the last one: every later change is part of it or of one after it.
    pub(crate) generation: u64,
    /// What the count belongs to: the subvolume, and the boot and mount during which no state of it was lost.
    pub(crate) scope: String,
}

/// The transactions that are running, by file system.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generations(pub(super) Vec<([u8; 16], u64)>);

impl Generations {
    /// The mark of the same part of a file system at the time of these; none if it was not mounted then.
    pub(crate) fn at(&self, mark: Mark) -> Option<Mark> {
        let (_, generation) = self.0.iter().find(|(file_system, _)| *file_system == mark.file_system)?;
        Some(Mark { generation: mark.generation.min(*generation), ..mark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_as_old_as_the_generations_that_were_asked_first() {
        let mark = |generation| Mark { file_system: [1; 16], generation, scope: "here".into() };
        let earlier = Generations(vec![([2; 16], 1), ([1; 16], 7)]);
        assert_eq!(earlier.at(mark(9)), Some(mark(7)));
        assert_eq!(Generations::default().at(mark(9)), None);
    }
}
