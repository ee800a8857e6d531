//! NTFS: the change journal of the volume names what changed since the base's mark. The mark is the number of the next
//! record when the base's scan began. See [`journal`](super::journal) for what follows from the records.

use std::os::windows::io::OwnedHandle;
use std::path::PathBuf;
use std::sync::Arc;

use super::InodeQuestion;
use super::journal::{JournalChanges, JournalGap, JournalState, read_answer};
use super::parts::Part;
use super::rows::BaseRows;
use super::tables::{TableAnswer, TableQuestion};
use crate::metadata::Stat;
use crate::sys::filesystem::Mark;
use crate::sys::native::open_root;
use crate::sys::timeout::with_timeout;
use crate::sys::usn::{self, JournalData};
use crate::{Result, SourceProblem};

/// Room for some thousand records.
const BUFFER: usize = 256 * 1024;

/// A volume whose journal can be asked.
#[derive(Debug)]
pub(super) struct UsnJournal {
    dev: u64,
    path: PathBuf,
    volume: OwnedHandle,
    mark: Mark,
    id: u64,
}

fn state(data: JournalData) -> JournalState {
    JournalState { id: data.id, first: data.first, next: data.next }
}

fn gap(gap: JournalGap) -> SourceProblem {
    SourceProblem::Journal(match gap {
        JournalGap::Recreated => "it was made anew since the earlier snapshot",
        JournalGap::Wrapped => {
            "it no longer reaches back to the earlier snapshot: it is too small for what changes between two scans"
        }
        JournalGap::Behind => "it is behind the earlier snapshot, as when the volume was restored",
    })
}

impl UsnJournal {
    /// Opens the journal of the volume that a directory lies on; its mark is `now`.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn open(question: &TableQuestion, now: Option<Mark>) -> Result<Arc<Self>, SourceProblem> {
        let unreadable = |e: std::io::Error| SourceProblem::Search(e.to_string());
        let volume = open_root(&question.dir).and_then(|dir| usn::open_volume(&dir)).map_err(unreadable)?;
        let now = now.ok_or(SourceProblem::Journal("the volume has none, or it cannot be read"))?;
        let mark = question.mark.clone().ok_or(SourceProblem::NotMarked)?;
        let data = usn::journal(&volume).map_err(unreadable)?;
        if (mark.file_system, &mark.scope) != (now.file_system, &now.scope) {
            return Err(gap(JournalGap::Recreated));
        }
        state(data).holds(data.id, mark.generation.cast_signed()).map_err(gap)?;
        let (dev, path) = (question.found.dev, question.dir.clone());
        Ok(Arc::new(Self { dev, path, volume, mark, id: data.id }))
    }

    pub(super) fn dev(&self) -> u64 {
        self.dev
    }

    /// The changes since the mark, and the mark from which on later ones can be told.
    fn changes(&self) -> std::io::Result<Option<(JournalChanges, Mark)>> {
        let until = usn::journal(&self.volume)?;
        let mut since = self.mark.generation.cast_signed();
        if state(until).holds(self.id, since).is_err() {
            return Ok(None);
        }
        let mut changes = JournalChanges::default();
        let mut buffer = vec![0; BUFFER];
        while since < until.next {
            let len = usn::records(&self.volume, self.id, since, &mut buffer)?;
            let Some(next) = read_answer(&buffer[..len], |record| changes.add(record)) else { return Ok(None) };
            // It has to go on, or to say that there is no more.
            if next <= since {
                return Ok(None);
            }
            since = next;
        }
        let mark = Mark { generation: changes.since(since).cast_unsigned(), ..self.mark.clone() };
        Ok(Some((changes, mark)))
    }

    /// Looks which entries of the base the journal names. Costs a pass over the base and over the records since then.
    ///
    /// # Errors
    /// A damaged base. Within: why the journal is of no use.
    pub(super) fn compare(
        self: &Arc<Self>,
        parts: &[Part],
        question: &InodeQuestion<'_>,
    ) -> Result<std::result::Result<TableAnswer, SourceProblem>> {
        let own = Arc::clone(self);
        let found = with_timeout(&self.path, question.io_timeout, question.monitor, move || own.changes());
        let (changes, mark) = match found {
            Err(e) => return Ok(Err(SourceProblem::Search(e.to_string()))),
            Ok(None) => return Ok(Err(SourceProblem::Journal("a record of it is not understood, or is gone"))),
            Ok(Some((changes, _))) if changes.has_links => {
                return Ok(Err(SourceProblem::Journal(
                    "a hard link was made or removed, and not each may be recorded",
                )));
            }
            Ok(Some(found)) => found,
        };
        let rows = BaseRows::new(question.base, parts, self.dev, |inode| inode != 0);
        TableAnswer::of_changed(&rows, &changes.changed, Some(mark), question)
    }

    /// Whether the journal names an inode by now.
    pub(super) fn shows_change(&self, before: &Stat) -> bool {
        self.changes().is_ok_and(|found| found.is_some_and(|(changes, _)| changes.changed.contains(&before.ino)))
    }
}
