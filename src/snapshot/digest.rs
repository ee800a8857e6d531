//! Digests: of bytes, and of a directory together with everything below it.

use xxhash_rust::xxh3::{Xxh3Default, xxh3_128};

/// A 128-bit digest, XXH3 in its canonical (big-endian) byte order.
pub type Digest = [u8; 16];

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    canonical(xxh3_128(bytes))
}

#[expect(clippy::big_endian_bytes, reason = "the canonical representation of XXH3 is big endian")]
fn canonical(hash: u128) -> Digest {
    hash.to_be_bytes()
}

/// A larger block is hashed in place. A smaller one is copied, which is faster than to hash in two steps.
const COPIED: usize = 16 * 1024;

/// The digest of a directory: its block, then digest, size and flags of each child directory.
pub(super) fn directory_digest(block: &[u8], subdirs: impl ExactSizeIterator<Item = (Digest, u32, u8)>) -> Digest {
    if subdirs.len() == 0 {
        return digest(block);
    }
    let mut bytes = Vec::with_capacity(subdirs.len() * 21 + if block.len() <= COPIED { block.len() } else { 0 });
    if block.len() <= COPIED {
        bytes.extend_from_slice(block);
    }
    for (digest, subtree, flags) in subdirs {
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&subtree.to_le_bytes());
        bytes.push(flags);
    }
    if block.len() <= COPIED {
        return digest(&bytes);
    }
    let mut hasher = Xxh3Default::new();
    hasher.update(block);
    hasher.update(&bytes);
    canonical(hasher.digest128())
}
