//! Filters of Duplicati as gitignore patterns, as far as both languages can express the same. On Windows Duplicati does
//! not regard case, so that a pattern names both letters.

use std::path::{Path, PathBuf};

use super::spelling::compared_by;
use crate::path::{to_bytes, to_path};

/// An excluding filter of Duplicati as a gitignore pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Translated {
    /// It matches no directory. Duplicati applies it to each listed path.
    FilesOnly,
    /// The pattern, with a slash at its end, that matches the same directories.
    Directories(String),
    /// It cannot be expressed, or not with certainty.
    Unknown,
}

/// An excluding filter, without its sign. `left_out` is what the walk leaves out by itself.
pub(super) fn translate(text: &str, roots: &[PathBuf], left_out: &[PathBuf]) -> Translated {
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
    let roots: Vec<_> = roots.iter().map(|root| folded(root)).collect();
    let has_component =
        |found: &dyn Fn(&str) -> bool| roots.iter().any(|root| root.iter().any(|c| found(&c.to_string_lossy())));
    let compared = |name: &str| folded(Path::new(name)).to_string_lossy().into_owned();
    if let Some(name) = text.strip_prefix("*/") {
        // Everything below: a root inside of such a directory would be left out whole.
        let (name, is_below) = match name.strip_suffix("/*") {
            Some(name) => (name, true),
            None => (name.strip_suffix('/').unwrap_or(name), false),
        };
        if let Some(start) = name.strip_suffix('*').filter(|_| !is_below) {
            if is_plain(start) && !has_component(&|c| c.starts_with(&compared(start))) {
                return Translated::Directories(format!("{}*/", escaped(start)));
            }
        } else if is_plain(name) && !(is_below && has_component(&|c| c == compared(name))) {
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

/// Whether a path is spelled as Duplicati spells those that it looks at. Of another spelling it compares the letters,
/// so that it never matches.
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
    if !is_as_spelled(dir) || roots.iter().any(|root| folded(root).starts_with(folded(Path::new(dir)))) {
        return Translated::Unknown;
    }
    inside(Path::new(dir), roots, left_out)
}

fn inside(dir: &Path, roots: &[PathBuf], left_out: &[PathBuf]) -> Translated {
    let dir = &folded(dir);
    if left_out.iter().any(|path| dir.starts_with(folded(path))) {
        return Translated::FilesOnly;
    }
    let relative =
        roots.iter().find_map(|root| dir.strip_prefix(folded(root)).ok()).filter(|rest| !rest.as_os_str().is_empty());
    match (relative.map(|rest| (rest, rest.to_str())), roots) {
        (None, _) => Translated::FilesOnly,
        // A pattern is relative to each root.
        (Some((_, Some(text))), [_]) if !text.ends_with(' ') => Translated::Directories(format!("/{}/", escaped(text))),
        _ => Translated::Unknown,
    }
}

/// A path as it is compared.
fn folded(path: &Path) -> PathBuf {
    to_path(&compared_by(&to_bytes(path))).into_owned()
}

/// Escapes what is special in gitignore; on Windows with both letters where there are two.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, c) in name.char_indices() {
        if cfg!(windows) && c == '\\' {
            out.push('/');
            continue;
        }
        let (small, capital) = (single(c.to_lowercase()), single(c.to_uppercase()));
        if let (true, Some(small), Some(capital)) = (cfg!(windows), small, capital)
            && small != capital
        {
            out.extend(['[', small, capital, ']']);
            continue;
        }
        if matches!(c, '\\' | '[' | '*' | '?') || at == 0 && matches!(c, '!' | '#') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The letter, if it is one.
fn single(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}
