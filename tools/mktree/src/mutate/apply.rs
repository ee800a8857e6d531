//! The system calls of each edit.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use fastrand::Rng;

use super::Edit;
use super::choose::Chosen;
use crate::error::{Context, Result};
use crate::scan::Listing;

/// Does one edit.
pub(super) fn apply(listing: &Listing, edit: Edit, chosen: &Chosen, rng: &mut Rng) -> Result<()> {
    let path = listing.path(chosen.entry);
    let beside = path.with_file_name(&chosen.new_name);
    let into = || listing.path(chosen.into).join(&chosen.new_name);
    match edit {
        Edit::DeleteDirectory => fs::remove_dir_all(&path),
        Edit::RenameDirectory | Edit::RenameFile => fs::rename(&path, beside),
        Edit::MoveDirectory | Edit::MoveFile => fs::rename(&path, into()),
        Edit::DirectoryToFile => fs::remove_dir_all(&path).and_then(|()| create(&path, rng)),
        Edit::ChangeContent => change_content(&path, rng),
        Edit::RewriteSameSize => rewrite(&path, false, rng),
        Edit::RewriteKeepingMtime => rewrite(&path, true, rng),
        Edit::Touch => touch(&path, rng),
        Edit::Chmod => chmod(&path),
        Edit::CreateFile => create(&path.join(&chosen.new_name), rng),
        Edit::CreateDirectory => create_directory(&path.join(&chosen.new_name), rng),
        Edit::DeleteFile => fs::remove_file(&path),
        Edit::FileToDirectory => fs::remove_file(&path).and_then(|()| create_directory(&path, rng)),
        Edit::FileToSymlink => fs::remove_file(&path).and_then(|()| symlink(&chosen.new_name, &path)),
        Edit::HardLink => fs::hard_link(&path, into()),
        Edit::RetargetSymlink => fs::remove_file(&path).and_then(|()| symlink(&chosen.new_name, &path)),
    }
    .context("edit", path)
}

/// Appends some bytes, or cuts some off.
fn change_content(path: &Path, rng: &mut Rng) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let size = file.metadata()?.len();
    if size > 1 && rng.u8(0..4) == 0 { file.set_len(rng.u64(0..size)) } else { file.write_all_at(&bytes(rng), size) }
}

/// Writes over the start without changing the size; an empty file has nothing to write over and gets a byte.
fn rewrite(path: &Path, keep_mtime: bool, rng: &mut Rng) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let before = file.metadata()?;
    let bytes = bytes(rng);
    let length = bytes.len().min(before.len().max(1) as usize);
    file.write_all_at(&bytes[..length], 0)?;
    if keep_mtime { file.set_modified(before.modified()?) } else { Ok(()) }
}

/// Sets the modification time some hours later than it was.
fn touch(path: &Path, rng: &mut Rng) -> io::Result<()> {
    let file = fs::File::open(path)?;
    let later = Duration::from_secs(rng.u64(1..1_000_000));
    file.set_modified(file.metadata()?.modified().unwrap_or(SystemTime::UNIX_EPOCH) + later)
}

/// Flips the owner's right to execute.
fn chmod(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    fs::set_permissions(path, Permissions::from_mode(mode ^ 0o100))
}

fn create(path: &Path, rng: &mut Rng) -> io::Result<()> {
    fs::write(path, bytes(rng))
}

/// A directory with one to six files.
fn create_directory(path: &Path, rng: &mut Rng) -> io::Result<()> {
    fs::create_dir(path)?;
    (0..rng.u8(1..=6)).try_for_each(|number| create(&path.join(format!("file {number}.txt")), rng))
}

/// Some bytes, at least one, none of them zero: a hole never holds the same.
fn bytes(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(1..200)).map(|_| rng.u8(1..=255)).collect()
}
