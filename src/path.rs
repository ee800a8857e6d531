//! Paths as bytes: their order in a tree, their parts, and conversions from and to `std::path`. No system calls.

mod fold;
#[cfg(any(windows, test))]
pub(crate) mod wtf8;

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

/// The parent of a path. `/` has none, and neither has a name without a slash. On Windows `C:/` has none, too.
pub fn parent(path: &[u8]) -> Option<&[u8]> {
    let slash = path.rfind_byte(b'/')?;
    let top = top(path);
    match path.len() {
        len if len <= top => None,
        _ if slash < top => Some(&path[..top]),
        _ => Some(&path[..slash]),
    }
}

/// The length of what no path goes above: `/`, and on Windows `C:/` or `//server/share/`; 0 of a relative path.
fn top(path: &[u8]) -> usize {
    if cfg!(windows) {
        match *path {
            [letter, b':', b'/', ..] if letter.is_ascii_alphabetic() => return 3,
            [b'/', b'/', ..] => {
                let mut slashes = path.iter().enumerate().skip(2).filter(|(_, byte)| **byte == b'/');
                return slashes.nth(1).map_or(path.len(), |(at, _)| at + 1);
            }
            _ => {}
        }
    }
    usize::from(path.starts_with(b"/"))
}

/// Whether `path` is `ancestor` or lies below it.
pub fn is_within(path: &[u8], ancestor: &[u8]) -> bool {
    match path.strip_prefix(ancestor) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || ancestor.ends_with(b"/"),
        None => false,
    }
}

/// A path for the standard library. Costs nothing on Unix. On Windows slashes become backslashes, and bytes that are no
/// name there are replaced.
pub fn to_path(bytes: &[u8]) -> Cow<'_, Path> {
    #[cfg(windows)]
    {
        use std::os::windows::ffi::OsStringExt as _;
        let wide = wtf8::to_wide(bytes).unwrap_or_else(|| bytes.to_str_lossy().encode_utf16().collect());
        let wide: Vec<u16> =
            wide.into_iter().map(|unit| if unit == u16::from(b'/') { u16::from(b'\\') } else { unit }).collect();
        Cow::Owned(PathBuf::from(std::ffi::OsString::from_wide(&wide)))
    }
    #[cfg(not(windows))]
    bytes.to_path().map_or_else(|_| Cow::Owned(PathBuf::from(bytes.to_str_lossy().into_owned())), Cow::Borrowed)
}

/// The bytes of a path of the standard library. On Windows these are WTF-8, with slashes for backslashes.
pub fn to_bytes(path: &Path) -> Cow<'_, [u8]> {
    #[cfg(windows)]
    {
        use std::os::windows::ffi::OsStrExt as _;
        let mut bytes = Vec::new();
        let slash = |unit| if unit == u16::from(b'\\') { u16::from(b'/') } else { unit };
        wtf8::push_wide(&mut bytes, path.as_os_str().encode_wide().map(slash));
        Cow::Owned(bytes)
    }
    #[cfg(not(windows))]
    <[u8]>::from_path(path).map_or_else(|| Cow::Owned(path.to_string_lossy().into_owned().into_bytes()), Cow::Borrowed)
}

/// Makes a path absolute and normal: resolves `.`, `..`, `//` and a trailing slash by spelling alone.
/// So `link/..` is the directory that holds the symlink `link`, and not the parent of its target. On Windows the letter
/// of a drive becomes a capital one, and the prefix `\\\\?\\` is left out.
pub fn absolute(path: &Path, current_dir: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in from_drive(path).as_deref().unwrap_or(&current_dir.join(path)).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            Component::Prefix(prefix) => normal.push(usual_prefix(prefix)),
            other => normal.push(other),
        }
    }
    normal
}

/// `D:x` lies in the directory that is the current one of that drive.
fn from_drive(path: &Path) -> Option<PathBuf> {
    let mut components = path.components();
    let Component::Prefix(drive) = components.next()? else { return None };
    if path.has_root() {
        return None;
    }
    Some(std::path::absolute(drive.as_os_str()).ok()?.join(components.as_path()))
}

/// A drive or share as people write it.
fn usual_prefix(prefix: std::path::PrefixComponent<'_>) -> std::ffi::OsString {
    use std::path::Prefix;
    match prefix.kind() {
        Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
            format!("{}:", char::from(letter.to_ascii_uppercase())).into()
        }
        Prefix::VerbatimUNC(server, share) => {
            let mut usual = std::ffi::OsString::from(r"\\");
            usual.push(server);
            usual.push(r"\");
            usual.push(share);
            usual
        }
        _ => prefix.as_os_str().to_owned(),
    }
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

    #[cfg(windows)]
    #[test]
    fn paths_of_windows() {
        let at = |p| to_bytes(&absolute(Path::new(p), Path::new(r"c:\Users\me"))).into_owned();
        assert_eq!(at(r"x\"), b"C:/Users/me/x");
        assert_eq!(at(r".\x\\y/..\z"), b"C:/Users/me/x/z");
        assert_eq!(at(r"\..\x"), b"C:/x");
        assert_eq!(at(r"\\?\d:\a"), b"D:/a");
        assert_eq!(at(r"\\server\share\a"), b"//server/share/a");
        assert_eq!(at(r"\\?\UNC\server\share\a"), b"//server/share/a");
        let of_drive = std::path::absolute("C:").expect("a drive");
        assert_eq!(at("C:x"), to_bytes(&of_drive.join("x")).into_owned());
        assert_eq!(parent(b"C:/a/b"), Some(&b"C:/a"[..]));
        assert_eq!(parent(b"C:/a"), Some(&b"C:/"[..]));
        assert_eq!(parent(b"C:/"), None);
        assert_eq!(parent(b"//server/share/a"), Some(&b"//server/share/"[..]));
        assert_eq!(parent(b"//server/share/"), None);
        assert_eq!(to_path(b"C:/a/b").as_os_str(), r"C:\a\b");
        assert!(is_within(b"C:/a", b"C:/") && !is_within(b"C:/ab", b"C:/a"));
    }

    #[cfg(unix)]
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
