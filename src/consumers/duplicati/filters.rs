//! Whether a job leaves out exactly what Duplicati leaves out. What is listed is backed up even if Duplicati excludes a
//! directory above it, so that the walk must leave out at least as much; and what the walk leaves out is never listed
//! again, so that it must leave out no more. Only filters that can be said in both languages are compared.

use std::path::{Path, PathBuf};

use super::settings::Settings;
use crate::filter::FilterOptions;
use crate::path::{PathExt as _, to_bytes};

/// What Duplicati ignores directories by unless it is told otherwise.
const DEFAULT_MARKER: &str = "CACHEDIR.TAG";

/// An excluding filter of Duplicati in gitignore's words.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Translated {
    /// It matches no directory. Duplicati asks it about each listed path by itself.
    FilesOnly,
    /// The pattern, with a slash at its end, that matches the same directories.
    Directories(String),
    /// Not to be said, or not as surely.
    Unknown,
}

/// In what the filters of Duplicati and of the job differ, with what to do about it; none if in nothing.
/// `left_out` is what the walk leaves out without being told.
pub fn filters_differ(
    settings: &Settings,
    filter: &FilterOptions,
    roots: &[PathBuf],
    left_out: &[PathBuf],
) -> Option<String> {
    let mut differences = markers(settings, filter);
    if filter.one_file_system {
        differences
            .push("the job stays on one file system, Duplicati does not: take one-file-system out of the job".into());
    }
    // What the job may leave out, each pattern and what it is in Duplicati's words.
    let mut justified: Vec<String> = Vec::new();
    let has = |pattern: &str| filter.patterns.iter().any(|p| p.text.trim_end() == pattern);
    let mut demand = |differences: &mut Vec<String>, what: &str, directories: &str, files_too: bool| {
        let both = directories.trim_end_matches('/');
        justified.push(directories.to_owned());
        if files_too {
            justified.push(both.to_owned());
        }
        if !(has(directories) || files_too && has(both)) {
            differences.push(format!(
                "Duplicati leaves out {what}, the job does not: add --exclude '{directories}' to the job"
            ));
        }
    };
    for attribute in settings.option("exclude_files_attributes").unwrap_or_default().split(',') {
        match attribute.trim().to_ascii_lowercase().as_str() {
            // Neither is ever set outside of Windows.
            "" | "system" | "temporary" if !cfg!(windows) => {}
            "hidden" if std::env::consts::OS == "linux" => demand(&mut differences, "hidden files", ".*/", true),
            other => differences.push(format!(
                "Duplicati leaves out files by their attribute {other:?}, which the job cannot: take it out of --exclude-files-attributes"
            )),
        }
    }
    let items = settings.list("filter").unwrap_or_default();
    for item in &items {
        let translated = item.strip_prefix('-').map_or(Translated::Unknown, |text| translate(text, roots, left_out));
        match translated {
            Translated::FilesOnly => {}
            Translated::Directories(pattern) => {
                let files_too = items.iter().any(|other| matches_the_files_of(other, &pattern));
                demand(&mut differences, &format!("{item:?}"), &pattern, files_too);
            }
            Translated::Unknown => differences.push(format!(
                "Duplicati's filter {item:?} cannot be compared with the job's patterns: replace it by one that docs/duplicati.md lists"
            )),
        }
    }
    for pattern in &filter.patterns {
        if !justified.iter().any(|j| j == pattern.text.trim_end()) {
            differences.push(format!(
                "the job leaves out {:?}, Duplicati does not: give the backup a filter for it (docs/duplicati.md lists their forms), or take it out of the job",
                pattern.text
            ));
        }
    }
    (!differences.is_empty()).then(|| differences.join("; "))
}

/// Directories that hold a file of a certain name. Duplicati asks for the name alone, so that a tag need not be valid.
fn markers(settings: &Settings, filter: &FilterOptions) -> Vec<String> {
    let mut differences = Vec::new();
    let names = settings.list("ignore_filenames").unwrap_or_else(|| vec![DEFAULT_MARKER.to_owned()]);
    for name in &names {
        if !filter.exclude_if_present.contains(name) {
            differences.push(format!(
                "Duplicati leaves out directories that hold {name:?}, the job does not: add --exclude-if-present '{name}' to the job"
            ));
        }
    }
    for name in &filter.exclude_if_present {
        if !names.contains(name) {
            differences.push(format!(
                "the job leaves out directories that hold {name:?}, Duplicati does not: add it to --ignore-filenames of the backup"
            ));
        }
    }
    if filter.exclude_caches && !names.iter().any(|name| name == DEFAULT_MARKER) {
        differences
            .push("the job leaves out tagged caches, Duplicati does not: take exclude-caches out of the job".into());
    }
    differences
}

/// The filters that keep out files and nothing else, as patterns in which `*` stands for anything. Left away are those with a
/// `?`, which stands for a letter, and those behind an `@`, in which a `*` stands for itself.
pub(super) fn file_patterns(settings: &Settings) -> Vec<String> {
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

fn translate(text: &str, roots: &[PathBuf], left_out: &[PathBuf]) -> Translated {
    if let Some(path) = text.strip_prefix('@') {
        return literal(path, roots, left_out);
    }
    if text.starts_with(['[', '{']) || text.contains('\\') {
        return Translated::Unknown;
    }
    if !text.contains(['*', '?']) {
        return literal(text, roots, left_out);
    }
    if !text.ends_with(['/', '*', '?']) {
        // A directory's path ends with a slash.
        return Translated::FilesOnly;
    }
    if let Some(path) = text.strip_suffix("/*").filter(|path| !path.contains(['*', '?'])) {
        return below(path, roots, left_out);
    }
    let has_component =
        |found: &dyn Fn(&str) -> bool| roots.iter().any(|root| root.iter().any(|c| found(&c.to_string_lossy())));
    if let Some(name) = text.strip_prefix("*/") {
        // Everything below: a root inside of such a directory would be left out whole.
        let (name, is_below) = match name.strip_suffix("/*") {
            Some(name) => (name, true),
            None => (name.strip_suffix('/').unwrap_or(name), false),
        };
        if let Some(start) = name.strip_suffix('*').filter(|_| !is_below) {
            if is_plain(start) && !has_component(&|c| c.starts_with(start)) {
                return Translated::Directories(format!("{}*/", escaped(start)));
            }
        } else if is_plain(name) && !(is_below && has_component(&|c| c == name)) {
            return Translated::Directories(format!("{}/", escaped(name)));
        }
        return Translated::Unknown;
    }
    if let Some(end) = text.strip_prefix('*').and_then(|rest| rest.strip_suffix('/'))
        && is_plain(end)
    {
        return Translated::Directories(format!("*{}/", escaped(end)));
    }
    Translated::Unknown
}

/// One component without wildcards, which gitignore takes as it is.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.contains(['*', '?', '/']) && !name.ends_with(' ')
}

/// Whether a path is spelled as Duplicati spells those that it looks at. Of another spelling it compares the letters, so that
/// it never matches.
fn is_as_spelled(path: &str) -> bool {
    !path.trim_end_matches('/').is_empty() && path.split('/').skip(1).all(|name| !matches!(name, "" | "." | ".."))
}

/// A path without wildcards. It matches itself alone.
fn literal(path: &str, roots: &[PathBuf], left_out: &[PathBuf]) -> Translated {
    match path.strip_suffix('/') {
        Some(dir) if !is_as_spelled(dir) => Translated::Unknown,
        // A root is never left out, and a path beside the roots is not looked at.
        Some(dir) => inside(Path::new(dir), roots, left_out),
        None => Translated::FilesOnly,
    }
}

/// Everything below a directory, itself included.
fn below(dir: &str, roots: &[PathBuf], left_out: &[PathBuf]) -> Translated {
    if !is_as_spelled(dir) || roots.iter().any(|root| root.starts_with(dir)) {
        return Translated::Unknown;
    }
    inside(Path::new(dir), roots, left_out)
}

fn inside(dir: &Path, roots: &[PathBuf], left_out: &[PathBuf]) -> Translated {
    if left_out.iter().any(|path| dir.starts_with(path)) {
        return Translated::FilesOnly;
    }
    let relative =
        roots.iter().find_map(|root| dir.strip_prefix(root).ok()).filter(|rest| !rest.as_os_str().is_empty());
    match (relative.map(|rest| (rest, rest.to_str())), roots) {
        (None, _) => Translated::FilesOnly,
        // A pattern is relative to each root.
        (Some((_, Some(text))), [_]) if !text.ends_with(' ') => Translated::Directories(format!("/{}/", escaped(text))),
        _ => Translated::Unknown,
    }
}

/// With what means something to gitignore escaped.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        if matches!(c, '\\' | '[' | '*' | '?') || at == 0 && matches!(c, '!' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Which sources are not roots, or the other way round; none if they are the same.
pub(super) fn sources_differ(sources: &[PathBuf], roots: &[PathBuf]) -> Option<String> {
    let missing = |from: &[PathBuf], other: &[PathBuf]| -> Vec<String> {
        let bytes = |path: &PathBuf| to_bytes(path).into_owned();
        let other: Vec<_> = other.iter().map(bytes).collect();
        from.iter().filter(|path| !other.contains(&bytes(path))).map(|path| path.shown().to_string()).collect()
    };
    let (not_roots, not_sources) = (missing(sources, roots), missing(roots, sources));
    if not_roots.is_empty() && not_sources.is_empty() {
        return None;
    }
    let mut parts = Vec::new();
    if !not_roots.is_empty() {
        parts.push(format!("{} no root of the job", listed(&not_roots)));
    }
    if !not_sources.is_empty() {
        parts.push(format!("{} no source of the backup", listed(&not_sources)));
    }
    Some(parts.join(", "))
}

fn listed(paths: &[String]) -> String {
    format!("{} {}", paths.join(" and "), if paths.len() == 1 { "is" } else { "are" })
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
    fn differ(filter: &str, patterns: &[&str]) -> Option<String> {
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
            assert_eq!(differ(filter, patterns), None, "{filter} {patterns:?}");
        }
    }

    #[test]
    fn what_only_duplicati_leaves_out_has_to_be_left_out_by_the_job_too() {
        for (filter, advice) in [
            ("-*/node_modules/", "--exclude 'node_modules/'"),
            ("-/home/ada/Videos/", "--exclude '/Videos/'"),
            ("-*.tmp:-*.tmp/", "--exclude '*.tmp/'"),
        ] {
            let difference = differ(filter, &[]).expect(filter);
            assert!(difference.contains("the job does not") && difference.contains(advice), "{difference}");
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
            let difference = differ(filter, patterns).expect("a difference");
            assert!(difference.contains("Duplicati does not"), "{difference}");
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
            let difference = differ(filter, &[]).expect(filter);
            assert!(difference.contains("cannot be compared") && difference.contains(filter), "{difference}");
        }
        let roots = [PathBuf::from("/a"), PathBuf::from("/b")];
        let one_of_two = filters_differ(&settings(&[("filter", "-/a/x/")]), &job(&["/x/"]), &roots, &[]);
        assert!(one_of_two.is_some_and(|d| d.contains("cannot be compared")), "a pattern is relative to each root");
    }

    #[test]
    fn patterns_for_files_are_those_that_match_no_directory() {
        let filter = "-*.tmp:-/home/ada/x.iso:-*/node_modules/:-/srv/*:-@/a*b:-?.o:-[.*]:-{Cache}:-a\\b*c:+*.txt:-*";
        assert_eq!(file_patterns(&settings(&[("filter", filter)])), ["*.tmp", "/home/ada/x.iso"]);
    }

    #[test]
    fn the_tag_of_caches_is_mirrored() {
        let plain = FilterOptions::default();
        let of =
            |variables: &[(&str, &str)], filter: &FilterOptions| filters_differ(&settings(variables), filter, &[], &[]);
        assert!(of(&[], &plain).is_some_and(|d| d.contains("--exclude-if-present 'CACHEDIR.TAG'")));
        // Duplicati does not ask whether the tag is valid.
        let caches = FilterOptions { exclude_caches: true, ..plain.clone() };
        assert!(of(&[], &caches).is_some());
        assert_eq!(of(&[], &FilterOptions { exclude_caches: true, ..job(&[]) }), None);
        assert_eq!(of(&[("ignore_filenames", "")], &plain), None);
        assert!(of(&[("ignore_filenames", "")], &job(&[])).is_some_and(|d| d.contains("--ignore-filenames")));
        assert!(of(&[("ignore_filenames", "")], &caches).is_some_and(|d| d.contains("exclude-caches")));
        let two = FilterOptions { exclude_if_present: vec!["a".into(), "b".into()], ..plain };
        assert_eq!(of(&[("ignore_filenames", "a:b")], &two), None);
    }

    #[test]
    fn attributes_and_file_systems() {
        let of = |value, patterns: &[&str]| {
            filters_differ(&settings(&[("exclude_files_attributes", value)]), &job(patterns), &[], &[])
        };
        assert_eq!(of("System,Temporary", &[]), None);
        if std::env::consts::OS == "linux" {
            assert!(of("Hidden", &[]).is_some_and(|d| d.contains("--exclude '.*/'")));
            assert_eq!(of("Hidden, System", &[".*"]), None);
            assert_eq!(of("hidden", &[".*/"]), None);
        }
        assert!(of("ReadOnly", &[]).is_some_and(|d| d.contains("--exclude-files-attributes")));
        let one = FilterOptions { one_file_system: true, ..job(&[]) };
        assert!(filters_differ(&settings(&[]), &one, &[], &[]).is_some_and(|d| d.contains("one-file-system")));
    }

    #[test]
    fn sources_are_compared_with_roots_both_ways() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(sources_differ(&paths(&["/b", "/a"]), &paths(&["/a", "/b"])), None);
        let difference = sources_differ(&paths(&["/a", "/c"]), &paths(&["/a", "/b"])).expect("a difference");
        assert_eq!(difference, "/c is no root of the job, /b is no source of the backup");
    }
}
