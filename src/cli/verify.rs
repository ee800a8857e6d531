//! `fastdiff verify`: check a whole snapshot.

use std::path::PathBuf;

use indicatif::{HumanBytes, HumanCount};

use fastdiff::path::PathExt as _;

use super::{DONE, Outcome, complain, open};

/// Check every digest, bound, order and count of a snapshot.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The snapshot
    snap: PathBuf,

    /// Say nothing if it is whole
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let verified = open(&args.snap)?.verify()?;
    if !args.quiet {
        complain(
            "verified",
            format_args!(
                "{}: {} entries in {} directory records, {}",
                args.snap.shown(),
                HumanCount(verified.entries),
                HumanCount(verified.directories),
                HumanBytes(verified.bytes)
            ),
        );
    }
    Ok(DONE)
}
