//! `snap --hints`: a bind mount shows one directory under two names, and a hint names only one of them.

use crate::testenv::{TestEnv, skip};

/// Runs a script in which `base SNAP [ARGS]` takes a base, and `compare SNAP HINT… [-- ARGS]` ends with an error unless
/// a scan with these hints comes to what a full one does. Prints what the one with hints said.
#[track_caller]
fn script(env: &TestEnv, text: &str) -> Option<String> {
    let script = format!(
        r##"
        base() {{ sleep 0.05; out=$1; shift; $FASTDIFF snap tree -o $out -q --racy-window 0 "$@"; }}
        compare() {{
            old=$1; shift
            identity=$($FASTDIFF info $old --json | sed -n 's/^  "identity": "\([0-9a-f]*\)".*/\1/p')
            echo "# complete since base $identity" >hints
            while [ $# -gt 0 ] && [ "$1" != -- ]; do echo "$1" >>hints; shift; done
            [ $# -eq 0 ] || shift
            sleep 0.05
            $FASTDIFF snap tree -o narrow -q --racy-window 0 --base $old --hints hints --audit 0 "$@" 2>&1
            $FASTDIFF snap tree -o full -q --racy-window 0 "$@" 2>&1
            $FASTDIFF show narrow >narrow.txt; $FASTDIFF show full >full.txt
            diff narrow.txt full.txt
        }}
        {text}
        echo equal"##
    );
    let run = env.with_mounts(&script)?;
    assert!(run.stdout.ends_with("equal\n"), "{}{}", run.stdout, run.stderr);
    Some(run.stdout.replace("equal\n", ""))
}

/// A tree with `a/x`, `a/sub/x`, `b/` and `c/x`.
fn tree() -> TestEnv {
    let env = TestEnv::new();
    for file in ["a/x", "a/sub/x", "c/x", "other"] {
        env.write(format!("tree/{file}"), "1");
    }
    env.dir("tree/b");
    env
}

#[test]
fn a_change_below_one_name_of_a_bind_mount_is_listed_below_both() {
    let text = r"
        mount --bind tree/a tree/b
        base 0
        echo more >>tree/b/x; compare 0 b/x
        base 1
        echo more >>tree/a/sub/x; compare 1 a/sub/x
        base 2
        echo new >tree/a/sub/new; compare 2 a/sub/new a/sub
        base 3
        rm tree/b/sub/new; compare 3 b/sub/new b/sub
        base 4
        mkdir tree/b/dir; echo 1 >tree/b/dir/file; compare 4 b/dir/ b
        base 5
        mv tree/a/dir tree/a/other; echo 2 >>tree/a/other/file; mv tree/a/other tree/a/dir; compare 5 a/dir a/other a";
    let Some(told) = script(&tree(), text) else { return skip("nothing can be mounted here") };
    assert_eq!(told, "", "the hints were used");
}

#[test]
fn a_mount_point_may_have_any_name() {
    let text = r#"
        mkdir "tree/b c\\d"; mount --bind tree/a "tree/b c\\d"
        base 0
        echo more >>"tree/b c\\d/x"; compare 0 "b c\\d/x"
        base 1
        echo more >>tree/a/sub/x; compare 1 a/sub/x"#;
    let Some(told) = script(&tree(), text) else { return skip("nothing can be mounted here") };
    assert_eq!(told, "");
}

#[test]
fn a_part_of_what_is_mounted_and_a_file_have_two_names_too() {
    let text = r"
        mount --bind tree/a/sub tree/b; mount --bind tree/c/x tree/other
        base 0
        echo more >>tree/b/x; echo more >>tree/other; compare 0 b/x other
        base 1
        echo more >>tree/a/sub/x; echo more >>tree/c/x; compare 1 a/sub/x c/x
        base 2
        echo more >>tree/b/x; compare 2 b/x -- ";
    let Some(told) = script(&tree(), text) else { return skip("nothing can be mounted here") };
    assert_eq!(told, "");
}

#[test]
fn two_mounts_of_what_lies_outside_of_the_tree_show_the_same() {
    let env = tree();
    env.write("out/sub/x", "1");
    env.dir("tree/d");
    let text = r"
        mount --bind out tree/b; mount --bind out/sub tree/d
        base 0
        echo more >>tree/d/x; compare 0 d/x
        base 1
        echo more >>tree/b/sub/x; compare 1 b/sub/x
        base 2
        # The watcher may name it as it lies outside.
        echo more >>out/sub/x; compare 2 $PWD/out/sub/x";
    let Some(told) = script(&env, text) else { return skip("nothing can be mounted here") };
    assert_eq!(told, "");
}

#[test]
fn a_mount_that_is_left_out_shows_what_is_not() {
    let text = r"
        mount --bind tree/a tree/b
        base 0 --exclude /b/
        echo more >>tree/b/x; compare 0 b/x -- --exclude /b/
        base 1 --exclude /b/
        umount tree/b; echo more >>tree/a/x; compare 1 b/x -- --exclude /b/";
    let Some(told) = script(&tree(), text) else { return skip("nothing can be mounted here") };
    assert_eq!(told.lines().count(), 1, "without the mount nobody knows what b/x was: {told}");
}

#[test]
fn a_mount_that_came_or_went_since_the_base_makes_hints_no_proof() {
    let text = r"
        base 0
        mount --bind tree/a tree/b; echo more >>tree/b/x; compare 0 b/x
        base 1
        umount tree/b; echo more >>tree/a/x; compare 1 b/x
        base 2
        mount --bind tree tree/b; echo more >>tree/a/x; compare 2 b/a/x
        umount tree/b
        mount --bind tree/a tree/b; base 3
        umount tree/b; mount --bind tree/c tree/b; echo more >>tree/a/x; compare 3 b/x
        umount tree/b
        mount -t tmpfs tmpfs tree/b; touch tree/b/new; base 4
        umount tree/b; mount --bind tree/c tree/b; echo more >>tree/c/x; compare 4 b/x";
    let Some(told) = script(&tree(), text) else { return skip("nothing can be mounted here") };
    assert_eq!(told.matches("mounted").count(), 5, "{told}");
}

#[test]
fn another_file_system_that_came_or_went_costs_no_proof() {
    let text = r"
        base 0
        mount -t tmpfs tmpfs tree/b; echo 1 >tree/b/new; echo more >>tree/a/x; compare 0 a/x
        base 1
        umount tree/b; echo more >>tree/a/x; compare 1 a/x";
    let Some(told) = script(&tree(), text) else { return skip("nothing can be mounted here") };
    assert_eq!(told, "");
}
