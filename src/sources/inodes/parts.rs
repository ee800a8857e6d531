//! The parts of a tree: each root, and each directory below on which another file system is mounted.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tables::{TableQuestion, Tables};
use super::{InodeQuestion, system_path};
use crate::monitor::Monitor;
use crate::snapshot::Snapshot;
use crate::sys::filesystem::Mark;
use crate::sys::timeout::with_timeout;
use crate::sys::{self, StatAt};
use crate::{Result, SourceProblem};

/// A part of the tree.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    /// The number of the root that it is, if it is one.
    pub(super) root: Option<usize>,
    /// The type of its file system in the base.
    kind: String,
    /// The rows of its directories, those of parts below among them.
    pub(super) rows: std::ops::RangeInclusive<u32>,
    /// The identity of its file system in the base, and the base's mark of it.
    pub(super) identity: String,
    mark: Option<Mark>,
    /// `st_dev` and the mount, now.
    pub(super) place: (u64, u64),
    /// Why it is walked instead.
    pub(super) tables: std::result::Result<Tables, SourceProblem>,
}

/// What tells where a directory lies now. A root may be a symlink.
pub(super) fn place(
    path: &Path,
    is_root: bool,
    timeout: Option<Duration>,
    monitor: &dyn Monitor,
) -> io::Result<(u64, u64)> {
    look(path, is_root, timeout, monitor).map(|found| (found.dev, found.mount))
}

fn look(path: &Path, is_root: bool, timeout: Option<Duration>, monitor: &dyn Monitor) -> io::Result<StatAt> {
    let own = path.to_owned();
    with_timeout(path, timeout, monitor, move || if is_root { sys::stat_following(&own) } else { sys::stat(&own) })
}

impl Part {
    /// All parts of the base; nothing is known of their tables yet.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn all(base: &Snapshot) -> Result<Vec<Self>> {
        let roots: Vec<_> = base.listing(base.top())?.map(|node| node.row).collect();
        let mounts = base.mount_rows().filter(|row| !roots.contains(&Some(*row))).map(|row| (Some(row), None));
        let roots = roots.iter().enumerate().map(|(number, row)| (*row, Some(number)));
        let part = |(row, root): (u32, Option<usize>)| {
            let device = if root.is_some() { base.device_of(row) } else { base.mounted_at(row) };
            let (kind, identity, mark) =
                device.map(|d| (d.kind.clone(), d.identity.clone(), d.mark.clone())).unwrap_or_default();
            let (path, rows) = (system_path(&base.path_of(row)?), base.subtree_rows(row)?);
            let tables = Err(SourceProblem::Type(kind.clone()));
            Ok(Self { path, root, kind, rows, identity, mark, place: (0, 0), tables })
        };
        roots.chain(mounts).filter_map(|(row, root)| Some((row?, root))).map(part).collect()
    }

    /// Opens the tables of each part, as far as they can be used.
    pub(super) fn open_all(parts: &mut [Self], question: &InodeQuestion<'_>) {
        let mut known: Vec<Tables> = Vec::new();
        for part in parts.iter_mut() {
            if Tables::are_known_for(&part.kind) {
                part.tables = part.open(question, &known);
                known.extend(part.tables.clone());
            }
        }
        // Two volumes of Windows may have one number, as a disk and its copy do.
        let same = |a: &Self, b: &Self| a.place.0 == b.place.0 && a.identity != b.identity;
        for number in 0..parts.len() {
            if cfg!(windows) && parts.iter().any(|other| same(other, &parts[number])) {
                parts[number].tables = Err(SourceProblem::OtherFileSystem);
            }
        }
    }

    fn open(&mut self, question: &InodeQuestion<'_>, known: &[Tables]) -> std::result::Result<Tables, SourceProblem> {
        if question.distrusted.contains(&self.identity) {
            return Err(SourceProblem::Distrusted);
        }
        let (timeout, monitor) = (question.io_timeout, question.monitor);
        let unreadable = |e: io::Error| SourceProblem::Unreadable(e.to_string());
        let found = look(&self.path, self.root.is_some(), timeout, monitor).map_err(unreadable)?;
        self.place = (found.dev, found.mount);
        let known = known.iter().find(|tables| tables.dev() == found.dev);
        let ask = TableQuestion {
            kind: self.kind.clone(),
            dir: self.path.clone(),
            found,
            identity: self.identity.clone(),
            mark: self.mark.clone(),
            output: question.output.to_owned(),
            #[cfg(windows)]
            insists: question.insists,
            known: known.cloned(),
        };
        let tables = with_timeout(&self.path, timeout, monitor, move || Ok(Tables::open(&ask)));
        tables.map_err(unreadable)?
    }

    /// Gives up the tables of a file system.
    pub(super) fn close(parts: &mut [Self], dev: u64, problem: &SourceProblem) {
        for part in parts {
            if part.tables.as_ref().is_ok_and(|tables| tables.dev() == dev) {
                part.tables = Err(problem.clone());
            }
        }
    }

    /// For each directory of the base, the number of the part that it lies in; one behind the last for none.
    pub(super) fn of_rows(base: &Snapshot, parts: &[Self]) -> Vec<u32> {
        let mut numbers = vec![parts.len() as u32; base.top() as usize];
        let mut by_size: Vec<_> = parts.iter().enumerate().collect();
        // What holds others comes before them.
        by_size.sort_by_key(|(_, part)| std::cmp::Reverse(part.rows.end() - part.rows.start()));
        for (number, part) in by_size {
            if let Some(rows) = numbers.get_mut(*part.rows.start() as usize..=*part.rows.end() as usize) {
                rows.fill(number as u32);
            }
        }
        numbers
    }
}
