//! A word of a command, with what stands in it for a list, for the root, or for something that only the run knows.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::consumers::ListPart;
use crate::path::{to_bytes, to_path};

/// What marks such a place: no word of a command can hold a NUL.
const MARK: u8 = 0;

const ROOT: u8 = b'r';
const UNKNOWN: u8 = b'?';
const EXIT_CODE: u8 = b'$';

/// A word of a command. In its bytes, a NUL and a letter stand for what is not text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Word(Vec<u8>);

fn letter(part: ListPart) -> u8 {
    match part {
        ListPart::Changed => b'c',
        ListPart::Deleted => b'd',
        ListPart::All => b'a',
    }
}

impl Word {
    /// A word as the user wrote it, with placeholders.
    pub(super) fn written(word: &OsStr) -> Self {
        let bytes = to_bytes(Path::new(word));
        let mut found = Self::default();
        let mut rest = &bytes[..];
        while let [first, behind @ ..] = rest {
            let part = ListPart::EACH.into_iter().find(|part| rest.starts_with(part.placeholder().as_bytes()));
            rest = if let Some(part) = part {
                found.push_list(part);
                &rest[part.placeholder().len()..]
            } else if let Some(behind) = rest.strip_prefix(ListPart::ROOT_PLACEHOLDER.as_bytes()) {
                found.push_root();
                behind
            } else {
                found.push(*first);
                behind
            };
        }
        found
    }

    /// What a variable holds that each command of a job finds.
    pub(super) fn of_variable(name: &str) -> Option<Self> {
        let mut word = Self::default();
        match ListPart::EACH.into_iter().find(|part| part.variable() == name) {
            Some(part) => word.push_list(part),
            None if name == ListPart::ROOT_VARIABLE => word.push_root(),
            None => return None,
        }
        Some(word)
    }

    pub(super) fn text(text: &[u8]) -> Self {
        Self(text.to_vec())
    }

    /// A word that holds no placeholders. A value of the environment cannot hold a NUL.
    pub(super) fn literal(word: &OsStr) -> Self {
        Self(to_bytes(Path::new(word)).into_owned())
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn push_list(&mut self, part: ListPart) {
        self.0.extend([MARK, letter(part)]);
    }

    pub(super) fn push_root(&mut self) {
        self.0.extend([MARK, ROOT]);
    }

    /// Something that only the run knows, such as the value of a variable.
    pub(super) fn push_unknown(&mut self) {
        self.0.extend([MARK, UNKNOWN]);
    }

    /// The exit code of a command that ran before.
    pub(super) fn push_exit_code(&mut self) {
        self.0.extend([MARK, EXIT_CODE]);
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Its bytes; a NUL and a letter stand for what is not text.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands behind this text at its beginning.
    pub(super) fn strip(&self, prefix: &str) -> Option<Self> {
        self.0.strip_prefix(prefix.as_bytes()).map(Self::text)
    }

    /// The list that it stands for, if that is all it holds.
    pub(super) fn list(&self) -> Option<ListPart> {
        ListPart::EACH.into_iter().find(|part| self.0 == [MARK, letter(*part)])
    }

    /// The first list that stands in it.
    pub(super) fn list_within(&self) -> Option<ListPart> {
        ListPart::EACH.into_iter().find(|part| self.holds(letter(*part)))
    }

    /// Whether something in it is known only when it runs.
    pub(super) fn is_unknown(&self) -> bool {
        self.holds(UNKNOWN) || self.holds_exit_code()
    }

    /// Whether the exit code of a command that ran before stands in it.
    pub(super) fn holds_exit_code(&self) -> bool {
        self.holds(EXIT_CODE)
    }

    fn holds(&self, letter: u8) -> bool {
        self.0.windows(2).any(|pair| pair == [MARK, letter])
    }

    /// Its text, if it holds nothing else.
    pub(super) fn plain(&self) -> Option<&[u8]> {
        (!self.0.contains(&MARK)).then_some(&self.0[..])
    }

    /// What the program gets. None if it holds a list or something unknown.
    pub(super) fn resolved(&self, base: &Path) -> Option<OsString> {
        let base = to_bytes(base);
        let mut bytes = Vec::new();
        let mut rest = &self.0[..];
        loop {
            match rest {
                [] => return Some(to_path(&bytes).into_owned().into_os_string()),
                [MARK, ROOT, behind @ ..] => {
                    // The root of all directories ends with a slash already.
                    let ends = behind.first() == Some(&b'/');
                    bytes.extend_from_slice(base.strip_suffix(b"/").filter(|_| ends).unwrap_or(&base));
                    rest = behind;
                }
                [MARK, ..] => return None,
                [byte, behind @ ..] => {
                    bytes.push(*byte);
                    rest = behind;
                }
            }
        }
    }

    /// The last part of the path that it is, if that is known: the name of a program.
    pub(super) fn file_name(&self) -> Option<&str> {
        let name = self.0.rsplit(|byte| *byte == b'/').next()?;
        std::str::from_utf8(name).ok().filter(|name| !name.contains('\0'))
    }

    /// As the user wrote it; `…` stands for what is unknown.
    pub(super) fn shown(&self) -> OsString {
        let mut bytes = Vec::new();
        let mut rest = &self.0[..];
        while let [first, behind @ ..] = rest {
            let (text, next): (&[u8], _) = match rest {
                [MARK, ROOT, behind @ ..] => (ListPart::ROOT_PLACEHOLDER.as_bytes(), behind),
                [MARK, UNKNOWN | EXIT_CODE, behind @ ..] => ("…".as_bytes(), behind),
                [MARK, mark, behind @ ..] => {
                    let part = ListPart::EACH.into_iter().find(|part| letter(*part) == *mark);
                    (part.map_or(&[][..], |part| part.placeholder().as_bytes()), behind)
                }
                _ => (std::slice::from_ref(first), behind),
            };
            bytes.extend_from_slice(text);
            rest = next;
        }
        to_path(&bytes).into_owned().into_os_string()
    }

    /// Its path, seen from a directory. None if that is not known.
    pub(super) fn path(&self, base: &Path, current_dir: Option<&Path>) -> Option<PathBuf> {
        let path = PathBuf::from(self.resolved(base)?);
        match current_dir {
            Some(dir) => Some(crate::path::absolute(&path, dir)),
            None => path.is_absolute().then(|| crate::path::absolute(&path, Path::new("/"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_once_whatever_the_root_is_called() {
        let word = Word::written(OsStr::new("--x={root}/{all}{other}"));
        assert_eq!(word.list_within(), Some(ListPart::All));
        assert_eq!((word.list(), word.resolved(Path::new("/r"))), (None, None));
        assert_eq!(*to_bytes(Path::new(&word.shown())), *b"--x={root}/{all}{other}");
        let root = Word::written(OsStr::new("{root}/x"));
        for (base, path) in [("/r {all} x", "/r {all} x/x"), ("/", "/x")] {
            let resolved = root.resolved(Path::new(base)).expect("nothing in it is unknown");
            assert_eq!(*to_bytes(Path::new(&resolved)), *path.as_bytes());
        }
    }
}
