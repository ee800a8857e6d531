//! A line of the user's crontab, as a shell script that puts it there.

use super::super::super::quote;
use super::every::Calendar;
use super::{Schedule, With, remover};

/// In bytes: no cron cuts off a command of this length.
const LONGEST: usize = 998;

pub(super) fn script(schedule: &Schedule) -> Result<String, String> {
    let (job, every) = (schedule.job, schedule.every);
    // A comment for the shell that runs the line. It ends the line, so the mark of one job never matches another job.
    let line = format!("{} {} # fastdiff job {job}", times(schedule)?, command(schedule)?);
    let (mark, remover) = (mark(job), remover(schedule, With::Cron));
    Ok(format!(
        "\
# Runs job {job} every {every}: a line for cron. To install it, or to replace the job's line, pipe this to sh.
# cron skips runs while the machine sleeps; the next run lists those changes too. It mails errors and warnings.
# To see the runs: fastdiff log {job}
# To uninstall: {remover}
set -eu
table=$(crontab -l 2>/dev/null) || table=
{{
[ -z \"$table\" ] || printf '%s\\n' \"$table\" | LC_ALL=C sed '/{mark}/d'
cat <<'END'
{line}
END
}} | crontab -
"
    ))
}

/// The end of the line of a job, as a basic regular expression.
fn mark(job: &str) -> String {
    format!(" # fastdiff job {}$", job.replace('.', "[.]"))
}

pub(super) fn removal(job: &str) -> String {
    let mark = mark(job);
    format!(
        "\
# Removes the line of job {job} from the crontab. To do so, pipe this to sh.
set -eu
table=$(crontab -l 2>/dev/null) || table=
[ -z \"$table\" ] || printf '%s\\n' \"$table\" | LC_ALL=C sed '/{mark}/d' | crontab -
"
    )
}

fn times(schedule: &Schedule) -> Result<String, String> {
    Ok(match schedule.every.calendar() {
        Some(Calendar::Minutes(1)) => "* * * * *".into(),
        Some(Calendar::Minutes(n)) => format!("*/{n} * * * *"),
        Some(Calendar::Hours(1)) => "0 * * * *".into(),
        Some(Calendar::Hours(n)) => format!("0 */{n} * * *"),
        Some(Calendar::Day) => "0 0 * * *".into(),
        Some(Calendar::Week) => "0 0 * * 0".into(),
        None => {
            return Err(format!(
                "cron cannot run it every {}, only every 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30min, 1, 2, 3, 4, 6, 8 or 12h, \
                 1day or 7days",
                schedule.every
            ));
        }
    })
}

fn command(schedule: &Schedule) -> Result<String, String> {
    let mut words = Vec::new();
    if let Some(path) = &schedule.path {
        words.push(format!("PATH={}", word(path)?));
    }
    let (program, arguments) = schedule.program_and_arguments();
    for text in std::iter::once(program).chain(arguments) {
        words.push(word(text)?);
    }
    // cron cannot set a priority, and it mails all output.
    words.extend(["--nice".into(), "--quiet".into()]);
    let command = words.join(" ");
    if command.len() > LONGEST {
        return Err(format!(
            "its command is too long for cron ({} bytes): shorten PATH, or use --with systemd",
            command.len()
        ));
    }
    Ok(command)
}

/// A word for the shell that cron starts. Versions of cron differ in how they read a backslash, so only `%` may have
/// one before it.
fn word(text: &str) -> Result<String, String> {
    if text.contains('\\') {
        return Err(format!("versions of cron differ in how they read a backslash: {text}"));
    }
    Ok(percent(&quote::shell(text)))
}

/// cron takes `%` for the end of the command and `\%` for `%`. The backslash stands outside of the quotes: if cron
/// leaves it there, the shell reads `\%` as `%`.
fn percent(word: &str) -> String {
    word.replace('%', r"'\%'")
}

#[cfg(test)]
mod tests {
    use super::super::tests::schedule;
    use super::*;

    #[test]
    fn a_job_every_quarter_of_an_hour() {
        insta::assert_snapshot!(script(&schedule("15min")).expect("a script"), @r#"
        # Runs job documents every 15min: a line for cron. To install it, or to replace the job's line, pipe this to sh.
        # cron skips runs while the machine sleeps; the next run lists those changes too. It mails errors and warnings.
        # To see the runs: fastdiff log documents
        # To uninstall: fastdiff job schedule documents --remove --with cron | sh
        set -eu
        table=$(crontab -l 2>/dev/null) || table=
        {
        [ -z "$table" ] || printf '%s\n' "$table" | LC_ALL=C sed '/ # fastdiff job documents$/d'
        cat <<'END'
        */15 * * * * PATH=/home/ada/bin:/usr/bin:/bin /usr/local/bin/fastdiff run documents --if-defined --nice --quiet # fastdiff job documents
        END
        } | crontab -
        "#);
    }

    #[test]
    fn cron_runs_only_what_its_fields_say_exactly() {
        let every = |every: &'static str| times(&schedule(every)).expect("a time");
        let found = ["1min", "5min", "30min", "1h", "8h", "1day", "1week"].map(every);
        let expected =
            ["* * * * *", "*/5 * * * *", "*/30 * * * *", "0 * * * *", "0 */8 * * *", "0 0 * * *", "0 0 * * 0"];
        assert_eq!(found, expected);
        insta::assert_snapshot!(times(&schedule("45min")).expect_err("refused"), @r"cron cannot run it every 45min, only every 1, 2, 3, 4, 5, 6, 10, 12, 15, 20 or 30min, 1, 2, 3, 4, 6, 8 or 12h, 1day or 7days");
        for odd in ["90s", "7min", "90min", "5h", "2days", "30days"] {
            times(&schedule(odd)).expect_err(odd);
        }
    }

    #[test]
    fn odd_words_come_through_cron_and_the_shell_as_they_are() {
        let mut odd = schedule("15min");
        odd.program = "/opt/100% $me/it's".into();
        odd.path = None;
        insta::assert_snapshot!(command(&odd).expect("a command"), @r#"'/opt/100'\%' $me/it'"'"'s' run documents --if-defined --nice --quiet"#);
        odd.arguments.push(r"a\b".into());
        assert_eq!(command(&odd), Err(r"versions of cron differ in how they read a backslash: a\b".into()));
    }

    #[test]
    fn a_command_that_cron_would_cut_off_is_refused() {
        let mut long = schedule("15min");
        long.path = Some("/usr/bin:".repeat(120));
        let refused = command(&long).expect_err("too long");
        assert!(refused.ends_with("shorten PATH, or use --with systemd"), "{refused}");
    }
}
