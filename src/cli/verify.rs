//! `fastdiff verify`: check a whole snapshot.

use std::path::PathBuf;

use indicatif::{HumanBytes, HumanCount};

use fastdiff::path::PathExt as _;

use super::{DONE, Outcome, open, print_message};

/// Check a whole snapshot for damage.
///
/// Reads the whole file, and that of an overlay's base. Checks every digest, and that names, order and counts are
/// consistent.
#[derive(clap::Args)]
pub(super) struct VerifyArgs {
    /// The snapshot
    snap: PathBuf,

    /// Print nothing if the snapshot is undamaged
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
