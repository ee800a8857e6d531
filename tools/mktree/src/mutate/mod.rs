//! Edits an existing tree: every kind of edit, all over the tree, the same ones for the same tree and seed.
//!
//! The edits are independent: no entry takes part in two of them, and none happens below a directory that another one
//! moves or removes. [`choose`] picks the entries, [`apply`] makes the system calls.

mod apply;
mod choose;

use std::path::Path;

use serde_json::json;

use crate::args::Share;
use crate::error::{Error, Result};
use crate::scan::Listing;

/// What an edit does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Edit {
    DeleteDirectory,
    RenameDirectory,
    MoveDirectory,
    DirectoryToFile,
    ChangeContent,
    RewriteSameSize,
    RewriteKeepingMtime,
    Touch,
    Chmod,
    CreateFile,
    CreateDirectory,
    DeleteFile,
    RenameFile,
    MoveFile,
    FileToDirectory,
    FileToSymlink,
    HardLink,
    RetargetSymlink,
}

/// Every edit with its key in the summary and its weight. Edits of whole directories come first: they need subtrees
/// that nothing else has touched.
const EDITS: [(Edit, &str, usize); 18] = [
    (Edit::DeleteDirectory, "delete_directory", 2),
    (Edit::RenameDirectory, "rename_directory", 2),
    (Edit::MoveDirectory, "move_directory", 1),
    (Edit::DirectoryToFile, "directory_to_file", 1),
    (Edit::ChangeContent, "change_content", 30),
    (Edit::RewriteSameSize, "rewrite_same_size", 5),
    (Edit::RewriteKeepingMtime, "rewrite_keeping_mtime", 3),
    (Edit::Touch, "touch", 8),
    (Edit::Chmod, "chmod", 4),
    (Edit::CreateFile, "create_file", 20),
    (Edit::CreateDirectory, "create_directory", 2),
    (Edit::DeleteFile, "delete_file", 10),
    (Edit::RenameFile, "rename_file", 4),
    (Edit::MoveFile, "move_file", 4),
    (Edit::FileToDirectory, "file_to_directory", 1),
    (Edit::FileToSymlink, "file_to_symlink", 1),
    (Edit::HardLink, "hard_link", 1),
    (Edit::RetargetSymlink, "retarget_symlink", 1),
];

/// Edits the tree in `root` and returns how often each kind of edit was done.
pub(crate) fn mutate(root: &Path, share: Share, seed: u64) -> Result<serde_json::Value> {
    if !root.is_dir() {
        return Err(Error::Refused(format!("{} is not a directory", root.display())));
    }
    let listing = Listing::read(root)?;
    let files = listing.files();
    let mut chooser = choose::Chooser::new(&listing, seed);
    let mut done = serde_json::Map::new();
    let mut total = 0;
    for ((edit, key, _), wanted) in EDITS.iter().zip(quotas(share.of(files))) {
        let mut count = 0;
        for _ in 0..wanted {
            // A tree can run out of candidates, for example of symlinks; the summary tells.
            let Some(chosen) = chooser.choose(*edit) else { break };
            apply::apply(&listing, *edit, &chosen, chooser.rng())?;
            count += 1;
        }
        total += count;
        done.insert((*key).to_owned(), json!(count));
    }
    Ok(json!({ "files": files, "edits": total, "kinds": done }))
}

/// Shares `total` edits out by weight; each kind gets at least one as long as there are enough.
fn quotas(total: usize) -> Vec<usize> {
    let weights: usize = EDITS.iter().map(|(_, _, weight)| weight).sum();
    let spare = total.saturating_sub(EDITS.len());
    let (mut weight_so_far, mut given) = (0, 0);
    EDITS
        .iter()
        .enumerate()
        .map(|(kind, (_, _, weight))| {
            weight_so_far += weight;
            let share = spare * weight_so_far / weights - given;
            given += share;
            share + usize::from(kind < total)
        })
        .collect()
}

#[cfg(test)]
mod tests;
