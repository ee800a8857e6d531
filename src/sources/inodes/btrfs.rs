//! btrfs: the tree of a subvolume holds, with each inode, the transaction that changed it last. A search for those
//! since the base's mark reads only what was written since then.
//!
//! Why nothing is missed: after syncfs(2) every change made before it is in the tree. The mark is the transaction that
//! ran when the base's scan began, before it read anything; so each change that the base does not hold carries this
//! transaction or a later one. A state that was seen but not yet written can be lost in a crash, and the count of
//! transactions goes back with it: so the mark belongs to a boot and a mount. It also belongs to one subvolume, since
//! all of them begin with the same inode numbers.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::InodeQuestion;
use super::parts::Part;
use super::rows::BaseRows;
use super::tables::{TableAnswer, TableQuestion, Tables, most_dirty};
use crate::metadata::Stat;
use crate::sys::filesystem::{Mark, changed_inodes, mark, mount_facts};
use crate::sys::load::unwritten_bytes;
use crate::sys::native::{Dir, open_root, sync_filesystem};
use crate::sys::timeout::with_timeout;
use crate::{Result, SourceProblem};

/// The first inode number of a subvolume. What has a smaller one is no inode of its tree.
const FIRST_INODE: u64 = 256;

/// If more waits in memory, and so much more for each entry, a walk is as fast as a disk that writes 100 MB a second.
const MOST_UNWRITTEN: u64 = 16 << 20;
const MOST_UNWRITTEN_PER_ENTRY: u64 = 100;

/// If what is in memory is not written back after so long, and so much more for each entry, a walk is as fast.
const SYNC_TIME: Duration = Duration::from_millis(100);
const SYNC_TIME_PER_ENTRY: Duration = Duration::from_micros(1);

/// A subvolume whose changes can be asked for.
#[derive(Debug)]
pub(super) struct BtrfsTree {
    dev: u64,
    mount: u64,
    dir: Dir,
    path: PathBuf,
    /// The transaction of the base's mark.
    since: u64,
    /// The UUID of the file system, which all its subvolumes share.
    file_system: [u8; 16],
}

impl BtrfsTree {
    /// Opens the subvolume that a directory lies in; its mark is `now`.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn open(question: &TableQuestion, now: Option<Mark>) -> Result<Arc<Self>, SourceProblem> {
        let now = now.ok_or(SourceProblem::NoMark)?;
        let mark = question.mark.as_ref().ok_or(SourceProblem::NotMarked)?;
        if (mark.file_system, &mark.scope) != (now.file_system, &now.scope) || mark.generation > now.generation {
            return Err(SourceProblem::MountedAgain);
        }
        match &question.known {
            Some(Tables::Btrfs(tree)) if tree.since <= mark.generation => return Ok(Arc::clone(tree)),
            Some(_) => return Err(SourceProblem::NotMarked),
            None => {}
        }
        let dir = open_root(&question.dir).map_err(|e| SourceProblem::Unreadable(e.to_string()))?;
        // Whoever may not search learns it before anything is written back.
        changed_inodes(&dir, u64::MAX, Some(FIRST_INODE), 1).map_err(|e| SourceProblem::Search(e.to_string()))?;
        Ok(Arc::new(Self {
            dev: question.found.dev,
            mount: question.found.mount,
            dir,
            path: question.dir.clone(),
            since: mark.generation,
            file_system: mark.file_system,
        }))
    }

    /// After an error, btrfs writes nothing any more, and makes itself read-only. What it shows then may lie in memory
    /// alone, and be in no tree.
    fn check_writable(&self) -> Result<(), SourceProblem> {
        let mount = mount_facts(self.mount).ok_or(SourceProblem::NoMount)?;
        if mount.is_read_only { Err(SourceProblem::ReadOnly) } else { Ok(()) }
    }

    pub(super) fn dev(&self) -> u64 {
        self.dev
    }

    pub(super) fn file_system(&self) -> [u8; 16] {
        self.file_system
    }

    /// Writes back what the file system holds in memory, for all its subvolumes.
    ///
    /// # Errors
    /// If that takes longer than a walk would, or cannot be done.
    pub(super) fn write_back(self: &Arc<Self>, question: &InodeQuestion<'_>) -> Result<(), SourceProblem> {
        let own = Arc::clone(self);
        let began = Instant::now();
        let entries = u32::try_from(question.base.header().counts.entries).unwrap_or(u32::MAX);
        let unwritten = unwritten_bytes();
        if !question.insists && unwritten > MOST_UNWRITTEN + MOST_UNWRITTEN_PER_ENTRY * u64::from(entries) {
            return Err(SourceProblem::MuchUnwritten(unwritten >> 20));
        }
        let limit = SYNC_TIME + SYNC_TIME_PER_ENTRY * entries;
        let limit = (!question.insists).then_some(limit).into_iter().chain(question.io_timeout).min();
        let synced = with_timeout(&self.path, limit, question.monitor, move || sync_filesystem(&own.dir));
        synced.map_err(|e| match e.kind() {
            io::ErrorKind::TimedOut => SourceProblem::SlowSync(began.elapsed()),
            _ => SourceProblem::Search(e.to_string()),
        })
    }

    /// Looks which entries of the base changed since its mark, as far as that was written back. Costs a pass over the
    /// base, some 30 ns for each entry, and some 30 µs for each changed inode.
    ///
    /// # Errors
    /// A damaged base. Within: why the tree is of no use.
    pub(super) fn compare(
        self: &Arc<Self>,
        parts: &[Part],
        question: &InodeQuestion<'_>,
    ) -> Result<std::result::Result<TableAnswer, SourceProblem>> {
        let entries = question.base.header().counts.entries;
        let most = if question.insists { usize::MAX } else { most_dirty(entries) as usize };
        let (changed, mark) = match self.ask(question, most) {
            Ok(answer) => answer,
            Err(problem) => return Ok(Err(problem)),
        };
        let rows = BaseRows::new(question.base, parts, self.dev, |inode| inode >= FIRST_INODE);
        TableAnswer::of_changed(&rows, &changed, mark, question)
    }

    /// The inodes that changed, and the mark from which on later changes can be told.
    fn ask(
        self: &Arc<Self>,
        question: &InodeQuestion<'_>,
        most: usize,
    ) -> Result<(FxHashSet<u64>, Option<Mark>), SourceProblem> {
        let own = Arc::clone(self);
        let search = move || {
            // What changes between the two shows now, and once more the next time.
            let mark = mark(&own.dir);
            Ok((changed_inodes(&own.dir, own.since, None, most)?, mark))
        };
        let found = with_timeout(&self.path, question.io_timeout, question.monitor, search);
        self.check_writable()?;
        let (found, mark) = found.map_err(|e| SourceProblem::Search(e.to_string()))?;
        Ok((found.ok_or(SourceProblem::MuchChanged(most as u64))?, mark))
    }

    /// Whether the tree shows by now that an inode changed.
    pub(super) fn shows_change(&self, before: &Stat) -> bool {
        let _ = sync_filesystem(&self.dir);
        let found = changed_inodes(&self.dir, self.since, Some(before.ino), usize::MAX);
        found.is_ok_and(|found| found.is_some_and(|found| found.contains(&before.ino)))
    }
}
