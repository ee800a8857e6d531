//! Names that a destination may take for one: those that differ only in case, in how an accent is written, or in dots
//! and blanks at their end.

use std::borrow::Cow;

use bitflags::bitflags;
use unicode_normalization::UnicodeNormalization as _;

bitflags! {
    /// How two names differ that a destination may take for one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct NameDifference: u8 {
        /// In upper and lower case: one name to NTFS on Windows, FAT, exFAT and APFS, and to most SMB servers.
        const CASE = 1;
        /// In how an accent is written (NFC and NFD): one name to APFS and HFS+.
        const ACCENTS = 1 << 1;
        /// In dots and blanks at the end: one name to FAT and to Windows.
        const END = 1 << 2;
    }
}

impl NameDifference {
    /// How two paths differ whose names are [one](folded), name by name.
    pub fn between(a: &[u8], b: &[u8]) -> Self {
        let names = a.split(|b| *b == b'/').zip(b.split(|b| *b == b'/'));
        names.fold(Self::empty(), |all, (a, b)| all | Self::of_names(a, b))
    }

    fn of_names(a: &[u8], b: &[u8]) -> Self {
        let (short_a, short_b) = (without_end(a), without_end(b));
        let end = if a.len() - short_a.len() == b.len() - short_b.len() { Self::empty() } else { Self::END };
        if short_a == short_b {
            return end;
        }
        end | match (std::str::from_utf8(short_a), std::str::from_utf8(short_b)) {
            (Ok(a), Ok(b)) if a.nfd().eq(b.nfd()) => Self::ACCENTS,
            (Ok(a), Ok(b)) if !without_case(a).eq(without_case(b)) => Self::CASE | Self::ACCENTS,
            _ => Self::CASE,
        }
    }
}

/// A name as the destination sees it that knows the fewest names: what is equal may be one file there.
///
/// Upper case letters are made of all letters that have one, and of these lower case ones: that is at least as much as
/// any file system does. Of a name that is not UTF-8, only ASCII letters are.
pub fn folded(name: &[u8]) -> Cow<'_, [u8]> {
    let name = without_end(name);
    if name.is_ascii() {
        let has_upper = name.iter().any(u8::is_ascii_uppercase);
        return if has_upper { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
    }
    match std::str::from_utf8(name) {
        Ok(text) => {
            let decomposed: String = text.nfd().collect();
            let folded: String = without_case(&decomposed).collect();
            Cow::Owned(folded.nfd().collect::<String>().into_bytes())
        }
        Err(_) => Cow::Owned(name.to_ascii_lowercase()),
    }
}

fn without_case(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// A name without dots and blanks at its end, unless it has nothing else.
fn without_end(name: &[u8]) -> &[u8] {
    let len = name.iter().rposition(|b| !matches!(b, b'.' | b' ')).map_or(name.len(), |last| last + 1);
    &name[..len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_without_case_accents_and_end() {
        let cases = [
            ("IMG_1.jpg", "img_1.JPG", NameDifference::CASE),
            ("a", "a", NameDifference::empty()),
            ("a.", "a", NameDifference::END),
            ("A . ", "a", NameDifference::CASE | NameDifference::END),
            ("caf\u{e9}", "cafe\u{301}", NameDifference::ACCENTS),
            ("CAF\u{c9}", "cafe\u{301}", NameDifference::CASE | NameDifference::ACCENTS),
            ("STRASSE", "stra\u{df}e", NameDifference::CASE),
            ("\u{3a3}", "\u{3c2}", NameDifference::CASE),
            ("\u{212a}", "k", NameDifference::CASE),
            ("...", "...", NameDifference::empty()),
        ];
        for (a, b, difference) in cases {
            assert_eq!(folded(a.as_bytes()), folded(b.as_bytes()), "{a} {b}");
            assert_eq!(NameDifference::between(a.as_bytes(), b.as_bytes()), difference, "{a} {b}");
        }
        assert_eq!(folded(b"\xffA"), folded(b"\xffa"));
        assert_eq!(NameDifference::between(b"/Photos/x", b"/photos/x."), NameDifference::CASE | NameDifference::END);
    }

    #[test]
    fn other_names_are_others() {
        for (a, b) in [("a", "b"), ("...", "."), (".a", "a"), ("e", "\u{e9}"), ("", "a")] {
            assert_ne!(folded(a.as_bytes()), folded(b.as_bytes()), "{a} {b}");
        }
        assert_ne!(folded(b"\xff"), folded(b"\xfe"));
    }
}
