//! The clock of a server and what its file system keeps of a time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
pub(crate) type Nanoseconds = i128;

pub(crate) const SECOND: Nanoseconds = 1_000_000_000;

/// How a file system stamps its files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamps {
    /// Times are cut to multiples of this.
    pub(crate) granularity: Duration,
    /// How far its clock is ahead of ours; behind if negative.
    pub(crate) skew: Nanoseconds,
    /// Whether it keeps a change time; if not, it shows the mtime in its place.
    pub(crate) keeps_ctime: bool,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { granularity: Duration::from_nanos(1), skew: 0, keeps_ctime: true }
    }
}

impl Stamps {
    /// Shifts the clock by less than a tick, so that the tick of now ends so soon.
    pub(crate) fn ending_in(mut self, left: Duration) -> Self {
        let granularity = self.granularity.as_nanos().cast_signed();
        let in_tick = (nanoseconds(SystemTime::now()) + self.skew).rem_euclid(granularity);
        self.skew += granularity - in_tick - left.as_nanos().cast_signed().min(granularity);
        self
    }

    /// The time by its clock.
    pub(super) fn now(&self) -> Nanoseconds {
        self.cut(nanoseconds(SystemTime::now()) + self.skew)
    }

    /// What is kept of a time.
    pub(super) fn cut(&self, time: Nanoseconds) -> Nanoseconds {
        let granularity = i128::try_from(self.granularity.as_nanos()).unwrap().max(1);
        time.div_euclid(granularity) * granularity
    }
}

pub(super) fn nanoseconds(time: SystemTime) -> Nanoseconds {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap(),
        Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap(),
    }
}

pub(super) fn system_time(time: Nanoseconds) -> SystemTime {
    let distance = time.unsigned_abs();
    let seconds = u64::try_from(distance / 1_000_000_000).unwrap();
    let distance = Duration::new(seconds, u32::try_from(distance % 1_000_000_000).unwrap());
    if time < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}
