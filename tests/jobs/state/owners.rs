//! Whose the state and the definitions are: root leaves those of another user alone, and what replaces a file belongs
//! to whom the file belonged.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;

use super::Jobs;
use crate::testenv::{Run, TestEnv, is_root, skip};

/// Who uses sudo.
const ADA: u32 = 54_321;

/// As root with the home of another user, which is what sudo does on many systems.
fn with_home(env: &TestEnv, args: &[&str]) -> Run {
    let mut command = env.command();
    env.finish(command.env("HOME", env.path("ada")).env("PATH", "/usr/bin:/bin").args(args))
}

/// The names below a directory with the numbers of their owners.
fn owners(env: &TestEnv, dir: &str) -> Vec<(String, u32)> {
    let mut found = vec![(dir.to_owned(), fs::symlink_metadata(env.path(dir)).unwrap().uid())];
    if env.path(dir).is_dir() {
        for name in env.names(dir) {
            found.extend(owners(env, &format!("{dir}/{name}")));
        }
    }
    found
}

fn give_to_ada(env: &TestEnv, dir: &str) {
    for (name, _) in owners(env, dir) {
        chown(env.path(name), Some(ADA), Some(ADA)).unwrap();
    }
}

#[test]
fn root_with_the_home_of_another_user_makes_nothing_there() {
    if !is_root() {
        return skip("only root can act in the home of another user");
    }
    let env = TestEnv::new();
    env.dir("ada");
    give_to_ada(&env, "ada");
    let root = env.path("tree");
    let line = with_home(&env, &["job", "add", "j", root.to_str().unwrap()]).failure(2);
    assert_eq!(
        line,
        "fastdiff: error: [ROOT]/ada/.local/state/fastdiff: lies in [ROOT]/ada, which belongs to user 54321, and user 0 \
         runs fastdiff; for jobs of root's own use `sudo -H`, or name places of root's own with --state-dir and \
         --config; for those of that user run fastdiff as that user"
    );
    assert_eq!(env.names("ada"), [""; 0]);
    // Each of the two ways out.
    let state = ["--state-dir", "state"];
    let line = with_home(&env, &[&["job", "add", "j", "tree"][..], &state].concat()).failure(2);
    assert!(line.contains("/ada/.config/fastdiff/fastdiff.toml: lies in [ROOT]/ada, which belongs to user"), "{line}");
    let both = [&state[..], &["--config", "fastdiff.toml"]].concat();
    with_home(&env, &[&["job", "add", "j", "tree"][..], &both].concat()).success();
    env.dir("root");
    let mut own = env.command();
    env.finish(own.env("HOME", env.path("root")).args(["job", "add", "j", "tree"])).success();
    assert_eq!(env.names("ada"), [""; 0]);
}

#[test]
fn root_leaves_the_jobs_of_another_user_alone() {
    if !is_root() {
        return skip("only root can act in the home of another user");
    }
    let env = TestEnv::new();
    env.dir("ada");
    env.chmod("ada", 0o755);
    let place = ["--state-dir", "ada/state", "--config", "ada/jobs.toml"];
    env.run([&["job", "add", "j", "tree", "--consumer", "paths"][..], &place, &["--", "true"]].concat()).success();
    assert_eq!(env.run([&["run", "j", "-q"][..], &place].concat()).code, Some(0));
    give_to_ada(&env, "ada");
    let before = owners(&env, "ada");
    for args in [
        &["run", "j"][..],
        &["begin", "j"],
        &["commit", "j"],
        &["abort", "j"],
        &["status", "j"],
        &["log", "j"],
        &["job", "list"],
        &["job", "show", "j"],
        &["job", "add", "k", "tree"],
        &["job", "remove", "j"],
    ] {
        let both = env.run([args, &place].concat());
        assert!(both.stderr.contains(": belongs to user 54321, and user 0 runs fastdiff; for jobs of"), "{both:?}");
        let definitions = env.run([args, &["--state-dir", "state"], &place[2..]].concat());
        assert_ne!(definitions.code, Some(0), "{args:?}");
        assert!(definitions.stderr.contains("ada/jobs.toml: belongs to user 54321"), "{definitions:?}");
    }
    assert_eq!(owners(&env, "ada"), before, "nothing became root's");
    // A definition that is root's in a directory that is not can be exchanged there.
    chown(env.path("ada/jobs.toml"), Some(0), Some(0)).unwrap();
    let line = env.run(["job", "list", "--state-dir", "state", "--config", "ada/jobs.toml"]).failure(2);
    assert!(line.contains("ada/jobs.toml: lies in [ROOT]/ada, which belongs to user 54321"), "{line}");
}

#[test]
fn definitions_that_are_replaced_keep_their_owner_and_mode() {
    if !is_root() {
        return skip("only root can make what belongs to another user");
    }
    // A file that a group shares: whoever is in it may write to the directory.
    let env = TestEnv::new();
    let shared = env.dir("shared");
    let file = env.write("shared/jobs.toml", "# ours\n");
    chown(&shared, Some(0), Some(ADA)).unwrap();
    env.chmod("shared", 0o775);
    chown(&file, Some(0), Some(ADA)).unwrap();
    env.chmod("shared/jobs.toml", 0o664);
    env.dir("home");
    chown(env.path("home"), Some(ADA), Some(ADA)).unwrap();
    let as_ada = |args: &[&str]| {
        let mut command = env.command_as_nobody();
        command.uid(ADA).gid(ADA).env("HOME", env.path("home"));
        env.finish(command.args(args).args(["--config", "shared/jobs.toml"]))
    };
    // She cannot give a file to root.
    let line = as_ada(&["job", "add", "j", "tree"]).failure(2);
    assert_eq!(
        line,
        "fastdiff: error: cannot write [ROOT]/shared/jobs.toml: it belongs to user 0, and would belong to user 54321 \
         afterwards; run this as that user, or name another file with --config"
    );
    assert_eq!(env.read("shared/jobs.toml"), b"# ours\n");
    assert_eq!(env.names("shared"), ["jobs.toml"]);
    // Root keeps the group.
    env.run(["job", "add", "j", "tree", "--config", "shared/jobs.toml", "--state-dir", "state"]).success();
    let now = fs::metadata(&file).unwrap();
    assert_eq!((now.uid(), now.gid(), now.mode() & 0o7777), (0, ADA, 0o664));
    assert_eq!(as_ada(&["job", "list"]).success().lines().count(), 2, "definitions of root's are fine");
}

#[test]
fn a_state_that_sudo_made_says_how_to_get_it_back() {
    if !is_root() {
        return skip("only root can make what belongs to another user");
    }
    let jobs = Jobs::new();
    jobs.settle();
    let mut command = jobs.env.command_as_nobody();
    command.args(["run", "j", "--state-dir"]).arg(jobs.env.path("state")).args(["--config", "fastdiff.toml"]);
    let line = jobs.env.finish(&mut command).failure(125);
    assert_eq!(
        line,
        "fastdiff: error: [ROOT]/state: belongs to user 0, and user 65534 runs fastdiff; if `sudo fastdiff` made it, \
         `sudo chown -R 65534 [ROOT]/state` gives it back; else name another place with --state-dir"
    );
}
