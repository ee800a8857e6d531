//! The job database, as far as anybody reads it: the tables and the view of Duplicati's schema that tell
//! which paths are stored, in how many states, and which versions hold them.

use std::collections::BTreeMap;
use std::path::{MAIN_SEPARATOR as SEPARATOR, Path};

use base64::Engine as _;
use rusqlite::{Connection, params};
use sha2::Digest as _;

use super::job::Job;
use super::records::Records;
use super::tree::{Content, Metadata, Stored};

/// Duplicati's numbers for what has no content.
const DIR: i64 = -100;
const LINK: i64 = -200;

const SCHEMA: &str = r#"
    CREATE TABLE "PathPrefix" ("ID" INTEGER PRIMARY KEY, "Prefix" TEXT NOT NULL);
    CREATE UNIQUE INDEX "PathPrefixPrefix" ON "PathPrefix" ("Prefix");
    CREATE TABLE "FileLookup" (
        "ID" INTEGER PRIMARY KEY, "PrefixID" INTEGER NOT NULL, "Path" TEXT NOT NULL,
        "BlocksetID" INTEGER NOT NULL, "MetadataID" INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX "FileLookupPath" ON "FileLookup" ("PrefixID", "Path", "BlocksetID", "MetadataID");
    CREATE VIEW "File" AS SELECT "A"."ID" AS "ID", "B"."Prefix" || "A"."Path" AS "Path",
        "A"."BlocksetID" AS "BlocksetID", "A"."MetadataID" AS "MetadataID"
        FROM "FileLookup" "A", "PathPrefix" "B" WHERE "A"."PrefixID" = "B"."ID";
    CREATE TABLE "FilesetEntry" (
        "FilesetID" INTEGER NOT NULL, "FileID" INTEGER NOT NULL, "Lastmodified" INTEGER NOT NULL,
        CONSTRAINT "FilesetEntry_PK_FilesetIdFileId" PRIMARY KEY ("FilesetID", "FileID")
    ) WITHOUT ROWID;
    CREATE TABLE "Blockset" ("ID" INTEGER PRIMARY KEY, "Length" INTEGER NOT NULL, "FullHash" TEXT NOT NULL);
    CREATE TABLE "Configuration" ("Key" TEXT PRIMARY KEY NOT NULL, "Value" TEXT NOT NULL);
    INSERT INTO "Configuration" VALUES ('filehash', 'SHA256');
"#;

/// Writes the database of a job anew, all of whose runs went well.
pub(super) fn write(job: &Job, file: &Path) {
    write_with(job, &Records::of(job), file);
}

/// Writes the database of a job anew.
pub(super) fn write_with(job: &Job, records: &Records, file: &Path) {
    if file.exists() {
        std::fs::remove_file(file).unwrap();
    }
    let mut database = Connection::open(file).unwrap();
    // The tests' files need not survive a power cut.
    database.pragma_update(None, "synchronous", "off").unwrap();
    let transaction = database.transaction().unwrap();
    fill(&transaction, job, records);
    transaction.commit().unwrap();
}

/// Writes what a job stores into an empty database.
pub(super) fn fill(database: &Connection, job: &Job, records: &Records) {
    database.execute_batch(SCHEMA).unwrap();
    records.fill(database);
    let mut contents: BTreeMap<&Content, i64> = BTreeMap::from([(&Content::Dir, DIR), (&Content::Link, LINK)]);
    let mut metadata: BTreeMap<&Metadata, i64> = BTreeMap::new();
    let mut rows: BTreeMap<(&[u8], &Stored), i64> = BTreeMap::new();
    for (path, states) in &job.stored {
        let path = std::str::from_utf8(path).expect("what is not UTF-8 is not stored");
        // The prefix is the directory with its slash; the last slash of a directory belongs to its name.
        let (prefix, name) = path.split_at(path.trim_end_matches(SEPARATOR).rfind(SEPARATOR).unwrap() + 1);
        database.execute(r#"INSERT OR IGNORE INTO "PathPrefix" ("Prefix") VALUES (?)"#, [prefix]).unwrap();
        for state in states {
            let next = i64::try_from(contents.len()).unwrap();
            let content = *contents.entry(&state.content).or_insert_with(|| {
                if let Content::File(bytes) = &state.content {
                    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(bytes));
                    let row = params![next, i64::try_from(bytes.len()).unwrap(), hash];
                    database.execute(r#"INSERT INTO "Blockset" VALUES (?, ?, ?)"#, row).unwrap();
                }
                next
            });
            let next = i64::try_from(metadata.len()).unwrap() + 1;
            let metadata = *metadata.entry(&state.metadata).or_insert(next);
            let insert = r#"INSERT INTO "FileLookup" ("PrefixID", "Path", "BlocksetID", "MetadataID")
                VALUES ((SELECT "ID" FROM "PathPrefix" WHERE "Prefix" = ?), ?, ?, ?)"#;
            database.execute(insert, params![prefix, name, content, metadata]).unwrap();
            rows.insert((path.as_bytes(), state), database.last_insert_rowid());
        }
    }
    assert_eq!(records.filesets.len(), job.versions.len(), "a row for each version");
    for (fileset, version) in records.filesets.iter().zip(&job.versions) {
        for (path, state) in version {
            let file = rows[&(path.as_slice(), state)];
            let row = [fileset.id, file, state.metadata.ticks()];
            database.execute(r#"INSERT INTO "FilesetEntry" VALUES (?, ?, ?)"#, row).unwrap();
        }
    }
}

#[test]
fn the_view_of_files_spells_paths_as_they_were_stored() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("tree");
    std::fs::create_dir_all(root.join("d")).unwrap();
    let mut job = Job::new([&root]);
    for content in ["one", "other"] {
        std::fs::write(root.join("d/f"), content).unwrap();
        job.backup(&super::options::Options::none());
    }
    let file = dir.path().join("job.sqlite");
    write(&job, &file);
    let database = Connection::open(&file).unwrap();
    let mut query = database.prepare(r#"SELECT "Path", COUNT(*) FROM "File" GROUP BY "Path" ORDER BY "Path""#).unwrap();
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?))).unwrap();
    let rows: Vec<_> = rows.map(|row| row.unwrap()).collect();
    let root = root.display();
    let expected = [(format!("{root}/"), 1), (format!("{root}/d/"), 1), (format!("{root}/d/f"), 2)];
    assert_eq!(rows, expected.map(|(path, count)| (path.replace('/', std::path::MAIN_SEPARATOR_STR), count)));
    let held: u32 = database.query_row(r#"SELECT COUNT(*) FROM "FilesetEntry""#, [], |row| row.get(0)).unwrap();
    assert_eq!(held, 6);
}
