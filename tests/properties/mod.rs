//! The promises against a plain model: random small trees on a real file system, random edits, and a list of
//! paths with their metadata in memory. The file system is that of TMPDIR.

pub(crate) mod edits;
pub(crate) mod model;
pub(crate) mod names;
pub(crate) mod place;

mod base;
mod differences;
mod filters;
mod hints;
mod name_collisions;
mod racy;
mod renames;
mod snapshots;

use proptest::test_runner::Config;

/// This many cases, unless `PROPTEST_CASES` asks for another number. A case takes some milliseconds: its files are
/// real, and its snapshots are synced.
pub(crate) fn cases(number: u32) -> Config {
    let mut config = Config { max_shrink_iters: 2_000, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = number;
    }
    config
}
