//! The records of a directory listing (`FILE_ID_BOTH_DIR_INFO`) and the times of Windows. Safe code, which knows bytes
//! alone, and is tested on every system.

use std::io;

use xxhash_rust::xxh3::xxh3_64;

use crate::metadata::{Kind, Stat, Time};

/// Bits of the attributes, from `winnt.h`.
pub(super) const READONLY: u32 = 0x1;
pub(super) const DIRECTORY: u32 = 0x10;
pub(super) const REPARSE_POINT: u32 = 0x400;

/// Tags of reparse points that lead elsewhere: symbolic links, and junctions with mount points.
const SYMLINK: u32 = 0xa000_000c;
const MOUNT_POINT: u32 = 0xa000_0003;

/// Seconds from 1601 to 1970.
const EPOCH: i64 = 11_644_473_600;

/// Ticks of 100 ns in a second.
const TICKS: i64 = 10_000_000;

/// A time of Windows, in ticks since 1601.
pub(super) fn time(ticks: i64) -> Time {
    Time::new(ticks.div_euclid(TICKS) - EPOCH, (ticks.rem_euclid(TICKS) * 100) as u32)
}

/// A time as the birth of a [`Stat`].
pub(super) fn birth(ticks: i64) -> u32 {
    if ticks == 0 { 0 } else { xxh3_64(&ticks.to_le_bytes()) as u32 }
}

/// The number of a file. All ones mean that it has none of 64 bits.
pub(super) fn number(index: u64) -> u64 {
    if index == u64::MAX { 0 } else { index }
}

/// What attributes and the tag of a reparse point say of the kind. Links and junctions are links, whatever they lead
/// to. What other tags stand for (files in the cloud, files without their double parts) is what it seems.
pub(super) fn kind(attributes: u32, tag: u32) -> Kind {
    match attributes {
        a if a & REPARSE_POINT != 0 && matches!(tag, SYMLINK | MOUNT_POINT) => Kind::Symlink,
        a if a & DIRECTORY != 0 => Kind::Dir,
        _ => Kind::File,
    }
}

/// A mode: the kind, and whether it may be written.
pub(super) fn mode(kind: Kind, attributes: u32) -> u16 {
    kind.mode_bits() | if attributes & READONLY == 0 { 0o644 } else { 0o444 }
}

/// An entry of a listing. The number of its names is not in it: `nlink` is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DirInfo<'a> {
    /// Pairs of bytes, little endian.
    name: &'a [u8],
    pub(super) stat: Stat,
}

impl DirInfo<'_> {
    /// The units of the name.
    pub(super) fn name(&self) -> impl Iterator<Item = u16> {
        self.name.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
    }

    /// Whether it stands for the directory itself, or for the one above.
    fn is_dots(&self) -> bool {
        matches!(self.name, b".\0" | b".\0.\0")
    }
}

/// Where the name of a record begins.
const NAME: usize = 104;

/// Calls `each` with every record of a buffer that the system filled, but for `.` and `..`.
///
/// # Errors
/// When a record does not lie in the buffer.
pub(super) fn records(buffer: &[u8], mut each: impl FnMut(&DirInfo<'_>)) -> io::Result<()> {
    let mut rest = buffer;
    loop {
        let (record, next) = record(rest).ok_or_else(|| io::Error::other("the system returned a damaged listing"))?;
        if !record.is_dots() {
            each(&record);
        }
        match next {
            0 => return Ok(()),
            next => rest = rest.get(next..).unwrap_or_default(),
        }
    }
}

/// The first record, and where the next one begins; 0 if there is none.
fn record(bytes: &[u8]) -> Option<(DirInfo<'_>, usize)> {
    let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let i64_at = |at: usize| Some(i64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let next = u32_at(0)? as usize;
    let (attributes, tag) = (u32_at(56)?, u32_at(64)?);
    let kind = kind(attributes, tag);
    let name = bytes.get(NAME..NAME.checked_add(u32_at(60)? as usize)?)?;
    let stat = Stat {
        mode: mode(kind, attributes),
        nlink: 0,
        uid: 0,
        gid: 0,
        ino: number(i64_at(96)?.cast_unsigned()),
        size: if kind == Kind::File { i64_at(40)?.cast_unsigned() } else { 0 },
        mtime: time(i64_at(24)?),
        ctime: time(i64_at(32)?),
        birth: birth(i64_at(8)?),
    };
    // Records do not overlap.
    let is_sound = next == 0 || next >= NAME + name.len();
    is_sound.then_some((DirInfo { name, stat }, next))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(name: &str, attributes: u32, tag: u32, is_last: bool) -> Vec<u8> {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut record = vec![0; NAME];
        record[8..16].copy_from_slice(&1_i64.to_le_bytes());
        record[24..32].copy_from_slice(&(EPOCH * TICKS + 15).to_le_bytes());
        record[32..40].copy_from_slice(&(EPOCH * TICKS - 1).to_le_bytes());
        record[40..48].copy_from_slice(&7_i64.to_le_bytes());
        record[56..60].copy_from_slice(&attributes.to_le_bytes());
        record[60..64].copy_from_slice(&(name.len() as u32).to_le_bytes());
        record[64..68].copy_from_slice(&tag.to_le_bytes());
        record[96..104].copy_from_slice(&42_i64.to_le_bytes());
        record.extend_from_slice(&name);
        record.resize(record.len().next_multiple_of(8), 0);
        if !is_last {
            let len = record.len() as u32;
            record[..4].copy_from_slice(&len.to_le_bytes());
        }
        record
    }

    fn all(buffer: &[u8]) -> io::Result<Vec<(String, Kind, Stat)>> {
        let mut found = Vec::new();
        records(buffer, |record| {
            let name = char::decode_utf16(record.name()).map(|c| c.unwrap_or('?')).collect();
            found.push((name, record.stat.kind(), record.stat));
        })?;
        Ok(found)
    }

    #[test]
    fn records_are_read_with_their_times_and_kinds() {
        let mut buffer = [
            bytes(".", DIRECTORY, 0, false),
            bytes("..", DIRECTORY, 0, false),
            bytes("ä😀", 0x20, 0, false),
            bytes("dir", DIRECTORY, 0, false),
            bytes("Application Data", DIRECTORY | REPARSE_POINT, MOUNT_POINT, false),
            bytes("OneDrive", DIRECTORY | REPARSE_POINT, 0x9000_601a, false),
            // Without the attribute the field is the size of extended attributes.
            bytes("ea", READONLY, SYMLINK, true),
        ]
        .concat();
        buffer.resize(4096, 0);
        let found = all(&buffer).expect("sound");
        let kinds: Vec<_> = found.iter().map(|(name, kind, _)| (name.as_str(), *kind)).collect();
        let expected = [
            ("ä😀", Kind::File),
            ("dir", Kind::Dir),
            ("Application Data", Kind::Symlink),
            ("OneDrive", Kind::Dir),
            ("ea", Kind::File),
        ];
        assert_eq!(kinds, expected);
        let stat = found[0].2;
        assert_eq!((stat.ino, stat.size, stat.nlink), (42, 7, 0));
        assert_eq!((stat.mtime, stat.ctime), (Time::new(0, 1500), Time::new(-1, 999_999_900)));
        assert_eq!(found[1].2.size, 0);
        assert!(stat.mode & 0o200 != 0 && found[4].2.mode & 0o200 == 0, "the last one cannot be written");
    }

    proptest! {
        #[test]
        fn damage_is_an_error_and_never_a_panic(at in 0..400_usize, byte: u8, cut in 0..400_usize) {
            let mut buffer = [bytes("one", 0, 0, false), bytes("two", 0, 0, true)].concat();
            let len = buffer.len();
            buffer[at % len] = byte;
            buffer.truncate(len - cut % len);
            let _ = all(&buffer);
        }
    }
}
