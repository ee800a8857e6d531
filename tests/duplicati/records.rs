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
    /// The number of its first row in the log.
    pub(super) log: i64,
    /// The results of later runs that left no operation of their own, with the numbers of their rows. (Duplicati's
    /// source: they go to the newest operation that there is.)
    pub(super) later: Vec<(i64, Value)>,
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
    /// The number of the next row in the log.
    pub(super) next_log: i64,
}

impl Records {
    /// Of a new database.
    pub(super) fn new() -> Self {
        let duplicati = "2.3.0.4 (2.3.0.4_stable_2026-06-01)".to_owned();
        Self { schema: 19, operations: Vec::new(), filesets: Vec::new(), duplicati, next_log: 1 }
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
        let log = self.next_log;
        self.next_log += 2;
        self.operations.push(Operation { id, description, time, result, log, later: Vec::new() });
        id
    }

    /// The result of a run that ended before it made an operation.
    pub(super) fn late_result(&mut self, result: Value) {
        let newest = self.operations.last_mut().expect("an operation");
        newest.later.push((self.next_log, result));
        self.next_log += 1;
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
            "Warnings": [], "WarningsActualLength": 0, "Errors": [], "ErrorsActualLength": 0,
            "ModifiedFiles": i32::from(found_changes), "Version": self.duplicati,
            "BeginTime": "2026-06-01T00:00:00.0000000Z", "EndTime": "2026-06-01T00:00:01.0000000Z"
        })
    }

    /// The result of a run whose only trouble was names that cannot be stored.
    pub(super) fn warned_of(&self, found_changes: bool, names: &[String]) -> Value {
        // Duplicati's source: at most twenty are in the message, and how many there were.
        let warning = |name: &String| {
            format!(
                "2026-06-01 02:00:00 +02 - [Warning-Duplicati.Library.Main.Operation.Backup.FileEnumerationProcess-\
                 PathProcessingErrorBlockDevice]: Failed to process path: {name}\n\
                 InvalidOperationException: Path doesn't exist!"
            )
        };
        let mut result = self.success(found_changes);
        result["ParsedResult"] = json!("Warning");
        result["WarningsActualLength"] = json!(names.len());
        result["Warnings"] = names.iter().take(20).map(warning).collect();
        result
    }

    pub(super) fn fill(&self, database: &Connection) {
        database.execute_batch(TABLES).unwrap();
        database.execute(r#"INSERT INTO "Version" ("Version") VALUES (?)"#, [self.schema]).unwrap();
        for Operation { id, description, time, result, log, later } in &self.operations {
            let row = params![id, description, time];
            database.execute(r#"INSERT INTO "Operation" VALUES (?, ?, ?)"#, row).unwrap();
            // Others write there too.
            let begun = r#"INSERT INTO "LogData" ("ID", "OperationID", "Timestamp", "Type", "Message") VALUES (?, ?, ?, 'Message', 'x')"#;
            database.execute(begun, [log, id, time]).unwrap();
            let own = result.iter().map(|result| (log + 1, result));
            for (log, result) in own.chain(later.iter().map(|(log, result)| (*log, result))) {
                let ended = r#"INSERT INTO "LogData" ("ID", "OperationID", "Timestamp", "Type", "Message") VALUES (?, ?, ?, 'Result', ?)"#;
                database.execute(ended, params![log, id, time, result.to_string()]).unwrap();
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
