//! The script that is written for Duplicati: that it can be started as Duplicati starts it, passes on what the hook
//! says, and replaces nothing that is not its own.

use std::process::Command;

use super::hook::{Hooked, Told};
use crate::testenv::{Run, mode_of};

/// Writes the script to `name` in the test's directory.
fn install(hooked: &Hooked, name: &str, more: &[&str]) -> Run {
    hooked.other(&[&["hook", "install", "duplicati", "--job", "documents", "--to", name][..], more].concat())
}

/// Starts the script as Duplicati does: with its variables, without a shell, in a directory of its own.
#[track_caller]
fn start(hooked: &Hooked, name: &str) -> Told {
    let mut command = Command::new(hooked.env.path(name));
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").stdin(std::process::Stdio::null());
    hooked.in_environment(&mut command);
    Told::new(&hooked.env.finish(&mut command))
}

#[test]
fn the_script_is_one_that_duplicati_can_start() {
    let mut hooked = Hooked::new();
    hooked.write("a", "old");
    let said = install(&hooked, "script.sh", &[]).success();
    assert!(said.contains("run-script-before    [ROOT]/script.sh"), "{said}");
    assert!(said.contains("run-script-after") && said.contains("disable-filetime-check"), "{said}");
    assert_eq!(mode_of(&hooked.env.path("script.sh")) & 0o7777, 0o755);
    let told = start(&hooked, "script.sh");
    assert_eq!((told.code, told.refused()), (0, "there is no baseline yet"));
    hooked.run(&told.options, super::hook::Ending::Success);
    hooked.write("a", "new");
    let told = start(&hooked, "script.sh");
    assert_eq!(hooked.short(&told.options)[0], ["tree/", "tree/a"]);
}

#[test]
fn odd_paths_stand_in_the_script_as_they_are() {
    let hooked = Hooked::new();
    let odd = hooked.env.dir("it's $HOME `x` \"100%\" \\ dir");
    let config = odd.join("jobs of mine.toml");
    std::fs::rename(hooked.env.path("fastdiff.toml"), &config).unwrap();
    let mut command = hooked.env.command();
    command.args(["hook", "install", "duplicati", "--job", "documents", "--config"]).arg(&config);
    command.arg("--state-dir").arg(odd.join("state")).arg("--to").arg(odd.join("script"));
    hooked.env.finish(&mut command).success();
    let name = odd.join("script");
    let told = start(&hooked, name.to_str().unwrap());
    assert_eq!(told.refused(), "there is no baseline yet");
    assert!(odd.join("state/jobs/documents/state.json").exists());
}

#[test]
fn without_a_place_it_lies_beside_the_definitions() {
    let hooked = Hooked::new();
    hooked.other(&["hook", "install", "duplicati", "--job", "documents"]).success();
    assert!(hooked.env.path("duplicati-documents.sh").is_file());
    let printed = install(&hooked, "-", &[]).success();
    assert_eq!(
        printed.replace("[ROOT]", hooked.env.path("").to_str().unwrap()).as_bytes(),
        hooked.env.read("duplicati-documents.sh")
    );
}

#[test]
fn a_file_that_is_not_its_own_stays() {
    let hooked = Hooked::new();
    hooked.env.write("script.sh", "#!/bin/sh\necho mine\n");
    let message = install(&hooked, "script.sh", &[]).failure(2);
    assert!(message.contains("[ROOT]/script.sh exists, and this command did not write it"), "{message}");
    assert_eq!(hooked.env.read("script.sh"), b"#!/bin/sh\necho mine\n");
    hooked.env.dir("directory");
    install(&hooked, "directory", &[]).failure(2);
    install(&hooked, "own.sh", &[]).success();
    hooked.env.symlink("own.sh", "link.sh");
    install(&hooked, "link.sh", &[]).failure(2);
    // Its own it writes anew.
    install(&hooked, "own.sh", &["--skip-idle", "--nice", "--time-limit", "90s"]).success();
    let text = String::from_utf8(hooked.env.read("own.sh")).unwrap();
    assert!(text.contains(" --skip-idle --nice --time-limit 1m30s)"), "{text}");
}

#[test]
fn a_long_time_limit_has_to_be_told_to_duplicati_too() {
    let hooked = Hooked::new();
    let said = install(&hooked, "script.sh", &["--time-limit", "5min"]).success();
    assert!(said.contains("run-script-timeout   310s"), "{said}");
    assert!(!install(&hooked, "script.sh", &["--time-limit", "30s"]).success().contains("run-script-timeout"));
}

#[test]
fn a_job_that_cannot_have_a_list_is_told_so_at_once() {
    let hooked = Hooked::new();
    let unknown = hooked.other(&["hook", "install", "duplicati", "--job", "other"]).failure(2);
    assert!(unknown.contains("job other is not defined"), "{unknown}");
    hooked.define(&["--exclude", "*.tmp"]);
    let run = install(&hooked, "script.sh", &[]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr.starts_with("fastdiff: note: Duplicati will get no list until this is changed: "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("\"*.tmp\""), "{}", run.stderr);
    let toml = hooked.env.path("fastdiff.toml");
    let text = std::fs::read_to_string(&toml).unwrap().replace("duplicati", "restic");
    std::fs::write(toml, text).unwrap();
    let other = install(&hooked, "script.sh", &[]).failure(2);
    assert!(other.contains("is for restic"), "{other}");
}

#[test]
fn the_script_lets_duplicati_go_on_whatever_becomes_of_the_program() {
    let hooked = Hooked::new();
    install(&hooked, "script.sh", &[]).success();
    let script = String::from_utf8(hooked.env.read("script.sh")).unwrap();
    let program = crate::testenv::BINARY;
    assert!(script.contains(program), "{script}");
    for (instead, code) in [("/nowhere/fastdiff", 127), ("/dev/null", 126)] {
        hooked.env.write("script.sh", script.replace(program, instead));
        assert_eq!(start(&hooked, "script.sh").refused(), format!("the hook ended with code {code}"));
    }
    // It printed half a list when it was killed: half a list is worse than none.
    let dying = "#!/bin/sh\necho '--changed-files=\"/half\"'\necho complaint >&2\nkill -9 $$\n";
    let path = hooked.env.write("dying", dying);
    hooked.env.chmod("dying", 0o755);
    hooked.env.write("script.sh", script.replace(program, path.to_str().unwrap()));
    assert_eq!(start(&hooked, "script.sh").refused(), "the hook ended with code 137");
}

#[test]
fn what_cannot_be_started_is_no_idle_run() {
    let hooked = Hooked::new().going();
    install(&hooked, "script.sh", &["--skip-idle"]).success();
    let program = env!("CARGO_BIN_EXE_fastdiff");
    let script = String::from_utf8(hooked.env.read("script.sh")).unwrap();
    // As a loader ends that does not find a version of a library.
    let path = hooked.env.write("broken", "#!/bin/sh\nexit 1\n");
    hooked.env.chmod("broken", 0o755);
    hooked.env.write("script.sh", script.replace(program, path.to_str().unwrap()));
    assert_eq!(start(&hooked, "script.sh").refused(), "the hook ended with code 1");
}

#[test]
fn the_script_skips_idle_runs_only_where_that_was_asked_for() {
    let mut hooked = Hooked::new().going();
    // The tree was made just now, so that all of it is suspect unless the window is short.
    for (more, code) in [(&["--skip-idle"][..], 1), (&[], 0)] {
        hooked.round();
        install(&hooked, "script.sh", more).success();
        let text = String::from_utf8(hooked.env.read("script.sh")).unwrap();
        hooked.env.write("script.sh", text.replace("--job", "--racy-window 0 --job"));
        hooked.env.settle();
        let told = start(&hooked, "script.sh");
        assert_eq!(told.code, code, "{:?}", told.log);
        let last = told.log.iter().rfind(|line| !line.starts_with("source: "));
        assert!(last.unwrap().starts_with("nothing changed"), "{:?}", told.log);
        hooked.run(&told.options, super::hook::Ending::Success);
    }
}
