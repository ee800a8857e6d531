//! Names in C style, as git quotes them.

use std::borrow::Cow;

/// Quotes a name as `git` does with its default `core.quotePath`: a name that holds a control
/// character, a quote, a backslash or a byte outside of ASCII is put in double quotes, with C escapes
/// and three octal digits for bytes that have none; any other name stays as it is.
pub fn quote(name: &[u8]) -> Cow<'_, [u8]> {
    quote_if(name, |b| !(0x20..0x7f).contains(&b) || b == b'"' || b == b'\\')
}

/// The same for people: text in other scripts stays readable if it is UTF-8 without control
/// characters.
pub(super) fn quote_for_people(name: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(name) {
        Ok(text) if !text.chars().any(is_hidden) => quote_if(name, |b| b < 0x20 || b == b'"' || b == b'\\'),
        _ => quote(name),
    }
}

/// Characters that a terminal does not show as themselves: controls, and those that turn the
/// direction of what follows.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
