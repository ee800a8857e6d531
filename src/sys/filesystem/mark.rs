//! A mark in the history of a file system, from which on it can tell what changed.

/// When something was, by a file system's own count of its transactions (btrfs) or of the records in its journal
/// (NTFS).
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
    /// Records of journals that have to be read again, which may be earlier.
    pub(super) unfinished: Vec<Mark>,
}

/// How the scope of a journal's mark begins; its number follows.
pub(crate) const JOURNAL: &str = "journal ";

impl Marks {
    /// The mark that a part of a file system had at that time; `now` is its mark now. None if it was not mounted.
    pub(crate) fn before(&self, now: Mark) -> Option<Mark> {
        let same = |mark: &&Mark| (mark.file_system, &mark.scope) == (now.file_system, &now.scope);
        let of_subvolume = self.subvolumes.iter().filter(same).map(|mark| mark.generation);
        let same = |of: &&([u8; 16], u64)| of.0 == now.file_system;
        let of_file_system = self.file_systems.iter().filter(same).map(|(_, generation)| *generation);
        let generation = of_subvolume.chain(of_file_system).max()?.min(now.generation);
        let same = |mark: &&Mark| (mark.file_system, &mark.scope) == (now.file_system, &now.scope);
        let unfinished = self.unfinished.iter().filter(same).map(|mark| mark.generation);
        let generation = unfinished.chain([generation]).min()?;
        Some(Mark { generation, ..now })
    }

    /// Those of volumes with a journal.
    #[cfg(windows)]
    pub(crate) fn of_volumes(file_systems: Vec<([u8; 16], u64)>) -> Self {
        Self { file_systems, ..Self::default() }
    }

    /// Adds marks that were asked for later: of a count of transactions, still early enough; of a journal, from where
    /// on it has to be read again.
    pub(crate) fn with(mut self, later: &[Mark]) -> Self {
        for mark in later {
            let marks = if mark.scope.starts_with(JOURNAL) { &mut self.unfinished } else { &mut self.subvolumes };
            marks.push(mark.clone());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_latest_that_was_asked_early_enough() {
        let mark = |generation| Mark { file_system: [1; 16], generation, scope: "here".into() };
        let early = Marks { file_systems: vec![([2; 16], 1), ([1; 16], 7)], ..Marks::default() };
        assert_eq!(early.before(mark(9)), Some(mark(7)));
        assert_eq!(Marks::default().before(mark(9)), None);
        let elsewhere = Mark { scope: "elsewhere".into(), ..mark(9) };
        let early = early.with(&[mark(8), elsewhere]);
        assert_eq!(early.before(mark(9)), Some(mark(8)));
        assert_eq!(early.before(mark(3)), Some(mark(3)));
    }

    #[test]
    fn of_a_journal_what_is_unfinished_is_read_again() {
        let mark = |generation| Mark { file_system: [1; 16], generation, scope: format!("{JOURNAL}7") };
        let began = Marks { file_systems: vec![([1; 16], 70)], ..Marks::default() };
        assert_eq!(began.before(mark(90)), Some(mark(70)));
        assert_eq!(began.clone().with(&[mark(80)]).before(mark(90)), Some(mark(70)));
        assert_eq!(began.with(&[mark(40)]).before(mark(90)), Some(mark(40)));
    }
}
