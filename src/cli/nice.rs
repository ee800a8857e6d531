//! `--nice`: the commands that walk for a backup stand back for everybody else.

use super::print_message;

#[derive(clap::Args)]
pub(super) struct NiceArgs {
    /// Take the lowest CPU and I/O priority, for itself and for what it starts
    #[arg(long)]
    nice: bool,
}

impl NiceArgs {
    /// Stands back if asked to. Before anything makes a thread: a thread has the priority of the one that made it.
    pub(super) fn apply(&self) {
        for failure in self.lower() {
            print_message("warning", failure);
        }
    }

    /// The same for who must not write to standard error: what went wrong, which is no reason to stop.
    pub(super) fn lower(&self) -> Vec<String> {
        if !self.nice {
            return Vec::new();
        }
        let cpu = fastdiff::lower_cpu_priority().map_err(|e| format!("--nice cannot lower the CPU priority: {e}"));
        let io = fastdiff::lower_io_priority().map_err(|e| format!("--nice cannot lower the I/O priority: {e}"));
        [cpu, io].into_iter().filter_map(Result::err).collect()
    }
}
