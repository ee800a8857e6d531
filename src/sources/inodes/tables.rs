//! The inodes of one file system, as it keeps them itself: which kinds can be read, and what all have in common.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashSet;

use super::btrfs::BtrfsTree;
use super::canary::sample;
use super::entries::BaseEntry;
use super::ext4::{self, Ext4Tables};
use super::parts::Part;
use super::records::RowScan;
use super::rows::BaseRows;
#[cfg(windows)]
use super::usn::UsnJournal;
use super::xfs::XfsInodes;
use super::{FEW, InodeQuestion, MOST_DIRTY};
use crate::metadata::Stat;
use crate::sys::StatAt;
use crate::sys::filesystem::{self, Mark};
use crate::{Result, SourceProblem};

/// The inodes of one file system.
#[derive(Debug, Clone)]
pub(super) enum Tables {
    /// The tables on its device are compared with the base.
    Ext4(Arc<Ext4Tables>),
    /// A subvolume's tree tells which inodes changed since the base's mark.
    Btrfs(Arc<BtrfsTree>),
    /// The system hands them out in bulk; they are compared with the base.
    Xfs(Arc<XfsInodes>),
    /// The journal of the volume names what changed since the base's mark.
    #[cfg(windows)]
    Usn(Arc<UsnJournal>),
}

/// Which tables are asked for.
pub(super) struct TableQuestion {
    /// The type of the file system.
    pub(super) kind: String,
    /// A directory of the file system, and what the system says of it.
    pub(super) dir: PathBuf,
    pub(super) found: StatAt,
    /// The file system of the base, and the base's mark of it.
    pub(super) identity: String,
    pub(super) mark: Option<Mark>,
    pub(super) output: PathBuf,
    /// The caller asked for the tables by name.
    #[cfg(windows)]
    pub(super) insists: bool,
    /// The same tables, if another part of the tree has opened them.
    pub(super) known: Option<Tables>,
}

/// What the tables say of the entries of the base.
#[derive(Debug)]
pub(super) struct TableAnswer {
    /// What may have changed.
    pub(super) differing: Vec<BaseEntry>,
    /// What cannot be compared.
    pub(super) unknown: Vec<BaseEntry>,
    /// Random ones of those that are compared.
    pub(super) sample: Vec<BaseEntry>,
    /// Where the file system stood before it was asked, if it counts that.
    pub(super) mark: Option<Mark>,
}

impl Tables {
    /// Whether there are tables for a type of file system. Whatever else there is may hang.
    pub(super) fn are_known_for(kind: &str) -> bool {
        matches!(kind, "ext2" | "ext3" | "ext4" | "btrfs" | "xfs") || cfg!(windows) && kind == "ntfs"
    }

    /// Opens the tables of the file system that a directory lies on.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub(super) fn open(question: &TableQuestion) -> Result<Self, SourceProblem> {
        let TableQuestion { dir, found, identity, .. } = question;
        let mount = filesystem::mount_facts(found.mount).ok_or(SourceProblem::NoMount)?;
        if mount.is_idmapped {
            return Err(SourceProblem::Idmapped);
        }
        let now = filesystem::describe(dir, found.mount);
        if identity.is_empty() || now.identity != *identity {
            return Err(SourceProblem::OtherFileSystem);
        }
        match question.kind.as_str() {
            #[cfg(windows)]
            "ntfs" if question.insists => UsnJournal::open(question, now.mark).map(Self::Usn),
            #[cfg(windows)]
            "ntfs" => Err(SourceProblem::NeverRun),
            "btrfs" if mount.is_read_only => Err(SourceProblem::ReadOnly),
            "btrfs" => BtrfsTree::open(question, now.mark).map(Self::Btrfs),
            "xfs" => XfsInodes::open(question).map(Self::Xfs),
            _ => Ext4Tables::open(question, &mount).map(Self::Ext4),
        }
    }

    /// `st_dev` of the files.
    pub(super) fn dev(&self) -> u64 {
        match self {
            Self::Ext4(tables) => tables.dev(),
            Self::Btrfs(tree) => tree.dev(),
            Self::Xfs(inodes) => inodes.dev(),
            #[cfg(windows)]
            Self::Usn(journal) => journal.dev(),
        }
    }

    /// What has to be done once for all tables of a file system: it is added to `written_back`, with the answer.
    ///
    /// # Errors
    /// Why they are of no use.
    pub(super) fn prepare(
        &self,
        question: &InodeQuestion<'_>,
        written_back: &mut Vec<([u8; 16], Result<(), SourceProblem>)>,
    ) -> Result<(), SourceProblem> {
        let Self::Btrfs(tree) = self else { return Ok(()) };
        if let Some((_, answer)) = written_back.iter().find(|(file_system, _)| *file_system == tree.file_system()) {
            return answer.clone();
        }
        let answer = tree.write_back(question);
        written_back.push((tree.file_system(), answer.clone()));
        answer
    }

    /// Looks which entries of the base may have changed.
    ///
    /// # Errors
    /// A damaged base. Within: why the tables are of no use.
    pub(super) fn compare(
        &self,
        parts: &[Part],
        question: &InodeQuestion<'_>,
    ) -> Result<std::result::Result<TableAnswer, SourceProblem>> {
        match self {
            Self::Ext4(tables) => {
                let scan = Arc::new(RowScan::of(question.base, parts, tables)?);
                let compared = ext4::compare(tables, &scan, question);
                Ok(compared.and_then(|differing| {
                    check_number(differing.len(), scan.len(), question)?;
                    let sample = sample(|random| scan.pick(random));
                    Ok(TableAnswer { differing, unknown: scan.unknown.clone(), sample, mark: None })
                }))
            }
            Self::Btrfs(tree) => tree.compare(parts, question),
            Self::Xfs(inodes) => inodes.compare(parts, question),
            #[cfg(windows)]
            Self::Usn(journal) => journal.compare(parts, question),
        }
    }

    /// Whether the tables show by now that an inode is not as the base has it.
    pub(super) fn show_change(&self, before: &Stat) -> bool {
        match self {
            Self::Ext4(tables) => tables.shows_change(before),
            Self::Btrfs(tree) => tree.shows_change(before),
            Self::Xfs(inodes) => inodes.shows_change(before),
            #[cfg(windows)]
            Self::Usn(journal) => journal.shows_change(before),
        }
    }
}

impl TableAnswer {
    /// The answer where the file system itself names the inodes that changed. Costs a pass over the base.
    ///
    /// # Errors
    /// A damaged base. Within: too many changed.
    pub(super) fn of_changed<F: Fn(u64) -> bool + Sync>(
        rows: &BaseRows<'_, F>,
        changed: &FxHashSet<u64>,
        mark: Option<Mark>,
        question: &InodeQuestion<'_>,
    ) -> Result<std::result::Result<Self, SourceProblem>> {
        let differing = Mutex::new(Vec::new());
        let found = rows.count(|entry, inode| {
            if changed.contains(&inode) {
                differing.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
            }
        })?;
        let differing = differing.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Err(problem) = check_number(differing.len(), found.numbers.len().into(), question) {
            return Ok(Err(problem));
        }
        let numbers = &found.numbers;
        let sample = sample(|random| Some(numbers.entry(random.checked_rem(numbers.len().into())? as u32)));
        let sample = rows.compared(&sample)?;
        Ok(Ok(Self { differing, unknown: found.unknown, sample, mark }))
    }
}

/// Refuses to say that a large part of what was compared may have changed: then a walk is as fast.
pub(super) fn check_number(differing: usize, of: u64, question: &InodeQuestion<'_>) -> Result<(), SourceProblem> {
    let differing = differing as u64;
    let is_much = !question.insists && differing > most_dirty(of);
    if is_much { Err(SourceProblem::MuchChanged(differing)) } else { Ok(()) }
}

/// So many of a number of entries may differ.
pub(super) fn most_dirty(of: u64) -> u64 {
    of / MOST_DIRTY + FEW
}
