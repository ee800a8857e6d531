//! `--nice`: a walk for a backup lets other programs have the CPU and the disk first.

use super::print_message;

#[derive(clap::Args)]
pub(super) struct NiceArgs {
    /// Take the lowest CPU and I/O priority, also for the command
    #[arg(long)]
    nice: bool,
}

impl NiceArgs {
    /// Lowers the priority if asked to. Call it before any thread starts: a thread inherits the priority.
    pub(super) fn apply(&self) {
        for failure in self.lower() {
            print_message("warning", failure);
        }
    }

    /// The same without a word on standard error. Returns the warnings.
    pub(super) fn lower(&self) -> Vec<String> {
        if !self.nice {
            return Vec::new();
        }
        let cpu = fastdiff::lower_cpu_priority().map_err(|e| format!("--nice cannot lower the CPU priority: {e}"));
        let io = fastdiff::lower_io_priority().map_err(|e| format!("--nice cannot lower the I/O priority: {e}"));
        [cpu, io].into_iter().filter_map(Result::err).collect()
    }
}
