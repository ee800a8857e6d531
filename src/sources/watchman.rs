//! The answers of `watchman since`, `watchman clock` and `watchman query`, as JSON, behind those of `watchman watch`
//! and `watchman get-config`: watchman leaves out what its configuration says, and does not mention that.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BlindSpots, ChangeSource, CompleteSince, HintsProblem, RootNames, SourceAnswer};
use crate::metadata::Time;
use crate::path::{is_within, push, to_bytes};

/// What watchman looks into only one level deep unless its configuration says otherwise. The last one is of newer
/// versions. Source: `ignore_vcs` in watchman's documentation.
const VCS: [&str; 4] = [".git", ".hg", ".svn", ".sl"];

/// The answers of watchman, as they came.
pub(super) struct WatchmanAnswer<'a> {
    pub(super) json: &'a [u8],
}

impl ChangeSource for WatchmanAnswer<'_> {
    fn ask(&self, roots: &[RootNames]) -> Result<SourceAnswer, String> {
        // It opens directories without following symlinks.
        let mut answer = SourceAnswer::new(BlindSpots { symlinks: false, ..BlindSpots::WATCHER });
        read(&mut answer, self.json, &global_config(), roots)?;
        Ok(answer)
    }
}

/// One answer. Which command it answers shows in what it holds.
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
    subscription: Option<String>,
    error: Option<String>,
    warning: Option<String>,
    /// The directory that is watched; the answer of `watch` and `watch-project`.
    watch: Option<String>,
    /// What the watch was begun with; the answer of `get-config`.
    config: Option<WatchmanConfig>,
}

#[derive(Deserialize, Default)]
struct WatchmanConfig {
    #[serde(default)]
    ignore_dirs: Vec<String>,
    ignore_vcs: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WatchmanFile {
    Name(String),
    Fields {
        name: String,
        /// Only the answers of `since` hold it, unless a query asks for it.
        cclock: Option<String>,
    },
}

/// Where the server has what it does with every watch from.
fn global_config() -> PathBuf {
    std::env::var_os("WATCHMAN_CONFIG_FILE").map_or_else(|| PathBuf::from("/etc/watchman.json"), PathBuf::from)
}

/// Reads answers. The error says what is wrong with them.
pub(super) fn read(answer: &mut SourceAnswer, bytes: &[u8], global: &Path, roots: &[RootNames]) -> Result<(), String> {
    let (mut watched, mut config, mut main) = (None, None, None);
    for fields in serde_json::Deserializer::from_slice(bytes).into_iter::<AnswerFields>() {
        let fields = fields.map_err(|e| format!("not an answer of watchman: {e}"))?;
        if let Some(error) = fields.error {
            answer.lose(HintsProblem::NoAnswer(error));
            return Ok(());
        }
        if let Some(top) = fields.watch {
            watched = Some(top);
        } else if let Some(found) = fields.config {
            config = Some(found);
        } else if main.replace(fields).is_some() {
            return Err("it holds the answers to two questions to watchman; ask one for each scan".into());
        }
    }
    let Some(fields) = main else {
        return Err("not an answer of watchman: it holds no clock".into());
    };
    let clock = fields.clock.ok_or("not an answer of watchman: it holds no clock")?;
    answer.watchman_clock = Some(clock.clone());
    let Some(files) = fields.files else {
        // The answer of `watchman clock`: the next one will be complete since then.
        answer.lose(HintsProblem::OnlyClock);
        return Ok(());
    };
    if fields.is_fresh_instance {
        answer.lose(HintsProblem::Lost("watchman was restarted, and does not know what changed before"));
    }
    if fields.warning.is_some_and(|warning| warning.contains("Recrawled")) {
        answer.lose(HintsProblem::Lost("watchman lost events and crawled the tree again"));
    }
    let top = fields.root.or_else(|| watched.clone()).map(|root| to_bytes(Path::new(&root)).into_owned());
    let is_all = fields.subscription.is_none() && files.iter().all(WatchmanFile::is_of_since);
    answer.since = CompleteSince::WatchmanClock { asked: fields.since, now: clock.clone() };
    if watched.is_none() || config.is_none() {
        answer.doubt(HintsProblem::NoConfig);
    } else if !is_all {
        answer.doubt(HintsProblem::Narrowed);
    }
    add_ignored(answer, &config.unwrap_or_default(), &VCS, top.as_deref(), roots);
    match read_global(global, &clock) {
        Ok(config) => add_ignored(answer, &config, &[], top.as_deref(), roots),
        Err(why) => answer.lose(HintsProblem::Lost(why)),
    }
    if top.as_ref().is_some_and(|top| !roots.iter().all(|root| is_within(root.canonical(), top))) {
        answer.lose(HintsProblem::Lost("watchman watches only a part of what is read"));
    }
    for (place, file) in files.into_iter().enumerate() {
        let (WatchmanFile::Name(name) | WatchmanFile::Fields { name, .. }) = file;
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

impl WatchmanFile {
    fn is_of_since(&self) -> bool {
        matches!(self, Self::Fields { cclock: Some(_), .. })
    }
}

/// Adds what a configuration leaves out below the directory that is watched, or below the only root. `vcs` is left out
/// if the configuration does not say otherwise.
fn add_ignored(
    answer: &mut SourceAnswer,
    config: &WatchmanConfig,
    vcs: &[&str],
    top: Option<&[u8]>,
    roots: &[RootNames],
) {
    let Some(top) = top.or_else(|| roots.first().map(RootNames::given)) else { return };
    let vcs = config.ignore_vcs.clone().unwrap_or_else(|| vcs.iter().map(|name| (*name).to_owned()).collect());
    for dir in config.ignore_dirs.iter().chain(&vcs) {
        let mut path = top.to_vec();
        push(&mut path, dir.as_bytes());
        if !answer.ignored.contains(&path) {
            answer.ignored.push(path);
        }
    }
}

/// The server's own configuration, which it has read when it was started: that is the first number of its clock. The
/// error says why it is not known.
fn read_global(file: &Path, clock: &str) -> Result<WatchmanConfig, &'static str> {
    let text = match std::fs::read(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(WatchmanConfig::default()),
        text => text.map_err(|_| "watchman's own configuration cannot be read")?,
    };
    let started = clock.split(':').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let is_older = crate::sys::stat_following(file).is_ok_and(|file| file.stat.ctime < Time::new(started, 0));
    if !is_older {
        return Err("watchman's own configuration changed after watchman was started");
    }
    serde_json::from_slice(&text).map_err(|_| "watchman's own configuration is not understood")
}
