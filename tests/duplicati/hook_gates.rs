//! Each reason for which there must be no list. After a full scan that went well there is one again, where the reason
//! is gone; and no version ever differs from the tree.

use fastdiff::jobs::JobStore;
use serde_json::json;

use super::hook::{Ending, Hooked};

/// There must be no list now, and there is one again after a full scan.
#[track_caller]
fn once(hooked: &mut Hooked, reason: &str) {
    let told = hooked.round();
    assert!(told.refused_for().contains(reason), "{}", told.refused_for());
    hooked.write("a", "changed after that");
    hooked.round().listed();
}

/// There must be no list as long as the reason is there. The backup is made by full scans.
#[track_caller]
pub(super) fn always(hooked: &mut Hooked, reason: &str) {
    for content in ["x", "xx"] {
        hooked.write("d/c", content);
        let told = hooked.before();
        assert!(told.refused_for().contains(reason), "{}", told.refused_for());
        hooked.run(&told.options, Ending::Success);
    }
}

#[test]
fn changed_options_call_for_one_full_scan() {
    for (name, value) in [
        ("filter", "-*.tmp"),
        ("skip_files_larger_than", "1gb"),
        ("symlink_policy", "ignore"),
        ("exclude_files_attributes", "system"),
        ("snapshot_policy", "auto"),
        ("check_filetime_only", "true"),
        ("disable_backup_exclusion_xattr", "true"),
    ] {
        let mut hooked = Hooked::new().going();
        hooked.variables.insert(name, value.into());
        once(&mut hooked, "have changed");
        hooked.variables.remove(name);
        once(&mut hooked, "have changed");
    }
}

#[test]
fn options_that_no_list_can_follow_name_themselves() {
    for (name, value, reason) in [
        ("symlink_policy", "Follow", "--symlink-policy=follow"),
        ("hardlink_policy", "First", "--hardlink-policy"),
        ("exclude_empty_folders", "true", "--exclude-empty-folders"),
        ("skip_files_larger_than", "huge", "--skip-files-larger-than"),
        ("filter", "+*.txt:-*", "cannot be compared"),
        ("filter", "-*/node_modules/", "--exclude 'node_modules/'"),
        ("exclude_files_attributes", "ReadOnly", "--exclude-files-attributes"),
        ("ignore_filenames", "CACHEDIR.TAG:.nobackup", "--exclude-if-present '.nobackup'"),
        ("changed_files", "/x", "of its own"),
        ("LOCALPATH", "/", "are not the roots"),
        ("LOCALPATH", "", "LOCALPATH is empty"),
    ] {
        let mut hooked = Hooked::new().going();
        let before = hooked.variables.insert(name, value.into());
        always(&mut hooked, reason);
        match before {
            Some(before) => hooked.variables.insert(name, before),
            None => hooked.variables.remove(name),
        };
        // Nobody knows what was stored meanwhile.
        let told = hooked.round();
        assert!(told.options.changed.is_empty(), "{name}: {:?}", told.log);
        hooked.write("a", "later");
        hooked.round().listed();
    }
}

#[test]
fn filters_that_the_job_has_too_let_the_list_pass() {
    let mut hooked = Hooked::with(&["--exclude", "node_modules/"]);
    hooked.variables.insert("filter", "-*/node_modules/:-*.tmp".into());
    let mut hooked = hooked.going();
    hooked.round().listed();
}

#[test]
fn a_root_that_is_no_source_any_more_is_named() {
    let mut hooked = Hooked::new().going();
    let beside = hooked.env.dir("beside");
    hooked.variables.insert("LOCALPATH", format!("{}:{}", hooked.root.display(), beside.display()));
    let told = hooked.before();
    assert!(told.refused_for().contains("beside is not a root of the job"), "{:?}", told.log);
}

#[test]
fn versions_before_the_repair_and_unknown_ones_get_no_list() {
    let mut hooked = Hooked::new();
    hooked.records.duplicati = "2.2.0.3_stable".into();
    hooked.write("a", "old");
    hooked.write("b", "old");
    hooked.round().refused();
    always(&mut hooked, "Duplicati 2.2.0.3 damages");
    hooked.records.duplicati = "unknown".into();
    for operation in &mut hooked.records.operations {
        if let Some(result) = &mut operation.result {
            result["Version"] = json!(null);
        }
    }
    hooked.write_database();
    hooked.write("a", "newer");
    let told = hooked.before();
    assert!(told.refused_for().contains("no run has recorded Duplicati's version"), "{:?}", told.log);
}

#[test]
fn a_new_version_of_duplicati_scans_once() {
    let mut hooked = Hooked::new().going();
    hooked.records.duplicati = "2.3.0.109".into();
    // The hook cannot know of it before a run has said so.
    hooked.round().listed();
    once(&mut hooked, "Duplicati has changed from 2.3.0.4 to 2.3.0.109");
}

#[test]
fn a_deleted_database_is_said_and_a_new_one_scans_once() {
    let mut hooked = Hooked::new().going();
    std::fs::remove_file(&hooked.variables["dbpath"]).unwrap();
    let told = hooked.before();
    assert!(told.refused_for().contains("no job database"), "{:?}", told.log);
    // Duplicati wants it repaired first, which makes it anew from what is stored.
    hooked.records.operations.clear();
    let time = hooked.records.operation("Repair", Some(json!({ "MainOperation": "Repair" })));
    assert_eq!(time, 1);
    for fileset in &mut hooked.records.filesets {
        fileset.operation = 1;
    }
    hooked.write_database();
    hooked.write("b", "third");
    let told = hooked.round();
    assert!(told.refused_for().contains("no run has recorded Duplicati's version"), "{:?}", told.log);
    hooked.write("b", "fourth");
    hooked.round().listed();
}

#[test]
fn a_database_that_was_made_anew_or_put_back_scans_once() {
    // Other times under the same numbers.
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    for row in &mut hooked.records.operations {
        row.time -= 5_000;
    }
    hooked.write_database();
    once(&mut hooked, "recreated, restored from a copy, or comes from another machine");
    // A copy from before the last run: what that stored is not in it.
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    hooked.write("b", "third");
    let (records, versions) = (hooked.records.clone(), hooked.job.versions.clone());
    hooked.round().listed();
    hooked.write("b", "fourth");
    hooked.round().listed();
    hooked.records = records;
    hooked.job.versions = versions;
    hooked.write_database();
    let told = hooked.round();
    assert!(told.options.changed.is_empty(), "{:?}", told.log);
}

#[test]
fn a_database_that_moved_scans_once() {
    let mut hooked = Hooked::new().going();
    let moved = hooked.env.path("moved.sqlite");
    std::fs::rename(&hooked.variables["dbpath"], &moved).unwrap();
    hooked.variables.insert("dbpath", moved.display().to_string());
    once(&mut hooked, "has moved from");
}

#[test]
fn a_database_that_is_not_named_is_missed() {
    let mut hooked = Hooked::new().going();
    let database = hooked.variables.remove("dbpath").unwrap();
    assert!(hooked.before().refused().contains("DUPLICATI__dbpath is empty"));
    hooked.variables.insert("dbpath", database);
    hooked.round();
}

#[test]
fn a_deleted_version_scans_once() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    hooked.round().listed();
    hooked.delete_version(hooked.job.versions.len() - 1);
    let told = hooked.round();
    assert!(told.options.changed.is_empty(), "{:?}", told.log);
    hooked.write("b", "third");
    hooked.round().listed();
    // An old one is of no matter.
    hooked.delete_version(0);
    hooked.write("b", "fourth");
    hooked.round().listed();
    // None is left.
    while !hooked.job.versions.is_empty() {
        hooked.delete_version(0);
    }
    let told = hooked.round();
    assert!(told.refused_for().contains("no version"), "{:?}", told.log);
}

#[test]
fn a_version_that_was_deleted_after_its_run_was_settled_scans_once() {
    let mut hooked = Hooked::new().going();
    let list = hooked.round().listed();
    assert!(!list.changed.is_empty());
    // Settles the run, and has its own fail before it leaves a version.
    hooked.write("b", "third");
    let list = hooked.before().listed();
    hooked.run(&list, Ending::Error);
    hooked.delete_version(hooked.job.versions.len() - 1);
    let told = hooked.round();
    assert!(told.refused_for().contains("was deleted"), "{:?}", told.log);
}

#[test]
fn the_state_of_another_machine_scans_once() {
    let mut hooked = Hooked::new().going();
    // Its state file is the only file that names the machine.
    let state = hooked.env.path("state/jobs/documents/state.json");
    std::fs::write(&state, b"{\"format\":3,\"digest\":\"\",\"state\":{}}").unwrap();
    once(&mut hooked, "state file is damaged");
}

#[test]
fn a_changed_definition_scans_once() {
    let mut hooked = Hooked::new().going();
    hooked.define(&["--exclude", "*.o/"]);
    hooked.variables.insert("filter", "-*.o/".into());
    // The options of the backup have changed too, which is as good a reason.
    once(&mut hooked, "changed");
}

#[test]
fn a_baseline_that_the_hook_did_not_make_scans_once() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    let begin = &["begin", "documents", "--emit", "paths"][..];
    for command in [&["abort", "documents"][..], begin, &["commit", "documents"]] {
        let run = hooked.other(command);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    hooked.write("a", "changed once more");
    once(&mut hooked, "not made by this hook");
}

#[test]
fn a_baseline_that_is_damaged_or_gone_scans_once() {
    for damage in [true, false] {
        let mut hooked = Hooked::new().going();
        let store = JobStore::open(hooked.env.path("state")).unwrap();
        // Settled, so that the file is the baseline and not what is pending.
        let list = hooked.before().listed();
        hooked.run(&list, Ending::Nothing);
        let committed = store.job("documents").unwrap().state().unwrap().unwrap().committed.unwrap();
        let file = store.dir().join("jobs/documents").join(committed.file);
        if damage {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        } else {
            std::fs::remove_file(&file).unwrap();
        }
        once(&mut hooked, "snapshot of the last successful run");
    }
}
