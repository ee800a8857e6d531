//! Whether a backup of Duplicati may get a list. Each check gives the reason against it. A needless full scan costs
//! time; a wrong list loses a change.

use std::path::{Path, PathBuf};

use super::database::{DatabaseError, JobDatabase, Version};
use super::filters::{FilterDifference, filters_differ, sources_differ};
use super::note::{HookNote, NO_ROW};
use super::outcome::RunOutcome;
use super::settings::Settings;
use super::unread::Unread;
use super::version::DuplicatiVersion;
use crate::filter::FilterOptions;
use crate::path::PathExt as _;

/// Whether the run that a pending snapshot was for succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It succeeded: the snapshot is the new baseline.
    Commit {
        /// What is noted with it.
        note: HookNote,
        /// What to know of its warnings, if it had any.
        warned: Option<&'static str>,
    },
    /// It did not, or that is unknown: the baseline stays. Why.
    Abort(String),
}

/// What the warnings of a run that succeeded named: nothing that can be stored.
const UNNAMED: &str = "its warnings name only names that are not UTF-8, and Duplicati cannot store those";

/// Finds out whether the run that a pending snapshot was for succeeded. It must be the only run since: if the hook did
/// not answer another one, or not in time, it is unknown what that run backed up. `is_there` says whether the snapshot
/// holds a path.
///
/// # Errors
/// What is wrong with the database.
pub fn settle(
    note: &HookNote,
    file: &Path,
    database: &JobDatabase,
    is_there: &dyn Fn(&str) -> bool,
) -> Result<Settled, DatabaseError> {
    let abort = |why: String| Ok(Settled::Abort(why));
    if let Some(why) = other_database(note, file, database)? {
        return abort(why);
    }
    let Some(since) = note.since else {
        return abort("the hook was cut off before it had answered".into());
    };
    let runs = database.backups_since(note.newest.map_or(0, |row| row.id))?;
    let run = match runs.as_slice() {
        [] => return abort(without_operation(note, database)?),
        [run] => run,
        _ => return abort(format!("{} backups have run since, and not all of them called this hook", runs.len())),
    };
    if run.row.time < since {
        return abort("the last backup began before the hook had walked its sources, or the job database was restored from a copy, or the clock was set back".into());
    }
    let mut warned = None;
    match &run.outcome {
        RunOutcome::Success => {}
        RunOutcome::Unnamed(names) if !names.iter().any(|name| is_there(name)) => warned = Some(UNNAMED),
        RunOutcome::Unnamed(_) => return abort("the last backup did not succeed: it ended with Warning".into()),
        RunOutcome::Failed(why) => return abort(format!("the last backup did not succeed: {why}")),
        RunOutcome::Unfinished if note.dry_run => return abort("the last backup was a dry run".into()),
        RunOutcome::Unfinished => {
            return abort("the last backup was cut off or was a dry run: it left no result".into());
        }
    }
    let Some(newest) = database.newest_version()? else {
        return abort("the backup has no version".into());
    };
    if !newest.is_full {
        return abort("the newest version is a partial one".into());
    }
    // A run with nothing to store leaves no version: then the one before counts.
    let is_left = newest.operation == run.row.id || !run.found_changes && Some(newest.row) == note.version;
    if !is_left {
        return abort("the version that the last backup made is gone".into());
    }
    // A run of a database that was new then has given it its first operation.
    let first = database.first_operation()?.unwrap_or(NO_ROW);
    // After an update of Duplicati one full scan is enough.
    let duplicati = if note.listed { note.duplicati } else { database.duplicati_version()? };
    let unread = if note.reads_all { Unread::default() } else { note.unread.clone() };
    let note = HookNote { first, version: Some(newest.row), duplicati, unread, ..note.clone() };
    Ok(Settled::Commit { note, warned })
}

/// What became of a run that left no operation in the database.
fn without_operation(note: &HookNote, database: &JobDatabase) -> Result<String, DatabaseError> {
    Ok(match database.result_since(note.log)? {
        Some(RunOutcome::Failed(why)) => format!("the last backup did not succeed: {why}"),
        Some(_) => "the last backup left a result without an operation".into(),
        None if note.dry_run => "the last backup was a dry run".into(),
        None => "no backup has run since, or it ended before it wrote anything into the job database".into(),
    })
}

/// Why the database is another than the noted one.
fn other_database(
    note: &HookNote,
    file: &std::path::Path,
    database: &JobDatabase,
) -> Result<Option<String>, DatabaseError> {
    if note.database.to_string_lossy() != file.to_string_lossy() {
        return Ok(Some(format!("the job database has moved from {} to {}", note.database.shown(), file.shown())));
    }
    let is_new = note.first == NO_ROW;
    let is_same = database.first_operation()? == Some(note.first);
    let has_newest = match note.newest {
        Some(newest) => database.has_operation(newest)?,
        None => true,
    };
    if !(is_new || is_same && has_newest) {
        let why = "the job database was recreated, restored from a copy, or comes from another machine";
        return Ok(Some(why.to_owned()));
    }
    Ok(None)
}

/// Why a backup cannot get a list at all, whatever the baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ineligible {
    /// Its sources are not the roots of the job.
    Sources {
        /// Which are not.
        difference: String,
        /// Its sources.
        sources: Vec<PathBuf>,
    },
    /// It does not leave out what the job leaves out.
    Filters(Vec<FilterDifference>),
    /// One of its options rules out a list.
    Other(String),
}

/// Checks a backup against a job. `roots` and `filter` are the job's, `left_out` is what its walk leaves out by itself.
///
/// # Errors
/// Why it cannot get a list.
pub fn eligibility(
    settings: &Settings,
    filter: &FilterOptions,
    roots: &[PathBuf],
    left_out: &[PathBuf],
) -> Result<(), Ineligible> {
    let other = |why: &str| Err(Ineligible::Other(why.to_owned()));
    if settings.sources.is_empty() {
        return other("Duplicati did not say what its sources are (DUPLICATI__LOCALPATH is empty)");
    }
    if let Some(difference) = sources_differ(&settings.sources, roots) {
        return Err(Ineligible::Sources { difference, sources: settings.sources.clone() });
    }
    let policy = |name: &str| settings.option(name).unwrap_or_default().trim().to_ascii_lowercase();
    if policy("symlink_policy") == "follow" {
        return other(
            "--symlink-policy=follow backs up files outside of the sources, and fastdiff does not look there",
        );
    }
    if !matches!(policy("hardlink_policy").as_str(), "" | "all") {
        return other("--hardlink-policy other than all depends on the order of a full scan");
    }
    if settings.switch("enable_ads_backup") {
        return other("--enable-ads-backup stores alternate data streams, which fastdiff does not see");
    }
    if settings.switch("exclude_empty_folders") {
        return other("--exclude-empty-folders takes a listed folder for empty unless its files are listed too");
    }
    settings.size_limit().map_err(Ineligible::Other)?;
    let differences = filters_differ(settings, filter, roots, left_out);
    if differences.is_empty() { Ok(()) } else { Err(Ineligible::Filters(differences)) }
}

/// Why Duplicati's version is not one that takes a list.
fn version_problem(version: Option<DuplicatiVersion>) -> Option<String> {
    match version {
        None => {
            Some(format!("no run has recorded Duplicati's version yet; {} or later is needed", DuplicatiVersion::FIRST))
        }
        Some(version) if !version.takes_lists() => Some(format!(
            "Duplicati {version} damages a backup that gets a list; {} or later is needed",
            DuplicatiVersion::FIRST
        )),
        Some(_) => None,
    }
}

/// Why Duplicati must scan although there may be a baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FullScan {
    /// The reason, in words.
    pub why: String,
    /// The baseline's version is still there, so that what is stored is that version or a newer one.
    pub holds_baseline: bool,
    /// The run before was cut off: Duplicati completes what it left.
    pub completes: bool,
}

impl FullScan {
    /// There is no database yet, so that nothing is stored.
    pub fn without_database(file: &Path) -> Self {
        Self { why: format!("there is no job database {} yet", file.shown()), holds_baseline: false, completes: false }
    }
}

/// Why no list can be made from a committed baseline with this note; none of a baseline that came from elsewhere.
/// `before` is the note of the last run, if that did not succeed, and `now` the one of the run that is to come.
///
/// # Errors
/// What is wrong with the database.
pub fn baseline_eligibility(
    note: Option<&HookNote>,
    before: Option<&HookNote>,
    now: &HookNote,
    database: &JobDatabase,
) -> Result<Option<FullScan>, DatabaseError> {
    let Some(why) = why_full(note, before, now, database)? else { return Ok(None) };
    let holds_baseline = match note {
        Some(note) if other_database(note, &now.database, database)?.is_none() => {
            note.version.map(|version| database.has_version(version)).transpose()?.unwrap_or_default()
        }
        _ => false,
    };
    let is_cut_off = database.newest_version()?.is_some_and(|newest| !newest.is_full);
    let completes = is_cut_off || is_unfinished(database)?;
    Ok(Some(FullScan { why, holds_baseline, completes }))
}

fn is_unfinished(database: &JobDatabase) -> Result<bool, DatabaseError> {
    Ok(database.newest_backup()?.is_some_and(|run| run.outcome == RunOutcome::Unfinished))
}

fn why_full(
    note: Option<&HookNote>,
    before: Option<&HookNote>,
    now: &HookNote,
    database: &JobDatabase,
) -> Result<Option<String>, DatabaseError> {
    if let Some(why) = version_problem(now.duplicati) {
        return Ok(Some(why));
    }
    let Some(newest) = database.newest_version()? else {
        return Ok(Some("the backup has no version yet".into()));
    };
    if !newest.is_full {
        return Ok(Some("the newest version is incomplete: its run was stopped, cut off, or a dry run".into()));
    }
    if is_unfinished(database)? {
        return Ok(Some(
            "the last backup left no result: it was cut off or was a dry run, and Duplicati first completes what it left"
                .into(),
        ));
    }
    let Some(note) = note else {
        return Ok(Some("the baseline was not made by this hook".into()));
    };
    if let Some(why) = other_database(note, &now.database, database)? {
        return Ok(Some(why));
    }
    if note.options != now.options {
        return Ok(Some("the filters or other options of the backup that decide what it holds have changed".into()));
    }
    if note.duplicati != now.duplicati {
        let shown = |version: Option<DuplicatiVersion>| version.map_or("an unknown version".into(), |v| v.to_string());
        return Ok(Some(format!("Duplicati has changed from {} to {}", shown(note.duplicati), shown(now.duplicati))));
    }
    if note.version == Some(newest.row) || is_of_list(before, newest, database)? {
        return Ok(None);
    }
    let made_by = database.operation_name(newest.operation)?;
    if let Some(name) = made_by.filter(|name| name != "Backup") {
        return Ok(Some(format!(
            "the newest version was made by the operation {name} of Duplicati and not by a backup"
        )));
    }
    let is_there = note.version.map(|version| database.has_version(version)).transpose()?.unwrap_or_default();
    Ok(Some(if is_there {
        "the newest version was not made from the baseline with a list: a run without one may have left out what it could not read".into()
    } else {
        "the version that the baseline belongs to was deleted".into()
    }))
}

/// Whether the newest version was made by the last run from a list, or that run made none: then it carries over all
/// that is not in the list, and the list is given again. A full scan that did not succeed carries over nothing, not
/// even what it could not read.
fn is_of_list(before: Option<&HookNote>, newest: Version, database: &JobDatabase) -> Result<bool, DatabaseError> {
    let Some(before) = before.filter(|note| note.listed) else { return Ok(false) };
    let runs = database.backups_since(before.newest.map_or(0, |row| row.id))?;
    Ok(match runs.as_slice() {
        [] => before.version == Some(newest.row),
        [run] => newest.operation == run.row.id || before.version == Some(newest.row),
        _ => false,
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;

    #[test]
    fn only_versions_that_work_get_a_list() {
        let gate = |text| version_problem(DuplicatiVersion::parse(text));
        assert!(gate("").is_some_and(|why| why.contains("2.2.0.104 or later")));
        assert!(gate("2.2.0.3").is_some_and(|why| why.contains("2.2.0.3 damages")));
        assert_eq!(gate("2.2.0.104"), None);
        assert_eq!(gate("2.3.0.4"), None);
    }

    #[test]
    fn an_option_that_stands_against_a_list_is_named() {
        let filter = FilterOptions { exclude_if_present: vec!["CACHEDIR.TAG".into()], ..FilterOptions::default() };
        let roots = [PathBuf::from("/a")];
        let check = |variables: &[(&str, &str)]| {
            let all: Vec<_> = [("LOCALPATH", "/a/")].iter().chain(variables).copied().collect();
            eligibility(&settings(&all), &filter, &roots, &[])
        };
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[("symlink_policy", "Store"), ("hardlink_policy", "All")]), Ok(()));
        assert_eq!(check(&[("symlink_policy", "Ignore"), ("exclude_empty_folders", "false")]), Ok(()));
        for (name, value, part) in [
            ("symlink_policy", "Follow", "--symlink-policy"),
            ("hardlink_policy", "First", "--hardlink-policy"),
            ("hardlink_policy", "None", "--hardlink-policy"),
            ("exclude_empty_folders", "true", "--exclude-empty-folders"),
            ("skip_files_larger_than", "big", "--skip-files-larger-than"),
        ] {
            let problem = check(&[(name, value)]);
            assert!(matches!(&problem, Err(Ineligible::Other(why)) if why.contains(part)), "{problem:?}");
        }
        let incomparable = vec![FilterDifference::Incomparable("+x".into())];
        assert_eq!(check(&[("filter", "+x")]), Err(Ineligible::Filters(incomparable)));
        let (difference, sources) = ("/b is not a root of the job".to_owned(), vec!["/a".into(), "/b".into()]);
        let other = eligibility(&settings(&[("LOCALPATH", "/a:/b")]), &filter, &roots, &[]);
        assert_eq!(other, Err(Ineligible::Sources { difference, sources }));
        let nothing = eligibility(&settings(&[]), &filter, &roots, &[]);
        assert!(matches!(&nothing, Err(Ineligible::Other(why)) if why.contains("LOCALPATH")), "{nothing:?}");
    }
}
