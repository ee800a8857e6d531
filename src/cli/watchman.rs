//! Asks watchman what changed below a root, for `--source watchman` and the key `source` of a job.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fastdiff::jobs::Job;
use fastdiff::path::PathExt as _;
use fastdiff::{Hints, ScanOptions, Snapshot};

use super::print_message;
use super::source::Source;
use super::walk::WalkArgs;

/// watchman answers when it has seen all events up to now, which takes milliseconds. A tree that it does not know yet
/// it has to crawl.
const PATIENCE: Duration = Duration::from_mins(2);

/// Adds its answer to the options of a scan, unless there are hints already. `clock` is that of the base; without one,
/// only the clock of now is asked for, since which the next answer will be complete.
///
/// # Errors
/// Why there is no answer. Then other sources are asked.
pub(super) fn add_hints(options: &mut ScanOptions, clock: Option<&str>) -> Result<(), String> {
    if options.hints.is_some() {
        return Ok(());
    }
    let [root] = &options.roots[..] else { return Err("it can be asked about one root only".into()) };
    let root = std::path::absolute(root).map_err(|e| e.to_string())?;
    // The same that a user would ask, as docs/hints.md says.
    let mut answers = ask(&["watch"], &root, None)?;
    answers.extend(ask(&["get-config"], &root, None)?);
    answers.extend(match clock {
        Some(clock) => ask(&["since"], &root, Some(clock))?,
        None => ask(&["clock"], &root, None)?,
    });
    options.hints = Some(Hints::new("watchman", answers));
    Ok(())
}

/// The same for a job, if its definition or the command line says so: since its baseline, or its pending run if it has
/// none.
///
/// # Errors
/// Why there is no answer.
pub(super) fn add_hints_of_job(
    options: &mut ScanOptions,
    source: Source,
    walk: &WalkArgs,
    job: &Job,
) -> Result<(), String> {
    if walk.source.unwrap_or(source) != Source::Watchman {
        return Ok(());
    }
    let state = job.state().ok().flatten();
    // The baseline comes first. What changed since then also changed since a later run.
    let clock = state.and_then(|state| {
        let file = job.dir().join(&state.records().next()?.file);
        Snapshot::open(&file).ok()?.meta().watchman_clock.clone()
    });
    add_hints(options, clock.as_deref())
}

/// The same; warns if there is no answer.
pub(super) fn add_of_job(options: &mut ScanOptions, source: Source, walk: &WalkArgs, job: &Job) {
    add_hints_of_job(options, source, walk, job).unwrap_or_else(|why| warn(&why));
}

/// Says that there is no answer.
pub(super) fn warn(why: &str) {
    print_message("warning", not_asked(why));
}

/// The same in words.
pub(super) fn not_asked(why: &str) -> String {
    format!("watchman was not asked where to look: {why}")
}

/// The answer to one command. Does not start a server: one that a timer starts dies with the timer's unit, and knows
/// nothing the next time.
fn ask(command: &[&str], root: &Path, clock: Option<&str>) -> Result<Vec<u8>, String> {
    let mut watchman = Command::new("watchman");
    watchman.args(["--no-spawn", "--no-local", "--no-pretty"]).args(command).arg(root).args(clock);
    watchman.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = watchman.spawn().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => "it is not installed, or not in PATH".to_owned(),
        _ => e.to_string(),
    })?;
    let (Some(mut stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("it has no output".into());
    };
    let (done, answered) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let read = stdout.read_to_end(&mut answer).and_then(|_| stderr.read_to_end(&mut complaint));
        // Whoever waits may have given up.
        let _ = done.send(read.map(|_| (answer, complaint)));
    });
    let answered = answered.recv_timeout(PATIENCE);
    if answered.is_err() {
        let _ = child.kill();
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    let (answer, complaint) = answered
        .map_err(|_| format!("it did not answer within {}", humantime::format_duration(PATIENCE)))?
        .map_err(|e| e.to_string())?;
    // An error is an answer, too: it says why there is none.
    if answer.iter().any(|byte| !byte.is_ascii_whitespace()) {
        return Ok(answer);
    }
    let complaint = String::from_utf8_lossy(&complaint);
    let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim().to_owned();
    let advice = format!("`watchman watch {}` starts it", PathBuf::from(root).shown());
    Err(format!("{last} ({status}); if it does not run, {advice}"))
}
