//! What unsuccessful runs listed. Their consumers may have copied or deleted some of it. So an entry that such a list
//! added and that is gone now must be deleted, and one that it removed and that is back must be copied, although
//! both look as they do in the baseline.

use std::io::Write as _;

use super::open::{describe, open_run};
use super::state::{JobState, Unconfirmed, hex};
use crate::Result;
use crate::diff::{Diff, DiffOptions, Relist};
use crate::error::Context as _;
use crate::monitor::Monitor;
use crate::snapshot::{Snapshot, digest};
use crate::sys::private::PrivateDir;

/// Finds what must be listed again by a run that is compared with `baseline`.
///
/// # Errors
/// Why that is not known any more, in words: the state keeps them.
pub(super) fn gather(
    dir: &PrivateDir,
    state: &JobState,
    baseline: &Snapshot,
    monitor: &dyn Monitor,
) -> Result<Relist, String> {
    if let Some(why) = &state.lost {
        return Err(why.clone());
    }
    let mut again = match &state.unconfirmed {
        Some(unconfirmed) => read(dir, unconfirmed)?,
        None => Relist::default(),
    };
    let Some(unfinished) = state.unfinished() else { return Ok(again) };
    let run = unfinished.run;
    if state.committed.as_ref().is_some_and(|committed| committed.definition != unfinished.definition) {
        return Err(format!("run {run} had another definition"));
    }
    let of_run = |e: crate::Error| format!("run {run}: {}", describe(&e));
    let listed = open_run(dir.path(), unfinished, monitor).map_err(of_run)?;
    let options = DiffOptions { renames: false, allow_root_change: true, ..DiffOptions::default() };
    let diff = Diff::new(baseline, &listed, &options).map_err(of_run)?;
    again.add(&diff).map_err(of_run)?;
    Ok(again)
}

fn read(dir: &PrivateDir, unconfirmed: &Unconfirmed) -> Result<Relist, String> {
    let bytes = dir.read(&unconfirmed.file).map_err(|e| e.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("{} is gone", unconfirmed.file))?;
    let is_whole = hex(&digest(&bytes)) == unconfirmed.digest;
    Relist::from_bytes(&bytes).filter(|_| is_whole).ok_or_else(|| format!("{} is damaged", unconfirmed.file))
}

/// What must be listed again after a run that succeeded: what was to be listed again before and could not be read, and
/// `again`, files that the consumer may not have read.
pub(super) fn after_success(
    dir: &PrivateDir,
    run: u64,
    former: Option<Unconfirmed>,
    again: &[Vec<u8>],
) -> Result<Option<Unconfirmed>> {
    if again.is_empty() {
        return Ok(former);
    }
    // If what is left cannot be read, the next run finds that out by itself.
    let Some(mut all) = former.as_ref().map_or_else(|| Some(Relist::default()), |former| read(dir, former).ok()) else {
        return Ok(former);
    };
    all.add_files(again);
    // The state names the other file until it is written.
    write(dir, &format!("{run}.after"), &all)
}

/// Writes the paths into a file of this name, beside the snapshot of the run; none if there are none.
pub(super) fn write(dir: &PrivateDir, name: &str, again: &Relist) -> Result<Option<Unconfirmed>> {
    if again.len() == 0 {
        return Ok(None);
    }
    let file = format!("{name}.again");
    let bytes = again.to_bytes();
    let mut out = dir.replace(&file)?;
    out.write_all(&bytes).context("write", dir.path().join(&file))?;
    out.commit()?;
    Ok(Some(Unconfirmed { file, digest: hex(&digest(&bytes)) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_the_state_names_stays_until_the_state_is_written() {
        let temporary = tempfile::tempdir().expect("it is there");
        let dir = PrivateDir::make(&temporary.path().join("job")).expect("it is there");
        let mut again = Relist::default();
        again.add_files(&[b"/a".to_vec()]);
        let former = write(&dir, "5", &again).expect("it is there").expect("it is there");
        let now = after_success(&dir, 5, Some(former.clone()), &[b"/b".to_vec()]);
        let now = now.expect("it is there").expect("it is there");
        assert_eq!(read(&dir, &former).expect("it is there").len(), 1);
        assert_eq!(read(&dir, &now).expect("it is there").len(), 2);
    }
}
