//! Whether a shell comes to a command at all, and whether it fails when the command does. It is known for a plain
//! sequence only; whatever is not certain is said to be unknown.

use super::lexer::Separator;
use super::shell::Simple;
use super::word::Word;

/// What becomes of the failure of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureFate {
    /// The whole fails too.
    Noticed,
    /// The whole may succeed.
    Hidden,
    Unknown,
}

/// Whether a command is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// If it is not, the whole fails.
    Reached,
    /// The whole may succeed without.
    Skipped,
    Never,
    Unknown,
}

/// What an `exit` or `return` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Zero,
    Other,
    /// That of what ran before.
    Before,
    Unknown,
}

/// The code of a command that leaves the shell.
fn leaves(command: &Simple) -> Option<Code> {
    matches!(command.name(), Some("exit" | "return")).then(|| match command.words.get(1) {
        None => Code::Before,
        Some(code) if code.holds_exit_code() => Code::Before,
        Some(code) => match code.plain().map(|code| code.iter().all(|byte| *byte == b'0')) {
            Some(true) => Code::Zero,
            Some(false) => Code::Other,
            None => Code::Unknown,
        },
    })
}

fn asks_for_code(command: &Simple) -> bool {
    command.words.iter().chain(command.assignments.iter().map(|(_, value)| value)).any(Word::holds_exit_code)
}

/// What becomes of the failure of a command of a plain sequence.
pub(super) fn of_failure(commands: &[Simple], at: usize) -> FailureFate {
    let failure = behind(commands, at);
    // What runs at the end may leave with another code.
    let exits = |command: &Simple| {
        command.name() == Some("trap") && command.words.iter().skip(1).any(|word| word.bytes().windows(4).any(is_exit))
    };
    if failure == FailureFate::Noticed && commands.iter().any(exits) { FailureFate::Unknown } else { failure }
}

fn is_exit(text: &[u8]) -> bool {
    text == b"exit"
}

fn behind(commands: &[Simple], at: usize) -> FailureFate {
    let name = |command: &Simple| command.name().map(str::to_owned);
    if name(&commands[at]).as_deref() == Some("exec") {
        return FailureFate::Noticed;
    }
    let later_asks = commands[at + 1..].iter().any(asks_for_code);
    let hidden = if later_asks { FailureFate::Unknown } else { FailureFate::Hidden };
    let mut is_last_of_chain = true;
    for (next, command) in commands.iter().enumerate().skip(at) {
        let follows = commands.get(next + 1);
        match (command.separator, follows) {
            (Some(Separator::Background), _) => {
                let is_waited_for = commands[at..].iter().any(|command| command.name() == Some("wait"));
                return if is_waited_for { FailureFate::Unknown } else { FailureFate::Hidden };
            }
            (None, _) | (_, None) => return FailureFate::Noticed,
            (Some(Separator::Pipe), _) if !commands[at].has_pipefail => return hidden,
            (Some(Separator::Pipe), _) => {}
            (Some(Separator::And), _) => is_last_of_chain = false,
            (Some(Separator::Or), Some(follows)) => {
                return match leaves(follows) {
                    // `|| exit 1` hands the failure on; `|| true` does not.
                    Some(Code::Other | Code::Before) => FailureFate::Noticed,
                    Some(Code::Zero) => FailureFate::Hidden,
                    Some(Code::Unknown) => FailureFate::Unknown,
                    // Another try.
                    None if follows.words == commands[at].words => behind(commands, next + 1),
                    None => hidden,
                };
            }
            (Some(Separator::End | Separator::Group), Some(follows)) => {
                if commands[at].is_strict && is_last_of_chain {
                    return FailureFate::Noticed;
                }
                return match leaves(follows) {
                    Some(Code::Other | Code::Before) => FailureFate::Noticed,
                    Some(Code::Unknown) => FailureFate::Unknown,
                    None if asks_for_code(follows) => kept(&commands[next + 1..]),
                    Some(Code::Zero) | None => FailureFate::Hidden,
                };
            }
        }
    }
    FailureFate::Noticed
}

/// The first of these commands takes the exit code. Does one of the others leave with it?
fn kept(commands: &[Simple]) -> FailureFate {
    let is_plain = commands[0].words.is_empty() && commands[0].separator == Some(Separator::End);
    if !is_plain {
        return FailureFate::Unknown;
    }
    for (at, command) in commands.iter().enumerate().skip(1) {
        let is_conditional = matches!(commands[at - 1].separator, Some(Separator::And | Separator::Or));
        match leaves(command) {
            // Without a code it is that of the command before.
            Some(Code::Before) if command.words.len() > 1 => return FailureFate::Noticed,
            Some(Code::Zero | Code::Before) if !is_conditional => return FailureFate::Hidden,
            Some(_) => return FailureFate::Unknown,
            None if asks_for_code(command) => return FailureFate::Unknown,
            None => {}
        }
    }
    FailureFate::Hidden
}

/// Whether a plain sequence comes to a command.
pub(super) fn of_start(commands: &[Simple], at: usize) -> Reach {
    let mut first = at;
    while let Some(before) = first.checked_sub(1) {
        match commands[before].separator {
            Some(Separator::Or) if commands[before].words != commands[at].words => return Reach::Skipped,
            Some(Separator::And) => match of_failure(commands, before) {
                FailureFate::Noticed => {}
                FailureFate::Hidden => return Reach::Skipped,
                FailureFate::Unknown => return Reach::Unknown,
            },
            Some(Separator::Or | Separator::Pipe) => {}
            _ => break,
        }
        first = before;
    }
    for (at, command) in commands[..first].iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| commands[before].separator);
        let is_conditional = matches!(before, Some(Separator::And | Separator::Or));
        let is_child = command.separator == Some(Separator::Background)
            || [before, command.separator].contains(&Some(Separator::Pipe));
        if is_child {
            continue;
        }
        let replaces = command.name() == Some("exec") && command.words.len() > 1;
        let reach = match leaves(command) {
            Some(_) if !is_conditional => Reach::Never,
            None if command.stops_all || replaces && !is_conditional => Reach::Never,
            None if replaces => Reach::Unknown,
            None | Some(Code::Other) => continue,
            Some(Code::Before) if before == Some(Separator::Or) => continue,
            Some(Code::Zero | Code::Before) => Reach::Skipped,
            Some(Code::Unknown) => Reach::Unknown,
        };
        return reach;
    }
    Reach::Reached
}
