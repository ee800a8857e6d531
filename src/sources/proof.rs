//! Whether an answer names everything that changed since the base began, and why not (promise 4).

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::metadata::Time;
use crate::path::PathExt as _;

/// What an answer is compared with.
#[derive(Debug)]
pub(crate) struct BaseFacts<'a> {
    /// The digest of the base's header.
    pub(crate) identity: [u8; 16],
    /// Hints have to be complete since this time.
    pub(crate) hints_since: Time,
    /// The clock of watchman at which the base was taken.
    pub(crate) watchman_clock: Option<&'a str>,
}

/// Since when an answer claims to be complete. Each kind of evidence is compared with another fact of the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CompleteSince {
    /// It does not say.
    Unstated,
    /// Since a time.
    Time(Time),
    /// Since the snapshot with this identity began.
    Base([u8; 16]),
    /// Since a clock of watchman.
    WatchmanClock {
        /// The clock that was asked for, if the answer says so.
        asked: Option<String>,
        /// The clock of the answer.
        now: String,
    },
}

impl CompleteSince {
    /// Whether that is not later than the base began.
    pub(super) fn proves(&self, base: &BaseFacts<'_>) -> Result<(), HintsProblem> {
        match self {
            Self::Unstated => Err(HintsProblem::NoStatement),
            Self::Time(since) if *since <= base.hints_since => Ok(()),
            Self::Time(since) => Err(HintsProblem::TooLate { since: *since, needed: base.hints_since }),
            Self::Base(identity) if *identity == base.identity => Ok(()),
            Self::Base(_) => Err(HintsProblem::OtherBase),
            Self::WatchmanClock { asked, now } => {
                let Some(then) = base.watchman_clock else { return Err(HintsProblem::NoClock) };
                let is_asked = asked.as_ref().is_none_or(|asked| asked == then);
                if is_asked && is_later(then, now) { Ok(()) } else { Err(HintsProblem::OtherClock) }
            }
        }
    }
}

/// Whether two clocks are of one watchman that was not restarted, and the second is not earlier. A clock is
/// `c:START:PID:ROOT:TICKS`.
fn is_later(then: &str, now: &str) -> bool {
    let split = |clock: &str| {
        let (instance, ticks) = clock.rsplit_once(':')?;
        (instance.starts_with("c:")).then_some(())?;
        Some((instance.to_owned(), ticks.parse::<u64>().ok()?))
    };
    match (split(then), split(now)) {
        (Some((before, from)), Some((after, to))) => before == after && from <= to,
        _ => false,
    }
}

/// Why hints were not used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HintsProblem {
    /// There is no base that they could be complete since.
    NoBase,
    /// The portable walker cannot use them.
    PortableWalker,
    /// They do not say since when they are complete.
    NoStatement,
    /// They begin too late.
    TooLate {
        /// They are complete since this time.
        since: Time,
        /// They would have to be complete since this time.
        needed: Time,
    },
    /// They were made for another base.
    OtherBase,
    /// The base holds no clock of watchman to compare with.
    NoClock,
    /// This is another watchman than that of the base, or it was restarted, or it was asked for another time.
    OtherClock,
    /// The watcher lost events or was restarted, or the list is cut short.
    Lost(&'static str),
    /// Watchman could not answer: what it said.
    NoAnswer(String),
    /// They are only a clock of watchman: the next ones will be complete since it.
    OnlyClock,
    /// The hint of this number does not say where.
    NoPath(usize),
    /// This number of entries changed, and no hint named them.
    Missed(u64),
    /// One leads through this, which is a symlink or was one.
    ThroughSymlink(PathBuf),
    /// One lies below this, which was no directory in the base and is none now. It may have been a symlink.
    NoPlace(PathBuf),
    /// The place of one cannot be looked at.
    Unreadable(PathBuf, String),
    /// What is mounted there is not what was mounted there when the base was taken.
    OtherMount(PathBuf),
    /// The mount table cannot be read.
    NoMountTable,
    /// Watchman did not say what it leaves out.
    NoConfig,
    /// They answer a question to watchman that may have been narrower than "what changed".
    Narrowed,
}

impl HintsProblem {
    /// Whether the caller's word can replace the missing proof. Not if hints are known to be incomplete.
    pub(crate) fn can_be_trusted(&self) -> bool {
        let is_silent = matches!(self, Self::NoStatement | Self::NoConfig | Self::Narrowed);
        is_silent || matches!(self, Self::TooLate { .. } | Self::OtherBase | Self::NoClock | Self::OtherClock)
    }
}

impl fmt::Display for HintsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBase => "there is no base",
            Self::PortableWalker => "only the native walker can use them",
            Self::NoStatement => "they do not say since when they are complete",
            Self::TooLate { since, needed } => {
                let (since, needed) = (shown(*since), shown(*needed));
                return write!(f, "they are complete since {since}, but must be complete since {needed}");
            }
            Self::OtherBase => "they are complete since another snapshot than the base",
            Self::NoClock => "the base was taken without a clock of watchman, so they cannot be complete since it",
            Self::OtherClock => "watchman was restarted since the base was taken, or was asked for another time",
            Self::Lost(why) => why,
            Self::NoAnswer(said) => return write!(f, "watchman failed: {}", said.escape_debug()),
            Self::OnlyClock => "they are only a clock: the next hints will be complete since it",
            Self::NoPath(number) => return write!(f, "number {number} does not say where"),
            Self::Missed(1) => "they failed: 1 entry changed without a hint",
            Self::Missed(number) => return write!(f, "they failed: {number} entries changed without a hint"),
            Self::ThroughSymlink(path) => {
                let path = path.shown();
                return write!(f, "one leads through {path}, which is or was a symlink, and does not say where to");
            }
            Self::NoPlace(path) => {
                let path = path.shown();
                return write!(f, "one lies below {path}, which came and went, and may have been a symlink");
            }
            Self::Unreadable(path, why) => {
                return write!(f, "the place of one cannot be looked at: {}: {why}", path.shown());
            }
            Self::OtherMount(path) => {
                let path = path.shown();
                return write!(f, "what is mounted at {path} changed, and one may have been about something else");
            }
            Self::NoMountTable => "the mount table cannot be read, and one file may have several names",
            Self::NoConfig => {
                "the answers of `watchman watch` and `watchman get-config` are missing, so watchman may leave out more \
                 than is known"
            }
            Self::Narrowed => "only an answer of `watchman since` is sure to name all that changed",
        })
    }
}

/// A time as a message shows it.
fn shown(time: Time) -> String {
    Timestamp::new(time.sec, time.nsec.cast_signed())
        .map_or_else(|_| format!("{}.{:09}", time.sec, time.nsec), |stamp| stamp.to_string())
}
