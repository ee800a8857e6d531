//! The reasons for which Duplicati gets no list, in words, each with what to do.

use fastdiff::consumers::duplicati::{FilterDifference, Ineligible};
use fastdiff::path::PathExt as _;

/// Why a backup cannot get a list, and what to do.
pub(super) fn ineligible(problem: &Ineligible) -> String {
    match problem {
        Ineligible::Filters(differences) => filters(differences),
        Ineligible::Sources { difference, sources } => {
            let sources: Vec<_> = sources.iter().map(|path| path.shown().to_string()).collect();
            format!(
                "the sources are not the roots of the job ({difference}): add the job again with the roots {}",
                sources.join(", ")
            )
        }
        Ineligible::Other(why) => why.clone(),
        _ => "the backup cannot get a list".to_owned(),
    }
}

/// How the filters of Duplicati and of the job differ, each with what to do.
pub(super) fn filters(differences: &[FilterDifference]) -> String {
    let all = differences.iter().map(|difference| format!("{difference}: {}", advice(difference)));
    all.collect::<Vec<_>>().join("; ")
}

fn advice(difference: &FilterDifference) -> String {
    match difference {
        FilterDifference::OneFileSystem => "take one-file-system out of the job".to_owned(),
        FilterDifference::OnlyDuplicati { pattern, .. } => {
            format!("add --exclude '{}' to the job", pattern.replace('\'', r#"'"'"'"#))
        }
        FilterDifference::Attribute(_) => "take it out of --exclude-files-attributes".to_owned(),
        FilterDifference::Incomparable(_) => "replace it with one that docs/duplicati.md lists".to_owned(),
        FilterDifference::OnlyJob(_) => {
            "give the backup a filter for it (docs/duplicati.md lists their forms), or take it out of the job"
                .to_owned()
        }
        FilterDifference::MarkerOnlyDuplicati(name) => format!("add --exclude-if-present '{name}' to the job"),
        FilterDifference::MarkerOnlyJob(_) => "add it to --ignore-filenames of the backup".to_owned(),
        FilterDifference::Caches => "take exclude-caches out of the job".to_owned(),
        _ => "make both the same".to_owned(),
    }
}
