//! Random changes of a tree, of every kind that a program can make.

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use memmap2::MmapMut;
use rustix::fs::{CWD, FallocateFlags, FileType, Mode, RenameFlags, XattrFlags, fallocate, mknodat, renameat_with};

use crate::attacks::draw::Random;

/// Changes a tree at random.
pub(super) struct Changes {
    root: PathBuf,
    random: Random,
    next: u32,
    /// Files that stay open.
    open: Vec<File>,
    /// What was done last.
    pub(super) last: Vec<String>,
}

/// So much is remembered.
const REMEMBERED: usize = 100;

impl Changes {
    pub(super) fn new(root: &Path, random: Random) -> Self {
        Self { root: root.to_owned(), random, next: 0, open: Vec::new(), last: Vec::new() }
    }

    /// Makes so many changes, or tries to. Files do not stay open after that: the file system may be unmounted.
    pub(super) fn make(&mut self, number: u32) {
        for _ in 0..number {
            self.change();
        }
        self.open.clear();
    }

    /// All entries below the root that are directories, and all others.
    fn entries(&self) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let (mut dirs, mut others, mut at) = (vec![self.root.clone()], Vec::new(), 0);
        while at < dirs.len() {
            for entry in fs::read_dir(&dirs[at]).unwrap().flatten() {
                if entry.file_type().unwrap().is_dir() { dirs.push(entry.path()) } else { others.push(entry.path()) }
            }
            at += 1;
        }
        (dirs, others)
    }

    fn change(&mut self) {
        let (dirs, others) = self.entries();
        self.next += 1;
        let name = format!("n{}{}", self.next, "x".repeat(self.random.below(40)));
        let dir = self.random.pick(&dirs).unwrap().clone();
        let new = dir.join(name);
        let files: Vec<_> = others.iter().filter(|path| path.symlink_metadata().unwrap().is_file()).cloned().collect();
        let file = self.random.pick(&files).cloned().unwrap_or_else(|| self.root.join("none"));
        let other = self.random.pick(&others).cloned().unwrap_or_else(|| file.clone());
        let kind = self.random.below(if others.len() > 400 { 32 } else { 30 });
        let size = self.random.below(9000);
        let done = self.one(kind, size, (&dir, &new, &file, &other));
        self.last.push(format!("{kind} {size} {} {} {}: {done:?}", new.display(), file.display(), other.display()));
        let surplus = self.last.len().saturating_sub(REMEMBERED);
        self.last.drain(..surplus);
    }

    fn one(
        &mut self,
        kind: usize,
        size: usize,
        (dir, new, file, other): (&Path, &Path, &Path, &Path),
    ) -> std::io::Result<()> {
        let content = vec![u8::try_from(size % 251).unwrap(); size];
        let open = || OpenOptions::new().read(true).write(true).open(file);
        let times = || file.symlink_metadata().and_then(|now| Ok((now.modified()?, now.accessed()?)));
        match kind {
            0..=4 => fs::write(new, &content),
            5 => fs::create_dir(new),
            6 => symlink("a".repeat(1 + size % 200), new),
            7 => fs::hard_link(file, new),
            8 => mknodat(CWD, new, FileType::Fifo, Mode::RUSR, 0).map_err(Into::into),
            9 => mknodat(CWD, new, FileType::Socket, Mode::RUSR, 0).map_err(Into::into),
            10 => open()?.write_all_at(&content, 0),
            11 => OpenOptions::new().append(true).open(file)?.write_all(b"more"),
            12 => open()?.set_len(size as u64),
            13 => fs::set_permissions(file, Permissions::from_mode(0o600 + u32::try_from(size % 64).unwrap())),
            14 => lchown(other, Some(u32::try_from(size % 9).unwrap() * 20_000), Some(7)),
            // A program that puts the times back.
            15 => {
                let (modified, accessed) = times()?;
                let file = open()?;
                file.write_all_at(b"x", 0)?;
                file.set_times(FileTimes::new().set_modified(modified).set_accessed(accessed))
            }
            16 => {
                let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(size).unwrap() * 400_000);
                open()?.set_times(FileTimes::new().set_modified(long_ago))
            }
            17 => fs::rename(other, new),
            18 => fs::rename(file, other),
            19 => renameat_with(CWD, file, CWD, other, RenameFlags::EXCHANGE).map_err(Into::into),
            20 | 21 => fs::remove_file(other),
            22 if dir != self.root => fs::rename(dir, self.root.join(new.file_name().unwrap())),
            23 if dir != self.root => fs::remove_dir_all(dir),
            24 => store(file),
            25 => fallocate(open()?, FallocateFlags::KEEP_SIZE, 0, 20_000).map_err(Into::into),
            26 => {
                rustix::fs::setxattr(file, "user.x", &content[..size.min(200)], XattrFlags::empty()).map_err(Into::into)
            }
            // It replaces another as editors do.
            27 => {
                fs::write(new, &content)?;
                fs::rename(new, file)
            }
            28 => {
                let kept = open()?;
                kept.write_all_at(b"kept open", 0)?;
                self.open.push(kept);
                Ok(())
            }
            29 => match self.open.last() {
                Some(kept) => kept.write_all_at(&content, 3),
                None => Ok(()),
            },
            _ => fs::remove_file(file),
        }
    }
}

/// A store into a mapping, which is written back: until then no time shows it (promise 1, "Where this ends").
fn store(file: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(file)?;
    if file.metadata()?.size() == 0 {
        return Ok(());
    }
    #[expect(unsafe_code, reason = "nothing else changes the size of this file")]
    // SAFETY: only this thread changes the tree.
    let mut mapping = unsafe { MmapMut::map_mut(&file)? };
    mapping[0] = mapping[0].wrapping_add(1);
    mapping.flush()
}
