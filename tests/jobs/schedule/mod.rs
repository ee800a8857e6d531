//! `fastdiff job schedule`: what is printed installs something that each system's own programs understand and that
//! starts the job. systemctl, launchctl and crontab are stand-ins that note what they are told; nothing of the
//! machine's own is touched.

mod agents;
mod crontab;
mod units;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::testenv::{BINARY, Run, TestEnv, is_root, skip};

/// A directory name with whatever means something to a shell, to systemd, to XML or to cron.
const ODD: &str = "100% $HOME R&D <it's> %h ü;#";

/// A home with a job `documents` and the stand-ins first in its PATH.
struct Home {
    env: TestEnv,
    program: String,
    state: Option<&'static str>,
}

impl Home {
    fn new() -> Self {
        Self::at(BINARY.into(), None, TestEnv::new())
    }

    /// The program lies in a directory of that name, the state and the definitions in one with an odd name.
    fn odd(program: &str) -> Self {
        let env = TestEnv::new();
        let program = env.dir(program).join("fastdiff");
        fs::copy(BINARY, &program).unwrap();
        Self::at(program.to_str().unwrap().into(), Some(ODD), env)
    }

    fn at(program: String, state: Option<&'static str>, env: TestEnv) -> Self {
        for (name, script) in [
            ("systemctl", r#"echo systemctl "$@" >>"$HOME/told""#),
            ("launchctl", r#"echo launchctl "$@" >>"$HOME/told"; [ "$1" != bootout ]"#),
            (
                "crontab",
                r#"case $1 in -l) cat "$HOME/table" ;; -) cat >"$HOME/new"; mv "$HOME/new" "$HOME/table" ;; esac"#,
            ),
        ] {
            let file = env.write(format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        env.dir("home");
        env.dir("runtime");
        env.write("tree/letter", "Dear reader");
        let home = Self { env, program, state };
        let add = r#""$FASTDIFF" job add documents tree -- sh -c 'nice >>"$HOME/ran"; ionice -p $$ >>"$HOME/ran"'"#;
        let run = home.sh(add);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        home
    }

    /// Runs what a user types.
    fn sh(&self, script: &str) -> Run {
        let mut shell = self.env.shell(script);
        shell
            .env("HOME", self.env.path("home"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.env.path("bin").display()))
            .env("XDG_RUNTIME_DIR", self.env.path("runtime"))
            .env("TZ", "UTC")
            .env("FASTDIFF", &self.program);
        if let Some(state) = self.state {
            shell
                .env("FASTDIFF_STATE_DIR", self.env.path(state))
                .env("FASTDIFF_CONFIG", self.env.path(state).join("jobs.toml"));
        }
        self.env.finish(&mut shell)
    }

    /// The words with which the schedule starts the job, `run` included.
    fn words(&self) -> Vec<String> {
        let mut words = vec![self.program.clone(), "run".into(), "documents".into(), "--if-defined".into()];
        if let Some(state) = self.state {
            let state = self.env.path(state);
            for (option, value) in [("--config", state.join("jobs.toml")), ("--state-dir", state)] {
                words.extend([option.into(), value.to_str().unwrap().into()]);
            }
        }
        words
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.env.path(name)).unwrap()
    }

    /// Installs with the command that the guides name; returns what the system's own program was told.
    #[track_caller]
    fn install(&self, with: &str, every: &str) -> String {
        let run = self.sh(&format!(r#""$FASTDIFF" job schedule documents --every {every} --with {with} --user | sh"#));
        assert_eq!((run.code, run.stderr.as_str(), run.stdout.as_str()), (Some(0), "", ""));
        fs::read_to_string(self.env.path("home/told")).unwrap_or_default()
    }

    #[track_caller]
    fn refused(&self, args: &str) -> String {
        self.sh(&format!(r#""$FASTDIFF" job schedule {args}"#)).failure(2)
    }
}

/// The output of a program that may not be installed; then a visible skip.
fn witness(home: &Home, program: &str, script: &str) -> Option<String> {
    if home.sh(&format!("command -v {program}")).code != Some(0) {
        skip(&format!("{program} is not installed"));
        return None;
    }
    let run = home.sh(script);
    assert_eq!(run.code, Some(0), "{program}: {}{}", run.stdout, run.stderr);
    Some(run.stdout + &run.stderr)
}

#[test]
fn a_job_that_cannot_be_scheduled_is_refused_with_what_to_do() {
    let home = Home::new();
    home.sh(r#""$FASTDIFF" job add bare tree"#);
    home.sh(r#""$FASTDIFF" job add duplicati tree --consumer duplicati"#);
    let said =
        ["nobody --every 15min", "bare --every 15min", "duplicati --every 15min", "documents --every 7min --with cron"];
    insta::assert_snapshot!(said.map(|args| home.refused(args)).join("\n"), @r"
    fastdiff: error: job nobody is not defined in [ROOT]/home/.config/fastdiff/fastdiff.toml; `fastdiff job list` shows all jobs, `fastdiff job add` adds one
    fastdiff: error: no schedule for job bare: it has no command to run; give it one (`command` in its definition, `--` in `job add`)
    fastdiff: error: no schedule for job duplicati: Duplicati has its own scheduler, which calls `fastdiff hook duplicati`: set the interval there, or give the job a command (`command` in its definition, `--` in `job add`)
    fastdiff: error: no schedule for job documents: cron cannot run it every 7min, only every 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30min, 1, 2, 3, 4, 6, 8 or 12h, 1day or 7days
    ");
    let run = home.sh(r#""$FASTDIFF" job schedule documents --every 15"#);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(run.stderr.contains("write it as 15min"), "{}", run.stderr);
}

#[test]
fn a_place_that_no_schedule_can_hold_is_refused() {
    let home = Home::new();
    for (name, value) in [("FASTDIFF_STATE_DIR", r"a\nb"), ("FASTDIFF_CONFIG", r"a\377b"), ("PATH", r"/usr/bin:/\001")]
    {
        // The definition has to be found nevertheless.
        let script = format!(
            r#"odd=$(printf '{value}'); [ {name} != FASTDIFF_CONFIG ] || cp "$HOME"/.config/fastdiff/fastdiff.toml "$odd"
            export {name}="$odd"; "$FASTDIFF" job schedule documents --every 15min"#
        );
        let line = home.sh(&script).failure(2);
        assert!(
            line.contains("is not UTF-8 or has a control character in it, and a schedule cannot hold that"),
            "{line}"
        );
    }
}

#[test]
fn linux_has_systemd() {
    let home = Home::new();
    let default = home.sh(r#""$FASTDIFF" job schedule documents --every 15min"#).success();
    assert_eq!(default, home.sh(r#""$FASTDIFF" job schedule documents --every 15min --with systemd"#).success());
}

/// The names below a directory, files alone.
fn files_below(env: &TestEnv, dir: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in if env.path(dir).is_dir() { env.names(dir) } else { Vec::new() } {
        let name = format!("{dir}/{name}");
        if env.path(&name).is_dir() { found.extend(files_below(env, &name)) } else { found.push(name) }
    }
    found
}

#[test]
fn what_was_installed_is_removed_again_also_after_its_job() {
    for with in ["systemd", "launchd", "cron"] {
        let home = Home::new();
        home.env.write("home/table", "# mine\n");
        let before = (files_below(&home.env, "home"), home.read("home/table"));
        home.install(with, "15min");
        assert_ne!((files_below(&home.env, "home"), home.read("home/table")), before, "{with}");
        let removed = home.sh(r#""$FASTDIFF" job remove documents"#);
        assert!(removed.stderr.contains("`fastdiff job schedule documents --remove | sh` removes its timer"));
        // Again, with nothing left.
        for _ in 0..2 {
            home.env.write("home/told", "");
            let run = home.sh(&format!(r#""$FASTDIFF" job schedule documents --remove --user --with {with} | sh"#));
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{with}");
            let told = home.read("home/told");
            fs::remove_file(home.env.path("home/told")).unwrap();
            assert_eq!((files_below(&home.env, "home"), home.read("home/table")), before, "{with}");
            assert!(!told.contains("disable") || told.contains("disable --now fastdiff-documents.timer"), "{told}");
        }
    }
    let home = Home::new();
    let windows = home.sh(r#""$FASTDIFF" job schedule documents --remove --with windows"#).success();
    assert_eq!(windows, "schtasks /Delete /F /TN \"fastdiff documents\"\n");
}

#[test]
fn the_printed_line_uninstalls() {
    let home = Home::new();
    let text = home.sh(r#""$FASTDIFF" job schedule documents --every 15min --user"#).success();
    let line = text.lines().find_map(|line| line.strip_prefix("# To uninstall: ")).unwrap();
    assert!(line.starts_with("fastdiff job schedule documents --remove") && line.ends_with("| sh"), "{line}");
    home.install("systemd", "15min");
    let run = home.sh(&format!("fastdiff() {{ \"$FASTDIFF\" \"$@\"; }}; {line}"));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert!(home.read("home/told").contains("systemctl --user disable --now fastdiff-documents.timer\n"));
}

#[test]
fn the_system_runs_the_job_as_the_user_who_asked() {
    let home = Home::new();
    for (with, place) in [("systemd", "/etc/systemd/system"), ("launchd", "/Library/LaunchDaemons")] {
        let script = home.sh(&format!(r#""$FASTDIFF" job schedule documents --every 15min --system --with {with}"#));
        if with == "launchd" && !is_root() {
            assert_eq!(script.failure(2).split_once(": ").unwrap().0, "fastdiff");
            continue;
        }
        let script = script.success();
        // Nothing of the machine is touched.
        let script = script.replace(place, home.env.path("home/units").to_str().unwrap());
        let script = script.replace("[ROOT]", home.env.path("").to_str().unwrap());
        home.env.write("install", &script);
        let run = home.sh("sh ./install");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{script}");
    }
    let user = if is_root() { "root".to_owned() } else { rustix::process::geteuid().as_raw().to_string() };
    let service = home.read("home/units/fastdiff-documents.service");
    assert!(service.contains(&format!("\nUser={user}\n")), "{service}");
    let told = home.read("home/told");
    assert!(told.starts_with("systemctl daemon-reload\nsystemctl enable --now fastdiff-documents.timer\n"), "{told}");
    let verify = r#"systemd-analyze verify --man=no "$HOME"/units/fastdiff-documents.*"#;
    if let Some(complaints) = witness(&home, "systemd-analyze", verify) {
        assert_eq!(complaints, "");
    }
    if is_root() {
        assert!(told.contains("launchctl bootstrap system "), "{told}");
        let default = home.sh(r#""$FASTDIFF" job schedule documents --every 15min"#).success();
        assert!(default.contains("\ndir=/etc/systemd/system\n"), "root has no systemd of its own: {default}");
    }
    assert!(home.refused("documents --every 15min --system --with windows").contains("is for systemd and launchd"));
}

#[test]
fn a_timer_whose_job_was_removed_ends_with_a_word_and_one_whose_job_was_lost_with_an_error() {
    let home = Home::new();
    let due = r#""$FASTDIFF" run documents --if-defined"#;
    assert_eq!(home.sh(due).code, Some(0));
    fs::rename(home.env.path("home/.config"), home.env.path("config")).unwrap();
    assert!(home.sh(due).failure(125).contains("job documents is not defined"), "its state is there");
    fs::rename(home.env.path("config"), home.env.path("home/.config")).unwrap();
    home.sh(r#""$FASTDIFF" job remove documents"#);
    let run = home.sh(due);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        run.stderr,
        "fastdiff: note: job documents was removed; `fastdiff job schedule documents --remove | sh` removes its timer\n"
    );
    home.sh(&format!("{due} --quiet")).success();
    home.sh(r#""$FASTDIFF" run documents"#).failure(125);
    fs::remove_file(home.env.path("home/.config/fastdiff/fastdiff.toml")).unwrap();
    home.sh(due).failure(125);
}
