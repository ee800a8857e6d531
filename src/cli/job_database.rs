//! The database that a backup program keeps of a job, as an option and as a key of a definition. Today only Duplicati
//! needs one: this is the only place in the command line that names it, beside its hook.

use std::path::{Path, PathBuf};

use fastdiff::consumers::{Consumer, DatabaseChoice};
use fastdiff::jobs::Job;
use fastdiff::{Error, Refusal};
#[cfg(feature = "duplicati")]
use fastdiff::{
    Snapshot,
    consumers::duplicati::{HookNote, JobDatabase, Settled, settle},
    jobs::RunRecord,
    path::{absolute, to_bytes},
};

use super::Failure;
use super::advice::Advised;

/// The key in the definition of a job.
pub(super) const KEY: &str = "duplicati-db";

/// The value for doing without a database.
const WITHOUT: &str = "none";

/// What to do if it is missing.
pub(super) const HOW_TO_NAME_IT: &str =
    "pass --duplicati-db FILE (in a job: duplicati-db), or `none` instead of FILE to take that risk";

/// The examples of `diff`, and what to know before using them.
#[cfg(feature = "duplicati")]
pub(super) const EXAMPLE: &str = "
  fastdiff diff old.snap new.snap --emit duplicati \\
      --duplicati-db ~/.config/Duplicati/ABCDEFGHIJ.sqlite";
#[cfg(not(feature = "duplicati"))]
pub(super) const EXAMPLE: &str = "";

/// The example of `job add`.
#[cfg(feature = "duplicati")]
pub(super) const JOB_EXAMPLE: &str = "\n  fastdiff job add documents ~/Documents --consumer duplicati \\
      --duplicati-db ~/.config/Duplicati/ABCDEFGHIJ.sqlite";
#[cfg(not(feature = "duplicati"))]
pub(super) const JOB_EXAMPLE: &str = "";

/// What `diff --help` says of the list.
#[cfg(feature = "duplicati")]
pub(super) const TO_KNOW: &str = "

This needs Duplicati 2.2.0.104 or later. The roots of the snapshots must be exactly the job's sources, and the \
snapshots must leave out at least what Duplicati's filters leave out (--exclude-caches among them): Duplicati backs up \
what is listed and does not ask its filters about the folders above. If a list cannot be expressed, nothing is printed \
and the exit code is 3: then let Duplicati scan by itself. Pass the whole output on: if Duplicati has to read a \
file that looks as it is stored, a third line is --disable-filetime-check=true.";
#[cfg(not(feature = "duplicati"))]
pub(super) const TO_KNOW: &str = "";

#[derive(Default, clap::Args)]
pub(super) struct DatabaseArgs {
    /// Duplicati's job database. It is needed because unchanged files with several stored versions must be listed too.
    /// Otherwise Duplicati may put another of their versions into the new backup without saying so. `none` does
    /// without the database and takes that risk
    #[cfg(feature = "duplicati")]
    #[arg(long, value_name = "FILE|none", value_hint = clap::ValueHint::FilePath)]
    duplicati_db: Option<PathBuf>,
}

impl DatabaseArgs {
    #[cfg(feature = "duplicati")]
    fn given(&self) -> Option<&Path> {
        self.duplicati_db.as_deref()
    }

    #[cfg(not(feature = "duplicati"))]
    #[expect(clippy::unused_self, reason = "there is no such option without Duplicati")]
    fn given(&self) -> Option<&Path> {
        None
    }

    /// The user's choice for a consumer. `whole` makes the path of a file absolute.
    pub(super) fn choice(
        &self,
        consumer: &dyn Consumer,
        whole: impl FnOnce(&Path) -> Result<PathBuf, Failure>,
    ) -> Result<DatabaseChoice, Failure> {
        match self.given() {
            Some(_) if !consumer.needs_database() => {
                Err(Failure::Other(format!("--{KEY} is for duplicati only; leave it out for {}", consumer.name())))
            }
            given => read(given, whole),
        }
    }
}

/// Refuses a list for a consumer that needs a database, and for which nobody has chosen one.
pub(super) fn check(consumer: &dyn Consumer, choice: &DatabaseChoice) -> Result<(), Failure> {
    if consumer.needs_database() && *choice == DatabaseChoice::NotGiven {
        let refused = Error::Refused { consumer: consumer.name(), refusal: Refusal::NoDatabase };
        return Err(Failure::Other(Advised(&refused).to_string()));
    }
    Ok(())
}

/// The choice that a text stands for.
pub(super) fn read<E>(
    given: Option<&Path>,
    whole: impl FnOnce(&Path) -> Result<PathBuf, E>,
) -> Result<DatabaseChoice, E> {
    match given {
        None => Ok(DatabaseChoice::NotGiven),
        Some(none) if none == Path::new(WITHOUT) => Ok(DatabaseChoice::Without),
        Some(file) => Ok(DatabaseChoice::File(whole(file)?)),
    }
}

/// The text for a choice.
pub(super) fn shown(choice: &DatabaseChoice) -> Option<&Path> {
    match choice {
        DatabaseChoice::NotGiven => None,
        DatabaseChoice::Without => Some(Path::new(WITHOUT)),
        DatabaseChoice::File(file) => Some(file),
    }
}

/// The pending run whose backup succeeded, as the job database tells. The next call of the hook makes it the baseline.
#[cfg(feature = "duplicati")]
pub(super) fn succeeded(job: &Job) -> Option<u64> {
    let pending = job.state().ok()??.pending?;
    let note = HookNote::from_map(&pending.note)?;
    let database = JobDatabase::open(&note.database).ok()?;
    let settled = settle(&note, &note.database, &database, &holds(job.dir(), &pending)).ok()?;
    matches!(settled, Settled::Commit { .. }).then_some(pending.run)
}

/// Without Duplicati there is no such database.
#[cfg(not(feature = "duplicati"))]
pub(super) fn succeeded(_job: &Job) -> Option<u64> {
    None
}

/// Whether the snapshot of a run holds a path that Duplicati names. It does if that is unknown.
#[cfg(feature = "duplicati")]
pub(super) fn holds(dir: &Path, run: &RunRecord) -> impl Fn(&str) -> bool {
    let file = dir.join(&run.file);
    let snapshot = std::cell::OnceCell::new();
    move |path: &str| {
        let path = absolute(Path::new(path), Path::new(""));
        let Some(snapshot) = snapshot.get_or_init(|| Snapshot::open(&file).ok()) else { return true };
        snapshot.find(&to_bytes(&path)).map_or(true, |found| found.is_some())
    }
}
