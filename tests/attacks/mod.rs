//! Attacks on the promises of docs/guarantees.md: races, faults, damage, crashes, hostile trees. A few tries
//! of each belong to every test run; `just test-faults` tries hundreds and prints a table.

mod filesystems;
mod guarantees;
mod nfs;
mod remounts;
pub(crate) mod report;
mod roots;
