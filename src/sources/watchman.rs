//! The answers of `watchman since`, `watchman clock` and `watchman query`, as JSON.

use serde::Deserialize;

use super::{Hints, RootNames, Since, Unproved};
use crate::path::to_bytes;

#[derive(Deserialize)]
struct WatchmanAnswer {
    clock: Option<String>,
    #[serde(default)]
    is_fresh_instance: bool,
    files: Option<Vec<WatchmanFile>>,
    /// What was asked for; answers to subscriptions hold it.
    since: Option<String>,
    /// What the names are relative to; answers to subscriptions hold it.
    root: Option<String>,
    error: Option<String>,
    warning: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WatchmanFile {
    Name(String),
    Fields { name: String },
}

/// Reads an answer. The error says what is wrong with it.
pub(super) fn read(hints: &mut Hints, bytes: &[u8], roots: &[RootNames]) -> Result<(), String> {
    let answer: WatchmanAnswer = serde_json::from_slice(bytes).map_err(|e| format!("is no answer of watchman: {e}"))?;
    if let Some(error) = answer.error {
        hints.look_everywhere(Unproved::NoAnswer(error));
        return Ok(());
    }
    let clock = answer.clock.ok_or("is no answer of watchman: it holds no clock")?;
    hints.clock = Some(clock);
    let Some(files) = answer.files else {
        // That of `watchman clock`: the next answer will be complete since then.
        hints.look_everywhere(Unproved::OnlyClock);
        return Ok(());
    };
    hints.since = Since::Clock(answer.since);
    if answer.is_fresh_instance {
        hints.look_everywhere(Unproved::Lost("watchman began anew, and does not know what changed before"));
    }
    if answer.warning.is_some_and(|warning| warning.contains("Recrawled")) {
        hints.look_everywhere(Unproved::Lost("watchman lost events and crawled the tree again"));
    }
    let top = answer.root.map(|root| to_bytes(std::path::Path::new(&root)).into_owned());
    for (place, file) in files.into_iter().enumerate() {
        let (WatchmanFile::Name(name) | WatchmanFile::Fields { name }) = file;
        let number = place + 1;
        if name.is_empty() || name.contains('\u{fffd}') {
            // A name that is not UTF-8 comes mangled.
            hints.paths += 1;
            hints.look_everywhere(Unproved::NoPath(number));
        } else {
            hints.add_relative(name.as_bytes(), number, top.as_deref(), roots)?;
        }
    }
    Ok(())
}

/// Whether two clocks are of one watchman that did not begin anew, and the second is not earlier:
/// `c:START:PID:ROOT:TICKS`.
pub(super) fn is_later(then: &str, now: &str) -> bool {
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
