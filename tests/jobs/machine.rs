//! Which machine the state belongs to: its machine ID, an option, or the place of the state itself.

use super::Jobs;
use crate::testenv::Run;

/// Runs a script in a container with no more of a machine ID than that: `list HOST ARGS…` begins a run of `j` under a
/// host name, prints the list and commits the run. None, and a visible skip, where that is not possible.
fn container(jobs: &Jobs, machine_id: &str, script: &str) -> Option<Run> {
    jobs.env.settle();
    let script = format!(
        "for id in /etc/machine-id /var/lib/dbus/machine-id; do
             test ! -e $id || mount --bind none $id
         done
         export FASTDIFF_CONFIG=$PWD/fastdiff.toml
         list() {{
             host=$1; shift
             unshare --uts sh -c 'hostname $0; exec \"$@\"' $host $FASTDIFF begin j -q --relative --racy-window=0 \"$@\"
             $FASTDIFF commit j \"$@\"
         }}
         {script}"
    );
    jobs.env.write("none", machine_id);
    jobs.env.with_mounts(&script)
}

const OTHER: &str = "fastdiff: note: the list is a full one: the state belongs to another machine";

#[test]
fn a_container_with_another_name_at_each_start_is_the_same_machine() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let Some(run) = container(&jobs, "", "for host in one two three; do list $host --state-dir state; done") else {
        return;
    };
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "A\t.\nA\ta\n"), "{}", run.stderr);
    assert_eq!(run.stderr, "fastdiff: note: the list is a full one: there is no baseline yet\n");
}

#[test]
fn a_copy_of_the_state_is_that_of_another_machine_and_a_renamed_one_is_not() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let script = "
        list one --state-dir state 2>/dev/null
        mv state moved
        list one --state-dir moved
        $FASTDIFF status j --racy-window=0 --state-dir moved
        cp -a moved copy
        $FASTDIFF status j --racy-window=0 --state-dir copy
        list one --state-dir copy
        list two --state-dir copy
    ";
    let Some(run) = container(&jobs, "uninitialized\n", script) else { return };
    let full = "A\t.\nA\ta\n";
    let status = "no changes\nthe next list is a full one, of 2 entries: the state belongs to another machine\n";
    assert_eq!(run.stdout, format!("{full}{status}{full}"), "{}", run.stderr);
    assert_eq!((run.stderr.matches(OTHER).count(), run.stderr.lines().count()), (1, 2), "{}", run.stderr);
}

#[test]
fn the_machine_can_be_named_and_the_name_counts_before_any_id() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.begin(&["--machine-id=nas"]);
    jobs.commit();
    let named = |id: &str| {
        jobs.env.settle();
        let mut begin = jobs.command(["begin", "j", "--quiet", "--racy-window=0", "--relative"]);
        let run = jobs.env.finish(begin.env("FASTDIFF_MACHINE_ID", id));
        jobs.run(["abort", "j"]).success();
        run
    };
    assert_eq!(named("nas").stderr, "");
    let run = named("other");
    assert!(run.stdout == "A\t.\nA\ta\n" && run.stderr.contains(OTHER), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("--machine-id"), "{}", run.stderr);
    let run = named("");
    assert!(run.stderr.contains(OTHER), "an empty variable is none: {}", run.stderr);
}

#[test]
fn the_name_of_the_machine_goes_into_a_schedule() {
    let jobs = Jobs::with("consumer = \"paths\"\ncommand = [\"cat\", \"{changed}\"]");
    let run = jobs.run(["job", "schedule", "j", "--every=1h", "--machine-id", "my nas"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("--machine-id \"my nas\"") || run.stdout.contains("--machine-id 'my nas'"),
        "{}",
        run.stdout
    );
}
