//! How long to wait for an answer from the system, and when to report that.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::monitor::Monitor;
use crate::path::PathExt as _;

/// A call that lasts longer is reported.
const REPORT_AFTER: Duration = Duration::from_secs(10);

/// A call that is waited for.
#[derive(Debug)]
pub(crate) struct CallTimer {
    since: Instant,
    next: Duration,
}

impl Default for CallTimer {
    fn default() -> Self {
        Self { since: Instant::now(), next: REPORT_AFTER }
    }
}

impl CallTimer {
    /// How long it lasts, if that is to be reported: after ten seconds, and each time it has doubled.
    pub(crate) fn should_report(&mut self) -> Option<Duration> {
        let waited = self.since.elapsed();
        if waited < self.next {
            return None;
        }
        self.next = waited * 2;
        Some(waited)
    }
}

/// The error of a call that did not return in time.
pub(crate) fn timeout_error(timeout: Duration, path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {timeout:?} for {}", path.shown()))
}

/// Makes calls about a path in a thread of its own, which is left behind if it does not end within the timeout.
///
/// # Errors
/// That of the calls; `TimedOut`.
pub(crate) fn with_timeout<T: Send + 'static>(
    path: &Path,
    timeout: Option<Duration>,
    monitor: &dyn Monitor,
    calls: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (answer, answered) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("call".into()).spawn(move || {
        // The caller may have given up by now.
        let _ = answer.send(calls());
    })?;
    wait_for(&answered, path, timeout, monitor)?
}

/// Waits for something that other threads send when their calls about a path have returned.
///
/// # Errors
/// `TimedOut`; also if all of these threads are gone.
pub(crate) fn wait_for<T>(
    answered: &mpsc::Receiver<T>,
    path: &Path,
    timeout: Option<Duration>,
    monitor: &dyn Monitor,
) -> io::Result<T> {
    let mut timer = CallTimer::default();
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(timer.since.elapsed()));
        match answered.recv_timeout(left.unwrap_or(REPORT_AFTER).min(REPORT_AFTER)) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("a thread of the scan failed")),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(timeout) = timeout.filter(|timeout| timer.since.elapsed() >= *timeout) {
            return Err(timeout_error(timeout, path));
        }
        if let Some(waited) = timer.should_report() {
            monitor.waiting(path, waited);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoMonitor;

    #[test]
    fn an_answer_is_passed_on_and_none_is_an_error_in_time() {
        let path = Path::new("/somewhere");
        assert_eq!(with_timeout(path, None, &NoMonitor, || Ok(7)).expect("an answer"), 7);
        let (_release, never) = mpsc::channel::<()>();
        let began = Instant::now();
        let error = with_timeout(path, Some(Duration::from_millis(20)), &NoMonitor, move || Ok(never.recv()))
            .expect_err("none");
        assert_eq!(error.to_string(), "no answer within 20ms for /somewhere");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
