//! Carries out a plan: the system calls that make a tree, on several threads, relative to open directories.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use serde_json::json;

use crate::error::{Context, Error, Result};
use crate::plan::{Dir, File, Kind, Plan};

/// A path longer than this is opened in pieces; `PATH_MAX` is 4096 with the closing NUL.
const LONGEST_PATH: usize = 3_800;

/// Refuses a directory that holds something, and a path that is no directory; one that does not exist is fine.
pub(crate) fn refuse_unless_empty(root: &Path) -> Result<()> {
    match fs::read_dir(root).map(|mut listing| listing.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Refused(format!("{} is not empty; give a new or an empty directory", root.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Refused(format!("{} cannot be used: {error}", root.display()))),
    }
}

/// Makes the tree in `root` and returns what was made.
pub(crate) fn make(root: &Path, plan: &Plan) -> Result<serde_json::Value> {
    rustix::process::umask(Mode::from_raw_mode(0o022));
    fs::create_dir_all(root).context("create", root)?;
    let tree = Tree { root, plan };

    for level in &plan.levels {
        level.par_iter().try_for_each(|&dir| tree.fill(dir))?;
    }
    plan.dirs.par_iter().enumerate().try_for_each(|(number, dir)| tree.link(number, dir))?;
    // Last, because making an entry changes the time of its directory.
    plan.levels.iter().rev().try_for_each(|level| level.par_iter().try_for_each(|&dir| tree.set_time(dir)))?;

    let files = || plan.dirs.iter().flat_map(|dir| &dir.files);
    Ok(json!({
        "entries": plan.dirs.len() + files().count(),
        "directories": plan.dirs.len() - 1,
        "regular": files().filter(|file| matches!(file.kind, Kind::Regular { .. })).count(),
        "symlinks": files().filter(|file| matches!(file.kind, Kind::Symlink { .. })).count(),
        "hardlinks": files().filter(|file| matches!(file.kind, Kind::HardLink { .. })).count(),
        "levels": plan.levels.len() - 1,
        "largest": plan.dirs.iter().map(|dir| dir.files.len()).max(),
        "mean_name": files().map(|file| file.name.len()).sum::<usize>() / files().count().max(1),
    }))
}

struct Tree<'a> {
    root: &'a Path,
    plan: &'a Plan,
}

impl Tree<'_> {
    /// Makes everything in a directory but its hard links.
    fn fill(&self, number: usize) -> Result<()> {
        let dir = &self.plan.dirs[number];
        let fd = self.open(number)?;
        for &child in &dir.children {
            let name = &self.plan.dirs[child].name;
            rustix::fs::mkdirat(&fd, name, Mode::from_raw_mode(0o755))
                .context("create directory", self.path(number).join(name))?;
        }
        for file in &dir.files {
            make_file(&fd, file).context("create", self.path(number).join(&file.name))?;
        }
        Ok(())
    }

    /// Makes the hard links of a directory.
    fn link(&self, number: usize, dir: &Dir) -> Result<()> {
        let links = dir.files.iter().filter_map(|file| match file.kind {
            Kind::HardLink { dir, file: place } => Some((&file.name, dir, place)),
            _ => None,
        });
        for (name, target, place) in links {
            let from = self.open(target)?;
            let to = self.open(number)?;
            rustix::fs::linkat(&from, &self.plan.dirs[target].files[place].name, &to, name, AtFlags::empty())
                .context("link", self.path(number).join(name))?;
        }
        Ok(())
    }

    fn set_time(&self, number: usize) -> Result<()> {
        let fd = self.open(number)?;
        rustix::fs::futimens(&fd, &both(self.plan.dirs[number].mtime)).context("set the time of", self.path(number))
    }

    /// Opens a directory; by its path, or in pieces when that is too long for the system.
    fn open(&self, number: usize) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |at: &OwnedFd, piece: &Path| {
            rustix::fs::openat(at, piece, flags, Mode::empty()).context("open", self.path(number))
        };
        let mut fd = rustix::fs::open(self.root, flags, Mode::empty()).context("open", self.root)?;
        let mut piece = PathBuf::from(".");
        for name in &self.relative(number) {
            if piece.as_os_str().len() + name.len() > LONGEST_PATH {
                fd = open(&fd, &piece)?;
                piece = PathBuf::from(".");
            }
            piece.push(name);
        }
        open(&fd, &piece)
    }

    fn relative(&self, number: usize) -> PathBuf {
        let mut names = Vec::new();
        let mut dir = number;
        while dir != 0 {
            names.push(self.plan.dirs[dir].name.as_str());
            dir = self.plan.dirs[dir].parent;
        }
        names.iter().rev().collect()
    }

    fn path(&self, number: usize) -> PathBuf {
        self.root.join(self.relative(number))
    }
}

/// Makes a regular file or a symlink and sets its time; hard links come later.
fn make_file(dir: impl AsFd, file: &File) -> std::io::Result<()> {
    match &file.kind {
        Kind::Regular { size, filled, mode } => {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let fd = rustix::fs::openat(&dir, &file.name, flags, Mode::from_raw_mode(*mode))?;
            if *filled {
                let mut handle = fs::File::from(fd);
                let bytes = file.name.bytes().cycle().take((*size).min(4_096) as usize);
                handle.write_all(&bytes.collect::<Vec<u8>>())?;
                handle.set_len(*size)?;
                rustix::fs::futimens(&handle, &both(file.mtime))?;
            } else {
                rustix::fs::ftruncate(&fd, *size)?;
                rustix::fs::futimens(&fd, &both(file.mtime))?;
            }
        }
        Kind::Symlink { target } => {
            rustix::fs::symlinkat(target, &dir, &file.name)?;
            rustix::fs::utimensat(&dir, &file.name, &both(file.mtime), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Kind::HardLink { .. } => {}
    }
    Ok(())
}

fn both(time: Timespec) -> Timestamps {
    Timestamps { last_access: time, last_modification: time }
}
