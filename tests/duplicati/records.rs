//! The rows of the job database that tell of runs: operations, results, versions.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, params};
use serde_json::{Value, json};

use super::job::Job;

/// consumers: one row a run, whatever it did.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) id: i64,
    pub(super) description: &'static str,
    pub(super) time: i64,
    /// The message of its row of type `Result`; a run that was killed leaves none.
    pub(super) result: Option<Value>,
}

/// consumers: a version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fileset {
    pub(super) id: i64,
    pub(super) operation: i64,
    pub(super) time: i64,
    pub(super) is_full: bool,
}

/// All rows. The versions are those of the job, in order.
#[derive(Debug, Clone)]
pub(super) struct Records {
    pub(super) schema: i64,
    pub(super) operations: Vec<Operation>,
    pub(super) filesets: Vec<Fileset>,
    /// What the results say of Duplicati's version.
    pub(super) duplicati: String,
}

impl Records {
    /// Of a new database.
    pub(super) fn new() -> Self {
        let duplicati = "2.3.0.4 (2.3.0.4_stable_2026-06-01)".to_owned();
        Self { schema: 19, operations: Vec::new(), filesets: Vec::new(), duplicati }
    }

    /// As if each version of a job had been made by a run that went well.
    pub(super) fn of(job: &Job) -> Self {
        let mut records = Self::new();
        for _ in &job.versions {
            let result = records.success(true);
            let operation = records.operation("Backup", Some(result));
            records.fileset(operation, true);
        }
        records
    }

    /// A new row of an operation; its number. Times have whole seconds, and no two rows the same.
    pub(super) fn operation(&mut self, description: &'static str, result: Option<Value>) -> i64 {
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        let last = self.operations.last().map_or((0, 0), |last| (last.id, last.time));
        let (id, time) = (last.0 + 1, now.max(last.1 + 1));
        self.operations.push(Operation { id, description, time, result });
        id
    }

    /// A new version of an operation.
    pub(super) fn fileset(&mut self, operation: i64, is_full: bool) {
        let time = self.operations.iter().find(|row| row.id == operation).unwrap().time;
        // As SQLite numbers rows: one more than the largest that is there.
        let id = self.filesets.iter().map(|row| row.id).max().unwrap_or(0) + 1;
        self.filesets.push(Fileset { id, operation, time, is_full });
    }

    /// The result of a run that went well.
    pub(super) fn success(&self, found_changes: bool) -> Value {
        json!({
            "MainOperation": "Backup", "ParsedResult": "Success", "Interrupted": false, "PartialBackup": false,
            "Dryrun": false, "FilesWithError": 0, "AddedFiles": 0, "DeletedFiles": 0,
            "ModifiedFiles": i32::from(found_changes), "Version": self.duplicati,
            "BeginTime": "2026-06-01T00:00:00.0000000Z", "EndTime": "2026-06-01T00:00:01.0000000Z"
        })
    }

    pub(super) fn fill(&self, database: &Connection) {
        database.execute_batch(TABLES).unwrap();
        database.execute(r#"INSERT INTO "Version" ("Version") VALUES (?)"#, [self.schema]).unwrap();
        for Operation { id, description, time, result } in &self.operations {
            let row = params![id, description, time];
            database.execute(r#"INSERT INTO "Operation" VALUES (?, ?, ?)"#, row).unwrap();
            // Others write there too.
            let begun = r#"INSERT INTO "LogData" ("OperationID", "Timestamp", "Type", "Message") VALUES (?, ?, 'Message', 'x')"#;
            database.execute(begun, [id, time]).unwrap();
            if let Some(result) = result {
                let ended = r#"INSERT INTO "LogData" ("OperationID", "Timestamp", "Type", "Message") VALUES (?, ?, 'Result', ?)"#;
                database.execute(ended, params![id, time, result.to_string()]).unwrap();
            }
        }
        for Fileset { id, operation, time, is_full } in &self.filesets {
            let row = params![id, operation, id, is_full, time];
            database.execute(r#"INSERT INTO "Fileset" VALUES (?, ?, ?, ?, ?)"#, row).unwrap();
        }
    }
}

const TABLES: &str = r#"
    CREATE TABLE "Operation" ("ID" INTEGER PRIMARY KEY, "Description" TEXT NOT NULL, "Timestamp" INTEGER NOT NULL);
    CREATE TABLE "Fileset" (
        "ID" INTEGER PRIMARY KEY, "OperationID" INTEGER NOT NULL, "VolumeID" INTEGER NOT NULL,
        "IsFullBackup" INTEGER NOT NULL, "Timestamp" INTEGER NOT NULL
    );
    CREATE TABLE "LogData" (
        "ID" INTEGER PRIMARY KEY, "OperationID" INTEGER NOT NULL, "Timestamp" INTEGER NOT NULL,
        "Type" TEXT NOT NULL, "Message" TEXT NOT NULL, "Exception" TEXT NULL
    );
    CREATE TABLE "Version" ("ID" INTEGER PRIMARY KEY, "Version" INTEGER NOT NULL);
"#;
