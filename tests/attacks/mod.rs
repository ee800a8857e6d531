//! Attacks on the promises of docs/guarantees.md: races, faults, damage, crashes, hostile trees. A few tries
//! of each belong to every test run; `just test-faults` tries hundreds and prints a table.

mod crash;
mod cut;
mod damage;
pub(crate) mod draw;
mod filesystems;
mod fuse_files;
mod fuse_hang;
mod fuse_inodes;
mod fuse_stamps;
mod fuzzed;
mod guarantees;
mod hints;
mod hostile;
mod inodes;
mod limits;
mod mount_places;
mod nfs;
mod racy;
mod refusals;
mod remounts;
pub(crate) mod report;
mod roots;
mod stress;
mod subvolumes;
mod threats;
mod tsan;
mod unreadable;
