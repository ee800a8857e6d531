//! What `job add` looks for at once, and what a run says of patterns and of what it cannot read.

use std::fs;

use super::Jobs;
use crate::testenv::Run;

/// `job add k tree …`, as a user without rights.
#[track_caller]
fn add_as_nobody(jobs: &Jobs, more: &[&str]) -> Run {
    let env = &jobs.env;
    for dir in ["out", "tmp"] {
        env.dir(dir);
        env.chmod(dir, 0o777);
    }
    let _ = fs::remove_file(env.path("out/fastdiff.toml"));
    let mut command = env.command_as_nobody();
    command.args(["job", "add", "k", "tree", "--state-dir", "out/state", "--config", "out/fastdiff.toml"]);
    let run = env.finish(command.env("TMPDIR", env.path("tmp")).args(more));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(env.names("tmp"), [""; 0], "nothing is left behind");
    assert!(env.path("out/fastdiff.toml").exists(), "the job is added");
    run
}

#[test]
fn job_add_finds_what_cannot_be_read_and_names_the_ways_out() {
    let jobs = Jobs::new();
    jobs.env.write("tree/pri,vate/file", "");
    jobs.env.write("tree/open", "");
    jobs.env.chmod("tree/pri,vate", 0);
    let run = add_as_nobody(&jobs, &[]);
    let [list, ways] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
    assert!(list.starts_with("fastdiff: warning: cannot list [ROOT]/tree/pri,vate: "), "{list}");
    let says = "1 entry could not be read and is in no list, and `fastdiff run` does not start the command then; \
                allow fastdiff to read it, or leave it out (`--exclude '/pri\\,vate/'` of `job add`, or the key \
                exclude), or start the command nevertheless (the key `anyway = true`, or --anyway for this run)";
    assert_eq!(ways, format!("fastdiff: warning: {says}"));
    assert_eq!(add_as_nobody(&jobs, &["--no-check"]).success(), "");
    assert_eq!(add_as_nobody(&jobs, &["--exclude", "/pri\\,vate/"]).success(), "", "the way out is one");
    let run = add_as_nobody(&jobs, &["--anyway"]);
    assert!(!run.stderr.contains("does not start"), "{}", run.stderr);
    jobs.env.chmod("tree/pri,vate", 0o755);
}

#[test]
fn a_run_names_the_ways_out_of_what_cannot_be_read() {
    let jobs = Jobs::new();
    jobs.env.write("tree/private/file", "");
    add_as_nobody(&jobs, &["--", "echo", "started"]);
    jobs.env.chmod("tree/private", 0);
    let run = jobs.env.run_as_nobody(&["run", "k", "--state-dir", "out/state", "--config", "out/fastdiff.toml", "-q"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(125), ""));
    let says = "something could not be read; allow fastdiff to read it, or leave it out (`--exclude /private/` of \
                `job add`, or the key exclude), or start the command nevertheless (the key `anyway = true`, or \
                --anyway for this run)";
    assert!(run.stderr.contains(says), "{}", run.stderr);
    jobs.env.chmod("tree/private", 0o755);
}

#[test]
fn job_add_warns_of_patterns_and_refuses_those_that_can_never_match() {
    let jobs = Jobs::new();
    jobs.env.write("tree/Downloads/file", "");
    jobs.env.write("patterns", "\n~/Downloads\n");
    let run = jobs.run(["job", "add", "k", "tree", "--exclude-from", "patterns", "--exclude", "*.tmp"]);
    assert_eq!(run.code, Some(0));
    let [slip, unmatched] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
    assert!(slip.contains("\"~/Downloads\" in [ROOT]/patterns, line 2: ~ is not the home directory"), "{slip}");
    assert!(
        unmatched.contains("2 exclude patterns matched nothing: \"~/Downloads\" in [ROOT]/patterns, line 2, \"*.tmp\"")
    );
    let run = jobs.run(["job", "add", "l", "tree", "--exclude", "*.tmp", "--no-check"]);
    assert_eq!(run.success(), "", "no walk, no finding");
    let absolute = jobs.env.path("tree/Downloads").display().to_string();
    let error = jobs.run(["job", "add", "m", "tree", "--exclude", &absolute]).failure(2);
    assert!(error.contains("begins with the root [ROOT]/tree; write /Downloads ("), "{error}");
    assert!(!fs::read_to_string(jobs.env.path("fastdiff.toml")).unwrap().contains("jobs.m"));
}

#[test]
fn a_definition_with_a_pattern_that_can_never_match_is_refused_by_each_command() {
    let jobs = Jobs::new();
    let root = jobs.env.path("tree").display().to_string();
    for (patterns, says) in [
        (
            "\"./x\"".to_owned(),
            "job j: key exclude: pattern \"./x\": no path has a part ., so it can never match; write /x",
        ),
        (format!("\"{root}/x/\""), "begins with the root [ROOT]/tree; write /x/ (or "),
        ("\"x/\", \"!x/y\"".to_owned(), "job j: key exclude: pattern \"!x/y\": it has no effect"),
    ] {
        jobs.define(&format!("exclude = [{patterns}]"));
        for command in [["begin", "j"], ["status", "j"]] {
            let error = jobs.run(command).failure(2);
            assert!(error.contains(says), "{error}");
        }
    }
}

#[test]
fn only_a_full_list_warns_of_patterns() {
    let jobs = Jobs::with("exclude = [\"~/x\", \"*.tmp\"]");
    jobs.env.write("tree/a", "");
    for command in ["status", "begin"] {
        let run = jobs.run([command, "j"]);
        assert!(run.stderr.contains("exclude pattern \"~/x\": ~ is not the home directory"), "{}", run.stderr);
        let says = "warning: 2 exclude patterns matched nothing: \"~/x\", \"*.tmp\"\n";
        assert!(run.stderr.contains(says), "{}", run.stderr);
    }
    jobs.commit();
    jobs.env.write("tree/b", "");
    assert_eq!(jobs.begin(&[]).stderr, "", "under a timer there is nothing new to say");
}

#[test]
fn six_hundred_roots_fit_into_the_table_of_jobs() {
    let jobs = Jobs::new();
    let long = "x".repeat(150);
    let roots: Vec<_> = (0..600).map(|n| jobs.env.path(format!("{long}{n}")).display().to_string()).collect();
    jobs.env.write("fastdiff.toml", format!("[jobs.j]\nroots = {roots:?}\n"));
    let table = jobs.run(["job", "list"]).success();
    assert!(table.len() > 65_536 && table.trim_end().ends_with("x599"), "{}", table.len());
}

#[test]
fn patterns_that_leave_out_everything_are_refused_and_warned_of() {
    let jobs = Jobs::new();
    jobs.env.write("tree/dir/a.iso", "");
    let all = "the exclude patterns leave out everything below the roots";
    for patterns in [&["*"][..], &["/*"], &["**"], &["*", "!a.iso"], &["dir", "x"]] {
        let options: Vec<_> = patterns.iter().flat_map(|pattern| ["--exclude", pattern]).collect();
        let run = jobs.run([&["job", "add", "k", "tree"][..], &options].concat());
        assert!(run.code == Some(2) && run.stderr.contains(all), "{patterns:?}: {}", run.stderr);
        let run = jobs.env.snap_with("a.snap", &options);
        assert!(run.code == Some(0) && run.stderr.contains(all), "{patterns:?}: {}", run.stderr);
    }
    assert_eq!(jobs.run(["job", "add", "k", "tree", "--no-check", "--exclude", "*"]).code, Some(0));
    let run = jobs.run(["begin", "k"]);
    assert!(run.stderr.contains(all), "{}", run.stderr);
    // What a pattern includes again is there, and a tree may be empty.
    jobs.env.write("tree/a.iso", "");
    let run = jobs.env.snap_with("a.snap", &["--exclude", "*", "--exclude", "!*.iso"]);
    assert_eq!(run.stderr, "");
    jobs.env.dir("empty");
    assert_eq!(jobs.run(["job", "add", "l", "empty", "--exclude", "*"]).code, Some(0));
}

#[test]
fn a_first_pattern_that_includes_again_and_a_root_that_is_given_twice_are_noticed() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let run = jobs.run(["job", "add", "k", "tree", "--exclude", "!a"]);
    assert!(run.stderr.contains("\"!a\" stands before all others"), "{}", run.stderr);
    for again in ["tree", "tree/", "tree/."] {
        let run = jobs.run(["job", "add", "l", "tree", again]);
        assert!(run.code == Some(2) && run.stderr.contains("tree is given twice"), "{again}: {}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_state_that_no_run_would_use_is_refused_when_the_job_is_added() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.env.dir("elsewhere");
    jobs.env.dir("own");
    std::os::unix::fs::symlink(jobs.env.path("elsewhere"), jobs.env.path("own/jobs")).unwrap();
    let own = jobs.env.path("own");
    let run = jobs.run(["job", "add", "k", "tree", "--state-dir", own.to_str().unwrap()]);
    assert!(run.code == Some(2) && run.stderr.contains("symbolic link"), "{}", run.stderr);
}
