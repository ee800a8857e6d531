//! Promise 1 in the diff: an entry that was too young to be sure of is suspect until a later snapshot saw it settled.

use crate::testenv::TestEnv;

#[track_caller]
fn snap_with_window(env: &TestEnv, output: &str, window: &str) {
    env.settle();
    let run = env.run(["snap", "tree", "-o", output, "--racy-window", window, "--quiet"]);
    assert_eq!(run.success(), "");
}

#[test]
fn what_changed_within_the_window_before_the_scan_is_suspect() {
    let env = TestEnv::new();
    env.write("tree/dir/file", "");
    env.symlink("x", "tree/link");
    snap_with_window(&env, "young.snap", "1h");
    env.snap("b.snap");
    assert_eq!(env.changes("young.snap", "b.snap"), "S .\nS dir\nS dir/file\nS link\n");
}

#[test]
fn it_stays_suspect_until_it_was_seen_stable() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    snap_with_window(&env, "a.snap", "1h");
    snap_with_window(&env, "b.snap", "1h");
    env.snap("c.snap");
    env.snap("d.snap");
    assert_eq!(env.changes("a.snap", "b.snap"), "S .\nS file\n");
    assert_eq!(env.changes("b.snap", "c.snap"), "S .\nS file\n");
    assert_eq!(env.changes("c.snap", "d.snap"), "");
    assert_eq!(env.changes_with("c.snap", "b.snap", &[]).stdout, "", "what counts is the older one's doubt");
}

#[test]
fn a_window_of_zero_still_doubts_the_tick_of_the_boundary() {
    let env = TestEnv::new();
    // Without waiting, some files have the tick in which the scan begins. Try until one has.
    for attempt in 0..1000 {
        env.write("tree/file", format!("{attempt}"));
        let run = env.run(["snap", "tree", "-o", "a.snap", "--racy-window", "0", "-q"]);
        assert_eq!(run.success(), "");
        env.write("tree/file", format!("{attempt}"));
        let info: serde_json::Value = serde_json::from_str(&env.run(["info", "a.snap", "--json"]).stdout).unwrap();
        env.snap("b.snap");
        let changes = env.changes("a.snap", "b.snap");
        assert!(changes.contains(" file"), "the second write was missed: {changes:?}");
        if info["racy"] != 0 && changes.contains("S file") {
            return;
        }
        if attempt >= 20 {
            // The stamps of this kernel are finer than its tick, so the write itself shows.
            return;
        }
    }
}

#[test]
fn a_change_is_a_change_also_where_there_was_doubt() {
    let env = TestEnv::new();
    env.write("tree/edited", "");
    env.write("tree/gone", "");
    env.write("tree/same", "");
    snap_with_window(&env, "a.snap", "1h");
    env.write("tree/edited", "x");
    env.remove("tree/gone");
    env.snap("b.snap");
    assert_eq!(env.changes("a.snap", "b.snap"), "M .\nM edited\nD gone\nS same\n");
}

#[test]
fn a_snapshot_against_itself_gives_nothing() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    snap_with_window(&env, "a.snap", "1h");
    for format in ["text", "name-status", "json", "paths"] {
        let run = env.run(["diff", "a.snap", "a.snap", "--emit", format, "--exit-code"]);
        assert_eq!(run.code, Some(0), "{format}");
        assert_eq!(run.stdout, if format == "text" { "no changes\n" } else { "" });
        assert_eq!(run.stderr, "fastdiff: note: OLD and NEW are the same snapshot, so there are no differences\n");
    }
    std::fs::copy(env.path("a.snap"), env.path("copy.snap")).unwrap();
    assert_eq!(env.run(["diff", "a.snap", "copy.snap", "--emit", "paths"]).stdout, "", "nor against its copy");
}

#[test]
fn suspects_are_differences_to_scripts_and_a_count_to_people() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    snap_with_window(&env, "a.snap", "1h");
    env.snap("b.snap");
    let diff = |more: &[&str]| env.run(["diff", "a.snap", "b.snap", "--relative"].iter().chain(more));
    assert_eq!(diff(&["--exit-code"]).code, Some(1));
    assert_eq!(diff(&["--emit", "paths"]).success(), ".\nfile\n");
    insta::assert_snapshot!(diff(&[]).success(), @"2 suspect: changed so shortly before the old snapshot that a later change may not show (--suspects lists them)");
    insta::assert_snapshot!(diff(&["--suspects"]).success(), @r#"
    S  ./  (changed too recently to tell)
    S  file  (changed too recently to tell)

    2 suspect: changed so shortly before the old snapshot that a later change may not show
    "#);
}

#[test]
fn a_time_in_the_future_makes_nothing_suspect() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    env.set_mtime("tree/file", 7_000_000_000);
    env.snap("a.snap");
    env.snap("b.snap");
    assert_eq!(env.changes("a.snap", "b.snap"), "");
}

#[test]
fn the_default_window_is_that_of_the_kernel_and_two_seconds_with_settle() {
    let env = TestEnv::new();
    let window = |more: &[&str]| {
        let run = env.run(["snap", "tree", "-o", "a.snap", "-q"].iter().chain(more));
        assert_eq!(run.success(), "");
        let info: serde_json::Value = serde_json::from_str(&env.run(["info", "a.snap", "--json"]).stdout).unwrap();
        info["racy_window_seconds"].as_f64().unwrap()
    };
    let centiseconds = |name: &str| -> f64 {
        std::fs::read_to_string(format!("/proc/sys/vm/{name}")).unwrap().trim().parse().unwrap()
    };
    let kernel = (centiseconds("dirty_expire_centisecs") + centiseconds("dirty_writeback_centisecs")) / 100.0;
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(close(window(&[]), kernel.max(2.0)));
    assert!(close(window(&["--settle"]), 2.0));
    assert!(close(window(&["--settle", "--racy-window", "500ms"]), 0.5));
    assert!(close(window(&["--racy-window", "15s"]), 15.0));
    assert!(close(window(&["--racy-window", "2min"]), 120.0));
    assert!(close(window(&["--racy-window", "7"]), 7.0));
}

#[test]
fn a_store_through_a_mapping_after_the_scan_is_in_the_next_diff() {
    let env = TestEnv::new();
    let path = env.write("tree/mapped", [0_u8; 4096]);
    env.settle();
    let stored = std::process::Command::new("python3")
        .args(["-c", STORES, crate::testenv::BINARY, path.to_str().unwrap()])
        .current_dir(env.path(""))
        .output();
    let Ok(stored) = stored else { return crate::testenv::skip("there is no python3 to map a file with") };
    assert!(stored.status.success(), "{}", String::from_utf8_lossy(&stored.stderr));
    assert_eq!(env.read("tree/mapped")[..3], *b"\x01\x02\x03");
    let run = env.run(["snap", "tree", "-o", "b.snap", "-q"]);
    assert_eq!(run.success(), "");
    let changes = env.changes("a.snap", "b.snap");
    assert!(changes.contains("S mapped") || changes.contains("M mapped"), "{changes}");
}

/// Dirties a page, takes a snapshot, stores into the page again: the second store sets no time.
const STORES: &str = "
import mmap, subprocess, sys
with open(sys.argv[2], 'r+b') as file, mmap.mmap(file.fileno(), 4096) as page:
    page[0] = 1
    page[1] = 2
    subprocess.run([sys.argv[1], 'snap', 'tree', '-o', 'a.snap', '-q'], check=True)
    page[2] = 3
";
