//! The header of a snapshot. It is laid out by hand, little endian, outside of the archives: so any version of the
//! program can tell what kind of file it reads. FORMAT.md has the same table; a test compares them.

use std::time::Duration;

use super::digest::{Digest, digest};
use super::system::System;
use crate::SnapshotProblem;
use crate::metadata::{Flags, Time};

/// The first bytes of a snapshot. They are not text, and a program that mangles the file as text changes them.
pub const MAGIC: [u8; 8] = *b"\x8ffdsnap\n";

/// The version of the format that this program writes and reads.
pub const FORMAT_VERSION: u32 = 4;

/// How many entries of each kind a snapshot holds. The roots count too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// All entries.
    pub entries: u64,
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub dirs: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Everything else.
    pub other: u64,
    /// Sum of the sizes of the regular files, in bytes.
    pub bytes: u64,
    /// Entries flagged racy.
    pub racy: u64,
    /// Entries that could not be read, or not listed.
    pub unknown: u64,
}

/// Which walker made a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum WalkerKind {
    /// The operating system's own calls.
    #[default]
    Native = 1,
    /// The jwalk crate.
    Portable = 2,
}

impl WalkerKind {
    /// Its name, as `fastdiff info` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Portable => "portable",
        }
    }
}

/// The header of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Header {
    /// Length of the whole file in bytes.
    pub file_len: u64,
    pub(crate) index_offset: u64,
    pub(crate) index_len: u64,
    pub(crate) meta_offset: u64,
    pub(crate) meta_len: u64,
    /// Number of directory records, including the one that holds the roots.
    pub(crate) directories: u32,
    pub(crate) root_flags: Flags,
    /// Which walker made it.
    pub walker: WalkerKind,
    /// Which kind of system took it.
    pub system: System,
    /// The number of scans by a base before it, modulo 256: it decides which files the next one opens although their
    /// listing shows no change. Only on Windows.
    pub(crate) round: u8,
    /// Counts by kind.
    pub counts: Counts,
    /// When the scan began, by the local clock.
    pub started: Time,
    /// When the scan ended, by the local clock.
    pub finished: Time,
    /// The boundary: the snapshot holds every change before it, except those of racy entries. By the local clock.
    pub boundary: Time,
    /// The racy window: entries whose time stamps are not older than the boundary minus this are racy.
    pub racy_window: Duration,
    /// A scan that has this snapshot as its base can use hints only if they are complete from this time on.
    pub hints_since: Time,
    /// Number of directory records in this file: all, except in an overlay.
    pub(crate) own_directories: u32,
    /// Digest of the whole tree. Equal trees have equal digests.
    pub root_digest: Digest,
    pub(crate) meta_digest: Digest,
    /// Digest of the scope: roots, filters, walk flags (promise 7).
    pub scan_fingerprint: Digest,
    /// Digest of the header itself. No two runs have the same.
    pub identity: Digest,
}

/// Name, offset and size of each field, in file order. Reserved bytes are zero.
pub(crate) const FIELDS: [(&str, usize, usize); 32] = layout(&[
    ("magic", 8),
    ("version", 4),
    ("header_len", 4),
    ("file_len", 8),
    ("index_offset", 8),
    ("index_len", 8),
    ("meta_offset", 8),
    ("meta_len", 8),
    ("directories", 4),
    ("root_flags", 1),
    ("walker", 1),
    ("system", 1),
    ("round", 1),
    ("entries", 8),
    ("files", 8),
    ("dirs", 8),
    ("symlinks", 8),
    ("other", 8),
    ("bytes", 8),
    ("racy", 8),
    ("unknown", 8),
    ("started", 12),
    ("finished", 12),
    ("boundary", 12),
    ("racy_window", 12),
    ("hints_since", 12),
    ("own_directories", 4),
    ("reserved", 16),
    ("root_digest", 16),
    ("meta_digest", 16),
    ("scan_fingerprint", 16),
    ("header_digest", 16),
]);

/// The length of the header in bytes.
pub(crate) const HEADER_LEN: usize = FIELDS[31].1 + FIELDS[31].2;

const fn layout(sizes: &[(&'static str, usize); 32]) -> [(&'static str, usize, usize); 32] {
    let mut fields = [("", 0, 0); 32];
    let mut offset = 0;
    let mut i = 0;
    while i < sizes.len() {
        fields[i] = (sizes[i].0, offset, sizes[i].1);
        offset += sizes[i].1;
        i += 1;
    }
    fields
}

struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }
    fn time(&mut self, t: Time) {
        self.0.extend_from_slice(&t.sec.to_le_bytes());
        self.u32(t.nsec);
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        // The caller passes exactly HEADER_LEN bytes, and `FIELDS` adds up to that.
        let (head, rest) = self.0.split_first_chunk().map_or(([0; N], &[][..]), |(h, r)| (*h, r));
        self.0 = rest;
        head
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
    fn time(&mut self) -> Time {
        Time::new(i64::from_le_bytes(self.take()), self.u32())
    }
}

impl Header {
    /// The bytes of the header. Sets its digest.
    pub(crate) fn encode(&mut self) -> Vec<u8> {
        let mut w = Writer(Vec::with_capacity(HEADER_LEN));
        w.0.extend_from_slice(&MAGIC);
        w.u32(FORMAT_VERSION);
        w.u32(HEADER_LEN as u32);
        w.u64(self.file_len);
        w.u64(self.index_offset);
        w.u64(self.index_len);
        w.u64(self.meta_offset);
        w.u64(self.meta_len);
        w.u32(self.directories);
        w.0.extend_from_slice(&[self.root_flags.bits(), self.walker as u8, self.system as u8, self.round]);
        let c = &self.counts;
        for count in [c.entries, c.files, c.dirs, c.symlinks, c.other, c.bytes, c.racy, c.unknown] {
            w.u64(count);
        }
        w.time(self.started);
        w.time(self.finished);
        w.time(self.boundary);
        w.u64(self.racy_window.as_secs());
        w.u32(self.racy_window.subsec_nanos());
        w.time(self.hints_since);
        w.u32(self.own_directories);
        w.0.extend_from_slice(&[0; 16]);
        w.0.extend_from_slice(&self.root_digest);
        w.0.extend_from_slice(&self.meta_digest);
        w.0.extend_from_slice(&self.scan_fingerprint);
        self.identity = digest(&w.0);
        w.0.extend_from_slice(&self.identity);
        w.0
    }

    /// Checks and reads the header at the start of a file of `file_len` bytes.
    pub(crate) fn decode(file: &[u8], file_len: u64) -> Result<Self, SnapshotProblem> {
        if file.is_empty() {
            return Err(SnapshotProblem::Empty);
        }
        let shared = file.len().min(MAGIC.len());
        if file[..shared] != MAGIC[..shared] {
            return Err(SnapshotProblem::NotASnapshot);
        }
        let too_short = SnapshotProblem::CutInHeader { actual: file_len };
        let mut r = Reader(file.get(MAGIC.len()..16).ok_or_else(|| too_short.clone())?);
        let version = r.u32();
        if version != FORMAT_VERSION {
            return Err(SnapshotProblem::Version { found: version, expected: FORMAT_VERSION });
        }
        let bytes = file.get(..HEADER_LEN).ok_or(too_short)?;
        let damaged = |what: &str| SnapshotProblem::Damaged(what.to_owned());
        let (covered, stored) = bytes.split_at(HEADER_LEN - 16);
        if r.u32() as usize != HEADER_LEN || digest(covered) != stored {
            return Err(damaged("the header does not match its digest"));
        }
        let mut r = Reader(&bytes[16..]);
        let recorded_len = r.u64();
        let header = Self {
            file_len: recorded_len,
            index_offset: r.u64(),
            index_len: r.u64(),
            meta_offset: r.u64(),
            meta_len: r.u64(),
            directories: r.u32(),
            root_flags: Flags::from_bits_retain(r.take::<1>()[0]),
            walker: match r.take::<1>()[0] {
                2 => WalkerKind::Portable,
                _ => WalkerKind::Native,
            },
            system: match r.take::<1>()[0] {
                0 => System::Unix,
                1 => System::Windows,
                _ => return Err(damaged("it was taken on a system that this version does not know")),
            },
            round: r.take::<1>()[0],
            counts: Counts {
                entries: r.u64(),
                files: r.u64(),
                dirs: r.u64(),
                symlinks: r.u64(),
                other: r.u64(),
                bytes: r.u64(),
                racy: r.u64(),
                unknown: r.u64(),
            },
            started: r.time(),
            finished: r.time(),
            boundary: r.time(),
            racy_window: {
                let window = r.time();
                Duration::new(window.sec.cast_unsigned(), 0)
                    .saturating_add(Duration::from_nanos(u64::from(window.nsec)))
            },
            hints_since: r.time(),
            own_directories: r.u32(),
            root_digest: {
                r.take::<16>();
                r.take()
            },
            meta_digest: r.take(),
            scan_fingerprint: r.take(),
            identity: r.take(),
        };
        if recorded_len != file_len {
            return Err(SnapshotProblem::Length { expected: recorded_len, actual: file_len });
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            file_len: HEADER_LEN as u64,
            index_offset: 1,
            index_len: 2,
            meta_offset: 3,
            meta_len: 4,
            directories: 5,
            root_flags: Flags::RACY,
            walker: WalkerKind::Portable,
            system: System::Windows,
            round: 28,
            counts: Counts { entries: 6, files: 7, dirs: 8, symlinks: 9, other: 10, bytes: 11, racy: 12, unknown: 13 },
            started: Time::new(-14, 15),
            finished: Time::new(16, 17),
            boundary: Time::new(18, 19),
            racy_window: Duration::new(20, 21),
            hints_since: Time::new(25, 26),
            own_directories: 27,
            root_digest: [22; 16],
            meta_digest: [23; 16],
            scan_fingerprint: [24; 16],
            identity: [0; 16],
        }
    }

    #[test]
    fn what_goes_in_comes_out_and_fills_the_table() {
        let mut h = header();
        let bytes = h.encode();
        assert_eq!(bytes.len(), HEADER_LEN);
        assert_eq!(Header::decode(&bytes, bytes.len() as u64).expect("own header"), h);
    }

    #[test]
    fn format_md_says_the_same() {
        let page = include_str!("../../FORMAT.md");
        let rows: Vec<(&str, usize, usize)> = page
            .lines()
            .filter_map(|line| {
                let cells: Vec<_> = line.split('|').map(str::trim).collect();
                let (name, offset, size) = (cells.get(1)?, cells.get(2)?, cells.get(3)?);
                Some((name.trim_matches('`'), offset.parse().ok()?, size.parse().ok()?))
            })
            .collect();
        assert_eq!(rows, FIELDS);
        assert!(page.contains(&format!("| `header_len` | 12 | 4 | {HEADER_LEN} |")));
        assert!(page.contains(&format!("format, version {FORMAT_VERSION}\n")));
        assert!(page.contains(&MAGIC.map(|b| format!("{b:02x}")).join(" ")));
    }

    #[test]
    fn every_flipped_bit_is_an_error() {
        let bytes = header().encode();
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&damaged, bytes.len() as u64).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_is_an_error() {
        let bytes = header().encode();
        for len in 0..bytes.len() {
            assert!(Header::decode(&bytes[..len], len as u64).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_future_version_says_so() {
        let mut bytes = header().encode();
        bytes[8] = 99;
        let error = Header::decode(&bytes, bytes.len() as u64).expect_err("future");
        assert_eq!(error, SnapshotProblem::Version { found: 99, expected: FORMAT_VERSION });
    }
}
