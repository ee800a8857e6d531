//! `floor`: makes the system calls of a walk by as many threads, keeps nothing, and says how long they took.
//!
//! It is what the benchmark measures `fastdiff snap` against. [`calls`] are the system calls, the same as the
//! walker's; [`full`] lists and stats a tree; [`known`] stats names that it has learned before the clock starts.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod full;
#[cfg(target_os = "linux")]
mod known;
#[cfg(target_os = "linux")]
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Makes the system calls of a walk and nothing else, as a measure for fastdiff (Linux only)
///
/// Every directory is opened relative to its parent, stat'ed and listed, and every other entry is stat'ed.
/// Prints the number of entries, DIR included, and the milliseconds that the calls took, as JSON.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Directory to walk
    dir: PathBuf,

    /// Threads that make the calls [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// Learn all names first, then measure opening and stat'ing these alone, without a listing
    #[arg(long)]
    known: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn run(args: &Args) -> Result<serde_json::Value, String> {
    let threads = args.threads.map_or_else(run::cores, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| format!("cannot start {threads} threads: {error}"))?;
    let root = calls::open_root(&args.dir).map_err(|error| format!("cannot open {}: {error}", args.dir.display()))?;
    let measured = if args.known { known::measure(&pool, root)? } else { full::measure(&pool, root)? };
    Ok(serde_json::json!({
        "entries": measured.entries,
        "ms": measured.time.as_secs_f64() * 1e3,
        "threads": threads,
        "known": args.known,
    }))
}

#[cfg(not(target_os = "linux"))]
fn run(args: &Args) -> Result<serde_json::Value, String> {
    Err(format!("{}: the floor is measured on Linux only", args.dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }
}
