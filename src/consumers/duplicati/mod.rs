//! Everything about Duplicati: the list, and what the job's database and the options of the backup say about it.
//! Nothing here walks, prints or runs anything.

mod consumer;
mod database;
mod eligibility;
mod filters;
mod list;
mod listed_paths;
mod note;
mod outcome;
mod settings;
mod spelling;
mod translate;
mod unread;
mod unstored;
mod version;

pub use consumer::Duplicati;
pub use database::{DatabaseError, DatabaseProblem, JobDatabase, JobRow, StoredPaths, Version};
pub use eligibility::{FullScan, Ineligible, Settled, baseline_eligibility, eligibility, settle};
pub use filters::{FilterDifference, filters_differ, unstored};
pub use list::{DuplicatiList, DuplicatiOptions};
pub use note::HookNote;
pub use outcome::{BackupRun, RunOutcome};
pub use settings::Settings;
pub use unread::{FoundFile, Lookalike, ReadRule, Unread, changed_files};
pub use unstored::Unstored;
pub use version::DuplicatiVersion;
