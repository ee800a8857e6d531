//! `fastdiff log`: what each run of a job found, and how it ended.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use fastdiff::jobs::LoggedRun;
use indicatif::{HumanBytes, HumanCount};

use super::output::Output;
use super::state::StateArgs;
use super::table::table;
use super::walk::parse_duration;
use super::{DONE, Outcome, harmless, output_failure};

const AFTER_HELP: &str = "\
Examples:
  fastdiff log documents
  fastdiff log documents -n 20
  fastdiff log documents --since 7d
  fastdiff log documents --json | jq 'select(.outcome != \"committed\")'

Outcomes:
  committed  the backup succeeded: this run became the baseline
  failed     the backup program failed, or was not started
  aborted    `fastdiff abort` was called
  replaced   the next run started before this one was committed or aborted
  pending    not known yet
  refused    the walk failed, or a guard refused the run: there was no list, and the next run has the same number";

/// Show what each run of a job found, and how it ended.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct LogArgs {
    /// The job
    #[arg(add = super::complete::jobs())]
    name: String,

    /// Only the last runs, so many
    #[arg(short, long, value_name = "NUMBER")]
    number: Option<usize>,

    /// Only runs that began within this time before now: 12h, 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,

    /// One JSON object on each line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &LogArgs) -> Outcome {
    let (_, job) = args.state.job(&args.name)?;
    let mut runs = job.log()?;
    if let Some(since) = args.since {
        // A time that cannot be read is shown rather than lost.
        runs.retain(|run| age(&run.began).is_none_or(|age| age <= since));
    }
    if let Some(number) = args.number {
        runs.drain(..runs.len().saturating_sub(number));
    }
    let text = if args.json { as_json(&runs) } else { as_table(&runs) };
    let mut output = Output::open(None)?.harmless_on_terminals();
    output.writer().write_all(text.as_bytes()).map_err(|e| output_failure(&e, !args.json))?;
    output.finish(!args.json)?;
    Ok(DONE)
}

fn as_json(runs: &[LoggedRun]) -> String {
    runs.iter().fold(String::new(), |mut text, run| {
        let _ = writeln!(text, "{}", serde_json::to_string(run).unwrap_or_default());
        text
    })
}

/// How long ago a run began; nothing if that is in the future. None if its time cannot be read.
pub(super) fn age(began: &str) -> Option<Duration> {
    let began = SystemTime::from(began.parse::<jiff::Timestamp>().ok()?);
    Some(SystemTime::now().duration_since(began).unwrap_or_default())
}

/// The local time, in whole seconds.
pub(super) fn local(time: &str) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => harmless(time),
    }
}

fn as_table(runs: &[LoggedRun]) -> String {
    if runs.is_empty() {
        return "no runs\n".to_owned();
    }
    let head = ["run", "began", "added", "modified", "removed", "bytes", "outcome", "remarks"].map(str::to_owned);
    let mut rows = vec![head];
    for run in runs {
        let seen = &run.seen;
        let mut remarks = Vec::new();
        if let Some(code) = run.exit_code {
            remarks.push(format!("exit code {code}"));
        }
        for (count, what) in [(seen.renamed, "renamed"), (seen.suspect, "suspect"), (seen.unknown, "unknown")] {
            if count > 0 {
                remarks.push(format!("{} {what}", HumanCount(count)));
            }
        }
        remarks.extend(seen.full.iter().map(|reason| format!("full list: {}", harmless(reason))));
        remarks.extend(run.reason.iter().map(|reason| harmless(reason)));
        rows.push([
            run.run.to_string(),
            local(&run.began),
            HumanCount(seen.added).to_string(),
            HumanCount(seen.modified).to_string(),
            HumanCount(seen.removed).to_string(),
            HumanBytes(seen.bytes).to_string(),
            run.outcome.name().to_owned(),
            remarks.join(", "),
        ]);
    }
    table(&rows, &[0, 2, 3, 4, 5])
}
