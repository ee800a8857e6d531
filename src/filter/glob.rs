//! Turns a gitignore pattern into one of the same meaning for the glob crate.
//!
//! In the glob crate braces are alternatives, a class may match a slash, and a backslash in a class is itself. In
//! gitignore braces are like other characters, no class matches a slash, and a backslash escapes in a class, too.

use std::iter::Peekable;
use std::str::Chars;

/// The pattern for the glob crate.
///
/// # Errors
/// Why it cannot be expressed there, or what is wrong with it.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().ok_or("it ends with a lone backslash")?;
                out.extend(['\\', escaped]);
            }
            '{' | '}' => out.extend(['\\', c]),
            // Three stars or more mean the same as two.
            '*' if out.ends_with("**") => {}
            '[' => class(&mut chars, &mut out)?,
            _ => out.push(c),
        }
    }
    // A pattern without a slash matches at any depth. One with a slash in a class has to say so.
    // Spaces at the end are no part of it.
    let has_slash = |pattern: &str| pattern.trim_end().trim_end_matches('/').contains('/');
    if has_slash(&out) && !has_slash(pattern) {
        out.insert_str(usize::from(out.starts_with('!')), "**/");
    }
    Ok(out)
}

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
            ("*.o", "*.o"),
            ("*[!a]?", "**/*[!a/]?"),
            ("!x[!a]/", "!**/x[!a/]/"),
            ("d/[!a]", "d/[!a/]"),
            ("[^]a]", "**/[!]a/]"),
            ("x[+-z]y", "x[]+-,.0-\\^-z-]y"),
            (r"\[a]", r"\[a]"),
            ("a/***/b", "a/**/b"),
            ("{a,b}", r"\{a,b\}"),
            (r"[\a]", "[a]"),
            (r"[\]]", "[]]"),
            ("[a-]", "[a-]"),
            ("[^!]", "**/[!/!]"),
        ] {
            assert_eq!(translate(pattern).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_expressed_is_refused() {
        for pattern in ["[a", "[[:alpha:]]", "a\\", "[z-a]", "[/]", "[!", r"[\!]", "[]"] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
