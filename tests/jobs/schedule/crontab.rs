//! The line of the crontab: where it is put, whether crontab(1) takes it, what the shell that cron starts makes of it.

use super::{Home, ODD, witness};

/// What cron hands to the shell: the line behind its five fields up to a bare `%`, with `%` for `\%`.
fn handed_to_the_shell(line: &str) -> String {
    let command = line.splitn(6, ' ').nth(5).unwrap();
    let mut handed = String::new();
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'%') => handed.extend(chars.next()),
            '%' => break,
            _ => handed.push(c),
        }
    }
    handed
}

#[test]
fn the_line_takes_the_place_of_the_former_one_and_leaves_the_others_alone() {
    let home = Home::new();
    home.sh(r#""$FASTDIFF" job add documents2 tree -- true; "$FASTDIFF" job add my-documents tree -- true"#);
    home.install("cron", "15min");
    let alone = home.read("home/table");
    let line = format!(
        "PATH={} {} run documents --if-defined --nice --quiet # fastdiff job documents\n",
        path(&home),
        home.program
    );
    assert_eq!(alone, format!("*/15 * * * * {line}"), "there was no crontab");
    let mine = "# mine\n\n5 4 * * * backslash \\n $HOME # fastdiff job document\n";
    home.env.write("home/table", format!("{mine}{alone}"));
    for other in ["documents2", "my-documents"] {
        home.sh(&format!(r#""$FASTDIFF" job schedule {other} --every 1h --with cron | sh"#)).success();
    }
    home.install("cron", "6h");
    let table = home.read("home/table");
    let lines: Vec<_> = table[mine.len()..].lines().collect();
    assert!(table.starts_with(mine), "{table}");
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].ends_with(" run documents2 --if-defined --nice --quiet # fastdiff job documents2"), "{table}");
    assert!(lines[1].ends_with(" run my-documents --if-defined --nice --quiet # fastdiff job my-documents"), "{table}");
    assert_eq!(format!("{}\n", lines[2]), format!("0 */6 * * * {line}"));
}

fn path(home: &Home) -> String {
    format!("{}:/usr/bin:/bin", home.env.path("bin").display())
}

#[test]
fn crontab_takes_every_line() {
    let home = Home::odd(ODD);
    for every in ["1min", "15min", "1h", "2h", "1day", "1week"] {
        home.install("cron", every);
        // The real one, which only looks at the file.
        if witness(&home, "/usr/bin/crontab", r#"/usr/bin/crontab -n "$HOME/table""#).is_none() {
            return;
        }
    }
}

#[test]
fn what_cron_starts_runs_the_job_with_the_lowest_priority() {
    for home in [Home::new(), Home::odd(ODD)] {
        home.install("cron", "15min");
        let table = home.read("home/table");
        let command = handed_to_the_shell(table.trim_end());
        // Some do not know of %: the shell makes the same of the line as it is.
        let unknown = table.trim_end().splitn(6, ' ').nth(5).unwrap().to_owned();
        for (round, command) in [command, unknown].into_iter().enumerate() {
            home.env.write("tree/letter", format!("Dear reader, {round}"));
            home.env.write("home/ran", "");
            let run = home.sh(&format!("PATH=/usr/bin:/bin\n{command}"));
            assert_eq!(run.code, Some(0), "{command}\n{}", run.stderr);
            assert_eq!(home.read("home/ran"), "19\nidle\n");
        }
    }
}
