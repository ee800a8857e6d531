//! What a shell completes by asking the program itself, such as the names of jobs.

use clap::builder::StyledStr;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use super::state::StateArgs;

/// The variable by which the scripts that `fastdiff completions` prints ask. It holds the name of a shell.
pub(super) const VARIABLE: &str = "FASTDIFF_COMPLETE";

/// Answers a shell, if one asks: then the program ends.
pub(super) fn answer() {
    if std::env::var_os(VARIABLE).is_some() {
        clap_complete::CompleteEnv::with_factory(super::whole).var(VARIABLE).complete();
    }
}

/// Completes the name of a job, from the definitions in the usual place.
pub(super) fn jobs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        // Without definitions there is nothing to complete.
        let Ok(config) = StateArgs::default().config() else { return Vec::new() };
        let candidate = |name: String| {
            let about = config
                .definition(&name)
                .ok()
                .flatten()
                .map(|definition| StyledStr::from(format!("for {}", definition.consumer.title())));
            CompletionCandidate::new(name).help(about)
        };
        config.names().into_iter().map(candidate).collect()
    })
}
