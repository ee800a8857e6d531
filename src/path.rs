//! Paths as bytes: their order in a tree, their parts, and conversions from and to `std::path`. No system calls.

mod fold;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::path::{Component, Path, PathBuf};

use bstr::ByteSlice as _;

#[doc(no_inline)]
pub use crate::terminal::{PathExt, Shown};
pub use fold::{NameDifference, folded};

/// Compares two paths in tree order: component by component, each as bytes. A directory comes
/// before what is in it, and `a/c` before `a-b`.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let key = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    a.iter().map(key).cmp(b.iter().map(key))
}

/// Adds one name to a path in place. Returns the length that the path had before.
pub(crate) fn push(path: &mut Vec<u8>, name: &[u8]) -> usize {
    let len = path.len();
    if !path.is_empty() && path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    len
}

/// The parent of a path. `/` has none, and neither has a name without a slash.
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    match path.rfind_byte(b'/')? {
        0 if path.len() == 1 => None,
        0 => Some(b"/"),
        slash => Some(&path[..slash]),
    }
}

/// Whether `path` is `ancestor` or lies below it.
pub fn is_within(path: &[u8], ancestor: &[u8]) -> bool {
    match path.strip_prefix(ancestor) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || ancestor.ends_with(b"/"),
        None => false,
    }
}

/// A path for the standard library. Costs nothing on Unix. Elsewhere a path that is not UTF-8 is converted lossily.
pub fn to_path(bytes: &[u8]) -> Cow<'_, Path> {
    bytes.to_path().map_or_else(|_| Cow::Owned(PathBuf::from(bytes.to_str_lossy().into_owned())), Cow::Borrowed)
}

/// The bytes of a path of the standard library.
pub fn to_bytes(path: &Path) -> Cow<'_, [u8]> {
    <[u8]>::from_path(path).map_or_else(|| Cow::Owned(path.to_string_lossy().into_owned().into_bytes()), Cow::Borrowed)
}

/// Makes a path absolute and normal: resolves `.`, `..`, `//` and a trailing slash by spelling alone.
/// So `link/..` is the directory that holds the symlink `link`, and not the parent of its target.
pub fn absolute(path: &Path, current_dir: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in current_dir.join(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_order_puts_a_directory_and_its_content_before_its_longer_siblings() {
        let mut paths = vec!["a-b", "a/c", "a", "b", "a/c/d", "a/b-", "a/b/x"];
        paths.sort_by(|x, y| compare(x.as_bytes(), y.as_bytes()));
        assert_eq!(paths, ["a", "a/b/x", "a/b-", "a/c", "a/c/d", "a-b", "b"]);
    }

    #[test]
    fn roots_are_normalised_by_spelling() {
        let at = |p| absolute(Path::new(p), Path::new("/home/me"));
        assert_eq!(at("x/"), Path::new("/home/me/x"));
        assert_eq!(at("./x//y/../z"), Path::new("/home/me/x/z"));
        assert_eq!(at(".."), Path::new("/home"));
        assert_eq!(at("/.."), Path::new("/"));
        assert_eq!(at("../../../.."), Path::new("/"));
    }

    #[test]
    fn within_is_by_component() {
        assert!(is_within(b"/a/b", b"/a"));
        assert!(is_within(b"/a", b"/a"));
        assert!(is_within(b"/a", b"/"));
        assert!(!is_within(b"/ab", b"/a"));
    }

    #[test]
    fn parents() {
        assert_eq!(parent(b"/a/b"), Some(&b"/a"[..]));
        assert_eq!(parent(b"/a"), Some(&b"/"[..]));
        assert_eq!(parent(b"/"), None);
        assert_eq!(parent(b"a"), None);
    }
}
