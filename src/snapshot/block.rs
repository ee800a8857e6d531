//! The block of one directory: its children's names and metadata, each column packed into as few
//! bytes as its range needs. The same children always give the same bytes.
//!
//! ```text
//! count      LEB128; a directory without children has a block of no bytes at all
//! widths     one nibble per column, low nibble first: bytes per value, 0 to 8
//! bases      per column, LEB128
//! columns    per column, count × width bytes, little endian: value − base
//! names      each followed by NUL, in byte order
//! ```

use memchr::{memchr, memchr_iter};

use crate::entry::{Flags, Kind, Stat, Time};

/// The columns of a block, in file order. A time is two columns, so that whole-second file systems
/// pay nothing for nanoseconds and no time is out of range.
pub(crate) const COLUMNS: [&str; 12] = [
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

const COUNT: usize = COLUMNS.len();
const MODE: usize = 0;
const FLAGS: usize = 1;
const BIRTH: usize = 11;
const WIDTH_BYTES: usize = COUNT.div_ceil(2);

/// Added to seconds, modulo 2⁶⁴: times from 1901 on are small numbers in the right order, and every
/// other time is still exact.
const EPOCH_SHIFT: u64 = 1 << 31;

/// One child of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child<'a> {
    /// Its name: not empty, no NUL and, but for roots, no slash.
    pub(crate) name: &'a [u8],
    /// Its metadata.
    pub(crate) stat: Stat,
    /// What the scan has to say of it.
    pub(crate) flags: Flags,
}

impl Child<'_> {
    /// Its kind.
    pub(crate) fn kind(&self) -> Kind {
        self.stat.kind()
    }
}

fn to_columns(stat: &Stat, flags: Flags) -> [u64; COUNT] {
    [
        u64::from(stat.mode),
        u64::from(flags.bits()),
        stat.size,
        stat.mtime.sec.cast_unsigned().wrapping_add(EPOCH_SHIFT),
        u64::from(stat.mtime.nsec),
        stat.ctime.sec.cast_unsigned().wrapping_add(EPOCH_SHIFT),
        u64::from(stat.ctime.nsec),
        stat.ino,
        u64::from(stat.uid),
        u64::from(stat.gid),
        u64::from(stat.nlink),
        u64::from(stat.birth),
    ]
}

fn from_columns(c: &[u64; COUNT]) -> (Stat, Flags) {
    let time = |sec: u64, nsec: u64| Time::new(sec.wrapping_sub(EPOCH_SHIFT).cast_signed(), nsec as u32);
    let stat = Stat {
        mode: c[0] as u16,
        size: c[2],
        mtime: time(c[3], c[4]),
        ctime: time(c[5], c[6]),
        ino: c[7],
        uid: c[8] as u32,
        gid: c[9] as u32,
        nlink: c[10] as u32,
        birth: c[11] as u32,
    };
    (stat, Flags::from_bits_retain(c[1] as u8))
}

/// The number of bytes that hold `value`.
fn width(value: u64) -> u8 {
    (u64::BITS - value.leading_zeros()).div_ceil(8) as u8
}

fn put_leb128(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_leb128(data: &mut &[u8]) -> Option<u64> {
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

/// Turns sorted children into blocks; keeps its buffer from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    rows: Vec<[u64; COUNT]>,
}

impl Encoder {
    /// Appends the block of `children`, which are sorted by name, to `out`.
    pub(crate) fn encode<'a>(&mut self, children: impl Iterator<Item = Child<'a>> + Clone, out: &mut Vec<u8>) {
        self.rows.clear();
        let mut lowest = [u64::MAX; COUNT];
        let mut highest = [0; COUNT];
        for child in children.clone() {
            let row = to_columns(&child.stat, child.flags);
            for i in 0..COUNT {
                lowest[i] = lowest[i].min(row[i]);
                highest[i] = highest[i].max(row[i]);
            }
            self.rows.push(row);
        }
        if self.rows.is_empty() {
            return;
        }
        put_leb128(out, self.rows.len() as u64);
        let mut widths = [0; COUNT];
        for i in 0..COUNT {
            widths[i] = width(highest[i] - lowest[i]);
            if widths[i] == width(highest[i]) {
                // The base would cost bytes and save none.
                lowest[i] = 0;
            }
        }
        for pair in widths.chunks(2) {
            out.push(pair[0] | pair.get(1).unwrap_or(&0) << 4);
        }
        for base in lowest {
            put_leb128(out, base);
        }
        for i in 0..COUNT {
            let bytes = usize::from(widths[i]);
            for row in &self.rows {
                out.extend_from_slice(&(row[i] - lowest[i]).to_le_bytes()[..bytes]);
            }
        }
        for child in children {
            out.extend_from_slice(child.name);
            out.push(0);
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Column {
    offset: usize,
    width: usize,
    mask: u64,
    base: u64,
}

/// A parsed block: its bounds are checked, its values are read on access.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Block<'a> {
    data: &'a [u8],
    count: usize,
    columns: [Column; COUNT],
    names: &'a [u8],
}

impl<'a> Block<'a> {
    /// Checks every bound; none if the bytes are no block. Costs a pass over the names.
    pub(crate) fn parse(data: &'a [u8]) -> Option<Self> {
        let block = Self::parse_columns(data)?;
        (memchr_iter(0, block.names).count() == block.count).then_some(block)
    }

    /// Checks the bounds of the columns only: whoever asks for names may get too few.
    pub(crate) fn parse_columns(data: &'a [u8]) -> Option<Self> {
        let mut block = Self { data, count: 0, columns: [Column::default(); COUNT], names: &[] };
        if data.is_empty() {
            return Some(block);
        }
        let mut rest = data;
        block.count = usize::try_from(take_leb128(&mut rest)?).ok().filter(|c| *c > 0)?;
        let widths;
        (widths, rest) = rest.split_at_checked(WIDTH_BYTES)?;
        for (i, column) in block.columns.iter_mut().enumerate() {
            column.width = usize::from(widths[i / 2] >> (4 * (i % 2)) & 0xf);
            column.mask = match column.width {
                0 => 0,
                w @ 1..=8 => u64::MAX >> (64 - 8 * w),
                _ => return None,
            };
            column.base = take_leb128(&mut rest)?;
        }
        for column in &mut block.columns {
            column.offset = data.len() - rest.len();
            rest = rest.get(block.count.checked_mul(column.width)?..)?;
        }
        block.names = rest;
        (rest.last() == Some(&0)).then_some(block)
    }

    /// The number of children.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    #[inline]
    fn value(&self, column: usize, row: usize) -> u64 {
        let c = &self.columns[column];
        if c.width == 0 {
            return c.base;
        }
        let at = c.offset + row * c.width;
        let raw = if let Some(bytes) = self.data[at..].first_chunk::<8>() {
            u64::from_le_bytes(*bytes) & c.mask
        } else {
            let mut bytes = [0; 8];
            bytes[..c.width].copy_from_slice(&self.data[at..at + c.width]);
            u64::from_le_bytes(bytes)
        };
        c.base.wrapping_add(raw)
    }

    /// How many children are directories.
    pub(crate) fn directories(&self) -> usize {
        (0..self.count).filter(|row| self.is_directory(*row)).count()
    }

    /// What is stored of a column.
    fn bytes(&self, column: usize) -> &'a [u8] {
        let c = &self.columns[column];
        &self.data[c.offset..c.offset + self.count * c.width]
    }

    /// Whether a child is a directory.
    pub(crate) fn is_directory(&self, row: usize) -> bool {
        Kind::from_mode(self.value(MODE, row) as u16) == Kind::Dir
    }

    /// What the scan has to say of a child.
    pub(crate) fn flags(&self, row: usize) -> Flags {
        Flags::from_bits_retain(self.value(FLAGS, row) as u8)
    }

    /// A child; its name comes from [`names`](Self::names).
    pub(crate) fn child(&self, row: usize, name: &'a [u8]) -> Child<'a> {
        let (stat, flags) = from_columns(&std::array::from_fn(|i| self.value(i, row)));
        Child { name, stat, flags }
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

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (name, rest) = self.0.split_at_checked(memchr(0, self.0)?)?;
        self.0 = &rest[1..];
        Some(name)
    }
}

/// Compares the children of two blocks. Columns that are equal as a whole, byte for byte, are not looked
/// at again: a changed file changes three or four columns of its directory.
#[derive(Debug)]
pub(crate) struct Pairing {
    columns: Vec<usize>,
    /// With the same names on both sides: a bit per child that differs.
    differing: Option<Vec<u64>>,
    /// Some child of either has a flag.
    pub(crate) flagged: bool,
}

impl Pairing {
    pub(crate) fn new(a: &Block<'_>, b: &Block<'_>) -> Self {
        let same_names = a.names == b.names;
        let no_flags = |block: &Block<'_>| block.columns[FLAGS].width == 0 && block.columns[FLAGS].base == 0;
        let equal = |i: usize| {
            let (x, y) = (&a.columns[i], &b.columns[i]);
            let alike = x.width == y.width && x.base == y.base;
            alike && (x.width == 0 || same_names && a.bytes(i) == b.bytes(i))
        };
        // Flags and birth time take no part in what "unchanged" means.
        let columns: Vec<_> = (0..COUNT).filter(|i| *i != FLAGS && *i != BIRTH && !equal(*i)).collect();
        let differing = same_names.then(|| {
            let mut rows = vec![0_u64; a.count.div_ceil(64)];
            for column in &columns {
                for (at, bits) in rows.iter_mut().enumerate() {
                    for row in at * 64..a.count.min(at * 64 + 64) {
                        *bits |= u64::from(a.value(*column, row) != b.value(*column, row)) << (row % 64);
                    }
                }
            }
            rows
        });
        Self { columns, differing, flagged: !no_flags(a) || !no_flags(b) }
    }

    /// Whether both blocks hold the same names, so that children in the same place are the same.
    pub(crate) fn same_names(&self) -> bool {
        self.differing.is_some()
    }

    /// Whether two children of the same name have the same metadata.
    pub(crate) fn equal(&self, a: &Block<'_>, a_row: usize, b: &Block<'_>, b_row: usize) -> bool {
        match &self.differing {
            Some(rows) => rows[a_row / 64] >> (a_row % 64) & 1 == 0,
            None => self.columns.iter().all(|column| a.value(*column, a_row) == b.value(*column, b_row)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(children: &[Child<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::default().encode(children.iter().copied(), &mut out);
        out
    }

    prop_compose! {
        fn time()(sec in prop_oneof![any::<i64>(), 1_600_000_000..1_800_000_000_i64], nsec in 0..1_000_000_000_u32) -> Time {
            Time::new(sec, nsec)
        }
    }

    prop_compose! {
        fn stat()(mode: u16, nlink: u32, uid in 0..3000_u32, gid: u32, ino: u64, size: u64, mtime in time(), ctime in time(), birth: u32) -> Stat {
            Stat { mode, nlink, uid, gid, ino, size, mtime, ctime, birth }
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            rows in prop::collection::btree_map(prop::collection::vec(1..=255_u8, 1..40), (stat(), any::<u8>()), 0..40)
        ) {
            let children: Vec<_> = rows
                .iter()
                .map(|(name, (stat, flags))| Child { name, stat: *stat, flags: Flags::from_bits_retain(*flags) })
                .collect();
            let bytes = encode(&children);
            let block = Block::parse(&bytes).expect("own block");
            prop_assert_eq!(block.len(), children.len());
            prop_assert_eq!(block.children().collect::<Vec<_>>(), children);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(block) = Block::parse(&bytes) {
                prop_assert_eq!(block.children().count(), block.len());
            }
        }

        #[test]
        fn no_cut_or_flip_makes_it_panic(rows in prop::collection::vec(stat(), 1..20), cut: prop::sample::Index, flip: prop::sample::Index) {
            let names: Vec<_> = (0..rows.len()).map(|i| format!("{i:03}")).collect();
            let children: Vec<_> = rows.iter().zip(&names)
                .map(|(s, n)| Child { name: n.as_bytes(), stat: *s, flags: Flags::empty() }).collect();
            let mut bytes = encode(&children);
            prop_assert!(Block::parse(&bytes[..cut.index(bytes.len())]).is_none_or(|b| b.children().count() == b.len()));
            let at = flip.index(bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert!(Block::parse(&bytes).is_none_or(|b| b.children().count() == b.len()));
        }
    }

    #[test]
    fn format_md_names_the_columns_and_flags() {
        let page = include_str!("../../FORMAT.md");
        let table =
            page.split("The columns, in order:").nth(1).and_then(|t| t.split("The flags").next()).expect("a table");
        let names: Vec<_> = table.lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(names, COLUMNS);
        let bits = page.split("| bit | flag |").nth(1).and_then(|t| t.split("*Rationale*").next()).expect("a table");
        let names: Vec<_> = bits
            .lines()
            .filter_map(|l| {
                let mut cells = l.split('|').map(str::trim).skip(1);
                let bit: u8 = cells.next()?.parse().ok()?;
                Some((bit, cells.next()?.to_uppercase().replace(' ', "_")))
            })
            .collect();
        let flags: Vec<_> =
            Flags::all().iter_names().map(|(n, f)| (f.bits().trailing_zeros() as u8, n.to_owned())).collect();
        assert_eq!(names, flags);
    }

    #[test]
    fn equal_values_cost_nothing() {
        let stat = Stat { mode: 0o100_644, uid: 1000, gid: 1000, nlink: 1, ..Stat::default() };
        let names: Vec<_> = (0..100).map(|i| format!("{i:03}")).collect();
        let children: Vec<_> =
            names.iter().map(|n| Child { name: n.as_bytes(), stat, flags: Flags::empty() }).collect();
        assert!(encode(&children).len() < 100 * 4 + 50);
    }

    #[test]
    fn no_children_no_bytes() {
        assert!(encode(&[]).is_empty());
        assert_eq!(Block::parse(&[]).expect("empty").len(), 0);
    }
}
