//! `diff --emit`: each form of the same list, byte for byte.

use crate::testenv::TestEnv;

/// Two snapshots with every letter but `U` between them.
fn every_letter() -> TestEnv {
    let env = TestEnv::new();
    let old = |file: &str, content: &str| {
        env.write(format!("tree/{file}"), content);
        env.set_mtime(format!("tree/{file}"), 1_000_000_000);
    };
    old("edited", "12345");
    old("removed", "123");
    old("swapped", "1");
    old("renamed", "12");
    old("chmodded", "");
    old("dir/inside", "1234");
    old("doubtful", "");
    old("sub/gone/file", "1");
    env.symlink("edited", "tree/link");
    // Only this one is young.
    env.snap("quiet.snap");
    env.snap("a.snap");
    old("edited", "123456");
    env.remove("tree/removed");
    env.remove("tree/swapped");
    old("swapped/below", "x");
    env.rename("tree/renamed", "tree/new name");
    env.chmod("tree/chmodded", 0o600);
    env.rename("tree/dir", "tree/folder");
    old("added", "1234567");
    old("nl\n\u{1b}", "");
    old("größe", "");
    env.remove("tree/sub/gone");
    env.snap("b.snap");
    env
}

fn diff(env: &TestEnv, args: &[&str]) -> String {
    env.run(["diff", "a.snap", "b.snap"].iter().chain(args)).success()
}

/// Leaves out which fields of directories changed: that differs between file systems.
fn without_directory_fields(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix("M  ").and_then(|l| l.split_once("/  (")) {
        Some((path, _)) => format!("M  {path}/  (…)\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn name_status_is_a_letter_a_tab_and_a_quoted_path() {
    let env = every_letter();
    insta::assert_snapshot!(diff(&env, &["--emit", "name-status"]).replace('\t', "<tab>"), @r#"
    M<tab>[ROOT]/tree
    A<tab>[ROOT]/tree/added
    M<tab>[ROOT]/tree/chmodded
    M<tab>[ROOT]/tree/edited
    R<tab>[ROOT]/tree/dir<tab>[ROOT]/tree/folder
    A<tab>"[ROOT]/tree/gr\303\266\303\237e"
    R<tab>[ROOT]/tree/renamed<tab>[ROOT]/tree/new name
    A<tab>"[ROOT]/tree/nl\n\033"
    D<tab>[ROOT]/tree/removed
    M<tab>[ROOT]/tree/sub
    D<tab>[ROOT]/tree/sub/gone
    D<tab>[ROOT]/tree/sub/gone/file
    T<tab>[ROOT]/tree/swapped
    A<tab>[ROOT]/tree/swapped/below
    "#);
}

#[test]
fn name_status_with_nul_is_raw() {
    let env = every_letter();
    let raw = diff(&env, &["--emit", "name-status", "-z", "--relative"]);
    assert!(!raw.contains('\t'));
    insta::assert_snapshot!(raw.replace('\n', "<newline>").replace('\u{1b}', "<escape>").replace('\0', "<nul>\n"), @r#"
    M<nul>
    .<nul>
    A<nul>
    added<nul>
    M<nul>
    chmodded<nul>
    M<nul>
    edited<nul>
    R<nul>
    dir<nul>
    folder<nul>
    A<nul>
    größe<nul>
    R<nul>
    renamed<nul>
    new name<nul>
    A<nul>
    nl<newline><escape><nul>
    D<nul>
    removed<nul>
    M<nul>
    sub<nul>
    D<nul>
    sub/gone<nul>
    D<nul>
    sub/gone/file<nul>
    T<nul>
    swapped<nul>
    A<nul>
    swapped/below<nul>
    "#);
}

#[test]
fn paths_are_what_to_look_at() {
    let env = every_letter();
    let raw = diff(&env, &["--emit", "paths", "-z", "--relative"]);
    insta::assert_snapshot!(raw.replace('\n', "<newline>").replace('\u{1b}', "<escape>").replace('\0', "\n"), @r#"
    .
    added
    chmodded
    edited
    folder
    größe
    new name
    nl<newline><escape>
    sub
    swapped
    swapped/below
    "#);
}

#[test]
fn paths_without_nul_refuse_a_name_with_a_newline() {
    let env = every_letter();
    let error = env.run(["diff", "a.snap", "b.snap", "--emit", "paths"]).failure(3);
    insta::assert_snapshot!(error, @r#"
    fastdiff: error: no list for paths: "[ROOT]/tree/nl\n\u{1b}" holds a newline, and the list has one name on each line; use -z, or the form json
    "#);
    env.remove("tree/nl\n\u{1b}");
    env.snap("b.snap");
    let list = diff(&env, &["--emit", "paths"]);
    assert!(list.contains("[ROOT]/tree/größe\n") && list.contains("[ROOT]/tree/new name\n"), "{list}");
}

#[test]
fn a_removed_name_with_a_newline_does_not_stop_paths() {
    let env = TestEnv::new();
    env.write("tree/a\nb", "");
    env.snap("a.snap");
    env.remove("tree/a\nb");
    env.write("tree/c", "");
    env.snap("b.snap");
    assert_eq!(diff(&env, &["--emit", "paths", "--relative"]), ".\nc\n");
}

#[test]
fn text_is_for_people() {
    let env = every_letter();
    insta::assert_snapshot!(without_directory_fields(&diff(&env, &[])), @r#"
    M  [ROOT]/tree/  (…)
    A  [ROOT]/tree/added  (7 B)
    M  [ROOT]/tree/chmodded  (metadata: ctime, mode)
    M  [ROOT]/tree/edited  (size, ctime)
    R  [ROOT]/tree/dir/ → [ROOT]/tree/folder/
    A  [ROOT]/tree/größe  (0 B)
    R  [ROOT]/tree/renamed → [ROOT]/tree/new name
    A  "[ROOT]/tree/nl\n\033"  (0 B)
    D  [ROOT]/tree/removed
    M  [ROOT]/tree/sub/  (…)
    D  [ROOT]/tree/sub/gone/
    D  [ROOT]/tree/sub/gone/file
    T  [ROOT]/tree/swapped/  (file → directory)
    A  [ROOT]/tree/swapped/below  (1 B)

    4 added: 4 files, 8 B
    4 modified: 2 files, 2 directories, 6 B; 1 of them in their metadata alone
    3 removed: 2 files, 1 directory, 4 B
    1 changed kind: 1 directory
    2 renamed: 1 file, 1 directory, 2 B
    "#);
}

#[test]
fn text_without_renames_lists_both_sides() {
    let env = every_letter();
    insta::assert_snapshot!(without_directory_fields(&diff(&env, &["--no-renames", "--relative"])), @r#"
    M  ./  (…)
    A  added  (7 B)
    M  chmodded  (metadata: ctime, mode)
    D  dir/
    D  dir/inside
    M  edited  (size, ctime)
    A  folder/
    A  folder/inside  (4 B)
    A  größe  (0 B)
    A  new name  (2 B)
    A  "nl\n\033"  (0 B)
    D  removed
    D  renamed
    M  sub/  (…)
    D  sub/gone/
    D  sub/gone/file
    T  swapped/  (file → directory)
    A  swapped/below  (1 B)

    7 added: 6 files, 1 directory, 14 B
    4 modified: 2 files, 2 directories, 6 B; 1 of them in their metadata alone
    6 removed: 4 files, 2 directories, 10 B
    1 changed kind: 1 directory
    "#);
}

#[test]
fn text_counts_what_is_suspect_and_unknown() {
    let env = TestEnv::new();
    env.write("tree/closed/file", "");
    env.write("tree/young", "");
    env.settle();
    env.dir("out");
    env.chmod("out", 0o777);
    let young = ["snap", "tree", "-o", "out/a.snap", "-q", "--racy-window", "1h"];
    assert_eq!(env.run_as_nobody(&young).success(), "");
    env.chmod("tree/closed", 0);
    assert_eq!(env.snap_as_nobody("b.snap", &[]).code, Some(3));
    let run = env.run(["diff", "out/a.snap", "out/b.snap", "--relative"]);
    assert_eq!(run.code, Some(3));
    insta::assert_snapshot!(without_directory_fields(&run.stdout), @r#"
    M  closed/  (…)
    U  closed/  (could not be read)

    1 modified: 1 directory; 1 of them in their metadata alone
    2 suspect: changed so shortly before the old snapshot that a later change may not show (--suspects lists them)
    1 unknown: could not be read, and count as neither changed nor removed
    "#);
    insta::assert_snapshot!(run.stderr, @r#"
    fastdiff: warning: 1 entry could not be read and is listed as neither changed nor removed; exit code 3
    "#);
}

/// Removes from JSON what differs between runs.
fn redacted(json: &str) -> String {
    let mut text = json.to_owned();
    for key in ["\"ctime\":\"", "\"inode\":\"", "\"uid\":", "\"gid\":"] {
        let mut from = 0;
        while let Some(at) = text[from..].find(key) {
            let start = from + at + key.len();
            let end = start + text[start..].find(['"', ',']).unwrap();
            text.replace_range(start..end, "…");
            from = start;
        }
    }
    text
}

#[test]
fn json_is_an_object_a_line_with_both_sides() {
    let env = every_letter();
    let list = diff(&env, &["--emit", "json", "--relative"]);
    // Sizes, link counts and times of directories are the file system's own.
    let files: Vec<_> = list.lines().filter(|l| !l.contains("\"kind\":\"directory\"")).collect();
    insta::assert_snapshot!(redacted(&files.join("\n")), @r#"
    {"change":"added","kind":"file","path":"added","new":{"kind":"file","size":7,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"modified","kind":"file","path":"chmodded","fields":["ctime","mode"],"scope":"metadata","old":{"kind":"file","size":0,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1},"new":{"kind":"file","size":0,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0600","uid":…,"gid":…,"nlink":1}}
    {"change":"modified","kind":"file","path":"edited","fields":["size","ctime"],"scope":"content","old":{"kind":"file","size":5,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1},"new":{"kind":"file","size":6,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"added","kind":"file","path":"größe","new":{"kind":"file","size":0,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"renamed","kind":"file","path":"new name","from":"renamed","fields":["ctime"],"old":{"kind":"file","size":2,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1},"new":{"kind":"file","size":2,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"added","kind":"file","path":"nl\n\u001b","new":{"kind":"file","size":0,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"removed","kind":"file","path":"removed","old":{"kind":"file","size":3,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"removed","kind":"file","path":"sub/gone/file","old":{"kind":"file","size":1,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    {"change":"added","kind":"file","path":"swapped/below","new":{"kind":"file","size":1,"mtime":"2001-09-09T01:46:40.000000000Z","ctime":"…","inode":"…","mode":"0644","uid":…,"gid":…,"nlink":1}}
    "#);
    let of_dir: serde_json::Value = list
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .find(|l: &serde_json::Value| l["path"] == "folder")
        .unwrap();
    assert_eq!((&of_dir["change"], &of_dir["from"]), (&"renamed".into(), &"dir".into()));
}

#[test]
fn json_keeps_names_that_are_not_utf_8_losslessly() {
    use base64::Engine as _;
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnv::new();
    let path = |name: &[u8]| std::path::Path::new("tree").join(std::ffi::OsStr::from_bytes(name));
    env.write(path(b"old \xff"), "");
    env.snap("a.snap");
    env.rename(path(b"old \xff"), path(b"new \xc3\xbc \xfe"));
    env.write(path("größe".as_bytes()), "");
    env.snap("b.snap");
    let list = diff(&env, &["--emit", "json", "--relative"]);
    let lines: Vec<serde_json::Value> = list.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let raw =
        |value: &serde_json::Value| base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
    let (renamed, added) = (&lines[2], &lines[1]);
    assert_eq!((&added["path"], added.get("path_b64")), (&"größe".into(), None));
    assert_eq!(renamed["path"], "new ü \u{fffd}");
    assert_eq!(raw(&renamed["path_b64"]), b"new \xc3\xbc \xfe");
    assert_eq!(renamed["from"], "old \u{fffd}");
    assert_eq!(raw(&renamed["from_b64"]), b"old \xff");
}

#[test]
fn the_default_is_text_also_where_standard_output_is_no_terminal() {
    let env = every_letter();
    let text = diff(&env, &["--emit", "text"]);
    assert_eq!(text, diff(&env, &[]));
    assert!(!text.contains('\u{1b}'), "no colours, and no name may have them: {text:?}");
    let forced = env.finish(env.command().env("CLICOLOR_FORCE", "1").args(["diff", "a.snap", "b.snap"]));
    assert!(!forced.stdout.contains("\u{1b}[31mnl"), "{:?}", forced.stdout);
}

#[test]
fn nothing_is_an_empty_list_and_a_sentence() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.snap("b.snap");
    for (format, expected) in [("text", "no changes\n"), ("name-status", ""), ("json", ""), ("paths", "")] {
        assert_eq!(diff(&env, &["--emit", format]), expected);
    }
}

#[test]
fn the_exit_code_tells_of_differences_on_request() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.snap("b.snap");
    env.write("tree/new", "");
    env.snap("c.snap");
    let code = |new: &str, more: &[&str]| env.run(["diff", "a.snap", new].iter().chain(more)).code;
    assert_eq!(code("b.snap", &["--exit-code"]), Some(0));
    assert_eq!(code("c.snap", &["--exit-code"]), Some(1));
    assert_eq!(code("c.snap", &[]), Some(0));
    assert_eq!(code("c.snap", &["--exit-code", "--emit", "json", "-o", "list"]), Some(1));
}
