//! Counts how often a promise was attacked, and how often it broke. `just test-faults` prints the counts as a
//! table.

use std::fs::OpenOptions;
use std::io::Write as _;

/// The promises of docs/guarantees.md that can be attacked, by the number of their section there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    NoChangeMissed = 1,
    UnreadableIsNotDeleted = 2,
    HintsAreProved = 4,
    RefusesRatherThanMisleads = 5,
    DamagedIsNotBelieved = 6,
    QuestionsAreTheSame = 7,
    VanishedIsNotEmptied = 8,
    WholeOrAbsent = 9,
    NeverLeavesTheRoot = 10,
    AnswersInTime = 11,
    TablesHideNothing = 12,
}

/// How often to try: a few times in an ordinary test run. With `FASTDIFF_ATTACKS=full` as often as `at_length` says,
/// with `FASTDIFF_ATTACKS=check` a tenth of that, or more often where an ordinary run already tries more.
pub(crate) fn times(ordinarily: u32, at_length: u32) -> u32 {
    if at_length_asked() {
        at_length
    } else if asked_for("check") {
        ordinarily.max(at_length / 10)
    } else {
        ordinarily
    }
}

/// Whether every attack is made at length: `FASTDIFF_ATTACKS=full`.
pub(crate) fn at_length_asked() -> bool {
    asked_for("full")
}

fn asked_for(length: &str) -> bool {
    std::env::var_os("FASTDIFF_ATTACKS").is_some_and(|value| value == length)
}

/// One kind of attack on one promise. At its end it is written to the file that `FASTDIFF_REPORT` names, and
/// the test fails if the promise broke.
#[must_use]
pub(crate) struct Attack {
    promise: Promise,
    what: &'static str,
    tried: u64,
    failures: Vec<String>,
}

impl Attack {
    /// `what` is done, in a few words for the table.
    pub(crate) fn on(promise: Promise, what: &'static str) -> Self {
        Self { promise, what, tried: 0, failures: Vec::new() }
    }

    /// It cannot be tried here, as was said.
    pub(crate) fn skipped(self) {
        std::mem::forget(self);
    }

    /// One more try; `outcome` says how the promise broke if it did.
    pub(crate) fn tried(&mut self, outcome: Result<(), String>) {
        self.tried += 1;
        self.failures.extend(outcome.err());
    }

    /// One more try, in which the promise held if `held`.
    pub(crate) fn check(&mut self, held: bool, otherwise: impl FnOnce() -> String) {
        self.tried(if held { Ok(()) } else { Err(otherwise()) });
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let panicked = std::thread::panicking();
        let failures = self.failures.len() + usize::from(panicked);
        if let Some(file) = std::env::var_os("FASTDIFF_REPORT") {
            let place = std::env::var("FASTDIFF_PLACE").unwrap_or_default();
            let line = format!("{}\t{}\t{place}\t{}\t{failures}\n", self.promise as u8, self.what, self.tried);
            let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        if !panicked {
            assert!(self.tried > 0, "nothing was tried: {}", self.what);
            let shown: Vec<_> = self.failures.iter().take(5).collect();
            assert!(failures == 0, "{} of {} tries broke the promise; the first: {shown:#?}", failures, self.tried);
        }
    }
}
