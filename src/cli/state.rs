//! Where the state and the definitions of jobs are.

use std::ffi::OsString;
use std::path::PathBuf;

use fastdiff::jobs::{Job, JobStore};

use super::Failure;
use super::config::{Config, Definition};

#[derive(Default, clap::Args)]
#[command(next_help_heading = "Where jobs live")]
#[expect(clippy::doc_markdown, reason = "the text of --help")]
pub(super) struct StateArgs {
    /// The directory of the state of all jobs: baselines and logs [default: $FASTDIFF_STATE_DIR, else
    /// $XDG_STATE_HOME/fastdiff, else ~/.local/state/fastdiff; on Windows, else %LOCALAPPDATA%\fastdiff]
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    state_dir: Option<PathBuf>,

    /// The file with the definitions of jobs [default: $FASTDIFF_CONFIG, else $XDG_CONFIG_HOME/fastdiff/fastdiff.toml,
    /// else ~/.config/fastdiff/fastdiff.toml; on Windows, else %APPDATA%\fastdiff\fastdiff.toml]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// A name for this machine, the same each time; for containers that get a new machine ID at each start. By another
    /// name the state counts as copied, and the list is a full one [default: $FASTDIFF_MACHINE_ID, else the system's
    /// machine ID, else a file in the state directory]
    #[arg(long, value_name = "NAME")]
    machine_id: Option<String>,
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// A directory that a variable names. The XDG specification says that a relative path is to be ignored.
fn xdg(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|path| path.is_absolute())
}

/// Where a user's state is if nothing says otherwise.
fn usual_state() -> Option<PathBuf> {
    if cfg!(windows) {
        Some(xdg("LOCALAPPDATA")?.join("fastdiff"))
    } else {
        Some(home()?.join(".local/state/fastdiff"))
    }
}

/// Where a user's definitions are if nothing says otherwise.
fn usual_config() -> Option<PathBuf> {
    let dir = if cfg!(windows) { xdg("APPDATA") } else { home().map(|home| home.join(".config")) };
    Some(dir?.join("fastdiff").join("fastdiff.toml"))
}

impl StateArgs {
    /// The state of all jobs.
    pub(super) fn store(&self) -> Result<JobStore, Failure> {
        let dir = self.named_state().or_else(usual_state);
        let dir = dir.filter(|dir| !dir.as_os_str().is_empty()).ok_or_else(|| {
            Failure::Other("there is no home directory for the state of jobs; name a directory with --state-dir".into())
        })?;
        let store = JobStore::open(dir)?;
        Ok(match self.machine()? {
            Some(name) => store.on_machine(name),
            None => store,
        })
    }

    /// The name of this machine, if an option or the environment gives it one.
    pub(super) fn machine(&self) -> Result<Option<String>, Failure> {
        let text = |name: OsString| {
            name.into_string()
                .map_err(|_| Failure::Other("$FASTDIFF_MACHINE_ID is not UTF-8; set it to another name".into()))
        };
        let given = self.machine_id.clone().filter(|name| !name.is_empty());
        given.map(Ok).or_else(|| variable("FASTDIFF_MACHINE_ID").map(text)).transpose()
    }

    /// The definitions of all jobs.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let file = self.named_config().or_else(usual_config);
        let file = file.filter(|file| !file.as_os_str().is_empty()).ok_or_else(|| {
            Failure::Other("there is no home directory for the definitions of jobs; name a file with --config".into())
        })?;
        Config::load(&file)
    }

    /// The directory of the state, if an option or the environment names it.
    fn named_state(&self) -> Option<PathBuf> {
        let own = self.state_dir.clone().or_else(|| variable("FASTDIFF_STATE_DIR").map(PathBuf::from));
        own.or_else(|| Some(xdg("XDG_STATE_HOME")?.join("fastdiff")))
    }

    /// The file with the definitions, if an option or the environment names it.
    fn named_config(&self) -> Option<PathBuf> {
        let own = self.config.clone().or_else(|| variable("FASTDIFF_CONFIG").map(PathBuf::from));
        own.or_else(|| Some(xdg("XDG_CONFIG_HOME")?.join("fastdiff/fastdiff.toml")))
    }

    /// The options that another process needs to find the same files, if they are not in the usual place.
    pub(super) fn elsewhere(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        let places = [("--config", self.named_config()), ("--state-dir", self.named_state())];
        places.into_iter().filter_map(|(option, place)| Some((option, place?)))
    }

    /// Whether a job was removed: the file with the definitions is there without it, and it has no state. If only one
    /// of them is gone, something was lost.
    pub(super) fn is_removed(&self, name: &str) -> Result<bool, Failure> {
        let (job, config) = (self.store()?.job(name)?, self.config()?);
        Ok(config.definition(name)?.is_none() && config.path().is_file() && !job.dir().exists())
    }

    /// A job that is defined, and the place of its state.
    pub(super) fn job(&self, name: &str) -> Result<(Definition, Job), Failure> {
        let store = self.store()?;
        let job = store.job(name)?;
        let definition = self.config()?.required(name)?;
        Ok((definition, job))
    }
}
