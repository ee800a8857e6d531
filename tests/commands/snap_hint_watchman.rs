//! `snap --hints` with the real watchman, as docs/hints.md says, and what it does not say by itself.

use super::snap_hinted_places::is_as_full;
use crate::testenv::{TestEnv, on_disk, shown, skip};

/// A server of its own, so that nothing is left behind.
struct Watchman<'a> {
    env: &'a TestEnv,
    dir: &'static str,
    /// The server's own configuration.
    config: String,
}

impl<'a> Watchman<'a> {
    /// A server that watches the tree. None, and a visible skip, where watchman does not work.
    fn watching(env: &'a TestEnv, dir: &'static str, config: Option<&str>) -> Option<Self> {
        if !std::path::Path::new("/usr/bin/watchman").exists() {
            skip("watchman is not installed");
            return None;
        }
        let config = config.map(|text| env.write("config.json", text).display().to_string()).unwrap_or_default();
        let server = Self { env, dir, config };
        let watched = server.run("watch $PWD/tree");
        if watched.code == Some(0) {
            return Some(server);
        }
        skip(&format!("watchman does not work here: {}", watched.stdout));
        None
    }

    fn run(&self, command: &str) -> crate::testenv::Run {
        let dir = self.dir;
        self.env.dir(dir);
        let own = ["sockname", "statefile", "logfile", "pidfile"].map(|file| format!("--{file}=$PWD/{dir}/{file}"));
        // The server keeps open what it was started with.
        let script = format!(
            "watchman {} {command} >{dir}/out 2>&1 </dev/null; code=$?; cat {dir}/out; exit $code",
            own.join(" ")
        );
        let mut shell = self.env.shell(&script);
        if !self.config.is_empty() {
            shell.env("WATCHMAN_CONFIG_FILE", &self.config);
        }
        self.env.finish(shell.env("HOME", self.env.path(dir)).env("USER", "root"))
    }

    /// Takes a base with the clock of now, as the page says.
    fn base(&self, snap: &str) {
        self.env.write("clock", self.run("clock $PWD/tree").success());
        let run = self.env.snap_with(snap, &["--hints", "clock"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    }

    /// Writes the hints since a base, as the page says.
    fn hints(&self, base: &str) {
        let info: serde_json::Value = serde_json::from_str(&self.env.run(["info", base, "--json"]).success()).unwrap();
        let clock = info["watchman_clock"].as_str().unwrap_or_default();
        let commands = ["watch $PWD/tree", "get-config $PWD/tree", &format!("since $PWD/tree {clock}")];
        self.env.write("hints", commands.map(|command| self.run(command).bytes).concat());
    }
}

impl Drop for Watchman<'_> {
    fn drop(&mut self) {
        self.run("shutdown-server");
    }
}

#[test]
fn the_answers_of_the_real_watchman_are_used_as_hints() {
    let env = TestEnv::new();
    for number in 0..20 {
        env.write(format!("tree/{number:02}/sub/file"), "1");
    }
    let Some(watchman) = Watchman::watching(&env, "wm", None) else { return };
    watchman.base("base.snap");
    env.write("tree/03/sub/file", "22");
    env.write("tree/21/new/file", "22");
    env.remove("tree/05/sub");
    watchman.hints("base.snap");
    let run = env.snap_with("new.snap", &["--base", "base.snap", "--hints", "hints", "--audit", "0"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{}", String::from_utf8_lossy(&env.read("hints")));
    assert!(shown(&env, "new.snap") == on_disk(&env.path("tree")));
    // The server was restarted: its clock proves nothing.
    drop(watchman);
    // The old one may take a while to go.
    let Some(anew) = Watchman::watching(&env, "anew", None) else { return };
    anew.hints("new.snap");
    let run = env.snap_with("last.snap", &["--base", "new.snap", "--hints", "hints", "--audit", "0"]);
    assert!(run.stderr.contains("so everything was read: watchman"), "{}", run.stderr);
}

#[test]
fn what_watchman_leaves_out_is_read_anyway() {
    let cases = [
        (None, None),
        (Some(r#"{"ignore_dirs": ["d/cache", "e"], "ignore_vcs": ["vc"]}"#), None),
        (None, Some(r#"{"ignore_dirs": ["d/cache", "e"], "ignore_vcs": ["vc"]}"#)),
    ];
    for (own, global) in cases {
        let env = TestEnv::new();
        let files = [".git/refs/heads/main", ".hg/store/x", ".svn/a/b", "vc/deep/x", "d/cache/sub/x", "e/x", "f/x"];
        for file in files {
            env.write(format!("tree/{file}"), "1");
        }
        if let Some(own) = own {
            env.write("tree/.watchmanconfig", own);
        }
        let Some(watchman) = Watchman::watching(&env, "wm", global) else { return };
        watchman.base("0.snap");
        for file in files {
            env.write(format!("tree/{file}"), "22");
        }
        env.write("tree/.git/refs/heads/mine", "");
        watchman.hints("0.snap");
        if global.is_none() {
            assert_eq!(is_as_full(&env, "0.snap", &[]), "");
            continue;
        }
        // The server does not tell where it has its own configuration from. It may have been written in the second in
        // which the server was started.
        env.settle();
        let args = ["snap", "tree", "-o", "1.snap", "-q", "--racy-window", "0", "--base", "0.snap", "--hints", "hints"];
        let mut command = env.command();
        let run = env.finish(command.args(args).args(["--audit", "0"]).env("WATCHMAN_CONFIG_FILE", &watchman.config));
        assert!(run.stderr.is_empty() || run.stderr.contains("own configuration changed"), "{}", run.stderr);
        assert!(shown(&env, "1.snap") == on_disk(&env.path("tree")));
    }
}

#[test]
fn answers_that_may_leave_something_out_are_no_proof() {
    let env = TestEnv::new();
    env.write("tree/d/x", "1");
    env.write("tree/e/x", "1");
    env.write("tree/sub/e/x", "1");
    let Some(watchman) = Watchman::watching(&env, "wm", None) else { return };
    watchman.base("0.snap");
    env.write("tree/d/x", "22");
    env.write("tree/e/x", "22");
    watchman.hints("0.snap");
    let told = |hints: &[u8]| {
        env.write("hints", hints);
        is_as_full(&env, "0.snap", &[])
    };
    let whole = env.read("hints");
    assert_eq!(told(&whole), "");
    let text = String::from_utf8(whole).unwrap();
    let answers: Vec<_> = text.split_inclusive("\n}\n").collect();
    let [watch, config, since] = answers[..] else { panic!("three answers: {text}") };
    assert!(told(since.as_bytes()).contains("`watchman get-config` are missing"));
    assert!(told([watch, since].concat().as_bytes()).contains("`watchman get-config` are missing"));
    let query = since.replace("cclock", "other").replace("d/x", "d/other");
    assert!(told([watch, config, &query].concat().as_bytes()).contains("only an answer of `watchman since`"));
    let names = format!(
        r#"{{"clock": {}, "files": ["e/x"]}}"#,
        since.rsplit_once("\"clock\":").unwrap().1.trim_end_matches("}\n")
    );
    assert!(
        told([watch, config, &names].concat().as_bytes()).contains("only an answer of `watchman since`"),
        "{names}"
    );
    let part = watch.replace("/tree\"", "/tree/sub\"");
    assert!(told([&part, config, since].concat().as_bytes()).contains("watches only a part"));
}
