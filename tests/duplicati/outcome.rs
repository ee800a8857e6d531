//! What became of a run, as the job database tells it: only what surely went well moves the baseline.

use std::path::PathBuf;

use fastdiff::consumers::duplicati::{DatabaseProblem, HookNote, JobDatabase, RunOutcome, Settings, Settled, settle};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::database;
use super::job::Job;
use super::options::Options;
use super::records::Records;
use crate::testenv::TestEnv;

/// A job with one version, and its database.
struct Runs {
    env: TestEnv,
    job: Job,
    records: Records,
}

impl Runs {
    fn new() -> Self {
        let env = TestEnv::new();
        env.write("tree/file", "content");
        let mut job = Job::new([env.path("tree")]);
        job.backup(&Options::none());
        let records = Records::of(&job);
        Self { env, job, records }
    }

    fn file(&self) -> PathBuf {
        self.env.path("job.sqlite")
    }

    fn open(&self) -> JobDatabase {
        database::write_with(&self.job, &self.records, &self.file());
        JobDatabase::open(&self.file()).unwrap()
    }

    /// What a hook notes before the run that is to come.
    fn note(&self) -> HookNote {
        let since = self.records.operations.last().map(|row| row.time);
        HookNote { since, ..HookNote::before_run(&self.file(), &self.open(), &Settings::default()).unwrap() }
    }

    /// A run with this result, which leaves a version or none.
    fn run(&mut self, result: Option<Value>, leaves_version: bool) -> i64 {
        let operation = self.records.operation("Backup", result);
        if leaves_version {
            self.job.backup(&Options::none());
            self.records.fileset(operation, true);
        }
        operation
    }

    fn settle(&self, note: &HookNote) -> Settled {
        settle(note, &self.file(), &self.open(), &|_| false).unwrap()
    }

    #[track_caller]
    fn aborted(&self, note: &HookNote) -> String {
        match self.settle(note) {
            Settled::Abort(why) => why,
            Settled::Commit { .. } => panic!("this must not move the baseline"),
        }
    }
}

#[test]
fn a_success_moves_the_baseline_and_is_noted_with_its_version() {
    let mut runs = Runs::new();
    let note = runs.note();
    let success = runs.records.success(true);
    let operation = runs.run(Some(success), true);
    let Settled::Commit { note: committed, .. } = runs.settle(&note) else { panic!("a success") };
    let newest = runs.open().newest_version().unwrap().unwrap();
    assert_eq!((newest.operation, Some(newest.row)), (operation, committed.version));
    assert_eq!(HookNote { version: note.version, ..committed }, note, "nothing else is noted anew");
}

#[test]
fn a_success_without_anything_to_store_leaves_no_version_and_moves_the_baseline_too() {
    let mut runs = Runs::new();
    let note = runs.note();
    let success = runs.records.success(false);
    runs.run(Some(success), false);
    let Settled::Commit { note: committed, .. } = runs.settle(&note) else { panic!("a success") };
    assert_eq!(committed, note);
}

#[test]
fn no_other_outcome_moves_the_baseline() {
    let changed = |key: &str, value: Value| {
        let mut result = Records::new().success(true);
        result[key] = value;
        Some(result)
    };
    let cases = [
        (changed("ParsedResult", json!("Warning")), true, "ended with Warning"),
        (changed("ParsedResult", json!("Error")), false, "ended with Error"),
        (changed("ParsedResult", json!("Fatal")), false, "ended with Fatal"),
        (changed("ParsedResult", json!("Unknown")), false, "ended with Unknown"),
        (changed("ParsedResult", json!(1)), true, "cannot be understood"),
        (changed("Interrupted", json!(true)), true, "was interrupted"),
        (changed("PartialBackup", json!(true)), true, "partial"),
        (changed("Dryrun", json!(true)), false, "dry run"),
        (changed("FilesWithError", json!(2)), true, "2 files could not be read"),
        (changed("MainOperation", json!("Restore")), true, "cut off"),
        (Some(json!({})), true, "not that of a backup"),
        (Some(json!("text")), true, "cannot be understood"),
        (None, false, "cut off"),
        (None, true, "cut off"),
    ];
    for (result, leaves_version, why) in cases {
        let mut runs = Runs::new();
        let note = runs.note();
        runs.run(result.clone(), leaves_version);
        let said = runs.aborted(&note);
        assert!(said.contains(why), "{result:?}: {said}");
    }
}

#[test]
fn without_a_new_backup_nothing_moves() {
    let mut runs = Runs::new();
    let note = runs.note();
    assert!(runs.aborted(&note).contains("no backup has run since"));
    runs.records.operation("Restore", Some(json!({ "MainOperation": "Restore", "ParsedResult": "Success" })));
    assert!(runs.aborted(&note).contains("no backup has run since"));
}

#[test]
fn a_run_that_did_not_ask_the_hook_makes_it_unsure_which_one_was_meant() {
    let mut runs = Runs::new();
    let note = runs.note();
    for _ in 0..2 {
        let success = runs.records.success(true);
        runs.run(Some(success), true);
    }
    assert!(runs.aborted(&note).contains("2 backups have run since"));
}

#[test]
fn a_version_that_is_gone_or_partial_is_no_baseline() {
    let mut runs = Runs::new();
    let note = runs.note();
    let success = runs.records.success(true);
    runs.run(Some(success.clone()), true);
    runs.records.filesets.last_mut().unwrap().is_full = false;
    assert!(runs.aborted(&note).contains("partial"));
    runs.records.filesets.pop();
    runs.job.versions.pop();
    assert!(runs.aborted(&note).contains("is gone"));
    runs.records.filesets.pop();
    runs.job.versions.pop();
    assert!(runs.aborted(&note).contains("no version"));
}

#[test]
fn another_database_is_noticed() {
    let mut runs = Runs::new();
    let note = runs.note();
    let success = runs.records.success(true);
    runs.run(Some(success), true);
    assert!(matches!(runs.settle(&note), Settled::Commit { .. }));
    let whole = runs.records.clone();
    // Moved.
    let moved = HookNote { database: "/elsewhere.sqlite".into(), ..note.clone() };
    assert!(runs.aborted(&moved).contains("moved from /elsewhere.sqlite"));
    // Made anew: other times under the same numbers, first or later ones.
    for row in 0..2 {
        runs.records = whole.clone();
        for operation in &mut runs.records.operations[row..] {
            operation.time += 1000;
        }
        let expected = if row == 0 { "recreated" } else { "" };
        match runs.settle(&note) {
            Settled::Abort(why) => assert!(why.contains(expected), "{why}"),
            // Only the run itself has another time, which nobody knew before.
            Settled::Commit { .. } => assert_eq!(row, 1),
        }
    }
    // Put back from a copy: the run is older than what it is said to be for.
    runs.records = whole;
    let later = HookNote { since: note.since.map(|time| time + 1_000), ..note.clone() };
    assert!(runs.aborted(&later).contains("copy"));
    assert!(runs.aborted(&HookNote { since: None, ..note.clone() }).contains("cut off before it had answered"));
    // The noted operation is not there.
    let unknown = HookNote {
        newest: note.newest.map(|row| fastdiff::consumers::duplicati::JobRow { id: row.id + 50, ..row }),
        ..note
    };
    assert!(runs.aborted(&unknown).contains("recreated"));
}

#[test]
fn a_run_of_a_database_that_was_new_gives_it_its_first_operation() {
    let runs = Runs::new();
    let database = runs.open();
    let note = HookNote::without_database(&runs.file(), &Settings::default());
    let note = HookNote { since: Some(0), ..note };
    let Settled::Commit { note: committed, .. } = settle(&note, &runs.file(), &database, &|_| false).unwrap() else {
        panic!("a success")
    };
    assert_eq!(Some(committed.first), database.first_operation().unwrap());
    assert_eq!(committed.version, database.newest_version().unwrap().map(|version| version.row));
}

#[test]
fn duplicatis_version_is_that_of_the_newest_result_that_names_it() {
    let mut runs = Runs::new();
    let version = |runs: &Runs| runs.open().duplicati_version().unwrap().map(|version| version.to_string());
    assert_eq!(version(&runs).as_deref(), Some("2.3.0.4"));
    runs.records.duplicati = "2.3.0.109".into();
    let newer = runs.records.success(true);
    runs.run(Some(newer), false);
    assert_eq!(version(&runs).as_deref(), Some("2.3.0.109"));
    runs.run(Some(json!({ "MainOperation": "List" })), false);
    runs.run(None, false);
    assert_eq!(version(&runs).as_deref(), Some("2.3.0.109"));
    runs.records.operations.clear();
    runs.records.filesets.clear();
    runs.job.versions.clear();
    assert_eq!(version(&runs), None);
}

#[test]
fn a_database_that_cannot_be_relied_on_says_why() {
    let runs = Runs::new();
    drop(runs.open());
    let problem = |name: &str| JobDatabase::open(&runs.env.path(name)).unwrap_err().problem;
    assert_eq!(problem("none.sqlite"), DatabaseProblem::Missing);
    assert_eq!(problem("tree"), DatabaseProblem::NotAFile);
    // Bytes without any order, as an encrypted file has.
    let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    runs.env.write("noise", noise);
    assert_eq!(problem("noise"), DatabaseProblem::NotADatabase);
    runs.env.write("text", "a text of some length\n".repeat(99));
    assert_eq!(problem("text"), DatabaseProblem::NotADatabase);
    runs.env.write("empty", "");
    assert!(matches!(problem("empty"), DatabaseProblem::Foreign(why) if why.contains("no such table")));
    for (schema, fine) in [(9, false), (10, true), (19, true), (20, false), (0, false)] {
        let records = Records { schema, ..runs.records.clone() };
        database::write_with(&runs.job, &records, &runs.file());
        match JobDatabase::open(&runs.file()) {
            Ok(_) => assert!(fine, "{schema}"),
            Err(e) => assert_eq!((e.problem, fine), (DatabaseProblem::Schema(schema), false)),
        }
    }
    drop(runs.open());
    let writer = Connection::open(runs.file()).unwrap();
    for table in ["LogData", "Fileset", "Operation"] {
        writer.execute_batch(&format!("DROP TABLE \"{table}\"")).unwrap();
        let database = JobDatabase::open(&runs.file()).unwrap();
        let asked = [
            database.newest_backup().map(|_| ()),
            database.newest_version().map(|_| ()),
            database.newest_operation().map(|_| ()),
        ];
        let problems: Vec<_> = asked.into_iter().filter_map(Result::err).map(|e| e.problem).collect();
        assert!(!problems.is_empty(), "{table}");
        assert!(problems.iter().all(|p| matches!(p, DatabaseProblem::Foreign(why) if why.contains("no such table"))));
    }
}

#[test]
fn a_database_with_a_log_beside_it_is_read_as_it_is_now() {
    let mut runs = Runs::new();
    drop(runs.open());
    let writer = Connection::open(runs.file()).unwrap();
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    let success = runs.records.success(true);
    let id = runs.records.operation("Backup", Some(success.clone()));
    let time = runs.records.operations.last().unwrap().time;
    writer.execute(r#"INSERT INTO "Operation" VALUES (?, 'Backup', ?)"#, [id, time]).unwrap();
    let ended = r#"INSERT INTO "LogData" ("OperationID", "Timestamp", "Type", "Message") VALUES (?, ?, 'Result', ?)"#;
    writer.execute(ended, rusqlite::params![id, time, success.to_string()]).unwrap();
    assert!(runs.env.path("job.sqlite-wal").metadata().unwrap().len() > 0, "the rows are in the log alone");
    let newest = JobDatabase::open(&runs.file()).unwrap().newest_backup().unwrap().unwrap();
    assert_eq!((newest.row.id, newest.outcome), (id, RunOutcome::Success));
}
