//! The tests that run on every system, and on Windows under Wine too: the program and the library by what they promise,
//! with nothing of Unix. The others, in tests/main.rs, need Linux: its file systems, mounts, signals and programs.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test")]

mod backup;
mod crash;
mod damage;
#[cfg(feature = "duplicati")]
mod duplicati;
mod forms;
mod jobs;
mod model;
mod names;
mod place;
mod snapshots;
#[cfg(windows)]
mod windows;
