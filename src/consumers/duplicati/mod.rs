//! Everything about Duplicati: the list, and what the job's database and the options of the backup say about it.
//! Nothing here walks, prints or runs anything.

mod database;
mod eligibility;
mod filters;
mod list;
mod note;
mod outcome;
mod settings;
mod spelling;
mod unstored;
mod version;

pub use database::{DatabaseError, DatabaseProblem, JobDatabase, JobRow, StoredPaths, Version};
pub use eligibility::{Settled, baseline_gate, common_gate, settle};
pub use filters::filters_differ;
pub use list::{DuplicatiList, DuplicatiOptions, duplicati};
pub use note::HookNote;
pub use outcome::{BackupRun, RunOutcome};
pub use settings::Settings;
pub use unstored::Unstored;
pub use version::DuplicatiVersion;
