//! What help texts say of the consumers, made from their table.

use std::fmt::Write as _;

use fastdiff::consumers::{self, EXAMPLE};

use super::placeholders;

/// A line of a help text is at most this long.
const WIDTH: usize = 100;

/// The command of the program that help texts show, on as many lines as it needs.
pub(super) fn command(before: &str, list: &str, root: &str, destination: &str, indent: usize) -> String {
    let command = EXAMPLE.command().unwrap_or(EXAMPLE.name());
    let command = command.replace("LIST", list).replace("ROOT", root).replace("DEST/", destination);
    let mut text = before.to_owned();
    let mut column = before.len();
    for word in command.split(' ') {
        if column + word.len() + 3 > WIDTH {
            let _ = write!(text, "\\\n{:indent$}", "");
            column = indent;
        }
        text.push_str(word);
        text.push(' ');
        column += word.len() + 1;
    }
    text.truncate(text.trim_end().len());
    text
}

/// Which files the command of a job can take: a line for the consumers that have the same ones.
pub(super) fn parts() -> String {
    let mut groups: Vec<(&[_], Vec<&str>)> = Vec::new();
    for consumer in consumers::all() {
        match groups.iter_mut().find(|(parts, _)| *parts == consumer.parts()) {
            Some((_, names)) => names.push(consumer.name()),
            None => groups.push((consumer.parts(), vec![consumer.name()])),
        }
    }
    let lines = groups.iter().map(|(parts, names)| {
        let parts: Vec<_> = parts.iter().map(|part| placeholders::placeholder(*part)).collect();
        format!("  {:<29} {}", parts.join(", "), names.join(", "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The exit codes that mean success, for a sentence or a default.
pub(super) fn success_codes() -> String {
    let others = consumers::PROGRAMS.iter().filter(|consumer| consumer.success_codes().len() > 1).map(|consumer| {
        let more = consumer.success_codes()[1..].iter().map(ToString::to_string).collect::<Vec<_>>();
        format!("{} for {}", more.join(" and "), consumer.name())
    });
    format!("0 (also {})", others.collect::<Vec<_>>().join(", "))
}

/// The help of the option for a part.
pub(super) fn usual_parts() -> String {
    let all = consumers::PROGRAMS
        .iter()
        .filter(|consumer| consumer.has_separate_parts() && consumer.usual_part() == consumers::ListPart::All);
    let all: Vec<_> = all.map(|consumer| consumer.name()).collect();
    format!(
        "Which part of the list, for a program that takes paths [default: all for {}; else changed]",
        all.join(", ")
    )
}
