//! Patterns that can never match, and what was probably meant.

use std::path::{Path, PathBuf};

use super::text::{bare, literal, parts, without_sign};
use crate::error::PatternProblem;

/// Refuses a pattern that can match nothing below any root.
pub(super) fn check(pattern: &str) -> Result<(), PatternProblem> {
    let (negated, body) = without_sign(pattern);
    if body.is_empty() {
        return Err(PatternProblem::Nothing);
    }
    let all = parts(body);
    let mut inner = all.as_slice();
    // The slash at the beginning and the one at the end have a meaning of their own.
    if let [first, rest @ ..] = inner
        && first.is_empty()
    {
        inner = rest;
    }
    if let [rest @ .., last] = inner
        && last.is_empty()
    {
        inner = rest;
    }
    let name = |part: &&str| literal(part).unwrap_or_else(|| (*part).to_owned());
    let names: Vec<_> = inner.iter().map(name).collect();
    if names.iter().all(|name| name.is_empty() || name == ".") {
        return Err(PatternProblem::Root);
    }
    let is_impossible = |name: &&String| matches!(name.as_str(), "" | "." | "..") || name.contains('\0');
    match names.iter().find(is_impossible) {
        Some(part) => {
            Err(PatternProblem::ImpossiblePart { part: part.clone(), meant: normal(negated, &all, inner, &names) })
        }
        None => Ok(()),
    }
}

/// The pattern without the parts that no path has.
fn normal(negated: bool, all: &[&str], inner: &[&str], names: &[String]) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    for (part, name) in inner.iter().zip(names) {
        match name.as_str() {
            "" | "." => {}
            ".." => drop(kept.pop()?),
            name if name.contains('\0') => return None,
            _ => kept.push(part),
        }
    }
    let sign = if negated { "!" } else { "" };
    let is_directory = matches!(all.last(), Some(&("" | "." | "..")));
    match kept.first() {
        None => Some(format!("{sign}/*")),
        Some(first) => {
            let root = if *first == "**" { "" } else { "/" };
            Some(format!("{sign}{root}{}{}", kept.join("/"), if is_directory { "/" } else { "" }))
        }
    }
}

/// Refuses a pattern that begins with the path of a root. That of the whole file system is not meant by it: every
/// absolute path is relative to it.
pub(super) fn check_roots(pattern: &str, roots: &[PathBuf]) -> Result<(), PatternProblem> {
    let (negated, body) = without_sign(pattern);
    let sign = if negated { "!" } else { "" };
    let plain = parts(body).into_iter().map(|part| literal(part).unwrap_or_else(|| part.to_owned()));
    let plain = plain.collect::<Vec<_>>().join("/");
    for root in roots.iter().filter(|root| root.parent().is_some()) {
        // The path may have been pasted as it is, or with its special characters escaped.
        let Some(text) = root.to_str() else { continue };
        let below = |path: &str| {
            let rest = path.strip_prefix(text)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        let Some(rest) = below(body).or_else(|| below(&plain)) else { continue };
        let meant = (!rest.trim_matches('/').is_empty()).then(|| format!("{sign}{rest}"));
        return Err(PatternProblem::BeginsWithRoot { root: root.clone(), meant, literal: bracketed(pattern) });
    }
    Ok(())
}

/// The same pattern in another spelling: its first plain letter is a class.
fn bracketed(pattern: &str) -> Option<String> {
    let (at, c) = bare(pattern).into_iter().find(|(_, c)| c.is_ascii_alphanumeric())?;
    Some(format!("{}[{c}]{}", &pattern[..at], &pattern[at + 1..]))
}

/// The patterns that bring something back from below a directory that is left out. `by` leaves the directory out.
pub(super) fn instead(pattern: &str, by: &str, directory: &str, parents: &[String]) -> Vec<String> {
    use super::text::escaped;
    let names: Option<Vec<_>> = parts(by.trim_matches('/')).into_iter().map(literal).collect();
    let last = Path::new(directory).file_name().and_then(|name| name.to_str()).unwrap_or(directory);
    let is_anchored = by.trim_end_matches('/').contains('/');
    let mut patterns = match names {
        // It leaves out just this directory: its content can be left out instead.
        Some(names) if is_anchored && names.join("/") == directory => vec![format!("/{}/*", escaped(directory))],
        Some(names) if !is_anchored && names == [last] => vec![format!("**/{}/*", escaped(last))],
        _ => vec![by.to_owned(), format!("!/{}/", escaped(directory)), format!("/{}/*", escaped(directory))],
    };
    for below in parents.iter().skip_while(|parent| *parent != directory).skip(1) {
        patterns.extend([format!("!/{}/", escaped(below)), format!("/{}/*", escaped(below))]);
    }
    patterns.push(pattern.to_owned());
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn meant(pattern: &str) -> Option<String> {
        match check(pattern) {
            Err(PatternProblem::ImpossiblePart { meant, .. }) => meant,
            other => panic!("{pattern}: {other:?}"),
        }
    }

    #[test]
    fn parts_that_no_path_has_are_refused_with_what_was_meant() {
        for (pattern, expected) in [
            ("./x", Some("/x")),
            ("!./x", Some("!/x")),
            ("x/.", Some("/x/")),
            ("//x", Some("/x")),
            ("x//y", Some("/x/y")),
            ("x//", Some("/x/")),
            ("x/./y/", Some("/x/y/")),
            ("x/y/..", Some("/x/")),
            ("**/./x", Some("**/x")),
            ("x/\\.", Some("/x")),
            ("../x", None),
            ("..", None),
            ("a\0b", None),
        ] {
            assert_eq!(meant(pattern).as_deref(), expected, "{pattern}");
        }
    }

    #[test]
    fn the_root_cannot_be_left_out_and_nothing_is_no_pattern() {
        for pattern in ["/", ".", "./", "/.", "//", "!/", "!.", "././"] {
            assert_eq!(check(pattern), Err(PatternProblem::Root), "{pattern}");
        }
        assert_eq!(check("!"), Err(PatternProblem::Nothing));
        for pattern in ["x", "/x", "x/", "/x/", ".x", "..x", "x/..y", "*", "/*", "**", "[.]", "x[/.]y", "?", "[a//]"] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_begins_with_a_root_is_refused() {
        let roots = ["/", "/home/ada", "/srv/[x]"].map(PathBuf::from);
        let of = |pattern| match check_roots(pattern, &roots) {
            Ok(()) => None,
            Err(PatternProblem::BeginsWithRoot { meant, literal, .. }) => Some((meant, literal.expect("a letter"))),
            Err(other) => panic!("{other:?}"),
        };
        let both = |meant: &str, literal: &str| Some((Some(meant.to_owned()), literal.to_owned()));
        assert_eq!(of("/home/ada/x/"), both("/x/", "/[h]ome/ada/x/"));
        assert_eq!(of("!/home/ada/*.o"), both("!/*.o", "!/[h]ome/ada/*.o"));
        assert_eq!(of("/srv/[x]/y"), both("/y", "/[s]rv/[x]/y"));
        assert_eq!(of("/srv/\\[x]/y"), both("/y", "/[s]rv/\\[x]/y"));
        assert_eq!(of("/home/ada/"), Some((None, "/[h]ome/ada/".into())));
        for pattern in ["/home/adam/x", "home/ada/x", "/home", "/x", "/[h]ome/ada/x"] {
            assert_eq!(of(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn what_brings_back_from_below_is_spelled_out() {
        let of = |pattern: &str, by, directory| {
            instead(pattern, by, directory, &super::super::text::literal_parents(pattern)).join(" ")
        };
        assert_eq!(of("!/x/y", "/x/", "x"), "/x/* !/x/y");
        assert_eq!(of("!x/y", "x", "x"), "**/x/* !x/y");
        assert_eq!(of("!/x/y/z", "/x", "x"), "/x/* !/x/y/ /x/y/* !/x/y/z");
        assert_eq!(of("!/x/y", "*", "x"), "* !/x/ /x/* !/x/y");
    }
}
