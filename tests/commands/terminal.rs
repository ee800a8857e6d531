//! What is different on a terminal: colours, and progress.

use std::process::Command;

use crate::testenv::{BINARY, TestEnv, skip};

/// What a terminal gets of a run, through script(1); none and a visible skip without it.
fn on_a_terminal(env: &TestEnv, args: &str, variables: &[(&str, &str)]) -> Option<String> {
    let mut command = Command::new("/usr/bin/script");
    command.env_clear().env("TERM", "xterm").env("SHELL", "/bin/sh").env("PATH", "/usr/bin:/bin");
    command.envs(variables.iter().copied()).current_dir(env.path(""));
    command.args(["--quiet", "--return", "--command", &format!("{BINARY} {args}"), "/dev/null"]);
    match command.output() {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{text}");
            Some(text)
        }
        Err(e) => {
            skip(&format!("there is no script(1) to make a terminal: {e}"));
            None
        }
    }
}

const ESCAPE: char = '\u{1b}';

#[test]
fn text_has_colours_on_a_terminal_unless_nobody_wants_them() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.write("tree/new", "");
    env.write("tree/\u{1b}[31mred", "");
    env.snap("b.snap");
    let Some(colored) = on_a_terminal(&env, "diff a.snap b.snap", &[]) else { return };
    assert!(colored.contains(&format!("{ESCAPE}[32mA{ESCAPE}[0m  ")), "{colored:?}");
    assert!(!colored.contains(&format!("{ESCAPE}[31m")), "a name cannot bring its own: {colored:?}");
    for (args, variables) in [
        ("diff a.snap b.snap", &[("NO_COLOR", "1")][..]),
        ("diff a.snap b.snap", &[("TERM", "dumb")]),
        ("diff a.snap b.snap --emit name-status", &[]),
        ("diff a.snap b.snap --emit json", &[]),
        ("show b.snap", &[]),
    ] {
        let plain = on_a_terminal(&env, args, variables).unwrap();
        assert!(!plain.contains(ESCAPE), "{args} {variables:?}: {plain:?}");
        assert!(plain.contains("tree/new"), "{args}: {plain:?}");
    }
}

#[test]
fn what_turns_the_direction_of_text_is_escaped_on_a_terminal() {
    let env = TestEnv::new();
    env.snap("a.snap");
    env.write("tree/a\u{202e}gpj.exe\u{2066}\u{61c}", "");
    env.snap("b.snap");
    let turns = ['\u{202e}', '\u{2066}', '\u{61c}'];
    for args in [
        "diff a.snap b.snap --emit json",
        "show b.snap --json",
        "diff a.snap b.snap --emit paths",
        "diff a.snap b.snap",
    ] {
        let Some(shown) = on_a_terminal(&env, args, &[]) else { return };
        assert!(shown.contains("gpj.exe") && !shown.contains(turns), "{args}: {shown:?}");
    }
    let shown = on_a_terminal(&env, "show b.snap --json", &[]).unwrap();
    let line: serde_json::Value = serde_json::from_str(shown.lines().nth(1).unwrap()).unwrap();
    assert!(line["path"].as_str().unwrap().ends_with("/a\u{202e}gpj.exe\u{2066}\u{61c}"), "the same name: {line}");
    let piped = env.run(["show", "b.snap", "--json"]).success();
    assert!(piped.contains('\u{202e}'), "for programs a name is what it is: {piped:?}");
}

#[test]
fn quiet_is_quiet_on_a_terminal_too() {
    let env = TestEnv::new();
    crate::testenv::tree_of_many_files(&env, 1000);
    let Some(said) = on_a_terminal(&env, "snap tree -o a.snap --quiet", &[]) else { return };
    assert_eq!(said, "");
    let summary = on_a_terminal(&env, "snap tree -o a.snap", &[]).unwrap();
    assert!(summary.contains("fastdiff: snapshot: a.snap: 1,006 entries"), "{summary:?}");
}

#[test]
fn the_progress_line_leaves_the_cursor_at_its_start() {
    let env = TestEnv::new();
    crate::testenv::tree_of_many_files(&env, 30_000);
    let Some(said) = on_a_terminal(&env, "snap tree -o a.snap --threads 1", &[]) else { return };
    let drawn: Vec<_> = said.split("\r\u{1b}[2K").filter(|line| line.contains(" entries, ")).collect();
    if drawn.is_empty() {
        return skip("the walk ended before any progress was shown");
    }
    // If the cursor stayed at the end of a line that is as wide as the terminal, a `^C` would go to the next line.
    for line in drawn {
        assert!(line.ends_with('\r') || line.ends_with("\r "), "{line:?}");
    }
}
