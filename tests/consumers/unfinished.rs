//! Runs of a job whose program fails before, after or in the middle of its work: what they listed is listed again, and
//! the next run that succeeds makes the copy equal.

use super::{Edited, ROUNDS, program};
use crate::properties::names::any_name;
use crate::testenv::{Run, TestEnv};

/// Exits with the code that `FAIL` says, before or after the work.
const RSYNC: &str = "test \"$FAIL\" = before && exit 7
    rsync -aHI --modify-window=-1 --numeric-ids --from0 --files-from=\"$1\" --delete-missing-args --force tree/ copy/ || exit
    test \"$FAIL\" != after";

const TAR: &str = "test \"$FAIL\" = before && exit 7
    tar --create --format=posix --no-recursion -C tree --null -T \"$FASTDIFF_CHANGED\" --file changes.tar || exit
    (cd copy && xargs -0 -r rm -rf --) <\"$FASTDIFF_DELETED\" || exit
    test \"$FAIL\" = between && exit 7
    tar --extract --preserve-permissions --numeric-owner --delay-directory-restore --file changes.tar -C copy || exit
    test \"$FAIL\" != after";

/// A job by which `copy` is kept equal to `tree`.
fn add(env: &TestEnv, consumer: &str, command: &[&str]) {
    env.dir("copy");
    // Their destinations are relative: it is always the same directory.
    let add = ["job", "add", "mirror", "tree", "--consumer", consumer, "--unchecked", "--"];
    let added = run_with(env, &[&add[..], command].concat(), "");
    assert_eq!(added.code, Some(0), "{}", added.stderr);
}

/// Runs it; the program fails where `fail` says.
fn run(env: &TestEnv, fail: &str) -> Run {
    run_with(env, &["run", "mirror", "--racy-window", "0", "-q"], fail)
}

fn run_with(env: &TestEnv, args: &[&str], fail: &str) -> Run {
    env.settle();
    let mut command = env.command();
    command.args(args).env("FASTDIFF_STATE_DIR", env.path("state")).env("FASTDIFF_CONFIG", env.path("fastdiff.toml"));
    env.finish(command.env("PATH", "/usr/bin:/bin").env("FAIL", fail))
}

/// Rounds of edits, in which two of three runs fail somewhere.
fn rounds(consumer: &str, command: &[&str], with_root: bool) {
    let mut edited = Edited::linking_files_only(any_name());
    add(&edited.env, consumer, command);
    // Until a first run succeeded every list is a full one, which names nothing that is gone.
    assert_eq!(run(&edited.env, "").code, Some(0));
    for round in 0..ROUNDS {
        edited.edit_only();
        for fail in ["before", "after", "between", ""] {
            let run = run(&edited.env, fail);
            let is_failing = match fail {
                "" => false,
                "between" => consumer == "tar",
                _ => true,
            };
            assert!(!is_failing || run.code != Some(0) || run.stderr.is_empty(), "{fail}: {}", run.stderr);
            if is_failing {
                edited.edit_only();
            } else {
                assert_eq!(run.code, Some(0), "round {round}: {}", run.stderr);
                edited.assert_equal("copy", round, with_root);
            }
        }
    }
}

#[test]
fn rsync_catches_up_after_runs_that_failed() {
    if program("rsync").is_some() {
        rounds("rsync", &["sh", "-c", RSYNC, "sh", "{all}"], false);
    }
}

#[test]
fn tar_catches_up_after_runs_that_failed() {
    if program("tar").is_some() {
        rounds("tar", &["sh", "-c", TAR], true);
    }
}

#[test]
fn what_an_archive_that_nobody_needed_made_a_directory_of_is_removed_before_the_next_is_unpacked() {
    if program("tar").is_none() {
        return;
    }
    for fail in ["before", "between", "after"] {
        let env = TestEnv::new();
        env.write("tree/real/a", "1");
        env.symlink("real", "tree/link");
        add(&env, "tar", &["sh", "-c", TAR]);
        // The link may be unpacked before what it leads to; nothing goes through it.
        assert_eq!(run(&env, "").code, Some(0));
        env.remove("tree/link");
        env.write("tree/link/a", "2");
        assert_ne!(run(&env, fail).code, Some(0));
        env.remove("tree/link");
        env.symlink("real", "tree/link");
        let last = run(&env, "");
        assert_eq!(last.code, Some(0), "{fail}: {}", last.stderr);
        assert_eq!(env.path("copy/link").read_link().unwrap().as_os_str(), "real", "{fail}");
        assert_eq!(env.read("copy/real/a"), b"1", "{fail}: deleted through the link");
    }
}

const RCLONE: &str =
    "rclone sync --links --ignore-times --no-unicode-normalization --files-from-raw \"$1\" tree copy || exit
    test \"$FAIL\" != after";

#[test]
fn rclone_is_refused_what_is_not_of_the_kind_any_more_that_a_failed_run_may_have_stored() {
    let Some(_) = program("rclone") else { return };
    let env = TestEnv::new();
    env.write("tree/k", "kept");
    add(&env, "rclone", &["sh", "-c", RCLONE, "sh", "{all}"]);
    assert_eq!(run(&env, "").code, Some(0));
    // A link that came and went, and a file that is a link now.
    env.symlink("k", "tree/x");
    env.write("tree/y", "file");
    run(&env, "after");
    env.remove("tree/x");
    env.write("tree/x", "file");
    let refused = run(&env, "");
    assert_eq!(refused.code, Some(125));
    assert!(refused.stderr.contains("x was a symlink and is a file now"), "{}", refused.stderr);
    assert_eq!(env.read("copy/k"), b"kept", "what no list named is as it was");
    env.remove("tree/x");
    env.remove("tree/y");
    env.symlink("k", "tree/y");
    assert!(run(&env, "").stderr.contains("y was a file and is a symlink now"));
    // What is gone is deleted as whatever it was stored.
    env.remove("tree/y");
    env.dir("tree/y");
    env.remove("tree/y");
    assert_eq!(run(&env, "").code, Some(0));
    assert_eq!(env.names("copy"), ["k"]);
}

#[test]
fn rsync_is_not_told_of_what_lay_below_something_that_is_gone() {
    let Some(_) = program("rsync") else { return };
    let env = TestEnv::new();
    env.write("tree/t", "file");
    env.write("tree/k", "");
    add(&env, "rsync", &["sh", "-c", RSYNC, "sh", "{all}"]);
    assert_eq!(run(&env, "").code, Some(0));
    env.remove("tree/t");
    env.write("tree/t/h", "below");
    run(&env, "after");
    env.remove("tree/t");
    assert_eq!(run(&env, "").code, Some(0), "24 would mean that something vanished");
    assert_eq!(env.names("copy"), ["k"]);
}
