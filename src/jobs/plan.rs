//! The plan of a run: everything that must be known before the walk. `start` carries it out.

use std::path::{Path, PathBuf};

use super::origins::Origins;
use super::request::RunRequest;
use super::state::{JobState, RunRecord, hex};
use super::store::Job;
use crate::error::StateDamage;
use crate::monitor::Monitor;
use crate::scan::fingerprint;
use crate::snapshot::{Digest, Meta, Snapshot, digest};

/// How many bytes a snapshot must have for others to be overlays over it: some 20,000 entries.
const SMALLEST_BELOW: u64 = 1 << 20;

/// What a walk is compared with, and where its snapshot goes.
pub(super) struct RunPlan<'a> {
    pub(super) job: &'a Job,
    /// The identity of this machine.
    pub(super) machine: &'a str,
    pub(super) state: &'a JobState,
    /// Why the state could not be read; `state` is an empty one then.
    pub(super) damage: Option<StateDamage>,
    pub(super) request: &'a RunRequest,
    pub(super) output: &'a Path,
    pub(super) monitor: &'a dyn Monitor,
}

impl RunPlan<'_> {
    /// Whether the state is that of this machine.
    pub(super) fn is_of_this_machine(&self) -> bool {
        self.state.machine == self.machine
    }

    /// Whether a file is the baseline.
    pub(super) fn is_baseline(&self, path: &Path) -> bool {
        self.state.committed.as_ref().is_some_and(|committed| self.job.dir().join(&committed.file) == path)
    }

    /// The directories of the state, as the walk finds them.
    pub(super) fn own_dirs(&self) -> Vec<PathBuf> {
        let dirs = [Some(self.job.store().dir()), self.output.parent()];
        dirs.into_iter().flatten().filter_map(|dir| dir.canonicalize().ok()).collect()
    }

    /// Whether the new snapshot may hold only what differs from a base: from one of the job's own whose whole tree lies
    /// in a large file. A small one saves nothing, and stands by itself.
    pub(super) fn may_lie_over(&self, base: &Snapshot) -> bool {
        let needed = base.overlay_base().unwrap_or(base);
        let is_own = |path: &Path| path.parent() == Some(self.job.dir());
        [self.output, base.path(), needed.path()].into_iter().all(is_own) && needed.header().file_len >= SMALLEST_BELOW
    }

    /// The digest of all that makes two runs of a job comparable.
    pub(super) fn definition(&self, scope: &Meta) -> Digest {
        let mut bytes = fingerprint(scope).to_vec();
        bytes.extend_from_slice(self.request.consumer.as_bytes());
        digest(&bytes)
    }

    /// The record of the run in the state.
    pub(super) fn record(&self, new: &Snapshot, scope: &Meta, origins: Origins) -> RunRecord {
        let started = new.header().started;
        let began = jiff::Timestamp::new(started.sec, started.nsec.cast_signed()).unwrap_or_default();
        RunRecord {
            run: self.state.next,
            file: file_name(self.output),
            needs: new.overlay_base().map(|needed| file_name(needed.path())),
            identity: hex(&new.header().identity),
            definition: hex(&self.definition(scope)),
            scope: hex(&fingerprint(scope)),
            began: began.to_string(),
            origins,
            note: self.request.note.clone(),
            replaced: self.state.pending.as_ref().and_then(|p| p.replaced.or((!p.failed).then_some(p.run))),
            failed: false,
            followed: false,
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
