//! The racy rule (promise 1): which stamps are too young to prove that an entry will not change again
//! without a new stamp.
//!
//! The idea is git's "racy git problem": a file that changes twice within one tick of the clock keeps its stamp. The
//! window is longer than a tick for two reasons. A long write sets the time before the data. And later stores into an
//! already dirty page of a shared mapping set no time at all until the kernel has written the page back.

use std::time::Duration;

use crate::metadata::{Stat, Time};
use crate::sys::clock;

/// Never shorter by default than the coarsest stamps (FAT: two seconds).
const SHORTEST: Duration = Duration::from_secs(2);

/// How long the kernel's write-back takes to begin, if the system does not say. On Windows nothing says how late the
/// time of a mapped file may be.
const USUAL_WRITE_BACK: Duration = Duration::from_secs(if cfg!(windows) { 60 } else { 35 });

/// A stamp without nanoseconds is taken as one of a file system that keeps two-second stamps (FAT).
const COARSEST_GRANULE: Duration = Duration::from_secs(2);

/// The span of time that a stamp stands for. File systems cut off what they cannot keep: FAT at two seconds or ten
/// milliseconds, many FUSE ones at a second, NTFS at 100 ns. The zeros at the end of a stamp show it, whichever file
/// system it is. A stamp that has such zeros by chance costs one more look.
pub(crate) fn granule(stamp: Time) -> Duration {
    if stamp.nsec == 0 {
        return COARSEST_GRANULE;
    }
    let mut granule = 1;
    while stamp.nsec.is_multiple_of(granule * 10) {
        granule *= 10;
    }
    Duration::from_nanos(granule.into())
}

/// The racy window if none is given. If dirty pages are written back before the walk (`settle`), the span of the
/// coarsest stamp is enough; else it is the time until the kernel begins to write back.
pub(crate) fn default_window(settle: bool) -> Duration {
    if settle { SHORTEST } else { clock::write_back_delay().unwrap_or(USUAL_WRITE_BACK).max(SHORTEST) }
}

/// The rule for one file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RacyRule {
    /// The boundary less the window.
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
        // Most stamps are far older than the threshold.
        stamp.sec.saturating_add(3) >= self.threshold.sec && latest(stamp) >= self.threshold
    }
}

/// The last nanosecond that a stamp stands for.
fn latest(stamp: Time) -> Time {
    stamp.saturating_add(granule(stamp).saturating_sub(Duration::from_nanos(1)))
}

/// The second rule, for file systems whose clock cannot be asked. It was at least as late there as the newest stamp
/// that the walk saw. An entry is racy if its stamp may be from the time of the walk, however far the clocks differ.
/// (borg's rule for its files cache, widened by how long the walk took.)
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewestRule {
    keeps_ctime: bool,
    walk: Duration,
    /// By the local clock. A later stamp is from the future and proves nothing about a clock that is behind.
    now: Time,
    newest: Option<Time>,
}

impl NewestRule {
    pub(crate) fn new(keeps_ctime: bool, walk: Duration, now: Time) -> Self {
        Self { keeps_ctime, walk, now, newest: None }
    }

    fn stamp(&self, stat: &Stat) -> Time {
        if self.keeps_ctime { stat.ctime } else { stat.mtime }
    }

    /// Takes an entry into account; all of them before the first question.
    pub(crate) fn see(&mut self, stat: &Stat) {
        let stamp = self.stamp(stat);
        if stamp <= self.now {
            self.newest = self.newest.max(Some(stamp));
        }
    }

    /// Whether an entry's stamp may be from the time of the walk.
    pub(crate) fn is_racy(&self, stat: &Stat) -> bool {
        self.newest.is_some_and(|newest| latest(self.stamp(stat)) >= newest.saturating_sub(self.walk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zeros_of_a_stamp_show_its_granule() {
        for (nsec, granule_nsec) in [
            (0, 2_000_000_000),
            (1, 1),
            (999_999_999, 1),
            (120, 10),
            (123_456_700, 100),
            (10_000_000, 10_000_000),
            (500_000_000, 100_000_000),
        ] {
            assert_eq!(granule(Time::new(7, nsec)), Duration::from_nanos(granule_nsec), "{nsec}");
        }
    }

    #[test]
    fn ten_milliseconds_last_ten() {
        let rule = RacyRule::new(Time::new(100, 15_000_000), Duration::ZERO, true);
        assert!(rule.is_racy(&stat(Time::new(100, 10_000_000), Time::default())));
        assert!(!rule.is_racy(&stat(Time::new(100, 10_000_001), Time::default())));
        assert!(!rule.is_racy(&stat(Time::new(99, 990_000_000), Time::default())));
    }

    #[test]
    fn the_newest_stamp_and_what_is_within_the_walk_of_it_are_racy() {
        let mut rule = NewestRule::new(true, Duration::from_secs(3), Time::new(30, 0));
        let stats = [10, 20, 22, 23, 31].map(|sec| stat(Time::new(sec, 1), Time::new(99, 1)));
        for stat in &stats {
            rule.see(stat);
        }
        assert_eq!(stats.map(|s| rule.is_racy(&s)), [false, true, true, true, true], "one from the future");
        let mut rule = NewestRule::new(true, Duration::ZERO, Time::new(30, 0));
        let whole = [20, 21, 22].map(|sec| stat(Time::new(sec, 0), Time::default()));
        for stat in &whole {
            rule.see(stat);
        }
        assert_eq!(whole.map(|s| rule.is_racy(&s)), [false, true, true], "a stamp of two seconds");
    }

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
