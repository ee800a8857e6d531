//! The options that say how a walk is made.

use std::time::Duration;

use fastdiff::{ScanOptions, WalkerKind};

use super::source::Source;

#[derive(clap::Args)]
#[command(next_help_heading = "How to walk")]
pub(super) struct WalkArgs {
    /// Number of threads [default: one per processor, and more while they wait for a disk or a server]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,

    /// What may say where something changed since the earlier snapshot, so that not everything is read [default: auto,
    /// or that of the job's definition]
    #[arg(long, value_enum, value_name = "SOURCE", hide_default_value = true)]
    pub(super) source: Option<Source>,

    /// Also say why the inode tables were not used
    #[arg(short, long)]
    pub(super) verbose: bool,

    /// What reads the directories: the system's own calls, or the jwalk crate, which opens by path. Do not use jwalk on
    /// a tree that somebody you do not trust can change during the walk
    #[arg(long, value_enum, default_value_t)]
    walker: Walker,

    /// Entries that changed less than this before the scan are reported as suspect by the next diff (15s, 2min, 500ms)
    /// [default: as long as the kernel takes to begin writing back, usually 35s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    racy_window: Option<Duration>,

    /// Write back what is in memory before the scan, so that a racy window of two seconds is enough
    #[arg(long)]
    settle: bool,

    /// Give up on a directory as unknown if the system takes longer than this for one answer (30s, 2min) [default:
    /// wait, and say so]; needs the native walker
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    pub(super) io_timeout: Option<Duration>,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Walker {
    #[default]
    Native,
    Portable,
}

/// A length of time; a plain number means seconds.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text).map_err(|e| format!("{e}; write it as 15s, 2min, 7d or 500ms"))
}

/// A length of time that is not zero.
pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = parse_duration(text)?;
    if timeout.is_zero() {
        Err("a timeout of zero gives up on everything; write it as 30s or 2min".into())
    } else {
        Ok(timeout)
    }
}

impl WalkArgs {
    /// Adds what was asked for to the options of a scan.
    pub(super) fn add_to(&self, options: &mut ScanOptions) {
        options.threads = self.threads.map(usize::from);
        options.racy_window = self.racy_window;
        options.settle = self.settle;
        options.io_timeout = self.io_timeout;
        if let Some(source) = self.source {
            options.source = source.into();
        }
        options.walker = match self.walker {
            Walker::Native => ScanOptions::new([""; 0]).walker,
            Walker::Portable => WalkerKind::Portable,
        };
    }
}
