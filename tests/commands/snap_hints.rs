//! `snap --hints`, `--audit` and `--overlay`: what is read, what is proved, what is needed.

use std::fmt::Write as _;
use std::fs;

use crate::testenv::{TestEnv, on_disk, shown};

/// A tree of twenty directories with files, and its snapshot.
fn twenty() -> TestEnv {
    let env = TestEnv::new();
    for number in 0..20 {
        env.write(format!("tree/{number:02}/sub/file"), "1");
    }
    env.snap("base.snap");
    env
}

fn info(env: &TestEnv, snap: &str, key: &str) -> String {
    let json: serde_json::Value = serde_json::from_str(&env.run(["info", snap, "--json"]).success()).unwrap();
    json[key].as_str().unwrap_or_default().to_owned()
}

/// Hints that prove that they are complete since a base began.
fn hints(env: &TestEnv, base: &str, paths: &[&str]) {
    let mut text = format!("# complete since base {}\n", info(env, base, "identity"));
    for path in paths {
        writeln!(text, "{path}").unwrap();
    }
    env.write("hints", text);
}

#[test]
fn only_what_hints_name_is_read() {
    let env = twenty();
    env.write("tree/03/sub/file", "22");
    env.write("tree/04/sub/file", "22");
    env.write("tree/05/new/file", "22");
    hints(&env, "base.snap", &["03/sub/file", &format!("{}/05/new", env.path("tree").display())]);
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "0%"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(env.changes("base.snap", "new.snap"), "M 03/sub/file\nM 05\nA 05/new\nA 05/new/file\n");
    assert!(env.run(["verify", "new.snap"]).stderr.contains("63 entries"));
}

#[test]
fn hints_that_prove_nothing_are_not_used_unless_they_are_trusted() {
    let env = twenty();
    env.write("tree/03/sub/file", "22");
    env.write("other.txt", "tree/03\n");
    let nothing_else = "hints not used";
    let all = "M 03/sub/file\n";
    let late = "# complete since 2999-01-01T00:00:00Z\n01/sub\n";
    let other = format!("# complete since base {}\n01/sub\n", "0".repeat(32));
    let cases: [(&str, &str); 7] = [
        ("01/sub\n", "do not say since when they are complete; --trust-hints"),
        (late, "but must be complete since"),
        (&other, "another snapshot than the base"),
        ("# overflow\n", "lost events"),
        ("01/sub\n\n", "number 2 does not say where"),
        ("01/../03\n", "number 1 does not say where"),
        ("{\"clock\": \"c:1:2:3:4\", \"files\": []}", "without a clock"),
    ];
    for (text, why) in cases {
        env.write("hints", text);
        let run = env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "0"]);
        assert!(run.stderr.contains("so everything was read") && run.stderr.contains(why), "{}", run.stderr);
        assert_eq!(
            (run.code, env.changes("base.snap", "new.snap")),
            (Some(0), all.to_owned()),
            "{nothing_else}: {text}"
        );
        let trusted = ["--base", "base.snap", "--hints", "hints", "--audit", "0", "--trust-hints"];
        let is_trusted = ["01/sub\n", late, &other].contains(&text) || text.starts_with('{');
        let run = env.snap_with("new.snap", &trusted);
        let expected = if is_trusted { "" } else { all };
        assert_eq!(env.changes("base.snap", "new.snap"), expected, "{text}: {}", run.stderr);
    }
    env.write("hints", "01/sub\n");
    let run = env.snap_with("new.snap", &["--hints", "hints"]);
    assert!(run.stderr.contains("there is no base; name one with --base"), "{}", run.stderr);
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--walker", "portable", "--hints", "hints"]);
    assert!(run.stderr.contains("only the native walker can use them"), "{}", run.stderr);
}

#[test]
fn a_watchman_that_cannot_answer_proves_nothing() {
    let env = twenty();
    env.write("tree/01/sub/file", "22");
    env.write("hints", "{\"error\": \"invalid clockspec\"}");
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--trust-hints"]);
    assert!(run.stderr.contains("watchman failed: invalid clockspec"), "{}", run.stderr);
    assert!(env.changes("base.snap", "new.snap").contains("01/sub/file"), "everything was read");
}

#[test]
fn hints_that_cannot_be_read_are_an_error_that_names_them() {
    let env = twenty();
    let run = |args: &[&str]| env.run([&["snap", "tree", "-o", "new.snap", "--base", "base.snap"], args].concat());
    let error = run(&["--hints", "missing"]).failure(2);
    assert!(error.contains("cannot read --hints missing: No such file"), "{error}");
    for (text, says) in [
        ("# complete since noon\n", "hints hints: hint 1 is not `# complete since TIME"),
        ("{]", "hints hints: not an answer of watchman"),
    ] {
        env.write("hints", text);
        let error = run(&["--hints", "hints"]).failure(2);
        assert!(error.contains(says) && error.contains("docs/hints.md"), "{error}");
    }
    let usage = |args: &[&str], says: &str| {
        let run = run(args);
        assert!(run.code == Some(2) && run.stderr.contains(says), "{}", run.stderr);
    };
    usage(&["--trust-hints"], "--hints");
    usage(&["--hints", "hints", "--audit", "101%"], "from 0% to 100%");
    let run = env.run(["snap", "tree", "-o", "new.snap", "--overlay"]);
    assert!(run.code == Some(2) && run.stderr.contains("--base"), "{}", run.stderr);
    assert!(!env.path("new.snap").exists());
}

#[test]
fn a_lost_hint_is_found_by_the_audit_within_the_number_of_runs_that_its_share_says() {
    for (share, runs) in [("25%", 4), ("10%", 10), ("100%", 1)] {
        let env = twenty();
        env.write("tree/13/sub/file", "22");
        env.settle();
        let mut base = "base.snap".to_owned();
        let mut found = None;
        for run in 1..=runs {
            hints(&env, &base, &["01/sub"]);
            let next = format!("{run}.snap");
            let done = env.snap_with(&next, &["--base", &base, "--hints", "hints", "--audit", share]);
            let told = done.stderr.contains("tree/13/sub/file changed and no hint named it");
            assert_eq!(done.stderr.contains("they failed: 1 entry changed without a hint"), told, "{}", done.stderr);
            base = next;
            if told {
                found = Some(run);
                break;
            }
            assert_eq!(env.changes("base.snap", &base), "");
        }
        assert!(found.is_some(), "{share}: not within {runs} runs");
        assert_eq!(env.changes("base.snap", &base), "M 13/sub/file\n");
    }
}

#[test]
fn directories_on_the_way_show_lost_hints() {
    let env = twenty();
    env.write("tree/13/new", "");
    env.write("tree/13/sub/file", "22");
    hints(&env, "base.snap", &["13/sub/file"]);
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "0"]);
    assert!(run.stderr.contains("tree/13/new changed and no hint named it"), "{}", run.stderr);
    assert!(shown(&env, "new.snap") == on_disk(&env.path("tree")));
}

#[test]
fn a_change_after_the_end_of_the_hints_is_not_a_lost_hint() {
    let env = twenty();
    let until = info(&env, "base.snap", "finished");
    env.write("hints", format!("# complete since base {} until {until}\n", info(&env, "base.snap", "identity")));
    std::thread::sleep(std::time::Duration::from_millis(50));
    env.write("tree/13/sub/file", "22");
    env.settle();
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "100%"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(env.changes("base.snap", "new.snap"), "M 13/sub/file\n");
    // The next ones have to be complete from the end of these on.
    assert_eq!(info(&env, "new.snap", "hints_since"), until);
    hints(&env, "new.snap", &[]);
    env.snap_with("third.snap", &["--base", "new.snap", "--hints", "hints", "--audit", "0"]).success();
    assert_eq!(info(&env, "third.snap", "hints_since"), until, "without an end the next ones begin where these did");
}

#[test]
fn what_was_racy_in_the_base_is_read_without_a_hint() {
    let env = twenty();
    env.write("tree/07/sub/file", "22");
    // The window is so long that all of it is young.
    env.run(["snap", "tree", "-o", "base.snap", "-q", "--racy-window", "1h"]).success();
    env.write("tree/07/sub/file", "333");
    hints(&env, "base.snap", &[]);
    env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "0"]).success();
    assert_eq!(env.changes_with("base.snap", "new.snap", &[]).stdout.lines().filter(|l| l.starts_with('M')).count(), 1);
}

#[test]
fn an_overlay_is_small_and_stands_for_the_whole() {
    let env = twenty();
    for number in 20..400 {
        env.write(format!("tree/{number:03}/sub/file"), "1");
    }
    env.snap("base.snap");
    env.write("tree/03/sub/file", "22");
    hints(&env, "base.snap", &["03/sub/file"]);
    let more = ["--base", "base.snap", "--hints", "hints", "--overlay", "--audit", "0"];
    env.snap_with("first.snap", &more).success();
    env.write("tree/07/sub/new", "22");
    hints(&env, "first.snap", &["07/sub/new"]);
    let more = ["--base", "first.snap", "--hints", "hints", "--overlay", "--audit", "0"];
    env.snap_with("second.snap", &more).success();
    assert!(shown(&env, "second.snap") == on_disk(&env.path("tree")));
    let len = |name: &str| fs::metadata(env.path(name)).unwrap().len();
    assert!(len("second.snap") * 5 < len("base.snap"), "{} / {}", len("second.snap"), len("base.snap"));
    assert!(info(&env, "second.snap", "overlay_of").ends_with("base.snap"), "never an overlay over an overlay");
    env.run(["verify", "second.snap", "-q"]).success();
    // The snapshot between is not needed, the base is.
    env.remove("first.snap");
    assert_eq!(env.changes("base.snap", "second.snap"), "M 03/sub/file\nM 07/sub\nA 07/sub/new\n");
    env.dir("moved");
    env.rename("base.snap", "moved/base.snap");
    let error = env.run(["info", "second.snap"]).failure(2);
    assert!(
        error.contains("snapshot second.snap: is an overlay, and its base is gone: [ROOT]/base.snap; put that back"),
        "{error}"
    );
    env.rename("second.snap", "moved/second.snap");
    assert_eq!(env.changes("moved/base.snap", "moved/second.snap"), "M 03/sub/file\nM 07/sub\nA 07/sub/new\n");
    env.snap("moved/base.snap");
    let error = env.run(["diff", "moved/base.snap", "moved/second.snap"]).failure(2);
    assert!(error.contains("its base was replaced"), "{error}");
    // As a base it cannot be read either.
    env.snap_with("third.snap", &["--base", "moved/second.snap"]).failure(2);
}

#[test]
fn an_overlay_that_would_be_large_or_lose_its_base_is_written_whole() {
    let env = twenty();
    for number in 20..400 {
        env.write(format!("tree/{number:03}/sub/file"), "1");
    }
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--overlay"]);
    assert_eq!((run.code, info(&env, "new.snap", "overlay_of")), (Some(0), String::new()), "nearly all is new");
    let run = env.snap_with("new.snap", &["--base", "new.snap", "--overlay"]);
    assert_eq!((run.code, info(&env, "new.snap", "overlay_of")), (Some(0), String::new()), "it replaces its base");
    let run = env.snap_with("third.snap", &["--base", "new.snap", "--overlay"]);
    assert_eq!(run.code, Some(0));
    assert!(info(&env, "third.snap", "overlay_of").ends_with("new.snap"));
    // If it replaced the file of the base's own base, nothing could be compared with the base.
    env.snap_with("new.snap", &["--base", "third.snap", "--overlay"]).failure(2);
    assert_eq!(env.changes("new.snap", "third.snap"), "");
}

#[test]
fn a_file_changed_under_one_of_its_names_is_listed_under_all() {
    let env = twenty();
    env.hard_link("tree/03/sub/file", "tree/17/sub/other");
    env.hard_link("tree/03/sub/file", "tree/18/sub/third");
    env.snap("base.snap");
    env.write("tree/03/sub/file", "22");
    hints(&env, "base.snap", &["03/sub/file"]);
    env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "0"]).success();
    assert_eq!(env.changes("base.snap", "new.snap"), "M 03/sub/file\nM 17/sub/other\nM 18/sub/third\n");
    env.remove("tree/17");
    hints(&env, "new.snap", &["17"]);
    env.snap_with("last.snap", &["--base", "new.snap", "--hints", "hints", "--audit", "0"]).success();
    assert!(shown(&env, "last.snap") == on_disk(&env.path("tree")));
}
