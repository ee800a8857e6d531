//! Holds blocks until their place in the snapshot is known. As many as a limit allows stay in memory. The others go
//! to an unnamed file beside the snapshot, so that the memory of a scan does not grow with the tree.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory is taken and freed in pieces of this size, in bytes.
const CHUNK: usize = 1 << 20;

/// A block larger than the limit divided by this goes to the file at once.
const LARGE_PART: usize = 4;

/// What all block stores of a scan share.
#[derive(Debug)]
pub(super) struct Spill {
    /// Where their files are created.
    directory: PathBuf,
    /// How many bytes of blocks stay in memory.
    limit: usize,
    in_memory: AtomicUsize,
}

impl Spill {
    pub(super) fn new(directory: &Path, limit: usize) -> Self {
        Self { directory: directory.to_owned(), limit, in_memory: AtomicUsize::new(0) }
    }
}

/// Where a block is: its start in its store, and its length.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoredBlock {
    start: u64,
    len: u32,
}

/// The blocks of one shard.
#[derive(Debug, Default)]
pub(super) struct BlockStore {
    /// Ordered by their starts. Only the last one grows.
    chunks: VecDeque<(u64, Vec<u8>)>,
    end: u64,
    file: Option<File>,
}

impl BlockStore {
    /// Adds a block.
    ///
    /// # Errors
    /// When a block for which there is no room in memory cannot be written.
    pub(super) fn add(&mut self, block: &[u8], spill: &Spill) -> io::Result<StoredBlock> {
        let len =
            u32::try_from(block.len()).map_err(|_| io::Error::other("a directory of it takes more than 4 GiB"))?;
        let stored = StoredBlock { start: self.end, len };
        if block.len() > spill.limit / LARGE_PART {
            write_all_at(self.file(spill)?, block, stored.start)?;
            self.end += block.len() as u64;
            return Ok(stored);
        }
        let has_room = self.chunks.back().is_some_and(|(start, chunk)| {
            start + chunk.len() as u64 == self.end && chunk.len() + block.len() <= chunk.capacity()
        });
        if !has_room {
            let size = CHUNK.max(block.len());
            if spill.in_memory.fetch_add(size, Ordering::Relaxed) + size > spill.limit {
                self.spill(spill)?;
            }
            self.chunks.push_back((self.end, Vec::with_capacity(size)));
        }
        if let Some((_, chunk)) = self.chunks.back_mut() {
            chunk.extend_from_slice(block);
        }
        self.end += block.len() as u64;
        Ok(stored)
    }

    /// Writes the oldest chunk to the file, at its own start.
    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        let Some((start, chunk)) = self.chunks.pop_front() else { return Ok(()) };
        spill.in_memory.fetch_sub(chunk.capacity(), Ordering::Relaxed);
        write_all_at(self.file(spill)?, &chunk, start)
    }

    fn file(&mut self, spill: &Spill) -> io::Result<&File> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile_in(&spill.directory)?),
        })
    }

    /// A block. It is read into `buffer` if it is not in memory.
    ///
    /// # Errors
    /// When it cannot be read back.
    pub(super) fn get<'s>(&'s self, stored: StoredBlock, buffer: &'s mut Vec<u8>) -> io::Result<&'s [u8]> {
        let len = stored.len as usize;
        let at = self.chunks.partition_point(|(start, _)| *start <= stored.start);
        if let Some((start, chunk)) = at.checked_sub(1).and_then(|at| self.chunks.get(at)) {
            let from = (stored.start - start) as usize;
            if let Some(block) = chunk.get(from..from + len) {
                return Ok(block);
            }
        }
        buffer.resize(len, 0);
        if len > 0 {
            let file = self.file.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
            read_exact_at(file, buffer, stored.start)?;
        }
        Ok(buffer)
    }
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, start)
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(not(unix))]
fn write_all_at(mut file: &File, bytes: &[u8], start: u64) -> io::Result<()> {
    use std::io::{Seek as _, Write as _};
    file.seek(io::SeekFrom::Start(start))?;
    file.write_all(bytes)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(start))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_block_leaves_at_once_and_takes_no_room() {
        let dir = tempfile::tempdir().expect("a directory");
        let spill = Spill::new(dir.path(), 8 * CHUNK);
        let mut store = BlockStore::default();
        let block = |number: usize| vec![number as u8; if number.is_multiple_of(2) { 3 * CHUNK } else { 900 }];
        let stored: Vec<_> = (0..8).map(|n| store.add(&block(n), &spill).expect("there is room")).collect();
        assert!(spill.in_memory.load(Ordering::Relaxed) <= 4 * CHUNK);
        let mut buffer = Vec::new();
        for (number, stored) in stored.iter().enumerate() {
            assert_eq!(store.get(*stored, &mut buffer).expect("it is there"), block(number), "{number}");
        }
    }

    #[test]
    fn blocks_that_left_memory_are_read_back() {
        let dir = tempfile::tempdir().expect("a directory");
        for limit in [0, CHUNK, 3 * CHUNK, 100 * CHUNK] {
            let spill = Spill::new(dir.path(), limit);
            let mut store = BlockStore::default();
            let block = |number: usize| vec![number as u8; [0, 1, 700, 90_000, 2 * CHUNK][number % 5]];
            let stored: Vec<_> = (0..60).map(|n| store.add(&block(n), &spill).expect("there is room")).collect();
            assert!(spill.in_memory.load(Ordering::Relaxed) <= limit.max(2 * CHUNK) + 2 * CHUNK);
            assert_eq!(store.file.is_some(), limit < 24 * CHUNK, "{limit}");
            let mut buffer = Vec::new();
            for (number, stored) in stored.iter().enumerate().rev() {
                assert_eq!(store.get(*stored, &mut buffer).expect("it is there"), block(number), "{limit}: {number}");
            }
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0, "the files have no names");
    }
}
