//! Words in the form that a POSIX shell, the command interpreter of Windows or XML reads back as they are.

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

/// A word for the command interpreter of Windows. A path holds no quote there. A percent sign is doubled, as in a
/// batch file.
#[cfg(feature = "duplicati")]
pub(super) fn batch(word: &str) -> String {
    let doubled = word.replace('%', "%%");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !doubled.is_empty() && doubled.chars().all(is_plain) {
        return doubled;
    }
    // The called program would read a backslash before the quote as a part of it.
    let end = doubled.len() - doubled.trim_end_matches('\\').len();
    format!("\"{doubled}{}\"", "\\".repeat(end))
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

    #[cfg(feature = "duplicati")]
    #[test]
    fn a_batch_file_has_quotes_and_doubled_percent_signs() {
        let cases = [
            ("plain-1.0", "plain-1.0"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("100%", "\"100%%\""),
            ("D:\\", "\"D:\\\\\""),
        ];
        for (word, quoted) in cases {
            assert_eq!(batch(word), quoted);
        }
    }

    #[test]
    fn xml_holds_any_text_in_ascii() {
        assert_eq!(xml("R&D <ü> ]]> \"'\u{1f600}"), "R&amp;D &lt;&#252;&gt; ]]&gt; \"'&#128512;");
    }
}
