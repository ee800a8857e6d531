//! How Duplicati spells what it stores: directories, and symlinks that lead to one, end in a slash. On Windows its
//! paths have backslashes, and names that differ only in case are one to it. In here paths have slashes everywhere;
//! they are converted where its database is read and where a list is written.

use std::borrow::Cow;

use crate::path::to_path;

/// Duplicati splits its lists here, and cannot quote it.
pub(super) const SEPARATOR: u8 = if cfg!(windows) { b';' } else { b':' };

/// A path as Duplicati writes it, with slashes.
pub(super) fn from_duplicati(path: &[u8]) -> Vec<u8> {
    if cfg!(windows) {
        path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
    } else {
        path.to_vec()
    }
}

/// What a path is compared by: itself, on Windows without regard to case, as .NET does (`OrdinalIgnoreCase`).
pub(super) fn compared_by(path: &[u8]) -> Cow<'_, [u8]> {
    if cfg!(windows) { Cow::Owned(without_case(path)) } else { Cow::Borrowed(path) }
}

/// Each character becomes the one capital letter that it has, if it has one.
fn without_case(path: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(path) else { return path.to_vec() };
    let capital = |c: char| {
        let mut capitals = c.to_uppercase();
        match (capitals.next(), capitals.next()) {
            (Some(capital), None) => capital,
            _ => c,
        }
    };
    text.chars().map(capital).collect::<String>().into_bytes()
}

/// Whether a list can name a path.
pub(super) fn is_sayable(path: &[u8]) -> bool {
    !path.iter().any(|b| matches!(*b, SEPARATOR | b'\n' | b'\r')) && std::str::from_utf8(path).is_ok()
}

pub(super) fn with_slash(path: &[u8]) -> Vec<u8> {
    let mut path = path.to_vec();
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path
}

/// A symlink is spelled as a directory if it leads to one at this moment; on Windows, if it was made for one.
pub(super) fn link_spelling(path: &[u8]) -> Vec<u8> {
    #[cfg(windows)]
    let leads_to_dir = std::fs::symlink_metadata(to_path(path)).is_ok_and(|m| {
        const DIRECTORY: u32 = 0x10;
        std::os::windows::fs::MetadataExt::file_attributes(&m) & DIRECTORY != 0
    });
    #[cfg(not(windows))]
    let leads_to_dir = std::fs::metadata(to_path(path)).is_ok_and(|m| m.is_dir());
    if leads_to_dir { with_slash(path) } else { path.to_vec() }
}

/// Whether there is what Duplicati would store under this spelling. Unreadable counts as there.
pub(super) fn is_stored_as_spelled(path: &[u8]) -> bool {
    let slash = path.len() > 1 && path.ends_with(b"/");
    let bare = if slash { &path[..path.len() - 1] } else { path };
    match std::fs::symlink_metadata(to_path(bare)) {
        Ok(m) if m.is_symlink() => link_spelling(bare) == path,
        Ok(m) => {
            if slash {
                m.is_dir()
            } else {
                m.is_file()
            }
        }
        // A server that does not answer is "not found" to the standard library on Windows.
        Err(e) if cfg!(windows) => !matches!(e.raw_os_error(), Some(2 | 3)),
        Err(e) => e.kind() != std::io::ErrorKind::NotFound && e.kind() != std::io::ErrorKind::NotADirectory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_that_of_single_letters() {
        let same = |a: &str, b: &str| without_case(a.as_bytes()) == without_case(b.as_bytes());
        assert!(same("C:/Straße/Ärger", "c:/STRAßE/ärger") && same("ǅ", "ǆ"));
        assert!(!same("straße", "STRASSE"), "no letter becomes two");
        assert_eq!(without_case(b"a\xff"), b"a\xff");
    }
}
