//! Whether a job leaves out exactly what Duplicati leaves out. Duplicati backs up what is listed even if it excludes a
//! directory above, so the walk must leave out at least as much. What the walk leaves out is never listed, so it must
//! not leave out more. Only filters that both can express are compared.

use std::fmt;
use std::path::PathBuf;

use super::settings::Settings;
use super::spelling::compared_by;
use super::translate::{Translated, translate};
use super::unstored::Unstored;
use crate::filter::FilterOptions;
use crate::path::{PathExt as _, to_bytes};

/// The name by which Duplicati ignores directories, unless another is set.
const DEFAULT_MARKER: &str = "CACHEDIR.TAG";

/// One thing that Duplicati and the job do not leave out alike.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterDifference {
    /// The job stays on one file system.
    OneFileSystem,
    /// Duplicati leaves out more.
    OnlyDuplicati {
        /// What, in its words.
        what: String,
        /// The pattern that makes the job leave it out, too.
        pattern: String,
    },
    /// Duplicati leaves out files by an attribute, which the job cannot.
    Attribute(String),
    /// A filter of Duplicati that cannot be compared.
    Incomparable(String),
    /// A pattern of the job that Duplicati does not have.
    OnlyJob(String),
    /// Duplicati leaves out directories that hold a file of this name, and the job does not.
    MarkerOnlyDuplicati(String),
    /// The job leaves out directories that hold a file of this name, and Duplicati does not.
    MarkerOnlyJob(String),
    /// The job leaves out tagged caches, and Duplicati does not.
    Caches,
}

impl fmt::Display for FilterDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneFileSystem => f.write_str("the job stays on one file system, Duplicati does not"),
            Self::OnlyDuplicati { what, .. } => write!(f, "Duplicati leaves out {what}, the job does not"),
            Self::Attribute(name) => {
                write!(f, "Duplicati leaves out files by their attribute {name:?}, which the job cannot")
            }
            Self::Incomparable(item) => {
                write!(f, "Duplicati's filter {item:?} cannot be compared with the job's patterns")
            }
            Self::OnlyJob(pattern) => write!(f, "the job leaves out {pattern:?}, Duplicati does not"),
            Self::MarkerOnlyDuplicati(name) => {
                write!(f, "Duplicati leaves out directories that hold {name:?}, the job does not")
            }
            Self::MarkerOnlyJob(name) => {
                write!(f, "the job leaves out directories that hold {name:?}, Duplicati does not")
            }
            Self::Caches => f.write_str("the job leaves out tagged caches, Duplicati does not"),
        }
    }
}

/// How the filters of Duplicati and of the job differ. `left_out` is what the walk leaves out by itself.
pub fn filters_differ(
    settings: &Settings,
    filter: &FilterOptions,
    roots: &[PathBuf],
    left_out: &[PathBuf],
) -> Vec<FilterDifference> {
    let mut differences = markers(settings, filter);
    if filter.one_file_system {
        differences.push(FilterDifference::OneFileSystem);
    }
    let mut job = JobPatterns { filter, justified: Vec::new() };
    for attribute in settings.option("exclude_files_attributes").unwrap_or_default().split(',') {
        match attribute.trim().to_ascii_lowercase().as_str() {
            "" => {}
            // Neither is ever set outside of Windows.
            "system" | "temporary" if !cfg!(windows) => {}
            "hidden" if std::env::consts::OS == "linux" => {
                differences.extend(job.lacks("hidden files".to_owned(), ".*/".to_owned(), true));
            }
            other => differences.push(FilterDifference::Attribute(other.to_owned())),
        }
    }
    let items = settings.list("filter").unwrap_or_default();
    for item in &items {
        let translated = item.strip_prefix('-').map_or(Translated::Unknown, |text| translate(text, roots, left_out));
        match translated {
            Translated::FilesOnly => {}
            Translated::Directories(pattern) => {
                let files_too = items.iter().any(|other| matches_the_files_of(other, &pattern));
                differences.extend(job.lacks(format!("{item:?}"), pattern, files_too));
            }
            Translated::Unknown => differences.push(FilterDifference::Incomparable(item.clone())),
        }
    }
    differences.extend(job.unjustified());
    differences
}

/// The patterns of the job, and which of them Duplicati has too.
struct JobPatterns<'f> {
    filter: &'f FilterOptions,
    /// What the job may leave out.
    justified: Vec<String>,
}

impl JobPatterns<'_> {
    /// That the job does not leave out what Duplicati leaves out.
    fn lacks(&mut self, what: String, directories: String, files_too: bool) -> Option<FilterDifference> {
        let has = |pattern: &str| self.filter.patterns.iter().any(|p| p.text.trim_end() == pattern);
        let both = directories.trim_end_matches('/');
        let is_there = has(&directories) || files_too && has(both);
        if files_too {
            self.justified.push(both.to_owned());
        }
        self.justified.push(directories.clone());
        (!is_there).then_some(FilterDifference::OnlyDuplicati { what, pattern: directories })
    }

    /// What the job leaves out, and Duplicati does not.
    fn unjustified(&self) -> impl Iterator<Item = FilterDifference> {
        let patterns = self.filter.patterns.iter();
        let others = patterns.filter(|pattern| !self.justified.iter().any(|j| j == pattern.text.trim_end()));
        others.map(|pattern| FilterDifference::OnlyJob(pattern.text.clone()))
    }
}

/// Directories that hold a file of a certain name. Duplicati looks at the name alone: a tag need not be valid.
fn markers(settings: &Settings, filter: &FilterOptions) -> Vec<FilterDifference> {
    let names = settings.list("ignore_filenames").unwrap_or_else(|| vec![DEFAULT_MARKER.to_owned()]);
    let not_in = |others: &[String], name: &&String| !others.contains(*name);
    let only_duplicati = names.iter().filter(|name| not_in(&filter.exclude_if_present, name));
    let only_job = filter.exclude_if_present.iter().filter(|name| not_in(&names, name));
    let mut differences: Vec<_> = only_duplicati.cloned().map(FilterDifference::MarkerOnlyDuplicati).collect();
    differences.extend(only_job.cloned().map(FilterDifference::MarkerOnlyJob));
    if filter.exclude_caches && !names.iter().any(|name| name == DEFAULT_MARKER) {
        differences.push(FilterDifference::Caches);
    }
    differences
}

/// What files a version does not hold although they are in a source.
///
/// # Errors
/// A size that is not understood.
pub fn unstored(settings: &Settings) -> Result<Unstored, String> {
    let policy = settings.option("symlink_policy");
    let symlinks = policy.is_some_and(|policy| policy.trim().eq_ignore_ascii_case("ignore"));
    Ok(Unstored { patterns: file_patterns(settings), symlinks, larger_than: settings.size_limit()? })
}

/// The filters that keep out files and nothing else, as patterns in which `*` stands for anything. Filters with a `?`,
/// which stands for a letter, and those behind an `@`, in which a `*` stands for itself, are not among them.
fn file_patterns(settings: &Settings) -> Vec<String> {
    let items = settings.list("filter").unwrap_or_default();
    let is_for_files = |text: &&str| {
        translate(text, &[], &[]) == Translated::FilesOnly
            && !text.starts_with('@')
            && !text.contains('?')
            && !text.ends_with(['/', '*'])
    };
    items.iter().filter_map(|item| item.strip_prefix('-')).filter(is_for_files).map(str::to_owned).collect()
}

/// Whether an item excludes the files of the same names as the directories of a pattern.
fn matches_the_files_of(item: &str, pattern: &str) -> bool {
    let Some(text) = item.strip_prefix('-') else { return false };
    let name = pattern.trim_end_matches('/');
    // `*/name*` is for both already.
    text == name && name.starts_with('*') || text.strip_prefix("*/") == Some(name)
}

/// Which sources are not roots, or the other way round; none if they are the same.
pub(super) fn sources_differ(sources: &[PathBuf], roots: &[PathBuf]) -> Option<String> {
    let missing = |from: &[PathBuf], other: &[PathBuf]| -> Vec<String> {
        let bytes = |path: &PathBuf| compared_by(&to_bytes(path)).into_owned();
        let other: Vec<_> = other.iter().map(bytes).collect();
        from.iter().filter(|path| !other.contains(&bytes(path))).map(|path| path.shown().to_string()).collect()
    };
    let (not_roots, not_sources) = (missing(sources, roots), missing(roots, sources));
    if not_roots.is_empty() && not_sources.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    if !not_roots.is_empty() {
        parts.push(format!("{} of the job", listed(&not_roots, "root")));
    }
    if !not_sources.is_empty() {
        parts.push(format!("{} of the backup", listed(&not_sources, "source")));
    }
    Some(parts.join(", "))
}

/// "/a is not a root", "/a and /b are not roots".
fn listed(paths: &[String], what: &str) -> String {
    match paths {
        [path] => format!("{path} is not a {what}"),
        _ => format!("{} are not {what}s", paths.join(" and ")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;
    use crate::filter::Pattern;

    fn job(patterns: &[&str]) -> FilterOptions {
        FilterOptions {
            patterns: patterns.iter().copied().map(Pattern::new).collect(),
            exclude_if_present: vec![DEFAULT_MARKER.into()],
            ..FilterOptions::default()
        }
    }

    #[track_caller]
    fn differ(filter: &str, patterns: &[&str]) -> Vec<FilterDifference> {
        let settings = if filter.is_empty() { settings(&[]) } else { settings(&[("filter", filter)]) };
        filters_differ(&settings, &job(patterns), &[PathBuf::from("/home/ada")], &[PathBuf::from("/home/ada/state")])
    }

    #[test]
    fn filters_that_say_the_same_do_not_differ() {
        for (filter, patterns) in [
            ("", &[][..]),
            ("-*.tmp", &[]),
            ("-*/node_modules/", &["node_modules/"]),
            ("-*/node_modules/*", &["node_modules/"]),
            ("-*/node_modules/:-*/node_modules", &["node_modules"]),
            ("-*.tmp/:-*.tmp", &["*.tmp"]),
            ("-*.tmp/", &["*.tmp/"]),
            ("-*/cache*", &["cache*/"]),
            ("-/home/ada/Videos/", &["/Videos/"]),
            ("-@/home/ada/Vide[os/", &["/Vide\\[os/"]),
            ("-/home/ada/Videos/*", &["/Videos/"]),
            ("-/home/ada/Videos/x", &[]),
            ("-/srv/x/", &[]),
            ("-/home/ada/state/", &[]),
            ("-/home/ada/", &[]),
            ("-*/!x/", &["\\!x/"]),
        ] {
            assert_eq!(differ(filter, patterns), [], "{filter} {patterns:?}");
        }
    }

    #[test]
    fn what_only_duplicati_leaves_out_has_to_be_left_out_by_the_job_too() {
        for (filter, last, expected) in [
            ("-*/node_modules/", "-*/node_modules/", "node_modules/"),
            ("-/home/ada/Videos/", "-/home/ada/Videos/", "/Videos/"),
            ("-*.tmp:-*.tmp/", "-*.tmp/", "*.tmp/"),
        ] {
            let (what, pattern) = (format!("{last:?}"), expected.to_owned());
            assert_eq!(differ(filter, &[]), [FilterDifference::OnlyDuplicati { what, pattern }]);
        }
    }

    #[test]
    fn what_only_the_job_leaves_out_would_never_be_backed_up_again() {
        for (filter, patterns) in [
            ("", &["*.o"][..]),
            ("-*.o", &["*.o"]),
            ("-*/x/", &["x"]),
            ("-*/x/", &["x/", "!x/"]),
            ("-*/x/", &["y/", "x/"]),
        ] {
            let differences = differ(filter, patterns);
            assert!(matches!(&differences[..], [.., FilterDifference::OnlyJob(_)]), "{filter}: {differences:?}");
        }
    }

    #[test]
    fn filters_that_cannot_be_compared_are_named() {
        for filter in [
            "+*.txt",
            "-[.*/x/]",
            "-{CacheFiles}",
            "-*",
            "-*/ada/*",
            "-*/ad*",
            "-/home/*",
            "-/home/ada/*",
            "-*/a*b/",
            "-*/a/b/",
            "-/home/ada/*/x/",
            "x",
            "-@/home/ada//Videos/",
            "-/home/ada/./Videos/",
            "-/home/ada/Videos/../x/",
            "-/home/ada/Videos//*",
        ] {
            assert_eq!(differ(filter, &[]), [FilterDifference::Incomparable(filter.to_owned())]);
        }
        let roots = [PathBuf::from("/a"), PathBuf::from("/b")];
        let one_of_two = filters_differ(&settings(&[("filter", "-/a/x/")]), &job(&["/x/"]), &roots, &[]);
        let expected = FilterDifference::Incomparable("-/a/x/".into());
        assert!(one_of_two.contains(&expected), "a pattern is relative to each root: {one_of_two:?}");
    }

    #[test]
    fn patterns_for_files_are_those_that_match_no_directory() {
        let filter = "-*.tmp:-/home/ada/x.iso:-*/node_modules/:-/srv/*:-@/a*b:-?.o:-[.*]:-{Cache}:-a\\b*c:+*.txt:-*";
        assert_eq!(file_patterns(&settings(&[("filter", filter)])), ["*.tmp", "/home/ada/x.iso"]);
    }

    #[test]
    fn the_tag_of_caches_is_mirrored() {
        use FilterDifference::{Caches, MarkerOnlyDuplicati, MarkerOnlyJob};
        let plain = FilterOptions::default();
        let of =
            |variables: &[(&str, &str)], filter: &FilterOptions| filters_differ(&settings(variables), filter, &[], &[]);
        assert_eq!(of(&[], &plain), [MarkerOnlyDuplicati(DEFAULT_MARKER.into())]);
        // Duplicati does not check whether the tag is valid.
        let caches = FilterOptions { exclude_caches: true, ..plain.clone() };
        assert_eq!(of(&[], &caches), [MarkerOnlyDuplicati(DEFAULT_MARKER.into())]);
        assert_eq!(of(&[], &FilterOptions { exclude_caches: true, ..job(&[]) }), []);
        assert_eq!(of(&[("ignore_filenames", "")], &plain), []);
        assert_eq!(of(&[("ignore_filenames", "")], &job(&[])), [MarkerOnlyJob(DEFAULT_MARKER.into())]);
        assert_eq!(of(&[("ignore_filenames", "")], &caches), [Caches]);
        let two = FilterOptions { exclude_if_present: vec!["a".into(), "b".into()], ..plain };
        assert_eq!(of(&[("ignore_filenames", "a:b")], &two), []);
    }

    #[test]
    fn attributes_and_file_systems() {
        let of = |value, patterns: &[&str]| {
            filters_differ(&settings(&[("exclude_files_attributes", value)]), &job(patterns), &[], &[])
        };
        assert_eq!(of("System,Temporary", &[]), []);
        if std::env::consts::OS == "linux" {
            let (what, pattern) = ("hidden files".to_owned(), ".*/".to_owned());
            assert_eq!(of("Hidden", &[]), [FilterDifference::OnlyDuplicati { what, pattern }]);
            assert_eq!(of("Hidden, System", &[".*"]), []);
            assert_eq!(of("hidden", &[".*/"]), []);
        }
        assert_eq!(of("ReadOnly", &[]), [FilterDifference::Attribute("readonly".into())]);
        let one = FilterOptions { one_file_system: true, ..job(&[]) };
        assert_eq!(filters_differ(&settings(&[]), &one, &[], &[]), [FilterDifference::OneFileSystem]);
    }

    #[test]
    fn sources_are_compared_with_roots_both_ways() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(sources_differ(&paths(&["/b", "/a"]), &paths(&["/a", "/b"])), None);
        let difference = sources_differ(&paths(&["/a", "/c"]), &paths(&["/a", "/b"])).expect("a difference");
        assert_eq!(difference, "/c is not a root of the job, /b is not a source of the backup");
    }
}
