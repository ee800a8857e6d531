//! State that is damaged, gone, of another version or another machine: a full list and the reason, or a refusal; never
//! a part of a list.

use std::fs;

use super::Jobs;

/// Writes the state file anew with something changed, and its digest made right.
fn rewrite(jobs: &Jobs, change: impl FnOnce(&mut serde_json::Value)) {
    let mut state = jobs.job_state();
    change(&mut state);
    // As the program lays it out: fields in their order.
    let mut ordered = Vec::new();
    let text = fs::read_to_string(jobs.state("state.json")).unwrap();
    for key in ["machine", "next", "committed", "pending", "aborted", "kept", "unconfirmed", "lost"] {
        assert!(text.contains(&format!("\"{key}\"")), "{key} is no field any more");
        let value = match &state[key] {
            serde_json::Value::Object(record) => {
                let keys = [
                    "run",
                    "file",
                    "needs",
                    "identity",
                    "definition",
                    "scope",
                    "began",
                    "note",
                    "replaced",
                    "failed",
                    "followed",
                    "digest",
                ];
                let fields = keys.iter().filter_map(|key| Some(format!("\"{key}\":{}", record.get(*key)?)));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
            other => other.to_string(),
        };
        ordered.push(format!("\"{key}\":{value}"));
    }
    let body = format!("{{{}}}", ordered.join(","));
    let digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(body.as_bytes()));
    fs::write(jobs.state("state.json"), format!("{{\"format\":4,\"digest\":\"{digest}\",\"state\":{body}}}")).unwrap();
}

/// The reason of a full list of a tree with the file `a`, which must hold everything and be fit to be committed.
#[track_caller]
fn reason(jobs: &Jobs) -> String {
    let run = jobs.begin(&["--emit=name-status", "--relative"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "A\t.\nA\ta\n"), "{}", run.stderr);
    let line = run.stderr.lines().find_map(|line| line.strip_prefix("fastdiff: note: the list is a full one: "));
    let line = line.unwrap_or_else(|| panic!("no reason: {}", run.stderr)).to_owned();
    jobs.commit();
    assert_eq!(jobs.list(), "", "after that all is well");
    jobs.commit();
    line
}

fn job_with_a_baseline() -> Jobs {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.settle();
    jobs
}

#[test]
fn a_baseline_that_is_gone_leads_to_a_full_list() {
    let jobs = job_with_a_baseline();
    fs::remove_file(jobs.state("1.snap")).unwrap();
    assert_eq!(reason(&jobs), "the snapshot of the last successful run is gone");
}

#[test]
fn a_baseline_flipped_anywhere_leads_to_a_full_list_or_to_the_true_one() {
    let jobs = job_with_a_baseline();
    jobs.env.write("tree/b", "");
    let whole = fs::read(jobs.state("1.snap")).unwrap();
    let state = jobs.env.path("template");
    let copied = |from: &std::path::Path, to: &std::path::Path| {
        let _ = fs::remove_dir_all(to);
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copied(&jobs.env.path("state"), &state);
    let mut full = 0;
    for at in (0..whole.len()).step_by(37) {
        copied(&state, &jobs.env.path("state"));
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(jobs.state("1.snap"), &bytes).unwrap();
        let run = jobs.begin(&["--emit=name-status", "--relative"]);
        assert_eq!(run.code, Some(0), "byte {at}: {}", run.stderr);
        if run.stdout == "A\t.\nA\ta\nA\tb\n" {
            assert!(
                run.stderr.contains("the list is a full one: the snapshot of the last successful run "),
                "byte {at}: {}",
                run.stderr
            );
            full += 1;
        } else {
            assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("M\t.\nA\tb\n", ""), "byte {at}");
        }
    }
    assert!(full > 10, "{full} flips were found");
}

#[test]
fn another_snapshot_under_the_name_of_the_baseline_is_not_believed() {
    let jobs = job_with_a_baseline();
    jobs.env.snap("other.snap");
    fs::copy(jobs.env.path("other.snap"), jobs.state("1.snap")).unwrap();
    let reason = reason(&jobs);
    assert!(
        reason.ends_with("last successful run is damaged (it is not the one that the state file names)"),
        "{reason}"
    );
}

#[test]
fn a_damaged_state_file_leads_to_a_full_list_and_commits_nothing() {
    for damage in ["", "{", "{}", "null", "[4]", "{\"format\":4,\"digest\":\"\",\"state\":{}}", "\u{0}\u{0}"] {
        let jobs = job_with_a_baseline();
        jobs.begin(&[]);
        fs::write(jobs.state("state.json"), damage).unwrap();
        let line = jobs.run(["commit", "j"]).failure(2);
        assert!(
            line.contains(
                "its state file [ROOT]/state/jobs/j/state.json is damaged: it cannot be read; begin the job again"
            ),
            "{line}"
        );
        jobs.run(["abort", "j"]).failure(2);
        assert_eq!(reason(&jobs), "the job's state file is damaged: it cannot be read");
        assert_eq!(jobs.job_state()["committed"]["run"], 4, "no number comes twice");
    }
    let jobs = job_with_a_baseline();
    fs::write(jobs.state("state.json"), "{\"format\":1}").unwrap();
    assert_eq!(reason(&jobs), "the job's state file is damaged: an older fastdiff wrote it");
    let jobs = job_with_a_baseline();
    let text = fs::read_to_string(jobs.state("state.json")).unwrap();
    fs::write(jobs.state("state.json"), text.replace("\"next\": 2", "\"next\": 3")).unwrap();
    assert_eq!(reason(&jobs), "the job's state file is damaged: it does not match its digest");
}

#[test]
fn a_state_file_of_a_future_version_is_left_alone() {
    let jobs = job_with_a_baseline();
    let future = "{\"format\":5,\"anything\":[]}";
    fs::write(jobs.state("state.json"), future).unwrap();
    for args in [&["begin", "j"][..], &["commit", "j"], &["abort", "j"], &["status", "j"]] {
        let line = jobs.run(args).failure(2);
        assert_eq!(
            line,
            "fastdiff: error: job j: its state file [ROOT]/state/jobs/j/state.json has format 5, this program reads format 4; use a newer fastdiff"
        );
    }
    jobs.run(["run", "j", "--", "true"]).failure(125);
    assert_eq!(fs::read_to_string(jobs.state("state.json")).unwrap(), future);
    assert!(jobs.state("1.snap").exists());
}

#[test]
fn the_state_of_another_machine_leads_to_a_full_list() {
    let jobs = job_with_a_baseline();
    rewrite(&jobs, |_| {});
    assert_eq!(jobs.list(), "", "the test writes state files that are believed");
    jobs.run(["abort", "j"]).success();
    rewrite(&jobs, |state| state["machine"] = "another".into());
    assert_eq!(reason(&jobs), "the state belongs to another machine");
}

#[test]
fn a_pending_snapshot_that_is_damaged_or_gone_does_not_become_the_baseline() {
    let jobs = job_with_a_baseline();
    jobs.begin(&[]);
    fs::write(jobs.state("2.snap"), "no snapshot").unwrap();
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(
        line.contains(
            "job j: the snapshot of run 2 cannot become the baseline: 2.snap is not a fastdiff snapshot; begin the job again"
        ),
        "{line}"
    );
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
    assert!(reason(&jobs).starts_with("it is no longer known what an unsuccessful run listed (run 2: "));
    jobs.begin(&[]);
    let pending = jobs.job_state()["pending"]["file"].as_str().unwrap().to_owned();
    fs::remove_file(jobs.state(&pending)).unwrap();
    jobs.run(["commit", "j"]).failure(2);
    assert!(reason(&jobs).starts_with("it is no longer known what an unsuccessful run listed (run "));
}

#[test]
fn what_earlier_runs_listed_is_not_believed_if_it_is_damaged() {
    for damage in [Some("f/no/such/path\0"), Some(""), None] {
        let jobs = job_with_a_baseline();
        jobs.env.write("tree/b", "");
        jobs.begin(&[]);
        jobs.env.remove("tree/b");
        jobs.begin(&[]);
        let file = jobs.job_state()["unconfirmed"]["file"].as_str().unwrap().to_owned();
        match damage {
            Some(text) => fs::write(jobs.state(&file), text).unwrap(),
            None => fs::remove_file(jobs.state(&file)).unwrap(),
        }
        assert!(reason(&jobs).starts_with("it is no longer known what an unsuccessful run listed (3.again"));
    }
}

#[test]
fn damage_that_a_walk_took_over_from_its_base_is_walked_again() {
    let jobs = job_with_a_baseline();
    jobs.env.write("tree/sub/x", "");
    jobs.env.write("tree/b", "");
    jobs.begin(&[]);
    // The pending snapshot is the base of the next walk; every byte of it is spoiled in turn.
    let whole = fs::read(jobs.state("2.snap")).unwrap();
    for at in (300..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(jobs.state("2.snap"), &bytes).unwrap();
        jobs.env.settle();
        let run = jobs.run(["status", "j", "--racy-window=0", "--json"]);
        assert_eq!(run.code, Some(0), "byte {at}: {}", run.stderr);
        let added = run.stdout.lines().filter(|line| line.contains("\"added\"") && line.contains("/tree/b\"")).count();
        assert_eq!(added, 1, "byte {at}: {}", run.stdout);
    }
}
