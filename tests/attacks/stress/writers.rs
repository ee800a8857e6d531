//! Threads that change a tree in every way that a program can, while somebody else looks at it.
//!
//! No directory ever comes back to a path that it left: what a consumer reads by path in between would be of
//! another directory, and no comparison of two snapshots could tell (docs/threat-model.md). Files may: a rename
//! changes their own ctime, and after an exchange, which on xfs does not, it is changed here.

use std::collections::HashSet;
use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use memmap2::MmapMut;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use crate::attacks::draw::Random;

/// So many files a writer keeps.
const FILES: usize = 120;

/// A mapped page is written back at least this often, so that the kernel's own delay decides nothing here.
const WRITE_BACK: Duration = Duration::from_secs(10);

/// The threads; they end when this is dropped.
pub(super) struct Writers {
    /// Held for reading during each change.
    gate: Arc<RwLock<()>>,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts `fast` writers that never rest and one that changes something now and then, so that most of what
    /// it has is older than a short window.
    pub(super) fn start(root: &Path, fast: u64, mapped: bool) -> Self {
        let mut writers =
            Self { gate: Arc::default(), stop: Arc::default(), changes: Arc::default(), threads: Vec::new() };
        let common = root.join("common");
        fs::create_dir(&common).unwrap();
        for number in 0..=fast {
            let own = root.join(format!("writer-{number}"));
            fs::create_dir(&own).unwrap();
            let rest = (number == fast).then_some(Duration::from_millis(20));
            let mut writer = Writer {
                fresh: 0,
                random: Random(number),
                dirs: vec![own.clone(), common.clone()],
                files: Vec::new(),
                moved: HashSet::new(),
                mapped: mapped.then(|| Mapped::new(&own.join("mapped"))),
                number,
                own,
            };
            writer.begin();
            let (gate, stop, changes) =
                (Arc::clone(&writers.gate), Arc::clone(&writers.stop), Arc::clone(&writers.changes));
            writers.threads.push(thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    {
                        let _passing = gate.read().unwrap();
                        writer.change();
                    }
                    changes.fetch_add(1, Ordering::Relaxed);
                    rest.map_or_else(thread::yield_now, thread::sleep);
                }
            }));
        }
        writers
    }

    /// Does something while nothing is being changed.
    pub(super) fn while_at_rest<T>(&self, action: impl FnOnce() -> T) -> T {
        let _closed = self.gate.write().unwrap();
        action()
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let result = thread.join();
            if !thread::panicking() {
                result.unwrap();
            }
        }
    }
}

/// A file of two pages, mapped for as long as its writer lives.
struct Mapped {
    map: MmapMut,
    written_back: Instant,
}

impl Mapped {
    fn new(path: &Path) -> Self {
        fs::write(path, [0; 8192]).unwrap();
        Self { map: map(path), written_back: Instant::now() }
    }

    fn store(&mut self, random: &mut Random) {
        let place = random.below(self.map.len());
        self.map[place] = self.map[place].wrapping_add(1);
        if self.written_back.elapsed() > WRITE_BACK {
            self.map.flush().unwrap();
            self.written_back = Instant::now();
        }
    }
}

/// Maps a whole file, shared and writable.
#[expect(unsafe_code, reason = "a file can be mapped in no other way")]
pub(in crate::attacks) fn map(path: &Path) -> MmapMut {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    // SAFETY: the file is in the test's own directory, and nothing there makes it shorter.
    unsafe { MmapMut::map_mut(&file) }.unwrap()
}

struct Writer {
    number: u64,
    fresh: u64,
    random: Random,
    /// The directory that is this writer's alone.
    own: PathBuf,
    /// What was there when it was last looked; any of it may be gone.
    dirs: Vec<PathBuf>,
    files: Vec<PathBuf>,
    /// Paths of directories that changed places; that is done once in the life of a path.
    moved: HashSet<PathBuf>,
    mapped: Option<Mapped>,
}

impl Writer {
    fn begin(&mut self) {
        for _ in 0..8 {
            self.make_dir();
        }
        for _ in 0..FILES {
            self.make_file();
        }
    }

    fn look(&mut self) {
        self.files.clear();
        self.dirs.clear();
        let mut waiting = vec![self.own.clone(), self.own.with_file_name("common")];
        while let Some(dir) = waiting.pop() {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => waiting.push(entry.path()),
                    Ok(_) if entry.file_name() != "mapped" => self.files.push(entry.path()),
                    _ => {}
                }
            }
            self.dirs.push(dir);
        }
        self.files.sort();
        self.dirs.sort();
    }

    /// A name that nobody ever used.
    fn fresh(&mut self, kind: char) -> String {
        self.fresh += 1;
        format!("{kind}{}-{}", self.number, self.fresh)
    }

    fn dir(&mut self) -> PathBuf {
        self.random.pick(&self.dirs).unwrap_or(&self.own).clone()
    }

    /// A directory of this writer alone that can be moved.
    fn own_dir(&mut self) -> Option<PathBuf> {
        let own: Vec<_> = self.dirs.iter().filter(|d| **d != self.own && d.starts_with(&self.own)).cloned().collect();
        self.random.pick(&own).cloned()
    }

    fn file(&mut self) -> PathBuf {
        self.random.pick(&self.files).cloned().unwrap_or_else(|| self.own.join("none"))
    }

    fn make_dir(&mut self) {
        let path = self.dir().join(self.fresh('d'));
        if path.starts_with(&self.own) && path.components().count() < self.own.components().count() + 5 {
            let _ = fs::create_dir(&path);
            self.dirs.push(path);
        }
    }

    fn make_file(&mut self) {
        let path = self.dir().join(self.fresh('f'));
        let _ = make(&path, &self.content());
        self.files.push(path);
    }

    fn content(&mut self) -> Vec<u8> {
        // Few sizes, so that many files have the same.
        let length = [0, 1, 64, 64, 64, 4096][self.random.below(6)];
        let byte = self.random.next() as u8;
        vec![byte; length]
    }

    /// Changes something; what fails because somebody else was faster is no matter.
    fn change(&mut self) {
        if self.random.below(150) == 0 {
            self.look();
        }
        let (file, other) = (self.file(), self.file());
        match self.random.below(24) {
            0 | 1 if self.files.len() < FILES => self.make_file(),
            0..=2 => drop(fs::remove_file(file)),
            3 | 4 => rewrite(&file, &mut self.random, false),
            5..=7 => rewrite(&file, &mut self.random, true),
            8 => drop(open(&file).and_then(|f| f.write_at(b"more", f.metadata()?.len()))),
            9 => drop(fs::rename(file, self.dir().join(self.fresh('r')))),
            // A directory may be there by now, and must not come back later to where it was.
            10 | 11 if file.is_dir() || other.is_dir() => {}
            10 => drop(fs::rename(file, other)),
            11 => {
                let _ = renameat_with(CWD, &file, CWD, &other, RenameFlags::EXCHANGE);
                for path in [file, other] {
                    // To whom it belongs anyway.
                    let _ = lchown(path, None, None);
                }
            }
            12 => self.replace(&file),
            13 => drop(fs::hard_link(file, self.dir().join(self.fresh('l')))),
            14 => self.other_kind(&file),
            15 => {
                let mode = 0o600 | self.random.below(0o200) as u32;
                let path = if self.random.below(4) == 0 { self.dir() } else { file };
                if path.symlink_metadata().is_ok_and(|m| !m.is_symlink()) {
                    // A symlink by now would lead to a file of the tree, or nowhere.
                    let _ = fs::set_permissions(path, Permissions::from_mode(mode | 0o100));
                }
            }
            16 => self.make_dir(),
            17 => self.move_dir(),
            18 => self.swap_dirs(),
            19 if self.random.below(4) == 0 => self.remove_dir(),
            20 if self.random.below(20) == 0 => self.write_long(),
            _ => {
                if let Some(mapped) = &mut self.mapped {
                    mapped.store(&mut self.random);
                }
            }
        }
    }

    /// A file takes the place of another that has the same size, mtime and mode.
    fn replace(&mut self, file: &Path) {
        let Ok(found) = file.symlink_metadata() else { return };
        if !found.is_file() {
            return;
        }
        let new = file.with_file_name(self.fresh('n'));
        let content = vec![self.random.next() as u8; found.len().min(1 << 16) as usize];
        let made = make(&new, &content).and_then(|made| {
            made.set_permissions(found.permissions())?;
            made.set_times(FileTimes::new().set_modified(found.modified()?))?;
            fs::rename(&new, file)
        });
        if made.is_err() {
            let _ = fs::remove_file(new);
        }
    }

    /// What was of one kind is of another under the same name.
    fn other_kind(&mut self, file: &Path) {
        let _ = fs::remove_file(file);
        let _ = match self.random.below(4) {
            0 => symlink(format!("target-{}", self.random.below(4)), file),
            1 => mknodat(CWD, file, FileType::Fifo, Mode::RUSR, 0).map_err(Into::into),
            2 if file.starts_with(&self.own) => {
                fs::create_dir(file).and_then(|()| make(&file.join("inside"), b"x").map(drop))
            }
            _ => File::create_new(file).map(drop),
        };
    }

    fn move_dir(&mut self) {
        let Some(from) = self.own_dir() else { return };
        let to = self.dir();
        if to.starts_with(&self.own) && !to.starts_with(&from) {
            let to = to.join(self.fresh('m'));
            if fs::rename(&from, &to).is_ok() {
                self.look();
            }
        }
    }

    fn swap_dirs(&mut self) {
        let (Some(a), Some(b)) = (self.own_dir(), self.own_dir()) else { return };
        let apart = !a.starts_with(&b) && !b.starts_with(&a);
        if apart
            && !self.moved.contains(&a)
            && !self.moved.contains(&b)
            && renameat_with(CWD, &a, CWD, &b, RenameFlags::EXCHANGE).is_ok()
        {
            self.moved.extend([a, b]);
            self.look();
        }
    }

    /// Removes a directory with all that it holds; sometimes another appears at once under its name.
    fn remove_dir(&mut self) {
        let Some(dir) = self.own_dir() else { return };
        let _ = fs::remove_dir_all(&dir);
        if self.random.below(2) == 0 && fs::create_dir(&dir).is_ok() {
            let _ = make(&dir.join("anew"), &self.content());
        }
        self.look();
    }

    /// One write of some megabytes, during which others look: its time is set before its data.
    fn write_long(&mut self) {
        let path = self.own.join("long");
        let content = vec![self.random.next() as u8; 4 << 20];
        let _ = File::create_new(&path);
        let _ = open(&path).and_then(|file| file.write_at(&content, 0));
    }
}

/// Makes a file that was not there. Never by its name twice: another writer may have made a fifo of it by then, and who
/// opens that waits for ever.
fn make(path: &Path, content: &[u8]) -> std::io::Result<File> {
    let mut file = File::create_new(path)?;
    file.write_all(content)?;
    Ok(file)
}

/// Opens a file for writing; should it be a fifo or a symlink by now, nothing happens.
fn open(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits();
    OpenOptions::new().write(true).custom_flags(flags.cast_signed()).open(path)
}

/// Overwrites the first byte of a file, whose size stays; with `pinned` its mtime too.
fn rewrite(path: &Path, random: &mut Random, pinned: bool) {
    let Ok(found) = path.symlink_metadata() else { return };
    if !found.is_file() || found.len() == 0 {
        return;
    }
    let byte = random.next() as u8;
    let _ = open(path).and_then(|file| {
        file.write_at(&[byte], 0)?;
        if pinned { file.set_times(FileTimes::new().set_modified(found.modified()?)) } else { Ok(()) }
    });
}
