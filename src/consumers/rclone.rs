//! `rclone`: names of files relative to the source, for `rclone sync --files-from-raw LIST SOURCE DEST`. It copies what
//! is there, deletes what is listed and gone, and leaves everything else alone.
//!
//! rclone knows no directories here: it does not make an empty one, and removes one only with the last file in it.
//! Fifos, sockets and devices it leaves out. Symlinks it skips, follows (`-L`) or stores as text files that end in
//! `.rclonelink` (`-l`): both names are listed. It ignores names that do not exist, without a word, so each must be
//! spelled as rclone spells it, which puts printable signs in place of control characters. That was found by running
//! it.

use std::borrow::Cow;
use std::io::Write;
use std::path::PathBuf;

use super::list::{ChangeLists, ListForm, ListPart, ListedPath, Spelled, asked_part, list_base};
use super::{
    CollidingNames, CommandCheck, CommandLine, Consumer, Emitted, FullList, ListOptions, MirrorCommand, PathChoice,
    refuse,
};
use crate::diff::Diff;
use crate::metadata::{Fields, Kind};
use crate::path::to_path;
use crate::{Refusal, Result};

/// What rclone calls a symlink that it does not follow.
const LINK: &[u8] = b".rclonelink";

/// The backup program rclone.
#[derive(Debug, Clone, Copy)]
pub struct Rclone;

impl Consumer for Rclone {
    fn name(&self) -> &'static str {
        "rclone"
    }

    fn about(&self) -> &'static str {
        "files only; names that end with NUL are for --files-from0"
    }

    fn command(&self) -> Option<&'static str> {
        Some("rclone sync --links --ignore-times --no-unicode-normalization --files-from-raw LIST ROOT DEST")
    }

    fn parts(&self) -> &'static [ListPart] {
        &ListPart::EACH
    }

    fn usual_part(&self) -> ListPart {
        ListPart::All
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Relative
    }

    /// `--files-from0` of rclone 1.75 and later takes NUL.
    fn has_nul_choice(&self) -> bool {
        true
    }

    fn colliding_names(&self) -> CollidingNames {
        CollidingNames::TwoPasses
    }

    fn full_list(&self, roots: &[PathBuf]) -> FullList {
        let (sources, destination) = match roots {
            [root] => (vec![root.clone()], "DEST"),
            _ => (Vec::new(), "ROOT DEST/ROOT"),
        };
        let program = "rclone sync --links --ignore-times --no-unicode-normalization";
        FullList::Mirror(MirrorCommand { program, sources, destination, exclude_option: "--exclude" })
    }

    /// What is in a file, and its time.
    fn stored_fields(&self) -> Fields {
        Fields::all() - (Fields::MODE | Fields::UID | Fields::GID | Fields::NLINK)
    }

    fn check_command(&self, command: &CommandLine<'_>) -> CommandCheck {
        super::command::rclone::check(command)
    }

    fn stored_files(&self, line: &[u8]) -> Option<u64> {
        super::command::rclone::stored_files(line)
    }

    /// Refuses the few names that rclone does not find under any spelling, and a change between directory, file and
    /// symlink. rclone does not put a file in the place of a directory. Where links are stored as links (`-l`, a local
    /// copy) it deletes the old name after it made the new one, which is the same name.
    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let part = asked_part(self, diff, options.part)?;
        let mut lists = ChangeLists::of(diff)?;
        lists.keep_stored(self.stored_fields());
        lists.take_pass(diff, &options.pass)?;
        check_kinds(self, &lists)?;
        let form = ListForm::new(self).with_end(if options.nul { 0 } else { b'\n' }).relative_to(list_base(diff));
        form.with_spelling(spell).write(&names(&lists, part), out)?;
        Ok(lists.emitted)
    }
}

fn check_kinds(consumer: &dyn Consumer, lists: &ChangeLists) -> Result<()> {
    let is_stored = |kind| matches!(kind, Kind::File | Kind::Symlink | Kind::Dir);
    let Some((was, is)) = lists.replaced.iter().find(|(was, is)| is_stored(was.kind) && is_stored(*is)) else {
        return Ok(());
    };
    let path = to_path(&was.path).into_owned();
    Err(refuse(consumer.name(), Refusal::KindChanged { path, was: was.kind, is: *is }))
}

/// The files and links of a part, under each name that rclone may have for them.
fn names(lists: &ChangeLists, part: ListPart) -> Vec<ListedPath> {
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
    paths
}

/// A path as rclone spells it. A control character is its picture (U+2400 and following). Such a picture itself has a
/// quotation mark (U+201B) before it, except that of NUL, which no name holds. rclone does not find a name with that
/// mark.
fn spell(path: &[u8]) -> Spelled<'_> {
    if path.split(|b| *b == b'/').any(|name| matches!(name, b"\xef\xbc\x8e" | b"\xef\xbc\x8e\xef\xbc\x8e")) {
        return Err("has a part that is a full-width `.` or `..`, which rclone takes for another name");
    }
    if memchr::memmem::find(path, "‛".as_bytes()).is_some() {
        return Err("holds U+201B, rclone's quotation mark, and rclone does not find such a name");
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
