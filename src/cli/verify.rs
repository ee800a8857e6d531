//! `fastdiff verify`: check a whole snapshot.

use std::path::PathBuf;

use indicatif::{HumanBytes, HumanCount};

use fastdiff::path::PathExt as _;

use super::{DONE, Outcome, open, print_message};

/// Check every digest, bound, order and count of a snapshot.
#[derive(clap::Args)]
pub(super) struct VerifyArgs {
    /// The snapshot
    snap: PathBuf,

    /// Say nothing if it is whole
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(args: &VerifyArgs) -> Outcome {
    let verified = open(&args.snap)?.verify()?;
    if !args.quiet {
        print_message(
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
