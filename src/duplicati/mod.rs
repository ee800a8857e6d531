//! What Duplicati tells about a job: its database, its options, and whether a change list may be relied on. It
//! reads; nothing here walks, writes a list or speaks to anybody.

mod database;
mod eligibility;
mod filters;
mod note;
mod outcome;
mod settings;
mod unstored;
mod version;

pub use database::{DatabaseError, DatabaseProblem, JobDatabase, JobRow, StoredPaths, Version};
pub use eligibility::{Settled, baseline_gate, common_gate, settle};
pub use filters::filters_differ;
pub use note::HookNote;
pub use outcome::{BackupRun, RunOutcome};
pub use settings::Settings;
pub use unstored::Unstored;
pub use version::DuplicatiVersion;
