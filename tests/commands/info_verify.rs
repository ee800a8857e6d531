//! `info` and `verify`: what a snapshot holds, and whether it is undamaged.

use crate::testenv::{TestEnv, is_root};

fn snapshot_with_filters() -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/dir/file", "12345");
    env.symlink("x", "tree/link");
    env.fifo("tree/fifo");
    let filters = ["--exclude", "*.tmp", "--exclude-caches", "--exclude-if-present", ".skip", "-x"];
    assert_eq!(env.snap_with("a.snap", &filters).success_with_patterns(), "");
    env
}

#[test]
fn info_as_json_has_these_keys() {
    let env = snapshot_with_filters();
    let info: serde_json::Value = serde_json::from_str(&env.run(["info", "a.snap", "--json"]).success()).unwrap();
    let keys: Vec<_> = info.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "boundary",
        "bytes",
        "bytes_per_entry",
        "directories",
        "entries",
        "exclude",
        "exclude_caches",
        "exclude_if_present",
        "file_size",
        "file_systems",
        "files",
        "finished",
        "format_version",
        "hints_since",
        "host",
        "identity",
        "one_file_system",
        "other",
        "overlay_of",
        "racy",
        "racy_window_seconds",
        "root_digest",
        "roots",
        "roots_b64",
        "scan_fingerprint",
        "started",
        "symlinks",
        "system",
        "unknown",
        "walker",
        "watchman_clock",
    ];
    assert_eq!(keys, expected);
    assert_eq!(info["roots"], serde_json::json!(["[ROOT]/tree"]));
    assert_eq!(info["exclude"], serde_json::json!(["*.tmp"]));
    assert_eq!(info["exclude_if_present"], serde_json::json!([".skip"]));
    assert_eq!((&info["exclude_caches"], &info["one_file_system"]), (&true.into(), &true.into()));
    let counts = ["entries", "files", "directories", "symlinks", "other", "bytes", "racy", "unknown"];
    assert_eq!(counts.map(|key| info[key].as_u64().unwrap()), [5, 1, 2, 1, 1, 5, 0, 0]);
    assert_eq!(info["walker"], "native");
    assert_eq!(info["file_size"], env.path("a.snap").metadata().unwrap().len());
    let time = |key: &str| info[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(time("started") <= time("finished"));
    assert!(time("finished") <= jiff::Timestamp::now());
    assert!(!info["host"].as_str().unwrap().is_empty());
    assert_eq!(info["file_systems"].as_array().unwrap().len(), 1);
    assert!(!is_root() || !info["file_systems"][0]["identity"].as_str().unwrap().is_empty());
}

#[test]
fn roots_in_json_are_plain_text_and_lossless() {
    use base64::Engine as _;
    use std::os::unix::ffi::OsStrExt as _;
    let env = TestEnv::new();
    env.dir("größe \"x\"");
    env.run(["snap", "größe \"x\"", "-o", "a.snap", "-q"]).success();
    let info = |snapshot: &str| -> serde_json::Value {
        serde_json::from_str(&env.run(["info", snapshot, "--json"]).success()).unwrap()
    };
    let plain = info("a.snap");
    assert_eq!(plain["roots"], serde_json::json!(["[ROOT]/größe \"x\""]));
    assert!(plain["roots_b64"].is_null(), "text is all of it");
    let name = std::ffi::OsStr::from_bytes(b"\xff");
    env.dir(name);
    env.finish(env.command().arg("snap").arg(name).args(["-o", "b.snap", "-q"])).success();
    let raw = info("b.snap")["roots_b64"][0].as_str().unwrap().to_owned();
    let bytes = base64::engine::general_purpose::STANDARD.decode(raw).unwrap();
    assert_eq!(bytes, env.path(name).as_os_str().as_bytes());
}

#[test]
fn info_for_people_says_the_same() {
    let env = snapshot_with_filters();
    let info = env.run(["info", "a.snap"]).success();
    for line in [
        "root                [ROOT]/tree",
        "exclude             *.tmp",
        "exclude if present  .skip",
        "exclude caches      yes",
        "one file system     yes",
        "walker              native",
        "entries             5",
        "files               1 with 5 B",
        "directories         2",
        "symlinks            1",
        "others              1",
        "racy                0",
        "unknown             0",
        "racy window         0s",
        "format version      4",
    ] {
        assert!(info.lines().any(|l| l == line), "{line:?} is missing in\n{info}");
    }
}

#[test]
fn patterns_in_info_cannot_command_the_terminal() {
    let env = TestEnv::new();
    assert_eq!(env.snap_with("a.snap", &["--exclude", "\u{1b}31m"]).success_with_patterns(), "");
    assert!(!env.run(["info", "a.snap"]).success().contains('\u{1b}'));
}

#[test]
fn equal_trees_have_equal_digests_and_other_questions_other_fingerprints() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    let info = |snapshot: &str, key: &str| -> String {
        let info: serde_json::Value = serde_json::from_str(&env.run(["info", snapshot, "--json"]).stdout).unwrap();
        info[key].as_str().unwrap().to_owned()
    };
    env.snap("a.snap");
    env.snap("b.snap");
    assert_eq!(env.snap_with("c.snap", &["--exclude", "*.tmp"]).success_with_patterns(), "");
    assert_eq!(info("a.snap", "root_digest"), info("b.snap", "root_digest"));
    assert_eq!(info("a.snap", "root_digest"), info("c.snap", "root_digest"));
    assert_eq!(info("a.snap", "scan_fingerprint"), info("b.snap", "scan_fingerprint"));
    assert_ne!(info("a.snap", "scan_fingerprint"), info("c.snap", "scan_fingerprint"));
    env.chmod("tree/file", 0o600);
    env.snap("d.snap");
    assert_ne!(info("a.snap", "root_digest"), info("d.snap", "root_digest"));
}

#[test]
fn verify_says_what_it_went_through() {
    let env = snapshot_with_filters();
    let run = env.run(["verify", "a.snap"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    let says = "fastdiff: verified: a.snap: 5 entries in 3 directory records, ";
    assert!(run.stderr.starts_with(says), "{}", run.stderr);
    assert_eq!(env.run(["verify", "a.snap", "--quiet"]).success(), "");
}

#[test]
fn a_snapshot_of_an_account_with_everything_is_whole() {
    let env = TestEnv::new();
    env.write("a/file", "");
    env.write("b/file", "");
    for walker in ["native", "portable"] {
        let args = ["snap", "a", "b", "tree", "-o", "x.snap", "-q", "--walker", walker, "--settle"];
        assert_eq!(env.run(args).success(), "");
        assert_eq!(env.run(["verify", "x.snap", "-q"]).success(), "");
    }
}
