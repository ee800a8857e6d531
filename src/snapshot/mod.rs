//! The snapshot file: layout, building, reading, verifying. FORMAT.md describes it byte by byte.

mod block;
mod builder;
mod counting;
mod entries;
mod header;
mod listing;
mod open;
mod overlay;
mod reader;
mod reflag;
mod revised;
mod store;
mod tables;
mod verify;
mod writer;

pub(crate) use block::{Child, Pairing};
pub(crate) use builder::{Builder, Finished};
pub use entries::{Entries, Entry};
pub(crate) use header::digest;
pub use header::{Counts, Digest, FORMAT_VERSION, Header, MAGIC, WalkerKind};
pub(crate) use listing::{Listing, Node, PackedNode};
pub(crate) use reader::Row;
pub use reader::Snapshot;
pub(crate) use tables::same_question;
pub use tables::{Device, Meta};
pub use verify::Verified;
