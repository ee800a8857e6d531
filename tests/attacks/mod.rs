//! Attacks on the promises of docs/guarantees.md: races, faults, damage, crashes, hostile trees. A few tries
//! of each belong to every test run; `just test-faults` tries hundreds and prints a table.

mod crash;
mod cut;
mod damage;
mod fuzzed;
mod guarantees;
mod limits;
pub(crate) mod report;
