//! Other processes.

/// The identity of a process, which no other ever had: its number, its start in ticks, and the boot, in one word.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    pub(crate) start: u64,
    pub(crate) boot: String,
}

/// The identity of a living process; none if there is none, or no `/proc`.
#[cfg(target_os = "linux")]
pub(crate) fn identity(pid: u32) -> Option<Identity> {
    let stat = procfs::process::Process::new(pid.cast_signed()).and_then(|process| process.stat()).ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let has_ended = matches!(stat.state, 'Z' | 'X' | 'x');
    (!has_ended).then(|| Identity { pid, start: stat.starttime, boot: boot.trim().to_owned() })
}

/// The identity of a living process; none if there is none. It began at a time that no other process of its number did,
/// in this boot or another.
#[cfg(windows)]
pub(crate) fn identity(pid: u32) -> Option<Identity> {
    Some(Identity { pid, start: super::windows::process::began(pid)?, boot: "any".to_owned() })
}

/// Nothing is known of processes here.
#[cfg(not(any(target_os = "linux", windows)))]
pub(crate) fn identity(_pid: u32) -> Option<Identity> {
    None
}
