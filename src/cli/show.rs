//! `fastdiff show`: list the entries of a snapshot.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use fastdiff::consumers::{entry_json, rfc3339};
use fastdiff::path::PathExt as _;
use fastdiff::{Entries, Entry, Flags, Kind, Snapshot, System, path};

use super::output::Output;
use super::{DONE, Failure, Outcome, open, output_failure};

/// List the entries of a snapshot in tree order, one per line.
///
/// A line has kind and permissions, owner:group, size in bytes, modification time (UTC) and path. Paths are quoted
/// as git quotes them. Marks in brackets say what is uncertain about an entry.
#[derive(clap::Args)]
pub(super) struct ShowArgs {
    /// The snapshot
    snap: PathBuf,

    /// Show only this entry and everything below it. A relative path is taken from the current directory, or else from
    /// a root of the snapshot
    path: Option<PathBuf>,

    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs) -> Outcome {
    let snapshot = open(&args.snap)?;
    let entries = match &args.path {
        None => snapshot.entries(),
        Some(wanted) => below(&snapshot, wanted, &args.snap)?,
    };
    let mut output = Output::open(None)?.harmless_on_terminals();
    let for_people = !args.json;
    let system = snapshot.header().system;
    for entry in entries {
        let entry = entry?;
        let out = output.writer();
        let written =
            if args.json { writeln!(out, "{}", entry_json(&entry, system)) } else { line(&entry, system, out) };
        written.map_err(|e| output_failure(&e, for_people))?;
    }
    output.finish(for_people)?;
    Ok(DONE)
}

/// The entries at and below a path: from the current directory, or else from a root of the snapshot.
fn below<'s>(snapshot: &'s Snapshot, wanted: &Path, file: &Path) -> Result<Entries<'s>, Failure> {
    let current = std::env::current_dir().unwrap_or_default();
    let from_here = path::absolute(wanted, &current);
    if let Some(entries) = snapshot.entries_below(&path::to_bytes(&from_here))? {
        return Ok(entries);
    }
    let mut found = Vec::new();
    for root in snapshot.meta().roots.iter().filter(|_| wanted.is_relative()) {
        let path = path::absolute(wanted, &path::to_path(root));
        found.extend(snapshot.entries_below(&path::to_bytes(&path))?.map(|entries| (path, entries)));
    }
    let other = found.pop();
    match (found.pop(), other) {
        (None, Some((_, entries))) => Ok(entries),
        (Some((one, _)), Some((other, _))) => {
            let (wanted, one, other) = (wanted.shown(), one.shown(), other.shown());
            Err(Failure::Other(format!("{wanted} may be {one} or {other}; name one of them with its whole path")))
        }
        _ => {
            let nor =
                if wanted.is_relative() { format!(", and no {} below a root", wanted.shown()) } else { String::new() };
            Err(Failure::Other(format!("snapshot {} holds no entry {}{nor}", file.shown(), from_here.shown())))
        }
    }
}

fn line(entry: &Entry, system: System, out: &mut dyn Write) -> io::Result<()> {
    let stat = &entry.stat;
    let owner = format!("{}:{}", stat.uid, stat.gid);
    let mtime = rfc3339(stat.mtime);
    write!(out, "{}{} {owner:>11} {:>13} {mtime} ", kind_letter(entry.kind()), mode(stat.mode), stat.size)?;
    out.write_all(&system.quoted(&entry.path))?;
    let marks = [
        (Flags::RACY, "racy"),
        (Flags::UNKNOWN, "unknown"),
        (Flags::UNLISTED, "unlisted"),
        (Flags::NOT_ENTERED, "not entered"),
        (Flags::CARRIED, "from the base"),
    ];
    let marks: Vec<_> = marks.iter().filter(|(f, _)| entry.flags.contains(*f)).map(|(_, name)| *name).collect();
    if !marks.is_empty() {
        write!(out, "  [{}]", marks.join(", "))?;
    }
    out.write_all(b"\n")
}

fn kind_letter(kind: Kind) -> char {
    match kind {
        Kind::File => '-',
        Kind::Dir => 'd',
        Kind::Symlink => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice => 'c',
        Kind::BlockDevice => 'b',
        _ => '?',
    }
}

/// The permission bits as ls(1) shows them.
fn mode(mode: u16) -> String {
    let mut text: Vec<char> =
        (0..9).map(|bit| if mode & 0o400 >> bit == 0 { '-' } else { ['r', 'w', 'x'][bit % 3] }).collect();
    for (bit, place, letter) in [(0o4000, 2, 's'), (0o2000, 5, 's'), (0o1000, 8, 't')] {
        if mode & bit != 0 {
            text[place] = if text[place] == 'x' { letter } else { letter.to_ascii_uppercase() };
        }
    }
    text.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_as_in_ls() {
        assert_eq!(mode(0o644), "rw-r--r--");
        assert_eq!(mode(0o4755), "rwsr-xr-x");
        assert_eq!(mode(0o1777), "rwxrwxrwt");
        assert_eq!(mode(0o2644), "rw-r-Sr--");
    }
}
