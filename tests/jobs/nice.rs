//! `--nice`: who runs with it, and what that starts, stands back; that it cannot is no reason to stop.

use std::fs;

use crate::testenv::{TestEnv, skip};

/// A job that says at which priority its command runs.
fn telling() -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/letter", "Dear reader");
    let run = env.finish(
        env.shell(r#""$0" job add documents tree -- sh -c 'nice; ionice -p $$'"#).env("HOME", env.path("home")),
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    env
}

fn run(env: &TestEnv, script: &str) -> crate::testenv::Run {
    env.finish(env.shell(script).env("HOME", env.path("home")))
}

#[test]
fn what_a_nice_run_starts_has_the_lowest_priority() {
    let env = telling();
    let run_job = run(&env, r#""$0" run documents --nice"#);
    assert_eq!((run_job.code, run_job.stdout.as_str()), (Some(0), "19\nidle\n"), "{}", run_job.stderr);
    env.write("tree/letter", "Dear reader,");
    let without = run(&env, r#"nice >own; "$0" run documents"#);
    let own = fs::read_to_string(env.path("own")).unwrap();
    assert!(without.stdout.starts_with(&own) && !without.stdout.ends_with("idle\n"), "{}", without.stdout);
}

#[test]
fn a_walk_stands_back_before_it_makes_a_thread() {
    for command in ["begin documents", "run documents"] {
        let env = telling();
        let script =
            format!(r#"strace -f -qq -o calls -e trace=setpriority,ioprio_set,clone,clone3 "$0" {command} --nice"#);
        let traced = run(&env, &script);
        let Ok(calls) = fs::read_to_string(env.path("calls")) else {
            return skip(&format!("nothing can be traced here: {}", traced.stderr.trim()));
        };
        let names: Vec<_> =
            calls.lines().filter_map(|line| line.split_whitespace().nth(1)?.split('(').next()).collect();
        assert_eq!(names[..2], ["setpriority", "ioprio_set"], "{command}: {calls}");
        assert!(calls.contains("setpriority(PRIO_PROCESS, 0, 19)"), "{calls}");
        assert!(
            calls.contains("ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0))"),
            "{calls}"
        );
    }
}

#[test]
fn a_priority_that_cannot_be_lowered_is_a_warning() {
    let env = telling();
    let script = r#"strace -f -qq -o calls -e inject=ioprio_set:error=EPERM "$0" run documents --nice"#;
    let run = run(&env, script);
    if !env.path("calls").exists() {
        return skip(&format!("nothing can be traced here: {}", run.stderr.trim()));
    }
    assert_eq!((run.code, run.stdout.lines().next()), (Some(0), Some("19")), "{}", run.stderr);
    let warning = "fastdiff: warning: --nice cannot lower the I/O priority: Operation not permitted (os error 1)\n";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}
