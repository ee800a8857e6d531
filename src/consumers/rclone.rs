//! `rclone`: names of files relative to the source, for `rclone sync --files-from-raw LIST SOURCE DEST`, which copies what
//! is there and deletes what is listed and gone, and leaves everything else alone.
//!
//! rclone knows no directories here: an empty one is not made, and removed only with the last file in it. Fifos, sockets and devices are not its
//! business. Symlinks it skips, follows (`-L`) or stores as text files with the ending `.rclonelink` (`-l`): both names are listed.
//! Names that do not exist it ignores in silence, so that each has to be spelled as rclone itself does, which puts
//! printable signs in place of control characters; that was found by running it.

use std::borrow::Cow;
use std::io::Write;

use super::Emitted;
use super::list::{ChangeLists, ListBase, ListForm, ListPart, ListedPath, Spelled};
use crate::diff::Diff;
use crate::metadata::Kind;
use crate::path::to_path;
use crate::{Error, Refusal, Result};

/// What rclone calls a symlink that it does not follow.
const LINK: &[u8] = b".rclonelink";

/// Writes the list, a name a line, or with `nul` ended by NUL (`--files-from0` of rclone 1.75 and later). An empty list makes
/// rclone do nothing.
///
/// # Errors
/// [`Error::Refused`](crate::Error::Refused) for the few names that rclone does not find under any spelling, and where
/// a directory, a file or a symlink took the place of another of these: rclone does not put a file in the place of a directory, and
/// where links are stored as links (`-l`, a local copy) it deletes the old name after it made the new one, which is the same; a
/// damaged snapshot; what writing gives.
pub fn rclone(diff: &Diff<'_>, part: ListPart, nul: bool, out: &mut dyn Write) -> Result<Emitted> {
    let end = if nul { 0 } else { b'\n' };
    let form = ListForm { consumer: "rclone", prefix: b"", end, base: ListBase::of(diff), spell: Some(spell) };
    let lists = ChangeLists::of(diff)?;
    let is_stored = |kind| matches!(kind, Kind::File | Kind::Symlink | Kind::Dir);
    if let Some((was, is)) = lists.replaced.iter().find(|(was, is)| is_stored(was.kind) && is_stored(*is)) {
        let refusal = Refusal::KindChanged { path: to_path(&was.path).into_owned(), was: was.kind, is: *is };
        return Err(Error::Refused { consumer: "rclone", refusal });
    }
    let is_file = |listed: &&ListedPath| matches!(listed.kind, Kind::File | Kind::Symlink | Kind::Unknown);
    let mut paths: Vec<_> = Vec::new();
    if part != ListPart::Deleted {
        paths.extend(lists.changed.iter().filter(is_file).cloned());
    }
    if part != ListPart::Changed {
        let replaced = lists.replaced.iter().map(|(was, _)| was);
        paths.extend(lists.deleted.iter().chain(replaced).filter(is_file).cloned());
    }
    let links: Vec<_> = paths.iter().filter(|listed| listed.kind != Kind::File).cloned().collect();
    paths.extend(links.into_iter().map(|link| ListedPath { path: [&link.path, LINK].concat(), ..link }));
    paths.sort_by(|a, b| crate::path::compare(&a.path, &b.path));
    paths.dedup_by(|a, b| a.path == b.path);
    form.write(&paths, out)?;
    Ok(lists.emitted)
}

/// A path as rclone spells it: a control character is its picture (U+2400 and following), such a picture has a quotation
/// mark (U+201B) before it, but for that of NUL, which no name holds. A name with that mark itself rclone does not find.
fn spell(path: &[u8]) -> Spelled<'_> {
    if path.split(|b| *b == b'/').any(|name| matches!(name, b"\xef\xbc\x8e" | b"\xef\xbc\x8e\xef\xbc\x8e")) {
        return Err("is a full-width `.` or `..`, which rclone takes for another name");
    }
    if memchr::memmem::find(path, "‛".as_bytes()).is_some() {
        return Err("holds U+201B, by which rclone quotes, so that it is not found there");
    }
    if std::str::from_utf8(path).is_err() {
        return Err("is not UTF-8, and rclone does not find all such names");
    }
    let is_control = |b: &u8| *b < 0x20 || *b == 0x7f;
    if !path.iter().any(is_control) && memchr::memmem::find(path, b"\xe2\x90").is_none() {
        return Ok(Cow::Borrowed(path));
    }
    let mut spelled = Vec::with_capacity(path.len() + 8);
    for (at, byte) in path.iter().enumerate() {
        match (byte, &path[at..]) {
            (0x7f, _) => spelled.extend_from_slice("␡".as_bytes()),
            (control @ ..0x20, _) => spelled.extend_from_slice(&[0xe2, 0x90, 0x80 + control]),
            (0xe2, [_, 0x90, 0x81..=0x9f | 0xa1, ..]) => spelled.extend_from_slice(b"\xe2\x80\x9b\xe2"),
            _ => spelled.push(*byte),
        }
    }
    Ok(Cow::Owned(spelled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_rclone_lists_them() {
        // Left the name on disk, right what `rclone lsf` says.
        let cases =
            [("a b", "a b"), ("ta\tb", "ta␉b"), ("cr\r", "cr␍"), ("n\nl", "n␊l"), ("d\u{7f}", "d␡"), ("␁lit", "‛␁lit")];
        for (name, spelled) in cases {
            assert_eq!(spell(name.as_bytes()).expect("it can be spelled"), spelled.as_bytes(), "{name:?}");
        }
        assert!(spell(b"\xff").is_err());
        assert!(spell("‛x".as_bytes()).is_err());
        assert!(spell("a/．".as_bytes()).is_err());
    }
}
