//! What can be seen of the commands of a shell: their words, where they run, and whether their failure is noticed.
//! It knows the grammar as far as that needs; what it does not know makes a word unknown.

use std::path::PathBuf;

use super::fate::{self, FailureFate, Reach};
use super::lexer::{Lexer, Separator, Token, is_name};
use super::started::Started;
use super::word::Word;

/// What a shell is given.
pub(super) struct ShellText<'s> {
    pub(super) text: &'s [u8],
    /// `$0`, `$1`, …
    pub(super) parameters: Vec<Word>,
    /// Whether it ends with the first command that fails.
    pub(super) is_strict: bool,
    /// Whether a pipeline fails with any of its commands.
    pub(super) has_pipefail: bool,
    pub(super) current_dir: Option<PathBuf>,
    /// What `{root}` stands for.
    pub(super) base: &'s std::path::Path,
    /// The value of a variable of the environment.
    pub(super) variable: &'s dyn Fn(&str) -> Option<Word>,
}

/// What was seen in it.
#[derive(Debug, Default)]
pub(super) struct ShellCommands {
    pub(super) started: Vec<Started>,
    /// Whether it is a plain sequence of commands, without conditions, loops, functions and the like.
    pub(super) is_plain: bool,
    /// Whether it holds something that can change anything, or is never run.
    pub(super) is_opaque: bool,
    /// Whether it writes to a file with a list.
    pub(super) overwrites_list: bool,
    /// A variable of ours that it needs and does not find.
    pub(super) lost: Option<String>,
}

/// A simple command.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Simple {
    pub(super) assignments: Vec<(String, Word)>,
    pub(super) words: Vec<Word>,
    /// How many of its words there are is unknown.
    is_loose: bool,
    input: Option<Word>,
    output: Option<Word>,
    /// What follows it.
    pub(super) separator: Option<Separator>,
    /// Whether the shell ends with the first command that fails, when it comes to this one.
    pub(super) is_strict: bool,
    /// Whether a pipeline fails with any of its commands, when it comes to this one.
    pub(super) has_pipefail: bool,
    /// Whether the shell only reads what follows.
    pub(super) stops_all: bool,
}

impl Simple {
    pub(super) fn name(&self) -> Option<&str> {
        self.words.first()?.file_name()
    }
}

/// Words that begin a command inside of a construct.
const INTRODUCING: &[&str] = &["if", "then", "elif", "else", "while", "until", "do", "{", "!", "time"];
/// Words that end one.
const ENDING: &[&str] = &["fi", "done", "esac", "}"];
/// Words behind which no command follows at once.
const HEADING: &[&str] = &["for", "case", "select", "function"];

/// Reads the text of a shell.
pub(super) fn read(shell: &ShellText<'_>) -> ShellCommands {
    let mut lexer = Lexer::new(shell);
    let mut seen = ShellCommands { is_plain: true, ..ShellCommands::default() };
    let mut commands: Vec<Simple> = Vec::new();
    loop {
        let mut command = Simple::default();
        let at_end = fill(&mut command, &mut lexer, &mut seen.is_plain);
        set_variables(&command, &mut lexer);
        commands.push(command);
        if at_end {
            break;
        }
    }
    commands.retain(|command| !command.words.is_empty() || !command.assignments.is_empty());
    seen.is_plain &= !lexer.has_functions;
    seen.lost = lexer.lost.take();
    set_options(shell, &mut commands);
    follow(shell, &commands, &mut seen);
    seen
}

/// What a command does to the variables of the shell.
fn set_variables(command: &Simple, lexer: &mut Lexer<'_>) {
    let names = || command.words.iter().skip(1).filter_map(|word| std::str::from_utf8(word.plain()?).ok());
    match command.name() {
        None if command.words.is_empty() => {
            if let [(name, value)] = command.assignments.as_slice() {
                lexer.assign(name, value.clone());
            } else {
                command.assignments.iter().for_each(|(name, _)| lexer.forget(name));
            }
        }
        Some("export" | "readonly" | "declare" | "typeset" | "local") => {
            for (name, value) in command.words.iter().filter_map(assignment) {
                lexer.assign(&name, value);
            }
        }
        Some("unset") => names().for_each(|name| lexer.assign(name, Word::default())),
        Some("read" | "mapfile" | "readarray" | "getopts" | "printf" | "let") => {
            names().filter(|name| is_name(name.as_bytes())).for_each(|name| lexer.forget(name));
        }
        _ => {}
    }
}

/// Which options of the shell hold where.
fn set_options(shell: &ShellText<'_>, commands: &mut [Simple]) {
    let (mut is_strict, mut has_pipefail, mut stops_all) = (shell.is_strict, shell.has_pipefail, false);
    for command in commands {
        if command.name() == Some("set") {
            let mut words = command.words[1..].iter().map(Word::bytes);
            while let Some(word) = words.next() {
                let Some((sign @ (b'-' | b'+'), letters)) = word.split_first() else { break };
                let is_on = *sign == b'-';
                let named = if letters.contains(&b'o') { words.next().unwrap_or_default() } else { b"" };
                is_strict = if letters.contains(&b'e') || named == b"errexit" { is_on } else { is_strict };
                has_pipefail = if named == b"pipefail" { is_on } else { has_pipefail };
                stops_all |= is_on && (letters.contains(&b'n') || named == b"noexec");
            }
        }
        (command.is_strict, command.has_pipefail, command.stops_all) = (is_strict, has_pipefail, stops_all);
    }
}

/// Reads one command; true at the end of the text.
fn fill(command: &mut Simple, lexer: &mut Lexer<'_>, is_plain: &mut bool) -> bool {
    let mut skips_line = false;
    loop {
        match lexer.next(command.words.is_empty()) {
            None => return true,
            Some(Token::Separator(Separator::Group)) => {
                *is_plain = false;
                // The pattern of a case, or `name()`.
                *command = Simple::default();
                return false;
            }
            Some(Token::Separator(separator)) => {
                command.separator = Some(separator);
                return false;
            }
            Some(Token::Input(word)) => {
                command.is_loose |= word.is_none();
                command.input = word;
            }
            Some(Token::Output(word)) => command.output = word.or(command.output.take()),
            Some(Token::Word(..)) if skips_line => {}
            Some(Token::Word(word, is_loose)) => {
                let text = word.plain().and_then(|text| std::str::from_utf8(text).ok());
                if command.words.is_empty() {
                    match text {
                        Some(text) if INTRODUCING.contains(&text) || ENDING.contains(&text) => {
                            *is_plain = false;
                            continue;
                        }
                        Some(text) if HEADING.contains(&text) => {
                            *is_plain = false;
                            skips_line = true;
                            continue;
                        }
                        _ => {}
                    }
                    if let Some((name, value)) = assignment(&word) {
                        command.assignments.push((name, value));
                        continue;
                    }
                }
                command.is_loose |= is_loose;
                command.words.push(word);
            }
        }
    }
}

fn assignment(word: &Word) -> Option<(String, Word)> {
    let at = word.bytes().iter().position(|byte| *byte == b'=')?;
    let (name, value) = (&word.bytes()[..at], Word::text(&word.bytes()[at + 1..]));
    is_name(name).then(|| (String::from_utf8_lossy(name).into_owned(), value))
}

/// Follows the commands in their order: where they run, what they read, and what becomes of their exit codes.
fn follow(shell: &ShellText<'_>, commands: &[Simple], seen: &mut ShellCommands) {
    let mut current_dir = shell.current_dir.clone();
    let mut exported: Vec<(String, Option<Word>)> = Vec::new();
    let some = |(name, value): &(String, Word)| (name.clone(), Some(value.clone()));
    for (at, command) in commands.iter().enumerate() {
        seen.overwrites_list |= command.output.as_ref().is_some_and(|output| output.list_within().is_some());
        match command.name() {
            Some("cd" | "pushd" | "popd") => {
                let to = command.words.get(1).filter(|_| command.words.len() == 2 && !command.is_loose);
                current_dir = to.and_then(|to| to.path(shell.base, current_dir.as_deref())).filter(|_| seen.is_plain);
            }
            Some("export" | "declare" | "typeset" | "readonly") => {
                exported.extend(command.words.iter().filter_map(assignment).map(|it| some(&it)));
            }
            Some("unset") => exported.extend(command.words.iter().map(|word| {
                let name = String::from_utf8_lossy(word.bytes()).into_owned();
                (name, Some(Word::default()))
            })),
            Some("read") => exported.extend(command.words.iter().map(|word| {
                let mut value = Word::default();
                value.push_unknown();
                (String::from_utf8_lossy(word.bytes()).into_owned(), Some(value))
            })),
            Some("eval" | "." | "source" | "alias" | "enable") => seen.is_opaque = true,
            // Ours are exported, and stay so.
            None => {
                let ours = command.assignments.iter().filter(|(name, _)| Word::of_variable(name).is_some());
                exported.extend(ours.map(some));
            }
            _ => {}
        }
        if command.words.is_empty() {
            continue;
        }
        let before = at.checked_sub(1).map(|before| &commands[before]);
        let (failure, reach) = if seen.is_plain {
            (fate::of_failure(commands, at), fate::of_start(commands, at))
        } else {
            (FailureFate::Noticed, Reach::Reached)
        };
        if reach == Reach::Never {
            // A backup that is never made, perhaps.
            seen.is_opaque |= command.words.iter().chain(&command.input).any(|word| word.list_within().is_some());
            continue;
        }
        let piped = before.filter(|before| before.separator == Some(Separator::Pipe));
        let from_cat = piped.and_then(|before| match before.words.as_slice() {
            [cat, list] if cat.file_name() == Some("cat") => Some(list.clone()),
            _ => None,
        });
        seen.started.push(Started {
            words: command.words.clone(),
            variables: exported.iter().cloned().chain(command.assignments.iter().map(some)).collect(),
            input: command.input.clone().or(from_cat),
            is_piped_into: piped.is_some(),
            output: command.output.clone(),
            is_piped_out: command.separator == Some(Separator::Pipe),
            current_dir: current_dir.clone(),
            is_scripted: true,
            is_loose: command.is_loose,
            is_elsewhere: false,
            loses_failure: failure == FailureFate::Hidden,
            may_be_skipped: reach == Reach::Skipped,
            is_uncertain: failure == FailureFate::Unknown || reach == Reach::Unknown,
            ..Started::default()
        });
    }
}
