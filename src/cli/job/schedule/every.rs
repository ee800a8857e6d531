//! How often a job runs, and whether a calendar can express it. If a run has a fixed time of day and the machine slept
//! then, the run starts afterwards. If it counts from the last run, sleep delays it.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// From one minute to 31 days, in whole seconds: the Windows Task Scheduler takes no other interval, and no backup
/// should wait longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Every {
    seconds: u64,
}

/// An interval that fits evenly into an hour, a day or a week, so that every run has a fixed time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Calendar {
    /// A divisor of 60 below 60.
    Minutes(u64),
    /// A divisor of 24 below 24.
    Hours(u64),
    Day,
    Week,
}

impl Every {
    pub(super) fn seconds(self) -> u64 {
        self.seconds
    }

    pub(super) fn calendar(self) -> Option<Calendar> {
        let n = self.seconds;
        match n {
            DAY => Some(Calendar::Day),
            _ if n == 7 * DAY => Some(Calendar::Week),
            _ if n < HOUR && HOUR.is_multiple_of(n) && n.is_multiple_of(MINUTE) => Some(Calendar::Minutes(n / MINUTE)),
            _ if n < DAY && DAY.is_multiple_of(n) && n.is_multiple_of(HOUR) => Some(Calendar::Hours(n / HOUR)),
            _ => None,
        }
    }

    /// In ISO 8601: PT15M.
    pub(super) fn iso8601(self) -> String {
        let (days, hours, minutes) = (self.seconds / DAY, self.seconds % DAY / HOUR, self.seconds % HOUR / MINUTE);
        let mut text = String::from("P");
        for (count, unit) in [(days, "D"), (hours, "H"), (minutes, "M"), (self.seconds % MINUTE, "S")] {
            if count > 0 {
                if unit != "D" && !text.contains('T') {
                    text.push('T');
                }
                // Writing to a string cannot fail.
                let _ = write!(text, "{count}{unit}");
            }
        }
        text
    }
}

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let duration = humantime::parse_duration(text).map_err(|e| format!("{e}; write it as 15min, 2h or 1day"))?;
        if duration.subsec_nanos() != 0 {
            return Err("write it in whole seconds, such as 15min, 2h or 1day".into());
        }
        if !(Duration::from_secs(MINUTE)..=Duration::from_secs(31 * DAY)).contains(&duration) {
            return Err("it must be between 1min and 31days".into());
        }
        Ok(Self { seconds: duration.as_secs() })
    }
}

/// In the largest unit that it is a multiple of: 15min, 1h, 90s. systemd reads this form too.
impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(DAY, "day"), (HOUR, "h"), (MINUTE, "min"), (1, "s")];
        let (size, unit) = units.into_iter().find(|(size, _)| self.seconds.is_multiple_of(*size)).unwrap_or((1, "s"));
        let plural = if size == DAY && self.seconds > DAY { "s" } else { "" };
        write!(f, "{}{unit}{plural}", self.seconds / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_read_shown_and_found_in_the_calendar() {
        let cases = [
            ("15min", "15min", "PT15M", Some(Calendar::Minutes(15))),
            ("60s", "1min", "PT1M", Some(Calendar::Minutes(1))),
            ("30m", "30min", "PT30M", Some(Calendar::Minutes(30))),
            ("60min", "1h", "PT1H", Some(Calendar::Hours(1))),
            ("12h", "12h", "PT12H", Some(Calendar::Hours(12))),
            ("24h", "1day", "P1D", Some(Calendar::Day)),
            ("1week", "7days", "P7D", Some(Calendar::Week)),
            ("90s", "90s", "PT1M30S", None),
            ("7min", "7min", "PT7M", None),
            ("45min", "45min", "PT45M", None),
            ("90min", "90min", "PT1H30M", None),
            ("5h", "5h", "PT5H", None),
            ("2days", "2days", "P2D", None),
            ("1day 1s", "86401s", "P1DT1S", None),
        ];
        for (given, shown, iso, calendar) in cases {
            let every: Every = given.parse().unwrap_or_else(|e| panic!("{given}: {e}"));
            assert_eq!((every.to_string(), every.iso8601(), every.calendar()), (shown.into(), iso.into(), calendar));
            assert_eq!(shown.parse(), Ok(every), "what is shown is read again");
        }
    }

    #[test]
    fn what_is_no_interval_is_refused_with_what_one_looks_like() {
        for (given, said) in [
            ("15", "time unit needed, for example 15sec or 15ms; write it as 15min, 2h or 1day"),
            ("", "value was empty; write it as 15min, 2h or 1day"),
            ("90500ms", "write it in whole seconds, such as 15min, 2h or 1day"),
            ("59s", "it must be between 1min and 31days"),
            ("0s", "it must be between 1min and 31days"),
            ("32days", "it must be between 1min and 31days"),
        ] {
            assert_eq!(given.parse::<Every>(), Err(said.into()), "{given:?}");
        }
    }
}
