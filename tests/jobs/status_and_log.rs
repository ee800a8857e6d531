//! `fastdiff status` leaves no trace; `fastdiff log` tells what every run saw and what became of it.

use std::fs;

use super::Jobs;

/// Everything in the state directory: names, content, times.
fn everything(jobs: &Jobs) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    let mut stack = vec![jobs.env.path("state")];
    while let Some(path) = stack.pop() {
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        if meta.is_dir() {
            stack.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        found.push((path.display().to_string(), content, meta.modified().unwrap()));
    }
    found.sort();
    found
}

#[test]
fn status_shows_what_the_next_run_would_list_and_changes_nothing() {
    let jobs = Jobs::new();
    let status = |more: &[&str]| {
        jobs.env.settle();
        jobs.run(["status", "j", "--racy-window=0"].iter().chain(more))
    };
    assert_eq!(status(&[]).success(), "the next list is a full one, of 1 entry: there is no baseline yet\n");
    assert!(!jobs.env.path("state").exists(), "not even the directory is made");
    jobs.settle();
    assert_eq!(status(&["--exit-code"]).success(), "no changes\n");
    jobs.env.write("tree/a", "12");
    let before = everything(&jobs);
    let run = status(&["--exit-code"]);
    assert_eq!(run.code, Some(1));
    // Some file systems have sizes of directories that follow their entries.
    insta::assert_snapshot!(run.stdout.replace("(size, mtime", "(mtime"), @r"
    M  [ROOT]/tree/  (mtime, ctime)
    A  [ROOT]/tree/a  (2 B)

    1 added: 1 file, 2 B
    1 modified: 1 directory
    ");
    assert_eq!(status(&["--json"]).success().lines().count(), 2);
    assert_eq!(everything(&jobs), before);
    jobs.begin(&[]);
    let run = status(&[]);
    assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 5), "a pending run is no baseline");
    assert!(run.stderr.contains("run 2 is not known to have succeeded"), "{}", run.stderr);
    jobs.run(["abort", "j"]).success();
    assert!(status(&[]).stderr.contains("note: run 2 was aborted; "), "{}", run.stderr);
    let run = jobs.begin(&[]);
    assert!(run.stderr.contains("note: run 2 was aborted; what it listed is listed again"), "{}", run.stderr);
    jobs.start(&["--", "false"]);
    assert!(status(&[]).stderr.contains("note: run 4 failed; "), "the word for that alone");
}

#[test]
fn status_works_while_the_job_runs_and_where_nothing_can_be_written() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "");
    let run = jobs.start(&["--", "sh", "-c", &format!("{} status j --racy-window=0", crate::testenv::BINARY)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains("A  [ROOT]/tree/a"), "{}", run.stdout);
    let script = format!(
        "mount --bind state state && mount -o remount,ro,bind state && FASTDIFF_CONFIG=fastdiff.toml \"$FASTDIFF\" status j --racy-window=0 --state-dir {}",
        jobs.env.path("state").display()
    );
    if let Some(run) = jobs.env.with_mounts(&script) {
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }
}

#[test]
fn the_last_runs_and_those_of_the_last_time() {
    let jobs = Jobs::new();
    for _ in 0..3 {
        jobs.settle();
    }
    let numbers = |more: &[&str]| -> Vec<u64> {
        let log = jobs.run(["log", "j", "--json"].iter().chain(more)).success();
        let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["run"].as_u64().unwrap();
        log.lines().map(number).collect()
    };
    assert_eq!(numbers(&["-n", "2"]), [2, 3]);
    assert_eq!(numbers(&["-n", "20"]), [1, 2, 3]);
    assert_eq!(numbers(&["--since", "1d"]), [1, 2, 3]);
    // The log says when a run began.
    let log = jobs.state("log.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let (before, rest) = text.split_once("\"at\":\"").unwrap();
    let (_, behind) = rest.split_once('"').unwrap();
    fs::write(&log, format!("{before}\"at\":\"2020-01-01T00:00:00Z\"{behind}")).unwrap();
    assert_eq!(numbers(&["--since", "1d"]), [2, 3]);
    assert_eq!(numbers(&[]), [1, 2, 3]);
    assert!(jobs.run(["log", "j", "--since", "soon"]).stderr.contains("7d"));
}

#[test]
fn jobs_without_a_recent_success_are_listed_for_monitoring() {
    let jobs = Jobs::new();
    let stale = |limit: &str| jobs.run(["job", "list", "--stale", limit, "--exit-code"]);
    let never = stale("1d");
    assert!(never.code == Some(1) && never.stdout.contains("never"), "{}", never.stdout);
    jobs.settle();
    let fresh = stale("1d");
    assert_eq!((fresh.code, fresh.stdout.as_str()), (Some(0), "no jobs\n"));
    jobs.env.settle_for(std::time::Duration::from_millis(1100));
    assert_eq!(stale("1s").code, Some(1));
    assert_eq!(jobs.run(["job", "list", "--exit-code"]).code, Some(2), "it needs --stale");
}

#[test]
fn the_log_tells_what_each_run_saw_and_what_became_of_it() {
    let jobs = Jobs::new();
    assert_eq!(jobs.run(["log", "j"]).success(), "no runs\n");
    jobs.env.write("tree/a", "1234");
    jobs.settle();
    jobs.env.write("tree/b", "12");
    jobs.env.remove("tree/a");
    jobs.start(&["--", "sh", "-c", "exit 7"]);
    jobs.start(&["--", "true"]);
    jobs.start(&["--", "true"]);
    jobs.begin(&[]);
    jobs.run(["abort", "j"]).success();
    jobs.begin(&[]);
    jobs.begin(&[]);
    let outcomes: Vec<_> =
        jobs.log().into_iter().map(|(run, outcome, code)| format!("{run} {outcome} {code:?}")).collect();
    assert_eq!(
        outcomes,
        [
            "1 committed None",
            "2 failed Some(7)",
            "3 committed Some(0)",
            "4 committed None",
            "5 aborted None",
            "6 replaced None",
            "7 pending None"
        ]
    );
    let table = jobs.run(["log", "j"]).success();
    let without_times: String = table
        .lines()
        .map(|line| {
            let mut words: Vec<_> = line.split_whitespace().collect();
            if words[0] != "run" {
                words.drain(1..3);
            }
            words.join(" ") + "\n"
        })
        .collect();
    insta::assert_snapshot!(without_times, @r"
    run began added modified removed bytes outcome remarks
    1 2 0 0 4 B committed full list: there is no baseline yet
    2 1 1 1 2 B failed exit code 7
    3 1 1 1 2 B committed exit code 0
    4 0 0 0 0 B committed nothing changed, not started
    5 0 0 0 0 B aborted
    6 0 0 0 0 B replaced
    7 0 0 0 0 B pending
    ");
    let first: serde_json::Value =
        serde_json::from_str(jobs.run(["log", "j", "--json"]).success().lines().next().unwrap()).unwrap();
    assert_eq!(
        (first["entries"].as_u64(), first["added"].as_u64(), first["bytes"].as_u64()),
        (Some(2), Some(2), Some(4))
    );
    assert!(first["began"].as_str().unwrap().ends_with('Z') && first["ended"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn the_log_tells_why_a_run_did_not_come_to_begin() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.env.write("tree/b", "");
    jobs.settle();
    jobs.env.rename("tree", "elsewhere");
    assert_eq!(jobs.begin(&[]).code, Some(2));
    assert_eq!(jobs.start(&["--", "true"]).code, Some(125));
    jobs.env.rename("elsewhere", "tree");
    jobs.env.remove("tree/a");
    assert_eq!(jobs.begin(&["--max-delete=0"]).code, Some(2));
    jobs.settle();
    let told = jobs.run(["log", "j", "--json"]).success();
    let runs = told.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let runs: Vec<_> = runs.map(|run| format!("{} {} {}", run["run"], run["outcome"], run["reason"])).collect();
    insta::assert_snapshot!(runs.join("\n"), @r#"
    1 "committed" null
    2 "refused" "root [ROOT]/tree: does not exist"
    2 "refused" "root [ROOT]/tree: does not exist"
    2 "refused" "1 entry was removed, more than the limit of 0 (a rename counts if the list has no renames); nothing was written"
    2 "committed" null
    "#);
}

#[test]
fn a_log_with_a_torn_line_is_read_and_goes_on() {
    let jobs = Jobs::new();
    jobs.settle();
    let mut log = fs::read(jobs.state("log.jsonl")).unwrap();
    log.extend_from_slice(b"{\"event\":\"started\",\"run\":2,\"at\":\"20");
    fs::write(jobs.state("log.jsonl"), &log).unwrap();
    jobs.settle();
    assert_eq!(jobs.log().len(), 2);
    fs::write(jobs.state("log.jsonl"), b"\xff\n{}\n").unwrap();
    assert_eq!(jobs.run(["log", "j"]).success(), "no runs\n");
}

#[test]
fn a_log_does_not_grow_for_ever() {
    let jobs = Jobs::new();
    jobs.settle();
    let line = fs::read(jobs.state("log.jsonl")).unwrap();
    fs::write(jobs.state("log.jsonl"), line.repeat((3 << 20) / line.len())).unwrap();
    jobs.settle();
    let len = fs::metadata(jobs.state("log.jsonl")).unwrap().len();
    assert!((1 << 20..2 << 20).contains(&len), "{len} bytes");
    assert_eq!(jobs.log().last().unwrap().0, 2);
}
