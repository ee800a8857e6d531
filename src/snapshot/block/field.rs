//! One field of the rows of a block: how its values are unpacked.

/// Where the values of a field lie in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Field {
    pub(super) offset: u8,
    /// In bytes; 0 if all values are the base.
    pub(super) width: u8,
    pub(super) base: u64,
}

/// The bits of so many bytes; a width has four bits, and is at most 8.
const MASKS: [u64; 16] = {
    let mut masks = [u64::MAX; 16];
    let mut width = 0;
    while width < 8 {
        masks[width] = (1 << (8 * width)) - 1;
        width += 1;
    }
    masks
};

/// A row has at most 96 bytes. So many behind its start are enough to read each field as eight bytes, whatever its
/// offset says.
const ROW_AND_MORE: usize = 128 + 8;

impl Field {
    /// The value in a row, behind which more may follow.
    #[inline]
    pub(super) fn of(self, row: &[u8]) -> u64 {
        if self.width == 0 {
            return self.base;
        }
        let (offset, width) = (usize::from(self.offset), usize::from(self.width));
        let raw = if let Some(bytes) = row[offset..].first_chunk() {
            u64::from_le_bytes(*bytes) & MASKS[width & 15]
        } else {
            // The last row of the last block may have fewer than eight bytes after it.
            let mut bytes = [0; 8];
            bytes[..width].copy_from_slice(&row[offset..offset + width]);
            u64::from_le_bytes(bytes)
        };
        self.base.wrapping_add(raw)
    }

    /// The values of all fields.
    #[inline]
    pub(super) fn all<const COUNT: usize>(fields: &[Self; COUNT], row: &[u8]) -> [u64; COUNT] {
        let mut values = [0; COUNT];
        let each = values.iter_mut().zip(fields);
        if let Some(row) = row.first_chunk() {
            each.for_each(|(value, field)| *value = field.of_long(row));
        } else {
            each.for_each(|(value, field)| *value = field.of(row));
        }
        values
    }

    /// The same where enough bytes follow: without a branch.
    #[inline]
    fn of_long(self, row: &[u8; ROW_AND_MORE]) -> u64 {
        let at = usize::from(self.offset & 127);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&row[at..at + 8]);
        self.base.wrapping_add(u64::from_le_bytes(bytes) & MASKS[usize::from(self.width & 15)])
    }
}
