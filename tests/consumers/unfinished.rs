//! Runs of a job whose program fails before, after or in the middle of its work: what they listed is listed again, and the next
//! run that succeeds makes the copy equal.

use super::{Edited, ROUNDS, program};
use crate::properties::names::any_name;

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

/// Rounds of edits, in which two of three runs fail somewhere.
fn rounds(consumer: &str, command: &[&str], with_root: bool) {
    let mut edited = Edited::linking_files_only(any_name());
    edited.env.dir("copy");
    let run = |edited: &Edited, args: &[&str], fail: &str| {
        edited.env.settle();
        let mut command = edited.env.command();
        command.args(args).env("FASTDIFF_STATE_DIR", edited.env.path("state"));
        command.env("FASTDIFF_CONFIG", edited.env.path("fastdiff.toml")).env("PATH", "/usr/bin:/bin").env("FAIL", fail);
        edited.env.finish(&mut command)
    };
    let add = ["job", "add", "mirror", "tree", "--consumer", consumer, "--"];
    run(&edited, &[&add[..], command].concat(), "").success();
    // Until a first run succeeded every list is a full one, which names nothing that is gone.
    run(&edited, &["run", "mirror", "--racy-window", "0", "-q"], "");
    for round in 0..ROUNDS {
        edited.edit_only();
        for fail in ["before", "after", "between", ""] {
            let run = run(&edited, &["run", "mirror", "--racy-window", "0", "-q"], fail);
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
