//! The snapshot file: layout, building, reading, verifying. FORMAT.md describes it byte by byte.

mod block;
mod builder;
mod counting;
mod entries;
mod header;
mod late_racy;
mod listing;
mod open;
mod overlay;
mod patch_dir;
mod reader;
mod spill;
mod tables;
mod verify;
mod writer;

pub(crate) use block::{Child, Pairing};
pub(crate) use builder::{Builder, BuiltDir};
pub use entries::{Entries, Entry};
pub(crate) use header::digest;
pub use header::{Counts, Digest, FORMAT_VERSION, Header, MAGIC, WalkerKind};
pub(crate) use listing::{Listing, Node, PackedNode};
pub(crate) use reader::Row;
pub use reader::Snapshot;
pub(crate) use tables::same_scope;
pub use tables::{Device, Meta};
pub use verify::Verified;
