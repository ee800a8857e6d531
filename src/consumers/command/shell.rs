//! What can be seen of the commands of a shell: their words, where they run, and whether their failure is noticed.
//! It knows the grammar as far as that needs; what it does not know makes a word unknown.

use std::path::PathBuf;

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
}

/// A simple command.
#[derive(Debug, Default)]
struct Simple {
    assignments: Vec<(String, Word)>,
    words: Vec<Word>,
    /// How many of its words there are is unknown.
    is_loose: bool,
    input: Option<Word>,
    output: Option<Word>,
    /// What follows it.
    separator: Option<Separator>,
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
    let mut seen = ShellCommands { started: Vec::new(), is_plain: true };
    let mut commands: Vec<Simple> = Vec::new();
    loop {
        let mut command = Simple::default();
        let at_end = fill(&mut command, &mut lexer, &mut seen.is_plain);
        if let [(name, value)] = command.assignments.as_slice()
            && command.words.is_empty()
        {
            lexer.assign(name, value.clone());
        } else {
            for (name, _) in command.assignments.iter().filter(|_| command.words.is_empty()) {
                lexer.forget(name);
            }
        }
        commands.push(command);
        if at_end {
            break;
        }
    }
    commands.retain(|command| !command.words.is_empty() || !command.assignments.is_empty());
    seen.is_plain &= !lexer.has_functions;
    follow(shell, &commands, &mut seen);
    seen
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
    let mut is_strict = shell.is_strict;
    let mut has_pipefail = false;
    let mut exported: Vec<(String, Word)> = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let name = command.words.first().and_then(Word::file_name);
        let argument = |text: &[u8]| command.words.iter().any(|word| word.plain() == Some(text));
        match name {
            Some("cd" | "pushd" | "popd") => {
                let to = command.words.get(1).filter(|_| command.words.len() == 2 && !command.is_loose);
                current_dir = to.and_then(|to| to.path(shell.base, current_dir.as_deref())).filter(|_| seen.is_plain);
            }
            Some("set") => {
                let flags = |word: &Word| word.bytes().starts_with(b"-") && word.bytes().contains(&b'e');
                is_strict |= command.words.iter().any(flags) || argument(b"errexit");
                has_pipefail |= argument(b"pipefail");
            }
            Some("export") => exported.extend(command.words.iter().filter_map(assignment)),
            _ => {}
        }
        if command.words.is_empty() {
            continue;
        }
        let before = at.checked_sub(1).map(|before| &commands[before]);
        let piped = before.filter(|before| before.separator == Some(Separator::Pipe));
        let from_cat = piped.and_then(|before| match before.words.as_slice() {
            [cat, list] if cat.file_name() == Some("cat") => Some(list.clone()),
            _ => None,
        });
        seen.started.push(Started {
            words: command.words.clone(),
            variables: exported.iter().chain(&command.assignments).cloned().collect(),
            input: command.input.clone().or(from_cat),
            is_piped_into: piped.is_some(),
            output: command.output.clone(),
            is_piped_out: command.separator == Some(Separator::Pipe),
            current_dir: current_dir.clone(),
            is_scripted: true,
            is_loose: command.is_loose,
            is_elsewhere: false,
            loses_failure: seen.is_plain && loses_failure(commands, at, is_strict, has_pipefail),
        });
    }
}

/// Whether the whole may succeed although this command fails.
fn loses_failure(commands: &[Simple], at: usize, is_strict: bool, has_pipefail: bool) -> bool {
    let name = |command: &Simple| command.words.first().and_then(Word::file_name).map(str::to_owned);
    if name(&commands[at]).as_deref() == Some("exec") {
        return false;
    }
    let mut is_last_of_chain = true;
    for (next, command) in commands.iter().enumerate().skip(at) {
        let follows = commands.get(next + 1);
        match (&command.separator, follows) {
            (Some(Separator::Background), _) => return true,
            (None, _) | (_, None) => return false,
            (Some(Separator::Pipe), _) if !has_pipefail => return true,
            (Some(Separator::Pipe), _) => {}
            (Some(Separator::And), _) => is_last_of_chain = false,
            (Some(Separator::Or), Some(follows)) => {
                // `|| exit 1` hands the failure on; `|| true` does not.
                let is_zero = follows.words.get(1).is_some_and(|code| code.bytes() == b"0");
                return name(follows).as_deref() != Some("exit") || is_zero;
            }
            (Some(Separator::End | Separator::Group), Some(follows)) => {
                let asks = |word: &Word| word.is_unknown();
                let uses_code = match name(follows).as_deref() {
                    Some("exit" | "return") => follows.words.get(1).is_none_or(|code| code.bytes() != b"0"),
                    None => follows.assignments.iter().any(|(_, value)| asks(value)),
                    _ => false,
                };
                return !(uses_code || is_strict && is_last_of_chain);
            }
        }
    }
    false
}
