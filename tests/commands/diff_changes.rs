//! `diff`: what is reported of each kind of change, and in which order.

use crate::testenv::TestEnv;

/// A tree, a change to it, and what the diff says, with renames and without.
#[track_caller]
fn after(prepare: impl Fn(&TestEnv), change: impl Fn(&TestEnv)) -> String {
    let env = TestEnv::new();
    prepare(&env);
    env.snap("a.snap");
    change(&env);
    env.snap("b.snap");
    assert_eq!(env.run(["diff", "a.snap", "a.snap", "--emit", "paths"]).stdout, "");
    env.changes("a.snap", "b.snap")
}

#[test]
fn nothing_happened() {
    assert_eq!(after(|env| drop(env.write("tree/dir/file", "x")), |_| {}), "");
}

#[test]
fn files_are_added_modified_and_removed() {
    let changes = after(
        |env| {
            for file in ["edited", "grown", "removed", "same", "touched"] {
                env.write(format!("tree/dir/{file}"), "12345");
                env.set_mtime(format!("tree/dir/{file}"), 1_000_000_000);
            }
        },
        |env| {
            // The same size, and the old mtime put back: only the ctime shows it.
            env.write("tree/dir/edited", "54321");
            env.set_mtime("tree/dir/edited", 1_000_000_000);
            env.write("tree/dir/grown", "123456");
            env.remove("tree/dir/removed");
            env.set_mtime("tree/dir/touched", 1_000_000_001);
            env.write("tree/dir/added", "");
        },
    );
    assert_eq!(changes, "M dir\nA dir/added\nM dir/edited\nM dir/grown\nD dir/removed\nM dir/touched\n");
}

#[test]
fn directories_are_added_and_removed_with_all_that_is_in_them() {
    let changes = after(
        |env| {
            env.write("tree/old/deep/file", "");
            env.dir("tree/old/empty");
        },
        |env| {
            env.remove("tree/old");
            env.dir("tree/new/empty");
            env.write("tree/new/deep/file", "");
        },
    );
    let expected =
        "M .\nA new\nA new/deep\nA new/deep/file\nA new/empty\nD old\nD old/deep\nD old/deep/file\nD old/empty\n";
    assert_eq!(changes, expected);
}

#[test]
fn the_order_is_that_of_components_compared_as_bytes() {
    let changes = after(
        |_| {},
        |env| {
            for file in ["a/c", "a/b/x", "a-b", "a.b", "b", "a/b-", "Z", "ä", "a/\u{1}"] {
                env.write(format!("tree/{file}"), "");
            }
        },
    );
    let expected = "M .\nA Z\nA a\nA \"a/\\001\"\nA a/b\nA a/b/x\nA a/b-\nA a/c\nA a-b\nA a.b\nA b\nA \"\\303\\244\"\n";
    assert_eq!(changes, expected);
}

#[test]
fn removed_and_added_entries_are_merged_in_one_order() {
    let changes = after(
        |env| {
            for file in ["a/1", "b/1", "c"] {
                env.write(format!("tree/{file}"), "");
            }
        },
        |env| {
            env.remove("tree/a");
            env.remove("tree/c");
            env.write("tree/a-b", "");
            env.write("tree/b/0", "");
            env.write("tree/b/2", "");
        },
    );
    assert_eq!(changes, "M .\nD a\nD a/1\nA a-b\nM b\nA b/0\nA b/2\nD c\n");
}

#[test]
fn a_file_that_became_a_directory_is_of_another_kind_and_its_content_is_added() {
    let changes = after(
        |env| drop(env.write("tree/x", "")),
        |env| {
            env.remove("tree/x");
            env.write("tree/x/deep/file", "");
        },
    );
    assert_eq!(changes, "M .\nT x\nA x/deep\nA x/deep/file\n");
}

#[test]
fn a_directory_that_became_a_file_is_of_another_kind_and_its_content_is_removed() {
    let changes = after(
        |env| drop(env.write("tree/x/deep/file", "")),
        |env| {
            env.remove("tree/x");
            env.write("tree/x", "");
        },
    );
    assert_eq!(changes, "M .\nT x\nD x/deep\nD x/deep/file\n");
}

#[test]
fn a_directory_that_became_a_symlink_to_its_old_content_loses_it() {
    let changes = after(
        |env| drop(env.write("tree/x/file", "")),
        |env| {
            env.rename("tree/x", "tree/y");
            env.symlink("y", "tree/x");
        },
    );
    // Renames are found among what was added and removed; `x` itself is neither.
    assert_eq!(changes, "M .\nT x\nA y\nR x/file y/file\n");
}

#[test]
fn every_kind_can_become_every_other() {
    type Make = fn(&TestEnv, &str);
    let makes: [(&str, Make); 5] = [
        ("file", |env, name| drop(env.write(name, ""))),
        ("directory", |env, name| drop(env.dir(name))),
        ("symlink", |env, name| drop(env.symlink("target", name))),
        ("fifo", |env, name| drop(env.fifo(name))),
        ("socket", |env, name| drop(env.socket(name))),
    ];
    for (old, make_old) in makes {
        for (new, make_new) in makes {
            let changes = after(
                |env| make_old(env, "tree/x"),
                |env| {
                    env.remove("tree/x");
                    make_new(env, "tree/x");
                },
            );
            let letter = if old == new { 'M' } else { 'T' };
            assert_eq!(changes, format!("M .\n{letter} x\n"), "{old} to {new}");
        }
    }
}

#[test]
fn a_symlink_that_points_elsewhere_is_modified() {
    let changes = after(
        |env| drop(env.symlink("a", "tree/link")),
        |env| {
            env.remove("tree/link");
            env.symlink("b", "tree/link");
        },
    );
    assert_eq!(changes, "M .\nM link\n");
}

#[test]
fn a_hard_link_changes_every_name_of_the_file() {
    let changes = after(
        |env| {
            env.write("tree/a", "x");
            env.hard_link("tree/a", "tree/sub/b");
        },
        |env| env.hard_link("tree/a", "tree/sub/c"),
    );
    assert_eq!(changes, "M a\nM sub\nM sub/b\nA sub/c\n", "link count and ctime are the file's");
}

#[test]
fn the_root_itself_is_reported() {
    let changes = after(|_| {}, |env| env.chmod("tree", 0o700));
    assert_eq!(changes, "M .\n");
}

/// The lines of the JSON list of a change to the one file of a tree.
#[track_caller]
fn modified(change: impl Fn(&TestEnv)) -> (String, String) {
    let env = TestEnv::new();
    env.write("tree/dir/file", "12345");
    env.set_mtime("tree/dir/file", 1_000_000_000);
    env.snap("a.snap");
    change(&env);
    env.snap("b.snap");
    let list = env.run(["diff", "a.snap", "b.snap", "--emit", "json"]).success();
    let line: serde_json::Value = list
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .find(|l: &serde_json::Value| l["kind"] == "file")
        .unwrap();
    let fields: Vec<_> = line["fields"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    (line["scope"].as_str().unwrap().to_owned(), fields.join(" "))
}

#[test]
fn metadata_and_content_are_told_apart_as_far_as_they_can_be() {
    type Change = fn(&TestEnv);
    let cases: [(Change, &str, &str); 6] = [
        (|env| env.chmod("tree/dir/file", 0o600), "metadata", "ctime mode"),
        (|env| env.hard_link("tree/dir/file", "link"), "metadata", "ctime nlink"),
        (|env| drop(env.write("tree/dir/file", "123456")), "content", "size mtime ctime"),
        (|env| env.set_mtime("tree/dir/file", 5), "content", "mtime ctime"),
        (
            |env| {
                env.write("tree/dir/file", "54321");
                env.set_mtime("tree/dir/file", 1_000_000_000);
            },
            "content",
            "ctime",
        ),
        (
            |env| {
                env.write("tree/dir/file", "54321");
                env.chmod("tree/dir/file", 0o600);
            },
            "content",
            "mtime ctime mode",
        ),
    ];
    for (change, scope, fields) in cases {
        assert_eq!(modified(change), (scope.to_owned(), fields.to_owned()));
    }
}

#[test]
fn a_new_owner_is_metadata() {
    if !crate::testenv::is_root() {
        return crate::testenv::skip("changing an owner needs root");
    }
    let owner = |uid, gid| move |env: &TestEnv| std::os::unix::fs::chown(env.path("tree/dir/file"), uid, gid).unwrap();
    assert_eq!(modified(owner(Some(1), None)), ("metadata".to_owned(), "ctime uid".to_owned()));
    assert_eq!(modified(owner(None, Some(1))), ("metadata".to_owned(), "ctime gid".to_owned()));
}

#[test]
fn a_change_of_metadata_alone_is_in_every_list() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.snap("a.snap");
    env.chmod("tree/file", 0o600);
    env.snap("b.snap");
    for (format, line) in
        [("paths", "file\n"), ("name-status", "M\tfile\n"), ("text", "M  file  (metadata: ctime, mode)\n")]
    {
        let list = env.run(["diff", "a.snap", "b.snap", "--relative", "--emit", format]).success();
        assert!(list.starts_with(line), "{format}: {list}");
    }
}

#[test]
fn each_filter_sees_only_what_it_lets_in() {
    let env = TestEnv::new();
    env.write("tree/a.tmp", "");
    env.write("tree/cache/file", "");
    env.write("tree/kept", "");
    let filters = ["--exclude", "*.tmp", "--exclude", "cache/"];
    assert_eq!(env.snap_with("a.snap", &filters).success(), "");
    env.write("tree/a.tmp", "changed");
    env.write("tree/cache/new", "");
    env.write("tree/b", "");
    assert_eq!(env.snap_with("b.snap", &filters).success(), "");
    assert_eq!(env.changes("a.snap", "b.snap"), "M .\nA b\n");
}

#[test]
fn what_takes_the_place_of_a_snapshot_in_the_tree_is_added() {
    let env = TestEnv::new();
    env.snap("tree/a.snap");
    // fastdiff does not list its own snapshot. But it lists another file that takes the place of one.
    env.snap("b.snap");
    assert_eq!(env.changes("tree/a.snap", "b.snap"), "M .\n");
    env.rename("tree/a.snap", "a.snap");
    env.write("tree/a.snap", "dear reader");
    env.snap("c.snap");
    assert_eq!(env.changes("a.snap", "c.snap"), "M .\nA a.snap\n");
}
