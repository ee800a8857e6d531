//! The block of one directory: the metadata of its children, then their names. Each child has a row. All rows of a
//! block have the same length: a field takes as many bytes as the largest value in this directory needs. The same
//! children always give the same bytes.
//!
//! ```text
//! count      LEB128; a directory without children has a block of no bytes at all
//! widths     one nibble per field, low nibble first: bytes per value, 0 to 8
//! bases      per field, LEB128
//! rows       count × the sum of the widths: value − base, little endian
//! names      each followed by NUL, in byte order
//! ```

use memchr::{memchr, memchr_iter};

use self::field::Field;
use crate::metadata::{Flags, Kind, Stat, Time};

/// The fields of a row, in file order. A time is two fields: so no time is out of range, and file systems with whole
/// seconds pay nothing for nanoseconds.
pub(crate) const FIELDS: [&str; 12] = [
    "mode",
    "flags",
    "size",
    "mtime_sec",
    "mtime_nsec",
    "ctime_sec",
    "ctime_nsec",
    "inode",
    "uid",
    "gid",
    "nlink",
    "birth",
];

const COUNT: usize = FIELDS.len();
const MODE: usize = 0;
const FLAGS: usize = 1;
const INODE: usize = 7;
const NLINK: usize = 10;
const BIRTH: usize = 11;
const WIDTH_BYTES: usize = COUNT.div_ceil(2);

/// The fields that are stored as the difference from the smallest value in the directory. The others would save little,
/// and a base changes easily: then the rows of two snapshots could no longer be compared as bytes.
const WITH_BASE: [bool; COUNT] = [true, false, false, false, false, false, false, true, true, true, true, false];

/// One child of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child<'a> {
    /// Its name: not empty, without NUL and, except for roots, without slash.
    pub(crate) name: &'a [u8],
    /// Its metadata.
    pub(crate) stat: Stat,
    /// What the scan noted about it.
    pub(crate) flags: Flags,
}

impl Child<'_> {
    /// Its kind.
    pub(crate) fn kind(&self) -> Kind {
        self.stat.kind()
    }

    /// Whether it is a file with several names.
    pub(crate) fn is_linked(&self) -> bool {
        self.stat.nlink > 1 && self.kind() != Kind::Dir
    }

    /// Its flags as the index of the directories above it counts them.
    pub(crate) fn flags_above(&self) -> Flags {
        if self.is_linked() { self.flags | Flags::LINKED } else { self.flags }
    }
}

/// The values of a row. Seconds before 1970 take eight bytes.
fn to_fields(stat: &Stat, flags: Flags) -> [u64; COUNT] {
    [
        u64::from(stat.mode),
        u64::from(flags.bits()),
        stat.size,
        stat.mtime.sec.cast_unsigned(),
        u64::from(stat.mtime.nsec),
        stat.ctime.sec.cast_unsigned(),
        u64::from(stat.ctime.nsec),
        stat.ino,
        u64::from(stat.uid),
        u64::from(stat.gid),
        u64::from(stat.nlink),
        u64::from(stat.birth),
    ]
}

fn from_fields(f: &[u64; COUNT]) -> (Stat, Flags) {
    let time = |sec: u64, nsec: u64| Time::new(sec.cast_signed(), nsec as u32);
    let stat = Stat {
        mode: f[0] as u16,
        size: f[2],
        mtime: time(f[3], f[4]),
        ctime: time(f[5], f[6]),
        ino: f[7],
        uid: f[8] as u32,
        gid: f[9] as u32,
        nlink: f[10] as u32,
        birth: f[11] as u32,
    };
    (stat, Flags::from_bits_retain(f[1] as u8))
}

/// The number of bytes that hold `value`.
fn width(value: u64) -> u8 {
    (u64::BITS - value.leading_zeros()).div_ceil(8) as u8
}

/// The base of a field and how many bytes it takes, for these smallest and largest values.
fn packing(field: usize, lowest: u64, highest: u64) -> (u64, u8) {
    let (with_base, whole) = (width(highest - lowest), width(highest));
    if !WITH_BASE[field] || with_base == whole { (0, whole) } else { (lowest, with_base) }
}

fn put_leb128(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn take_leb128(data: &mut &[u8]) -> Option<u64> {
    // Most values are zero.
    if let [byte @ 0..0x80, rest @ ..] = *data {
        *data = rest;
        return Some(u64::from(*byte));
    }
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = data.split_first()?;
        *data = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends the block of `children`, which are sorted by name, to `out`. Goes over them several times and stores
/// nothing in between: a directory may be large.
pub(crate) fn encode<'a>(children: impl Iterator<Item = Child<'a>> + Clone, out: &mut Vec<u8>) {
    let (mut lowest, mut highest) = ([u64::MAX; COUNT], [0; COUNT]);
    let (mut count, mut names) = (0, 0);
    for child in children.clone() {
        let row = to_fields(&child.stat, child.flags);
        for i in 0..COUNT {
            if WITH_BASE[i] {
                lowest[i] = lowest[i].min(row[i]);
                highest[i] = highest[i].max(row[i]);
            } else {
                // The width of all values together is that of the largest one.
                highest[i] |= row[i];
            }
        }
        count += 1;
        names += child.name.len() + 1;
    }
    if count == 0 {
        return;
    }
    put_leb128(out, count as u64);
    let (mut bases, mut widths) = ([0; COUNT], [0; COUNT]);
    for i in 0..COUNT {
        let lowest = if WITH_BASE[i] { lowest[i] } else { 0 };
        (bases[i], widths[i]) = packing(i, lowest, highest[i]);
    }
    for pair in widths.chunks(2) {
        out.push(pair[0] | pair.get(1).unwrap_or(&0) << 4);
    }
    for base in bases {
        put_leb128(out, base);
    }
    let row_len: usize = widths.iter().map(|w| usize::from(*w)).sum();
    let stored: Vec<usize> = (0..COUNT).filter(|i| widths[*i] > 0).collect();
    let mut at = out.len();
    let rows_end = at + count * row_len;
    // Each field is written as eight bytes. The next field overwrites the surplus, so there are eight spare bytes at
    // the end.
    out.reserve(rows_end - at + names.max(8));
    out.resize(rows_end + 8, 0);
    for child in children.clone() {
        let row = to_fields(&child.stat, child.flags);
        for &i in &stored {
            out[at..at + 8].copy_from_slice(&(row[i] - bases[i]).to_le_bytes());
            at += usize::from(widths[i]);
        }
    }
    out.truncate(rows_end);
    for child in children {
        out.extend_from_slice(child.name);
        out.push(0);
    }
}

/// A parsed block: its bounds are checked, its values are read on access.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    count: usize,
    fields: [Field; COUNT],
    row_len: usize,
    /// The rows and the names after them, so that a field can be read as eight bytes.
    rows: &'a [u8],
    names: &'a [u8],
}

impl<'a> Block<'a> {
    /// Checks every bound; none if the bytes are not a block. Costs one pass over the names.
    pub(crate) fn parse(data: &'a [u8]) -> Option<Self> {
        let block = Self::parse_rows(data)?;
        (memchr_iter(0, block.names).count() == block.count).then_some(block)
    }

    /// Checks only the bounds of the rows: there may be fewer names than children.
    pub(crate) fn parse_rows(data: &'a [u8]) -> Option<Self> {
        let mut fields = [Field::default(); COUNT];
        if data.is_empty() {
            return Some(Self { count: 0, fields, row_len: 0, rows: &[], names: &[] });
        }
        let mut rest = data;
        let count = usize::try_from(take_leb128(&mut rest)?).ok().filter(|c| *c > 0)?;
        let widths;
        (widths, rest) = rest.split_at_checked(WIDTH_BYTES)?;
        let mut row_len = 0;
        for (i, field) in fields.iter_mut().enumerate() {
            field.offset = row_len;
            field.width = widths[i / 2] >> (4 * (i % 2)) & 0xf;
            if field.width > 8 {
                return None;
            }
            row_len += field.width;
            field.base = take_leb128(&mut rest)?;
        }
        let row_len = usize::from(row_len);
        let names = rest.get(count.checked_mul(row_len)?..)?;
        // Each child has a name of at least a NUL.
        (names.last() == Some(&0) && count <= names.len()).then_some(Self { count, fields, row_len, rows: rest, names })
    }

    /// The number of children.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// A child's row, and everything after it.
    #[inline]
    fn row(&self, row: usize) -> &'a [u8] {
        &self.rows[row * self.row_len..]
    }

    /// How many children are directories.
    pub(crate) fn directories(&self) -> usize {
        (0..self.count).filter(|row| self.is_directory(*row)).count()
    }

    /// Whether a child is a directory.
    pub(crate) fn is_directory(&self, row: usize) -> bool {
        self.kind(row) == Kind::Dir
    }

    /// The kind of a child.
    pub(crate) fn kind(&self, row: usize) -> Kind {
        Kind::from_mode(self.fields[MODE].of(self.row(row)) as u16)
    }

    /// The inode of a child.
    pub(crate) fn inode(&self, row: usize) -> u64 {
        self.fields[INODE].of(self.row(row))
    }

    /// What the scan noted about a child.
    pub(crate) fn flags(&self, row: usize) -> Flags {
        Flags::from_bits_retain(self.fields[FLAGS].of(self.row(row)) as u8)
    }

    /// All flags of the children that are not directories, as the index counts them.
    pub(crate) fn flags_of_files(&self) -> Flags {
        (0..self.count).filter(|row| !self.is_directory(*row)).fold(Flags::empty(), |all, row| {
            let is_linked = self.fields[NLINK].of(self.row(row)) > 1;
            all | self.flags(row) | if is_linked { Flags::LINKED } else { Flags::empty() }
        })
    }

    /// The inode and the number of names of each child that has several and is no directory.
    pub(crate) fn linked_files(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        let names = |row| self.fields[NLINK].of(self.row(row)) as u32;
        let linked = (0..self.count).filter(move |row| names(*row) > 1 && !self.is_directory(*row));
        linked.map(move |row| (self.inode(row), names(row)))
    }

    /// All flags of the children, as the index counts them.
    pub(crate) fn flags_above(&self) -> Flags {
        (0..self.count).fold(self.flags_of_files(), |all, row| all | self.flags(row))
    }

    /// The metadata of all children in name order.
    pub(crate) fn stats(&self) -> impl Iterator<Item = (Stat, Flags)> + '_ {
        (0..self.count).map(|row| self.stat(row))
    }

    /// A child. Its name comes from [`names`](Self::names).
    pub(crate) fn child(&self, row: usize, name: &'a [u8]) -> Child<'a> {
        let (stat, flags) = self.stat(row);
        Child { name, stat, flags }
    }

    #[inline]
    fn stat(&self, row: usize) -> (Stat, Flags) {
        from_fields(&Field::all(&self.fields, self.row(row)))
    }

    /// The names in order, each followed by NUL.
    pub(crate) fn names_with_nul(&self) -> &'a [u8] {
        self.names
    }

    /// The names in order.
    pub(crate) fn names(&self) -> Names<'a> {
        Names(self.names)
    }

    /// The children in name order.
    #[cfg(test)]
    fn children(&self) -> impl Iterator<Item = Child<'a>> {
        self.names().enumerate().map(|(row, name)| self.child(row, name))
    }
}

/// Iterates over the names of a block.
#[derive(Debug, Clone)]
pub(crate) struct Names<'a>(&'a [u8]);

impl Names<'_> {
    /// Skips this many names.
    pub(crate) fn skip_names(&mut self, count: usize) {
        self.0 = &self.0[self.end_of(count)..];
    }

    /// How many of the next `count` names are equal to the next ones of `other`.
    pub(crate) fn equal(&self, other: &Self, count: usize) -> usize {
        let names = &self.0[..self.end_of(count)];
        if other.0.starts_with(names) {
            return count;
        }
        let same = names.iter().zip(other.0).take_while(|(a, b)| a == b).count();
        // Another program may have written more NULs in the meantime.
        memchr_iter(0, &names[..same]).count().min(count)
    }

    /// Where the next `count` names end. NULs are counted many bytes at once, which is much faster than finding each.
    fn end_of(&self, count: usize) -> usize {
        const AT_ONCE: usize = 32;
        let (mut end, mut left) = (0, count);
        for bytes in self.0.as_chunks::<AT_ONCE>().0 {
            let ends: u8 = bytes.iter().map(|byte| u8::from(*byte == 0)).sum();
            if usize::from(ends) >= left {
                break;
            }
            (end, left) = (end + AT_ONCE, left - usize::from(ends));
        }
        let Some(last) = left.checked_sub(1) else { return end };
        memchr_iter(0, &self.0[end..]).nth(last).map_or(self.0.len(), |at| end + at + 1)
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (name, rest) = self.0.split_at_checked(memchr(0, self.0)?)?;
        self.0 = &rest[1..];
        Some(name)
    }
}

mod field;
mod pairing;
mod patch;

pub(crate) use pairing::Pairing;

#[cfg(test)]
mod tests;
