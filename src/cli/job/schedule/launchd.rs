//! An agent for launchd (macOS), as a shell script that installs it.

use std::fmt::Write as _;

use super::super::super::quote;
use super::every::Calendar;
use super::{Manager, Schedule, With, remover};

pub(super) fn script(schedule: &Schedule) -> String {
    let label = format!("fastdiff.{}", schedule.job);
    let plist = plist(schedule, &label);
    let (dir, domain) = place(schedule.manager);
    let (job, every, program) = (schedule.job, schedule.every, &schedule.program);
    let remover = remover(schedule, With::Launchd);
    format!(
        "\
# Runs job {job} every {every}: an agent for launchd. To install it, pipe this to sh.
# macOS protects Documents, Desktop and other directories. To give access to them, open System Settings,
# Privacy & Security, Full Disk Access, and add {program}
# To see the runs: fastdiff log {job}
# To uninstall: {remover}
set -eu
mkdir -p \"{dir}\"
cat >\"{dir}/{label}.plist\" <<'END'
{plist}END
launchctl bootout \"{domain}/{label}\" 2>/dev/null || true
launchctl bootstrap \"{domain}\" \"{dir}/{label}.plist\"
"
    )
}

/// The directory of the file and the domain of launchd, for a shell: agents of a user, or daemons.
fn place(manager: Manager) -> (&'static str, &'static str) {
    match manager {
        Manager::User => ("$HOME/Library/LaunchAgents", "gui/$(id -u)"),
        Manager::System { .. } => ("/Library/LaunchDaemons", "system"),
    }
}

pub(super) fn removal(job: &str, manager: Manager) -> String {
    let ((dir, domain), label) = (place(manager), format!("fastdiff.{job}"));
    format!(
        "\
# Removes the agent of job {job}. To do so, pipe this to sh.
set -eu
launchctl bootout \"{domain}/{label}\" 2>/dev/null || true
rm -f \"{dir}/{label}.plist\"
"
    )
}

fn plist(schedule: &Schedule, label: &str) -> String {
    let mut dict = String::new();
    let mut add = |key: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(dict, "    <key>{key}</key>\n    {value}\n");
    };
    add("Label", &string(label));
    let (program, arguments) = schedule.program_and_arguments();
    let words: Vec<_> = std::iter::once(program).chain(arguments).map(string).collect();
    add("ProgramArguments", &array(&words));
    match schedule.every.calendar() {
        // By the clock. If the machine slept through runs, one run starts when it wakes.
        Some(calendar) => add("StartCalendarInterval", &array(&times(calendar))),
        // launchd skips runs while the machine sleeps.
        None => add("StartInterval", &format!("<integer>{}</integer>", schedule.every.seconds())),
    }
    if let Some(path) = &schedule.path {
        let path = string(path);
        add("EnvironmentVariables", &format!("<dict>\n        <key>PATH</key>\n        {path}\n    </dict>"));
    }
    if let Some(home) = &schedule.home {
        let log = string(&format!("{home}/Library/Logs/{label}.log"));
        add("StandardOutPath", &log);
        add("StandardErrorPath", &log);
    }
    add("Nice", "<integer>19</integer>");
    add("LowPriorityIO", "<true/>");
    format!(
        "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
<dict>
{dict}</dict>
</plist>
"
    )
}

fn array(values: &[String]) -> String {
    format!("<array>\n        {}\n    </array>", values.join("\n        "))
}

fn string(text: &str) -> String {
    format!("<string>{}</string>", quote::xml(text))
}

/// A key that a time does not have matches every value.
fn times(calendar: Calendar) -> Vec<String> {
    let key = |name: &str, value: u64| format!("<key>{name}</key><integer>{value}</integer>");
    let dict = |keys: String| format!("<dict>{keys}</dict>");
    let minute = |n| key("Minute", n);
    let hour = |n| key("Hour", n) + &minute(0);
    match calendar {
        Calendar::Minutes(1) => vec![dict(String::new())],
        Calendar::Minutes(n) => (0..60 / n).map(|i| dict(minute(i * n))).collect(),
        Calendar::Hours(1) => vec![dict(minute(0))],
        Calendar::Hours(n) => (0..24 / n).map(|i| dict(hour(i * n))).collect(),
        Calendar::Day => vec![dict(hour(0))],
        Calendar::Week => vec![dict(key("Weekday", 1) + &hour(0))],
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::schedule;
    use super::*;

    #[test]
    fn a_job_every_quarter_of_an_hour() {
        insta::assert_snapshot!(script(&schedule("15min")), @r#"
        # Runs job documents every 15min: an agent for launchd. To install it, pipe this to sh.
        # macOS protects Documents, Desktop and other directories. To give access to them, open System Settings,
        # Privacy & Security, Full Disk Access, and add /usr/local/bin/fastdiff
        # To see the runs: fastdiff log documents
        # To uninstall: fastdiff job schedule documents --remove --with launchd --user | sh
        set -eu
        mkdir -p "$HOME/Library/LaunchAgents"
        cat >"$HOME/Library/LaunchAgents/fastdiff.documents.plist" <<'END'
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
        <plist version="1.0">
        <dict>
            <key>Label</key>
            <string>fastdiff.documents</string>
            <key>ProgramArguments</key>
            <array>
                <string>/usr/local/bin/fastdiff</string>
                <string>run</string>
                <string>documents</string>
                <string>--if-defined</string>
            </array>
            <key>StartCalendarInterval</key>
            <array>
                <dict><key>Minute</key><integer>0</integer></dict>
                <dict><key>Minute</key><integer>15</integer></dict>
                <dict><key>Minute</key><integer>30</integer></dict>
                <dict><key>Minute</key><integer>45</integer></dict>
            </array>
            <key>EnvironmentVariables</key>
            <dict>
                <key>PATH</key>
                <string>/home/ada/bin:/usr/bin:/bin</string>
            </dict>
            <key>StandardOutPath</key>
            <string>/home/ada/Library/Logs/fastdiff.documents.log</string>
            <key>StandardErrorPath</key>
            <string>/home/ada/Library/Logs/fastdiff.documents.log</string>
            <key>Nice</key>
            <integer>19</integer>
            <key>LowPriorityIO</key>
            <true/>
        </dict>
        </plist>
        END
        launchctl bootout "gui/$(id -u)/fastdiff.documents" 2>/dev/null || true
        launchctl bootstrap "gui/$(id -u)" "$HOME/Library/LaunchAgents/fastdiff.documents.plist"
        "#);
    }

    #[test]
    fn odd_words_come_through_the_plist_as_they_are() {
        let mut odd = schedule("90s");
        odd.program = "/opt/R&D/<fast>diff ü".into();
        odd.path = None;
        odd.home = None;
        insta::assert_snapshot!(plist(&odd, "fastdiff.documents"), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
        <plist version="1.0">
        <dict>
            <key>Label</key>
            <string>fastdiff.documents</string>
            <key>ProgramArguments</key>
            <array>
                <string>/opt/R&amp;D/&lt;fast&gt;diff &#252;</string>
                <string>run</string>
                <string>documents</string>
                <string>--if-defined</string>
            </array>
            <key>StartInterval</key>
            <integer>90</integer>
            <key>Nice</key>
            <integer>19</integer>
            <key>LowPriorityIO</key>
            <true/>
        </dict>
        </plist>
        "#);
    }

    #[test]
    fn every_even_interval_is_a_list_of_times() {
        let times =
            |every: &str| times(every.parse::<super::super::Every>().expect("an interval").calendar().expect("even"));
        assert_eq!(times("1min"), ["<dict></dict>"]);
        assert_eq!(times("30min")[1], "<dict><key>Minute</key><integer>30</integer></dict>");
        assert_eq!(times("1h"), ["<dict><key>Minute</key><integer>0</integer></dict>"]);
        let noon = "<dict><key>Hour</key><integer>12</integer><key>Minute</key><integer>0</integer></dict>";
        assert_eq!(times("12h")[1], noon);
        assert_eq!((times("5min").len(), times("2h").len(), times("1day").len(), times("7days").len()), (12, 12, 1, 1));
    }
}
