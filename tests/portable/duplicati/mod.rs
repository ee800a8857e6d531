//! Duplicati on this system: the model of tests/duplicati by the rules of Windows where that is the system, and the
//! hook.

// The model is that of tests/main.rs, which needs more of it.
#[path = "../../duplicati/database.rs"]
mod database;
#[cfg(windows)]
mod hook;
#[expect(dead_code, reason = "the tests for Linux need more of it")]
#[path = "../../duplicati/job.rs"]
mod job;
#[path = "../../duplicati/options.rs"]
mod options;
#[expect(dead_code, reason = "the tests for Linux need more of it")]
#[path = "../../duplicati/records.rs"]
mod records;
mod rounds;
#[path = "../../duplicati/tree.rs"]
mod tree;
