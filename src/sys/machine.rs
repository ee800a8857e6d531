//! The identity of this machine, by which state that was copied from another one is noticed.

use xxhash_rust::xxh3::xxh3_128;

/// A name for this machine that outlives reboots: derived from its machine ID, or from its host name if it has none.
/// The ID itself must not be shown to others.
pub(crate) fn identity() -> String {
    let id = ["/etc/machine-id", "/var/lib/dbus/machine-id"].into_iter().find_map(|file| {
        let id = std::fs::read_to_string(file).ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    });
    let id = id.unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
    format!("{:032x}", xxh3_128(format!("fastdiff {id}").as_bytes()))
}
