//! What a scan leaves out: gitignore patterns, tagged directories, other file systems. It decides by names; the walker
//! reads the tags.

#[cfg(all(test, unix))]
mod git_tests;
mod glob;
mod impossible;
mod matcher;
mod slips;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::matcher::Matcher;
pub use self::slips::{PatternSlip, SuspectPattern};
use self::text::{literal_parents, trimmed};
use crate::error::PatternProblem;
use crate::{Error, Result};

/// The first bytes of a valid `CACHEDIR.TAG` (Cache Directory Tagging Specification, 0.6).
pub(crate) const CACHEDIR_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// The file that marks a cache directory.
pub(crate) const CACHEDIR_TAG: &[u8] = b"CACHEDIR.TAG";

/// One exclude pattern and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// The line, in gitignore syntax, relative to each root.
    pub text: String,
    /// The file that it stands in.
    pub from: Option<PathBuf>,
    /// The number of its line there, from 1.
    pub line: Option<usize>,
}

impl Pattern {
    /// A pattern that came from no file.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), from: None, line: None }
    }

    /// The patterns of a file's content; blank lines and comments are not patterns.
    pub fn lines<'a>(content: &'a str, from: &'a Path) -> impl Iterator<Item = Self> + 'a {
        // Like git, skip an editor's mark of UTF-8, and a carriage return at the end of each line.
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        let lines = content.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).zip(1..);
        lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#')).map(|(line, number)| Self {
            text: line.to_owned(),
            from: Some(from.to_owned()),
            line: Some(number),
        })
    }

    /// A pattern for just the entry at a path below a root.
    pub fn exactly(path: &str, is_dir: bool) -> Self {
        let mut pattern = Self::new(format!("/{}{}", text::escaped(path), if is_dir { "/" } else { "" }));
        if pattern.text.ends_with(' ') {
            pattern.text.insert(pattern.text.len() - 1, '\\');
        }
        slips::suspect(&pattern).map_or(pattern, |suspect| Self::new(suspect.literal))
    }

    /// That it is refused.
    fn refused(&self, problem: PatternProblem) -> Error {
        Error::Pattern {
            pattern: self.text.clone(),
            from: self.from.clone(),
            line: self.line,
            problem: Box::new(problem),
        }
    }
}

/// "exclude pattern "*.o" in excludes, line 3".
impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}{}", self.text, crate::error::place(self.from.as_deref(), self.line))
    }
}

/// What to leave out. It is part of the scan fingerprint (promise 7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterOptions {
    /// Gitignore patterns in order; the last that matches decides.
    pub patterns: Vec<Pattern>,
    /// Leave out directories that hold a valid `CACHEDIR.TAG`.
    pub exclude_caches: bool,
    /// Leave out directories that hold an entry of one of these names.
    pub exclude_if_present: Vec<String>,
    /// Stay on the file system of each root.
    pub one_file_system: bool,
}

impl FilterOptions {
    /// Checks that the patterns can be understood and that each can have an effect, without a walk. A pattern that
    /// begins with one of these roots is refused: patterns are relative to each root.
    ///
    /// # Errors
    /// [`Error::Pattern`] names the first one that is refused.
    pub fn check(&self, roots: &[PathBuf]) -> Result<()> {
        Filter::new(self, roots).map(drop)
    }

    /// The patterns that are legal and probably a slip.
    pub fn suspect_patterns(&self) -> Vec<SuspectPattern> {
        self.patterns.iter().filter_map(slips::suspect).collect()
    }
}

/// [`FilterOptions`], ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    patterns: Option<Arc<Matcher>>,
    exclude_caches: bool,
    exclude_if_present: Vec<Vec<u8>>,
    one_file_system: bool,
}

/// What the name of an entry says about the directory that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Nothing.
    None,
    /// The directory is left out.
    Excluded,
    /// The directory is left out if this file begins with [`CACHEDIR_SIGNATURE`].
    CacheTag,
}

impl Filter {
    /// Compiles the patterns. `roots` are absolute.
    ///
    /// # Errors
    /// [`Error::Pattern`] names the first one that is refused.
    pub(crate) fn new(options: &FilterOptions, roots: &[PathBuf]) -> Result<Self> {
        for name in &options.exclude_if_present {
            if name.is_empty() || name.contains(['/', '\0']) {
                return Err(Pattern::new(name).refused(PatternProblem::MarkerName));
            }
        }
        let mut translated = Vec::with_capacity(options.patterns.len());
        for pattern in &options.patterns {
            // Blanks at the beginning belong to the pattern.
            let text = trimmed(&pattern.text);
            let glob = if text.is_empty() || text.starts_with('#') {
                Err(PatternProblem::Blank)
            } else {
                impossible::check(text)
                    .and_then(|()| impossible::check_roots(text, roots))
                    .and_then(|()| glob::translate(text).map_err(PatternProblem::Syntax))
            };
            translated.push(glob.map_err(|problem| pattern.refused(problem))?);
        }
        let refused = |(number, what): (usize, String)| options.patterns[number].refused(PatternProblem::Syntax(what));
        let matcher = Matcher::new(translated).map_err(refused)?;
        check_effect(&options.patterns, &matcher)?;
        Ok(Self {
            patterns: (!options.patterns.is_empty()).then(|| Arc::new(matcher)),
            exclude_caches: options.exclude_caches,
            exclude_if_present: options.exclude_if_present.iter().map(|n| n.clone().into_bytes()).collect(),
            one_file_system: options.one_file_system,
        })
    }

    /// Whether any answer depends on an entry's path. If not, callers need not build it.
    pub(crate) fn has_patterns(&self) -> bool {
        self.patterns.is_some()
    }

    /// Whether the walk stays on the file system of each root.
    pub(crate) fn one_file_system(&self) -> bool {
        self.one_file_system
    }

    /// Whether the entry at `relative` (to its root, no leading slash) is left out. Its parents are
    /// not left out.
    pub(crate) fn excludes(&self, relative: &[u8], is_dir: bool) -> bool {
        self.patterns.as_ref().is_some_and(|patterns| patterns.leaves_out(relative, is_dir))
    }

    /// Which of the patterns matched nothing of all that was asked about. Those that name something below a directory
    /// that is left out are not among them: nobody asked.
    pub(crate) fn unmatched(&self, patterns: &[Pattern]) -> Vec<Pattern> {
        let Some(matcher) = &self.patterns else { return Vec::new() };
        let is_hidden = |pattern: &Pattern| {
            literal_parents(trimmed(&pattern.text)).iter().any(|parent| matcher.leaves_out_dir(parent).is_some())
        };
        let unmatched = matcher.unmatched().filter_map(|number| patterns.get(number));
        unmatched.filter(|pattern| !is_hidden(pattern)).cloned().collect()
    }

    /// Whether any name says something about its directory.
    pub(crate) fn has_markers(&self) -> bool {
        self.exclude_caches || !self.exclude_if_present.is_empty()
    }

    /// What an entry of this name says about its directory.
    pub(crate) fn marker(&self, name: &[u8]) -> Marker {
        let is = |marker: &[u8]| if cfg!(windows) { marker.eq_ignore_ascii_case(name) } else { marker == name };
        if self.exclude_if_present.iter().any(|marker| is(marker)) {
            Marker::Excluded
        } else if self.exclude_caches && is(CACHEDIR_TAG) {
            Marker::CacheTag
        } else {
            Marker::None
        }
    }
}

/// Refuses a pattern that is to bring back something below a directory that is left out.
fn check_effect(patterns: &[Pattern], matcher: &Matcher) -> Result<()> {
    for (number, pattern) in patterns.iter().enumerate().filter(|(number, _)| matcher.is_negated(*number)) {
        let text = trimmed(&pattern.text);
        let parents = literal_parents(text);
        let left_out = parents.iter().find_map(|parent| Some((parent, matcher.leaves_out_dir(parent)?)));
        if let Some((directory, by)) = left_out {
            let by = trimmed(&patterns[by].text);
            return Err(patterns[number].refused(PatternProblem::BelowLeftOut {
                directory: directory.clone(),
                by: by.to_owned(),
                instead: impossible::instead(text, by, directory, &parents),
            }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patterns: &[&str]) -> Filter {
        let patterns = patterns.iter().copied().map(Pattern::new).collect();
        Filter::new(&FilterOptions { patterns, ..FilterOptions::default() }, &[]).expect("valid patterns")
    }

    #[test]
    fn patterns_are_gitignore_patterns_relative_to_the_root() {
        let f = filter(&["*.o", "/build/", "!keep.o", "a/**/z"]);
        assert!(f.excludes(b"deep/x.o", false));
        assert!(!f.excludes(b"deep/keep.o", false));
        assert!(f.excludes(b"build", true));
        assert!(!f.excludes(b"build", false), "a trailing slash means directories only");
        assert!(!f.excludes(b"src/build", true), "a leading slash means the root");
        assert!(f.excludes(b"a/b/c/z", false));
        assert!(f.excludes(b"\xff.o", false), "names need not be UTF-8");
    }

    #[test]
    fn no_class_matches_a_slash() {
        let f = filter(&["*[!a]?", "x[+-z]y"]);
        assert!(!f.excludes(b"ab/a", false), "[!a] is no slash");
        assert!(f.excludes(b"d/bb", false));
        assert!(!f.excludes(b"x/y", false), "[+-z] is no slash");
        assert!(f.excludes(b"x0y", false));
    }

    #[test]
    fn a_bad_pattern_is_named_with_its_file() {
        let options = FilterOptions {
            patterns: Pattern::lines("# fine\n\n*.o\n[a\n", Path::new("ex")).collect(),
            ..FilterOptions::default()
        };
        let message = Filter::new(&options, &[]).expect_err("an open class").to_string();
        assert!(message.contains("\"[a\" in ex, line 4: "), "{message}");
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_refused() {
        for text in ["", "  ", "#x", "!", "/", ".", "./x", "x/.", "//x", "[", "a\0"] {
            let options = FilterOptions { patterns: vec![Pattern::new(text)], ..FilterOptions::default() };
            assert!(Filter::new(&options, &[]).is_err(), "{text:?}");
        }
    }

    #[track_caller]
    fn refused(patterns: &[&str]) -> String {
        let patterns = patterns.iter().copied().map(Pattern::new).collect();
        let options = FilterOptions { patterns, ..FilterOptions::default() };
        Filter::new(&options, &[]).expect_err("no effect").to_string()
    }

    #[test]
    fn nothing_comes_back_from_below_what_is_left_out_and_the_patterns_that_do_it_are_named() {
        for (patterns, instead) in [
            (["x/", "!x/y"], "**/x/*  !x/y"),
            (["/x", "!/x/a/b"], "/x/*  !/x/a/  /x/a/*  !/x/a/b"),
            (["*", "!a/b"], "*  !/a/  /a/*  !a/b"),
            (["!a/b", "*"], "*  !/a/  /a/*  !a/b"),
            (["d*", "!deep/b*"], "d*  !/deep/  /deep/*  !deep/b*"),
        ] {
            let message = refused(&patterns);
            assert!(message.ends_with(&format!("; write {instead}")), "{message}");
            let f = filter(&instead.split("  ").collect::<Vec<_>>());
            let brought_back = ["x/y", "x/a/b", "a/b", "deep/b"].iter().any(|path| !f.excludes(path.as_bytes(), false));
            assert!(brought_back, "{instead}");
        }
        // Each of these has an effect.
        for patterns in [["x/*", "!x/y"], ["x/", "!**/y"], ["/a/x", "!a/*/z"], ["x/y", "!x/z/a"], ["/*", "!/x"]] {
            filter(&patterns);
        }
        filter(&["x/", "!x/y", "!x/"]);
    }

    #[test]
    fn what_matched_nothing_is_known() {
        let options = FilterOptions {
            patterns: ["*.o", "!k.o", "x/", "x/y", "/z/*"].into_iter().map(Pattern::new).collect(),
            ..FilterOptions::default()
        };
        let f = Filter::new(&options, &[]).expect("patterns");
        let unmatched =
            |f: &Filter| f.unmatched(&options.patterns).into_iter().map(|pattern| pattern.text).collect::<Vec<_>>();
        assert_eq!(unmatched(&f), ["*.o", "!k.o", "x/", "/z/*"], "x/y is below x/, which nobody enters");
        f.excludes(b"d/k.o", false);
        assert_eq!(unmatched(&f), ["x/", "/z/*"], "both matched, though only the last decides");
        f.excludes(b"x", false);
        assert_eq!(unmatched(&f), ["x/", "/z/*"], "a file is no directory");
        f.clone().excludes(b"x", true);
        f.excludes(b"z/a", false);
        assert_eq!(unmatched(&f), [""; 0]);
    }

    #[test]
    fn tens_of_thousands_of_patterns_are_as_good_as_one() {
        let patterns: Vec<_> = (0..30_000).map(|n| Pattern::new(format!("*name{n}-*"))).collect();
        let f = Filter::new(&FilterOptions { patterns, ..FilterOptions::default() }, &[]).expect("patterns");
        assert!(f.excludes(b"a/my-name29999-x", false) && f.excludes(b"name0-", false));
        assert!(!f.excludes(b"name30000-", false));
    }

    #[test]
    fn markers() {
        let options = FilterOptions {
            exclude_caches: true,
            exclude_if_present: vec![".nobackup".into()],
            ..FilterOptions::default()
        };
        let f = Filter::new(&options, &[]).expect("no patterns");
        assert_eq!(f.marker(b".nobackup"), Marker::Excluded);
        assert_eq!(f.marker(b"CACHEDIR.TAG"), Marker::CacheTag);
        assert_eq!(f.marker(b"x"), Marker::None);
    }
}
