//! Duplicati's version numbers, and from which one on a change list works.

use std::fmt;

/// A version, such as 2.2.0.104.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuplicatiVersion([u32; 4]);

impl DuplicatiVersion {
    /// The first that works. Before it a version holds a modified file twice if it was in a list, and the next
    /// backup fails ("Unexpected difference in fileset").
    pub const FIRST: Self = Self([2, 2, 0, 104]);

    /// From the beginning of a text such as `2.3.0.4_stable_2026-06-01`.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let mut numbers = text[..end].split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self([next()?, next()?, next()?, next()?]))
    }

    /// Whether a change list can be given to it.
    pub fn takes_lists(self) -> bool {
        self >= Self::FIRST
    }
}

impl fmt::Display for DuplicatiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch, build] = self.0;
        write!(f, "{major}.{minor}.{patch}.{build}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_beginning_of_a_text_and_compared_by_number() {
        let parse = |text| DuplicatiVersion::parse(text);
        assert_eq!(parse("2.3.0.4 (2.3.0.4_stable_2026-06-01)").map(|v| v.to_string()).as_deref(), Some("2.3.0.4"));
        assert_eq!(parse("2.2.0.104_canary"), Some(DuplicatiVersion::FIRST));
        for text in ["", "2.2", "2.2.0.", "v2.2.0.104", "2..0.4"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert!(parse("2.2.0.104").is_some_and(DuplicatiVersion::takes_lists));
        assert!(parse("2.10.0.1").is_some_and(DuplicatiVersion::takes_lists));
        assert!(!parse("2.2.0.99").is_some_and(DuplicatiVersion::takes_lists));
        assert!(!parse("2.2.0.3").is_some_and(DuplicatiVersion::takes_lists));
    }
}
