//! The text of a gitignore pattern: which of its characters stand for themselves, and its parts.

/// The pattern without the blanks at its end. Like git, a backslash protects a blank.
pub(super) fn trimmed(text: &str) -> &str {
    let mut end = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            ' ' => {}
            '\\' => end = chars.next().map_or(at + 1, |(at, escaped)| at + escaped.len_utf8()),
            _ => end = at + c.len_utf8(),
        }
    }
    &text[..end]
}

/// Whether the pattern brings back, and the pattern without the sign for that.
pub(super) fn without_sign(pattern: &str) -> (bool, &str) {
    pattern.strip_prefix('!').map_or((false, pattern), |body| (true, body))
}

/// The characters that stand neither behind a backslash nor in a class, and where.
pub(super) fn bare(text: &str) -> Vec<(usize, char)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '\\' => at += text[at + 1..].chars().next().map_or(0, char::len_utf8),
            '[' => match class_end(&text[at..]) {
                Some(end) => at += end - 1,
                None => found.push((at, c)),
            },
            _ => found.push((at, c)),
        }
        at += c.len_utf8();
    }
    found
}

/// Where the class that the text begins with ends; none if it does not.
fn class_end(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    chars.next_if(|(_, c)| matches!(c, '!' | '^'));
    let mut first = true;
    while let Some((at, c)) = chars.next() {
        match c {
            ']' if !first => return Some(at + 1),
            '\\' => drop(chars.next()),
            _ => {}
        }
        first = false;
    }
    None
}

/// The parts of a path between its bare slashes.
pub(super) fn parts(body: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in bare(body).into_iter().filter(|(_, c)| *c == '/') {
        parts.push(&body[start..at]);
        start = at + 1;
    }
    parts.push(&body[start..]);
    parts
}

/// The only name that a part matches; none if there may be several.
pub(super) fn literal(part: &str) -> Option<String> {
    let mut name = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' | '[' => return None,
            '\\' => name.push(chars.next()?),
            _ => name.push(c),
        }
    }
    Some(name)
}

/// A pattern that matches only this path.
pub(super) fn escaped(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '\\' | '*' | '?' | '[') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The directories that a pattern names above what it matches, relative to the root, the highest first. Only those
/// whose names are certain.
pub(super) fn literal_parents(pattern: &str) -> Vec<String> {
    let (_, body) = without_sign(pattern);
    let mut parts = parts(body.strip_suffix('/').unwrap_or(body));
    parts.pop();
    if parts.first().is_some_and(|first| first.is_empty()) {
        parts.remove(0);
    }
    let mut above = String::new();
    let mut parents = Vec::new();
    for name in parts.into_iter().map_while(literal) {
        above = if above.is_empty() { name } else { format!("{above}/{name}") };
        parents.push(above.clone());
    }
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_at_the_end_belong_to_a_pattern_behind_a_backslash() {
        for (text, expected) in [
            ("a  ", "a"),
            ("a\\ ", "a\\ "),
            ("a\\  ", "a\\ "),
            ("a\\\\ ", "a\\\\"),
            ("a b ", "a b"),
            ("a\t", "a\t"),
            ("a\\", "a\\"),
            ("  ", ""),
            ("é ", "é"),
            ("\\é ", "\\é"),
        ] {
            assert_eq!(trimmed(text), expected, "{text:?}");
        }
    }

    #[test]
    fn bare_characters_are_neither_escaped_nor_in_a_class() {
        let of = |text| bare(text).into_iter().map(|(_, c)| c).collect::<String>();
        assert_eq!(of("a\\,b[,]c"), "abc");
        assert_eq!(of("[]/]x[!]/]y[^\\]/]z"), "xyz");
        assert_eq!(of("é[a"), "é[a");
        assert_eq!(of("a\\"), "a");
    }

    #[test]
    fn a_pattern_has_parts_and_certain_parents() {
        assert_eq!(parts("/a/[/]b/"), ["", "a", "[/]b", ""]);
        assert_eq!(literal_parents("!/a/b\\*/c"), ["a", "a/b*"]);
        assert_eq!(literal_parents("a/*/c/d"), ["a"]);
        assert_eq!(literal_parents("a/"), [""; 0]);
        assert_eq!(literal_parents("/a"), [""; 0]);
        assert_eq!(literal_parents("**/a/b"), [""; 0]);
    }
}
