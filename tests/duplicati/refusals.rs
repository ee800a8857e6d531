//! Promise 5 for Duplicati: where a list would mislead it, there is none. Standard output is empty, the exit code
//! is 3, the message says which path or file it was, and Duplicati scans everything by itself.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rusqlite::Connection;

use super::backup::{Backup, DATABASE};
use super::database;
use super::job::Job;
use super::options::Options;
use crate::testenv::Run;

/// A refusal with the instruction; the message.
#[track_caller]
fn refused(run: Run) -> String {
    assert_eq!(Options::parse(&run.bytes), Options::none(), "no list is a full scan");
    let message = run.failure(3);
    assert!(message.contains("no list for duplicati") && message.contains("scans everything"), "{message}");
    message
}

/// A tree with `tree/file`, which is going to change, and names that cannot be listed.
fn backup_with(names: &[&[u8]]) -> Backup {
    let backup = Backup::new();
    backup.env.write("tree/file", "old");
    for name in names {
        backup.env.write(Path::new("tree").join(OsStr::from_bytes(name)), "old");
    }
    let backup = backup.first();
    backup.env.write("tree/file", "new");
    backup
}

const UNSAYABLE: [(&[u8], &str); 3] = [
    (b"co:lon", "tree/co:lon holds a `:`"),
    (b"new\nline", "tree/new\\nline\" holds a line break"),
    (b"car\rriage", "tree/car\\rriage\" holds a line break"),
];

/// Duplicati stores no such name.
const UNSTORABLE: &[u8] = b"not \xff utf-8";

#[test]
fn a_first_run_has_no_list() {
    let backup = Backup::new();
    backup.env.write("tree/file", "file");
    backup.snap("new.snap");
    database::write(&backup.job, &backup.env.path(DATABASE));
    let args = ["diff", "old.snap", "new.snap", "--emit", "duplicati", "--duplicati-db"];
    for database in [DATABASE, "none"] {
        let message = refused(backup.env.run(args.iter().chain([&database])));
        assert!(message.contains("no baseline old.snap"), "{message}");
    }
    // Without a list it is right, with any list it would not be.
    let mut job = backup.job;
    job.backup(&Options::none());
    assert_eq!(job.mistakes(), [""; 0]);
}

#[test]
fn a_list_without_a_word_about_the_database_is_refused() {
    let backup = backup_with(&[]);
    backup.snap("new.snap");
    let run = backup.env.run(["diff", "old.snap", "new.snap", "--emit", "duplicati"]);
    assert_eq!(run.bytes, b"");
    let message = run.failure(2);
    assert!(message.contains("pass --duplicati-db FILE") && message.contains("several versions"), "{message}");
}

#[test]
fn a_changed_name_that_cannot_be_said_is_named() {
    for (name, expected) in UNSAYABLE {
        let backup = backup_with(&[name]);
        backup.env.write(Path::new("tree").join(OsStr::from_bytes(name)), "new");
        let message = refused(backup.list());
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_new_name_that_cannot_be_said_is_named() {
    for (name, expected) in UNSAYABLE {
        let backup = backup_with(&[]);
        backup.env.dir(Path::new("tree").join(OsStr::from_bytes(name)));
        let message = refused(backup.list());
        // A directory is said with its slash.
        let (name, why) = expected.split_once(" holds").or(expected.split_once(" is")).unwrap();
        assert!(message.contains(name.trim_end_matches('"')) && message.contains(why), "{message}");
    }
}

#[test]
fn a_deleted_name_that_cannot_be_said_is_named() {
    for (name, expected) in &UNSAYABLE {
        let backup = backup_with(&[name]);
        backup.env.remove(Path::new("tree").join(OsStr::from_bytes(name)));
        let message = refused(backup.list());
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_deleted_name_that_is_not_utf8_was_never_stored() {
    let name = OsStr::from_bytes(UNSTORABLE);
    let mut backup = backup_with(&[UNSTORABLE]);
    backup.env.remove(Path::new("tree").join(name));
    assert_eq!(backup.next(), [vec!["tree/", "tree/file"], vec![]]);
}

#[test]
fn a_name_that_is_not_utf8_is_left_out_of_the_list_and_named() {
    let name = Path::new("tree").join(OsStr::from_bytes(UNSTORABLE));
    let mut backup = backup_with(&[]);
    // And all that lies below such a directory.
    backup.env.write(name.join("file"), "new");
    let run = backup.list();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("2 of the changes have names that are not UTF-8"), "{}", run.stderr);
    assert!(run.stderr.contains("not \\377 utf-8"), "{}", run.stderr);
    assert_eq!(backup.next(), [vec!["tree/", "tree/file"], vec![]]);
}

#[test]
fn unchanged_names_that_cannot_be_said_do_no_harm() {
    let backup = Backup::new();
    backup.env.write("tree/file", "old");
    backup.env.dir("target");
    for name in UNSAYABLE.map(|(name, _)| name).into_iter().chain([UNSTORABLE]) {
        let path = |kind: &str| Path::new("tree").join(kind).join(OsStr::from_bytes(name));
        backup.env.write(path("files"), "old");
        backup.env.dir(path("dirs"));
        backup.env.symlink("../../file", path("links"));
        backup.env.symlink("../../../target", path("links to dirs"));
        backup.env.fifo(path("fifos"));
    }
    let mut backup = backup.first();
    backup.env.write("tree/file", "new");
    assert_eq!(backup.next(), [vec!["tree/", "tree/file"], vec![]]);
}

#[test]
fn an_unchanged_name_with_several_versions_that_cannot_be_said_is_named() {
    let mut backup = backup_with(&[b"co:lon"]);
    // Duplicati's own scan stores it twice.
    backup.env.write("tree/co:lon", "second");
    backup.snap("old.snap");
    backup.job.backup(&Options::none());
    database::write(&backup.job, &backup.env.path(DATABASE));
    backup.env.write("tree/file", "newer");
    let message = refused(backup.list());
    assert!(message.contains("tree/co:lon holds a `:`"), "{message}");
}

#[test]
fn a_tree_without_a_regular_file_has_no_list() {
    let mut backup = backup_with(&[]);
    backup.env.remove("tree/file");
    backup.env.dir("tree/dir");
    let message = refused(backup.list());
    assert!(message.contains("no regular file"), "{message}");
    assert!(backup.job.backup(&Options::none()).is_empty());
    assert_eq!(backup.job.mistakes(), [""; 0]);
}

#[test]
fn a_database_that_is_not_there_or_no_database_is_named() {
    let backup = backup_with(&[]);
    backup.env.write("text", "this is no database, but long enough to be looked at as one".repeat(20));
    backup.env.write("empty", "");
    backup.env.dir("directory");
    backup.env.fifo("fifo");
    Connection::open(backup.env.path("foreign")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    for database in ["missing", "text", "empty", "directory", "fifo", "foreign"] {
        let message = refused(backup.list_with(database));
        assert!(message.contains(&format!("job database {database} ")), "{message}");
    }
    assert!(!backup.env.path("missing").exists(), "looking for it does not make it");
}

#[test]
fn the_database_of_another_job_is_refused() {
    let backup = backup_with(&[]);
    // Its source begins with the same letters.
    backup.env.write("tree-2/file", "another job's");
    let mut other = Job::new([backup.env.path("tree-2")]);
    other.backup(&Options::none());
    database::write(&other, &backup.env.path("other.sqlite"));
    let message = refused(backup.list_with("other.sqlite"));
    assert!(message.contains("other.sqlite") && message.contains("another job"), "{message}");
    // And so is one that was never backed up to.
    database::write(&Job::new([backup.env.path("tree")]), &backup.env.path("new.sqlite"));
    assert!(refused(backup.list_with("new.sqlite")).contains("new.sqlite"));
}

#[test]
fn a_database_that_knows_only_one_of_two_roots_is_refused() {
    let backup = Backup::of(&["tree", "second"]);
    backup.env.write("tree/file", "old");
    backup.env.write("second/file", "old");
    let mut backup = backup.first();
    backup.job = Job::new([backup.env.path("tree")]);
    backup.job.backup(&Options::none());
    database::write(&backup.job, &backup.env.path(DATABASE));
    backup.env.write("second/file", "new");
    let message = refused(backup.list());
    assert!(message.contains("[ROOT]/second"), "{message}");
}

#[test]
fn a_damaged_database_is_refused() {
    let backup = backup_with(&[]);
    let file = backup.env.path(DATABASE);
    let bytes = std::fs::read(&file).unwrap();
    // Beyond the first page, where the schema is: the rows themselves.
    let mut damaged = bytes.clone();
    damaged[4096..].fill(0x5a);
    std::fs::write(&file, damaged).unwrap();
    refused(backup.list());
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    refused(backup.list());
}

#[test]
fn a_locked_database_is_refused_after_a_while() {
    let backup = backup_with(&[]);
    let writer = Connection::open(backup.env.path(DATABASE)).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let message = refused(backup.list());
    assert!(message.contains("locked"), "{message}");
    drop(writer);
    assert_eq!(backup.list().code, Some(0), "and is fine when the writer is done");
}

#[test]
fn the_database_is_left_as_it_was() {
    let backup = backup_with(&[]);
    let before = backup.env.read(DATABASE);
    assert_eq!(backup.list().code, Some(0));
    assert!(backup.env.read(DATABASE) == before);
    let beside: Vec<_> = backup.env.names("").into_iter().filter(|n| n.starts_with(DATABASE)).collect();
    assert_eq!(beside, [DATABASE], "no log, no journal");
}
