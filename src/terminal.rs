//! Text that is safe for a terminal: names, paths and messages of others, in which no character can command the
//! terminal or break the line. Each way keeps what its reader needs: a message stays readable, a quoted name can be
//! read back.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

/// Whether no character of the text commands a terminal or breaks a line.
pub fn is_harmless(text: &str) -> bool {
    !text.chars().any(is_hidden)
}

/// Text for one line of a message: each character that commands a terminal, breaks a line or turns the direction of
/// what follows is written as an escape of Rust (`\n`, `\u{1b}`, `\u{202e}`).
pub fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
        shown
    })
}

/// A path in a message: as it is, or quoted if it holds a control character or is not UTF-8.
pub trait PathExt {
    /// The path for people.
    fn shown(&self) -> Shown<'_>;
}

impl PathExt for Path {
    fn shown(&self) -> Shown<'_> {
        Shown(self)
    }
}

/// See [`PathExt::shown`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    #[expect(clippy::unnecessary_debug_formatting, reason = "its quotes and escapes are what is wanted")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_str() {
            Some(text) if is_harmless(text) => f.write_str(text),
            _ => write!(f, "{:?}", self.0),
        }
    }
}

/// Quotes a name as `git` does with its default `core.quotePath`: a name that holds a control
/// character, a quote, a backslash or a byte outside of ASCII is put in double quotes, with C escapes
/// and three octal digits for bytes that have none; any other name stays as it is.
pub fn quote(name: &[u8]) -> Cow<'_, [u8]> {
    quote_if(name, |b| !(0x20..0x7f).contains(&b) || b == b'"' || b == b'\\')
}

/// The same for people: text in other scripts stays readable if it is UTF-8 without control
/// characters.
pub(crate) fn quote_for_people(name: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if !text.chars().any(is_hidden) => quote_if(name, |b| b < 0x20 || b == b'"' || b == b'\\'),
        _ => quote(name),
    }
}

/// Quotes a name of Windows, whose backslashes separate names: they are no reason for quotes, and are escaped in them.
pub(crate) fn quote_windows(name: &[u8]) -> Cow<'_, [u8]> {
    quote_if(name, |b| !(0x20..0x7f).contains(&b) || b == b'"')
}

/// The same for people.
pub(crate) fn quote_windows_for_people(name: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if !text.chars().any(is_hidden) => quote_if(name, |b| b < 0x20 || b == b'"'),
        _ => quote_windows(name),
    }
}

/// Characters that a terminal does not show as themselves: controls, line separators, those without a width, and those
/// that turn the direction of what follows. All have four hexadecimal digits.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

fn quote_if(name: &[u8], special: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    // Without an early end the compiler looks at many bytes at once.
    if !name.iter().fold(false, |found, b| found | special(*b)) {
        return Cow::Borrowed(name);
    }
    let mut quoted = Vec::with_capacity(name.len() + 8);
    quoted.push(b'"');
    for &byte in name {
        let escape = match byte {
            0x07 => b'a',
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0b => b'v',
            0x0c => b'f',
            b'\r' => b'r',
            b'"' | b'\\' => byte,
            _ if special(byte) => {
                quoted.extend_from_slice(&[b'\\', b'0' + (byte >> 6), b'0' + (byte >> 3 & 7), b'0' + (byte & 7)]);
                continue;
            }
            _ => {
                quoted.push(byte);
                continue;
            }
        };
        quoted.extend_from_slice(&[b'\\', escape]);
    }
    quoted.push(b'"');
    Cow::Owned(quoted)
}

/// Passes lines on to `out`. Every character but newline and tab that commands a terminal or turns the direction of
/// what follows is written as `\u` and four hexadecimal digits, which means the same character in JSON. Text that is
/// not UTF-8 is written with replacement characters.
#[derive(Debug)]
pub struct HarmlessLines<W> {
    out: W,
    /// The line that has no end yet.
    line: Vec<u8>,
}

impl<W: Write> HarmlessLines<W> {
    /// Passes on to `out` from its first byte.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        for c in String::from_utf8_lossy(&line).chars() {
            if is_hidden(c) && !matches!(c, '\n' | '\t') {
                write!(self.out, "\\u{:04x}", u32::from(c))?;
            } else {
                write!(self.out, "{c}")?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and flushes.
    ///
    /// # Errors
    /// What writing gives.
    pub fn finish(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

impl<W: Write> Write for HarmlessLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character may come in pieces, but never over the end of a line.
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                self.pass_on()?;
            }
        }
        Ok(bytes.len())
    }

    /// An unfinished line waits for its end.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_its_control_characters() {
        assert_eq!(harmless("a\n\u{1b}[2Jé\"\\\u{9b}"), "a\\n\\u{1b}[2Jé\"\\\\u{9b}");
        assert_eq!(harmless("a\u{202e}b\u{2066}c\u{61c}d"), "a\\u{202e}b\\u{2066}c\\u{61c}d");
        assert!(is_harmless("é\"\\") && !is_harmless("a\tb") && !is_harmless("a\u{202e}b"));
    }

    #[test]
    fn a_path_is_quoted_only_if_it_must_be() {
        assert_eq!(Path::new("/a b/é\"").shown().to_string(), "/a b/é\"");
        assert_eq!(Path::new("/a\u{1b}[2J\"").shown().to_string(), r#""/a\u{1b}[2J\"""#);
    }

    fn quoted(name: &[u8]) -> String {
        String::from_utf8(quote(name).into_owned()).expect("ASCII")
    }

    #[test]
    fn names_are_quoted_as_git_does() {
        assert_eq!(quoted(b"plain name's"), "plain name's");
        assert_eq!(quoted(b"tab\tnl\n\"q\"\\"), r#""tab\tnl\n\"q\"\\""#);
        assert_eq!(quoted("ü".as_bytes()), r#""\303\274""#);
        assert_eq!(quoted(b"\x01\x1b[31m\x7f\xff"), r#""\001\033[31m\177\377""#);
        assert_eq!(quoted(b"\x07\x08\x0b\x0c\r"), r#""\a\b\v\f\r""#);
    }

    #[test]
    fn people_can_read_their_own_script() {
        assert_eq!(&*quote_for_people("Öl-刺身".as_bytes()), "Öl-刺身".as_bytes());
        assert_eq!(&*quote_for_people(b"esc\x1b"), br#""esc\033""#);
        assert_eq!(&*quote_for_people("\u{9b}31m".as_bytes()), br#""\302\23331m""#, "a C1 control");
        assert_eq!(&*quote_for_people("a\u{202e}b".as_bytes()), br#""a\342\200\256b""#);
        assert_eq!(&*quote_for_people(b"\xff"), br#""\377""#);
    }

    #[test]
    fn no_control_character_reaches_a_terminal() {
        let mut out = HarmlessLines::new(Vec::new());
        for byte in "a\u{1b}[2Jb\tc\u{9b}d\u{7f}é\u{202e}\u{2069}\u{61c}\nnext\0".bytes() {
            out.write_all(&[byte]).expect("a vector takes all");
        }
        out.write_all(b"\x9b").expect("a vector takes all");
        out.finish().expect("a vector takes all");
        let text = String::from_utf8(out.out).expect("text");
        assert_eq!(text, "a\\u001b[2Jb\tc\\u009bd\\u007fé\\u202e\\u2069\\u061c\nnext\\u0000\u{fffd}");
    }
}
