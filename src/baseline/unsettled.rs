//! What runs listed that did not succeed. Their consumers may have made something of it: what such a list added and is
//! gone now has to be deleted, what it deleted and is back has to be copied, although it is as the baseline has it.

use std::io::Write as _;
use std::path::Path;

use super::begin::{open_generation, told};
use super::docket::{Docket, Unsettled, hex};
use crate::Result;
use crate::diff::{Again, Diff, DiffOptions};
use crate::error::Context as _;
use crate::monitor::Monitor;
use crate::snapshot::{Snapshot, digest};
use crate::sys::durable::{Access, AtomicFile};

/// What has to be listed again by a run that is compared with `baseline`.
///
/// # Errors
/// Why that is not known any more, in words.
pub(super) fn gather(dir: &Path, docket: &Docket, baseline: &Snapshot, monitor: &dyn Monitor) -> Result<Again, String> {
    if let Some(why) = &docket.lost {
        return Err(why.clone());
    }
    let mut again = match &docket.unsettled {
        Some(unsettled) => read(dir, unsettled)?,
        None => Again::default(),
    };
    let Some(unfinished) = docket.unfinished() else { return Ok(again) };
    let run = unfinished.run;
    if docket.committed.as_ref().is_some_and(|committed| committed.definition != unfinished.definition) {
        return Err(format!("run {run} had another definition"));
    }
    let told = |e: crate::Error| format!("of run {run}: {}", told(&e));
    let listed = open_generation(dir, unfinished, monitor).map_err(told)?;
    let options = DiffOptions { renames: false, allow_root_change: true, max_removed: None };
    let diff = Diff::new(baseline, &listed, &options).map_err(told)?;
    again.add(&diff).map_err(told)?;
    Ok(again)
}

fn read(dir: &Path, unsettled: &Unsettled) -> Result<Again, String> {
    let bytes = std::fs::read(dir.join(&unsettled.file)).map_err(|e| format!("{}: {e}", unsettled.file))?;
    let is_whole = hex(&digest(&bytes)) == unsettled.digest;
    Again::from_bytes(&bytes).filter(|_| is_whole).ok_or_else(|| format!("{} is damaged", unsettled.file))
}

/// Writes the paths beside the snapshot of a run; none if there are none.
pub(super) fn write(dir: &Path, run: u64, again: &Again) -> Result<Option<Unsettled>> {
    if again.len() == 0 {
        return Ok(None);
    }
    let file = format!("{run}.again");
    let (path, bytes) = (dir.join(&file), again.to_bytes());
    let mut out = AtomicFile::create(&path, Access::Private)?;
    out.write_all(&bytes).context("write", &path)?;
    out.commit()?;
    Ok(Some(Unsettled { file, digest: hex(&digest(&bytes)) }))
}
