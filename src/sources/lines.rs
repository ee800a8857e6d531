//! Hints as paths, one a line or ended by NUL, with their statement of coverage.

use jiff::Timestamp;

use super::{Hints, RootNames, Since, Unproved};
use crate::metadata::Time;

/// What begins the statement of coverage.
const STATEMENT: &str = "# complete since ";

/// Whether it is the line of a watcher that lost events, `# overflow`, however it is spelled and whatever follows: a file that is
/// named so costs one full look.
fn is_overflow(hint: &[u8]) -> bool {
    let word = hint.strip_prefix(b"#").map(<[u8]>::trim_ascii_start);
    word.and_then(|word| word.get(..8)).is_some_and(|word| word.eq_ignore_ascii_case(b"overflow"))
}

/// Reads hints. The error says what is wrong with which of them.
pub(super) fn read(hints: &mut Hints, bytes: &[u8], roots: &[RootNames]) -> Result<(), String> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    // The last one may lack its end: half a path must not pass for a path.
    let whole = match bytes.last() {
        None => return Ok(()),
        Some(last) if *last == end => &bytes[..bytes.len() - 1],
        Some(_) => {
            hints.look_everywhere(Unproved::Lost("the last of them is cut short"));
            bytes
        }
    };
    for (place, hint) in whole.split(|b| *b == end).enumerate() {
        let number = place + 1;
        if hint.is_empty() {
            hints.look_everywhere(Unproved::NoPath(number));
        } else if is_overflow(hint) {
            hints.look_everywhere(Unproved::Lost("the watcher lost events"));
        } else if number == 1 && hint.starts_with(b"# complete") {
            statement(hints, hint).ok_or_else(|| {
                format!(
                    "hint 1 is not `{STATEMENT}TIME [until TIME]` or `{STATEMENT}base IDENTITY [until TIME]`: {}",
                    String::from_utf8_lossy(hint).escape_debug()
                )
            })?;
        } else if hint.starts_with(b"/") {
            hints.add_absolute(hint, number, roots);
        } else {
            hints.add_relative(hint, number, None, roots)?;
        }
    }
    Ok(())
}

fn statement(hints: &mut Hints, line: &[u8]) -> Option<()> {
    let text = std::str::from_utf8(line).ok()?.strip_prefix(STATEMENT)?;
    let (since, until) = match text.split_once(" until ") {
        Some((since, until)) => (since, Some(time(until)?)),
        None => (text, None),
    };
    hints.since = match since.strip_prefix("base ") {
        Some(identity) => Since::Base(digest(identity)?),
        None => Since::Time(time(since)?),
    };
    hints.until = until;
    Some(())
}

fn time(text: &str) -> Option<Time> {
    let stamp: Timestamp = text.parse().ok()?;
    let (sec, nsec) = (stamp.as_second(), stamp.subsec_nanosecond());
    // Before 1970 the fraction counts downwards.
    let (sec, nsec) = if nsec < 0 { (sec - 1, nsec + 1_000_000_000) } else { (sec, nsec) };
    Some(Time::new(sec, u32::try_from(nsec).ok()?))
}

/// A time as a message shows it.
pub(super) fn shown(time: Time) -> String {
    Timestamp::new(time.sec, time.nsec.cast_signed())
        .map_or_else(|_| format!("{}.{:09}", time.sec, time.nsec), |stamp| stamp.to_string())
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
