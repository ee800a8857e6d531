//! The meta archive: [`Meta`] as rkyv lays it out in the file. A type of its own, so that rkyv is not part of the
//! public API. The order of its fields is the format: FORMAT.md lists them.

use rkyv::rancor::Error;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::digest::Digest;
use super::meta::{Device, Meta, Mount};
use super::overlay::OverlayMeta;
use crate::sys::filesystem::Mark;

#[derive(Archive, Serialize, Deserialize)]
struct StoredMeta {
    host: String,
    roots: Vec<Vec<u8>>,
    patterns: Vec<String>,
    exclude_caches: bool,
    exclude_if_present: Vec<String>,
    one_file_system: bool,
    own_files: Vec<Vec<u8>>,
    base: Option<(Digest, (i64, u32))>,
    devices: Vec<StoredDevice>,
    mounts: Vec<Mount>,
    mount_points: Vec<Vec<u8>>,
    watchman_clock: Option<String>,
    audited: Option<Vec<u8>>,
    overlay: Option<OverlayMeta>,
}

#[derive(Archive, Serialize, Deserialize)]
struct StoredDevice {
    kind: String,
    identity: String,
    boundary: (i64, u32),
    /// The file system's UUID, the generation, and what that belongs to.
    mark: Option<([u8; 16], u64, String)>,
}

/// The bytes of the archive.
///
/// # Errors
/// When rkyv cannot lay it out.
pub(super) fn encode(meta: Meta) -> Result<AlignedVec, Error> {
    rkyv::to_bytes::<Error>(&StoredMeta::from(meta))
}

/// Checks an archive and reads it.
///
/// # Errors
/// When the bytes are not such an archive.
pub(super) fn decode(bytes: &[u8]) -> Result<Meta, Error> {
    let archived = rkyv::access::<ArchivedStoredMeta, Error>(bytes)?;
    rkyv::deserialize::<StoredMeta, Error>(archived).map(Meta::from)
}

impl From<Meta> for StoredMeta {
    fn from(meta: Meta) -> Self {
        let stored = |device: Device| {
            let Device { kind, identity, boundary, mark } = device;
            let mark = mark.map(|Mark { file_system, generation, scope }| (file_system, generation, scope));
            StoredDevice { kind, identity, boundary, mark }
        };
        Self {
            host: meta.host,
            roots: meta.roots,
            patterns: meta.patterns,
            exclude_caches: meta.exclude_caches,
            exclude_if_present: meta.exclude_if_present,
            one_file_system: meta.one_file_system,
            own_files: meta.own_files,
            base: meta.base,
            devices: meta.devices.into_iter().map(stored).collect(),
            mounts: meta.mounts,
            mount_points: meta.mount_points,
            watchman_clock: meta.watchman_clock,
            audited: meta.audited,
            overlay: meta.overlay,
        }
    }
}

impl From<StoredMeta> for Meta {
    fn from(meta: StoredMeta) -> Self {
        let read = |device: StoredDevice| {
            let StoredDevice { kind, identity, boundary, mark } = device;
            let mark = mark.map(|(file_system, generation, scope)| Mark { file_system, generation, scope });
            Device { kind, identity, boundary, mark }
        };
        Self {
            host: meta.host,
            roots: meta.roots,
            patterns: meta.patterns,
            exclude_caches: meta.exclude_caches,
            exclude_if_present: meta.exclude_if_present,
            one_file_system: meta.one_file_system,
            own_files: meta.own_files,
            base: meta.base,
            devices: meta.devices.into_iter().map(read).collect(),
            mounts: meta.mounts,
            mount_points: meta.mount_points,
            watchman_clock: meta.watchman_clock,
            audited: meta.audited,
            overlay: meta.overlay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::overlay::RowRun;

    #[test]
    fn what_is_stored_is_read() {
        let mark = Mark { file_system: [3; 16], generation: 4, scope: "here".into() };
        let device = Device { kind: "btrfs".into(), identity: "btrfs:1".into(), boundary: (-1, 2), mark: Some(mark) };
        let run = RowRun { end: 3, first: 4, in_base: true };
        let meta = Meta {
            host: "here".into(),
            roots: vec![b"/a".to_vec(), b"/b".to_vec()],
            patterns: vec!["*.tmp".into()],
            exclude_caches: true,
            exclude_if_present: vec![".nobackup".into()],
            one_file_system: true,
            own_files: vec![b"/a/old.snap".to_vec()],
            base: Some(([5; 16], (6, 7))),
            devices: vec![device],
            mounts: vec![Mount { row: 8, device: 9 }],
            mount_points: vec![b"/a/disk".to_vec()],
            watchman_clock: Some("c:1".into()),
            audited: Some(b"/a/x".to_vec()),
            overlay: Some(OverlayMeta { base: [10; 16], path: b"/old.snap".to_vec(), runs: vec![run] }),
        };
        let bytes = encode(meta.clone()).expect("it is laid out");
        assert_eq!(decode(&bytes).expect("it is read"), meta);
    }
}
