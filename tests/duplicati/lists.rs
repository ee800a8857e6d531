//! Lists for hand-made changes: what is in them, and that the next version is the tree.

use super::backup::{Backup, DATABASE};
use super::database;
use super::options::Options;
use super::records::Records;
use crate::testenv::TestEnv;

const NONE: [&str; 0] = [];

#[test]
fn a_changed_file_is_listed_with_its_directory() {
    let backup = Backup::new();
    backup.env.write("tree/d/file", "old");
    backup.env.write("tree/other", "other");
    let mut backup = backup.first();
    backup.env.write("tree/d/file", "new");
    assert_eq!(backup.next(), [vec!["tree/d/", "tree/d/file"], vec![]]);
}

#[test]
fn nothing_changed_is_one_regular_file() {
    // An empty list would mean a full scan, and a run without a regular file would end with a warning.
    let backup = Backup::new();
    backup.env.dir("tree/a dir comes first");
    backup.env.symlink("file", "tree/a link comes first");
    backup.env.fifo("tree/a fifo comes first");
    backup.env.write("tree/file", "file");
    let mut backup = backup.first();
    assert_eq!(backup.next(), [vec!["tree/file"], vec![]]);
}

#[test]
fn deletions_alone_bring_their_directory_and_one_regular_file() {
    let backup = Backup::new();
    for name in ["tree/d/e/gone", "tree/d/gone too", "tree/stays"] {
        backup.env.write(name, name);
    }
    backup.env.symlink("stays", "tree/d/link");
    let mut backup = backup.first();
    backup.env.remove("tree/d");
    let deleted = ["tree/d/", "tree/d/e/", "tree/d/e/gone", "tree/d/gone too", "tree/d/link", "tree/d/link/"];
    assert_eq!(backup.next(), [["tree/", "tree/stays"].map(String::from).to_vec(), deleted.map(String::from).to_vec()]);
}

#[test]
fn a_new_directory_is_listed_with_all_that_is_in_it() {
    let backup = Backup::new();
    backup.env.write("tree/file", "file");
    let mut backup = backup.first();
    backup.env.write("tree/new/deep/file", "new");
    backup.env.dir("tree/new/empty");
    let [changed, deleted] = backup.next();
    assert_eq!(changed, ["tree/", "tree/new/", "tree/new/deep/", "tree/new/deep/file", "tree/new/empty/"]);
    assert_eq!(deleted, NONE);
}

#[test]
fn a_rename_is_deleted_and_changed_with_both_directories() {
    let backup = Backup::new();
    backup.env.write("tree/from/d/file", "file");
    backup.env.dir("tree/to");
    let mut backup = backup.first();
    backup.env.rename("tree/from/d", "tree/to/e");
    let [changed, deleted] = backup.next();
    assert_eq!(changed, ["tree/", "tree/from/", "tree/to/", "tree/to/e/", "tree/to/e/file"]);
    assert_eq!(deleted, ["tree/from/d/", "tree/from/d/file"]);
}

#[test]
fn a_file_and_a_directory_swap_their_places() {
    let backup = Backup::new();
    backup.env.write("tree/a", "a file");
    backup.env.write("tree/b/in it", "in a directory");
    let mut backup = backup.first();
    backup.env.rename("tree/a", "tree/c");
    backup.env.rename("tree/b", "tree/a");
    backup.env.rename("tree/c", "tree/b");
    let [changed, deleted] = backup.next();
    assert_eq!(changed, ["tree/", "tree/a/", "tree/a/in it", "tree/b"]);
    assert_eq!(deleted, ["tree/a", "tree/b/", "tree/b/in it"]);
    assert_eq!(backup.next()[1], NONE);
}

#[test]
fn a_changed_link_is_listed_as_it_is_spelled_now_and_deleted_as_it_was() {
    let backup = Backup::new();
    backup.env.write("tree/file", "file");
    backup.env.dir("tree/dir");
    for (link, target) in [("1", "file"), ("2", "dir"), ("3", "file"), ("4", "nothing")] {
        backup.env.symlink(target, format!("tree/link{link}"));
    }
    let mut backup = backup.first();
    for (link, target) in [("1", "dir"), ("2", "file"), ("3", "nothing"), ("4", "dir")] {
        backup.env.remove(format!("tree/link{link}"));
        backup.env.symlink(target, format!("tree/link{link}"));
    }
    let [changed, deleted] = backup.next();
    // And a file, since Duplicati wants one.
    assert_eq!(changed, ["tree/", "tree/file", "tree/link1/", "tree/link2", "tree/link3", "tree/link4/"]);
    assert_eq!(deleted, ["tree/link1", "tree/link2/", "tree/link3/", "tree/link4"]);
}

#[test]
fn a_removed_link_is_deleted_in_both_spellings_whatever_it_led_to() {
    let backup = Backup::new();
    backup.env.write("tree/file", "file");
    backup.env.dir("tree/dir");
    backup.env.symlink("dir", "tree/link");
    let mut backup = backup.first();
    // It was stored as `link/`; what it leads to now says nothing about that.
    backup.env.remove("tree/dir");
    backup.env.remove("tree/link");
    let [_, deleted] = backup.next();
    assert_eq!(deleted, ["tree/dir/", "tree/link", "tree/link/"]);
}

#[test]
fn an_unchanged_link_is_spelled_anew_when_its_target_changes_its_kind() {
    let backup = Backup::new();
    backup.env.write("tree/file", "file");
    backup.env.dir("tree/target");
    backup.env.symlink("target", "tree/link");
    let mut backup = backup.first();
    backup.env.remove("tree/target");
    backup.env.write("tree/target", "a file now");
    // Duplicati would carry `link/` over; the database says that it is stored like that.
    let [changed, deleted] = backup.next();
    assert_eq!(changed, ["tree/", "tree/link", "tree/target"]);
    assert_eq!(deleted, ["tree/link/", "tree/target/"]);
    // Stored as it is spelled now, it is not listed again.
    backup.env.write("tree/file", "another");
    let [changed, _] = backup.next();
    assert!(!changed.contains(&"tree/link".to_owned()), "{changed:?}");
}

#[test]
fn a_link_whose_target_flips_while_duplicati_runs_is_right_in_the_next_version() {
    let backup = Backup::new();
    backup.env.write("tree/file", "file");
    backup.env.dir("tree/target");
    backup.env.symlink("target", "tree/changed");
    let mut backup = backup.first();
    backup.env.remove("tree/changed");
    backup.env.symlink("target", "tree/changed");
    backup.env.symlink("target", "tree/new");
    let lists = Options::parse(&backup.list().bytes);
    backup.env.remove("tree/target");
    backup.env.write("tree/target", "a file now");
    backup.job.backup(&lists);
    database::write(&backup.job, &backup.env.path(DATABASE));
    backup.env.rename("new.snap", "old.snap");
    let [changed, _] = backup.next();
    assert!(changed.contains(&"tree/changed".to_owned()), "{changed:?}");
}

#[test]
fn a_link_that_was_never_stored_is_found_even_behind_all_that_was() {
    let backup = Backup::new();
    backup.env.dir("target");
    backup.env.write("tree/file", "file");
    let mut backup = backup.first();
    backup.env.symlink("../target", "tree/last");
    let lists = Options::parse(&backup.list().bytes);
    backup.env.remove("target");
    backup.job.backup(&lists);
    database::write(&backup.job, &backup.env.path(DATABASE));
    backup.env.rename("new.snap", "old.snap");
    assert_eq!(backup.next(), [vec!["tree/", "tree/file", "tree/last"], vec!["tree/last/"]]);
}

#[test]
fn a_file_that_became_a_fifo_leaves_the_backup() {
    let backup = Backup::new();
    backup.env.write("tree/x", "x");
    backup.env.write("tree/y", "y");
    let mut backup = backup.first();
    backup.env.remove("tree/x");
    backup.env.fifo("tree/x");
    let [changed, deleted] = backup.next();
    assert_eq!((changed, deleted), (vec!["tree/".into(), "tree/y".into()], vec!["tree/x".to_owned()]));
}

#[test]
fn a_root_that_is_a_symlink_keeps_its_spelling() {
    let env = TestEnv::new();
    env.write("elsewhere/d/file", "old");
    env.symlink("elsewhere", "link");
    let mut backup = Backup::in_env(env, &["link"]).first();
    backup.env.write("elsewhere/d/file", "new");
    backup.env.write("elsewhere/new", "new");
    backup.env.remove("tree");
    assert_eq!(backup.next(), [vec!["link/", "link/d/", "link/d/file", "link/new"], vec![]]);
    backup.env.remove("elsewhere/d");
    assert_eq!(backup.next()[1], ["link/d/", "link/d/file"]);
}

#[test]
fn several_roots_are_one_list() {
    let backup = Backup::of(&["tree", "a", "tree-2"]);
    for root in ["tree", "a", "tree-2"] {
        backup.env.write(format!("{root}/file"), root);
        backup.env.write(format!("{root}/gone"), root);
    }
    let mut backup = backup.first();
    for root in ["a", "tree-2"] {
        backup.env.write(format!("{root}/file"), "new");
        backup.env.remove(format!("{root}/gone"));
    }
    let [changed, deleted] = backup.next();
    assert_eq!(changed, ["a/", "a/file", "tree-2/", "tree-2/file"]);
    assert_eq!(deleted, ["a/gone", "tree-2/gone"]);
}

#[test]
fn names_that_need_no_escape_arrive_as_they_are() {
    let backup = Backup::new();
    let names =
        ["\"quoted\"", " spaces ", "tab\there", "back\\slash", "--option", "ümläut", "$HOME;`x`", "%PATH%", "zz\""];
    for name in names {
        backup.env.write(format!("tree/{name}"), "old");
    }
    let mut backup = backup.first();
    for name in names {
        backup.env.write(format!("tree/{name}"), "new");
    }
    let [changed, _] = backup.next();
    let mut expected: Vec<_> = names.iter().map(|n| format!("tree/{n}")).collect();
    expected.push("tree/".to_owned());
    expected.retain(|name| !changed.contains(name) || name == "tree/");
    assert_eq!(expected, if changed.contains(&"tree/".to_owned()) { vec!["tree/"] } else { vec![] });
}

#[test]
fn what_has_several_versions_is_listed_until_it_is_deleted() {
    let backup = Backup::new();
    for name in ["tree/d/u", "tree/m"] {
        backup.env.write(name, "first");
    }
    let mut backup = backup.first();
    backup.env.write("tree/d/u", "second");
    backup.next();
    backup.env.write("tree/m", "second");
    assert_eq!(backup.next(), [vec!["tree/", "tree/d/u", "tree/m"], vec![]], "d has one version, u has two");
    backup.env.remove("tree/d/u");
    assert_eq!(backup.next(), [vec!["tree/", "tree/d/", "tree/m"], vec!["tree/d/u"]], "d changed, m has two");
    assert_eq!(backup.next(), [vec!["tree/d/", "tree/m"], vec![]], "d has two now, and u is not there any more");
}

#[test]
fn what_only_a_full_scan_saw_does_not_stay_for_ever() {
    let mut backup = Backup::new();
    backup.env.write("tree/file", "file");
    backup.snap("old.snap");
    // Made after the snapshot, stored by the full scan of the first backup, gone before the next snapshot.
    backup.env.write("tree/d/temporary", "temporary");
    backup.env.symlink("d", "tree/link");
    backup.full_scan();
    backup.env.remove("tree/d");
    backup.env.remove("tree/link");
    let [_, deleted] = backup.next();
    for gone in ["tree/d/", "tree/d/temporary", "tree/link/"] {
        assert!(deleted.contains(&gone.to_owned()), "{gone} in {deleted:?}");
    }
    assert_eq!(backup.next()[1], NONE, "and then no more");
}

#[test]
fn what_a_filter_leaves_out_but_the_job_holds_does_not_flip() {
    let mut backup = Backup::new();
    backup.filter = vec!["--exclude", "cache/"];
    backup.env.write("tree/cache/u", "first");
    backup.env.write("tree/m", "first");
    let mut backup = backup.first();
    backup.env.write("tree/cache/u", "second");
    backup.full_scan();
    backup.env.write("tree/m", "second");
    // It is not ours to look for changes there, but what is stored has to stay as it is.
    let [changed, _] = backup.next();
    assert!(changed.contains(&"tree/cache/u".to_owned()), "{changed:?}");
}

#[test]
fn what_could_not_be_read_is_carried_over_and_does_not_flip() {
    for with_base in [true, false] {
        let mut backup = Backup::new();
        backup.env.write("tree/closed/u", "first");
        backup.env.write("tree/m", "first");
        backup.full_scan();
        backup.env.write("tree/closed/u", "second");
        backup.full_scan();
        assert_eq!(backup.env.snap_as_nobody("old.snap", &[]).code, Some(0));
        backup.env.write("tree/m", "second");
        backup.env.chmod("tree/closed", 0o000);
        let base: &[&str] = if with_base { &["--base", "out/old.snap"] } else { &[] };
        assert_eq!(backup.env.snap_as_nobody("new.snap", base).code, Some(3));
        let args = ["diff", "out/old.snap", "out/new.snap", "--emit", "duplicati", "--duplicati-db", DATABASE];
        let run = backup.env.run_as_nobody(&args);
        assert_eq!(run.code, Some(3), "incomplete: {}", run.stderr);
        // Duplicati itself may read it.
        backup.env.chmod("tree/closed", 0o755);
        let lists = Options::parse(&run.bytes);
        assert_eq!(lists.deleted.len(), 0, "unreadable is not deleted");
        assert_eq!(backup.job.backup(&lists), [""; 0]);
        assert_eq!(backup.job.mistakes(), [""; 0], "with base: {with_base}");
        assert!(lists.changed.iter().any(|p| p.ends_with(b"/tree/closed/u")), "it has two versions");
    }
}

#[test]
fn another_source_of_the_job_does_not_flip() {
    let mut backup = Backup::new();
    backup.env.write("other/u", "first");
    backup.env.write("tree/m", "first");
    backup.job.sources.push(backup.env.path("other"));
    let mut backup = backup.first();
    backup.env.write("other/u", "second");
    backup.full_scan();
    backup.env.write("tree/m", "second");
    let [changed, _] = backup.next();
    assert!(changed.contains(&"other/u".to_owned()), "{changed:?}");
}

#[test]
fn rows_in_a_write_ahead_log_count() {
    let backup = Backup::new();
    backup.env.write("tree/u", "first");
    backup.env.write("tree/m", "first");
    let mut backup = backup.first();
    let before = std::fs::read(backup.env.path(DATABASE)).unwrap();
    backup.env.write("tree/u", "second");
    backup.next();
    // The same rows, but written by a program that is still running and has not put them into the file yet.
    std::fs::remove_file(backup.env.path(DATABASE)).unwrap();
    let writer = rusqlite::Connection::open(backup.env.path(DATABASE)).unwrap();
    writer.pragma_update(None, "journal_mode", "wal").unwrap();
    writer.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
    database::fill(&writer, &backup.job, &Records::of(&backup.job));
    assert!(std::fs::metadata(backup.env.path(DATABASE)).unwrap().len() < before.len() as u64, "they are in the log");
    backup.env.write("tree/m", "second");
    let run = backup.list();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(Options::parse(&run.bytes).changed.iter().any(|p| p.ends_with(b"/tree/u")));
    drop(writer);
}
