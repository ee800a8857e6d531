//! What happened between the list and the run, what could not be read, and what is only suspect.

use super::{paths, program, script_code, shown};
use crate::testenv::TestEnv;

const RSYNC: &str = "rsync -aHI --modify-window=-1 --from0 --files-from=list --delete-missing-args --force tree/ copy/";
const RCLONE: &str = "rclone sync --ignore-times --files-from-raw list tree copy --config ''";

/// A list with a file that is there and one that vanished after the list was made.
fn with_vanished(format: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/gone", "old");
    env.write("tree/there", "old");
    env.dir("copy");
    env.snap("old.snap");
    env.write("copy/gone", "old");
    env.write("copy/there", "old");
    env.write("tree/gone", "new one");
    env.write("tree/there", "new one");
    env.snap("new.snap");
    env.run(["diff", "old.snap", "new.snap", "--emit", format, "-o", "list"]).success();
    env.remove("tree/gone");
    env
}

#[test]
fn a_mirror_forgets_a_file_that_vanished_after_the_list() {
    for (name, command) in [("rsync", RSYNC), ("rclone", RCLONE)] {
        if program(name).is_none() {
            continue;
        }
        let env = with_vanished(name);
        assert_eq!(script_code(&env, command), Some(0), "{name}");
        assert_eq!(
            (env.names("copy"), env.read("copy/there")),
            (vec!["there".to_owned()], b"new one".to_vec()),
            "{name}"
        );
    }
}

/// restic says it and goes on; for borg and tar the run did not succeed, and what it listed is listed again.
#[test]
fn an_archive_holds_the_rest_of_a_list_with_a_file_that_vanished() {
    for (name, code, command) in [
        ("restic", 0, "restic init -q -r repo && restic backup -q -r repo --files-from-raw list"),
        ("borg", 1, "borg init -e none repo && borg create --paths-from-stdin --paths-delimiter '\\0' repo::a <list"),
        ("tar", 2, "tar --create -C tree --no-recursion --null -T list -f x.tar"),
    ] {
        if program(name).is_none() {
            continue;
        }
        let env = with_vanished(name);
        assert_eq!(script_code(&env, command), Some(code), "{name}");
        let restored = match name {
            "restic" => "restic restore -q -r repo latest --target out",
            "borg" => "mkdir out && cd out && borg extract ../repo::a",
            _ => "mkdir out && tar -x -C out -f x.tar",
        };
        assert_eq!(script_code(&env, restored), Some(0), "{name}");
        let out = shown(&env.path("out"));
        let files: Vec<_> = out.iter().filter(|(_, is)| !is.content.is_empty()).map(|(path, _)| path).collect();
        assert!(files.len() == 1 && files[0].ends_with(b"there"), "{name}: {files:?}");
    }
}

/// What the pages and help texts say of an empty list.
#[test]
fn an_empty_list_does_with_each_program_what_is_said_of_it() {
    for (name, code, command) in [
        ("rsync", 0, RSYNC),
        ("rclone", 0, RCLONE),
        ("restic", 1, "restic init -q -r repo && restic backup -q -r repo --files-from-raw list"),
        ("borg", 0, "borg init -e none repo && borg create --paths-from-stdin --paths-delimiter '\\0' repo::a <list"),
        ("tar", 0, "tar --create -C tree --no-recursion --null -T list -f x.tar"),
    ] {
        if program(name).is_none() {
            continue;
        }
        let env = TestEnv::new();
        env.write("tree/new", "1");
        env.write("copy/kept", "2");
        env.write("list", "");
        assert_eq!(script_code(&env, command), Some(code), "{name}");
        assert_eq!(env.names("copy"), ["kept"], "{name}");
    }
}

#[test]
fn what_could_not_be_read_is_not_deleted_in_a_mirror() {
    for (name, command) in [("rsync", RSYNC), ("rclone", RCLONE)] {
        if program(name).is_none() {
            continue;
        }
        let env = TestEnv::new();
        env.write("tree/closed/a", "1");
        env.write("tree/closed/deep/b", "2");
        env.write("tree/open", "3");
        env.dir("out");
        env.chmod("out", 0o777);
        // Racy, so that all of it is suspect.
        env.run_as_nobody(&["snap", "tree", "-o", "out/old.snap", "-q", "--racy-window", "1h"]).success();
        for file in ["closed/a", "closed/deep/b", "open"] {
            env.write(format!("copy/{file}"), "old");
        }
        env.chmod("tree/closed", 0);
        env.write("tree/new", "4");
        for base in [&[][..], &["--base", "out/old.snap"]] {
            env.snap_as_nobody("new.snap", base);
            let run = env.run(["diff", "out/old.snap", "out/new.snap", "--emit", name, "-o", "list"]);
            assert_eq!(run.code, Some(3), "incomplete: {}", run.stderr);
            // What could not be read was not there at all when the program ran. Its owner may move it only if it is
            // open.
            env.chmod("tree/closed", 0o755);
            env.rename("tree/closed", "elsewhere");
            env.dir("tree/closed");
            assert_eq!(script_code(&env, command), Some(0), "{name}");
            env.remove("tree/closed");
            env.rename("elsewhere", "tree/closed");
            env.chmod("tree/closed", 0);
            assert_eq!(env.names("copy"), ["closed", "new", "open"], "{name}");
            assert_eq!(env.names("copy/closed"), ["a", "deep"], "{name}");
            assert_eq!(env.names("copy/closed/deep"), ["b"], "{name}");
            // Nothing is lost by it: what was suspect in there still is.
            env.chmod("tree/closed", 0o755);
            env.snap("newer.snap");
            env.run(["diff", "out/new.snap", "newer.snap", "--emit", name, "-o", "list"]).success();
            let list = String::from_utf8(env.read("list")).unwrap();
            assert!(list.contains("closed/a") && list.contains("closed/deep/b"), "{list}");
            env.remove("newer.snap");
            env.chmod("tree/closed", 0);
        }
    }
}

/// What docs/rclone.md says of directories.
#[test]
fn rclone_removes_a_directory_with_its_last_file_and_leaves_one_that_was_empty_before() {
    if program("rclone").is_none() {
        return;
    }
    let env = TestEnv::new();
    for name in ["kept", "gone/deep/file", "emptied/file"] {
        env.write(format!("tree/{name}"), "1");
        env.write(format!("copy/{name}"), "1");
    }
    env.snap("1.snap");
    let brought_up_to_date = |edit: &dyn Fn()| {
        edit();
        env.snap("2.snap");
        env.run(["diff", "1.snap", "2.snap", "--emit", "rclone", "-o", "list"]).success();
        env.rename("2.snap", "1.snap");
        script_code(&env, RCLONE)
    };
    let edit = || {
        env.remove("tree/gone");
        env.remove("tree/emptied/file");
    };
    assert_eq!(brought_up_to_date(&edit), Some(0));
    assert_eq!(env.names("copy"), ["emptied", "kept"]);
    assert_eq!(brought_up_to_date(&|| env.remove("tree/emptied")), Some(0));
    assert_eq!(env.names("copy"), ["emptied", "kept"]);
    let file = || drop(env.write("tree/emptied", "a file now"));
    assert_ne!(brought_up_to_date(&file), Some(0), "not in silence");
    assert_eq!(script_code(&env, "rclone rmdirs --leave-root copy --config ''"), Some(0));
    assert_eq!(script_code(&env, RCLONE), Some(0));
    assert_eq!(env.read("copy/emptied"), b"a file now");
}

#[test]
fn suspects_are_listed_for_every_program() {
    let env = TestEnv::new();
    env.write("tree/file", "1");
    env.run(["snap", "tree", "-o", "old.snap", "-q", "--racy-window", "1h"]).success();
    env.snap("new.snap");
    for format in ["rsync", "rclone", "restic", "borg", "tar"] {
        env.run(["diff", "old.snap", "new.snap", "--emit", format, "-o", "list"]).success();
        let list = env.read("list");
        let end = if format == "rclone" { b'\n' } else { 0 };
        assert!(list.split(|b| *b == end).any(|path| path.ends_with(b"file")), "{format}");
    }
}

#[test]
fn restic_is_told_of_a_new_directory_only_if_it_is_empty_with_what_is_left_out() {
    let env = TestEnv::new();
    env.write("tree/file", "1");
    env.write("tree/mode/kept", "1");
    env.write("tree/mode/left.tmp", "");
    env.snap_with("old.snap", &["--exclude", "*.tmp"]).success();
    env.write("tree/file", "2 and more");
    env.dir("tree/empty/deep");
    env.write("tree/filtered/x.tmp", "");
    env.chmod("tree/mode", 0o711);
    env.snap_with("new.snap", &["--exclude", "*.tmp"]).success();
    let run = env.run(["diff", "old.snap", "new.snap", "--emit", "restic", "-o", "list"]);
    let listed: Vec<_> = paths(&env, "list").iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    assert_eq!(listed, ["tree/empty/deep", "tree/file"].map(|name| env.path(name).to_str().unwrap().to_owned()));
    assert_eq!(run.code, Some(0));
    assert_eq!(
        run.stderr,
        "fastdiff: note: 2 directories are new or changed in owner or mode, and nothing below is listed: restic cannot take a directory alone\n"
    );
}
