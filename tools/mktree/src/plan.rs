//! The plan of a tree: name, kind, size, mode, time and link target of every entry, before the first system call.

use rayon::prelude::*;
use rustix::fs::Timespec;

use crate::args::Counts;
use crate::names::Namer;
use crate::random::{Purpose, stream};
use crate::shape::Shape;

/// 2025-01-01T00:00:00Z: no modification time is later.
const NEWEST: i64 = 1_735_689_600;

/// A whole tree; directory 0 is the root.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) dirs: Vec<Dir>,
    /// The directories of each level, the root's first.
    pub(crate) levels: Vec<Vec<usize>>,
}

/// One directory with its files.
#[derive(Debug)]
pub(crate) struct Dir {
    /// Empty for the root.
    pub(crate) name: String,
    pub(crate) parent: usize,
    pub(crate) children: Vec<usize>,
    pub(crate) files: Vec<File>,
    pub(crate) mtime: Timespec,
}

/// One entry that is no directory.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) mtime: Timespec,
}

/// What a file is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// `filled` files hold bytes, the others are one hole.
    Regular {
        size: u64,
        filled: bool,
        mode: u32,
    },
    Symlink {
        target: String,
    },
    /// A further name of file number `file` of directory number `dir`, which is regular.
    HardLink {
        dir: usize,
        file: usize,
    },
}

impl Plan {
    /// Decides everything; the work is spread over threads, the result does not depend on them.
    pub(crate) fn new(shape: &Shape, counts: &Counts, seed: u64) -> Self {
        let dirs_count = shape.parents.len();
        let listings: Vec<(Vec<String>, Vec<String>)> = (0..dirs_count)
            .into_par_iter()
            .map(|dir| {
                let mut namer = Namer::new(stream(seed, Purpose::Names, dir), counts.name_length);
                let dirs = shape.children[dir].iter().map(|_| namer.directory()).collect();
                let files = (0..shape.files_of(dir)).map(|_| namer.file()).collect();
                (dirs, files)
            })
            .collect();

        let mut dir_names = vec![String::new(); dirs_count];
        let mut file_names = Vec::with_capacity(dirs_count);
        for (dir, (dirs, files)) in listings.into_iter().enumerate() {
            for (&child, name) in shape.children[dir].iter().zip(dirs) {
                dir_names[child] = name;
            }
            file_names.push(files);
        }

        let kinds = Kinds { shape, counts, seed };
        let dirs = dir_names
            .into_par_iter()
            .zip(file_names)
            .enumerate()
            .map(|(dir, (name, files))| {
                let mut rng = stream(seed, Purpose::Files, dir);
                let mtime = time(&mut rng, counts.age);
                let files = kinds.of_directory(dir, files, &mut rng);
                Dir { name, parent: shape.parents[dir], children: shape.children[dir].clone(), files, mtime }
            })
            .collect();

        let mut levels = vec![Vec::new(); shape.depths.iter().max().map_or(0, |deepest| deepest + 1)];
        for (dir, &depth) in shape.depths.iter().enumerate() {
            levels[depth].push(dir);
        }
        Self { dirs, levels }
    }
}

/// Decides which files are what.
struct Kinds<'a> {
    shape: &'a Shape,
    counts: &'a Counts,
    seed: u64,
}

/// What a file's number makes of it; the j-th link carries j.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Regular,
    Symlink,
    HardLink(usize),
}

impl Kinds<'_> {
    fn of_directory(&self, dir: usize, names: Vec<String>, rng: &mut fastrand::Rng) -> Vec<File> {
        let first = self.shape.first_file[dir];
        let siblings = names.clone();
        names
            .into_iter()
            .enumerate()
            .map(|(place, name)| {
                let mtime = time(rng, self.counts.age);
                let kind = match self.role(first + place) {
                    Role::Regular => regular(rng),
                    Role::Symlink => Kind::Symlink { target: target(rng, &siblings) },
                    Role::HardLink(link) => self.hard_link(link),
                };
                File { name, kind, mtime }
            })
            .collect()
    }

    /// Links lie evenly among all files, symlinks and hard links evenly among the links: the counts come out exactly.
    fn role(&self, file: usize) -> Role {
        let links = self.counts.symlinks + self.counts.hardlinks;
        let Some(link) = nth_of(file, links, self.counts.files) else { return Role::Regular };
        match nth_of(link, self.counts.symlinks, links) {
            Some(_) => Role::Symlink,
            None => Role::HardLink(link),
        }
    }

    /// A regular file anywhere in the tree; every third pair of neighbouring links shares one.
    fn hard_link(&self, link: usize) -> Kind {
        let mut rng = stream(self.seed, Purpose::HardLinks, link - usize::from(link % 3 == 2));
        let mut file = rng.usize(0..self.counts.files);
        while self.role(file) != Role::Regular {
            file = (file + 1) % self.counts.files;
        }
        let (dir, file) = self.shape.locate(file);
        Kind::HardLink { dir, file }
    }
}

/// When `some` of `all` items are chosen evenly: which of the chosen item number `index` is.
fn nth_of(index: usize, some: usize, all: usize) -> Option<usize> {
    let before = index * some / all;
    ((index + 1) * some / all > before).then_some(before)
}

/// Sizes from 0 to 2 MiB, small ones far more often, 21 KiB on average.
fn regular(rng: &mut fastrand::Rng) -> Kind {
    let exponent = rng.u32(0..=20).min(rng.u32(0..=20));
    let size = if rng.u8(0..100) < 3 { 0 } else { rng.u64(1 << exponent..2 << exponent) };
    let filled = rng.u8(0..64) == 0;
    let mode = match rng.u8(0..100) {
        0..80 => 0o644,
        80..92 => 0o755,
        92..98 => 0o600,
        _ => 0o444,
    };
    Kind::Regular { size, filled, mode }
}

/// Mostly a neighbour, sometimes a directory, an absolute path or nothing.
fn target(rng: &mut fastrand::Rng, siblings: &[String]) -> String {
    match rng.u8(0..100) {
        0..70 => siblings[rng.usize(0..siblings.len())].clone(),
        70..80 => "..".to_owned(),
        80..85 => ".".to_owned(),
        85..92 => "/usr/share/doc".to_owned(),
        _ => format!("../missing/{}", rng.u32(0..1_000_000)),
    }
}

fn time(rng: &mut fastrand::Rng, age: u64) -> Timespec {
    let before = i64::try_from(rng.u64(0..age)).unwrap_or(0);
    Timespec { tv_sec: NEWEST - 1 - before, tv_nsec: rng.i64(0..1_000_000_000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_in_exactly_the_numbers_asked_for() {
        for (files, symlinks, hardlinks) in [(1_000, 10, 5), (1_000, 0, 7), (100, 60, 39), (100, 100, 0), (10, 0, 0)] {
            let counts =
                Counts { files, dirs: 9, depth: 3, largest: 100, name_length: 20, symlinks, hardlinks, age: 9 };
            let shape = Shape::new(&counts, 5).expect("fits");
            let plan = Plan::new(&shape, &counts, 5);
            let kinds = || plan.dirs.iter().flat_map(|dir| &dir.files).map(|file| &file.kind);
            assert_eq!(kinds().count(), files);
            assert_eq!(kinds().filter(|kind| matches!(kind, Kind::Symlink { .. })).count(), symlinks);
            assert_eq!(kinds().filter(|kind| matches!(kind, Kind::HardLink { .. })).count(), hardlinks);
            for kind in kinds() {
                if let Kind::HardLink { dir, file } = kind {
                    assert!(matches!(plan.dirs[*dir].files[*file].kind, Kind::Regular { .. }));
                }
            }
        }
    }
}
