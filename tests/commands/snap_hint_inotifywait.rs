//! `snap --hints` with the real inotifywait, by the scripts of docs/hints.md.

use std::os::unix::process::CommandExt as _;

use crate::testenv::{BINARY, TestEnv, on_disk, shown, skip};

/// The scripts of the section: the watcher, and a scan.
fn scripts(env: &TestEnv) -> [String; 2] {
    let page = include_str!("../../docs/hints.md");
    let section = page.split("\n## inotifywait\n").nth(1).expect("the section");
    let mut blocks = vec![String::new()];
    for line in section.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(code), Some(block)) => {
                block.push_str(code);
                block.push('\n');
            }
            (None, Some(block)) if !block.is_empty() => blocks.push(String::new()),
            _ => {}
        }
    }
    let tree = env.path("tree").display().to_string();
    let script = |block: &String| {
        let ours = block.replace("~/data", &tree).replace("fastdiff ", &format!("{BINARY} "));
        ours.replace("--hints -", "--hints - --audit 0 --racy-window 0 -q")
    };
    let [watcher, scan, _] = &blocks[..] else { panic!("two blocks: {blocks:?}") };
    [watcher, scan].map(script)
}

/// The watcher, with the programs that it started.
struct Watching(std::process::Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

#[test]
fn the_scripts_for_inotifywait_miss_nothing() {
    for program in ["/usr/bin/inotifywait", "/usr/bin/jq", "/bin/bash"] {
        if !std::path::Path::new(program).exists() {
            return skip(&format!("{program} is not installed"));
        }
    }
    let env = TestEnv::new();
    for file in ["a/x", "b/x", "c/sub/x", "with\nbreak/x", "d/x"] {
        env.write(format!("tree/{file}"), "1");
    }
    env.symlink("a", "tree/link");
    let [watcher, scan] = scripts(&env);
    let bash = |script: &str| {
        let mut command = env.shell("exec /bin/bash -c \"$SCRIPT\"");
        command.env("SCRIPT", script);
        command
    };
    let mut watching = Watching(bash(&watcher).process_group(0).spawn().unwrap());
    let is_established = || {
        let messages = std::fs::read(env.path("watch/messages")).unwrap_or_default();
        messages.windows(19).any(|words| words == b"Watches established")
    };
    while !is_established() {
        assert!(watching.0.try_wait().unwrap().is_none(), "the watcher ended");
        std::thread::yield_now();
    }
    env.snap("old.snap");
    let rounds: [&[&str]; 4] = [
        &["echo 2 >>tree/a/x", "mkdir -p tree/new/deep; echo 1 >tree/new/deep/file; echo 1 >tree/new/file"],
        &["echo 2 >>tree/link/x", "ln -s b tree/s; echo 2 >>tree/s/x; rm tree/s", "echo 3 >>tree/b/x"],
        &["mv tree/c tree/moved; echo 2 >>tree/moved/sub/x", "rm -r tree/new", "echo 2 >>\"tree/with\nbreak/x\""],
        &["chmod 700 tree/d", "touch -d 2001-01-01 tree/d/x", "ln tree/d/x tree/a/y; echo 2 >>tree/a/y"],
    ];
    for (number, commands) in rounds.iter().enumerate() {
        for command in *commands {
            assert_eq!(env.finish(&mut bash(command)).code, Some(0), "{command}");
        }
        let run = env.finish(&mut bash(&format!("{scan}echo done")));
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("done\n", ""), "round {number}");
        assert!(!env.path("new.snap").exists(), "the scan went well");
        assert!(shown(&env, "old.snap") == on_disk(&env.path("tree")), "round {number}");
    }
}
