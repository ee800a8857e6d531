//! Jobs with large snapshots: a run writes only what differs from an earlier one, and needs its file.

use std::fs;

use super::Jobs;
use crate::testenv::tree_of_many_files;

/// A job with a snapshot of more than a megabyte, in 45 directories beside 80 small ones; run 1 is its baseline.
fn large() -> Jobs {
    let jobs = Jobs::new();
    tree_of_many_files(&jobs.env, 9000);
    for number in 0..80 {
        jobs.env.write(format!("tree/small{number}/file"), "1");
    }
    jobs.settle();
    jobs
}

fn len(jobs: &Jobs, name: &str) -> u64 {
    fs::metadata(jobs.state(name)).unwrap().len()
}

/// Changes a file, and makes that the next baseline.
#[track_caller]
fn follow(jobs: &Jobs, name: &str) {
    jobs.env.write(format!("tree/{name}"), "22");
    assert!(jobs.list().contains(&format!("M {name}\n")), "{name}");
    jobs.commit();
}

#[test]
fn a_run_writes_only_what_differs_from_a_large_snapshot() {
    let jobs = large();
    assert!(len(&jobs, "1.snap") > 1 << 20);
    follow(&jobs, "small1/file");
    assert!(len(&jobs, "2.snap") < 64 << 10, "{}", len(&jobs, "2.snap"));
    assert_eq!(jobs.job_state()["committed"]["needs"], "1.snap");
    // Over the same file, with all that differs from it.
    follow(&jobs, "small2/file");
    follow(&jobs, "small3/file");
    assert_eq!(jobs.job_state()["committed"]["needs"], "1.snap");
    assert_eq!(jobs.list(), "", "nothing is forgotten");
    jobs.commit();
    assert_eq!(jobs.files(), ["1.snap", "4.snap", "5.snap", "state.json"]);
    // More than a quarter of the directories: then a whole one costs no more.
    for number in 10..80 {
        jobs.env.write(format!("tree/small{number}/file"), "333");
    }
    assert_eq!(jobs.list().matches("M small").count(), 70);
    jobs.commit();
    assert_eq!(jobs.job_state()["committed"]["needs"], serde_json::Value::Null);
    // The former baseline still needs the first one, until it is not kept any more.
    assert!(jobs.files().contains(&"1.snap".to_owned()), "{:?}", jobs.files());
    follow(&jobs, "small4/file");
    assert_eq!(jobs.files(), ["6.snap", "7.snap", "state.json"]);
    assert_eq!(jobs.job_state()["committed"]["needs"], "6.snap");
}

#[test]
fn a_look_leaves_no_overlay_and_needs_none() {
    let jobs = large();
    follow(&jobs, "small1/file");
    jobs.env.write("tree/small2/file", "22");
    jobs.env.settle();
    let status = jobs.run(["status", "j", "--racy-window=0"]);
    assert!(status.stdout.contains("small2/file"), "{}", status.stderr);
    assert_eq!(jobs.files(), ["1.snap", "2.snap", "state.json"]);
}

#[test]
fn what_an_overlay_needs_and_does_not_have_is_a_full_list() {
    for (spoil, reason) in [("remove", "its base is gone"), ("replace", "its base was replaced"), ("flip", "damaged")] {
        let jobs = large();
        follow(&jobs, "small1/file");
        let needed = jobs.state("1.snap");
        match spoil {
            "remove" => fs::remove_file(&needed).unwrap(),
            "replace" => {
                fs::remove_file(&needed).unwrap();
                let roots = jobs.env.path("tree").display().to_string();
                jobs.env.run(["snap", &roots, "-q", "-o", needed.to_str().unwrap()]).success();
            }
            _ => {
                let mut bytes = fs::read(&needed).unwrap();
                // In a block.
                for at in (1000..bytes.len() / 2).step_by(4096) {
                    bytes[at] ^= 1;
                }
                fs::write(&needed, bytes).unwrap();
            }
        }
        jobs.env.write("tree/0003/new", "");
        let run = jobs.begin(&["--emit=name-status", "--relative"]);
        assert_eq!(run.code, Some(0), "{spoil}: {}", run.stderr);
        assert!(run.stderr.contains("full one") && run.stderr.contains(reason), "{spoil}: {}", run.stderr);
        assert_eq!(run.stdout.matches("A\t").count(), run.stdout.lines().count(), "{spoil}");
        jobs.commit();
        assert_eq!(jobs.list(), "", "{spoil}");
    }
}
