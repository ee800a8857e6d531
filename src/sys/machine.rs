//! What tells this machine from others, by which state that was copied from another one is noticed.

use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::filesystem::{FsType, describe};
use super::stat;

/// What systemd writes before the first boot has made an ID.
#[cfg(not(windows))]
const NO_ID_YET: &str = "uninitialized";

/// The machine ID of the system, which outlives reboots. Most containers have none, and macOS.
#[cfg(windows)]
pub(crate) fn system_id() -> Option<String> {
    super::windows::process::machine_id()
}

/// The machine ID of the system, which outlives reboots. Most containers have none, and macOS.
#[cfg(not(windows))]
pub(crate) fn system_id() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"].into_iter().find_map(|file| {
        let id = std::fs::read_to_string(file).ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty() && id != NO_ID_YET)
    })
}

/// The identity of the machine with an ID. The ID itself must not be shown to others.
pub(crate) fn identity_of(id: &str) -> String {
    format!("{:032x}", xxh3_128(format!("fastdiff {id}").as_bytes()))
}

/// The place of a file: it stays the same if the file is renamed, and a copy has another one. A file system that does
/// not keep inode numbers has nothing but the time at which the file was made.
pub(crate) fn place_of(file: &Path) -> io::Result<String> {
    let found = stat(file)?;
    let dir = file.parent().unwrap_or(Path::new("/"));
    let keeps_inodes = FsType(&describe(dir, found.mount).kind).keeps_inodes();
    let inode = if keeps_inodes { found.stat.ino } else { 0 };
    let made = match found.stat.birth {
        // Its ctime is another one after a chmod.
        0 if keeps_inodes => String::new(),
        0 => format!("{:?}", found.stat.ctime),
        birth => birth.to_string(),
    };
    Ok(format!("{inode} {made}"))
}
