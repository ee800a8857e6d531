//! The inode tables of one ext4: whether they can be used, and the comparison with the base.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::InodeQuestion;
use super::entries::BaseEntry;
use super::probe::probe;
use super::records::{INDEX_BITS, RowScan};
use super::tables::{TableQuestion, Tables};
use super::values::Values;
use crate::SourceProblem;
use crate::metadata::Stat;
use crate::sys::StatAt;
use crate::sys::block_device::{BlockDevice, device_name};
use crate::sys::ext4::{Layout, RawInode, SUPERBLOCK_LEN, SUPERBLOCK_PLACE};
use crate::sys::filesystem::{self, MountFacts};
use crate::sys::timeout::wait_for;

/// The most bytes of a table that are read at once: so much stays in a processor's own cache.
const WINDOW: u32 = 256 * 1024;

/// Parts of a window with so many unwanted bytes between them are read one by one.
const LONGEST_GAP: u32 = 64 * 1024;

/// More threads than these would only wait for memory.
const MOST_THREADS: usize = 16;

/// So many windows are one piece of work.
const WINDOWS_AT_ONCE: usize = 8;

/// Besides a block for each entry, so many bytes may be read.
const BYTES_TO_SPARE: u64 = 64 << 20;

/// A read that takes longer came from the disk, not from memory.
const FROM_DISK: Duration = Duration::from_micros(500);

/// So many pieces are read ahead from a disk.
const AHEAD: usize = 8;

/// A directory that changes meanwhile is looked at so often.
const TRIES: usize = 5;

/// The tables of a file system that passed every check that can be made before they are read.
#[derive(Debug)]
pub(super) struct Ext4Tables {
    dev: u64,
    device: BlockDevice,
    layout: Layout,
    /// How many inodes a window has.
    in_window: u32,
}

impl Ext4Tables {
    /// Opens the tables of the file system that a directory lies on.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub(super) fn open(question: &TableQuestion, mount: &MountFacts) -> Result<Arc<Self>, SourceProblem> {
        let TableQuestion { dir, found, identity, output, known, .. } = question;
        if mount.has_other_superblock {
            return Err(SourceProblem::OtherSuperblock);
        }
        let (tables, is_first) = match known {
            Some(Tables::Ext4(tables)) => (Arc::clone(tables), false),
            _ => (Arc::new(Self::of_device(found.dev, mount)?), true),
        };
        if mount.is_lazytime {
            filesystem::write_back(dir).map_err(|e| SourceProblem::Unreadable(e.to_string()))?;
        }
        if identity.split_once(":fsid:").is_some_and(|(_, fsid)| fsid != tables.layout.fsid()) {
            return Err(SourceProblem::Layout("the system knows the file system by another UUID"));
        }
        tables.check_view(dir, *found)?;
        if is_first {
            probe(&tables, output)?;
        }
        Ok(tables)
    }

    fn of_device(dev: u64, mount: &MountFacts) -> Result<Self, SourceProblem> {
        let name = device_name(dev).ok_or(SourceProblem::NoDevice)?;
        // The driver has a directory for each file system that it has mounted.
        if !Path::new("/sys/fs/ext4").join(name.replace('/', "!")).is_dir() {
            return Err(SourceProblem::NoDevice);
        }
        let device = BlockDevice::open(dev, &mount.source).map_err(|e| match e.kind() {
            io::ErrorKind::Unsupported => SourceProblem::NoDevice,
            _ => SourceProblem::Device(e.to_string()),
        })?;
        let mut superblock = [0; SUPERBLOCK_LEN];
        device.read(&mut superblock, SUPERBLOCK_PLACE).map_err(|e| read_problem(&e))?;
        let layout = Layout::parse(&superblock).map_err(SourceProblem::Layout)?;
        Ok(Self { dev, device, in_window: inodes_in_window(&layout), layout })
    }

    /// Whether the device shows a directory as the system does.
    fn check_view(&self, dir: &Path, found: StatAt) -> Result<(), SourceProblem> {
        let mut now = found;
        for _ in 0..TRIES {
            let stored = self.inode(now.stat.ino)?;
            if Values::from(&stored).agrees_but_for_size(&Values::from(&now.stat)) {
                return Ok(());
            }
            // It may have changed between the two looks.
            now = crate::sys::stat_following(dir).map_err(|e| SourceProblem::Unreadable(e.to_string()))?;
        }
        Err(SourceProblem::OtherView(dir.to_owned()))
    }

    /// `st_dev` of its files.
    pub(super) fn dev(&self) -> u64 {
        self.dev
    }

    /// Whether an inode is not as the base has it.
    pub(super) fn shows_change(&self, before: &Stat) -> bool {
        self.inode(before.ino).is_ok_and(|now| Values::from(&now) != Values::from(before))
    }

    /// One inode.
    pub(super) fn inode(&self, number: u64) -> Result<RawInode, SourceProblem> {
        let (group, index) = self.layout.place_of(number).ok_or(SourceProblem::Layout("an inode is outside of it"))?;
        let table = self.table(group)?;
        let mut bytes = vec![0; self.layout.inode_size as usize];
        let place = table + u64::from(index) * u64::from(self.layout.inode_size);
        self.device.read(&mut bytes, place).map_err(|e| read_problem(&e))?;
        self.layout.inode(&bytes).ok_or(SourceProblem::Layout("an inode is too short"))
    }

    /// Where the table of a group begins.
    fn table(&self, group: u32) -> Result<u64, SourceProblem> {
        const OUTSIDE: SourceProblem = SourceProblem::Layout("a group lies outside of it");
        let place = self.layout.descriptor_place(group).ok_or(OUTSIDE)?;
        let mut descriptor = vec![0; self.layout.descriptor_len()];
        self.device.read(&mut descriptor, place).map_err(|e| read_problem(&e))?;
        self.layout.table_place(&descriptor).ok_or(OUTSIDE)
    }

    /// Whether there is an inode with this number.
    pub(super) fn has(&self, inode: u64) -> bool {
        (1..=u64::from(self.layout.inodes)).contains(&inode)
    }

    /// How many windows all tables have.
    pub(super) fn windows(&self) -> usize {
        self.layout.inodes.div_ceil(self.in_window) as usize
    }

    /// The window of an inode that exists, and its position there.
    #[inline]
    pub(super) fn window_of(&self, inode: u32) -> (u32, u32) {
        let place = inode.wrapping_sub(1);
        (place / self.in_window, place % self.in_window)
    }
}

/// How many inodes a window has. It lies in one group.
fn inodes_in_window(layout: &Layout) -> u32 {
    let in_group = layout.inodes_per_group;
    let most = (WINDOW / layout.inode_size).min(1 << INDEX_BITS);
    if in_group <= most { in_group } else { most.min(1 << in_group.trailing_zeros()) }
}

fn read_problem(error: &io::Error) -> SourceProblem {
    SourceProblem::DeviceRead(error.to_string())
}

/// What the threads that compare have in common. They are left behind if the device does not answer.
struct Comparison {
    tables: Arc<Ext4Tables>,
    scan: Arc<RowScan>,
    /// The windows that hold inodes of the base.
    windows: Vec<u32>,
    next: AtomicUsize,
    is_cold: AtomicBool,
}

/// The entries that are not as the base says. Costs a pass over the tables that hold them: some 70 ns for each entry if
/// they are in memory.
pub(super) fn compare(
    tables: &Arc<Ext4Tables>,
    scan: &Arc<RowScan>,
    question: &InodeQuestion<'_>,
) -> Result<Vec<BaseEntry>, SourceProblem> {
    let (next, is_cold) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (own_tables, own_scan, windows) = (Arc::clone(tables), Arc::clone(scan), scan.windows().collect());
    let comparison = Arc::new(Comparison { tables: own_tables, scan: own_scan, windows, next, is_cold });
    if !question.insists {
        comparison.check_amount()?;
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let (found, answers) = mpsc::channel();
    for _ in 0..threads {
        let (comparison, found) = (Arc::clone(&comparison), found.clone());
        let thread = std::thread::Builder::new().name("inodes".into());
        let _ = thread.spawn(move || comparison.work(&found));
    }
    drop(found);
    let mut all = Vec::new();
    let mut done = 0;
    while done < comparison.windows.len() {
        let device = tables.device.path();
        let piece: Result<PieceFound, SourceProblem> =
            wait_for(&answers, device, question.io_timeout, question.monitor).map_err(|e| read_problem(&e))?;
        let piece = piece?;
        done += piece.windows;
        all.extend(piece.differing);
    }
    Ok(all)
}

/// What was found in some windows.
struct PieceFound {
    windows: usize,
    differing: Vec<BaseEntry>,
}

impl Comparison {
    /// Refuses to read far more than a walk would.
    fn check_amount(&self) -> Result<(), SourceProblem> {
        let most = self.scan.len() * u64::from(self.tables.layout.block_size) + BYTES_TO_SPARE;
        if self.windows.len() as u64 * u64::from(WINDOW) <= most {
            return Ok(());
        }
        let size = u64::from(self.tables.layout.inode_size);
        let of_window = |window: &u32| {
            let inodes = self.scan.records_in(*window).map(|record| record.index());
            let (first, last) = inodes.fold((u32::MAX, 0), |(first, last), index| (first.min(index), last.max(index)));
            u64::from(last - first + 1) * size
        };
        let bytes: u64 = self.windows.iter().map(of_window).sum();
        if bytes > most { Err(SourceProblem::MuchToRead(bytes >> 20)) } else { Ok(()) }
    }

    fn work(&self, found: &mpsc::Sender<Result<PieceFound, SourceProblem>>) {
        let mut reader = WindowReader::default();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let piece = |number: usize| self.windows.iter().skip(number * WINDOWS_AT_ONCE).take(WINDOWS_AT_ONCE);
            let windows = piece(number).len();
            if windows == 0 {
                return;
            }
            if self.is_cold.load(Ordering::Relaxed) {
                piece(number + AHEAD).for_each(|window| _ = self.read_ahead(*window));
            }
            let began = Instant::now();
            let mut differing = Vec::new();
            let read = piece(number).try_for_each(|window| reader.compare(self, *window, &mut differing));
            if began.elapsed() > FROM_DISK * windows as u32 && !self.is_cold.swap(true, Ordering::Relaxed) {
                let soon = (number + 1..number + AHEAD).flat_map(piece);
                soon.for_each(|window| _ = self.read_ahead(*window));
            }
            let is_over = read.is_err();
            if found.send(read.map(|()| PieceFound { windows, differing })).is_err() || is_over {
                return;
            }
        }
    }

    /// The group of a window, and the first position in the group's table.
    fn begin_of(&self, window: u32) -> (u32, u32) {
        let first = window * self.tables.in_window;
        (first / self.tables.layout.inodes_per_group, first % self.tables.layout.inodes_per_group)
    }

    fn read_ahead(&self, window: u32) -> Result<(), SourceProblem> {
        /// The system reads no more than so much ahead at once.
        const AT_ONCE: u32 = 128 * 1024;
        let (group, first) = self.begin_of(window);
        let size = self.tables.layout.inode_size;
        let place = self.tables.table(group)? + u64::from(first) * u64::from(size);
        let len = self.tables.in_window * size;
        for begin in (0..len).step_by(AT_ONCE as usize) {
            self.tables.device.will_read(place + u64::from(begin), u64::from(AT_ONCE.min(len - begin)));
        }
        Ok(())
    }
}

/// Reads windows; what it needs for that is used again.
#[derive(Default)]
struct WindowReader {
    buffer: Vec<u8>,
    /// The group whose table was asked for last.
    table: Option<(u32, u64)>,
    /// Which blocks of the window are needed.
    needed: Vec<bool>,
}

impl WindowReader {
    /// Adds the entries of a window that differ.
    fn compare(&mut self, all: &Comparison, window: u32, differing: &mut Vec<BaseEntry>) -> Result<(), SourceProblem> {
        let layout = &all.tables.layout;
        let (group, first) = all.begin_of(window);
        let table = match self.table {
            Some((known, table)) if known == group => table,
            _ => all.tables.table(group)?,
        };
        self.table = Some((group, table));
        let (size, block) = (layout.inode_size, layout.block_size);
        let len = all.tables.in_window * size;
        let begin = table + u64::from(first) * u64::from(size);
        self.needed.clear();
        self.needed.resize(len.div_ceil(block) as usize, false);
        let records = all.scan.records_in(window);
        for record in records.clone() {
            if let Some(needed) = self.needed.get_mut((record.index() * size / block) as usize) {
                *needed = true;
            }
        }
        self.buffer.resize(len as usize, 0);
        let needed = |block: &u32| self.needed[*block as usize];
        let blocks = self.needed.len() as u32;
        let mut at = 0;
        while let Some(from) = (at..blocks).find(needed) {
            // Up to the next gap that is worth another read.
            let mut last = from;
            while let Some(next) = (last + 1..blocks.min(last + 2 + LONGEST_GAP / block)).find(needed) {
                last = next;
            }
            at = last + 1;
            let bytes = (from * block) as usize..(at * block).min(len) as usize;
            let place = begin + bytes.start as u64;
            all.tables.device.read(&mut self.buffer[bytes], place).map_err(|e| read_problem(&e))?;
        }
        for record in records {
            let bytes = self.buffer.get((record.index() * size) as usize..).unwrap_or_default();
            let raw = layout.inode(bytes).ok_or(SourceProblem::Layout("an inode is too short"))?;
            if !record.is_same(&raw) {
                differing.push(all.scan.entry(&record));
            }
        }
        Ok(())
    }
}
