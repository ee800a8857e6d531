//! What Duplicati leaves out of a version file by file. The job cannot leave it out too: its patterns also match
//! directories.

use crate::metadata::Kind;

/// What files Duplicati does not store although they are in a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unstored {
    /// Those whose whole path one of these matches: `*` stands for anything, the rest for itself.
    pub patterns: Vec<String>,
    /// Symlinks.
    pub symlinks: bool,
    /// Files of more bytes than this.
    pub larger_than: Option<u64>,
}

impl Unstored {
    /// Whether it is surely not stored by its name or its kind.
    pub(crate) fn holds(&self, path: &[u8], kind: Kind) -> bool {
        match kind {
            // A `*` of .NET does not match a line break.
            Kind::File => {
                !path.contains(&b'\n') && self.patterns.iter().any(|pattern| matches(pattern.as_bytes(), path))
            }
            Kind::Symlink => self.symlinks,
            _ => false,
        }
    }
}

/// Whether a pattern in which `*` stands for anything matches all of a text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let mut parts = pattern.split(|b| *b == b'*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match memchr::memmem::find(rest, part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*.tmp", "/a/b.tmp", true),
            ("*.tmp", "/a/b.tmpx", false),
            ("*.tmp", ".tmp", true),
            ("/a/*.tmp", "/a/b/c.tmp", true),
            ("/a/*.tmp", "/b/c.tmp", false),
            ("*/x*y", "/q/xy", true),
            ("*/x*y", "/q/x", false),
            ("*a*a", "a", false),
            ("*a*a", "aa", true),
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/bc", false),
            ("a**b", "ab", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        let unstored = Unstored { patterns: vec!["*.tmp".into()], ..Unstored::default() };
        assert!(unstored.holds(b"/a.tmp", Kind::File));
        assert!(!unstored.holds(b"/a.tmp", Kind::Dir) && !unstored.holds(b"/l.tmp", Kind::Symlink));
        assert!(!unstored.holds(b"/a\nb.tmp", Kind::File));
    }
}
