//! xfs hands out its inodes in bulk, as it has them in memory or on the disk, so what was changed shows at once. That
//! takes half as long as asking for each where the inodes are in memory, and far less than half on a disk that turns.
//! The device itself is never read: what it holds is older.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rayon::slice::ParallelSliceMut as _;

use super::canary::sample;
use super::entries::{BaseEntry, each_entry};
use super::parts::Part;
use super::rows::BaseRows;
use super::tables::{TableAnswer, TableQuestion, Tables, check_number};
use super::values::{Values, in_one};
use super::{InodeQuestion, system_path};
use crate::metadata::Stat;
use crate::sys::filesystem::BulkReader;
use crate::sys::native::{Dir, open_root};
use crate::sys::timeout::{wait_for, with_timeout};
use crate::{Result, SourceProblem, sys};

/// The inodes are in memory if half of some calls take less time than this.
const FROM_MEMORY: Duration = Duration::from_micros(50);

/// All inodes of the file system are read. If it has so many times as many as the base, a walk is as fast.
const MOST_OTHERS: u64 = 8;

/// An xfs whose inodes can be read in bulk.
#[derive(Debug)]
pub(super) struct XfsInodes {
    dev: u64,
    dir: Dir,
    path: PathBuf,
}

/// An entry that is compared.
#[derive(Debug)]
struct XfsRecord {
    inode: u64,
    ctime: u64,
    rest: u32,
    entry: BaseEntry,
    is_same: AtomicBool,
}

impl XfsInodes {
    /// Opens the file system of a directory.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn open(question: &TableQuestion) -> Result<Arc<Self>, SourceProblem> {
        if let Some(Tables::Xfs(inodes)) = &question.known {
            return Ok(Arc::clone(inodes));
        }
        let bulk = |e: io::Error| SourceProblem::Bulk(e.to_string());
        let dir = open_root(&question.dir).map_err(bulk)?;
        BulkReader::new().inode(&dir, question.found.stat.ino).map_err(bulk)?;
        Ok(Arc::new(Self { dev: question.found.dev, dir, path: question.dir.clone() }))
    }

    pub(super) fn dev(&self) -> u64 {
        self.dev
    }

    /// Looks which entries of the base are not as it says. Costs two passes over the base and one over all inodes of
    /// the file system: some 450 ns for each.
    ///
    /// # Errors
    /// A damaged base. Within: why the inodes are of no use.
    pub(super) fn compare(
        self: &Arc<Self>,
        parts: &[Part],
        question: &InodeQuestion<'_>,
    ) -> Result<std::result::Result<TableAnswer, SourceProblem>> {
        let rows = BaseRows::new(question.base, parts, self.dev, |inode| inode != 0);
        let found = rows.count(|_, _| {})?;
        let numbers = &found.numbers;
        let sample = sample(|random| Some(numbers.entry(random.checked_rem(numbers.len().into())? as u32)));
        let sample = rows.compared(&sample)?;
        if !question.insists {
            let used = BulkReader::used(&self.dir).unwrap_or(u64::MAX);
            if used / MOST_OTHERS > numbers.len().into() {
                return Ok(Err(SourceProblem::ManyOthers(used)));
            }
            if !self.is_slow(question, &sample)? {
                return Ok(Err(SourceProblem::InMemory));
            }
        }
        let records = Mutex::new(Vec::with_capacity(numbers.len() as usize));
        rows.each_piece(|piece| {
            let of_piece = piece.iter().map(|(entry, stat)| {
                let values = Values::from(stat);
                let (ctime, rest) = (in_one(values.ctime), values.rest());
                XfsRecord { inode: stat.ino, ctime, rest, entry: *entry, is_same: AtomicBool::new(false) }
            });
            records.lock().unwrap_or_else(PoisonError::into_inner).extend(of_piece);
        })?;
        let mut records = records.into_inner().unwrap_or_else(PoisonError::into_inner);
        records.par_sort_unstable_by_key(|record| record.inode);
        let records = Arc::new(records);
        if let Err(e) = self.mark_same(&records, question) {
            return Ok(Err(SourceProblem::Bulk(e.to_string())));
        }
        let differs = |record: &&XfsRecord| !record.is_same.load(Ordering::Relaxed);
        let differing: Vec<_> = records.iter().filter(differs).map(|record| record.entry).collect();
        if let Err(problem) = check_number(differing.len(), records.len() as u64, question) {
            return Ok(Err(problem));
        }
        Ok(Ok(TableAnswer { differing, unknown: found.unknown, sample, mark: None }))
    }

    /// Whether the inodes come from the disk, or would have to.
    fn is_slow(&self, question: &InodeQuestion<'_>, sample: &[BaseEntry]) -> Result<bool> {
        if sys::load::is_rotating(self.dev) {
            return Ok(true);
        }
        let mut paths = Vec::new();
        each_entry(question.base, sample.iter().copied(), |place| paths.push(system_path(place.path)))?;
        let ask = move || {
            let time = |path: &PathBuf| {
                let began = Instant::now();
                let _ = sys::stat(path);
                began.elapsed()
            };
            let mut times: Vec<_> = paths.iter().map(time).collect();
            times.sort_unstable();
            Ok(times.get(times.len() / 2).is_some_and(|median| *median > FROM_MEMORY))
        };
        let is_slow = with_timeout(&self.path, question.io_timeout, question.monitor, ask);
        // What does not answer is slow.
        Ok(is_slow.unwrap_or(true))
    }

    /// Marks the records whose inodes are as the base says. Each thread reads one allocation group after another.
    fn mark_same(self: &Arc<Self>, records: &Arc<Vec<XfsRecord>>, question: &InodeQuestion<'_>) -> io::Result<()> {
        let next = Arc::new(AtomicU32::new(0));
        let (done, answers) = mpsc::channel();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            let (own, records, next, done) = (Arc::clone(self), Arc::clone(records), Arc::clone(&next), done.clone());
            let thread = std::thread::Builder::new().name("inodes".into());
            thread.spawn(move || {
                let mut reader = BulkReader::new();
                loop {
                    let group = next.fetch_add(1, Ordering::Relaxed);
                    // Their numbers come in order, and a group's lie together.
                    let mut at = None;
                    let read = reader.group(&own.dir, group, |inode| {
                        let is_before = |record: &XfsRecord| record.inode < inode.number;
                        let first = at.unwrap_or_else(|| records.partition_point(is_before));
                        let first = first + records[first..].iter().take_while(|record| is_before(record)).count();
                        at = Some(first);
                        let values = Values::from(&inode);
                        let of_inode = records[first..].iter().take_while(|record| record.inode == inode.number);
                        for record in of_inode {
                            let is_same = (record.ctime, record.rest) == (in_one(values.ctime), values.rest());
                            record.is_same.store(is_same, Ordering::Relaxed);
                        }
                    });
                    let is_over = !matches!(read, Ok(true));
                    if done.send(read).is_err() || is_over {
                        return;
                    }
                }
            })?;
        }
        drop(done);
        let mut left = threads;
        while left > 0 {
            let is_there = wait_for(&answers, &self.path, question.io_timeout, question.monitor)??;
            left -= usize::from(!is_there);
        }
        Ok(())
    }

    /// Whether an inode is not as the base has it.
    pub(super) fn shows_change(&self, before: &Stat) -> bool {
        let now = BulkReader::new().inode(&self.dir, before.ino);
        now.is_ok_and(|now| now.is_none_or(|now| Values::from(&now) != Values::from(before)))
    }
}
