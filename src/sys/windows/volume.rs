//! Which volume something lies on.

use std::os::windows::io::{AsHandle as _, BorrowedHandle};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use super::{handle, native, usn};
use crate::sys::filesystem::{FileSystem, JOURNAL, Mark, Marks};

/// Describes the volume that a directory lies on.
pub(crate) fn describe(dir: &Path) -> FileSystem {
    native::open_root(dir).map(|dir| describe_open(&dir)).unwrap_or_default()
}

/// Describes the volume of an open directory. What lies on a server has the type `smb`, whatever the server says, and
/// an identity only if the server gives its volume a number.
pub(crate) fn describe_open(dir: &native::Dir) -> FileSystem {
    let open = dir;
    let dir = dir.as_handle();
    let is_remote = handle::is_remote(dir);
    let (serial, kind) = handle::volume(dir).unwrap_or_default();
    let id = volume_id(dir).filter(|_| !is_remote);
    let kind = match kind.to_ascii_lowercase().as_str() {
        _ if is_remote => "smb".to_owned(),
        // Drivers of others may only call themselves so.
        "ntfs" | "refs" if id.is_none() => String::new(),
        "fat" | "fat32" => "vfat".to_owned(),
        other => other.to_owned(),
    };
    let identity = match (id, share(dir).filter(|_| is_remote)) {
        (Some(id), _) => format!("{kind}:volume:{id}:{serial:08x}"),
        (None, Some(share)) => format!("{kind}:share:{share}:{serial:08x}"),
        (None, None) if serial != 0 => format!("{kind}:serial:{serial:08x}"),
        (None, None) => String::new(),
    };
    let mark = mark(&identity, open);
    FileSystem { kind, identity, mark, ..FileSystem::default() }
}

/// Where the change journal of a volume stands. None if it has none, or only an administrator may ask.
fn mark(identity: &str, dir: &native::Dir) -> Option<Mark> {
    if !identity.starts_with("ntfs:volume:") {
        return None;
    }
    let journal = usn::journal(&usn::open_volume(dir).ok()?).ok()?;
    Some(Mark {
        file_system: xxh3_128(identity.as_bytes()).to_le_bytes(),
        generation: journal.next.cast_unsigned(),
        scope: format!("{JOURNAL}{:016x}", journal.id),
    })
}

/// The marks of the volumes that some directories lie on.
pub(crate) fn marks(dirs: &[PathBuf]) -> Marks {
    let marks = dirs.iter().filter_map(|dir| describe(dir).mark);
    Marks::of_volumes(marks.map(|mark| (mark.file_system, mark.generation)).collect())
}

/// `server\share`, of what lies on a server. Case does not count there.
fn share(dir: BorrowedHandle<'_>) -> Option<String> {
    let path = handle::usual_path(dir)?;
    let mut parts = path.strip_prefix(r"\\?\UNC\")?.split('\\');
    Some(format!("{}\\{}", parts.next()?, parts.next()?).to_lowercase())
}

/// The identifier of `\\?\Volume{…}\`.
pub(super) fn volume_id(dir: BorrowedHandle<'_>) -> Option<String> {
    let path = handle::volume_path(dir)?;
    let (id, _) = path.strip_prefix(r"\\?\Volume{")?.split_once('}')?;
    Some(id.to_owned())
}
