//! The log of a job: what each run found, and how it ended. A line when a run starts, and one when it ends. A line that
//! a crash cut short is ignored.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::diff::{ChangeKind, Summary};
use crate::error::Context as _;
use crate::sys;
use crate::sys::private::{How, PrivateDir};

const FILE: &str = "log.jsonl";

/// The older half of a longer log is dropped, in bytes.
const LONGEST: u64 = 2 << 20;

/// What a run found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunCounts {
    /// Entries in the tree.
    pub entries: u64,
    /// Why everything was listed; none for a list of what changed.
    pub full: Option<String>,
    /// Entries that were added.
    pub added: u64,
    /// Entries that were modified, or are of another kind now.
    pub modified: u64,
    /// Entries that were removed.
    pub removed: u64,
    /// Entries that were renamed; entries below a renamed directory do not count.
    pub renamed: u64,
    /// Entries that may have changed.
    pub suspect: u64,
    /// Entries that could not be read.
    pub unknown: u64,
    /// Bytes of the regular files that were added, modified, renamed or are suspect.
    pub bytes: u64,
}

impl RunCounts {
    pub(super) fn new(summary: &Summary, entries: u64, full: Option<String>) -> Self {
        use ChangeKind::{Added, Modified, Removed, Renamed, Suspect, TypeChanged, Unknown};
        let count = |kind| summary.of(kind).entries();
        Self {
            entries,
            full,
            added: count(Added),
            modified: count(Modified) + count(TypeChanged),
            removed: count(Removed),
            renamed: count(Renamed),
            suspect: count(Suspect),
            unknown: count(Unknown),
            bytes: [Added, Modified, TypeChanged, Renamed, Suspect]
                .into_iter()
                .map(|kind| summary.of(kind).bytes)
                .sum(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RunStatus {
    /// Its consumer succeeded; it became the baseline.
    Committed,
    /// Its consumer failed, or was not started.
    Failed,
    /// It was aborted.
    Aborted,
    /// The next run started before this one was committed or aborted.
    Replaced,
    /// It is not known yet.
    Pending,
    /// The walk failed, or a guard refused it. It left no snapshot, and the next run has the same number.
    Refused,
}

impl RunStatus {
    /// The word of the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Replaced => "replaced",
            Self::Pending => "pending",
            Self::Refused => "refused",
        }
    }
}

/// How a run ended, for the log. The default says nothing about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunResult {
    /// The exit code of the consumer; 128 plus the number of the signal if a signal ended it.
    pub exit_code: Option<i32>,
    /// Why it ended like this, if the code does not say it.
    pub reason: Option<String>,
}

impl RunResult {
    /// The consumer ended with this exit code.
    pub fn code(code: i32) -> Self {
        Self { exit_code: Some(code), reason: None }
    }

    /// The same for this reason.
    #[must_use]
    pub fn with_reason(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// It ended for this reason, without an exit code.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { exit_code: None, reason: Some(reason.into()) }
    }
}

/// A run in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoggedRun {
    /// Its number.
    pub run: u64,
    /// When it started: RFC 3339, in UTC.
    pub began: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How it ended.
    pub outcome: RunStatus,
    /// The exit code of its consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it found.
    #[serde(flatten)]
    pub seen: RunCounts,
}

impl LoggedRun {
    fn new(run: u64, began: String, outcome: RunStatus, seen: RunCounts) -> Self {
        Self { run, began, ended: None, outcome, exit_code: None, reason: None, seen }
    }
}

/// A line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(super) enum Event {
    Started {
        run: u64,
        at: String,
        #[serde(flatten)]
        seen: RunCounts,
    },
    Ended {
        run: u64,
        at: String,
        outcome: RunStatus,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    Refused {
        run: u64,
        at: String,
        reason: String,
    },
}

impl Event {
    /// A run was refused now.
    pub(super) fn refused(run: u64, reason: &str) -> Self {
        Self::Refused { run, at: now(), reason: reason.to_owned() }
    }

    /// A run ended now.
    pub(super) fn ended(run: u64, outcome: RunStatus, result: &RunResult) -> Self {
        let RunResult { exit_code, reason } = result.clone();
        Self::Ended { run, at: now(), outcome, exit_code, reason }
    }
}

/// The time now: RFC 3339, in UTC, whole seconds.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Adds a line.
pub(super) fn append(dir: &PrivateDir, event: &Event) -> Result<()> {
    let path = dir.path().join(FILE);
    let mut line = serde_json::to_vec(event).map_err(std::io::Error::from).context("write", &path)?;
    line.push(b'\n');
    let mut file = dir.file_or_new(FILE, How::Append)?;
    if has_other_names(&file) {
        // Where else it lies nobody knows: that copy stays as it is.
        keep_from(dir, |_| 0)?;
        file = dir.file_or_new(FILE, How::Append)?;
    }
    let mut write = || -> std::io::Result<u64> {
        let len = file.seek(SeekFrom::End(0))?;
        if len > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                line.insert(0, b'\n');
            }
        }
        file.write_all(&line)?;
        Ok(len)
    };
    if write().context("write", &path)? > LONGEST { keep_from(dir, newer_half) } else { Ok(()) }
}

fn has_other_names(file: &File) -> bool {
    sys::stat_file(file).is_ok_and(|found| found.stat.nlink > 1)
}

/// Where the newer half of the lines starts.
fn newer_half(bytes: &[u8]) -> usize {
    let middle = bytes.len() / 2;
    memchr::memchr(b'\n', &bytes[middle..]).map_or(bytes.len(), |at| middle + at + 1)
}

/// Replaces the log by its own end.
fn keep_from(dir: &PrivateDir, start: impl Fn(&[u8]) -> usize) -> Result<()> {
    let bytes = dir.read(FILE)?.unwrap_or_default();
    let mut file = dir.replace(FILE)?;
    file.write_all(&bytes[start(&bytes)..]).context("write", dir.path().join(FILE))?;
    file.commit()
}

/// The runs of a log, oldest first.
pub(super) fn read(dir: &PrivateDir, pending: Option<u64>) -> Result<Vec<LoggedRun>> {
    let Some(bytes) = dir.read(FILE)? else { return Ok(Vec::new()) };
    let mut runs: Vec<LoggedRun> = Vec::new();
    let lines = bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    for event in lines {
        match event {
            Event::Started { run, at, seen } => {
                // After a crash before the state was written the next run has its number.
                runs.retain(|earlier| earlier.run != run || earlier.outcome == RunStatus::Refused);
                runs.push(LoggedRun::new(run, at, RunStatus::Pending, seen));
            }
            Event::Refused { run, at, reason } => {
                // If it had started, its state was not written.
                runs.retain(|earlier| earlier.run != run || earlier.outcome == RunStatus::Refused);
                let refused = LoggedRun::new(run, at.clone(), RunStatus::Refused, RunCounts::default());
                runs.push(LoggedRun { ended: Some(at), reason: Some(reason), ..refused });
            }
            Event::Ended { run, at, outcome, exit_code, reason } => {
                let mut started = runs.iter_mut().rev().filter(|found| found.outcome != RunStatus::Refused);
                if let Some(found) = started.find(|found| found.run == run) {
                    let is_known = !matches!(found.outcome, RunStatus::Pending);
                    // The next run replaces one that failed, too; that it failed says more.
                    if !(is_known && outcome == RunStatus::Replaced) {
                        found.ended = Some(at);
                        (found.outcome, found.exit_code, found.reason) = (outcome, exit_code, reason);
                    }
                }
            }
        }
    }
    // The line for the end of a run may have been lost in a crash.
    for run in &mut runs {
        if run.outcome == RunStatus::Pending && pending != Some(run.run) {
            run.outcome = RunStatus::Replaced;
        }
    }
    Ok(runs)
}
