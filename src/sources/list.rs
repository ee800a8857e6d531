//! A list of paths, one a line or ended by NUL, with a statement since when it is complete.

use jiff::Timestamp;

use super::{BlindSpots, ChangeSource, CompleteSince, HintsProblem, RootNames, SourceAnswer};
use crate::metadata::Time;

/// The start of the statement.
const STATEMENT: &str = "# complete since ";

/// The end of the statement of a watcher that follows no symlink.
const WITHOUT_SYMLINKS: &str = " without symlinks";

/// A list that a watcher wrote.
pub(super) struct PathList<'a> {
    pub(super) bytes: &'a [u8],
}

impl ChangeSource for PathList<'_> {
    fn ask(&self, roots: &[RootNames]) -> Result<SourceAnswer, String> {
        let mut answer = SourceAnswer::new(BlindSpots::WATCHER);
        read(&mut answer, self.bytes, roots)?;
        Ok(answer)
    }
}

/// Whether it is the line of a watcher that lost events: `# overflow` in any spelling, whatever follows. A file with
/// such a name costs one full scan.
fn is_overflow(hint: &[u8]) -> bool {
    let word = hint.strip_prefix(b"#").map(<[u8]>::trim_ascii_start);
    word.and_then(|word| word.get(..8)).is_some_and(|word| word.eq_ignore_ascii_case(b"overflow"))
}

/// Reads hints. The error says what is wrong with which of them.
fn read(answer: &mut SourceAnswer, bytes: &[u8], roots: &[RootNames]) -> Result<(), String> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    answer.blind.line_breaks = end == b'\n';
    if answer.blind.line_breaks && roots.iter().any(RootNames::has_line_break) {
        answer.lose(HintsProblem::Lost("the name of a root holds a line break, and they are lines"));
    }
    // If the last one lacks its end, it may be half a path.
    let whole = match bytes.last() {
        None => return Ok(()),
        Some(last) if *last == end => &bytes[..bytes.len() - 1],
        Some(_) => {
            answer.lose(HintsProblem::Lost("the last of them is cut short"));
            bytes
        }
    };
    for (place, hint) in whole.split(|b| *b == end).enumerate() {
        let number = place + 1;
        if hint.is_empty() {
            answer.lose(HintsProblem::NoPath(number));
        } else if is_overflow(hint) {
            answer.lose(HintsProblem::Lost("the watcher lost events"));
        } else if number == 1 && hint.starts_with(b"# complete") {
            statement(answer, hint).ok_or_else(|| {
                format!(
                    "hint 1 is not `{STATEMENT}TIME [until TIME]` or `{STATEMENT}base IDENTITY [until TIME]`, \
                     with or without `{WITHOUT_SYMLINKS}` at its end: {}",
                    String::from_utf8_lossy(hint).escape_debug()
                )
            })?;
        } else if hint.starts_with(b"/") {
            answer.add_absolute(hint, number, roots);
        } else {
            answer.add_relative(hint, number, None, roots)?;
        }
    }
    Ok(())
}

/// Reads the first line.
fn statement(answer: &mut SourceAnswer, line: &[u8]) -> Option<()> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix(STATEMENT)?;
    let text = match text.strip_suffix(WITHOUT_SYMLINKS) {
        Some(text) => {
            answer.blind.symlinks = false;
            text
        }
        None => text,
    };
    let (since, until) = match text.split_once(" until ") {
        Some((since, until)) => (since, Some(time(until)?)),
        None => (text, None),
    };
    answer.since = match since.strip_prefix("base ") {
        Some(identity) => CompleteSince::Base(digest(identity)?),
        None => CompleteSince::Time(time(since)?),
    };
    answer.until = until;
    Some(())
}

fn time(text: &str) -> Option<Time> {
    let stamp: Timestamp = text.parse().ok()?;
    let (sec, nsec) = (stamp.as_second(), stamp.subsec_nanosecond());
    // Before 1970 the fraction counts downwards.
    let (sec, nsec) = if nsec < 0 { (sec - 1, nsec + 1_000_000_000) } else { (sec, nsec) };
    Some(Time::new(sec, u32::try_from(nsec).ok()?))
}

fn digest(hex: &str) -> Option<[u8; 16]> {
    let bytes = hex.as_bytes();
    let mut digest = [0; 16];
    if bytes.len() != 32 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(bytes.chunks(2)) {
        let digit = |b: u8| char::from(b).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(digest)
}
