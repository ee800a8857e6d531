//! Whether the runs of a backup succeeded, from the rows that each leaves in the job database.

use serde::Deserialize;

use super::database::{DatabaseError, JobDatabase, JobRow};
use super::version::DuplicatiVersion;

/// A run of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupRun {
    /// Its row.
    pub row: JobRow,
    /// How it ended.
    pub outcome: RunOutcome,
    /// It had something to put into a version.
    pub found_changes: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunOutcome {
    /// It succeeded: everything that was to be backed up is in its version.
    Success,
    /// It ended with warnings that name nothing but these paths, each with a U+FFFD in it: Duplicati reads what is not
    /// UTF-8 in a name as that, and finds no such file. If no file has such a name, it succeeded.
    Unnamed(Vec<String>),
    /// It ended, but something was left out, or may have been; why.
    Failed(String),
    /// It left no result: it was killed, or is still running.
    Unfinished,
}

/// The message of a row of type `Result`. A missing field does not count as success.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultRow {
    main_operation: Option<String>,
    parsed_result: Option<String>,
    interrupted: Option<bool>,
    partial_backup: Option<bool>,
    dryrun: Option<bool>,
    files_with_error: Option<i64>,
    #[serde(default)]
    warnings: Vec<String>,
    warnings_actual_length: Option<usize>,
    errors_actual_length: Option<usize>,
    #[serde(default)]
    added_files: i64,
    #[serde(default)]
    modified_files: i64,
    #[serde(default)]
    deleted_files: i64,
    #[serde(default)]
    added_folders: i64,
    #[serde(default)]
    modified_folders: i64,
    #[serde(default)]
    deleted_folders: i64,
    #[serde(default)]
    added_symlinks: i64,
    #[serde(default)]
    modified_symlinks: i64,
    #[serde(default)]
    deleted_symlinks: i64,
}

/// The one field of any operation's result.
#[derive(Deserialize)]
struct VersionField {
    #[serde(rename = "Version")]
    version: Option<String>,
}

impl ResultRow {
    /// `Warning` is not enough: a file that was not read has its old content in the version.
    fn outcome(&self) -> RunOutcome {
        let failed = |why: &str| RunOutcome::Failed(why.to_owned());
        if self.main_operation.as_deref() != Some("Backup") {
            return failed("its result is not that of a backup");
        }
        let mut unnamed = None;
        match self.parsed_result.as_deref() {
            Some("Success") => {}
            Some("Warning") => match self.unnamed() {
                Some(paths) => unnamed = Some(paths),
                None => return failed("it ended with Warning"),
            },
            Some(other) => return RunOutcome::Failed(format!("it ended with {other}")),
            None => return failed("its result does not say how it ended"),
        }
        for (value, what) in [
            (self.interrupted, "it was interrupted"),
            (self.partial_backup, "it made only a partial backup"),
            (self.dryrun, "it was a dry run"),
        ] {
            match value {
                Some(false) => {}
                Some(true) => return failed(what),
                None => return RunOutcome::Failed(format!("its result does not say whether {what}")),
            }
        }
        match self.files_with_error {
            Some(0) => unnamed.map_or(RunOutcome::Success, RunOutcome::Unnamed),
            Some(n) => RunOutcome::Failed(format!("{n} files could not be read")),
            None => failed("its result does not say whether files could not be read"),
        }
    }

    /// The paths that the warnings name, if all of them are there and each names a file that Duplicati did not find
    /// under a name with a U+FFFD in it. The message holds twenty warnings at most.
    fn unnamed(&self) -> Option<Vec<String>> {
        let are_all_there = self.warnings_actual_length == Some(self.warnings.len()) && !self.warnings.is_empty();
        if !are_all_there || self.errors_actual_length != Some(0) {
            return None;
        }
        self.warnings.iter().map(|warning| unnamed_path(warning)).collect()
    }

    /// Another operation than a backup, which leaves the outcome of the backup as it is.
    fn is_of_another_kind(&self) -> bool {
        self.main_operation.as_deref().is_some_and(|name| name != "Backup")
    }

    fn found_changes(&self) -> bool {
        let counts = [
            self.added_files,
            self.modified_files,
            self.deleted_files,
            self.added_folders,
            self.modified_folders,
            self.deleted_folders,
            self.added_symlinks,
            self.modified_symlinks,
            self.deleted_symlinks,
        ];
        counts.iter().any(|count| *count != 0)
    }
}

/// The path that a warning names. The last line is the exception, such as `InvalidOperationException: …`. All before it
/// is the path, which may have line breaks itself: whoever asks has to find it as a whole.
fn unnamed_path(warning: &str) -> Option<String> {
    let (first, exception) = warning.strip_suffix('\n').unwrap_or(warning).rsplit_once('\n')?;
    let (kind, _) = exception.split_once(": ")?;
    let is_exception = kind.ends_with("Exception") && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    let (start, path) = first.split_once("]: Failed to process path: ")?;
    let is_warning = start.contains(" - [Warning-Duplicati.Library.Main.Operation.Backup.");
    let is_whole = is_exception && is_warning && !exception.contains('\r');
    (is_whole && path.contains(char::REPLACEMENT_CHARACTER)).then(|| path.to_owned())
}

impl JobDatabase {
    /// The newest operation of whatever kind.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn newest_operation(&self) -> Result<Option<JobRow>, DatabaseError> {
        self.operation("ORDER BY ID DESC")
    }

    /// The oldest operation: another one means that the database was made anew.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn first_operation(&self) -> Result<Option<JobRow>, DatabaseError> {
        self.operation("ORDER BY ID")
    }

    fn operation(&self, order: &str) -> Result<Option<JobRow>, DatabaseError> {
        let rows = self.operations(&format!("{order} LIMIT 1"), [])?;
        Ok(rows.into_iter().next())
    }

    /// Whether an operation is still there.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn has_operation(&self, operation: JobRow) -> Result<bool, DatabaseError> {
        let found: Option<i64> = self.ask("SELECT Timestamp FROM Operation WHERE ID = ?", [operation.id])?;
        Ok(found == Some(operation.time))
    }

    /// The backups after an operation, oldest first.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn backups_since(&self, operation: i64) -> Result<Vec<BackupRun>, DatabaseError> {
        let rows = self.operations("WHERE Description = 'Backup' AND ID > ? ORDER BY ID", [operation])?;
        rows.into_iter().map(|row| self.run(row)).collect()
    }

    /// The newest backup.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn newest_backup(&self) -> Result<Option<BackupRun>, DatabaseError> {
        let rows = self.operations("WHERE Description = 'Backup' ORDER BY ID DESC LIMIT 1", [])?;
        rows.into_iter().next().map(|row| self.run(row)).transpose()
    }

    fn operations(&self, rest: &str, parameters: impl rusqlite::Params) -> Result<Vec<JobRow>, DatabaseError> {
        let read = || -> rusqlite::Result<Vec<JobRow>> {
            let mut query = self.connection.prepare(&format!("SELECT ID, Timestamp FROM Operation {rest}"))?;
            query.query_map(parameters, |row| Ok(JobRow { id: row.get(0)?, time: row.get(1)? }))?.collect()
        };
        read().map_err(|e| self.error(&e))
    }

    /// What made a version, such as `Backup` or `Purge`; none if that is not known any more.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn operation_name(&self, operation: i64) -> Result<Option<String>, DatabaseError> {
        self.ask("SELECT Description FROM Operation WHERE ID = ?", [operation])
    }

    /// The number of the newest row in the log.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn newest_log(&self) -> Result<i64, DatabaseError> {
        Ok(self.ask::<Option<i64>>("SELECT MAX(ID) FROM LogData", ())?.flatten().unwrap_or_default())
    }

    /// How a backup ended that left no operation of its own: it wrote its result to the newest one that there was. None
    /// if no result of a backup came after that row in the log.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn result_since(&self, log: i64) -> Result<Option<RunOutcome>, DatabaseError> {
        let sql = "SELECT Message FROM LogData WHERE ID > ? AND Type = 'Result' ORDER BY ID DESC LIMIT 1";
        let message: Option<String> = self.ask(sql, [log])?;
        let result = message.and_then(|message| serde_json::from_str::<ResultRow>(&message).ok());
        Ok(result.filter(|result| result.main_operation.as_deref() == Some("Backup")).map(|result| result.outcome()))
    }

    fn run(&self, row: JobRow) -> Result<BackupRun, DatabaseError> {
        let sql = "SELECT Message FROM LogData WHERE OperationID = ? AND Type = 'Result' ORDER BY ID DESC";
        let read = || -> rusqlite::Result<Vec<String>> {
            self.connection.prepare(sql)?.query_map([row.id], |row| row.get(0))?.collect()
        };
        let messages = read().map_err(|e| self.error(&e))?;
        // Duplicati writes the result of what made no operation, such as a listing, to the newest one that there is.
        let mut results = messages.iter().map(|m| serde_json::from_str::<ResultRow>(m));
        let (outcome, found_changes) = match results.find(|r| !r.as_ref().is_ok_and(ResultRow::is_of_another_kind)) {
            None => (RunOutcome::Unfinished, true),
            Some(Ok(result)) => (result.outcome(), result.found_changes()),
            Some(Err(e)) => (RunOutcome::Failed(format!("its result cannot be understood: {e}")), true),
        };
        Ok(BackupRun { row, outcome, found_changes })
    }

    /// The version of Duplicati that wrote the newest result; none if there is none that names it.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn duplicati_version(&self) -> Result<Option<DuplicatiVersion>, DatabaseError> {
        // Results of other operations need not name it: a few are looked at.
        let sql = "SELECT Message FROM LogData WHERE Type = 'Result' ORDER BY ID DESC LIMIT 100";
        let read = || -> rusqlite::Result<Vec<String>> {
            self.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        let messages = read().map_err(|e| self.error(&e))?;
        Ok(messages.iter().find_map(|message| {
            let field: VersionField = serde_json::from_str(message).ok()?;
            DuplicatiVersion::parse(&field.version?)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ResultRow {
        serde_json::from_str(json).expect("a result")
    }

    #[test]
    fn a_result_that_does_not_say_all_is_no_success() {
        let whole = r#"{"MainOperation":"Backup","ParsedResult":"Success","Interrupted":false,"PartialBackup":false,"Dryrun":false,"FilesWithError":0}"#;
        assert_eq!(read(whole).outcome(), RunOutcome::Success);
        assert!(!read(whole).found_changes());
        let all: serde_json::Map<String, serde_json::Value> = serde_json::from_str(whole).expect("a map");
        for field in all.keys() {
            let mut less = all.clone();
            less.remove(field);
            let result = read(&serde_json::Value::Object(less).to_string());
            assert!(matches!(result.outcome(), RunOutcome::Failed(_)), "without {field}");
        }
    }

    #[test]
    fn only_warnings_that_name_what_cannot_be_stored_are_none() {
        let warning = |path: &str| {
            format!(
                "2026-06-01 02:00:00 +02 - [Warning-Duplicati.Library.Main.Operation.Backup.FileEnumerationProcess-\
                 PathProcessingErrorBlockDevice]: Failed to process path: {path}\nInvalidOperationException: Path doesn't exist!"
            )
        };
        let outcome = |warnings: &[String], count: usize, errors: usize| {
            let result = serde_json::json!({
                "MainOperation": "Backup", "ParsedResult": "Warning", "Interrupted": false, "PartialBackup": false,
                "Dryrun": false, "FilesWithError": 0, "Warnings": warnings, "WarningsActualLength": count,
                "ErrorsActualLength": errors,
            });
            read(&result.to_string()).outcome()
        };
        let names = ["/a/x\u{fffd}", "/a/: \u{fffd}/", "/a/x\u{fffd}\nb", "/a\n/\u{fffd}\rb"].map(str::to_owned);
        let good = names.clone().map(|name| warning(&name));
        assert_eq!(outcome(&good, 4, 0), RunOutcome::Unnamed(names.to_vec()));
        let failed = |warnings: &[String], count, errors| {
            assert!(matches!(outcome(warnings, count, errors), RunOutcome::Failed(_)), "{warnings:?}");
        };
        failed(&good, 21, 0);
        failed(&good, 4, 1);
        failed(&[], 0, 0);
        for other in [
            warning("/a/x"),
            "the script timed out \u{fffd}".to_owned(),
            warning("/a/\u{fffd}").replace("Failed to process path", "Excluding path due to permission denied"),
            warning("/a/\u{fffd}").replace("Operation.Backup", "Modules.Builtin"),
            warning("/a/\u{fffd}").split('\n').next().unwrap_or_default().to_owned(),
            warning("/a/\u{fffd}").replace("InvalidOperationException: ", "b.txt"),
        ] {
            failed(&[good[0].clone(), other], 2, 0);
        }
    }

    #[test]
    fn any_count_of_changes_counts() {
        for field in ["AddedFiles", "ModifiedFolders", "DeletedSymlinks"] {
            assert!(read(&format!("{{\"{field}\":1}}")).found_changes(), "{field}");
        }
    }
}
