//! What stands in the command of a job for the files with its lists and for its root, and what is refused of it before
//! anything is walked: under a timer nobody is there to wonder.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use fastdiff::path::{PathExt as _, absolute, to_bytes, to_path};

use super::Failure;
use super::config::Definition;
use super::format::{Format, Part};
use super::job_lists::parts;

const ROOT: &str = "{root}";

/// So many letters may be wrong in what is taken for a misspelt placeholder.
const MISSPELT: usize = 2;

fn contains(argument: &OsStr, placeholder: &str) -> bool {
    memchr::memmem::find(&to_bytes(Path::new(argument)), placeholder.as_bytes()).is_some()
}

/// An argument with names of files and of the root in the place of their placeholders.
pub(super) fn fill_in<'f>(
    argument: &OsStr,
    files: impl Iterator<Item = (&'static str, &'f Path)>,
    root: &Path,
) -> OsString {
    let mut bytes = to_bytes(Path::new(argument)).into_owned();
    let root = to_bytes(root);
    // The root of all directories ends with a slash already.
    let within = if root.ends_with(b"/") { root.to_vec() } else { [&root, &b"/"[..]].concat() };
    for (placeholder, value) in [("{root}/", within.as_slice()), (ROOT, &root)] {
        bytes = bstr::ByteSlice::replace(&bytes[..], placeholder, value);
    }
    for (placeholder, file) in files {
        bytes = bstr::ByteSlice::replace(&bytes[..], placeholder, to_bytes(file));
    }
    to_path(&bytes).into_owned().into_os_string()
}

/// Refuses a command that asks for what there is not, or that would not find what is listed.
pub(super) fn check(definition: &Definition, command: &[OsString]) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::Other(format!("job {}: {what}", definition.name)));
    let has = parts(definition.consumer);
    for argument in command.iter().skip(1) {
        if let Some(part) = [Part::Changed, Part::Deleted, Part::All]
            .into_iter()
            .find(|part| !has.contains(part) && contains(argument, part.placeholder()))
        {
            let known: Vec<_> = has.iter().map(|part| part.placeholder()).collect();
            return wrong(format!(
                "the command asks for {}, which the consumer {} does not have; it has {}",
                part.placeholder(),
                definition.consumer.name(),
                known.join(", ")
            ));
        }
        if let Some((word, meant)) = misspelt(&argument.to_string_lossy()) {
            return wrong(format!("the command holds {}; {meant} is meant?", word.escape_debug()));
        }
    }
    check_source(definition, command).or_else(wrong)
}

/// A word in braces that is nearly a placeholder, and the one that it nearly is.
fn misspelt(argument: &str) -> Option<(&str, &'static str)> {
    let known = [Part::Changed, Part::Deleted, Part::All].map(Part::placeholder).into_iter().chain([ROOT]);
    let known: Vec<_> = known.collect();
    argument.match_indices('{').find_map(|(start, _)| {
        let word = &argument[start..=start + argument[start..].find('}')?];
        let is_word = word[1..word.len() - 1].chars().all(|c| c.is_ascii_alphabetic());
        if !is_word || known.contains(&word) {
            return None;
        }
        let lower = word.to_ascii_lowercase();
        let near = |known: &&&str| strsim::osa_distance(&lower, known) <= MISSPELT.min((known.len() - 2) / 3);
        Some((word, *known.iter().find(near)?))
    })
}

/// rsync and rclone take the list as relative to their source, and delete in the destination what they do not find there.
fn check_source(definition: &Definition, command: &[OsString]) -> Result<(), String> {
    let program = match definition.consumer {
        Format::Rsync => "rsync",
        Format::Rclone => "rclone",
        _ => return Ok(()),
    };
    // What a script or a shell calls cannot be seen here.
    if !command.iter().any(|argument| Path::new(argument).file_name() == Some(OsStr::new(program))) {
        return Ok(());
    }
    let base = definition.base();
    let current = std::env::current_dir().unwrap_or_default();
    let is_base = |argument: &OsString| {
        let filled = PathBuf::from(fill_in(argument, std::iter::empty(), &base));
        let path = absolute(&filled, &current);
        path == base || path.canonicalize().is_ok_and(|path| base.canonicalize().is_ok_and(|base| path == base))
    };
    // A source may have another name in the configuration of rclone.
    let is_remote = |argument: &&OsString| {
        let text = argument.to_string_lossy();
        !text.starts_with(['-', '/', '.']) && text.contains(':')
    };
    if command.iter().skip(1).any(is_base)
        || definition.consumer == Format::Rclone && command.iter().filter(is_remote).count() > 1
    {
        return Ok(());
    }
    let several = if definition.roots.len() > 1 { ", as there are several roots" } else { "" };
    Err(format!(
        "{program} takes the list as relative to its source, which has to be {}{several}; no argument of the command is that \
         directory, and what is listed and not found in another one would be deleted in the destination: write {{root}}/",
        base.shown()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearly_a_placeholder_is_one_that_was_misspelt() {
        for (argument, meant) in [
            ("--files-from={al}", Some("{all}")),
            ("{Changed}", Some("{changed}")),
            ("x{chnaged}y", Some("{changed}")),
            ("{delted}", Some("{deleted}")),
            ("{Root}/", Some("{root}")),
            ("{changed} {deleted} {all} {root}", None),
            ("::changes-{now}", None),
            ("::{hostname}-{now:%Y}", None),
            ("{a}", None),
            ("{}", None),
            ("awk '{ print }' {", None),
        ] {
            assert_eq!(misspelt(argument).map(|(_, meant)| meant), meant, "{argument}");
        }
    }

    #[test]
    fn the_root_of_all_directories_has_one_slash() {
        let filled = |root: &str| {
            fill_in(OsStr::new("{root}/ {root} {all}"), [("{all}", Path::new("/l"))].into_iter(), Path::new(root))
        };
        assert_eq!(filled("/"), "/ / /l");
        assert_eq!(filled("/home/ada"), "/home/ada/ /home/ada /l");
    }
}
