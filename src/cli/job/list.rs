//! `fastdiff job list`: the jobs that are defined.

use std::fmt::Write as _;
use std::time::Duration;

use fastdiff::jobs::{JobState, LoggedRun};
use serde_json::json;

use super::super::config::{Definition, RootIs};
use super::super::log::{age, local};
use super::super::output::Output;
use super::super::state::StateArgs;
use super::super::table::table;
use super::super::walk::parse_duration;
use super::super::{
    DIFFERENT, DONE, FAILED, Failure, Outcome, harmless, job_database, output_failure, print_error, print_message,
};

const AFTER_HELP: &str = "\
Examples:
  fastdiff job list
  fastdiff job list --stale 1d --exit-code     for monitoring: 1 if a job has had no success for a day
  fastdiff job list --json | jq -r .name";

/// List the jobs.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct JobListArgs {
    /// Only jobs whose last success is longer ago than this, or that never had one: 12h, 7d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    stale: Option<Duration>,

    /// Exit with 1 if any job is listed
    #[arg(long, requires = "stale")]
    exit_code: bool,

    /// One JSON object on each line
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    state: StateArgs,
}

/// The state of a job, and its last run.
struct KnownJob {
    /// An error if it cannot be read; the warning is printed.
    state: Result<Option<JobState>, ()>,
    last: Option<LoggedRun>,
}

impl KnownJob {
    /// Whether its last success is longer ago than this. One whose state or time cannot be read is.
    fn is_stale(&self, limit: Duration) -> bool {
        let committed = self.state.as_ref().ok().and_then(|state| state.as_ref()?.committed.as_ref());
        committed.and_then(|run| age(&run.began)).is_none_or(|age| age > limit)
    }
}

pub(in crate::cli) fn run(args: &JobListArgs) -> Outcome {
    let (store, config) = (args.state.store()?, args.state.config()?);
    let mut jobs: Vec<(Definition, KnownJob)> = Vec::new();
    let mut code = DONE;
    for name in config.names() {
        let job = store.job(&name)?;
        // A log that cannot be read is not an error here.
        let last = job.log().ok().and_then(|mut runs| runs.pop());
        let state = match job.state() {
            Ok(state) => Ok(state),
            Err(error) => {
                print_error("warning", &error);
                Err(())
            }
        };
        match config.required(&name) {
            Ok(definition) => jobs.push((definition, KnownJob { state, last })),
            // The other definitions are still listed.
            Err(Failure::Other(error)) => {
                print_message("error", error);
                code = FAILED;
            }
            Err(other) => return Err(other),
        }
    }
    if let Some(limit) = args.stale {
        jobs.retain(|(_, known)| known.is_stale(limit));
    }
    let text = if args.json {
        jobs.iter().fold(String::new(), |mut text, (definition, known)| {
            let mut job = as_json(definition, known.state.as_ref().ok().and_then(Option::as_ref));
            job["last_run"] = json!(known.last);
            let _ = writeln!(text, "{job}");
            text
        })
    } else if jobs.is_empty() {
        "no jobs\n".to_owned()
    } else {
        as_table(&jobs)
    };
    let mut output = Output::open(None)?.harmless_on_terminals();
    output.writer().write_all(text.as_bytes()).map_err(|e| output_failure(&e, !args.json))?;
    output.finish(!args.json)?;
    let is_listed = args.exit_code && !jobs.is_empty();
    Ok(if code == DONE && is_listed { DIFFERENT } else { code })
}

fn as_table(jobs: &[(Definition, KnownJob)]) -> String {
    let mut rows = vec![["name", "consumer", "last success", "last run", "roots"].map(str::to_owned)];
    for (definition, known) in jobs {
        let committed = known.state.as_ref().map(|state| state.as_ref().and_then(|state| state.committed.as_ref()));
        let roots: Vec<_> = definition.roots.iter().map(|root| root.display().to_string()).collect();
        let last = match committed {
            Ok(Some(run)) => local(&run.began),
            Ok(None) => "never".to_owned(),
            Err(()) => "unknown".to_owned(),
        };
        let run = known.last.as_ref().map_or_else(|| "none".to_owned(), outcome);
        rows.push([
            definition.name.clone(),
            definition.consumer.name().to_owned(),
            last,
            run,
            harmless(&roots.join(" ")),
        ]);
    }
    table(&rows, &[])
}

/// "12 failed, exit code 11".
fn outcome(run: &LoggedRun) -> String {
    let code = run.exit_code.filter(|code| *code != 0).map(|code| format!(", exit code {code}")).unwrap_or_default();
    format!("{} {}{code}", run.run, run.outcome.name())
}

/// A definition and the state of its job.
pub(super) fn as_json(definition: &Definition, state: Option<&JobState>) -> serde_json::Value {
    json!({
        "name": definition.name,
        "roots": definition.roots,
        "root_is": if definition.root_is == RootIs::Snapshot { "snapshot" } else { "live" },
        "source": definition.source.name(),
        "consumer": definition.consumer.name(),
        "exclude": definition.exclude,
        "exclude_from": definition.exclude_from,
        "exclude_caches": definition.exclude_caches,
        "exclude_if_present": definition.exclude_if_present,
        "one_file_system": definition.one_file_system,
        "keep": definition.keep,
        "max_delete": definition.max_delete.map(|limit| limit.to_string()),
        "max_change": definition.max_change.map(|limit| limit.to_string()),
        "duplicati_db": job_database::shown(&definition.database),
        "success": definition.success_codes(),
        "anyway": definition.anyway,
        "unchecked": definition.unchecked,
        "command": definition.command,
        "committed": state.and_then(|state| state.committed.as_ref()),
        "pending": state.and_then(|state| state.pending.as_ref()),
        "kept": state.map(|state| state.kept.as_slice()).unwrap_or_default(),
    })
}
