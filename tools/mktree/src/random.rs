//! Random numbers that depend on the seed and on what they are for, never on the order in which threads ask.

use fastrand::Rng;

/// What a stream of random numbers is for; two purposes never share a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Shape = 1,
    Names = 2,
    Files = 3,
    HardLinks = 4,
    Edits = 5,
}

/// The stream for one purpose and one item (a directory, a link) of a seed.
pub(crate) fn stream(seed: u64, purpose: Purpose, item: usize) -> Rng {
    let purpose = purpose as u64;
    Rng::with_seed(mix(mix(mix(seed) ^ purpose) ^ item as u64))
}

/// The finalizer of `SplitMix64`: spreads neighbouring seeds over the whole range.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
