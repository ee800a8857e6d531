//! What can be in the way of a list on one day: the tree, the time, a lock, a database that cannot be read.

use std::path::Path;

use fastdiff::jobs::JobStore;
use rusqlite::Connection;

use super::hook::{Ending, Hooked, Told};
use super::hook_gates::always;
use super::options::Options;
use crate::testenv::{TestEnv, is_root, skip};

#[test]
fn what_the_job_leaves_out_and_the_backup_holds_is_named() {
    // An entry of this name that is no file: Duplicati enters the directory, the walk does not.
    let mut hooked = Hooked::new().going();
    hooked.env.dir("tree/odd/CACHEDIR.TAG");
    hooked.variables.insert("snapshot_policy", "auto".into());
    hooked.round().refused();
    always(&mut hooked, "tree/odd");
}

#[test]
fn the_state_of_the_job_below_a_root_has_to_be_left_out_by_the_backup_too() {
    let env = TestEnv::new();
    let root = env.path("");
    // Everything of the test lies below its own root, the state and the database too.
    let mut hooked = Hooked::of(env, root, &[]);
    hooked.write("tree/a", "old");
    let told = hooked.before();
    hooked.run(&told.options, Ending::Success);
    let told = hooked.before();
    assert!(told.refused().contains("[ROOT]/state") || told.refused().contains("/state"), "{:?}", told.log);
}

#[test]
fn a_list_that_would_keep_a_later_script_from_starting_is_not_printed() {
    let mut hooked = Hooked::new().going();
    // Some 150 KiB of names.
    for number in 0..1_000 {
        hooked.write(&format!("d/{number}-{}", "x".repeat(150)), "new");
    }
    hooked.variables.insert("run_script_after", "/some/script".into());
    let told = hooked.before();
    assert!(told.refused().contains("could not start the script that follows"), "{:?}", told.log);
    hooked.variables.remove("run_script_after");
    let told = hooked.before();
    assert!(told.log.iter().any(|line| line.contains("longer than one argument may be")), "{:?}", told.log);
    assert!(told.listed().changed.len() > 1_000);
}

#[test]
fn a_file_that_outgrew_the_limit_scans_once() {
    let mut hooked = Hooked::new();
    hooked.variables.insert("skip_files_larger_than", "10b".into());
    let hooked = hooked.going();
    hooked.write("b", "more than ten bytes");
    let told = hooked.before();
    assert!(told.refused().contains("too large now"), "{:?}", told.log);
}

#[test]
fn names_that_no_list_can_say_are_said() {
    for (name, shown) in [("co:lon", "co:lon"), ("line\nbreak", "line\\nbreak")] {
        let mut hooked = Hooked::new().going();
        hooked.write(name, "old");
        let told = hooked.round();
        assert!(told.refused().contains(shown), "{:?}", told.log);
        // Unchanged, and stored once, it is in nobody's way.
        hooked.write("a", "later");
        hooked.round().listed();
    }
}

#[test]
fn a_database_that_cannot_be_read_is_said() {
    let hooked = Hooked::new().going();
    let database = Path::new(&hooked.variables["dbpath"]).to_owned();
    let good = std::fs::read(&database).unwrap();
    let noise: Vec<u8> = (0..50_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let foreign = hooked.env.path("foreign.sqlite");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    for (bytes, reason) in [
        (noise, "is encrypted or is not an SQLite file"),
        (b"text ".repeat(1000), "is encrypted or is not an SQLite file"),
        (std::fs::read(foreign).unwrap(), "no such table"),
        (Vec::new(), "no such table"),
    ] {
        std::fs::write(&database, bytes).unwrap();
        assert!(hooked.before().refused().contains(reason), "{reason}");
    }
    std::fs::write(&database, &good).unwrap();
    Connection::open(&database).unwrap().execute_batch("UPDATE Version SET Version = 20").unwrap();
    assert!(hooked.before().refused().contains("has version 20"));
}

#[test]
fn a_locked_database_is_said_and_leaves_the_changes_for_the_next_time() {
    let mut hooked = Hooked::new().going();
    let writer = Connection::open(&hooked.variables["dbpath"]).unwrap();
    writer.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let told = hooked.before();
    assert!(told.refused().contains("is locked"), "{:?}", told.log);
    drop(writer);
    hooked.run(&told.options, Ending::Success);
    let told = hooked.round();
    assert!(told.options.changed.is_empty(), "the run before was not watched: {:?}", told.log);
    hooked.write("a", "later");
    hooked.round().listed();
}

#[test]
fn another_run_of_the_job_is_said() {
    let mut hooked = Hooked::new().going();
    let store = JobStore::open(hooked.env.path("state")).unwrap();
    let locked = store.job("documents").unwrap().lock().unwrap();
    let told = hooked.before();
    assert!(told.refused().contains("another run is in progress"), "{:?}", told.log);
    hooked.run(&told.options, Ending::Success);
    drop(locked);
    assert_eq!(hooked.round().options, Options::none(), "two runs since: nobody knows which was meant");
    hooked.write("a", "later");
    hooked.round().listed();
}

#[test]
fn the_time_limit_lets_duplicati_scan() {
    let mut hooked = Hooked::new().going();
    hooked.arguments.extend(["--time-limit", "1ns"]);
    let told = hooked.before();
    assert!(told.refused().contains("took longer than"), "{:?}", told.log);
    hooked.arguments.truncate(2);
    // Never longer than Duplicati waits.
    hooked.variables.insert("run_script_timeout", "5s".into());
    let told = hooked.before();
    assert!(told.refused().contains("raise --run-script-timeout"), "{:?}", told.log);
    hooked.variables.remove("run_script_timeout");
    hooked.run(&told.options, Ending::Success);
    hooked.round();
    hooked.write("a", "later");
    hooked.round().listed();
}

#[test]
fn an_unreadable_directory_is_said_and_keeps_what_is_stored() {
    if is_root() {
        return skip("root reads everything: the walk finds nothing unreadable");
    }
    let hooked = Hooked::new().going();
    hooked.env.chmod("tree/d", 0);
    let told = hooked.before();
    hooked.env.chmod("tree/d", 0o755);
    assert!(told.log.iter().any(|line| line.contains("could not be read")), "{:?}", told.log);
    assert_eq!(hooked.short(&told.listed())[1], [""; 0]);
}

#[test]
fn a_root_that_is_gone_or_suddenly_empty_is_said() {
    let mut hooked = Hooked::new().going();
    let away = hooked.env.path("away");
    std::fs::rename(&hooked.root, &away).unwrap();
    assert!(hooked.before().refused().contains("tree"));
    std::fs::create_dir(&hooked.root).unwrap();
    let told = hooked.before();
    assert!(told.refused().contains("root"), "{:?}", told.log);
    hooked.run(&told.options, Ending::Error);
    std::fs::remove_dir(&hooked.root).unwrap();
    std::fs::rename(&away, &hooked.root).unwrap();
    hooked.round();
}

#[test]
fn a_full_state_directory_prints_no_list() {
    let hooked = Hooked::new().going();
    let mut command = hooked.call();
    // A file where the directory of the state should be.
    let state = hooked.env.path("state");
    std::fs::rename(&state, hooked.env.path("elsewhere")).unwrap();
    std::fs::write(&state, "").unwrap();
    let told = Told::new(&hooked.env.finish(&mut command));
    assert!(told.refused().contains("state"), "{:?}", told.log);
}

#[test]
fn a_list_that_duplicati_never_took_costs_no_file() {
    let hooked = Hooked::new();
    hooked.write("Aa", "never changed");
    let mut hooked = hooked.going();
    hooked.write("z", "changed");
    assert!(!hooked.before().options.changed.is_empty());
    // Past the time limit of its script Duplicati drops what that printed and scans everything. One file cannot be read
    // then.
    hooked.run(&Options::none(), Ending::Warning);
    hooked.write("other", "new");
    let told = hooked.before();
    hooked.run(&told.options, Ending::Success);
    assert_eq!(hooked.job.mistakes(), [""; 0], "{:?}", told.log);
}
