//! `diff`: renames of files and whole directories, and what is not a rename.

use crate::testenv::TestEnv;

/// The list of a change: with renames, and without.
#[track_caller]
fn after(prepare: impl Fn(&TestEnv), change: impl Fn(&TestEnv)) -> (String, String) {
    let env = TestEnv::new();
    prepare(&env);
    env.snap("a.snap");
    change(&env);
    env.snap("b.snap");
    (env.changes("a.snap", "b.snap"), env.changes_with("a.snap", "b.snap", &["--no-renames"]).success())
}

#[test]
fn a_renamed_file_stands_at_its_new_path() {
    let (with, without) = after(|env| drop(env.write("tree/z", "x")), |env| env.rename("tree/z", "tree/a"));
    assert_eq!(with, "M .\nR z a\n");
    assert_eq!(without, "M .\nA a\nD z\n");
}

#[test]
fn a_moved_file_is_renamed_too() {
    let (with, without) = after(
        |env| {
            env.write("tree/from/file", "x");
            env.dir("tree/to");
        },
        |env| env.rename("tree/from/file", "tree/to/file"),
    );
    assert_eq!(with, "M from\nM to\nR from/file to/file\n");
    assert_eq!(without, "M from\nD from/file\nM to\nA to/file\n");
}

#[test]
fn a_renamed_and_edited_file_is_both() {
    let (with, without) = after(
        |env| drop(env.write("tree/z", "x")),
        |env| {
            env.rename("tree/z", "tree/a");
            env.write("tree/a", "longer");
        },
    );
    assert_eq!(with, "M .\nR z a\nM a\n");
    assert_eq!(without, "M .\nA a\nD z\n");
}

#[test]
fn a_renamed_directory_is_one_line() {
    let (with, without) = after(
        |env| {
            env.write("tree/z/deep/1", "");
            env.write("tree/z/2", "");
        },
        |env| env.rename("tree/z", "tree/a"),
    );
    assert_eq!(with, "M .\nR z a\n");
    assert_eq!(without, "M .\nA a\nA a/2\nA a/deep\nA a/deep/1\nD z\nD z/2\nD z/deep\nD z/deep/1\n");
}

#[test]
fn within_a_renamed_directory_only_what_changed_otherwise_is_listed() {
    let (with, _) = after(
        |env| {
            for file in ["edited", "removed", "same", "renamed", "deep/moved", "deep/same"] {
                env.write(format!("tree/z/{file}"), file);
            }
        },
        |env| {
            env.rename("tree/z", "tree/a");
            env.write("tree/a/edited", "changed");
            env.remove("tree/a/removed");
            env.write("tree/a/new", "");
            env.rename("tree/a/renamed", "tree/a/other-name");
            env.rename("tree/a/deep/moved", "tree/out");
        },
    );
    let expected =
        "M .\nR z a\nM a\nM a/deep\nM a/edited\nA a/new\nR z/renamed a/other-name\nR z/deep/moved out\nD z/removed\n";
    assert_eq!(with, expected);
}

/// A diff caches a short list in its first pass. A long list is compared again.
#[test]
fn a_list_too_long_to_be_kept_says_the_same() {
    let env = TestEnv::new();
    for file in
        ["z/edited", "z/removed", "z/same", "z/renamed", "z/deep/moved", "z/deep/same", "kind", "dir/1", "dir/2"]
    {
        env.write(format!("tree/{file}"), file);
    }
    env.hard_link("tree/dir/1", "tree/dir/3");
    env.snap("a.snap");
    env.rename("tree/z", "tree/m");
    env.write("tree/m/edited", "changed");
    env.remove("tree/m/removed");
    env.write("tree/m/new", "");
    env.rename("tree/m/renamed", "tree/m/other-name");
    env.rename("tree/m/deep/moved", "tree/out");
    env.remove("tree/kind");
    env.write("tree/kind/below", "");
    env.remove("tree/dir/2");
    env.chmod("tree/dir/3", 0o600);
    env.dir("tree/bulk");
    env.snap("short.snap");
    for i in 0..17_000 {
        std::fs::File::create(env.path(format!("tree/bulk/{i}"))).unwrap();
    }
    env.snap("long.snap");
    for more in [&[][..], &["--no-renames"]] {
        let short = env.changes_with("a.snap", "short.snap", more).success();
        let long = env.changes_with("a.snap", "long.snap", more).success();
        let (bulk, rest): (Vec<_>, Vec<_>) = long.lines().partition(|line| line.starts_with("A bulk/"));
        assert_eq!(bulk.len(), 17_000);
        assert_eq!(rest, short.lines().collect::<Vec<_>>());
        assert!(rest.len() > 15, "{short}");
        let back = env.changes_with("long.snap", "a.snap", more);
        assert_eq!(back.stdout.matches("D bulk/").count(), 17_000);
    }
}

#[test]
fn a_directory_renamed_within_a_renamed_one_is_a_line_of_its_own() {
    let (with, _) = after(
        |env| drop(env.write("tree/z/y/x/file", "")),
        |env| {
            env.rename("tree/z", "tree/a");
            env.rename("tree/a/y", "tree/a/b");
        },
    );
    assert_eq!(with, "M .\nR z a\nM a\nR z/y a/b\n");
}

#[test]
fn a_renamed_hard_link_is_one_rename_and_its_other_names_have_another_ctime() {
    let (with, _) = after(
        |env| {
            env.write("tree/a", "x");
            env.hard_link("tree/a", "tree/b");
        },
        |env| env.rename("tree/b", "tree/c"),
    );
    assert_eq!(with, "M .\nM a\nR b c\n");
}

#[test]
fn several_renamed_names_of_one_file_are_paired_in_their_order() {
    let (with, without) = after(
        |env| {
            env.write("tree/a1", "x");
            env.hard_link("tree/a1", "tree/a2");
        },
        |env| {
            env.rename("tree/a1", "tree/b1");
            env.rename("tree/a2", "tree/b2");
        },
    );
    assert_eq!(with, "M .\nR a1 b1\nR a2 b2\n");
    assert_eq!(without, "M .\nD a1\nD a2\nA b1\nA b2\n");
}

#[test]
fn one_of_two_names_that_goes_is_removed_and_not_renamed() {
    let (with, _) = after(
        |env| {
            env.write("tree/a", "x");
            env.hard_link("tree/a", "tree/b");
        },
        |env| {
            env.remove("tree/b");
            env.write("tree/c", "x");
        },
    );
    assert_eq!(with, "M .\nM a\nD b\nA c\n");
}

#[test]
fn two_files_that_changed_places_are_modified() {
    let (with, without) = after(
        |env| {
            env.write("tree/a", "1");
            env.write("tree/b", "2");
        },
        |env| {
            env.rename("tree/a", "tree/x");
            env.rename("tree/b", "tree/a");
            env.rename("tree/x", "tree/b");
        },
    );
    assert_eq!(with, "M .\nM a\nM b\n");
    assert_eq!(with, without);
}

#[test]
fn a_new_file_on_a_reused_inode_is_no_rename() {
    let env = TestEnv::new();
    let (old, new) = (env.path("tree/old"), env.path("tree/new"));
    std::fs::write(&old, "x").unwrap();
    let inode = |path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    let before = inode(&old);
    env.snap("a.snap");
    std::fs::remove_file(&old).unwrap();
    // Some file systems reuse an inode at once, some only after a while, some never.
    let mut others = 0;
    loop {
        std::fs::write(&new, "x").unwrap();
        if inode(&new) == before {
            break;
        }
        others += 1;
        if others > 5000 {
            return crate::testenv::skip("this file system does not reuse inodes soon");
        }
        std::fs::rename(&new, env.path(format!("other-{others}"))).unwrap();
    }
    if std::fs::metadata(&new).unwrap().created().is_err() {
        return crate::testenv::skip("this file system has no birth times to tell a reused inode");
    }
    env.snap("b.snap");
    assert_eq!(env.changes("a.snap", "b.snap"), "M .\nA new\nD old\n");
}

#[test]
fn a_file_that_was_replaced_by_a_rename_onto_it_is_modified_and_the_other_gone() {
    let (with, without) = after(
        |env| {
            env.write("tree/a", "old");
            env.write("tree/a.new", "new");
        },
        |env| env.rename("tree/a.new", "tree/a"),
    );
    assert_eq!(with, "M .\nM a\nD a.new\n");
    assert_eq!(with, without);
}

#[test]
fn renames_between_roots_are_found() {
    let env = TestEnv::new();
    env.write("one/dir/file", "");
    env.dir("two");
    let snap = |name: &str| {
        env.settle();
        env.run(["snap", "one", "two", "-o", name, "-q", "--racy-window", "0"]).success();
    };
    env.write("one/stays", "");
    snap("a.snap");
    env.rename("one/dir", "two/dir");
    snap("b.snap");
    let list = env.run(["diff", "a.snap", "b.snap", "--emit", "name-status"]).success();
    assert_eq!(list, "M\t[ROOT]/one\nM\t[ROOT]/two\nR\t[ROOT]/one/dir\t[ROOT]/two/dir\n");
}

#[test]
fn what_was_renamed_counts_as_neither_removed_nor_new_in_the_limit() {
    let env = TestEnv::new();
    env.write("tree/dir/1", "");
    env.write("tree/dir/2", "");
    env.snap("a.snap");
    env.rename("tree/dir", "tree/other");
    env.snap("b.snap");
    assert_eq!(env.changes_with("a.snap", "b.snap", &["--max-delete", "0"]).success(), "M .\nR dir other\n");
    let run = env.changes_with("a.snap", "b.snap", &["--max-delete", "2", "--no-renames"]);
    assert!(run.failure(2).contains("3 entries were removed, more than the limit of 2 "));
}

#[test]
fn a_racy_renamed_file_is_suspect_at_its_new_path() {
    let env = TestEnv::new();
    env.write("tree/a", "");
    env.settle();
    env.run(["snap", "tree", "-o", "a.snap", "-q", "--racy-window", "1h"]).success();
    env.rename("tree/a", "tree/b");
    env.snap("b.snap");
    assert_eq!(env.changes("a.snap", "b.snap"), "M .\nR a b\nS b\n");
}
