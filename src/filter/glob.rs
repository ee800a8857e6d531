//! Turns a gitignore pattern into one of the same meaning for the glob crate, as git's dir.c and wildmatch.c read it.
//!
//! In the glob crate braces are alternatives, a class may match a slash, and a backslash in a class is itself. In
//! gitignore braces are like other characters, no class matches a slash, and a backslash escapes in a class, too.

use std::iter::Peekable;
use std::str::Chars;

use globset::{Glob, GlobBuilder};

use super::text::without_sign;

/// A pattern as the glob crate takes it.
#[derive(Debug)]
pub(super) struct TranslatedPattern {
    pub(super) glob: Glob,
    /// It brings back what earlier patterns left out.
    pub(super) negated: bool,
    /// It matches directories only.
    pub(super) only_dirs: bool,
}

/// Translates a pattern without the blanks at its end. The rules are those of `parse_path_pattern` in git's dir.c.
///
/// # Errors
/// Why it cannot be expressed, or what is wrong with it.
pub(super) fn translate(pattern: &str) -> Result<TranslatedPattern, String> {
    let (negated, body) = without_sign(pattern);
    let (only_dirs, body) = body.strip_suffix('/').map_or((false, body), |body| (true, body));
    let glob = GlobBuilder::new(&anchored(body)?).literal_separator(true).backslash_escape(true).build();
    Ok(TranslatedPattern { glob: glob.map_err(|e| e.kind().to_string())?, negated, only_dirs })
}

/// A pattern without its sign and without the slash at its end, for paths relative to the root.
fn anchored(body: &str) -> Result<String, String> {
    let mut glob = expression(body.strip_prefix('/').unwrap_or(body))?;
    // A pattern without a slash matches at any depth.
    if !body.contains('/') && glob != "**" {
        glob.insert_str(0, "**/");
    }
    Ok(glob)
}

/// The same expression for the glob crate.
fn expression(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                None | Some('/') => return Err(LONE_BACKSLASH.into()),
                Some(escaped) => out.extend(['\\', escaped]),
            },
            '{' | '}' => out.extend(['\\', c]),
            // Three stars or more mean the same as two.
            '*' if out.ends_with("**") => {}
            '[' => class(&mut chars, &mut out)?,
            _ => out.push(c),
        }
    }
    Ok(out)
}

const LONE_BACKSLASH: &str =
    "a backslash stands before a slash or at the end; leave it out, or write \\\\ for a name that has one there";

/// A character of a class, escaped or not.
fn member(c: char, chars: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    match c {
        '\\' => chars.next().ok_or_else(|| UNCLOSED.to_owned()),
        '[' if chars.peek() == Some(&':') => {
            Err("named classes such as [:alpha:] are not supported; write the characters, as in [A-Za-z]".into())
        }
        _ => Ok(c),
    }
}

const UNCLOSED: &str = "a character class is not closed; write \\[ for a bracket";

/// Reads a class behind its bracket and rewrites it.
fn class(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    let negated = chars.next_if(|c| matches!(c, '!' | '^')).is_some();
    let mut ranges: Vec<(char, char)> = Vec::new();
    let mut first = true;
    loop {
        let c = chars.next().ok_or(UNCLOSED)?;
        if c == ']' && !first {
            break;
        }
        first = false;
        let low = member(c, chars)?;
        let mut ahead = chars.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|high| high != ']');
        let high = if is_range {
            chars.next();
            let c = chars.next().ok_or(UNCLOSED)?;
            member(c, chars)?
        } else {
            low
        };
        if low > high {
            return Err(format!("the range {low}-{high} is empty"));
        }
        ranges.push((low, high));
    }
    if negated {
        ranges.push(('/', '/'));
    } else {
        ranges = without('/', &ranges);
    }
    // The glob crate gives these a meaning unless they stand where it takes them literally.
    let has =
        |wanted: char, ranges: &[(char, char)]| ranges.iter().any(|(low, high)| *low <= wanted && wanted <= *high);
    let (bracket, dash) = (has(']', &ranges), has('-', &ranges));
    ranges = without('-', &without(']', &ranges));
    // Neither of these may come first.
    ranges.sort_by_key(|(low, _)| matches!(low, '!' | '^'));
    if !bracket && !negated && ranges.first().is_some_and(|(low, _)| matches!(low, '!' | '^')) {
        return Err("a class of `!` or `^` alone cannot be expressed; write \\! or \\^".into());
    }
    if !bracket && !dash && ranges.is_empty() {
        return Err("a character class matches nothing".into());
    }
    out.push('[');
    out.push_str(if negated { "!" } else { "" });
    out.push_str(if bracket { "]" } else { "" });
    for (low, high) in ranges {
        out.push(low);
        if high > low {
            out.extend(['-', high]);
        }
    }
    out.push_str(if dash { "-" } else { "" });
    out.push(']');
    Ok(())
}

/// The ranges without one character.
fn without(unwanted: char, ranges: &[(char, char)]) -> Vec<(char, char)> {
    let before = char::from_u32(unwanted as u32 - 1).unwrap_or(unwanted);
    let after = char::from_u32(unwanted as u32 + 1).unwrap_or(unwanted);
    let mut out = Vec::new();
    for &(low, high) in ranges {
        if unwanted < low || high < unwanted {
            out.push((low, high));
            continue;
        }
        if low < unwanted {
            out.push((low, before));
        }
        if unwanted < high {
            out.push((after, high));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_braces_mean_what_they_mean_to_git() {
        for (pattern, expected) in [
            ("*.o", "**/*.o"),
            ("/*.o", "*.o"),
            ("*[!a]?", "**/*[!a/]?"),
            ("x[!a]", "**/x[!a/]"),
            ("d/[!a]", "d/[!a/]"),
            ("[^]a]", "**/[!]a/]"),
            ("x[+-z]y", "**/x[]+-,.0-\\^-z-]y"),
            (r"\[a]", r"**/\[a]"),
            ("a/***/b", "a/**/b"),
            ("a/**", "a/**"),
            ("**", "**"),
            ("/**", "**"),
            ("{a,b}", r"**/\{a,b\}"),
            (r"[\a]", "**/[a]"),
            (r"[\]]", "**/[]]"),
            ("[a-]", "**/[a-]"),
            ("[^!]", "**/[!/!]"),
        ] {
            assert_eq!(anchored(pattern).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn signs_and_slashes_at_the_end_are_no_part_of_the_glob() {
        let of = |pattern| {
            let TranslatedPattern { glob, negated, only_dirs } = translate(pattern).expect("a pattern");
            (glob.glob().to_owned(), negated, only_dirs)
        };
        assert_eq!(of("!x/"), ("**/x".into(), true, true));
        assert_eq!(of("\\!x"), ("**/\\!x".into(), false, false));
        assert_eq!(of("ab\\\\/"), ("**/ab\\\\".into(), false, true));
    }

    #[test]
    fn what_cannot_be_expressed_is_refused() {
        for pattern in ["[a", "[[:alpha:]]", "a\\", "cache\\/", "a\\/b", "[z-a]", "[/]", "[!", r"[\!]", "[]"] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
