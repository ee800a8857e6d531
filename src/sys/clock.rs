//! The clocks that stamp files, and how long the kernel may wait before it writes a change back.

use std::time::Duration;

use crate::metadata::Time;

/// The local clock in the coarse ticks with which local file systems stamp their files: a later stamp is never older
/// than this.
#[cfg(target_os = "linux")]
pub(crate) fn coarse() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
    Time::new(now.tv_sec, now.tv_nsec.unsigned_abs() as u32)
}

/// The local clock, less the coarsest tick of local file systems.
#[cfg(not(target_os = "linux"))]
pub(crate) fn coarse() -> Time {
    precise().saturating_sub(Duration::from_millis(16))
}

/// The local clock.
pub(crate) fn precise() -> Time {
    use std::time::{SystemTime, UNIX_EPOCH};
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(d) => Time::new(d.as_secs().cast_signed(), d.subsec_nanos()),
        Err(e) => Time::default().saturating_sub(e.duration()),
    }
}

/// Whether the system began later than a time by the local clock: what was in memory then may be lost.
#[cfg(windows)]
pub(crate) fn has_booted_since(time: Time) -> bool {
    precise().saturating_sub(super::windows::process::uptime()) > time
}

/// Nobody asks for it here.
#[cfg(not(windows))]
pub(crate) fn has_booted_since(_time: Time) -> bool {
    false
}

/// How long after a store into a shared mapping the kernel begins to write it back; only after that does the next store
/// get a stamp. It is `vm.dirty_expire_centisecs` + `vm.dirty_writeback_centisecs`; none if they cannot be read.
pub(crate) fn write_back_delay() -> Option<Duration> {
    // Where Wine shows the files of Linux, they say nothing of Windows.
    if cfg!(windows) {
        return None;
    }
    let centiseconds = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/sys/vm/{name}")).ok()?;
        text.trim().parse().ok()
    };
    // At 0 there is no periodic write-back.
    let interval = centiseconds("dirty_writeback_centisecs").filter(|interval| *interval > 0)?;
    let total = centiseconds("dirty_expire_centisecs")?.checked_add(interval)?;
    Some(Duration::from_millis(total.checked_mul(10)?))
}
