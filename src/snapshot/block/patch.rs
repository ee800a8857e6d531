//! Changes the metadata of a few children of a block without unpacking the others.

use super::{Block, COUNT, Child, packing, to_fields};

impl Block<'_> {
    /// The block with other metadata for these children, each with its position; `data` is the block itself. None if
    /// the new values need another layout.
    pub(crate) fn patched(&self, data: &[u8], children: &[(u32, Child<'_>)]) -> Option<Vec<u8>> {
        let mut bytes = data.to_vec();
        let rows = data.len() - self.rows.len();
        let values: Vec<_> =
            children.iter().map(|(row, child)| (*row as usize, to_fields(&child.stat, child.flags))).collect();
        // Another program may have changed the bytes since the positions were read.
        if values.iter().any(|(row, _)| *row >= self.count) {
            return None;
        }
        for (i, field) in self.fields.iter().enumerate().take(COUNT) {
            if values.iter().all(|(row, value)| field.of(self.row(*row)) == value[i]) {
                continue;
            }
            let mut patches = values.iter().peekable();
            let (mut lowest, mut highest) = (u64::MAX, 0);
            for row in 0..self.count {
                let patch = patches.next_if(|(patched, _)| *patched == row);
                let value = patch.map_or_else(|| field.of(self.row(row)), |(_, value)| value[i]);
                (lowest, highest) = (lowest.min(value), highest.max(value));
            }
            if packing(i, lowest, highest) != (field.base, field.width) {
                return None;
            }
            let width = usize::from(field.width);
            for (row, value) in &values {
                let at = rows + row * self.row_len + usize::from(field.offset);
                bytes[at..at + width].copy_from_slice(&(value[i] - field.base).to_le_bytes()[..width]);
            }
        }
        Some(bytes)
    }
}
