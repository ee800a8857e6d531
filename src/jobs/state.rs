//! The state of a job: a small file that names its snapshots, and says what each of them is. It is replaced as a whole,
//! so that one rename moves the baseline.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::log::RunStatus;
use crate::error::Context as _;
use crate::snapshot::{Digest, digest};
use crate::sys::private::PrivateDir;
use crate::{Error, JobProblem, Result, StateDamage};

/// Its name in the directory of a job.
pub(super) const FILE: &str = "state.json";

/// The format that this program writes and reads.
const FORMAT: u64 = 4;

/// What a consumer wants to remember of a run. It becomes pending with the run and is committed with it.
pub type RunNote = BTreeMap<String, String>;

/// A run that left a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RunRecord {
    /// The number of the run.
    pub run: u64,
    /// The name of the snapshot file in the job's directory.
    pub file: String,
    /// If it is an overlay: the name of the snapshot file beside it that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// The identity of that snapshot, in hexadecimal.
    pub identity: String,
    /// The digest of roots, filters and consumer.
    pub definition: String,
    /// The digest of roots and filters alone: snapshots that share it can be compared.
    pub scope: String,
    /// When the walk began: RFC 3339, in UTC.
    pub began: String,
    /// Which btrfs subvolume each root lay on, and what that was made of, by the root's path.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub origins: BTreeMap<String, String>,
    /// What the consumer wants to remember.
    #[serde(default)]
    pub note: RunNote,
    /// The run that was pending when it started, if that was neither committed, aborted nor known to have failed: its
    /// consumer may still be at work.
    #[serde(default)]
    pub replaced: Option<u64>,
    /// Its consumer is known to have failed.
    #[serde(default)]
    pub failed: bool,
    /// A later run was refused while it was pending: from which list a backup was made since then is unclear.
    #[serde(default)]
    pub followed: bool,
}

/// A file with the paths that unsuccessful runs listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Unconfirmed {
    /// The name of the file in the job's directory.
    pub file: String,
    /// The digest of its bytes, in hexadecimal.
    pub digest: String,
}

/// The state of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JobState {
    /// The machine that it belongs to.
    pub machine: String,
    /// The number of the next run.
    pub next: u64,
    /// The baseline: the last run whose consumer succeeded.
    pub committed: Option<RunRecord>,
    /// The run whose result is not known yet, or that failed.
    pub pending: Option<RunRecord>,
    /// A run that was aborted. It is not pending any more; the next run lists its changes again.
    pub aborted: Option<RunRecord>,
    /// Former baselines, newest first.
    pub kept: Vec<RunRecord>,
    /// What earlier unsuccessful runs listed; their consumers may have copied or deleted some of it.
    pub unconfirmed: Option<Unconfirmed>,
    /// Why that is not known any more, if it is not: only a full list covers it then.
    pub lost: Option<String>,
}

#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

#[derive(Serialize, Deserialize)]
struct SignedState<D> {
    format: u64,
    digest: String,
    state: D,
}

/// A digest in hexadecimal.
pub(super) fn hex(digest: &Digest) -> String {
    digest.iter().fold(String::with_capacity(32), |mut text, byte| {
        text.extend([byte >> 4, byte & 15].map(|half| char::from_digit(u32::from(half), 16).unwrap_or('?')));
        text
    })
}

impl JobState {
    /// An empty state of a machine, before the run `next`.
    pub(super) fn new(machine: &str, next: u64) -> Self {
        Self { machine: machine.to_owned(), next, ..Self::default() }
    }

    /// Reads the state in the directory of a job; none if there is none.
    ///
    /// # Errors
    /// [`JobProblem::State`] if it is damaged, [`JobProblem::StateVersion`] if it is of another version.
    pub(super) fn read(dir: &PrivateDir, job: &str) -> Result<Option<Self>> {
        let Some(bytes) = dir.read(FILE)? else { return Ok(None) };
        Self::parse(&bytes, &dir.path().join(FILE), job).map(Some)
    }

    /// Reads the bytes of a state.
    fn parse(bytes: &[u8], path: &Path, job: &str) -> Result<Self> {
        let damaged = |damage| Error::job(job, JobProblem::State { file: path.to_owned(), damage });
        let format = serde_json::from_slice::<AnyFormat>(bytes).map_err(|_| damaged(StateDamage::Unreadable))?.format;
        if format > FORMAT {
            return Err(Error::job(
                job,
                JobProblem::StateVersion { file: path.to_owned(), found: format, expected: FORMAT },
            ));
        }
        if format < FORMAT {
            return Err(damaged(StateDamage::OldFormat));
        }
        let signed: SignedState<Self> = serde_json::from_slice(bytes).map_err(|_| damaged(StateDamage::Unreadable))?;
        if signed.digest != signed.state.digest() {
            return Err(damaged(StateDamage::Digest));
        }
        Ok(signed.state)
    }

    /// Replaces the state durably. If only the sync of the directory fails, that is a success: a power cut could bring
    /// the former state back, and then changes are listed again.
    pub(super) fn write(&self, dir: &PrivateDir) -> Result<()> {
        let signed = SignedState { format: FORMAT, digest: self.digest(), state: self };
        let mut file = dir.replace(FILE)?;
        let path = dir.path().join(FILE);
        serde_json::to_writer_pretty(&mut file, &signed).map_err(std::io::Error::from).context("write", &path)?;
        file.write_all(b"\n").context("write", &path)?;
        file.commit().or_else(|error| match Self::read(dir, "") {
            Ok(Some(read)) if read == *self => Ok(()),
            _ => Err(error),
        })
    }

    fn digest(&self) -> String {
        hex(&digest(&serde_json::to_vec(self).unwrap_or_default()))
    }

    /// The last run, if it did not succeed.
    pub(super) fn unfinished(&self) -> Option<&RunRecord> {
        self.pending.as_ref().or(self.aborted.as_ref())
    }

    /// What became of the last run, if it did not succeed: it failed, was aborted, or nobody knows.
    pub(super) fn previous(&self) -> RunStatus {
        match (&self.pending, &self.aborted) {
            (Some(pending), _) if pending.failed => RunStatus::Failed,
            (None, Some(_)) => RunStatus::Aborted,
            _ => RunStatus::Pending,
        }
    }

    /// The names of all snapshot files that it needs.
    pub(super) fn snapshots(&self) -> impl Iterator<Item = &str> {
        self.records().flat_map(|record| [Some(&record.file), record.needs.as_ref()]).flatten().map(String::as_str)
    }

    /// The records of all runs that left a snapshot, the baseline and the pending one first.
    pub fn records(&self) -> impl Iterator<Item = &RunRecord> {
        self.committed.iter().chain(&self.pending).chain(&self.aborted).chain(&self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> JobState {
        let record = |run| RunRecord {
            run,
            file: format!("{run}.snap"),
            needs: None,
            identity: "1".into(),
            definition: "2".into(),
            scope: "3".into(),
            origins: BTreeMap::new(),
            began: "2026-01-02T03:04:05Z".into(),
            note: RunNote::from([("k".into(), "v".into())]),
            replaced: None,
            failed: false,
            followed: false,
        };
        JobState { committed: Some(record(2)), pending: Some(record(3)), ..JobState::new("a machine", 4) }
    }

    /// A directory, the path of a state in it, and the directory opened.
    fn place() -> (tempfile::TempDir, std::path::PathBuf, PrivateDir) {
        let place = tempfile::tempdir().expect("tempdir");
        let dir = PrivateDir::open(place.path()).expect("it is ours").expect("it is there");
        let path = place.path().join(FILE);
        (place, path, dir)
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let (_place, _, dir) = place();
        assert_eq!(JobState::read(&dir, "x").expect("none is fine"), None);
        state().write(&dir).expect("write");
        assert_eq!(JobState::read(&dir, "x").expect("read"), Some(state()));
    }

    #[test]
    fn every_flipped_bit_of_a_state_is_found_or_changes_nothing() {
        let (_place, path, dir) = place();
        state().write(&dir).expect("write");
        let whole = std::fs::read(&path).expect("read");
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match JobState::parse(&bytes, &path, "x") {
                Ok(read) => assert_eq!(read, state(), "bit {bit}"),
                Err(Error::Job { problem: JobProblem::State { .. } | JobProblem::StateVersion { .. }, .. }) => {}
                Err(other) => panic!("bit {bit}: {other}"),
            }
        }
    }

    #[test]
    fn every_cut_state_is_found() {
        let (_place, path, dir) = place();
        state().write(&dir).expect("write");
        let whole = std::fs::read(&path).expect("read");
        // Without its last byte, a line break, it is still whole.
        for len in 0..whole.len() - 1 {
            assert!(JobState::parse(&whole[..len], &path, "x").is_err(), "{len} bytes");
        }
    }
}
