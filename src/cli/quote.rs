//! Words in the form that a POSIX shell, a command line of Windows or XML reads back as they are.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A character that means nothing to a shell, to systemd or to cron, wherever it stands.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "/._-+,:@".contains(c)
}

/// A word for a POSIX shell, in single quotes unless it needs none. It adds no backslash, because versions of
/// cron differ in how they read one.
pub(super) fn shell(word: &str) -> Cow<'_, str> {
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r#"'"'"'"#)).into()
}

/// A word that `CommandLineToArgvW` and the C library read back as it is: a backslash is special only before a quote.
pub(super) fn windows(text: &str) -> String {
    if !text.is_empty() && !text.contains([' ', '"']) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in text.chars() {
        if c == '"' {
            quoted.push_str(&"\\".repeat(backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        quoted.push(c);
    }
    quoted.push_str(&"\\".repeat(backslashes));
    quoted.push('"');
    quoted
}

/// Text between two tags. All that is not ASCII becomes a number, so that no code page on the way can change it.
/// Control characters cannot be written in XML and must not be in it.
pub(super) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            ' '..='~' => escaped.push(c),
            // Writing to a string cannot fail.
            _ => drop(write!(escaped, "&#{};", u32::from(c))),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        let words =
            ["plain-1.0/x", "", "two words", "it's", "$HOME", "`id`", "a\\b", "\"", "*?[~#;&|<>(){}!", "ü\u{7f}"];
        for word in words {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", shell(word))])
                .output()
                .expect("sh");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word, "{}", shell(word));
        }
        assert_eq!(shell("plain-1.0/x"), "plain-1.0/x");
    }

    #[test]
    fn a_command_line_of_windows_has_quotes_where_it_needs_them() {
        let cases = [
            ("plain-1.0", "plain-1.0"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("D:\\my dir\\", "\"D:\\my dir\\\\\""),
        ];
        for (word, quoted) in cases {
            assert_eq!(windows(word), quoted);
        }
    }

    #[test]
    fn xml_holds_any_text_in_ascii() {
        assert_eq!(xml("R&D <ü> ]]> \"'\u{1f600}"), "R&amp;D &lt;&#252;&gt; ]]&gt; \"'&#128512;");
    }
}
