//! `fastdiff job show`: a job's definition and its snapshots.

use std::fmt::Write as _;
use std::path::Path;

use fastdiff::jobs::{JobState, RunRecord, SnapshotCheck};

use super::super::config::{Definition, RootIs};
use super::super::output::Output;
use super::super::quote;
use super::super::state::StateArgs;
use super::super::{DONE, Outcome, harmless, job_database, output_failure, print_error};

const AFTER_HELP: &str = "\
Examples:
  fastdiff job show documents
  fastdiff job show documents --json | jq .committed

You can compare the snapshots with `fastdiff diff`, even while the job runs.";

/// Show a job: its definition and its snapshots.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct JobShowArgs {
    /// The job
    #[arg(add = super::super::complete::jobs())]
    name: String,

    /// As one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    state: StateArgs,
}

pub(in crate::cli) fn run(args: &JobShowArgs) -> Outcome {
    let (definition, job) = args.state.job(&args.name)?;
    let state = job.state().unwrap_or_else(|error| {
        print_error("warning", &error);
        None
    });
    let text = if args.json {
        let mut shown = super::list::as_json(&definition, state.as_ref());
        shown["state"] = serde_json::json!(job.dir());
        format!("{shown}\n")
    } else {
        as_text(&definition, state.as_ref(), job.dir())
    };
    let mut output = Output::open(None)?.harmless_on_terminals();
    output.writer().write_all(text.as_bytes()).map_err(|e| output_failure(&e, !args.json))?;
    output.finish(!args.json)?;
    Ok(DONE)
}

/// How a new snapshot is checked, if the roots are snapshots.
fn root_is(definition: &Definition) -> String {
    if definition.root_is == RootIs::Live {
        return String::new();
    }
    let how = |root: &std::path::PathBuf| match SnapshotCheck::of(root) {
        Ok(SnapshotCheck::Origin) => "checked by what the subvolume was made of",
        Ok(SnapshotCheck::Uuid) => "checked by the UUID of the file system",
        Ok(_) => "not checked",
        Err(_) => "not mounted now",
    };
    format!("snapshot ({})", definition.roots.iter().map(how).collect::<Vec<_>>().join(", "))
}

fn as_text(definition: &Definition, state: Option<&JobState>, dir: &Path) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "{what:<19} {}", harmless(&value));
        }
    };
    let joined = |paths: &[std::path::PathBuf]| {
        paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    };
    let switch = |on: bool| if on { "true".to_owned() } else { String::new() };
    let record =
        |record: &RunRecord| format!("run {} of {}: {}", record.run, record.began, dir.join(&record.file).display());
    line("name", definition.name.clone());
    line("roots", joined(&definition.roots));
    line("root-is", root_is(definition));
    line("source", definition.source.name().to_owned());
    line("consumer", definition.consumer.name().to_owned());
    line("exclude-from", joined(&definition.exclude_from));
    line("exclude", definition.exclude.join(" "));
    line("exclude-caches", switch(definition.exclude_caches));
    line("exclude-if-present", definition.exclude_if_present.join(" "));
    line("one-file-system", switch(definition.one_file_system));
    line("keep", definition.keep.to_string());
    line("max-delete", definition.max_delete.map(|limit| limit.to_string()).unwrap_or_default());
    line("max-change", definition.max_change.map(|limit| limit.to_string()).unwrap_or_default());
    let database = job_database::shown(&definition.database);
    line(job_database::KEY, database.map(|file| file.display().to_string()).unwrap_or_default());
    line("success", definition.success_codes().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    line("anyway", switch(definition.anyway));
    line("unchecked", switch(definition.unchecked));
    line("command", definition.command.iter().map(|word| quote::shell(word)).collect::<Vec<_>>().join(" "));
    line("state", dir.display().to_string());
    let named = |run: Option<&RunRecord>| run.map_or_else(|| "none".to_owned(), record);
    line("committed", named(state.and_then(|state| state.committed.as_ref())));
    line("pending", named(state.and_then(|state| state.pending.as_ref())));
    for kept in state.map(|state| state.kept.as_slice()).unwrap_or_default() {
        line("kept", record(kept));
    }
    text
}
