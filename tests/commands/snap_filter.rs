//! `snap`: what is left out, by patterns, by tags and by marker files, and that it is not entered.

use std::io::Write as _;
use std::process::Stdio;

use crate::testenv::{TestEnv, shown, skip};

/// The paths below `tree` that a snapshot holds.
#[track_caller]
fn paths(env: &TestEnv, snapshot: &str) -> Vec<String> {
    let tree = format!("{}/", env.path("tree").display());
    let paths = shown(env, snapshot).into_keys().map(|path| String::from_utf8(path).unwrap());
    paths.filter_map(|path| path.strip_prefix(&tree).map(str::to_owned)).collect()
}

/// Whether a line is a warning about patterns.
pub(super) fn is_about_patterns(line: &str) -> bool {
    let ends = [" matched nothing: ", " (If not, write ", "leave out everything below the roots", " to include again"];
    line.starts_with("fastdiff: warning: ") && ends.iter().any(|text| line.contains(text))
}

/// What is left of `tree` with these arguments; both walkers must agree.
#[track_caller]
fn left(env: &TestEnv, args: &[&str]) -> Vec<String> {
    let of = |walker: &str| {
        let run = env.snap_with("a.snap", &[args, &["--walker", walker]].concat());
        assert!(run.code == Some(0) && run.stderr.lines().all(is_about_patterns), "{walker}: {}", run.stderr);
        paths(env, "a.snap")
    };
    let native = of("native");
    assert_eq!(native, of("portable"), "native and portable");
    native
}

#[test]
fn patterns_are_those_of_gitignore_relative_to_the_root() {
    let env = TestEnv::new();
    for file in ["a.tmp", "b", "sub/c.tmp", "sub/d", "build/e", "sub/build/f", "cache", "sub/cache/g", "x/y/z/h"] {
        env.write(format!("tree/{file}"), "");
    }
    env.symlink("sub", "tree/sub-link");
    let all = left(&env, &[]);
    assert_eq!(all.len(), 17, "{all:?}");
    let without = |gone: &[&str]| -> Vec<_> { all.iter().filter(|p| !gone.contains(&p.as_str())).cloned().collect() };
    for (pattern, gone) in [
        ("*.tmp", &["a.tmp", "sub/c.tmp"][..]),
        ("/*.tmp", &["a.tmp"]),
        ("build", &["build", "build/e", "sub/build", "sub/build/f"]),
        ("/build/", &["build", "build/e"]),
        ("cache/", &["sub/cache", "sub/cache/g"]),
        ("sub/c.tmp", &["sub/c.tmp"]),
        ("c.tmp/", &[]),
        ("x/**/h", &["x/y/z/h"]),
        ("sub*/", &["sub", "sub/c.tmp", "sub/d", "sub/build", "sub/build/f", "sub/cache", "sub/cache/g"]),
        ("[ab]*", &["a.tmp", "b", "build", "build/e", "sub/build", "sub/build/f"]),
        ("tree", &[]),
    ] {
        assert_eq!(left(&env, &["--exclude", pattern]), without(gone), "{pattern}");
    }
}

#[test]
fn what_git_takes_literally_is_taken_literally() {
    let env = TestEnv::new();
    for file in ["a", "b", "{a,b}", "{a", "x!", "(c)", "$d", "e\\f", "d/g", "dxg"] {
        env.write(format!("tree/{file}"), "");
    }
    let all = left(&env, &[]);
    for (pattern, gone) in [
        ("{a,b}", &["{a,b}"][..]),
        ("{a", &["{a"]),
        ("\\{a", &["{a"]),
        ("x\\!", &["x!"]),
        ("(c)", &["(c)"]),
        ("$d", &["$d"]),
        ("e\\\\f", &["e\\f"]),
        ("d?g", &["dxg"]),
        ("d[/x]g", &["dxg"]),
        ("d[!y]g", &["dxg"]),
    ] {
        let expected: Vec<_> = all.iter().filter(|p| !gone.contains(&p.as_str())).cloned().collect();
        assert_eq!(left(&env, &["--exclude", pattern]), expected, "{pattern}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() {
    let env = TestEnv::new();
    for file in ["a.tmp", "keep.tmp", "sub/keep.tmp", "gone/keep.tmp"] {
        env.write(format!("tree/{file}"), "");
    }
    let args = ["--exclude", "*.tmp", "--exclude", "!keep.tmp", "--exclude", "/gone"];
    assert_eq!(left(&env, &args), ["keep.tmp", "sub", "sub/keep.tmp"], "nothing below what is left out comes back");
    let args = ["--exclude", "!keep.tmp", "--exclude", "*.tmp"];
    assert_eq!(left(&env, &args), ["gone", "sub"]);
}

#[test]
fn patterns_from_files_and_arguments_keep_the_order_in_which_they_are_given() {
    let env = TestEnv::new();
    for file in ["a.tmp", "b.tmp", "c"] {
        env.write(format!("tree/{file}"), "");
    }
    env.write("keep", "# a comment\n\n!*.tmp\r\n");
    let (exclude, from) = (["--exclude", "*.tmp"], ["--exclude-from", "keep"]);
    assert_eq!(left(&env, &[exclude, from].concat()), ["a.tmp", "b.tmp", "c"]);
    assert_eq!(left(&env, &[from, exclude].concat()), ["c"]);
    let between = [&exclude[..], &from, &["--exclude", "b.*"]].concat();
    assert_eq!(left(&env, &between), ["a.tmp", "c"]);
}

#[test]
fn patterns_may_come_from_standard_input() {
    let env = TestEnv::new();
    env.write("tree/a.tmp", "");
    env.write("tree/b", "");
    let mut command = env.command();
    command.args(["snap", "tree", "-o", "a.snap", "-q", "--exclude-from", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"*.tmp\n").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(paths(&env, "a.snap"), ["b"]);
}

#[test]
fn bad_patterns_are_named_with_where_they_stand() {
    let env = TestEnv::new();
    env.write("patterns", "*.o\n[a\n");
    env.write("not-text", b"\xff\xfe\n");
    for pattern in ["[a", "[z-a]", "[[:alpha:]]", "", " ", "# only a comment"] {
        let error = env.run(["snap", "tree", "-o", "a.snap", "--exclude", pattern]).failure(2);
        assert!(error.contains(&format!("exclude pattern {pattern:?}: ")), "{error}");
    }
    let from = |file| env.run(["snap", "tree", "-o", "a.snap", "--exclude-from", file]).failure(2);
    assert!(from("patterns").contains("exclude pattern \"[a\" in patterns, line 2: "));
    assert!(from("missing").contains("--exclude-from missing: "));
    assert!(from("not-text").contains("--exclude-from not-text: "));
    assert!(from("tree").contains("--exclude-from tree: "));
    assert_eq!(env.names(""), ["not-text", "patterns", "tree"]);
}

#[test]
fn a_directory_that_is_left_out_is_not_entered() {
    let env = TestEnv::new();
    env.write("tree/secret/file", "");
    env.write("tree/open/.nobackup", "");
    env.write("tree/open/secret/file", "");
    env.chmod("tree/secret", 0);
    env.chmod("tree/open/secret", 0);
    env.write("tree/kept", "");
    for walker in ["native", "portable"] {
        let run = env.snap_as_nobody("a.snap", &["--walker", walker]);
        assert_eq!(run.code, Some(3), "without a filter it is noticed: {}", run.stderr);
        for filter in [["--exclude", "secret"], ["--exclude", "secret/"]] {
            let args = [&["--walker", walker], &filter[..]].concat();
            assert_eq!(env.snap_as_nobody("a.snap", &args).success(), "", "{walker} {filter:?}");
        }
        let args = ["--walker", walker, "--exclude", "/secret", "--exclude-if-present", ".nobackup"];
        assert_eq!(env.snap_as_nobody("a.snap", &args).success(), "", "{walker}: nothing below a marked directory");
    }
    assert_eq!(paths(&env, "out/a.snap"), ["kept"]);
    env.chmod("tree/secret", 0o755);
    env.chmod("tree/open/secret", 0o755);
}

const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55";

#[test]
fn only_directories_with_a_valid_tag_are_caches() {
    let env = TestEnv::new();
    let tag = |dir: &str, content: &str| env.write(format!("tree/{dir}/CACHEDIR.TAG"), content);
    tag("valid", TAG);
    tag("valid-with-more", &format!("{TAG}\n# This file is a cache directory tag.\n"));
    env.write("tree/valid/deep/er/file", "");
    tag("short", &TAG[..42]);
    tag("wrong", &TAG.replace('8', "9"));
    tag("indented", &format!(" {TAG}"));
    tag("empty", "");
    env.dir("tree/directory/CACHEDIR.TAG");
    env.fifo("tree/fifo/CACHEDIR.TAG");
    env.write("tag", TAG);
    env.symlink("../../tag", "tree/symlink/CACHEDIR.TAG");
    env.symlink("nowhere", "tree/broken/CACHEDIR.TAG");
    env.write("tree/other-name/cachedir.tag", TAG);
    let names: Vec<_> = left(&env, &["--exclude-caches"]).into_iter().filter(|p| !p.contains('/')).collect();
    let kept = ["broken", "directory", "empty", "fifo", "indented", "other-name", "short", "symlink", "wrong"];
    assert_eq!(names, kept);
    assert!(left(&env, &[]).contains(&"valid/deep/er/file".to_owned()));
}

#[test]
fn a_tag_that_cannot_be_read_keeps_its_directory_and_warns() {
    let env = TestEnv::new();
    env.write("tree/cache/CACHEDIR.TAG", TAG);
    env.chmod("tree/cache/CACHEDIR.TAG", 0);
    for walker in ["native", "portable"] {
        let run = env.snap_as_nobody("a.snap", &["--exclude-caches", "--walker", walker]);
        assert_eq!(run.code, Some(0), "everything was recorded: {}", run.stderr);
        assert_eq!(
            run.stderr.lines().collect::<Vec<_>>(),
            [
                "fastdiff: warning: cannot read [ROOT]/tree/cache/CACHEDIR.TAG: Permission denied (os error 13) (its directory is kept)"
            ],
            "{walker}"
        );
        assert_eq!(paths(&env, "out/a.snap"), ["cache", "cache/CACHEDIR.TAG"]);
    }
}

#[test]
fn a_directory_with_a_marker_of_any_kind_is_left_out_whole() {
    let env = TestEnv::new();
    env.write("tree/a/.nobackup", "");
    env.write("tree/a/deep/er/file", "");
    env.dir("tree/b/.nobackup");
    env.symlink("nowhere", "tree/c/.nobackup");
    env.fifo("tree/d/.skip");
    env.write("tree/e/deep/.skip", "");
    env.write("tree/e/nobackup", "");
    let args = ["--exclude-if-present", ".nobackup", "--exclude-if-present", ".skip"];
    assert_eq!(left(&env, &args), ["e", "e/nobackup"]);
    assert_eq!(left(&env, &["--exclude-if-present", ".skip"]).len(), 11);
}

#[test]
fn the_root_itself_is_never_left_out() {
    let env = TestEnv::new();
    env.write("tree/CACHEDIR.TAG", TAG);
    env.write("tree/.nobackup", "");
    let args = ["--exclude-caches", "--exclude-if-present", ".nobackup", "--exclude", "tree"];
    assert_eq!(left(&env, &args), [".nobackup", "CACHEDIR.TAG"]);
}

#[test]
fn a_marker_that_is_excluded_itself_still_marks() {
    let env = TestEnv::new();
    env.write("tree/a/.nobackup", "");
    env.write("tree/b/.other", "");
    let args = ["--exclude", ".*", "--exclude-if-present", ".nobackup"];
    assert_eq!(left(&env, &args), ["b"]);
}

#[test]
fn a_byte_order_mark_and_blanks_at_the_beginning_are_as_git_has_them() {
    let env = TestEnv::new();
    for name in ["a.x", "b.y", " #z", "c"] {
        env.write(format!("tree/{name}"), "");
    }
    env.write("patterns", "\u{feff}*.x\n*.y\n #z\n");
    assert_eq!(left(&env, &["--exclude-from", "patterns"]), ["c"]);
    assert_eq!(left(&env, &["--exclude", " #z", "--exclude", "*.?"]), ["c"]);
}

#[test]
fn a_marker_name_with_a_slash_is_a_usage_error() {
    let env = TestEnv::new();
    for name in ["a/b", ""] {
        let run = env.run(["snap", "tree", "-o", "a.snap", "--exclude-if-present", name]);
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains("without a slash"), "{}", run.stderr);
    }
}

#[test]
fn names_that_are_not_utf_8_can_be_left_out() {
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnv::new();
    let name = std::ffi::OsStr::from_bytes(b"tree/\xff.tmp");
    if std::fs::write(env.path(name), "").is_err() {
        return skip("this file system takes no names but UTF-8");
    }
    env.write("tree/kept", "");
    assert_eq!(left(&env, &["--exclude", "*.tmp"]), ["kept"]);
}
