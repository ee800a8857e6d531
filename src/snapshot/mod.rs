//! The snapshot file: how it is laid out, built, written, read and verified. FORMAT.md describes it byte by byte.
//!
//! From the bottom up: `digest`, `system`, `header`, `block`, `index`, `overlay`, `meta` and `stored_meta` are parts of
//! the file. `mapping`, `reader` and `open` read it; `listing`, `entries` and `verify` stand on them. `spill`,
//! `counting` and `builder` collect what a scan found, `patch_dir` and `late_racy` change it, and `writer` writes it.

mod block;
mod builder;
mod counting;
mod digest;
mod entries;
mod header;
mod index;
mod late_racy;
mod listing;
mod mapping;
mod meta;
mod open;
mod overlay;
mod patch_dir;
mod reader;
mod spill;
mod stored_meta;
mod system;
mod verify;
mod writer;

pub(crate) use block::{Child, Pairing};
pub(crate) use builder::{Builder, BuiltDir};
pub use digest::Digest;
pub(crate) use digest::digest;
pub use entries::{Entries, Entry};
pub use header::{Counts, FORMAT_VERSION, Header, MAGIC, WalkerKind};
pub(crate) use index::Row;
pub(crate) use listing::{Listing, Node, PackedNode};
pub(crate) use meta::same_scope;
pub use meta::{Device, Meta};
pub use reader::Snapshot;
pub use system::System;
pub use verify::Verified;
