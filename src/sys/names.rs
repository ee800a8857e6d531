//! Whether a directory takes two names for one: looked up, without writing.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::filesystem::{FsType, name_rule};
use super::{StatAt, filesystem, stat};
use crate::metadata::Kind;
use crate::path::NameDifference;

/// Whether two names are one at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameName {
    /// They are: what is stored under one name replaces the other.
    One,
    /// They are two.
    Two,
    /// It cannot be told.
    Unknown,
}

/// The most names of a directory that are looked at.
const MOST: usize = 10_000;

/// Whether two paths below a directory are one: `a` and `b` are relative to `top`, have as many names each, and differ
/// like that. What does not exist there is judged by the directory that would hold it.
pub(crate) fn same_name(a: &Path, b: &Path, top: &Path, difference: NameDifference) -> SameName {
    match (stat(&top.join(a)), stat(&top.join(b))) {
        (Ok(found_a), Ok(found_b)) => of_existing(a, b, top, &found_a, &found_b),
        (Ok(_), Err(e)) | (Err(e), Ok(_)) if e.kind() == ErrorKind::NotFound => {
            if name_rule(top).are_usually_one(difference) { SameName::Unknown } else { SameName::Two }
        }
        (Err(_), Err(_)) => {
            let path = top.join(a);
            let nearest = path.ancestors().skip(1).find(|dir| dir.is_dir());
            nearest.map_or(SameName::Unknown, |dir| by_directory(dir, difference))
        }
        _ => SameName::Unknown,
    }
}

fn of_existing(a: &Path, b: &Path, top: &Path, found_a: &StatAt, found_b: &StatAt) -> SameName {
    let is_one = found_a.is_same(found_b);
    // A file with several names has one inode too.
    if is_one && (found_a.stat.kind() == Kind::Dir || found_a.stat.nlink < 2) {
        return SameName::One;
    }
    let mut same = top.to_owned();
    for (a, b) in a.iter().zip(b) {
        if a != b {
            let names: Vec<OsString> =
                fs::read_dir(&same).into_iter().flatten().flatten().map(|e| e.file_name()).collect();
            let [has_a, has_b] = [a, b].map(|name| names.iter().any(|listed| listed == name));
            return match (has_a, has_b) {
                (true, true) => SameName::Two,
                (true, false) | (false, true) => SameName::One,
                (false, false) if is_one => SameName::One,
                (false, false) if keeps_inodes(&same) => SameName::Two,
                (false, false) => SameName::Unknown,
            };
        }
        same.push(a);
    }
    SameName::One
}

fn keeps_inodes(dir: &Path) -> bool {
    stat(dir).is_ok_and(|found| FsType(&filesystem::describe(dir, found.mount).kind).keeps_inodes())
}

/// Whether names in a directory are one that differ like that. They are if each difference counts for nothing.
fn by_directory(dir: &Path, difference: NameDifference) -> SameName {
    let rule = name_rule(dir);
    let mut all = SameName::One;
    for part in difference {
        match rule.certain(part).or_else(|| looked_up(dir, part)).or_else(|| rule.usual(part)) {
            Some(true) => {}
            Some(false) if !rule.are_usually_one(part) => return SameName::Two,
            _ => all = SameName::Unknown,
        }
    }
    all
}

/// Looks up a name that is in the directory, or in the one above on the same file system, under its other spelling.
fn looked_up(dir: &Path, part: NameDifference) -> Option<bool> {
    let device = stat(dir).ok()?.dev;
    let dirs = dir.ancestors().take(2).filter(|dir| stat(dir).is_ok_and(|found| found.dev == device));
    dirs.into_iter().find_map(|dir| looked_up_in(dir, part))
}

fn looked_up_in(dir: &Path, part: NameDifference) -> Option<bool> {
    let names: Vec<_> = fs::read_dir(dir).ok()?.flatten().take(MOST).map(|entry| entry.file_name()).collect();
    names.iter().find_map(|name| {
        let other = respelled(name.to_str()?, part)?;
        if names.iter().any(|listed| listed.to_str() == Some(&other)) {
            return None;
        }
        match (stat(&dir.join(name)), stat(&dir.join(&other))) {
            (Ok(_), Err(e)) if e.kind() == ErrorKind::NotFound => Some(false),
            // Both are there, and one is listed: in a directory with more names the other may be listed behind them.
            (Ok(a), Ok(b)) if names.len() < MOST || a.is_same(&b) => Some(true),
            _ => None,
        }
    })
}

/// Another spelling of a name that differs like that; none if there is none.
fn respelled(name: &str, part: NameDifference) -> Option<String> {
    let swapped = |c: char| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
    let other: String = if part == NameDifference::CASE {
        name.chars().map(swapped).collect()
    } else if part == NameDifference::ACCENTS {
        let composed: String = name.nfc().collect();
        if composed == name { name.nfd().collect() } else { composed }
    } else {
        format!("{name}.")
    };
    (other != name).then_some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_file_system_with_exact_names_two_names_are_two() {
        let dir = tempfile::tempdir().expect("tempdir");
        let is = |a: &str, b: &str, how| same_name(Path::new(a), Path::new(b), dir.path(), how);
        let case = NameDifference::CASE;
        fs::write(dir.path().join("lower"), "").expect("write");
        if dir.path().join("LOWER").exists() {
            return;
        }
        assert_eq!(is("lower", "LOWER", case), SameName::Two, "only one exists");
        assert_eq!(is("x", "X", case), SameName::Two, "none exists, by the names beside it");
        assert_eq!(is("new/x", "New/x", case), SameName::Two, "none exists");
        fs::hard_link(dir.path().join("lower"), dir.path().join("LOWER")).expect("link");
        assert_eq!(is("lower", "LOWER", case), SameName::Two, "two names of one file");
        fs::create_dir(dir.path().join("d")).expect("mkdir");
        fs::create_dir(dir.path().join("D")).expect("mkdir");
        fs::hard_link(dir.path().join("lower"), dir.path().join("d/f")).expect("link");
        fs::hard_link(dir.path().join("lower"), dir.path().join("D/f")).expect("link");
        assert_eq!(is("d/f", "D/f", case), SameName::Two, "one file in two directories");
    }

    #[test]
    fn names_are_respelled() {
        for (name, part, other) in [
            ("a1", NameDifference::CASE, Some("A1")),
            ("1", NameDifference::CASE, None),
            ("e\u{301}", NameDifference::ACCENTS, Some("\u{e9}")),
            ("\u{e9}", NameDifference::ACCENTS, Some("e\u{301}")),
            ("e", NameDifference::ACCENTS, None),
            ("a", NameDifference::END, Some("a.")),
        ] {
            assert_eq!(respelled(name, part).as_deref(), other, "{name}");
        }
    }
}
