//! Reads Duplicati's job database: which paths have more than one stored version. Read-only, and
//! never with `immutable=1`: a write-ahead log may lie beside it.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::path::{PathExt as _, to_path};

/// How long to wait for a database that Duplicati is writing to.
const BUSY: Duration = Duration::from_secs(5);

/// What the emitter needs of a job database.
#[derive(Debug, Default)]
pub(super) struct JobDatabase {
    /// The paths with more than one version, as Duplicati spells them.
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
        for root in roots {
            if !knows(&database, root).map_err(told)? {
                return Err(format!(
                    "the job database {} knows no file below {}: it belongs to another job, or nothing was backed up from there yet",
                    file.shown(),
                    to_path(root).shown()
                ));
            }
        }
        let mut query = database.prepare("SELECT Path FROM File GROUP BY Path HAVING COUNT(*) > 1").map_err(told)?;
        let rows =
            query.query_map([], |row| Ok(row.get_ref(0)?.as_bytes().unwrap_or_default().to_vec())).map_err(told)?;
        let multi_version = rows.collect::<Result<_, _>>().map_err(told)?;
        Ok(Self { multi_version })
    }
}

/// Whether any path at or below `root` was ever backed up. Ends at the first.
fn knows(database: &Connection, root: &[u8]) -> rusqlite::Result<bool> {
    let mut below = root.to_vec();
    if below.last() != Some(&b'/') {
        below.push(b'/');
    }
    let Ok(below) = String::from_utf8(below) else { return Ok(false) };
    let sql = "SELECT EXISTS (SELECT 1 FROM File WHERE substr(Path, 1, length(?1)) = ?1)";
    database.query_row(sql, [below], |row| row.get(0))
}
