//! `snap --hints`: places about which hints say little (files with several names, other file systems, directories that
//! were moved away and back) are read anyway.

use crate::testenv::{TestEnv, shown, skip};

/// Hints for a base, and nothing but these.
pub(super) fn hint(env: &TestEnv, base: &str, paths: &[&str]) {
    let info = env.run(["info", base, "--json"]).success();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let identity = info["identity"].as_str().unwrap();
    let first = format!("# complete since base {identity}");
    let lines: Vec<_> = [first.as_str()].iter().chain(paths).flat_map(|line| [line, "\n"]).collect();
    env.write("hints", lines.concat());
}

/// A scan with hints gives the same as one without. Returns what the one with hints said.
#[track_caller]
pub(super) fn is_as_full(env: &TestEnv, base: &str, args: &[&str]) -> String {
    env.settle();
    let snap = |output: &str, more: &[&str]| {
        let all = [&["snap", "tree", "-o", output, "--racy-window", "0", "-q"], args, more].concat();
        let run = env.run(all);
        assert!(run.code == Some(0), "{}", run.stderr);
        run.stderr
    };
    let told = snap("narrow.snap", &["--base", base, "--hints", "hints", "--audit", "0"]);
    snap("full.snap", &[]);
    assert_eq!(shown(env, "narrow.snap"), shown(env, "full.snap"), "{told}");
    told
}

#[test]
fn a_file_that_got_another_name_since_is_read_under_its_first() {
    let env = TestEnv::new();
    env.write("tree/d1/a", "1");
    env.dir("tree/d2");
    env.snap("0.snap");
    env.hard_link("tree/d1/a", "tree/d2/b");
    hint(&env, "0.snap", &["d2/b", "d2"]);
    is_as_full(&env, "0.snap", &[]);
    // The scan with hints has both.
    env.rename("narrow.snap", "1.snap");
    env.write("tree/d2/b", "22");
    hint(&env, "1.snap", &["d2/b"]);
    is_as_full(&env, "1.snap", &[]);
}

#[test]
fn a_name_that_is_left_out_leads_to_one_that_is_not() {
    let env = TestEnv::new();
    env.write("tree/d/a", "1");
    env.dir("tree/tmp");
    env.hard_link("tree/d/a", "tree/tmp/a");
    env.write("tree/e/b", "1");
    env.write("tree/cache/.skip", "");
    let args = ["--exclude", "/tmp/", "--exclude-if-present", ".skip"];
    env.snap_with("0.snap", &args).success();
    env.write("tree/tmp/a", "22");
    hint(&env, "0.snap", &["tmp/a"]);
    is_as_full(&env, "0.snap", &args);
    // And a link that was created there.
    env.hard_link("tree/e/b", "tree/cache/b");
    env.write("tree/cache/b", "22");
    hint(&env, "0.snap", &["tmp/a", "cache/b"]);
    is_as_full(&env, "0.snap", &args);
}

#[test]
fn what_was_carried_over_is_read_whole_when_it_can_be_read_again() {
    let env = TestEnv::new();
    env.write("tree/d/sub/file", "1");
    env.write("tree/e/file", "1");
    env.snap_as_nobody("0.snap", &[]).success();
    env.write("tree/d/sub/file", "22");
    env.chmod("tree/d", 0o000);
    hint(&env, "out/0.snap", &["d/sub/file", "d"]);
    let args = ["--base", "out/0.snap", "--hints", "hints", "--audit", "0"];
    let run = env.snap_as_nobody("1.snap", &args);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    env.chmod("tree/d", 0o755);
    hint(&env, "out/1.snap", &["d"]);
    let args = ["--base", "out/1.snap", "--hints", "hints", "--audit", "0"];
    assert_eq!(env.snap_as_nobody("2.snap", &args).code, Some(0));
    assert_eq!(env.changes("out/0.snap", "out/2.snap"), "M d\nM d/sub/file\n");
}

#[test]
fn a_directory_that_was_moved_away_and_back_is_read_whole() {
    let env = TestEnv::new();
    for dir in ["d", "e"] {
        env.write(format!("tree/{dir}/x/file"), "1");
        env.write(format!("tree/{dir}/y/file"), "1");
    }
    env.snap("0.snap");
    env.rename("tree/d", "tree/other");
    env.write("tree/other/x/file", "22");
    env.rename("tree/other", "tree/d");
    hint(&env, "0.snap", &["d", "other", "other/x/file", "other", "d"]);
    is_as_full(&env, "0.snap", &[]);
    // Two that were exchanged and exchanged back.
    for (from, to) in [("d", "t"), ("e", "d"), ("t", "e")] {
        env.rename(format!("tree/{from}"), format!("tree/{to}"));
    }
    env.write("tree/d/y/file", "333");
    for (from, to) in [("d", "t"), ("e", "d"), ("t", "e")] {
        env.rename(format!("tree/{from}"), format!("tree/{to}"));
    }
    hint(&env, "0.snap", &["d", "e", "t", "d/y/file", "other"]);
    is_as_full(&env, "0.snap", &[]);
}

#[test]
fn lines_of_a_watcher_that_lost_events_are_known_however_they_are_spelled() {
    for line in ["# overflow\r", "# overflow ", "# OVERFLOW", "#overflow", "# overflow of the queue"] {
        let env = TestEnv::new();
        env.write("tree/d/file", "1");
        env.snap("0.snap");
        env.write("tree/d/file", "22");
        hint(&env, "0.snap", &[line]);
        is_as_full(&env, "0.snap", &[]);
    }
}

#[test]
fn a_hint_below_a_symlink_is_not_believed() {
    let env = TestEnv::new();
    env.write("tree/d/x/file", "1");
    env.symlink("d/x", "tree/link");
    env.snap("0.snap");
    env.write("tree/d/x/file", "22");
    hint(&env, "0.snap", &["link/file"]);
    is_as_full(&env, "0.snap", &[]);
}

#[test]
fn an_audit_that_finds_a_changed_directory_reports_the_lost_hint() {
    let env = TestEnv::new();
    env.write("tree/a/d/file", "1");
    env.snap("0.snap");
    env.chmod("tree/a/d", 0o711);
    env.settle();
    hint(&env, "0.snap", &[]);
    let args = ["--base", "0.snap", "--hints", "hints", "--audit", "100"];
    let run = env.snap_with("1.snap", &args);
    assert!(run.stderr.contains("tree/a/d changed and no hint named it"), "{}", run.stderr);
}

#[test]
fn mount_points_are_read_by_whatever_name_the_root_is_given() {
    let env = TestEnv::new();
    env.symlink("tree", "link");
    env.write("tree/d/m/under", "1");
    env.write("tree/file", "1");
    env.write("other/new", "1");
    let hinted = |base: &str, root: &str| {
        format!(
            r##"
            $FASTDIFF snap {root} -o {base} -q --racy-window=0
            identity=$($FASTDIFF info {base} --json | sed -n 's/^  "identity": "\([0-9a-f]*\)".*/\1/p')
            echo "# complete since base $identity" >hints"##
        )
    };
    let compared = |base: &str, root: &str| {
        format!(
            r"
            sleep 0.1
            $FASTDIFF snap {root} -o narrow -q --racy-window=0 --base {base} --hints hints --audit 0
            $FASTDIFF snap {root} -o full -q --racy-window=0
            $FASTDIFF show narrow >narrow.txt; $FASTDIFF show full >full.txt; cmp narrow.txt full.txt"
        )
    };
    let script = format!(
        r"
        sleep 0.1; {}
        mount -t tmpfs tmpfs tree/d/m; touch tree/d/m/new
        {}
        umount tree/d/m
        mount --bind other tree/d/m; mount --bind other/new tree/file
        sleep 0.1; {}
        umount tree/d/m tree/file
        {}
        echo equal",
        hinted("0", "link"),
        compared("0", "link"),
        hinted("1", "tree"),
        compared("1", "tree"),
    );
    let Some(run) = env.with_mounts(&script) else { return skip("nothing can be mounted here") };
    assert!(run.stdout.ends_with("equal\n"), "{}{}", run.stdout, run.stderr);
}

#[test]
fn an_own_file_below_a_root_that_is_spelled_through_a_symlink_is_no_removal() {
    let env = TestEnv::new();
    env.write("tree/file", "1");
    env.symlink("tree", "link");
    env.snap("tree/x.snap");
    let snap = |output: &str, more: &[&str]| {
        env.settle();
        env.run([&["snap", "link", "-o", output, "-q", "--racy-window", "0"], more].concat()).success();
    };
    snap("a.snap", &[]);
    snap("tree/x.snap", &["--base", "a.snap"]);
    assert_eq!(env.run(["diff", "a.snap", "tree/x.snap", "--emit", "name-status", "--relative"]).success(), "M\t.\n");
    snap("c.snap", &["--base", "tree/x.snap"]);
    snap("d.snap", &["--base", "c.snap"]);
    snap("full.snap", &[]);
    assert_eq!(shown(&env, "d.snap"), shown(&env, "full.snap"));
}

#[test]
fn what_an_overlay_needs_is_not_replaced_by_it() {
    let env = TestEnv::new();
    for number in 0..20 {
        env.write(format!("tree/{number}/file"), "1");
    }
    env.snap("full.snap");
    env.write("tree/3/file", "22");
    env.snap_with("over.snap", &["--base", "full.snap", "--overlay"]).success();
    let error = env.snap_with("full.snap", &["--base", "over.snap"]).failure(2);
    assert!(error.contains("full.snap: is needed by the base; name another file"), "{error}");
    assert_eq!(env.changes("full.snap", "over.snap"), "M 3/file\n");
    // Another file beside the overlay that has the base's name is ignored.
    env.dir("moved");
    env.rename("over.snap", "moved/over.snap");
    env.write("moved/full.snap", "no snapshot");
    assert_eq!(env.changes("full.snap", "moved/over.snap"), "M 3/file\n");
}
