//! Files that are rewritten and keep their size and time: Duplicati does not read them by itself, so that each of them
//! has to be in a list that makes it read, whatever became of the runs before.

use std::os::unix::ffi::OsStrExt as _;

use super::hook::{Ending, Hooked};

/// Other content of the same size under the same time.
pub(super) fn rewrite_silently(hooked: &Hooked, name: &str, content: &str) {
    let path = hooked.root.join(name);
    let before = path.metadata().unwrap();
    assert_eq!(before.len(), content.len() as u64, "it keeps its size");
    std::fs::write(&path, content).unwrap();
    std::fs::File::open(&path).unwrap().set_modified(before.modified().unwrap()).unwrap();
}

/// A baseline of `a` ("changed"), `b` ("second") and `d/c` ("old"), and nothing to do.
fn going() -> Hooked {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    hooked
}

/// The next version is the tree, to the last byte.
#[track_caller]
fn is_right_next_time(hooked: &mut Hooked) {
    let told = hooked.round();
    assert_eq!(hooked.job.mistakes(), [""; 0], "{:?}", told.log);
}

/// The newest version holds the old content of `a`: what a full scan of Duplicati makes of it.
#[track_caller]
fn is_overlooked(hooked: &Hooked) {
    let overlooked: Vec<_> = hooked.job.overlooked.iter().cloned().collect();
    assert_eq!(overlooked, [hooked.root.join("a").as_os_str().as_bytes()]);
}

#[test]
fn what_a_scan_overlooks_beside_a_name_that_cannot_be_said_is_in_the_next_list() {
    let mut hooked = going();
    rewrite_silently(&hooked, "a", "CHANGED");
    hooked.write("a:b", "new");
    assert!(hooked.round().refused().contains("a:b"));
    is_overlooked(&hooked);
    let told = hooked.round();
    assert_eq!(hooked.job.mistakes(), [""; 0], "{:?}", told.log);
    let list = told.listed();
    assert!(list.disable_filetime_check && list.changed.contains(&hooked.root.join("a").as_os_str().as_bytes().into()));
    // And then no more.
    assert!(!hooked.round().listed().disable_filetime_check);
}

#[test]
fn what_a_killed_run_had_in_its_list_is_in_the_next_one_that_follows_a_scan() {
    for ending in
        [Ending::Killed, Ending::KilledLate, Ending::Partial, Ending::DryRun, Ending::Nothing, Ending::Missing]
    {
        let mut hooked = going();
        rewrite_silently(&hooked, "a", "CHANGED");
        let told = hooked.before();
        assert!(told.options.disable_filetime_check, "{:?}", told.log);
        hooked.run(&told.options, ending);
        hooked.round();
        is_right_next_time(&mut hooked);
    }
}

#[test]
fn what_is_overlooked_beside_a_name_that_needs_a_scan_each_time_is_read_by_the_second_one() {
    let mut hooked = going();
    hooked.write("a:b", "new");
    hooked.round().refused();
    hooked.write("a:b", "of another size");
    hooked.round().refused();
    rewrite_silently(&hooked, "a", "CHANGED");
    hooked.round();
    is_overlooked(&hooked);
    let told = hooked.round();
    assert!(told.options.changed.is_empty() && told.options.disable_filetime_check, "{:?}", told.log);
    assert_eq!(hooked.job.mistakes(), [""; 0], "{:?}", told.log);
}

#[test]
fn a_silent_rewrite_of_a_name_that_cannot_be_said_is_read_by_the_scan() {
    let mut hooked = going();
    hooked.write("a:b", "new");
    hooked.round().refused();
    rewrite_silently(&hooked, "a:b", "NEW");
    let told = hooked.round();
    assert!(told.options.changed.is_empty() && told.options.disable_filetime_check, "{:?}", told.log);
    assert_eq!(hooked.job.mistakes(), [""; 0]);
}

#[test]
fn what_was_carried_over_as_an_earlier_content_that_looks_the_same_is_read_again() {
    let mut hooked = going();
    rewrite_silently(&hooked, "a", "CHANGED");
    assert!(hooked.round().listed().disable_filetime_check);
    // It is listed, since it has several versions, and cannot be read: Duplicati carries the other one over.
    std::fs::create_dir(hooked.root.join("new")).unwrap();
    let told = hooked.before();
    assert!(!told.options.disable_filetime_check, "{:?}", told.log);
    hooked.run(&told.options, Ending::Warning);
    let told = hooked.before();
    assert!(told.options.disable_filetime_check, "{:?}", told.log);
    assert_eq!(hooked.run(&told.options, Ending::Success), [""; 0]);
    assert_eq!(hooked.job.mistakes(), [""; 0], "{:?}", told.log);
    assert!(!hooked.round().listed().disable_filetime_check);
}

#[test]
fn before_there_is_a_baseline_too_nothing_is_overlooked_for_good() {
    let mut hooked = Hooked::new();
    for name in ["0", "a", "b"] {
        hooked.write(name, "old");
    }
    // The first file cannot be read; the others are stored.
    for ending in [Ending::Warning, Ending::Nothing] {
        let told = hooked.before();
        hooked.run(&told.options, ending);
    }
    rewrite_silently(&hooked, "a", "OLD");
    let told = hooked.before();
    hooked.run(&told.options, Ending::Warning);
    is_overlooked(&hooked);
    let told = hooked.before();
    assert!(told.options.changed.is_empty() && told.options.disable_filetime_check, "{:?}", told.log);
    hooked.run(&told.options, Ending::Success);
    assert_eq!(hooked.job.mistakes(), [""; 0]);
    is_right_next_time(&mut hooked);
}

#[test]
fn a_scan_that_ends_with_warning_each_time_overlooks_nothing_for_good() {
    // With a baseline, and a name that needs a scan each time.
    let mut hooked = going();
    for content in ["new", "of another size"] {
        hooked.write("a:b", content);
        hooked.round().refused();
    }
    hooked.write("0", "cannot be read");
    rewrite_silently(&hooked, "a", "CHANGED");
    for (is_first, reads) in [(true, false), (false, true), (false, false)] {
        let told = hooked.before();
        assert_eq!(told.options.disable_filetime_check, reads, "{:?}", told.log);
        hooked.run(&told.options, Ending::Warning);
        assert_eq!(hooked.job.overlooked.len(), usize::from(is_first), "{:?}", told.log);
    }
}

#[test]
fn what_went_another_way_meanwhile_is_read_once() {
    // What the baseline's version held is not known any more, or the newest version is an older one.
    type Change = fn(&mut Hooked);
    let changes: [Change; 4] = [
        |hooked| {
            hooked.define(&["--exclude", "*.o/"]);
            hooked.variables.insert("filter", "-*.o/".into());
        },
        |hooked| hooked.delete_version(hooked.job.versions.len() - 1),
        |hooked| {
            for row in &mut hooked.records.operations {
                row.time -= 5_000;
            }
            hooked.write_database();
        },
        |hooked| {
            let file = hooked.env.path("state/jobs/documents/state.json");
            std::fs::write(file, b"{\"format\":3,\"digest\":\"\",\"state\":{}}").unwrap();
        },
    ];
    for change in changes {
        let mut hooked = going();
        rewrite_silently(&hooked, "a", "CHANGED");
        hooked.round().listed();
        change(&mut hooked);
        let told = hooked.round();
        assert!(told.options.disable_filetime_check, "{:?}", told.log);
        assert_eq!(hooked.job.mistakes(), [""; 0], "{:?}", told.log);
        is_right_next_time(&mut hooked);
    }
}

#[test]
fn a_run_that_was_cut_off_mixes_up_no_two_contents_of_one_time() {
    let mut hooked = going();
    rewrite_silently(&hooked, "a", "CHANGED");
    hooked.round().listed();
    // Both contents of `a` have one size and one time. What completes a cut-off run carries the other one over.
    let told = hooked.before();
    hooked.run(&told.options, Ending::KilledLate);
    hooked.round();
    is_right_next_time(&mut hooked);
}

#[test]
fn what_changes_between_the_walk_and_the_backup_and_once_more_under_that_time_is_read() {
    let mut hooked = going();
    hooked.write("b", "third");
    let told = hooked.before();
    hooked.write("a", "while it runs");
    hooked.write("b", "fourth of its kind");
    hooked.run(&told.options, Ending::Success);
    // Duplicati has stored `b` as it was then, and the walk never saw that.
    rewrite_silently(&hooked, "b", "FOURTH OF ITS KIND");
    is_right_next_time(&mut hooked);
}
