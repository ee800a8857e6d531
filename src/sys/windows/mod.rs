//! What Windows needs of its own: handles relative to a directory, listings, volumes.

#[cfg(windows)]
mod handle;
mod listing;
#[cfg(windows)]
pub(crate) mod native;
#[cfg(windows)]
pub(super) mod process;
#[cfg(windows)]
pub(crate) mod usn;
#[cfg(windows)]
pub(super) mod volume;
