//! Duplicati's job database, read-only: the paths of the newest version, those with several stored versions, operations
//! and versions. Never opened with `immutable=1`: a write-ahead log may lie beside it.

use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Params};

use super::spelling::from_duplicati;
use crate::path::{PathExt as _, is_within, to_path};

/// How long to wait for a database that Duplicati is writing to.
const BUSY: Duration = Duration::from_secs(5);

/// The versions of the schema in which the tables that are read here are the same: 10 gave `Fileset` its last column,
/// and until 19 came only indices and columns of other tables. A later one may give the same names another meaning. It
/// is refused until somebody has checked it.
const SCHEMAS: RangeInclusive<i64> = 10..=19;

/// Newest first, in Duplicati's own order.
const NEWEST_FILESET: &str = "ORDER BY Timestamp DESC, ID DESC LIMIT 1";

/// The paths with more than one stored version, in whatever version of the backup.
const MULTI_VERSION: &str = "SELECT Path FROM File GROUP BY Path HAVING COUNT(*) > 1";

/// Why a job database cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the job database {} {problem}", path.shown())]
pub struct DatabaseError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: DatabaseProblem,
}

/// What is wrong with a job database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseProblem {
    /// There is no such file.
    #[error("does not exist")]
    Missing,
    /// A directory, a fifo or the like.
    #[error("is not a regular file")]
    NotAFile,
    /// Another program writes to it.
    #[error("is locked by another program: is another backup of this job running?")]
    Locked,
    /// Its first bytes are not those of `SQLite`.
    #[error("is encrypted or is not an SQLite file")]
    NotADatabase,
    /// A version of the schema that is not known.
    #[error("has version {0} of Duplicati's schema, and this fastdiff knows {from} to {to}: use a newer fastdiff", from = SCHEMAS.start(), to = SCHEMAS.end())]
    Schema(i64),
    /// A table is missing.
    #[error("is not a database of Duplicati, or is damaged: {0}")]
    Foreign(String),
    /// It belongs to another job.
    #[error("has no file below {}: it belongs to another job, or nothing was backed up from there yet", .0.shown())]
    OtherJob(PathBuf),
    /// Anything else.
    #[error("cannot be read: {0}")]
    Other(String),
}

/// An operation or a version, as far as it identifies a database: IDs are given again after a restore or a
/// recreation, with other times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobRow {
    /// Its number.
    pub id: i64,
    /// Unix seconds.
    pub time: i64,
}

impl fmt::Display for JobRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id, self.time)
    }
}

impl JobRow {
    /// From what `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, time) = text.split_once('@')?;
        Some(Self { id: id.parse().ok()?, time: time.parse().ok()? })
    }
}

/// A version of the backup. Its time is that of the operation that made it: an idle run may move the version's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Which one.
    pub row: JobRow,
    /// The operation that made it.
    pub operation: i64,
    /// It is whole: its run was not cut off.
    pub is_full: bool,
}

/// The paths that the next version carries over unless they are listed, as Duplicati spells them.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct StoredPaths {
    /// Those of the newest version.
    pub newest: HashSet<Vec<u8>>,
    /// Those of them with more than one stored version.
    pub multi_version: HashSet<Vec<u8>>,
}

/// An open job database. All answers are of the same moment.
#[derive(Debug)]
pub struct JobDatabase {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl JobDatabase {
    /// Opens a database and looks at the version of its schema. Waits up to five seconds for a writer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let fail = |problem| DatabaseError { path: path.to_owned(), problem };
        match std::fs::metadata(path) {
            Ok(m) if m.is_file() => {}
            Ok(_) => return Err(fail(DatabaseProblem::NotAFile)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(fail(DatabaseProblem::Missing)),
            Err(e) => return Err(fail(DatabaseProblem::Other(e.to_string()))),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|e| fail(problem(&e)))?;
        let database = Self { connection, path: path.to_owned() };
        database.connection.busy_timeout(BUSY).map_err(|e| database.error(&e))?;
        // The transaction of a reader, which ends when the connection is closed.
        database.connection.execute_batch("BEGIN").map_err(|e| database.error(&e))?;
        let schema: Option<i64> = database.ask("SELECT MAX(Version) FROM Version", ())?.flatten();
        let schema = schema.unwrap_or_default();
        if !SCHEMAS.contains(&schema) {
            return Err(fail(DatabaseProblem::Schema(schema)));
        }
        Ok(database)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the list of a job whose sources are `roots` depends on. Costs a pass over the paths.
    ///
    /// # Errors
    /// What is wrong with the database, one of another job among it.
    pub fn stored_paths(&self, roots: &[Vec<u8>]) -> Result<StoredPaths, DatabaseError> {
        let paths = |sql: &str| -> rusqlite::Result<HashSet<Vec<u8>>> {
            let mut query = self.connection.prepare(sql)?;
            let rows = query.query_map([], |row| Ok(from_duplicati(row.get_ref(0)?.as_bytes().unwrap_or_default())))?;
            rows.collect()
        };
        let newest = format!(
            "SELECT File.Path FROM FilesetEntry JOIN File ON File.ID = FilesetEntry.FileID
             WHERE FilesetEntry.FilesetID = (SELECT ID FROM Fileset {NEWEST_FILESET})"
        );
        let newest = paths(&newest).map_err(|e| self.error(&e))?;
        for root in roots {
            if !newest.iter().any(|path| is_within(path, root)) {
                let problem = DatabaseProblem::OtherJob(to_path(root).into_owned());
                return Err(DatabaseError { path: self.path.clone(), problem });
            }
        }
        let mut multi_version = paths(MULTI_VERSION).map_err(|e| self.error(&e))?;
        multi_version.retain(|path| newest.contains(path));
        Ok(StoredPaths { newest, multi_version })
    }

    /// The newest version of the backup.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn newest_version(&self) -> Result<Option<Version>, DatabaseError> {
        let sql = format!(
            "SELECT ID, (SELECT Timestamp FROM Operation WHERE Operation.ID = OperationID), OperationID, IsFullBackup
             FROM Fileset {NEWEST_FILESET}"
        );
        let read = |row: &rusqlite::Row<'_>| {
            let id = JobRow { id: row.get(0)?, time: row.get::<_, Option<i64>>(1)?.unwrap_or_default() };
            Ok(Version { row: id, operation: row.get(2)?, is_full: row.get::<_, i64>(3)? != 0 })
        };
        self.connection.query_row(&sql, [], read).optional().map_err(|e| self.error(&e))
    }

    /// Whether a version is still there.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn has_version(&self, version: JobRow) -> Result<bool, DatabaseError> {
        let sql =
            "SELECT Operation.Timestamp FROM Fileset JOIN Operation ON Operation.ID = OperationID WHERE Fileset.ID = ?";
        let found: Option<i64> = self.ask(sql, [version.id])?;
        Ok(found == Some(version.time))
    }

    /// Runs a query for one value.
    pub(super) fn ask<T: rusqlite::types::FromSql>(
        &self,
        sql: &str,
        parameters: impl Params,
    ) -> Result<Option<T>, DatabaseError> {
        self.connection.query_row(sql, parameters, |row| row.get(0)).optional().map_err(|e| self.error(&e))
    }

    pub(super) fn error(&self, error: &rusqlite::Error) -> DatabaseError {
        DatabaseError { path: self.path.clone(), problem: problem(error) }
    }
}

fn problem(error: &rusqlite::Error) -> DatabaseProblem {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => DatabaseProblem::Locked,
        Some(ErrorCode::NotADatabase) => DatabaseProblem::NotADatabase,
        Some(ErrorCode::DatabaseCorrupt) => DatabaseProblem::Foreign(error.to_string()),
        _ => {
            let text = error.to_string();
            if text.contains("no such table") || text.contains("no such column") {
                DatabaseProblem::Foreign(text)
            } else {
                DatabaseProblem::Other(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_and_read_alike() {
        let row = JobRow { id: 7, time: 1_700_000_007 };
        assert_eq!(JobRow::parse(&row.to_string()), Some(row));
        for text in ["", "7", "@", "7@", "x@1", "7@1.5"] {
            assert_eq!(JobRow::parse(text), None, "{text}");
        }
    }
}
