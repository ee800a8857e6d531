//! The units, as systemd-analyze(1) reads them.

use jiff::civil::DateTime;

use super::{Home, witness};

/// What systemd makes of the installed units: the lines that begin with one of these words.
fn understood(home: &Home, keys: &[&str]) -> Option<Vec<String>> {
    let verify = r#"systemd-analyze verify --user --man=no "$HOME"/.config/systemd/user/fastdiff-documents.*"#;
    let complaints = witness(home, "systemd-analyze", verify)?;
    assert_eq!(complaints, "");
    // At this level it shows every unit as it was read.
    let text = witness(home, "systemd-analyze", &format!("SYSTEMD_LOG_LEVEL=debug {verify} 2>&1"))?;
    let unit = |suffix: &str| {
        let start = text.find(&format!("-> Unit fastdiff-documents.{suffix}:")).expect("the unit is loaded");
        let end = text[start + 1..].find("-> Unit ").map_or(text.len(), |end| start + 1 + end);
        text[start..end].lines().map(str::trim)
    };
    let of_units = unit("service").chain(unit("timer"));
    Some(of_units.filter(|line| keys.iter().any(|key| line.starts_with(key))).map(String::from).collect())
}

#[test]
fn systemd_takes_the_units_and_starts_the_job_with_the_lowest_priority() {
    let home = Home::new();
    let told = home.install("systemd", "15min");
    assert_eq!(told, "systemctl --user daemon-reload\nsystemctl --user enable --now fastdiff-documents.timer\n");
    let keys = ["Command Line:", "Nice:", "IOSchedulingClass:", "KillMode:", "Persistent:", "OnCalendar:", "Type:"];
    let Some(understood) = understood(&home, &keys) else { return };
    insta::assert_snapshot!(understood.join("\n").replace(&home.program, "[PROGRAM]"), @r"
    Type: oneshot
    KillMode: mixed
    Nice: 19
    IOSchedulingClass: idle
    Command Line: [PROGRAM] run documents --if-defined
    Persistent: yes
    OnCalendar: *-*-* *:00/15:00
    ");
}

#[test]
fn systemd_reads_odd_names_as_they_are() {
    // A quote in the program's own path is refused.
    let home = Home::odd("100% $HOME R&D <its> %h ü;#");
    home.install("systemd", "1h");
    let Some(understood) = understood(&home, &["Command Line:"]) else { return };
    // It is shown as for a shell; a variable's $ is still doubled there, but not in the program's own path.
    let script = format!("printf '%s\\n' {}", understood[0].trim_start_matches("Command Line: "));
    let words = home.sh(&script).success().replace("[ROOT]", home.env.path("").to_str().unwrap());
    let mut expected = home.words();
    expected[1..].iter_mut().for_each(|word| *word = word.replace('$', "$$"));
    assert_eq!(words.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn the_calendar_has_exactly_the_intervals() {
    let home = Home::new();
    for (every, minutes) in [
        ("1min", 1),
        ("5min", 5),
        ("15min", 15),
        ("30min", 30),
        ("1h", 60),
        ("6h", 360),
        ("1day", 1440),
        ("1week", 10_080),
    ] {
        home.install("systemd", every);
        let timer = home.read("home/.config/systemd/user/fastdiff-documents.timer");
        let when = timer.lines().find_map(|line| line.strip_prefix("OnCalendar=")).expect("it is in the calendar");
        let script = format!("systemd-analyze calendar --iterations=4 '{when}'");
        let Some(text) = witness(&home, "systemd-analyze", &script) else { return };
        let times: Vec<DateTime> = text
            .lines()
            .filter(|line| line.contains("elapse:") || line.contains("Iter."))
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().rev().collect();
                format!("{}T{}", words[2], words[1]).parse().unwrap()
            })
            .collect();
        assert_eq!(times.len(), 4, "{text}");
        for pair in times.windows(2) {
            assert_eq!(pair[1].since((jiff::Unit::Minute, pair[0])).unwrap().get_minutes(), minutes, "{every}: {text}");
        }
    }
}

#[test]
fn an_interval_that_no_calendar_has_counts_from_the_last_run() {
    let home = Home::new();
    home.install("systemd", "45min");
    let Some(understood) = understood(&home, &["OnActiveSec:", "OnUnitActiveSec:"]) else { return };
    insta::assert_snapshot!(understood.join("\n"), @r"
    OnUnitActiveSec: 45min
    OnActiveSec: 1min
    ");
}

#[test]
fn exit_codes_that_mean_success_are_none_to_worry_about() {
    let home = Home::new();
    home.sh(r#""$FASTDIFF" job remove documents"#);
    home.sh(r#""$FASTDIFF" job add documents tree --success 0,3,24 -- true"#);
    home.install("systemd", "15min");
    let service = home.read("home/.config/systemd/user/fastdiff-documents.service");
    assert!(service.contains("\nSuccessExitStatus=3 24\n"), "{service}");
    understood(&home, &[]);
}
