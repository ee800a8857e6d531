//! The mount table: which part of which file system is seen where. Read as bytes, since names need not be UTF-8.

use std::path::Path;

use crate::path::to_path;

/// A line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountView {
    /// What tells file systems apart while they are mounted. Subvolumes of one btrfs share it.
    pub(crate) device: Vec<u8>,
    /// The directory or file of the file system that is seen, as a path in it.
    pub(crate) root: Vec<u8>,
    /// Where it is seen.
    pub(crate) point: Vec<u8>,
}

/// All mounts, in the order in which they came. None if the system does not tell.
pub(crate) fn mounts() -> Option<Vec<MountView>> {
    if !cfg!(target_os = "linux") {
        return Some(Vec::new());
    }
    let table = std::fs::read(Path::new("/proc/thread-self/mountinfo")).ok()?;
    table.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(view).collect()
}

/// Reads `ID PARENT MAJOR:MINOR ROOT POINT …`; proc(5).
pub(super) fn view(line: &[u8]) -> Option<MountView> {
    let mut fields = line.split(|b| *b == b' ').skip(2);
    Some(MountView { device: fields.next()?.to_vec(), root: plain(fields.next()?), point: plain(fields.next()?) })
}

/// A field without its escapes: the table spells blanks, line breaks and backslashes as `\` and three octal digits.
fn plain(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', digits @ ..] => digits.get(..3).filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d))),
            _ => None,
        };
        if let Some(digits) = escaped {
            plain.push(digits.iter().fold(0_u8, |byte, digit| byte.wrapping_mul(8).wrapping_add(digit - b'0')));
            rest = &after[3..];
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

impl MountView {
    /// Whether a path lies where it is seen.
    pub(crate) fn holds(&self, path: &[u8]) -> bool {
        crate::path::is_within(path, &self.point)
    }

    /// Where a path that lies in it lies in the file system; `point` is where it is seen.
    pub(crate) fn inner(&self, path: &[u8]) -> Vec<u8> {
        joined(&self.root, &path[self.point.len().min(path.len())..])
    }

    /// Where a path in the file system is seen; none if it is not.
    pub(crate) fn outer(&self, inner: &[u8]) -> Option<Vec<u8>> {
        crate::path::is_within(inner, &self.root).then(|| joined(&self.point, &inner[self.root.len()..]))
    }
}

/// A path and what follows in it.
fn joined(path: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut joined = path.to_vec();
    for name in rest.split(|b| *b == b'/').filter(|name| !name.is_empty()) {
        crate::path::push(&mut joined, name);
    }
    joined
}

/// Where something is mounted.
pub(crate) fn mount_points() -> Vec<std::path::PathBuf> {
    mounts().unwrap_or_default().into_iter().map(|mount| to_path(&mount.point).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_table_are_bytes_with_escapes() {
        let line = b"36 35 98:0 /mnt1 /mnt\\0402/a\\134b\xff\\012 rw,noatime master:1 - ext3 /dev/root rw";
        let [device, root, point] = [&b"98:0"[..], b"/mnt1", b"/mnt 2/a\\b\xff\n"].map(<[u8]>::to_vec);
        assert_eq!(view(line), Some(MountView { device, root, point }));
        assert_eq!(plain(b"\\04\\9\\"), b"\\04\\9\\");
        assert_eq!(view(b"36 35 98:0"), None);
    }

    #[test]
    fn a_path_is_seen_by_another_name() {
        let view = |root: &str, point: &str| MountView {
            device: b"8:1".to_vec(),
            root: root.as_bytes().to_vec(),
            point: point.as_bytes().to_vec(),
        };
        let (all, part) = (view("/", "/"), view("/home/a", "/mnt"));
        assert_eq!(part.inner(b"/mnt/x"), b"/home/a/x");
        assert_eq!(part.inner(b"/mnt"), b"/home/a");
        assert_eq!(all.inner(b"/home/a/x"), b"/home/a/x");
        assert_eq!(all.outer(b"/home/a"), Some(b"/home/a".to_vec()));
        assert_eq!(part.outer(b"/home/a"), Some(b"/mnt".to_vec()));
        assert_eq!(part.outer(b"/home/ab"), None);
    }
}
