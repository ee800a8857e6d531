//! The placeholders in a job's command for the files with its lists and for its root. The command is checked before
//! anything is read, because nobody watches a timer.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use fastdiff::consumers::{self, CommandCheck, CommandLine, CommandProblem, ListPart};
use fastdiff::path::{to_bytes, to_path};

use super::config::Definition;
use super::quote::shell;
use super::{Failure, inserted, print_message};

const ROOT: &str = ListPart::ROOT_PLACEHOLDER;

/// A word with at most this many wrong letters is a misspelt placeholder.
const MISSPELT: usize = 2;

/// What others call the list.
const GUESSED: [&str; 6] = ["{list}", "{lists}", "{filelist}", "{file}", "{files}", "{paths}"];

/// What stands for the file with a part of the list in the command of a job.
pub(super) fn placeholder(part: ListPart) -> &'static str {
    part.placeholder()
}

/// The variable of the environment that names that file.
pub(super) fn variable(part: ListPart) -> &'static str {
    part.variable()
}

/// What stands for the same as a variable.
fn placeholder_of(variable: &str) -> &'static str {
    ListPart::EACH.into_iter().find(|part| part.variable() == variable).map_or(ROOT, placeholder)
}

pub(super) fn contains(argument: &OsStr, placeholder: &str) -> bool {
    memchr::memmem::find(&to_bytes(Path::new(argument)), placeholder.as_bytes()).is_some()
}

/// An argument with names of files and of the root in the place of their placeholders. What is inserted is not looked
/// at again.
pub(super) fn fill_in<'f>(
    argument: &OsStr,
    files: impl Iterator<Item = (&'static str, &'f Path)>,
    root: &'f Path,
) -> OsString {
    let values: Vec<_> = std::iter::once((ROOT, root)).chain(files).collect();
    let argument = to_bytes(Path::new(argument));
    let (mut rest, mut filled) = (&argument[..], Vec::new());
    while let Some(start) = memchr::memchr(b'{', rest) {
        let (before, from) = rest.split_at(start);
        filled.extend_from_slice(before);
        let Some((placeholder, value)) =
            values.iter().find(|(placeholder, _)| from.starts_with(placeholder.as_bytes()))
        else {
            filled.push(b'{');
            rest = &from[1..];
            continue;
        };
        let value = to_bytes(value);
        filled.extend_from_slice(&value);
        rest = &from[placeholder.len()..];
        // The root of all directories ends with a slash already.
        if *placeholder == ROOT && value.ends_with(b"/") {
            rest = rest.strip_prefix(b"/").unwrap_or(rest);
        }
    }
    filled.extend_from_slice(rest);
    to_path(&filled).into_owned().into_os_string()
}

/// Refuses a script of a shell in which the shell would not read the root, or a list file in `lists`, as it is.
pub(super) fn check_scripts(
    definition: &Definition,
    command: &[OsString],
    lists: Option<&Path>,
) -> Result<(), Failure> {
    let base = definition.base();
    let files: Vec<_> = ListPart::EACH.into_iter().filter_map(|part| Some((part, lists?.join(part.name())))).collect();
    let files = files.iter().map(|(part, file)| (placeholder(*part), file.as_path()));
    let values: Vec<_> = std::iter::once((ROOT, base.as_path())).chain(files).collect();
    let Some(misread) = inserted::misread(command, &values) else { return Ok(()) };
    let part = ListPart::EACH.into_iter().find(|part| placeholder(*part) == misread);
    Err(Failure::Other(format!(
        "job {}: the shell would split or expand the value of {misread} in the script; write \"${}\" there instead",
        definition.name,
        part.map_or("FASTDIFF_ROOT", variable)
    )))
}

/// Refuses a command that asks for a part that does not exist.
pub(super) fn check(definition: &Definition, command: &[OsString]) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::Other(format!("job {}: {what}", definition.name)));
    let has = definition.consumer.parts();
    let usual = placeholder(definition.consumer.usual_part());
    for argument in command.iter().skip(1) {
        if let Some(part) =
            ListPart::EACH.into_iter().find(|part| !has.contains(part) && contains(argument, placeholder(*part)))
        {
            let known: Vec<_> = has.iter().map(|part| placeholder(*part)).collect();
            return wrong(format!(
                "the command asks for {}, which the consumer {} does not have; it has {}",
                placeholder(part),
                definition.consumer.name(),
                known.join(", ")
            ));
        }
        if let Some((word, meant)) = misspelt(&argument.to_string_lossy(), usual) {
            return wrong(format!("the command holds {}; did you mean {meant}?", word.escape_debug()));
        }
    }
    check_scripts(definition, command, None)
}

/// What the consumer finds in a command.
pub(super) fn look_at(definition: &Definition, command: &[OsString]) -> CommandCheck {
    look_at_from(definition, command, &std::env::current_dir().unwrap_or_default())
}

/// What it finds in one that is started in another directory.
pub(super) fn look_at_from(definition: &Definition, command: &[OsString], current: &Path) -> CommandCheck {
    let base = definition.base();
    let environment: Vec<_> = std::env::vars_os().collect();
    definition.consumer.check_command(&CommandLine::new(command, &base, current).with_environment(&environment))
}

/// Refuses a command in which the consumer found a problem.
pub(super) fn refuse(definition: &Definition, found: &CommandCheck) -> Result<(), Failure> {
    let Some(problem) = found.problems.first() else { return Ok(()) };
    let instead = match problem {
        CommandProblem::OtherConsumer { program } => format!("; add the job with --consumer {program}"),
        CommandProblem::LosesFailure { .. } => "; join its commands with &&, or begin with `set -e`".to_owned(),
        CommandProblem::MaySkip { .. } => "; let it fail then, such as with `exit 1`".to_owned(),
        CommandProblem::VariableLost { variable, by } if by == "sudo" => {
            format!(
                "; write `sudo --preserve-env={variable}`, or hand over {} as an argument",
                placeholder_of(variable)
            )
        }
        CommandProblem::VariableLost { variable, .. } => {
            format!("; hand over {} as an argument", placeholder_of(variable))
        }
        CommandProblem::OverwritesList => "; it is read only".to_owned(),
        _ => instead(definition, found),
    };
    Err(Failure::Other(format!("job {}: {problem}{instead}; if this is intended, pass --unchecked", definition.name)))
}

/// Says what could not be checked of a command.
pub(super) fn tell_of_unchecked(definition: &Definition, found: &CommandCheck) {
    // A form of the list is for any program.
    let is_program = consumers::PROGRAMS.iter().any(|program| program.name() == definition.consumer.name());
    if let Some(why) = found.not_checked.as_ref().filter(|_| is_program) {
        let title = definition.consumer.title();
        print_message(
            "note",
            format_args!(
                "job {}: the command was not checked, or not all of it: {why}; {title} must store all that is listed, or fail",
                definition.name
            ),
        );
    }
}

/// The command that takes the list as it is.
fn instead(definition: &Definition, found: &CommandCheck) -> String {
    let destination = found.destinations.first().map(|destination| destination.as_written.to_string_lossy());
    let destination = destination.as_ref().map(|written| shell(written));
    match definition.consumer.job_command(destination.as_deref()) {
        Some(command) => format!("; use `{command}`"),
        None => String::new(),
    }
}

/// A word in braces that is nearly a placeholder, and the one that it nearly is. `usual` is what a list is called.
fn misspelt<'a>(argument: &'a str, usual: &'static str) -> Option<(&'a str, &'static str)> {
    let known = ListPart::EACH.map(placeholder).into_iter().chain([ROOT]);
    let known: Vec<_> = known.collect();
    argument.match_indices('{').find_map(|(start, _)| {
        let word = &argument[start..=start + argument[start..].find('}')?];
        let is_word = word[1..word.len() - 1].chars().all(|c| c.is_ascii_alphabetic());
        if !is_word || known.contains(&word) {
            return None;
        }
        // `${list}` is a variable of a shell.
        if argument[..start].ends_with('$') {
            return None;
        }
        let lower = word.to_ascii_lowercase();
        if GUESSED.contains(&lower.as_str()) {
            return Some((word, usual));
        }
        let near = |known: &&&str| strsim::osa_distance(&lower, known) <= MISSPELT.min((known.len() - 2) / 3);
        Some((word, *known.iter().find(near)?))
    })
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
            ("--files-from={list}", Some("{all}")),
            ("{Files}", Some("{all}")),
            ("{file}", Some("{all}")),
            ("echo ${file} ${al}", None),
            ("{}", None),
            ("awk '{ print }' {", None),
        ] {
            assert_eq!(misspelt(argument, "{all}").map(|(_, meant)| meant), meant, "{argument}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_root_of_all_directories_has_one_slash() {
        let filled = |root: &str| {
            fill_in(OsStr::new("{root}/ {root} {all}"), [("{all}", Path::new("/l"))].into_iter(), Path::new(root))
        };
        assert_eq!(filled("/"), "/ / /l");
        assert_eq!(filled("/home/ada"), "/home/ada/ /home/ada /l");
    }
}
