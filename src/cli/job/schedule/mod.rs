//! `fastdiff job schedule`: what has the system run a job again and again, for the user to install. One file per system; the
//! texts are made here from plain values, nothing is installed.

mod cron;
mod every;
mod launchd;
mod quote;
mod systemd;
mod windows;

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use fastdiff::path::PathExt as _;

use self::every::Every;
use super::super::{Failure, complain, output_failure};

/// What starts programs at set times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum With {
    /// A service and a timer of the user's systemd
    Systemd,
    /// An agent of launchd
    Launchd,
    /// A task of the Windows Task Scheduler
    Windows,
    /// A line of the user's crontab
    Cron,
}

impl With {
    /// What this system has of its own.
    fn here() -> Self {
        match env::consts::OS {
            "linux" => Self::Systemd,
            "macos" => Self::Launchd,
            "windows" => Self::Windows,
            _ => Self::Cron,
        }
    }
}

/// What is to be run, how often, and what it needs there.
#[derive(Debug, Clone)]
struct Schedule<'a> {
    /// The job's name: letters, digits, `.`, `_` and `-`, which mean nothing to a shell, to systemd or to XML.
    job: &'a str,
    every: Every,
    /// The absolute path of fastdiff.
    program: String,
    /// From `run` on.
    arguments: Vec<String>,
    /// The PATH that finds the job's command; schedulers have a short one of their own.
    path: Option<String>,
    /// The home directory, where a file has to name it.
    home: Option<String>,
    /// The exit codes that mean success.
    success: Vec<u8>,
}

impl Schedule<'_> {
    fn program_and_arguments(&self) -> (&str, impl Iterator<Item = &str>) {
        (&self.program, self.arguments.iter().map(String::as_str))
    }
}

/// Prints what installs the schedule.
fn print(schedule: &Schedule, with: With) -> Result<(), Failure> {
    let text = match with {
        With::Systemd => systemd::script(schedule),
        With::Launchd => Ok(launchd::script(schedule)),
        With::Windows => windows::xml(schedule),
        With::Cron => cron::script(schedule),
    };
    let text = text.map_err(|e| Failure::Other(format!("no schedule for job {}: {e}", schedule.job)))?;
    std::io::stdout().write_all(text.as_bytes()).map_err(|e| output_failure(&e, true))?;
    if with == With::Windows {
        complain("install", windows::installation(schedule));
    }
    Ok(())
}

/// A value as these files can hold it: they are UTF-8, lines and XML, and know no way around that.
fn text(what: &str, value: impl AsRef<OsStr>) -> Result<String, String> {
    let value = value.as_ref();
    match value.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!(
            "{what} is not UTF-8 or has a control character in it, which no schedule can hold: {}",
            Path::new(value).shown()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn schedule(every: &str) -> Schedule<'static> {
        Schedule {
            job: "documents",
            every: every.parse().expect("an interval"),
            program: "/usr/local/bin/fastdiff".into(),
            arguments: ["run", "documents"].map(String::from).to_vec(),
            path: Some("/home/ada/bin:/usr/bin:/bin".into()),
            home: Some("/home/ada".into()),
            success: vec![0],
        }
    }
}
