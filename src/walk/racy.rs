//! The racy rule (law 1): which stamps are too young to prove that an entry will not change again
//! without a new stamp.
//!
//! The idea is git's "racy git problem": a file that changes twice within one tick of the clock keeps
//! its stamp. The window is longer than a tick because a long write sets the time before the data, and
//! because later stores into an already dirty page of a shared mapping set no time at all until the
//! kernel has written the page back.

use std::time::Duration;

use crate::entry::{Stat, Time};
use crate::sys::clock;

/// Never shorter by default than the coarsest stamps known (FAT: two seconds).
const SHORTEST: Duration = Duration::from_secs(2);

/// What the kernel's write-back takes to begin where it does not tell.
const USUAL_WRITE_BACK: Duration = Duration::from_secs(35);

/// A stamp without nanoseconds is taken as one of a file system that keeps two-second stamps.
const COARSEST_STAMP: i64 = 2;

/// The racy window where none is given: with `--settle` dirty pages have been written back before the
/// walk, so that the coarsest stamp is enough; else the time until the kernel begins to do so.
pub(crate) fn default_window(settle: bool) -> Duration {
    if settle { SHORTEST } else { clock::write_back_delay().unwrap_or(USUAL_WRITE_BACK).max(SHORTEST) }
}

/// The rule for one file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RacyRule {
    /// Boundary less window.
    threshold: Time,
    keeps_ctime: bool,
}

impl RacyRule {
    pub(crate) fn new(boundary: Time, window: Duration, keeps_ctime: bool) -> Self {
        Self { threshold: boundary.saturating_sub(window), keeps_ctime }
    }

    /// Whether an entry's stamp is not older than the boundary less the window.
    pub(crate) fn is_racy(&self, stat: &Stat) -> bool {
        let stamp = if self.keeps_ctime { stat.ctime } else { stat.mtime };
        let latest = if stamp.nsec == 0 { stamp.saturating_add_secs(COARSEST_STAMP) } else { stamp };
        latest >= self.threshold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(ctime: Time, mtime: Time) -> Stat {
        Stat { mtime, ctime, ..Stat::default() }
    }

    #[test]
    fn the_threshold_itself_is_racy() {
        let rule = RacyRule::new(Time::new(100, 500), Duration::from_secs(10), true);
        let old = Time::new(1, 1);
        assert!(rule.is_racy(&stat(Time::new(90, 500), old)));
        assert!(!rule.is_racy(&stat(Time::new(90, 499), old)));
        assert!(rule.is_racy(&stat(Time::new(1000, 1), old)), "a stamp from the future");
    }

    #[test]
    fn whole_seconds_last_two() {
        let rule = RacyRule::new(Time::new(100, 500), Duration::from_secs(10), true);
        let old = Time::new(1, 1);
        assert!(rule.is_racy(&stat(Time::new(89, 0), old)));
        assert!(!rule.is_racy(&stat(Time::new(88, 0), old)));
    }

    #[test]
    fn mtime_counts_only_where_there_is_no_ctime() {
        let young = stat(Time::new(1, 1), Time::new(5000, 1));
        assert!(!RacyRule::new(Time::new(100, 0), Duration::ZERO, true).is_racy(&young));
        assert!(RacyRule::new(Time::new(100, 0), Duration::ZERO, false).is_racy(&young));
    }
}
