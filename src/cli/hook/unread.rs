//! What a full scan of Duplicati's may leave unread, so that the next list names it, or the scan reads every file.

use std::time::Instant;

use fastdiff::consumers::duplicati::{
    FoundFile, FullScan, HookNote, JobDatabase, Settings, Unread, changed_files, unstored,
};
use fastdiff::jobs::{FullReason, RunRecord, StartedRun};
use fastdiff::path::to_path;
use fastdiff::{Diff, DiffOptions, Kind, Snapshot};

use super::answer::{Held, MARGIN};

/// The baseline, or if there is none the last run that did not succeed, as it was before this run began.
pub(super) struct EarlierRun {
    is_baseline: bool,
    /// No run came after it.
    is_last: bool,
    exists: bool,
    snapshot: Option<Snapshot>,
    note: Option<HookNote>,
    /// What the scan of the last run left unread, whatever became of it.
    left_unread: Unread,
}

impl EarlierRun {
    /// Opens its snapshot: the file may be removed when this run begins.
    pub(super) fn of(held: &Held, is_clean: bool) -> Self {
        let state = held.locked.state().ok().flatten().unwrap_or_default();
        let is_baseline = state.committed.is_some();
        let last = [&state.committed, &state.pending, &state.aborted].into_iter().flatten().max_by_key(|run| run.run);
        let left_unread =
            last.and_then(|run| HookNote::from_map(&run.note)).map(|note| note.unread).unwrap_or_default();
        let record = state.committed.or(state.pending).or(state.aborted);
        let note = record.as_ref().and_then(|record| HookNote::from_map(&record.note));
        let open = |record: &RunRecord| Snapshot::open(held.locked.job().dir().join(&record.file)).ok();
        let (exists, snapshot) = (record.is_some(), record.as_ref().and_then(open));
        Self { is_baseline, is_last: is_clean || !is_baseline, exists, snapshot, note, left_unread }
    }

    /// What to note of a run that may be cut off before its walk is compared.
    pub(super) fn unread_if_cut_off(&self) -> Unread {
        if self.exists && !self.is_baseline { Unread::Anything } else { Unread::default() }
    }

    /// What the scan of the run before left unread, whether or not it made the baseline: none may ever be made.
    pub(super) fn left_unread(&self) -> &Unread {
        &self.left_unread
    }

    /// The files that may have changed since then, or that a scan had left unread before. None if that is unknown.
    fn changed(&self, new: &Snapshot, settings: &Settings) -> Result<Option<Vec<FoundFile>>, String> {
        let (Some(old), Some(note), true) = (&self.snapshot, &self.note, self.is_last) else { return Ok(None) };
        let Unread::Files(left) = &note.unread else { return Ok(None) };
        let mut options = DiffOptions::default();
        (options.renames, options.allow_root_change) = (false, true);
        let Ok(diff) = Diff::new(old, new, &options) else { return Ok(None) };
        let told = |e: fastdiff::Error| e.to_string();
        let mut files = changed_files(&diff, &unstored(settings)?).map_err(told)?;
        for path in left {
            if let Some(entry) = new.find(path).map_err(told)?.filter(|entry| entry.kind() == Kind::File) {
                files.push(FoundFile::new(path.clone(), entry.stat));
            }
        }
        Ok(Some(files))
    }
}

/// A full scan that is about to begin.
pub(super) struct NextScan<'a> {
    /// None if there is none yet.
    pub(super) database: Option<&'a JobDatabase>,
    /// Why the database calls for it, if it does.
    pub(super) full: Option<&'a FullScan>,
    pub(super) settings: &'a Settings,
    pub(super) until: Instant,
}

impl NextScan<'_> {
    /// The files that it leaves unread although their content may be another one than the stored one.
    pub(super) fn unread(&self, started: &StartedRun, earlier: &EarlierRun) -> Result<Unread, String> {
        // Where nothing is stored, everything is read.
        let Some(database) = self.database else { return Ok(Unread::default()) };
        let told = |e: fastdiff::consumers::duplicati::DatabaseError| e.to_string();
        if database.newest_version().map_err(told)?.is_none() {
            return Ok(Unread::default());
        }
        let files = match &started.full {
            None if self.full.is_none_or(|full| full.holds_baseline) => {
                let changed = changed_files(started.diff(), &unstored(self.settings)?);
                Some(changed.map_err(|e| e.to_string())?)
            }
            // What an earlier backup stored before the first run is no matter of lists.
            Some(FullReason::First) if !earlier.exists => Some(Vec::new()),
            Some(FullReason::First | FullReason::Asked(_)) => earlier.changed(started.new_snapshot(), self.settings)?,
            _ => None,
        };
        let Some(files) = files else { return Ok(Unread::Anything) };
        let rule = self.settings.read_rule();
        let found = database.lookalikes(&files, rule).map_err(told)?;
        let mut unread = database.unproved(found, self.until.checked_sub(MARGIN));
        if self.full.is_some_and(|full| full.completes) {
            let mixed_up = database.mixed_up(rule).map_err(told)?;
            unread.extend(mixed_up.into_iter().filter(|path| to_path(path).is_file()));
        }
        Ok(Unread::Files(unread.into_iter().collect()))
    }
}
