//! What a job keeps about Duplicati beside a snapshot: enough to find out later whether the run succeeded, and whether
//! the database is still the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::database::{DatabaseError, JobDatabase, JobRow};
use super::settings::Settings;
use super::unread::Unread;
use super::version::DuplicatiVersion;

/// Kept with the pending snapshot, and with the committed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookNote {
    /// The database's path, as Duplicati named it.
    pub database: PathBuf,
    /// A run that began in this second (Unix time) or later read nothing before the walk had ended. The snapshot may
    /// hold changes that an earlier run did not see. None until the hook has answered.
    pub since: Option<i64>,
    /// Its first operation.
    pub first: JobRow,
    /// The newest operation when the snapshot was taken; none in a new database.
    pub newest: Option<JobRow>,
    /// The version of the backup that the next run carries over: at first the newest one when the snapshot was taken,
    /// and after the run succeeded, its newest one.
    pub version: Option<JobRow>,
    /// The digest of the options that decide what a version holds.
    pub options: String,
    /// A list was printed, so that the run carries over the rest from that version.
    pub listed: bool,
    /// Duplicati's version.
    pub duplicati: Option<DuplicatiVersion>,
    /// The newest row of the log when the snapshot was taken.
    pub log: i64,
    /// It was to be a dry run.
    pub dry_run: bool,
    /// What a full scan leaves unread if it has not the option to read every file. In a committed note what it left:
    /// the next list names these files.
    pub unread: Unread,
    /// The scan had that option.
    pub reads_all: bool,
}

impl HookNote {
    /// The note for the state before a run.
    ///
    /// # Errors
    /// What is wrong with the database.
    pub fn before_run(file: &Path, database: &JobDatabase, settings: &Settings) -> Result<Self, DatabaseError> {
        let newest = database.newest_operation()?;
        Ok(Self {
            database: file.to_owned(),
            since: None,
            first: database.first_operation()?.unwrap_or(NO_ROW),
            newest,
            version: database.newest_version()?.map(|version| version.row),
            options: settings.digest(),
            listed: false,
            duplicati: database.duplicati_version()?,
            log: database.newest_log()?,
            dry_run: settings.is_dry_run(),
            unread: Unread::default(),
            reads_all: false,
        })
    }

    /// The note for a database that does not exist yet.
    pub fn without_database(file: &Path, settings: &Settings) -> Self {
        let (database, options) = (file.to_owned(), settings.digest());
        Self {
            database,
            since: None,
            first: NO_ROW,
            newest: None,
            version: None,
            options,
            listed: false,
            duplicati: None,
            log: 0,
            dry_run: settings.is_dry_run(),
            unread: Unread::default(),
            reads_all: false,
        }
    }

    /// The note of a full scan that leaves this unread unless it `reads_all`.
    #[must_use]
    pub fn scans(self, unread: &Unread, reads_all: bool) -> Self {
        let unread = if unread.is_too_much() { Unread::Anything } else { unread.clone() };
        Self { unread, reads_all, ..self }
    }

    /// As strings, which a job can keep.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let row = |row: Option<JobRow>| row.map(|row| row.to_string()).unwrap_or_default();
        let database = self.database.to_string_lossy().into_owned();
        let duplicati = self.duplicati.map(|version| version.to_string()).unwrap_or_default();
        [
            ("database", database),
            ("since", self.since.map(|time| time.to_string()).unwrap_or_default()),
            ("first-operation", self.first.to_string()),
            ("newest-operation", row(self.newest)),
            ("version", row(self.version)),
            ("options", self.options.clone()),
            ("listed", self.listed.to_string()),
            ("duplicati", duplicati),
            ("log", self.log.to_string()),
            ("dry-run", self.dry_run.to_string()),
            ("unread", self.unread.to_text()),
            ("reads-all", self.reads_all.to_string()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
    }

    /// From those strings; none if they are from something else.
    pub fn from_map(map: &BTreeMap<String, String>) -> Option<Self> {
        let row = |key: &str| {
            let text = map.get(key)?;
            if text.is_empty() { Some(None) } else { JobRow::parse(text).map(Some) }
        };
        Some(Self {
            database: PathBuf::from(map.get("database")?),
            since: match map.get("since")?.as_str() {
                "" => None,
                time => Some(time.parse().ok()?),
            },
            first: row("first-operation")??,
            newest: row("newest-operation")?,
            version: row("version")?,
            options: map.get("options")?.clone(),
            listed: map.get("listed")?.parse().ok()?,
            duplicati: DuplicatiVersion::parse(map.get("duplicati")?),
            log: map.get("log")?.parse().ok()?,
            dry_run: map.get("dry-run")?.parse().ok()?,
            unread: Unread::from_text(map.get("unread")?),
            reads_all: map.get("reads-all")?.parse().ok()?,
        })
    }
}

/// Stands for the first operation of a database without operations.
pub(super) const NO_ROW: JobRow = JobRow { id: 0, time: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_written_and_read_alike() {
        let row = |id| JobRow { id, time: id + 100 };
        let whole = HookNote {
            database: "/d b/x.sqlite".into(),
            since: Some(1_700_000_000),
            first: row(1),
            newest: Some(row(9)),
            version: Some(row(4)),
            options: "ab".into(),
            listed: true,
            duplicati: Some(DuplicatiVersion::FIRST),
            log: 12,
            dry_run: true,
            unread: Unread::Files([b"/a".to_vec(), b"/b c".to_vec()].into()),
            reads_all: true,
        };
        assert_eq!(HookNote::from_map(&whole.to_map()), Some(whole.clone()));
        let empty = HookNote { since: None, newest: None, version: None, duplicati: None, ..whole.clone() };
        assert_eq!(HookNote::from_map(&empty.to_map()), Some(empty));
        for key in whole.to_map().keys() {
            let mut less = whole.to_map();
            less.remove(key);
            assert_eq!(HookNote::from_map(&less), None, "without {key}");
        }
        assert_eq!(HookNote::from_map(&BTreeMap::new()), None);
    }
}
