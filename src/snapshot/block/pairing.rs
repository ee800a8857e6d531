//! Compares children of two blocks without unpacking them.

use super::{BIRTH, Block, COUNT, FLAGS};

/// How to compare the children of two blocks. If both have the same layout, rows are compared as bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairing {
    /// Both blocks have the same widths and bases.
    pub(crate) same_layout: bool,
    /// Both blocks hold the same names.
    pub(crate) same_names: bool,
    /// A child of either block has a flag.
    pub(crate) flagged: bool,
}

impl Pairing {
    pub(crate) fn new(a: &Block<'_>, b: &Block<'_>) -> Self {
        let flagless = |block: &Block<'_>| block.fields[FLAGS].width == 0 && block.fields[FLAGS].base == 0;
        Self {
            same_layout: a.fields == b.fields,
            same_names: a.names == b.names,
            flagged: !flagless(a) || !flagless(b),
        }
    }

    /// How many children, from these on and at most `limit`, have equal rows, flags included. Only for blocks of the
    /// same layout.
    pub(crate) fn equal_rows(a: &Block<'_>, a_row: usize, b: &Block<'_>, b_row: usize, limit: usize) -> usize {
        const AT_ONCE: usize = 32;
        let limit = limit.min(a.count - a_row).min(b.count - b_row);
        let len = a.row_len;
        let (a, b) = (&a.row(a_row)[..limit * len], &b.row(b_row)[..limit * len]);
        let pieces = a.as_chunks::<AT_ONCE>().0.iter().zip(b.as_chunks().0);
        let mut equal = (pieces.take_while(|(a, b)| a == b).count() * AT_ONCE).checked_div(len).unwrap_or(limit);
        let row = |rows: &[u8], at: usize| rows[at * len..][..len] == b[at * len..][..len];
        while equal < limit && row(a, equal) {
            equal += 1;
        }
        equal
    }

    /// Whether two children have the same metadata. Flags do not count.
    pub(crate) fn equal(self, a: &Block<'_>, a_row: usize, b: &Block<'_>, b_row: usize) -> bool {
        let (a_bytes, b_bytes) = (a.row(a_row), b.row(b_row));
        if self.same_layout && a_bytes[..a.row_len] == b_bytes[..b.row_len] {
            return true;
        }
        // The birth time does not count either: see `Stat::birth`.
        (0..COUNT).filter(|i| *i != FLAGS && *i != BIRTH).all(|i| a.fields[i].of(a_bytes) == b.fields[i].of(b_bytes))
    }
}
