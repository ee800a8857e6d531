//! `show`: the entries of a snapshot, for people and as JSON.

use std::os::unix::ffi::OsStrExt as _;

use crate::testenv::TestEnv;

/// A tree in which every field but owners and inodes is fixed.
fn small_tree() -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/dir/file", "12345");
    env.set_mtime("tree/dir/file", 1_000_000_000);
    env.write("tree/dir/tool", "");
    env.chmod("tree/dir/tool", 0o4755);
    env.set_mtime("tree/dir/tool", 0);
    env.write("tree/größe\n", "");
    env.set_mtime("tree/größe\n", 4_102_444_800);
    env.symlink("dir", "tree/link");
    env.snap("a.snap");
    env
}

/// Kind, mode, size and time of regular files. For other entries kind, mode and path.
fn redacted(listed: &str) -> String {
    let line = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [mode, _owner, size, time, path @ ..] = &fields[..] else { panic!("{line}") };
        let path = path.join(" ");
        if mode.starts_with('-') { format!("{mode} {size} {time} {path}") } else { format!("{mode} … {path}") }
    };
    listed.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn all_entries_are_listed_in_tree_order() {
    let env = small_tree();
    insta::assert_snapshot!(redacted(&env.run(["show", "a.snap"]).success()), @r#"
    drwxr-xr-x … [ROOT]/tree
    drwxr-xr-x … [ROOT]/tree/dir
    -rw-r--r-- 5 2001-09-09T01:46:40.000000000Z [ROOT]/tree/dir/file
    -rwsr-xr-x 0 1970-01-01T00:00:00.000000000Z [ROOT]/tree/dir/tool
    -rw-r--r-- 0 2100-01-01T00:00:00.000000000Z "[ROOT]/tree/gr\303\266\303\237e\n"
    lrwxrwxrwx … [ROOT]/tree/link
    "#);
}

#[test]
fn the_columns_of_a_list_stand_below_each_other() {
    let env = small_tree();
    let listed = env.run(["show", "a.snap"]).success();
    let places: std::collections::BTreeSet<_> = listed.lines().map(|l| l.find("[ROOT]")).collect();
    let quoted = listed.lines().find_map(|l| l.find("\"[ROOT]"));
    assert_eq!(places.len(), 2, "{listed}");
    assert!(places.contains(&quoted.map(|at| at + 1)), "{listed}");
}

#[test]
fn one_path_is_listed_with_what_lies_below_it() {
    let env = small_tree();
    let absolute = env.path("tree/dir");
    for path in [absolute.to_str().unwrap(), "tree/dir", "tree/dir/", "./tree/../tree/dir"] {
        let listed = env.run(["show", "a.snap", path]).success();
        let paths: Vec<_> = listed.lines().map(|l| l.split_whitespace().last().unwrap()).collect();
        assert_eq!(paths, ["[ROOT]/tree/dir", "[ROOT]/tree/dir/file", "[ROOT]/tree/dir/tool"], "{path}");
    }
    assert_eq!(env.run(["show", "a.snap", "tree/dir/file"]).success().lines().count(), 1);
    assert_eq!(env.run(["show", "a.snap", "tree"]).success(), env.run(["show", "a.snap"]).success());
    assert_eq!(env.run(["show", "a.snap", "tree/größe\n"]).success().lines().count(), 1);
}

#[test]
fn a_relative_path_is_taken_from_here_or_else_from_a_root() {
    let env = small_tree();
    env.write("two/dir/other", "");
    env.run(["snap", "tree", "two", "-o", "both.snap", "-q"]).success();
    let show = |snap: &str, path: &str| {
        let run = env.run(["show", snap, path]);
        let path = |line: &str| line.trim_end_matches("  [racy]").split_whitespace().last().unwrap().to_owned();
        (run.code == Some(0)).then(|| path(run.stdout.trim_end())).ok_or(run.stderr)
    };
    for path in ["dir/file", "./dir/../dir/file", "tree/dir/file"] {
        assert_eq!(show("a.snap", path).as_deref(), Ok("[ROOT]/tree/dir/file"), "{path}");
    }
    assert_eq!(show("both.snap", "dir/other").as_deref(), Ok("[ROOT]/two/dir/other"));
    let error = show("both.snap", "dir").unwrap_err();
    assert!(error.contains("dir may be [ROOT]/tree/dir or [ROOT]/two/dir; name one of them"), "{error}");
    let error = show("a.snap", "dir/nothing").unwrap_err();
    let says = "snapshot a.snap holds no entry [ROOT]/dir/nothing, and no dir/nothing below a root";
    assert!(error.contains(says), "{error}");
}

#[test]
fn the_last_day_of_the_year_9999_is_a_time_like_others() {
    let env = small_tree();
    let file = std::fs::File::options().write(true).open(env.path("tree/dir/file")).unwrap();
    let last = std::time::UNIX_EPOCH + std::time::Duration::from_hours(70_389_504);
    if file.set_modified(last).is_err() || file.metadata().unwrap().modified().unwrap() != last {
        return crate::testenv::skip("this file system stores no time so far ahead");
    }
    env.snap("a.snap");
    let listed = env.run(["show", "a.snap", "tree/dir/file"]).success();
    assert!(listed.contains(" 9999-12-31T00:00:00.000000000Z "), "{listed}");
}

#[test]
fn a_path_that_is_not_there_is_an_error_with_its_name() {
    let env = small_tree();
    for path in ["tree/missing", "tree/dir/file/below", "/", "tree-2", "tree/di", "tree/link/file"] {
        let error = env.run(["show", "a.snap", path]).failure(2);
        assert!(error.contains("snapshot a.snap holds no entry "), "{error}");
        let error = env.run(["show", "a.snap", path, "--json"]).failure(2);
        assert!(path == "/" || error.contains(&format!("holds no entry [ROOT]/{path}, and ")), "{error}");
    }
}

#[test]
fn json_has_the_fields_of_each_entry() {
    let env = small_tree();
    let listed = env.run(["show", "a.snap", "tree/dir/tool", "--json"]).success();
    let value: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["ctime", "gid", "inode", "kind", "mode", "mtime", "nlink", "path", "size", "uid"]);
    assert_eq!(value["path"], "[ROOT]/tree/dir/tool");
    assert_eq!(value["kind"], "file");
    assert_eq!(value["mode"], "4755");
    assert_eq!(value["size"], 0);
    assert_eq!(value["nlink"], 1);
    assert_eq!(value["mtime"], "1970-01-01T00:00:00.000000000Z");
    assert!(value["inode"].is_string(), "numbers above 2^53 would not survive");
}

#[test]
fn what_the_scan_has_to_say_of_an_entry_is_shown() {
    let env = TestEnv::new();
    env.write("tree/closed/file", "");
    env.write("tree/half/file", "");
    assert_eq!(env.snap_as_nobody("base.snap", &[]).success(), "");
    env.chmod("tree/closed", 0);
    env.chmod("tree/half", 0o444);
    env.settle();
    let snap = |more: &[&str]| {
        let args = [&["snap", "tree", "-o", "out/a.snap", "--racy-window", "1h", "-q"], more].concat();
        assert_eq!(env.run_as_nobody(&args).code, Some(3));
        let listed = env.run(["show", "out/a.snap"]).success();
        listed.lines().map(|l| l.split_once("[ROOT]/").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        snap(&[]),
        ["tree  [racy]", "tree/closed  [racy, unlisted]", "tree/half  [racy]", "tree/half/file  [unknown]"]
    );
    assert_eq!(
        snap(&["--base", "out/base.snap"]),
        [
            "tree  [racy]",
            "tree/closed  [racy, unlisted, from the base]",
            "tree/closed/file",
            "tree/half  [racy]",
            "tree/half/file  [unknown, from the base]"
        ]
    );
    let listed = env.run(["show", "out/a.snap", "tree/closed", "--json"]).success();
    assert!(listed.lines().next().unwrap().ends_with(r#""flags":["racy","unlisted","carried"]}"#), "{listed}");
}

#[test]
fn names_cannot_command_the_terminal() {
    let env = TestEnv::new();
    env.write(std::path::Path::new("tree").join(std::ffi::OsStr::from_bytes(b"\x1b]0;\x07\xff\n")), "");
    env.snap("a.snap");
    let listed = env.run(["show", "a.snap"]).success();
    assert!(listed.ends_with(" \"[ROOT]/tree/\\033]0;\\a\\377\\n\"\n"), "{listed}");
}
