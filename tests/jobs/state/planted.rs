//! What somebody planted in the state before it was the owner's alone, or in a place that is not.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Jobs;
use crate::testenv::{is_root, mode_of, skip};

/// Another user, who owns what they plant.
const OTHER: u32 = 54_321;

/// Every file of the state that is not replaced as a whole, and the one that is.
const FILES: [&str; 4] = ["lock", "log.jsonl", "command", "state.json"];

/// Whether a process ends by itself; it is killed if not.
fn ends(child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

#[test]
fn no_file_of_the_state_is_opened_through_a_symlink() {
    for file in FILES {
        let jobs = Jobs::new();
        jobs.settle();
        jobs.env.write("tree/a", "");
        let victim = jobs.env.write("victim", "dear");
        let _ = fs::remove_file(jobs.state(file));
        symlink(&victim, jobs.state(file)).unwrap();
        let run = jobs.start(&["--", "touch", "ran"]);
        assert_eq!(jobs.env.read("victim"), b"dear", "{file}");
        if file == "command" {
            assert_eq!(run.code, Some(0), "it is written anew: {}", run.stderr);
            continue;
        }
        let line = run.failure(125);
        assert_eq!(
            line,
            format!(
                "fastdiff: error: [ROOT]/state/jobs/j/{file}: is a symbolic link, which is not followed; remove it"
            )
        );
        assert!(!jobs.env.path("ran").exists());
    }
}

#[test]
fn no_directory_of_the_state_is_opened_through_a_symlink() {
    for dir in ["state/jobs", "state/jobs/j"] {
        let jobs = Jobs::new();
        jobs.settle();
        jobs.env.rename(dir, "elsewhere");
        jobs.env.symlink(jobs.env.path("elsewhere"), dir);
        let line = jobs.start(&["--", "true"]).failure(125);
        let expected = format!("fastdiff: error: [ROOT]/{dir}: is a symbolic link, which is not followed; remove it");
        assert_eq!(line, expected);
    }
}

#[test]
fn a_fifo_in_the_state_holds_up_no_command() {
    for file in FILES {
        let jobs = Jobs::new();
        jobs.settle();
        jobs.env.write("tree/a", "");
        let _ = fs::remove_file(jobs.state(file));
        jobs.env.fifo(format!("state/jobs/j/{file}"));
        let calls: [&[&str]; 4] = [
            &["run", "j", "-q", "--racy-window=0", "--", "true"],
            &["begin", "j", "-q"],
            &["status", "j"],
            &["log", "j"],
        ];
        for args in calls {
            let mut child = jobs.command(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            assert!(ends(&mut child), "{args:?} waits for {file}");
        }
    }
}

#[test]
fn a_log_with_another_name_elsewhere_is_not_written_there() {
    let jobs = Jobs::new();
    jobs.settle();
    let before = fs::read(jobs.state("log.jsonl")).unwrap();
    fs::hard_link(jobs.state("log.jsonl"), jobs.env.path("mine")).unwrap();
    jobs.env.write("tree/a", "");
    assert_eq!(jobs.start(&["--", "true"]).code, Some(0));
    assert_eq!(jobs.env.read("mine"), before);
    let log = fs::read(jobs.state("log.jsonl")).unwrap();
    assert!(log.starts_with(&before) && log.len() > before.len());
    assert_eq!(fs::metadata(jobs.state("log.jsonl")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn the_modes_of_the_state_are_its_owners_whatever_the_umask() {
    for umask in ["000", "077", "277", "777"] {
        let jobs = Jobs::new();
        jobs.env.write("tree/a", "");
        let args = "--state-dir \"$PWD/new/state\" --config \"$PWD/fastdiff.toml\"";
        // Of a command that has ended already nobody writes down which process it is.
        let wait = "until test -s new/state/jobs/j/command; do sleep 0.01; done";
        let script = format!(
            "umask {umask}; \"$0\" run j -q --racy-window=0 {args} -- sh -c 'umask 022; {wait}; cp {{all}} list' && \
             \"$0\" begin j -q --racy-window=0 {args} >/dev/null"
        );
        let run = jobs.env.finish(&mut jobs.env.shell(&script));
        assert_eq!(run.code, Some(0), "umask {umask}: {}", run.stderr);
        for dir in ["new", "new/state", "new/state/jobs", "new/state/jobs/j"] {
            assert_eq!(mode_of(&jobs.env.path(dir)), 0o700, "umask {umask}: {dir}");
        }
        for file in ["state.json", "lock", "log.jsonl", "command", "1.snap", "2.snap"] {
            assert_eq!(mode_of(&jobs.env.path("new/state/jobs/j").join(file)), 0o600, "umask {umask}: {file}");
        }
    }
}

#[test]
fn a_state_directory_that_others_can_write_to_is_refused_with_what_to_do() {
    for dir in ["state", "state/jobs", "state/jobs/j"] {
        let jobs = Jobs::new();
        jobs.settle();
        for mode in [0o770, 0o702, 0o1777] {
            jobs.env.chmod(dir, mode);
            for args in [&["begin", "j"][..], &["status", "j"], &["log", "j"], &["job", "remove", "j"]] {
                let line = jobs.run(args).failure(2);
                let expected = format!(
                    "fastdiff: error: [ROOT]/{dir}: others can write to it (mode {mode:o}); `chmod go-w [ROOT]/{dir}` \
                     closes it, or name a directory that is yours alone with --state-dir"
                );
                assert_eq!(line, expected, "{args:?}");
            }
        }
        jobs.env.chmod(dir, 0o755);
        assert_eq!(jobs.list(), "", "others may look");
    }
}

#[test]
fn a_state_directory_of_another_user_is_refused_with_what_to_do() {
    if !is_root() {
        return skip("only root can make what belongs to another user");
    }
    // Planted in a place that all share, by somebody who waits for root's timer.
    let jobs = Jobs::new();
    jobs.env.dir("shared");
    jobs.env.chmod("shared", 0o1777);
    let victim = jobs.env.write("victim", "dear");
    for dir in ["shared/st", "shared/st/jobs", "shared/st/jobs/j"] {
        chown(jobs.env.dir(dir), Some(OTHER), Some(OTHER)).unwrap();
    }
    for file in ["command", "log.jsonl", "lock"] {
        jobs.env.symlink(&victim, format!("shared/st/jobs/j/{file}"));
    }
    let run = |dir: &str| {
        let mut command = jobs.command(["run", "j", "-q", "--state-dir", dir, "--", "true"]);
        jobs.env.finish(&mut command)
    };
    let line = run("shared/st").failure(125);
    assert_eq!(
        line,
        "fastdiff: error: [ROOT]/shared/st: belongs to user 54321, and user 0 runs fastdiff; for jobs of root's own use \
         `sudo -H`, or name places of root's own with --state-dir and --config; for those of that user run fastdiff as \
         that user"
    );
    assert_eq!(jobs.env.read("victim"), b"dear");
    // By a symlink of theirs to a directory that is ours.
    jobs.env.dir("mine");
    let link = jobs.env.symlink(jobs.env.path("mine"), "shared/link");
    lchown(&link, Some(OTHER), Some(OTHER)).unwrap();
    assert!(run("shared/link").failure(125).contains("is a symbolic link, which is not followed"));
    lchown(&link, Some(0), Some(0)).unwrap();
    assert_eq!(run("shared/link").code, Some(0), "a symlink of ours is followed");
    // A file of another user in a directory of ours.
    let jobs = Jobs::new();
    jobs.settle();
    for file in FILES {
        if jobs.state(file).exists() {
            chown(jobs.state(file), Some(OTHER), Some(OTHER)).unwrap();
            let line = jobs.run(["begin", "j"]).failure(2);
            assert!(line.contains(&format!("/{file}: belongs to user 54321, and user 0 runs fastdiff")), "{line}");
            chown(jobs.state(file), Some(0), Some(0)).unwrap();
        }
    }
}
