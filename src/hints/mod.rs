//! What is known of where a tree changed: hints from a watcher, and what they prove (law 4).

mod dirty;

pub(crate) use dirty::{Dirty, DirtyId};
