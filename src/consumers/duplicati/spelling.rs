//! How Duplicati spells what it stores: directories, and symlinks that lead to one, end in a slash.

use crate::path::to_path;

/// Duplicati splits its lists here, and cannot quote it.
pub(super) const SEPARATOR: u8 = b':';

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

/// A symlink is spelled as a directory if it leads to one at this moment.
pub(super) fn link_spelling(path: &[u8]) -> Vec<u8> {
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
        Err(e) => e.kind() != std::io::ErrorKind::NotFound && e.kind() != std::io::ErrorKind::NotADirectory,
    }
}
