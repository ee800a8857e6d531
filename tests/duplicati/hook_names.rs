//! Names that no list can hold, and names that Duplicati cannot store.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::hook::{Ending, Hooked};

fn write_unstorable(hooked: &Hooked, name: &[u8], content: &str) {
    std::fs::write(hooked.root.join(OsStr::from_bytes(name)), content).unwrap();
}

#[test]
fn a_name_that_is_not_utf8_keeps_no_baseline_from_forming() {
    let mut hooked = Hooked::new();
    hooked.write("a", "old");
    write_unstorable(&hooked, b"x\xff", "old");
    hooked.round().refused();
    hooked.write("a", "second");
    let told = hooked.round();
    assert!(told.log.iter().any(|line| line.contains("which counts as a success")), "{:?}", told.log);
    assert_eq!(hooked.short(&told.listed()), [vec!["tree/", "tree/a"], vec![]]);
    // In a list it is left out, and named.
    write_unstorable(&hooked, b"x\xff", "new");
    write_unstorable(&hooked, b"y\xff", "new");
    let told = hooked.round();
    assert!(
        told.log.iter().any(|line| line.contains("2 of the changes have names that are not UTF-8")),
        "{:?}",
        told.log
    );
    told.listed();
    assert_eq!(hooked.job.mistakes(), [""; 0]);
}

#[test]
fn a_warning_of_a_file_that_can_be_stored_is_no_success() {
    // A name with the character that stands for what is not UTF-8, and a file that cannot be read.
    for name in ["x\u{fffd}", "x"] {
        let mut hooked = Hooked::new();
        hooked.write("a", "old");
        hooked.write(name, "old");
        write_unstorable(&hooked, b"x\xff", "old");
        let told = hooked.before();
        hooked.run(&told.options, Ending::Success);
        let named = [hooked.root.join(name).display().to_string()];
        let result = hooked.records.warned_of(true, &named);
        hooked.records.operations.last_mut().unwrap().result = Some(result);
        hooked.write_database();
        let told = hooked.before();
        assert!(
            told.log.iter().any(|line| line.ends_with("the last backup did not succeed: it ended with Warning")),
            "{:?}",
            told.log
        );
    }
}

#[test]
fn more_warnings_than_duplicati_keeps_are_no_success() {
    let mut hooked = Hooked::new();
    hooked.write("a", "old");
    for number in 0..21_u8 {
        write_unstorable(&hooked, &[b'a' + number, 0xff], "old");
    }
    hooked.round().refused();
    let told = hooked.round();
    assert_eq!(told.refused(), "there is no baseline yet", "{:?}", told.log);
    std::fs::remove_file(hooked.root.join(OsStr::from_bytes(b"a\xff"))).unwrap();
    hooked.round();
    hooked.round().listed();
}

#[test]
fn what_no_list_can_name_is_left_out_if_the_database_proves_it_unchanged() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    hooked.write("a:b", "new");
    hooked.write("c:d/e", "new");
    std::os::unix::fs::symlink("a", hooked.root.join("f:g")).unwrap();
    hooked.write("a", "later");
    hooked.round().refused();
    // So soon after the walk that a change may have left no trace.
    hooked.arguments = vec!["--racy-window", "1h"];
    hooked.write("a", "as late");
    hooked.before();
    hooked.run(&super::options::Options::none(), Ending::Success);
    hooked.before();
    hooked.run(&super::options::Options::none(), Ending::Success);
    let told = hooked.round();
    assert!(told.log.iter().any(|line| line.contains("suspect") && !line.contains(" 0 suspect")), "{:?}", told.log);
    // The other files are proved to be stored too: those with several versions are listed, and directories.
    let list = told.listed();
    assert_eq!(hooked.short(&list), [vec!["tree/", "tree/a", "tree/b", "tree/d/"], vec![]]);
    assert!(!list.disable_filetime_check);
    // Other content than the stored one, as a write into a mapped file may leave it.
    let path = hooked.root.join("a:b").into_os_string().into_encoded_bytes();
    for version in &mut hooked.job.versions {
        if let Some(held) = version.get_mut(&path) {
            held.content = super::tree::Content::File(b"old".to_vec());
        }
    }
    hooked.job.stored.get_mut(&path).unwrap()[0].content = super::tree::Content::File(b"old".to_vec());
    hooked.write_database();
    let told = hooked.before();
    assert!(told.log.last().unwrap().contains("a:b"), "{:?}", told.log);
    assert!(told.options.changed.is_empty() && told.options.disable_filetime_check, "{:?}", told.log);
    hooked.run(&told.options, Ending::Success);
    assert_eq!(hooked.job.mistakes(), [""; 0]);
}

#[test]
fn a_hash_of_another_kind_proves_nothing() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    hooked.write("a:b", "new");
    hooked.arguments = vec!["--racy-window", "1h"];
    for _ in 0..2 {
        hooked.before();
        hooked.run(&super::options::Options::none(), Ending::Success);
    }
    let database = rusqlite::Connection::open(&hooked.variables["dbpath"]).unwrap();
    database.execute("UPDATE Configuration SET Value = 'MD5'", []).unwrap();
    let told = hooked.before();
    assert!(told.options.changed.is_empty() && told.options.disable_filetime_check, "{:?}", told.log);
}
