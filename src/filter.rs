//! What a scan leaves out: gitignore patterns, tagged directories, other file systems. It decides by names; the walker
//! reads the tags.

mod glob;

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::path::to_path;
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
}

impl Pattern {
    /// A pattern that came from no file.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), from: None }
    }

    /// The patterns of a file's content; blank lines and comments are not patterns.
    pub fn lines<'a>(content: &'a str, from: &'a Path) -> impl Iterator<Item = Self> + 'a {
        // Like git, skip an editor's mark of UTF-8.
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        content
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| Self { text: line.to_owned(), from: Some(from.to_owned()) })
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
    /// Checks that the patterns can be understood, without a walk.
    ///
    /// # Errors
    /// [`Error::Pattern`] names the first one that cannot.
    pub fn check(&self) -> Result<()> {
        Filter::new(self).map(drop)
    }
}

/// [`FilterOptions`], ready to be asked.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    patterns: Option<Gitignore>,
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
    /// Compiles the patterns.
    ///
    /// # Errors
    /// [`Error::Pattern`] names the first one that is not a valid pattern.
    pub(crate) fn new(options: &FilterOptions) -> Result<Self> {
        for name in &options.exclude_if_present {
            if name.is_empty() || name.contains(['/', '\0']) {
                let reason = "a marker is the name of one entry, without a slash".to_owned();
                return Err(Error::Pattern { pattern: name.clone(), from: None, reason });
            }
        }
        let mut builder = GitignoreBuilder::new("");
        for pattern in &options.patterns {
            let reject =
                |reason: String| Error::Pattern { pattern: pattern.text.clone(), from: pattern.from.clone(), reason };
            // Blanks at the beginning belong to the pattern.
            let text = pattern.text.trim_end();
            if text.is_empty() || text.starts_with('#') {
                return Err(reject(
                    "it matches nothing (blank, or a comment; write \\# for a name that begins with #)".into(),
                ));
            }
            let glob = glob::translate(&pattern.text).map_err(reject)?;
            builder.add_line(pattern.from.clone(), &glob).map_err(|e| reject(plain(&e)))?;
        }
        let patterns =
            builder.build().map_err(|e| Error::Pattern { pattern: String::new(), from: None, reason: plain(&e) })?;
        Ok(Self {
            patterns: (!patterns.is_empty()).then_some(patterns),
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
        self.patterns.as_ref().is_some_and(|p| p.matched(to_path(relative), is_dir).is_ignore())
    }

    /// Whether any name says something about its directory.
    pub(crate) fn has_markers(&self) -> bool {
        self.exclude_caches || !self.exclude_if_present.is_empty()
    }

    /// What an entry of this name says about its directory.
    pub(crate) fn marker(&self, name: &[u8]) -> Marker {
        if self.exclude_if_present.iter().any(|n| n == name) {
            Marker::Excluded
        } else if self.exclude_caches && name == CACHEDIR_TAG {
            Marker::CacheTag
        } else {
            Marker::None
        }
    }
}

/// The glob crate's message without the pattern, which the error shows itself.
fn plain(error: &ignore::Error) -> String {
    match error {
        ignore::Error::Glob { err, .. } => err.clone(),
        ignore::Error::WithLineNumber { err, .. } | ignore::Error::WithPath { err, .. } => plain(err),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(patterns: &[&str]) -> Filter {
        let patterns = patterns.iter().copied().map(Pattern::new).collect();
        Filter::new(&FilterOptions { patterns, ..FilterOptions::default() }).expect("valid patterns")
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
        let message = Filter::new(&options).expect_err("an open class").to_string();
        assert!(message.contains("\"[a\" in ex"), "{message}");
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_refused() {
        for text in ["", "  ", "#x"] {
            let options = FilterOptions { patterns: vec![Pattern::new(text)], ..FilterOptions::default() };
            assert!(Filter::new(&options).is_err(), "{text:?}");
        }
    }

    #[test]
    fn markers() {
        let f = Filter::new(&FilterOptions {
            exclude_caches: true,
            exclude_if_present: vec![".nobackup".into()],
            ..FilterOptions::default()
        })
        .expect("no patterns");
        assert_eq!(f.marker(b".nobackup"), Marker::Excluded);
        assert_eq!(f.marker(b"CACHEDIR.TAG"), Marker::CacheTag);
        assert_eq!(f.marker(b"x"), Marker::None);
    }
}
