//! `mktree`: makes a deterministic directory tree, or edits one, for tests and benchmarks.
//!
//! Making is [`shape`] (how many directories, where, with how many files) → [`plan`] (what every entry is called and
//! is) → [`make`] (the system calls). Editing is [`scan`] → [`mutate`]. The command line is in [`args`].

mod args;
mod error;
mod make;
mod mutate;
mod names;
mod plan;
mod random;
mod scan;
mod shape;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::error::{Error, Result};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(summary) => {
            println!("{summary:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("mktree: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Does what the arguments ask and returns the summary to print.
fn run(args: &Args) -> Result<serde_json::Value> {
    if let Some(share) = args.mutate {
        return mutate::mutate(&args.dir, share, args.seed);
    }
    let counts = args.shape.counts().map_err(Error::Refused)?;
    make::refuse_unless_empty(&args.dir)?;
    let shape = shape::Shape::new(&counts, args.seed).map_err(Error::Refused)?;
    let plan = plan::Plan::new(&shape, &counts, args.seed);
    make::make(&args.dir, &plan)
}
