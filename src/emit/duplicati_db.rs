//! Reads Duplicati's job database: which paths have more than one stored version. Read-only, and
//! never with `immutable=1`: a write-ahead log may lie beside it.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::path::{PathExt as _, is_within, to_path};

/// How long to wait for a database that Duplicati is writing to.
const BUSY: Duration = Duration::from_secs(5);

/// The paths of the newest version.
const NEWEST_VERSION: &str = "SELECT File.Path FROM FilesetEntry JOIN File ON File.ID = FilesetEntry.FileID
    WHERE FilesetEntry.FilesetID = (SELECT ID FROM Fileset ORDER BY Timestamp DESC, ID DESC LIMIT 1)";

/// The paths with more than one stored version, in whatever version of the backup.
const MULTI_VERSION: &str = "SELECT Path FROM File GROUP BY Path HAVING COUNT(*) > 1";

/// What the emitter needs of a job database.
#[derive(Debug, Default)]
pub(super) struct JobDatabase {
    /// The paths of the newest version, which the next one carries over, as Duplicati spells them.
    pub(super) newest: HashSet<Vec<u8>>,
    /// Those of them with more than one stored version.
    pub(super) multi_version: Vec<Vec<u8>>,
}

impl JobDatabase {
    /// Reads the database of a job whose sources are `roots`.
    ///
    /// # Errors
    /// Why it cannot be relied on.
    pub(super) fn read(file: &Path, roots: &[Vec<u8>]) -> Result<Self, String> {
        if !file.is_file() {
            return Err(format!("the job database {} does not exist", file.shown()));
        }
        let told = |e: rusqlite::Error| format!("the job database {} cannot be read: {e}", file.shown());
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(file, flags).map_err(told)?;
        database.busy_timeout(BUSY).map_err(told)?;
        let paths = |sql| -> rusqlite::Result<Vec<Vec<u8>>> {
            let mut query = database.prepare(sql)?;
            let rows = query.query_map([], |row| Ok(row.get_ref(0)?.as_bytes().unwrap_or_default().to_vec()))?;
            rows.collect()
        };
        let newest: HashSet<Vec<u8>> = paths(NEWEST_VERSION).map_err(told)?.into_iter().collect();
        for root in roots {
            if !newest.iter().any(|path| is_within(path, root)) {
                return Err(format!(
                    "the job database {} knows no file below {}: it belongs to another job, or nothing was backed up from there yet",
                    file.shown(),
                    to_path(root).shown()
                ));
            }
        }
        let mut multi_version = paths(MULTI_VERSION).map_err(told)?;
        multi_version.retain(|path| newest.contains(path));
        Ok(Self { newest, multi_version })
    }
}
