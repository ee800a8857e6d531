//! What becomes of the command that takes a list: refused, said to be not checked, or counted.

use std::io::Read as _;
use std::process::{Command, Stdio};

use super::program;
use crate::testenv::{Run, TestEnv};

fn command(env: &TestEnv, args: &[&str]) -> Command {
    let mut command = env.command();
    command.env("FASTDIFF_STATE_DIR", env.path("state")).env("FASTDIFF_CONFIG", env.path("fastdiff.toml"));
    command.env("PATH", format!("{}:/usr/bin:/bin", env.path("bin").display())).args(args);
    command
}

fn run(env: &TestEnv, args: &[&str]) -> Run {
    env.settle();
    env.finish(&mut command(env, args))
}

/// An environment with ten files.
fn ten_files() -> TestEnv {
    let env = TestEnv::new();
    for number in 0..10 {
        env.write(format!("tree/{number}"), "x");
    }
    env
}

/// A program that stands in for another one.
fn stand_in(env: &TestEnv, name: &str, script: &str) {
    env.write(format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
    env.chmod(format!("bin/{name}"), 0o755);
}

const WRONG: &[&str] = &["rsync", "-a", "--files-from={all}", "{root}", "copy/"];
const RIGHT: &[&str] =
    &["rsync", "-aHI0", "--stats", "--files-from={all}", "--del", "--delete-missing-args", "{root}/", "copy/"];

/// Adds the job `j` with the right command, whose destination must not depend on the current directory.
#[track_caller]
fn add_right(env: &TestEnv) {
    let copy = format!("{}/", env.path("copy").display());
    let words: Vec<_> = RIGHT.iter().map(|word| if *word == "copy/" { copy.as_str() } else { word }).collect();
    run(env, &[&["job", "add", "j", "tree", "--consumer=rsync", "--"], &words[..]].concat()).success();
}

#[test]
fn a_command_that_stores_nothing_is_refused_at_both_doors_unless_insisted_on() {
    if program("rsync").is_none() {
        return;
    }
    let env = ten_files();
    let add = ["job", "add", "j", "tree", "--consumer=rsync"];
    let line = run(&env, &[&add[..], &["--"], WRONG].concat()).failure(2);
    let paste =
        "use `rsync -aHI --modify-window=-1 --from0 --files-from={all} --delete-missing-args --force {root}/ copy/`";
    assert!(line.contains("rsync lacks --from0") && line.contains(paste), "{line}");
    assert!(line.contains("pass --unchecked"), "{line}");
    assert!(!env.path("fastdiff.toml").exists());
    run(&env, &[&add[..], &["--unchecked", "--"], WRONG].concat()).success();
    let text = String::from_utf8(env.read("fastdiff.toml")).unwrap();
    assert!(text.contains("\nunchecked = true\n"), "{text}");
    assert_eq!(run(&env, &["run", "j", "-q"]).code, Some(0));
    // What was insisted on, is done: rsync ends the list at the first NUL.
    assert!(!env.path("copy/5").exists());
    env.write("fastdiff.toml", text.replace("unchecked = true\n", ""));
    let line = run(&env, &["run", "j", "-q", "--full"]).failure(125);
    assert!(line.contains("rsync lacks --from0") && line.contains(paste), "{line}");
    assert_eq!(run(&env, &["run", "j", "-q", "--full", "--unchecked"]).code, Some(0));
    assert_eq!(run(&env, &[&["run", "j", "-q", "--full", "--"], RIGHT].concat()).code, Some(0));
    assert_eq!(env.read("copy/5"), b"x");
}

#[test]
fn what_was_not_checked_is_said_once_for_each_command() {
    let env = ten_files();
    stand_in(&env, "mine", "cat \"$1\" >/dev/null");
    let add = run(&env, &["job", "add", "j", "tree", "--consumer=rsync", "--", "sh", "-c", "mine {all}"]);
    assert!(add.code == Some(0) && add.stderr.contains("cat is not a program that is known here"), "{}", add.stderr);
    let said = |more: &[&str]| {
        let run = run(&env, &[&["run", "j", "--always"], more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr.contains("the command was not checked, or not all of it")
    };
    assert!(said(&[]) && !said(&[]) && !said(&[]));
    assert!(said(&["--", "mine", "{changed}"]) && !said(&["--", "mine", "{changed}"]));
    assert!(!said(&["--unchecked", "--", "mine", "{changed}", "x"]));
    let quiet = run(&env, &["run", "j", "--always", "-q", "--", "mine", "{all}", "y"]);
    assert!(quiet.code == Some(0) && !quiet.stderr.contains("not checked"), "{}", quiet.stderr);
    // Forms of the list are for any program.
    assert_eq!(run(&env, &["job", "add", "k", "tree", "--", "mine", "{all}"]).success(), "");
}

#[test]
fn the_count_of_the_program_is_compared_with_the_list_and_its_output_is_passed_on_as_it_is() {
    let env = ten_files();
    add_right(&env);
    for (says, warns, fails) in [
        ("Number of files: 11 (reg: 10, dir: 1)", false, false),
        ("Number of files: 1,000 (reg: 990, dir: 10)", false, false),
        ("Number of files: 10 (reg: 9, dir: 1)", false, false),
        ("Number of files: 9 (reg: 8, dir: 1)", true, false),
        ("Number of files: 1 (dir: 1)", true, true),
        ("Number of files: 0", true, true),
        // Before rsync 3.1, and on macOS, directories count too: it says nothing.
        ("Number of files: 1", false, false),
        ("nothing about files", false, false),
    ] {
        // Not a line at the end, bytes that are no text, and a process that keeps the output open.
        stand_in(&env, "rsync", &format!("printf '\\377\\n{says}\\nend'; sleep 60 2>/dev/null &"));
        let run = run(&env, &["run", "j", "-q", "--full"]);
        let expected = [b"\xff\n", says.as_bytes(), b"\nend"].concat();
        assert_eq!(run.bytes, expected, "{says}");
        assert_eq!(run.stderr.contains("rsync says that it stored"), warns, "{says}: {}", run.stderr);
        assert_eq!(run.code, Some(if fails { 125 } else { 0 }), "{says}: {}", run.stderr);
        assert_eq!(run.stderr.contains("does not become the baseline"), fails, "{says}: {}", run.stderr);
    }
    stand_in(&env, "rsync", "echo 'Number of files: 0'; exit 5");
    assert_eq!(run(&env, &["run", "j", "-q", "--full"]).code, Some(5));
}

#[test]
fn a_reader_that_goes_away_ends_the_program_as_it_would_without_us() {
    let env = ten_files();
    add_right(&env);
    stand_in(&env, "rsync", "while echo x; do :; done; exit 7");
    env.settle();
    let mut child = command(&env, &["run", "j", "-q"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    // The shell is ended by SIGPIPE.
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn an_output_that_does_not_wait_gets_everything() {
    let env = ten_files();
    add_right(&env);
    stand_in(&env, "rsync", "head -c 300000 /dev/zero; echo end");
    let (mut reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut child = command(&env, &["run", "j", "-q"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.len(), child.wait().unwrap().code()), (300_004, Some(0)));
}

#[test]
fn the_counts_of_the_real_programs_are_read() {
    let env = ten_files();
    let root = env.path("tree");
    let root = root.to_str().unwrap();
    let restic: &[&str] =
        &["env", "RESTIC_PASSWORD=x", "restic", "-r", "restic", "backup", "--files-from-raw", "{changed}"];
    let borg: &[&str] = &[
        "env",
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes",
        "borg",
        "create",
        "--stats",
        "--paths-from-command",
        "--paths-delimiter",
        r"\0",
        "borg::{now:%f}",
        "--",
        "cat",
        "{changed}",
    ];
    let rclone: &[&str] = &["rclone", "copy", "-vlI", "--config=", "--files-from-raw", "{changed}", root, "copy"];
    let all: [(&str, &[&str], &str); 4] = [
        ("rsync", RIGHT, "true"),
        ("restic", restic, "RESTIC_PASSWORD=x restic init -q -r restic"),
        ("borg", borg, "borg init -e none borg"),
        ("rclone", rclone, "true"),
    ];
    for (name, words, prepare) in all {
        if program(name).is_none() {
            continue;
        }
        super::script(&env, prepare);
        env.write("fastdiff.toml", format!("[jobs.{name}]\nroots = [{root:?}]\nconsumer = \"{name}\"\n"));
        let good = run(&env, &[&["run", name, "-q", "--"], words].concat());
        assert_eq!(good.code, Some(0), "{name}: {}{}", good.stdout, good.stderr);
        assert!(!good.stderr.contains("says that it stored"), "{name}: {}", good.stderr);
        let all = [good.bytes, good.stderr.into_bytes()].concat();
        let consumer = fastdiff::consumers::find(name).unwrap();
        let counts: Vec<_> =
            all.split(|b| matches!(b, b'\n' | b'\r')).filter_map(|l| consumer.stored_files(l)).collect();
        assert_eq!(counts.last(), Some(&10), "{name}: {}", String::from_utf8_lossy(&all));
    }
}

#[test]
fn a_missing_pair_of_dashes_is_named() {
    let env = ten_files();
    for args in [
        &["job", "add", "docs", "tree", "rsync", "-aHI", "{root}/", "copy/"][..],
        &["run", "docs", "rsync", "-aHI", "{root}/", "copy/"],
    ] {
        let run = run(&env, args);
        let expected = "`--` is missing before the command: -- rsync -aHI '{root}/' copy/";
        assert!(run.stderr.contains(expected) && !run.stderr.contains("as a value"), "{}", run.stderr);
        assert_eq!(run.code, Some(if args[0] == "run" { 125 } else { 2 }));
    }
    let line = run(&env, &["job", "add", "docs", "tree", "cat", "{all}"]).failure(2);
    assert!(line.contains("`--` is missing before the command: -- cat '{all}'"), "{line}");
    let run = run(&env, &["begin", "docs", "--json"]);
    assert!(run.stderr.contains("unexpected argument '--json' found") && !run.stderr.contains("tip"), "{}", run.stderr);
}
