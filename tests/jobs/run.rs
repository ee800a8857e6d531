//! `fastdiff run`: lists as files, exit codes, signals, and when the command is not started.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::Jobs;

/// Waits until a file exists.
fn wait_for(path: &std::path::Path) {
    while !path.exists() {
        std::thread::yield_now();
    }
}

#[test]
fn the_command_gets_its_lists_as_files_and_variables_which_are_gone_afterwards() {
    let jobs = Jobs::with("consumer = \"rsync\"");
    jobs.env.write("tree/gone", "");
    jobs.settle();
    jobs.env.remove("tree/gone");
    jobs.env.write("tree/new", "");
    let script = "for f in \"$1\" \"$FASTDIFF_DELETED\" \"$FASTDIFF_ALL\"; do tr '\\0' ' ' <\"$f\"; stat -c ' %a' \"$f\"; done; \
                  echo \"$2 $3 $FASTDIFF_JOB $FASTDIFF_RUN $FASTDIFF_ROOT\"; test \"$1\" = \"$FASTDIFF_CHANGED\"; exit 24";
    let run = jobs.start(&["--", "sh", "-c", script, "sh", "{changed}", "--x={deleted}", "{other}"]);
    insta::assert_snapshot!(run.stdout, @r"
    /new  600
    /gone  600
    /gone /new  600
    --x=[ROOT]/state/jobs/j/lists/deleted {other} j 2 [ROOT]/tree
    ");
    assert_eq!((run.code, run.stderr.as_str()), (Some(24), ""), "24 is success for rsync");
    assert_eq!(jobs.files(), ["1.snap", "2.snap", "state.json"]);
    assert_eq!(jobs.job_state()["committed"]["run"], 2);
}

#[test]
fn the_baseline_moves_on_the_codes_that_mean_success_and_on_no_others() {
    let jobs = Jobs::new();
    let mut number = 0;
    let mut moved = |keys: &str, code: u8| {
        jobs.define(keys);
        number += 1;
        jobs.env.write("tree/a", number.to_string());
        let run = jobs.start(&["--", "sh", "-c", &format!("exit {code}")]);
        assert_eq!(run.code, Some(i32::from(code)));
        let state = jobs.job_state();
        let is_committed = state["committed"]["run"] == number;
        assert_eq!(is_committed, state["pending"].is_null());
        assert_ne!(
            is_committed,
            run.stderr.contains("does not become the baseline, and the next run lists its changes again"),
            "{}",
            run.stderr
        );
        is_committed
    };
    for (consumer, code, is_success) in [
        ("text", 0, true),
        ("text", 1, false),
        ("rsync", 24, true),
        ("rsync", 23, false),
        ("restic", 3, false),
        ("duplicati\"\nduplicati-db = \"none", 1, true),
        ("duplicati\"\nduplicati-db = \"none", 2, false),
    ] {
        assert_eq!(moved(&format!("consumer = \"{consumer}\""), code), is_success, "{consumer} {code}");
    }
    assert!(moved("consumer = \"restic\"\nsuccess = [0, 3]", 3));
    assert!(!moved("consumer = \"restic\"\nsuccess = [3]", 0));
}

#[test]
fn a_command_that_cannot_be_started_moves_nothing() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let run = jobs.start(&["--", "./nothing-here"]);
    assert_eq!(run.code, Some(127));
    assert!(run.stderr.contains("error: cannot start ./nothing-here: No such file"), "{}", run.stderr);
    jobs.env.write("text", "no program");
    let run = jobs.start(&["--", "./text"]);
    assert_eq!(run.code, Some(126));
    assert!(run.stderr.contains("error: cannot start ./text: Permission denied"), "{}", run.stderr);
    assert!(jobs.job_state()["committed"].is_null());
    assert_eq!(
        jobs.log().iter().map(|(_, outcome, code)| (outcome.as_str(), *code)).collect::<Vec<_>>(),
        [("failed", Some(127)), ("failed", Some(126))]
    );
    assert!(!jobs.state("lists").exists());
}

#[test]
fn a_command_that_a_signal_ends_moves_nothing() {
    let jobs = Jobs::new();
    let run = jobs.start(&["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(run.code, Some(137));
    assert!(run.stderr.contains("signal 9 ended the command: run 1 does not become the baseline"), "{}", run.stderr);
    assert!(jobs.job_state()["committed"].is_null());
}

#[test]
fn a_signal_is_passed_on_and_the_end_of_the_command_awaited_and_taken_for_a_failure() {
    let jobs = Jobs::new();
    // It says that it was told, goes on for a moment, and ends as if nothing had been.
    let script = "trap 'echo told >told' TERM; >started; while ! [ -e told ]; do :; done; >ended; exit 0";
    let mut child = jobs.command(["run", "j", "-q", "--", "sh", "-c", script]).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(&jobs.env.path("started"));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(jobs.env.path("ended").exists(), "its end was awaited");
    assert!(jobs.job_state()["committed"].is_null());
    assert_eq!(jobs.log()[0].1, "failed");
}

#[test]
fn an_interrupt_from_the_terminal_is_not_passed_on_twice() {
    let jobs = Jobs::new();
    // It has started when the program waits for it: before, the program cannot tell whether the command was there to be
    // told.
    let script =
        "n=0; trap 'n=$((n+1)); echo $n >count' INT; until [ \"$(cat /proc/$PPID/wchan)\" = do_wait ]; do :; done;
                  >started; while [ -e started ] && ! [ -e stop ]; do :; done; exit 5";
    let program = jobs.command(["run", "j", "-q", "--", "sh", "-c", script]);
    // script(1) gives it a terminal of its own, at which ^C is typed. Its shell would end by that as well.
    let line = format!("exec {} run j -q -- sh -c '{}'", crate::testenv::BINARY, script.replace('\'', "'\\''"));
    let mut typed = std::process::Command::new("/usr/bin/script");
    typed.args(["-qec", &line, "/dev/null"]).current_dir(jobs.env.path("")).stdin(Stdio::piped()).stdout(Stdio::null());
    typed.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).process_group(0);
    let Ok(mut child) = typed.spawn() else { return crate::testenv::skip("there is no script(1)") };
    wait_for(&jobs.env.path("started"));
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"\x03").unwrap();
    wait_for(&jobs.env.path("count"));
    jobs.env.settle();
    fs::write(jobs.env.path("stop"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(5));
    assert_eq!(jobs.env.read("count"), b"1\n");
    assert!(jobs.job_state()["committed"].is_null());
}

#[test]
fn the_command_finds_limits_and_signals_as_they_were() {
    let jobs = Jobs::new();
    let script = "ulimit -n; grep SigIgn /proc/self/status";
    let mut plain = jobs.env.shell(&format!("ulimit -S -n 300; {script}"));
    let plain = jobs.env.finish(&mut plain).success();
    let mut run = jobs.command([""; 0]);
    let program = run.get_program().to_owned();
    let envs: Vec<_> = run.get_envs().filter_map(|(n, v)| Some((n.to_owned(), v?.to_owned()))).collect();
    run = jobs.env.shell(&format!("ulimit -S -n 300; exec \"$0\" run j -q -- sh -c '{script}'"));
    run.envs(envs);
    assert_eq!(program, crate::testenv::BINARY);
    assert_eq!(jobs.env.finish(&mut run).stdout, plain);
}

#[test]
fn nothing_changed_means_that_the_command_is_not_started_but_on_request() {
    let jobs = Jobs::with("consumer = \"rsync\"\ncommand = [\"sh\", \"-c\", \"echo started\"]");
    assert_eq!(jobs.start(&[]).stdout, "started\n");
    let run = jobs.run(["run", "j", "--racy-window=0"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert!(run.stderr.ends_with("note: nothing changed: the command is not started\n"), "{}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 2, "the baseline moves all the same");
    assert_eq!(jobs.start(&["--always"]).success(), "started\n");
}

#[test]
fn an_empty_list_is_given_to_nobody_who_would_misread_it() {
    for consumer in ["restic", "borg"] {
        let jobs = Jobs::with(&format!("consumer = \"{consumer}\"\ncommand = [\"sh\", \"-c\", \"echo started\"]"));
        jobs.settle();
        assert_eq!(jobs.start(&["--always"]).success(), "", "{consumer}");
        assert_eq!(jobs.job_state()["committed"]["run"], 2);
    }
    for consumer in ["rsync", "rclone", "tar", "text", "json", "paths", "name-status"] {
        let jobs = Jobs::with(&format!("consumer = \"{consumer}\"\ncommand = [\"sh\", \"-c\", \"echo started\"]"));
        jobs.settle();
        assert_eq!(jobs.start(&["--always"]).success(), "started\n", "{consumer}");
    }
}

#[test]
fn what_restic_has_no_name_for_is_no_reason_to_start_it() {
    let jobs = Jobs::with("consumer = \"restic\"\ncommand = [\"sh\", \"-c\", \"echo started\"]");
    jobs.env.write("tree/a", "");
    jobs.settle();
    jobs.env.chmod("tree", 0o700);
    let run = jobs.run(["run", "j", "--racy-window=0"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert!(run.stderr.ends_with("note: there is nothing to list: the command is not started\n"), "{}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 2);
}

#[test]
fn a_list_that_cannot_be_made_starts_nothing_and_duplicati_only_on_request() {
    let keys = "consumer = \"duplicati\"\nduplicati-db = \"none\"\ncommand = [\"sh\", \"-c\", \"cat $FASTDIFF_ALL; echo started\"]";
    let jobs = Jobs::with(keys);
    jobs.env.write("tree/a", "");
    let run = jobs.start(&[]);
    assert_eq!(run.stdout, "started\n", "a full list is an empty file, so that it scans");
    jobs.env.write("tree/b", "");
    let run = jobs.start(&[]);
    assert!(run.stdout.starts_with("--changed-files=\"") && run.stdout.ends_with("\"\nstarted\n"), "{}", run.stdout);
    jobs.env.write("tree/co:lon", "");
    let run = jobs.start(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(125), ""));
    assert!(run.stderr.contains("error: the command is not started: no list for duplicati: "), "{}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 2);
    let run = jobs.start(&["--anyway"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "started\n"), "{}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 4);

    let jobs = Jobs::with("consumer = \"rclone\"\ncommand = [\"echo\", \"started\"]");
    jobs.env.write("tree/x/in", "");
    jobs.settle();
    jobs.env.remove("tree/x");
    jobs.env.write("tree/x", "");
    let run = jobs.start(&["--anyway"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(125), ""), "{}", run.stderr);
}

#[test]
fn an_incomplete_list_starts_nothing_unless_asked_to() {
    let jobs = Jobs::with("consumer = \"paths\"\ncommand = [\"sh\", \"-c\", \"echo started\"]");
    jobs.env.write("tree/d/a", "");
    jobs.settle();
    jobs.env.write("tree/d/b", "");
    let faulty = |more: &[&str]| {
        jobs.env.settle();
        jobs.with_fault("getdents64:error=EIO", &["tree/d"], &[&["run", "j", "-q", "--racy-window=0"], more].concat())
    };
    let Some(run) = faulty(&[]) else { return };
    assert_eq!((run.code, run.stdout.as_str()), (Some(125), ""), "{}", run.stderr);
    assert!(
        run.stderr.contains(
            "error: the command is not started: something could not be read; allow fastdiff to read it, or leave it out (`--exclude /d/` of `job add`, or the key exclude), or start the command nevertheless (the key `anyway = true`, or --anyway for this run)"
        ),
        "{}",
        run.stderr
    );
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
    assert_eq!(jobs.log()[1].1, "failed");
    let run = faulty(&["--anyway"]).unwrap();
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "started\n"), "{}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 3);
    jobs.define("consumer = \"paths\"\nanyway = true\ncommand = [\"sh\", \"-c\", \"echo started\"]");
    jobs.env.write("tree/d/b", "2");
    let run = faulty(&[]).unwrap();
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "started\n"), "{}", run.stderr);
}

#[test]
fn the_pattern_that_leaves_out_what_cannot_be_read_matches_that_alone() {
    let jobs = Jobs::with("consumer = \"paths\"\ncommand = [\"echo\", \"started\"]");
    jobs.env.write("tree/a [x]*/.?/\\ /a", "");
    jobs.env.write("tree/a x/.?/\\ /a", "");
    jobs.settle();
    jobs.env.write("tree/a [x]*/.?/\\ /b", "");
    jobs.env.settle();
    let faulty = || jobs.with_fault("getdents64:error=EIO", &["tree/a [x]*/.?/\\ "], &["run", "j", "-q"]);
    let Some(run) = faulty() else { return };
    let pattern = r"/a \[x]\*/.\?/\\ /";
    assert!(run.stderr.contains(&format!("`--exclude '{pattern}'` of `job add`")), "{}", run.stderr);
    jobs.define(&format!("consumer = \"paths\"\nexclude = ['{pattern}']\ncommand = [\"cat\", \"{{changed}}\"]"));
    let run = faulty().unwrap();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("a x/.?/\\ /a") && !run.stdout.contains("[x]*/.?/\\ "),
        "{} {}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn rsync_and_rclone_are_not_started_where_their_source_is_not_the_root() {
    let jobs = Jobs::with("consumer = \"rsync\"");
    jobs.env.write("tree/a", "");
    let root = jobs.env.path("tree");
    let root = root.to_str().unwrap();
    let told = |args: &[&str]| jobs.start(&[&["--"], args].concat()).failure(125);
    for source in ["elsewhere/", "tree/sub/", "/"] {
        let line = told(&["nice", "/usr/bin/rsync", "-a", "--files-from={all}", source, "copy/"]);
        assert!(line.contains("which must be [ROOT]/tree; the command names another source"), "{line}");
    }
    for source in [root, &format!("{root}/"), "tree", "./tree/.", "tree/../tree/", "{root}", "{root}/"] {
        // true(1) under the name of rsync.
        jobs.env.symlink("/usr/bin/true", "rsync");
        let run = jobs.start(&["--always", "--", "./rsync", "-aI0", "--files-from={changed}", source, "copy/"]);
        assert_eq!(run.code, Some(0), "{source}: {}", run.stderr);
        jobs.env.remove("rsync");
    }
    // What a shell does cannot be seen.
    assert_eq!(jobs.start(&["--always", "--", "sh", "-c", "true rsync"]).code, Some(0));
    let other = jobs.env.dir("other");
    let several = format!("[jobs.j]\nroots = [{root:?}, {other:?}]\nconsumer = \"rclone\"\n");
    jobs.env.write("fastdiff.toml", several);
    let line = told(&["rclone", "sync", "--files-from-raw", "{all}", root, "copy:"]);
    assert!(line.contains("which must be /; the command"), "{line}");
    // A root may have another name among rclone's remotes. This program is none of that name.
    jobs.env.symlink("/usr/bin/true", "rclone");
    let run = jobs.start(&["--", "./rclone", "sync", "-lI", "--files-from-raw", "{all}", "here:", "copy:"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_placeholder_that_is_misspelt_starts_nothing() {
    let jobs = Jobs::with("consumer = \"rsync\"");
    let line = jobs.start(&["--", "cat", "{al}"]).failure(125);
    assert!(line.contains("job j: the command holds {al}; did you mean {all}?"), "{line}");
    assert_eq!(jobs.start(&["--", "echo", "{root}/x", "{nothing}"]).stdout, "[ROOT]/tree/x {nothing}\n");
}

#[test]
fn a_run_whose_lists_cannot_be_written_has_failed() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let mut begin = jobs.env.shell("exec \"$0\" begin j -q >/dev/full");
    let program = jobs.command([""; 0]);
    begin.envs(program.get_envs().filter_map(|(n, v)| Some((n, v?))));
    let run = jobs.env.finish(&mut begin);
    assert!(run.code == Some(2) && run.stderr.contains("No space left"), "{}", run.stderr);
    assert!(jobs.run(["commit", "j"]).failure(2).contains("run 1 failed"));
    // What is opened relative to that directory.
    let lists = ["state/jobs/j/lists"];
    let Some(run) = jobs.with_fault("openat:error=ENOSPC", &lists, &["run", "j", "-q", "--", "true"]) else { return };
    assert_eq!(run.code, Some(125), "{}", run.stderr);
    assert_eq!(jobs.log().last().unwrap().1, "failed");
    assert!(jobs.run(["commit", "j"]).failure(2).contains("run 2 failed"));
}

#[test]
fn fastdiffs_own_failures_have_a_code_of_their_own() {
    let jobs = Jobs::with("consumer = \"restic\"");
    let told = |args: &[&str]| jobs.run(args).failure(125);
    insta::assert_snapshot!(told(&["run", "j"]), @"fastdiff: error: job j has no command; add one to its definition, or name one after --");
    insta::assert_snapshot!(told(&["run", "j", "--", "x", "{deleted}"]), @"fastdiff: error: job j: the command asks for {deleted}, which the consumer restic does not have; it has {changed}");
    assert_eq!(jobs.run(["run", "j", "--no-such-flag"]).code, Some(125));
    assert_eq!(jobs.run(["run", "--help"]).code, Some(0));
    fs::remove_dir(jobs.env.path("tree")).unwrap();
    assert!(told(&["run", "j", "--", "true"]).contains("root [ROOT]/tree: does not exist"));
}

#[test]
fn the_end_of_the_command_is_known_also_where_ended_children_are_ignored() {
    let jobs = Jobs::new();
    let mut run = jobs.command(["run", "j", "-q", "--", "sh", "-c", "exit 7"]);
    let program = run.get_program().to_owned();
    let args: Vec<_> = run.get_args().map(std::ffi::OsStr::to_owned).collect();
    let envs: Vec<_> = run.get_envs().filter_map(|(n, v)| Some((n.to_owned(), v?.to_owned()))).collect();
    // dash cannot ignore SIGCHLD; Python can.
    let python =
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    run = std::process::Command::new("/usr/bin/env");
    run.env_clear().envs(envs).current_dir(jobs.env.path("")).args(["python3", "-c", python]).arg(program).args(args);
    assert_eq!(jobs.env.finish(&mut run).code, Some(7));
}

#[test]
fn a_commit_that_fails_after_the_command_succeeded_is_told_as_that() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.settle();
    jobs.env.write("tree/b", "");
    // The state file is replaced twice in a run: when it begins, and when it is committed.
    let fault = "rename,renameat,renameat2:error=ENOSPC:when=3";
    let Some(run) = jobs.with_fault(fault, &[], &["run", "j", "-q", "--racy-window=0", "--", "true"]) else { return };
    assert_eq!(run.code, Some(125), "{}", run.stderr);
    assert!(run.stderr.contains("error: the command succeeded, but the baseline stays as it was: "), "{}", run.stderr);
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
    assert_eq!(jobs.begin(&["--relative"]).stdout, "M\t.\nA\tb\n");
}
