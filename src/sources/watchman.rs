//! The answers of `watchman since`, `watchman clock` and `watchman query`, as JSON.

use serde::Deserialize;

use super::{BlindSpots, ChangeSource, CompleteSince, HintsProblem, RootNames, SourceAnswer};
use crate::path::to_bytes;

/// An answer of watchman, as it came.
pub(super) struct WatchmanAnswer<'a> {
    pub(super) json: &'a [u8],
}

impl ChangeSource for WatchmanAnswer<'_> {
    fn ask(&self, roots: &[RootNames]) -> Result<SourceAnswer, String> {
        let mut answer = SourceAnswer::new(BlindSpots::WATCHER);
        read(&mut answer, self.json, roots)?;
        Ok(answer)
    }
}

#[derive(Deserialize)]
struct AnswerFields {
    clock: Option<String>,
    #[serde(default)]
    is_fresh_instance: bool,
    files: Option<Vec<WatchmanFile>>,
    /// The clock that was asked for; answers to subscriptions hold it.
    since: Option<String>,
    /// The directory that names are relative to; answers to subscriptions hold it.
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
fn read(answer: &mut SourceAnswer, bytes: &[u8], roots: &[RootNames]) -> Result<(), String> {
    let fields: AnswerFields = serde_json::from_slice(bytes).map_err(|e| format!("not an answer of watchman: {e}"))?;
    if let Some(error) = fields.error {
        answer.lose(HintsProblem::NoAnswer(error));
        return Ok(());
    }
    let clock = fields.clock.ok_or("not an answer of watchman: it holds no clock")?;
    answer.watchman_clock = Some(clock.clone());
    let Some(files) = fields.files else {
        // The answer of `watchman clock`: the next one will be complete since then.
        answer.lose(HintsProblem::OnlyClock);
        return Ok(());
    };
    answer.since = CompleteSince::WatchmanClock { asked: fields.since, now: clock };
    if fields.is_fresh_instance {
        answer.lose(HintsProblem::Lost("watchman was restarted, and does not know what changed before"));
    }
    if fields.warning.is_some_and(|warning| warning.contains("Recrawled")) {
        answer.lose(HintsProblem::Lost("watchman lost events and crawled the tree again"));
    }
    let top = fields.root.map(|root| to_bytes(std::path::Path::new(&root)).into_owned());
    for (place, file) in files.into_iter().enumerate() {
        let (WatchmanFile::Name(name) | WatchmanFile::Fields { name }) = file;
        let number = place + 1;
        if name.is_empty() || name.contains('\u{fffd}') {
            // Watchman mangles names that are not UTF-8.
            answer.paths += 1;
            answer.lose(HintsProblem::NoPath(number));
        } else {
            answer.add_relative(name.as_bytes(), number, top.as_deref(), roots)?;
        }
    }
    Ok(())
}
