//! `text`: the list for people, with a closing summary.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::super::{Consumer, Emitted, ListOptions, ListPart, PathChoice, PathStyle, for_each_change, written};
use crate::Result;
use crate::diff::{Change, ChangeKind, Diff, Summary, Tally};
use crate::metadata::Kind;
use crate::units::{HumanBytes, HumanCount};

/// How the list for people looks.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct TextOptions {
    /// Write the colours of a terminal.
    pub color: bool,
    /// List suspects one by one instead of only counting them.
    pub suspects: bool,
    /// What stands in parentheses behind their count: how to have them listed.
    pub suspects_hint: Option<&'static str>,
}

/// The list for people.
#[derive(Debug, Clone, Copy)]
pub struct Text;

impl Consumer for Text {
    fn name(&self) -> &'static str {
        "text"
    }

    fn about(&self) -> &'static str {
        "For people, with a summary"
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::All]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::All
    }

    fn has_separate_parts(&self) -> bool {
        false
    }

    fn knows_renames(&self) -> bool {
        true
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Any
    }

    /// Writes one change a line and a summary.
    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let (style, text) = (options.style.of(diff), options.text);
        let emitted = for_each_change(diff, |change| {
            if change.kind == ChangeKind::Suspect && !text.suspects {
                return Ok(());
            }
            line(change, &style, text, out)
        })?;
        written(summary(&emitted.summary, text, out).and_then(|()| out.flush()))?;
        Ok(emitted)
    }
}

fn color(kind: ChangeKind) -> Style {
    let color = match kind {
        ChangeKind::Added => AnsiColor::Green,
        ChangeKind::Removed | ChangeKind::Unknown => AnsiColor::Red,
        ChangeKind::Modified => AnsiColor::Yellow,
        ChangeKind::TypeChanged => AnsiColor::Magenta,
        ChangeKind::Renamed => AnsiColor::Cyan,
        ChangeKind::Suspect => AnsiColor::BrightBlack,
    };
    color.on_default()
}

fn line(change: &Change, style: &PathStyle, options: TextOptions, out: &mut dyn Write) -> io::Result<()> {
    let paint = if options.color { color(change.kind) } else { Style::new() };
    write!(out, "{paint}{}{paint:#}  ", change.kind.letter())?;
    let slash: &[u8] = if change.entry_kind() == Kind::Dir { b"/" } else { b"" };
    let path = |out: &mut dyn Write, path: &[u8]| -> io::Result<()> {
        let shown = style.below_root(path);
        let slash = if shown.ends_with(b"/") { b"" } else { slash };
        out.write_all(&style.system.quoted_for_people(&[shown, slash].concat()))
    };
    if let Some(from) = &change.from {
        path(out, from)?;
        out.write_all(" → ".as_bytes())?;
        path(out, &change.path)?;
    } else {
        path(out, &change.path)?;
    }
    match (change.kind, change.old, change.new) {
        (ChangeKind::Added, _, Some(new)) if new.kind() == Kind::File => {
            write!(out, "  ({})", HumanBytes(new.stat.size))?;
        }
        (ChangeKind::Modified, ..) => {
            let label = if change.is_metadata_only() { "metadata: " } else { "" };
            let fields: Vec<_> = change.fields.names().collect();
            write!(out, "  ({label}{})", fields.join(", "))?;
        }
        (ChangeKind::TypeChanged, Some(old), Some(new)) => write!(out, "  ({} → {})", old.kind(), new.kind())?,
        (ChangeKind::Suspect, ..) => write!(out, "  (changed too recently to tell)")?,
        (ChangeKind::Unknown, ..) => write!(out, "  (could not be read)")?,
        _ => {}
    }
    out.write_all(b"\n")
}

fn counted(count: u64, one: &str, many: &str) -> Option<String> {
    (count > 0).then(|| format!("{} {}", HumanCount(count), if count == 1 { one } else { many }))
}

fn parts(tally: &Tally) -> String {
    let parts: Vec<_> = [
        counted(tally.files, "file", "files"),
        counted(tally.dirs, "directory", "directories"),
        counted(tally.symlinks, "symlink", "symlinks"),
        counted(tally.other, "other", "others"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let bytes = if tally.files > 0 { format!(", {}", HumanBytes(tally.bytes)) } else { String::new() };
    format!("{}{bytes}", parts.join(", "))
}

fn summary(summary: &Summary, options: TextOptions, out: &mut dyn Write) -> io::Result<()> {
    const KINDS: [(ChangeKind, &str); 5] = [
        (ChangeKind::Added, "added"),
        (ChangeKind::Modified, "modified"),
        (ChangeKind::Removed, "removed"),
        (ChangeKind::TypeChanged, "changed kind"),
        (ChangeKind::Renamed, "renamed"),
    ];
    if summary.is_empty() {
        return writeln!(out, "no changes");
    }
    let listed = KINDS.iter().any(|(kind, _)| summary.of(*kind).entries() > 0)
        || summary.of(ChangeKind::Unknown).entries() > 0
        || options.suspects;
    if listed {
        writeln!(out)?;
    }
    for (kind, word) in KINDS {
        let tally = summary.of(kind);
        if tally.entries() == 0 {
            continue;
        }
        let paint = if options.color { color(kind) } else { Style::new() };
        write!(out, "{paint}{} {word}{paint:#}: {}", HumanCount(tally.entries()), parts(&tally))?;
        if kind == ChangeKind::Modified && summary.metadata_only() > 0 {
            write!(out, "; {} of them in their metadata alone", HumanCount(summary.metadata_only()))?;
        }
        writeln!(out)?;
    }
    let suspects = summary.of(ChangeKind::Suspect).entries();
    if suspects > 0 {
        let hint = options.suspects_hint.filter(|_| !options.suspects);
        writeln!(
            out,
            "{} suspect: changed so shortly before the old snapshot that a later change may not show{}",
            HumanCount(suspects),
            hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
        )?;
    }
    let unknown = summary.of(ChangeKind::Unknown).entries();
    if unknown > 0 {
        writeln!(out, "{} unknown: could not be read, and count as neither changed nor removed", HumanCount(unknown))?;
    }
    Ok(())
}
