//! A service and a timer for the user's systemd, as a shell script that installs them.

use std::fmt::Write as _;

use super::super::super::quote;
use super::every::{Calendar, Every};
use super::{Manager, ROOT, Schedule, With, remover};

impl Manager {
    /// The directory of the units, for a shell.
    fn units(self) -> &'static str {
        match self {
            Self::User => "${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user",
            Self::System { .. } => "/etc/systemd/system",
        }
    }

    /// A program of systemd, and whose it is to ask.
    fn of(self, program: &str) -> String {
        match self {
            Self::User => format!("{program} --user"),
            Self::System { .. } => program.to_owned(),
        }
    }
}

pub(super) fn script(schedule: &Schedule) -> Result<String, String> {
    let (service, timer) = (service(schedule)?, timer(schedule));
    let (job, every) = (schedule.job, schedule.every);
    let unit = format!("fastdiff-{job}");
    let linger = match schedule.manager {
        Manager::User => {
            "# A user's timers run only while that user is logged in. To run them always: loginctl enable-linger\n"
        }
        Manager::System { .. } => "",
    };
    let (shell, remover, units) = (schedule.shell(), remover(schedule, With::Systemd), schedule.manager.units());
    let (systemctl, journalctl) = (schedule.manager.of("systemctl"), schedule.manager.of("journalctl"));
    Ok(format!(
        "\
# Runs job {job} every {every}: a service and a timer for systemd. To install them, pipe this to {shell}.
{linger}# To see the runs: fastdiff log {job}; their messages: {journalctl} -u {unit}.service
# To uninstall: {remover}
set -eu
dir={units}
mkdir -p \"$dir\"
cat >\"$dir/{unit}.service\" <<'END'
{service}END
cat >\"$dir/{unit}.timer\" <<'END'
{timer}END
{systemctl} daemon-reload
{systemctl} enable --now {unit}.timer
",
    ))
}

pub(super) fn removal(job: &str, manager: Manager) -> String {
    let (unit, units, systemctl) = (format!("fastdiff-{job}"), manager.units(), manager.of("systemctl"));
    format!(
        "\
# Removes the service and the timer of job {job}. To do so, pipe this to a shell of the user who installed them.
set -eu
dir={units}
[ ! -e \"$dir/{unit}.timer\" ] || {systemctl} disable --now {unit}.timer
rm -f \"$dir/{unit}.service\" \"$dir/{unit}.timer\"
{systemctl} daemon-reload
"
    )
}

fn service(schedule: &Schedule) -> Result<String, String> {
    let (program, arguments) = schedule.program_and_arguments();
    if program.contains(['"', '\'', '\\']) {
        return Err(format!("systemd cannot start a program whose path has a quote or a backslash in it: {program}"));
    }
    // systemd does not expand variables in the program's path.
    let mut command = word(program, false);
    for argument in arguments {
        command.push(' ');
        command.push_str(&word(argument, true));
    }
    let mut unit =
        format!("[Unit]\nDescription=fastdiff job {}\n\n[Service]\nType=oneshot\nExecStart={command}\n", schedule.job);
    match schedule.manager {
        Manager::User => {}
        // Without a user, it sets no HOME.
        Manager::System { user: ROOT } => unit.push_str("User=root\n"),
        // Writing to a string cannot fail.
        Manager::System { user } => drop(writeln!(unit, "User={user}")),
    }
    if let Some(path) = &schedule.path {
        // Writing to a string cannot fail.
        let _ = writeln!(unit, "Environment={}", word(&format!("PATH={path}"), false));
    }
    unit.push_str("Nice=19\nIOSchedulingClass=idle\n");
    // If fastdiff is stopped, it passes the signal on and waits for the command.
    unit.push_str("KillMode=mixed\n");
    let others: Vec<_> = schedule.success.iter().filter(|code| **code != 0).map(ToString::to_string).collect();
    if !others.is_empty() {
        let _ = writeln!(unit, "SuccessExitStatus={}", others.join(" "));
    }
    Ok(unit)
}

fn timer(schedule: &Schedule) -> String {
    let every = schedule.every;
    let when = match every.calendar() {
        Some(calendar) => format!("OnCalendar={}\nPersistent=true\n", on_calendar(calendar)),
        None => after_the_last(every),
    };
    format!(
        "[Unit]\nDescription=fastdiff job {} every {every}\n\n[Timer]\n{when}\n[Install]\nWantedBy=timers.target\n",
        schedule.job
    )
}

/// By the clock. If a run was missed because the machine slept or was off, it starts at once afterwards.
fn on_calendar(calendar: Calendar) -> String {
    match calendar {
        Calendar::Minutes(n) => format!("*:0/{n}"),
        Calendar::Hours(n) => format!("0/{n}:00"),
        Calendar::Day => "daily".into(),
        Calendar::Week => "weekly".into(),
    }
}

/// For an interval that no calendar can express. Time that the machine sleeps does not count.
fn after_the_last(every: Every) -> String {
    format!("OnActiveSec=1min\nOnUnitActiveSec={}s\n", every.seconds())
}

/// A word of a command line or an assignment. `%` starts a specifier. In the arguments of a command, `$` starts a
/// variable.
fn word(text: &str, has_variables: bool) -> String {
    let mut escaped = text.replace('%', "%%").replace('\\', r"\\").replace('"', r#"\""#);
    if has_variables {
        escaped = escaped.replace('$', "$$");
    }
    let is_plain = !text.is_empty() && text.chars().all(quote::is_plain);
    if is_plain { escaped } else { format!("\"{escaped}\"") }
}

#[cfg(test)]
mod tests {
    use super::super::tests::schedule;
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_job_every_quarter_of_an_hour() {
        insta::assert_snapshot!(script(&schedule("15min")).expect("a script"), @r#"
        # Runs job documents every 15min: a service and a timer for systemd. To install them, pipe this to sh.
        # A user's timers run only while that user is logged in. To run them always: loginctl enable-linger
        # To see the runs: fastdiff log documents; their messages: journalctl --user -u fastdiff-documents.service
        # To uninstall: fastdiff job schedule documents --remove --user | sh
        set -eu
        dir=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
        mkdir -p "$dir"
        cat >"$dir/fastdiff-documents.service" <<'END'
        [Unit]
        Description=fastdiff job documents

        [Service]
        Type=oneshot
        ExecStart=/usr/local/bin/fastdiff run documents --if-defined
        Environment="PATH=/home/ada/bin:/usr/bin:/bin"
        Nice=19
        IOSchedulingClass=idle
        KillMode=mixed
        END
        cat >"$dir/fastdiff-documents.timer" <<'END'
        [Unit]
        Description=fastdiff job documents every 15min

        [Timer]
        OnCalendar=*:0/15
        Persistent=true

        [Install]
        WantedBy=timers.target
        END
        systemctl --user daemon-reload
        systemctl --user enable --now fastdiff-documents.timer
        "#);
    }

    #[test]
    fn odd_words_come_through_the_unit_as_they_are() {
        let mut odd = schedule("1h");
        odd.program = "/opt/100% $me/fast diff".into();
        odd.arguments = ["run", "--state-dir", r#"/a "b" \c $HOME %h it's"#, ""].map(String::from).to_vec();
        odd.path = Some("/usr/bin:/x y:$z%".into());
        odd.success = vec![0, 24, 3];
        let service = service(&odd).expect("a service");
        insta::assert_snapshot!(service, @r#"
        [Unit]
        Description=fastdiff job documents

        [Service]
        Type=oneshot
        ExecStart="/opt/100%% $me/fast diff" run --state-dir "/a \"b\" \\c $$HOME %%h it's" ""
        Environment="PATH=/usr/bin:/x y:$z%%"
        Nice=19
        IOSchedulingClass=idle
        KillMode=mixed
        SuccessExitStatus=24 3
        "#);
        odd.program = "/o'clock/fastdiff".into();
        let refused = script(&odd).expect_err("systemd refuses it");
        assert_eq!(
            refused,
            "systemd cannot start a program whose path has a quote or a backslash in it: /o'clock/fastdiff"
        );
    }

    #[test]
    fn an_odd_interval_counts_from_the_last_run() {
        insta::assert_snapshot!(timer(&schedule("90s")), @r"
        [Unit]
        Description=fastdiff job documents every 90s

        [Timer]
        OnActiveSec=1min
        OnUnitActiveSec=90s

        [Install]
        WantedBy=timers.target
        ");
    }

    #[test]
    fn every_even_interval_is_in_the_calendar() {
        let when = |every: &str| every.parse::<Every>().expect("an interval").calendar().map(on_calendar);
        let found = ["1min", "15min", "1h", "6h", "1day", "7days", "25min"].map(when);
        let expected =
            [Some("*:0/1"), Some("*:0/15"), Some("0/1:00"), Some("0/6:00"), Some("daily"), Some("weekly"), None];
        assert_eq!(found, expected.map(|e| e.map(String::from)));
    }
}
