//! What the hook and `status` say of the runs before: what really became of them, as far as the database tells.

use serde_json::json;

use super::hook::{Ending, Hooked};

/// A baseline, a change that was listed, and a run that ended like this: what the hook says of it, and why there is no
/// list now.
#[track_caller]
fn said_after(hooked: &mut Hooked, ending: Ending) -> (String, Option<String>) {
    hooked.write("b", "third");
    let told = hooked.before();
    hooked.run(&told.options, ending);
    let told = hooked.before();
    let again = told.log.iter().find_map(|line| line.strip_prefix("the changes of run 4 are listed again: "));
    let again = again.unwrap_or_else(|| panic!("{:?}", told.log)).to_owned();
    (again, told.options.changed.is_empty().then(|| told.refused_for().to_owned()))
}

fn going() -> Hooked {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    hooked
}

#[test]
fn a_run_without_a_trace_is_not_said_to_have_been_another_one() {
    for (ending, expected) in [
        (Ending::Nothing, "no backup has run since, or it ended before it wrote anything into the job database"),
        (Ending::Missing, "the last backup did not succeed: it ended with Fatal"),
        (Ending::Error, "the last backup did not succeed: it ended with Error"),
    ] {
        let (again, full) = said_after(&mut going(), ending);
        assert_eq!((again.as_str(), full), (expected, None), "{ending:?}");
    }
}

#[test]
fn a_result_of_an_earlier_run_is_not_that_of_the_last_one() {
    let mut hooked = going();
    hooked.write("b", "third");
    hooked.before();
    hooked.run(&super::options::Options::none(), Ending::Missing);
    hooked.round();
    let (again, _) = said_after_run(&mut hooked, Ending::Nothing);
    assert!(again.contains("no backup has run since"), "{again}");
}

fn said_after_run(hooked: &mut Hooked, ending: Ending) -> (String, Vec<String>) {
    hooked.write("a", "once more");
    let told = hooked.before();
    hooked.run(&told.options, ending);
    let told = hooked.before();
    let again = told.log.iter().find(|line| line.contains("are listed again: "));
    (again.unwrap_or_else(|| panic!("{:?}", told.log)).clone(), told.log)
}

#[test]
fn a_dry_run_is_not_said_to_have_been_cut_off() {
    let mut hooked = going();
    hooked.variables.insert("dry_run", "true".into());
    let (again, full) = said_after(&mut hooked, Ending::DryRun);
    assert_eq!(again, "the last backup was a dry run");
    assert_eq!(full.as_deref(), Some("the newest version is incomplete: its run was stopped, cut off, or a dry run"));
    hooked.variables.remove("dry_run");
    let (again, _) = said_after(&mut going(), Ending::Killed);
    assert_eq!(again, "the last backup was cut off or was a dry run: it left no result");
}

#[test]
fn a_purge_is_said_to_be_one() {
    let mut hooked = going();
    hooked.purge("d/c");
    let told = hooked.before();
    let expected = "the newest version was made by the operation Purge of Duplicati and not by a backup";
    assert_eq!(told.refused_for(), expected);
    hooked.run(&told.options, Ending::Success);
    assert_eq!(hooked.job.mistakes(), [""; 0]);
    hooked.write("b", "third");
    hooked.round().listed();
}

#[test]
fn an_idle_run_that_moves_the_time_of_a_version_calls_for_no_scan() {
    let mut hooked = going();
    let list = hooked.round().listed();
    assert!(!list.changed.is_empty());
    hooked.run(&super::options::Options::none(), Ending::Success);
    hooked.write("b", "third");
    let told = hooked.round();
    assert!(!told.log.iter().any(|line| line.contains("deleted")), "{:?}", told.log);
}

#[test]
fn another_operation_does_not_make_a_success_a_failure() {
    let mut hooked = going();
    hooked.write("b", "third");
    let told = hooked.before();
    hooked.run(&told.options, Ending::Success);
    // Whatever leaves no operation of its own writes its result to the last one.
    hooked.records.late_result(json!({ "MainOperation": "List", "ParsedResult": "Success" }));
    hooked.write_database();
    let told = hooked.before();
    assert!(told.log[0].starts_with("the last backup succeeded"), "{:?}", told.log);
}

#[test]
fn status_tells_a_success_that_the_database_knows_of() {
    let mut hooked = going();
    hooked.write("b", "third");
    let told = hooked.before();
    let status = |hooked: &Hooked| hooked.other(&["status", "documents", "--racy-window", "0"]).stderr;
    assert!(status(&hooked).contains("run 4 is not known to have succeeded; its changes"), "{}", status(&hooked));
    hooked.run(&told.options, Ending::Success);
    let said = status(&hooked);
    assert!(said.contains("run 4 succeeded, as the job database says"), "{said}");
    assert!(!said.contains("not known"), "{said}");
    hooked.before();
    let told = hooked.before();
    hooked.run(&told.options, Ending::Warning);
    assert!(status(&hooked).contains("is not known to have succeeded"), "{}", status(&hooked));
}
