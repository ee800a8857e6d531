//! Which volume something lies on.

use std::os::windows::io::{AsHandle as _, BorrowedHandle};
use std::path::Path;

use super::{handle, native};
use crate::sys::filesystem::FileSystem;

/// Describes the volume that a directory lies on.
pub(crate) fn describe(dir: &Path) -> FileSystem {
    native::open_root(dir).map(|dir| describe_open(&dir)).unwrap_or_default()
}

/// Describes the volume of an open directory. What lies on a server has the type `smb`, whatever the server says, and
/// an identity only if the server gives its volume a number.
pub(crate) fn describe_open(dir: &native::Dir) -> FileSystem {
    let dir = dir.as_handle();
    let is_remote = handle::is_remote(dir);
    let (serial, kind) = handle::volume(dir).unwrap_or_default();
    let kind = match kind.to_ascii_lowercase().as_str() {
        _ if is_remote => "smb".to_owned(),
        "fat" | "fat32" => "vfat".to_owned(),
        other => other.to_owned(),
    };
    let identity = match volume_id(dir).filter(|_| !is_remote) {
        Some(id) => format!("{kind}:volume:{id}:{serial:08x}"),
        None if serial != 0 => format!("{kind}:serial:{serial:08x}"),
        None => String::new(),
    };
    FileSystem { kind, identity, ..FileSystem::default() }
}

/// The identifier of `\\?\Volume{…}\`.
fn volume_id(dir: BorrowedHandle<'_>) -> Option<String> {
    let path = handle::volume_path(dir)?;
    let (id, _) = path.strip_prefix(r"\\?\Volume{")?.split_once('}')?;
    Some(id.to_owned())
}
