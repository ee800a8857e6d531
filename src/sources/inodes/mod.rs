//! What file systems themselves keep of their inodes as a change source (docs/performance.md, "Below the floor"): the
//! tables of ext4, the trees of btrfs, what xfs hands out in bulk. Here all of these are called inode tables.
//!
//! Every entry of the base is compared with its inode as it lies in the table, or the file system says which inodes
//! changed. What differs, or cannot be compared, may have changed, and the walk looks there. Nothing of a table is
//! written into a snapshot.
//!
//! Why nothing is missed: ext4 copies an inode into the page cache of its device before a call that changed it returns,
//! and that is what is read here; xfs shows an inode as it has it in memory. Any change stamps a ctime that the base
//! cannot hold, unless the base calls the entry racy; such entries are always looked at. For btrfs, see its module. A
//! directory whose inode is as before holds the same names. So, from the root down, the tree is the base's.
//!
//! Each part of the tree is decided by itself: a root, and each directory below it on which another file system is
//! mounted. Where the tables of a part cannot be used, a [`SourceProblem`] says why, and that part is walked.

mod btrfs;
mod canary;
mod entries;
mod ext4;
#[cfg(any(windows, test))]
mod journal;
mod parts;
mod probe;
mod records;
mod rows;
mod tables;
#[cfg(windows)]
mod usn;
mod values;
mod xfs;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::entries::{BaseEntry, each_entry};
use self::parts::Part;
use self::tables::{TableAnswer, Tables};
use super::roots::components;
use super::{Dirty, RootNames};
use crate::metadata::Time;
use crate::monitor::Monitor;
use crate::path::{to_bytes, to_path};
use crate::snapshot::Snapshot;
use crate::sys::filesystem::Mark;
use crate::{Result, SourceProblem};

/// The racy window of a base has to be at least this long: the second of a ctime tells a new state from the base's
/// even if half of it is read.
const SHORTEST_WINDOW: Duration = Duration::from_secs(1);

/// If more than one entry in this number differs, the walk is as fast.
const MOST_DIRTY: u64 = 4;

/// So many may always differ.
const FEW: u64 = 1000;

/// What is asked for.
pub(crate) struct InodeQuestion<'a> {
    pub(crate) base: &'a Snapshot,
    pub(crate) roots: &'a [RootNames],
    /// Where the snapshot will be written: a probe may be made beside it.
    pub(crate) output: &'a Path,
    /// What changed before this time, the tables must show.
    pub(crate) until: Time,
    /// The file systems, by their identity, whose tables were wrong once.
    pub(crate) distrusted: &'a [String],
    /// The roots lie on snapshots of their file systems.
    pub(crate) are_snapshots: bool,
    /// Answer even if a walk is probably faster.
    pub(crate) insists: bool,
    pub(crate) io_timeout: Option<Duration>,
    pub(crate) monitor: &'a dyn Monitor,
}

/// What the tables say.
#[derive(Debug)]
pub(crate) struct InodeAnswer {
    /// What may have changed: a tree for each root, and behind them one for each other part.
    pub(crate) dirty: Dirty,
    /// The names of these trees.
    pub(crate) names: Vec<RootNames>,
    /// The rows of the parts that are no roots, and their trees.
    pub(crate) trees: Vec<(u32, usize)>,
    /// What became of each part.
    pub(crate) parts: Vec<PartUse>,
    /// Where the parts lay that were read: the directory, whether it is a root, and what tells its place.
    places: Vec<(PathBuf, bool, (u64, u64))>,
    /// Where the file systems stood before they were asked, as far as they count that.
    pub(crate) marks: Vec<Mark>,
}

/// How a part of the tree was read: a root, or a directory on which another file system is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartUse {
    /// The directory.
    pub path: PathBuf,
    /// The identity of its file system, as the base knows it.
    pub file_system: String,
    /// It is a root.
    pub is_root: bool,
    /// Why its inode tables were not used; none if they were.
    pub problem: Option<SourceProblem>,
}

/// Asks the inode tables.
///
/// # Errors
/// A damaged base.
pub(crate) fn ask(question: &InodeQuestion<'_>) -> Result<InodeAnswer> {
    if question.base.header().racy_window < SHORTEST_WINDOW {
        return InodeAnswer::closed(question, &SourceProblem::ShortWindow);
    }
    if question.base.header().counts.entries >= u64::from(u32::MAX) {
        return InodeAnswer::closed(question, &SourceProblem::ManyEntries);
    }
    if question.are_snapshots {
        return InodeAnswer::closed(question, &SourceProblem::SnapshotRoots);
    }
    if cfg!(unix) && !crate::sys::filesystem::sees_real_owners() {
        return InodeAnswer::closed(question, &SourceProblem::UserNamespace);
    }
    let mut parts = Part::all(question.base)?;
    Part::open_all(&mut parts, question);
    let mut file_systems: Vec<Tables> = Vec::new();
    for tables in parts.iter().filter_map(|part| part.tables.as_ref().ok()) {
        if !file_systems.iter().any(|other| other.dev() == tables.dev()) {
            file_systems.push(tables.clone());
        }
    }
    let (mut dirty, mut marks) = (Vec::new(), Vec::new());
    let mut written_back = Vec::new();
    for tables in &file_systems {
        let is_ready = tables.prepare(question, &mut written_back);
        let read = if let Err(problem) = is_ready { Err(problem) } else { read(question, &parts, tables)? };
        match read {
            Ok(TableAnswer { differing, unknown, mark, .. }) => {
                dirty.extend(differing.into_iter().chain(unknown));
                marks.extend(mark);
            }
            Err(problem) => Part::close(&mut parts, tables.dev(), &problem),
        }
    }
    // Whatever made the tables of one file system wrong may have made others wrong, too.
    if parts.iter().any(|part| part.tables.as_ref().is_err_and(SourceProblem::is_error)) {
        for tables in &file_systems {
            Part::close(&mut parts, tables.dev(), &SourceProblem::NotBelieved);
        }
        dirty.clear();
    }
    Ok(InodeAnswer { marks, ..InodeAnswer::new(question, parts, &dirty)? })
}

/// What may have changed on one file system.
fn read(
    question: &InodeQuestion<'_>,
    parts: &[Part],
    tables: &Tables,
) -> Result<std::result::Result<TableAnswer, SourceProblem>> {
    let compared = match tables.compare(parts, question)? {
        Ok(compared) => compared,
        Err(problem) => return Ok(Err(problem)),
    };
    Ok(match canary::check(question, tables, &compared)? {
        Some(problem) => Err(problem),
        None => Ok(compared),
    })
}

impl InodeAnswer {
    /// An answer that says nothing, for one reason.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn closed(question: &InodeQuestion<'_>, problem: &SourceProblem) -> Result<Self> {
        let mut parts = Part::all(question.base)?;
        for part in &mut parts {
            part.tables = Err(problem.clone());
        }
        Self::new(question, parts, &[])
    }

    fn new(question: &InodeQuestion<'_>, parts: Vec<Part>, entries: &[BaseEntry]) -> Result<Self> {
        let of_rows = Part::of_rows(question.base, &parts);
        let mut names = question.roots.to_vec();
        let mut trees = Vec::new();
        let mut tree_of = Vec::new();
        for part in &parts {
            tree_of.push(part.root.unwrap_or(names.len()));
            if part.root.is_none() {
                trees.push((*part.rows.end(), names.len()));
                names.push(RootNames::with(&part.path, None));
            }
        }
        let mut dirty = Dirty::default();
        let lens: Vec<_> = parts.iter().map(|part| to_bytes(&part.path).len()).collect();
        each_entry(question.base, entries.iter().copied(), |place| {
            let part = of_rows[place.entry.row as usize] as usize;
            dirty.insert(tree_of[part], components(&place.path[lens[part]..]), false);
        })?;
        let mut places = Vec::new();
        for (part, tree) in parts.iter().zip(tree_of) {
            match &part.tables {
                Ok(_) => places.push((part.path.clone(), part.root.is_some(), part.place)),
                // All of it is read.
                Err(_) => dirty.insert(tree, std::iter::empty(), true),
            }
        }
        let parts = parts.into_iter().map(|Part { path, identity: file_system, root, tables, .. }| PartUse {
            path,
            file_system,
            is_root: root.is_some(),
            problem: tables.err(),
        });
        Ok(Self { dirty, names, trees, parts: parts.collect(), places, marks: Vec::new() })
    }

    /// Whether the parts still lie where they were read.
    pub(crate) fn is_in_place(&self, timeout: Option<Duration>, monitor: &dyn Monitor) -> bool {
        let is_there = |path: &Path, is_root, place| parts::place(path, is_root, timeout, monitor).ok() == Some(place);
        self.places.iter().all(|(path, is_root, place)| is_there(path, *is_root, *place))
    }

    /// Gives up all parts that are in use.
    pub(crate) fn close(&mut self, problem: &SourceProblem) {
        for part in self.parts.iter_mut().filter(|part| part.problem.is_none()) {
            part.problem = Some(problem.clone());
        }
    }

    /// Whether any part was read.
    pub(crate) fn is_used(&self) -> bool {
        self.parts.iter().any(|part| part.problem.is_none())
    }
}

/// A path of the base as the system takes it.
fn system_path(path: &[u8]) -> PathBuf {
    to_path(path).into_owned()
}
