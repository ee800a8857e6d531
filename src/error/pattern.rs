//! Why an exclude pattern is refused: it cannot be understood, or it can never do what it is there for.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::path::PathExt as _;
use crate::terminal::harmless;

/// What is wrong with an exclude pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternProblem {
    /// It is blank, or a comment.
    Blank,
    /// It cannot be understood.
    Syntax(String),
    /// A marker must be the name of one entry.
    MarkerName,
    /// It names nothing: a `!` alone.
    Nothing,
    /// It can only stand for the root, which is never left out.
    Root,
    /// It has a part that no path has.
    ImpossiblePart {
        /// The part: `.`, `..`, an empty one, or a NUL.
        part: String,
        /// The pattern that was probably meant.
        meant: Option<String>,
    },
    /// It begins with the path of a root. Patterns are relative to each root.
    BeginsWithRoot {
        /// The root.
        root: PathBuf,
        /// The pattern that was probably meant; none if it is the root itself.
        meant: Option<String>,
        /// The same pattern for an entry that has this path below the root.
        literal: Option<String>,
    },
    /// It is to bring back something below a directory that is left out, which is never entered.
    BelowLeftOut {
        /// The directory, relative to its root.
        directory: String,
        /// The pattern that leaves it out.
        by: String,
        /// The patterns that have the effect, in order.
        instead: Vec<String>,
    },
}

impl fmt::Display for PatternProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => {
                f.write_str("it matches nothing (blank, or a comment; write \\# for a name that begins with #)")
            }
            Self::Syntax(what) => f.write_str(what),
            Self::MarkerName => f.write_str("a marker is the name of one entry, without a slash"),
            Self::Nothing => f.write_str("it names nothing; write a pattern behind the !, or \\! for that name"),
            Self::Root => f.write_str(
                "it can only mean the root itself, which is never left out; write /* for everything that a root holds",
            ),
            Self::ImpossiblePart { part, meant } => {
                match part.as_str() {
                    "" => f.write_str("no path has `//` in it")?,
                    part => write!(f, "no path has a part {}", harmless(part))?,
                }
                f.write_str(", so it can never match")?;
                match meant {
                    Some(meant) => write!(f, "; write {}", harmless(meant)),
                    None => f.write_str("; name something below a root"),
                }
            }
            Self::BeginsWithRoot { root, meant, literal } => {
                write!(f, "patterns are relative to each root, and this one begins with the root {}", root.shown())?;
                match meant {
                    Some(meant) => write!(f, "; write {}", harmless(meant))?,
                    None => f.write_str(", which is never left out")?,
                }
                match literal {
                    Some(literal) => write!(f, " (or {}, if the root holds such a path)", harmless(literal)),
                    None => Ok(()),
                }
            }
            Self::BelowLeftOut { directory, by, instead } => {
                let instead: Vec<_> = instead.iter().map(|pattern| harmless(pattern)).collect();
                write!(
                    f,
                    "it has no effect: {by:?} leaves out the directory {}, and nothing below it can be brought back; write {}",
                    harmless(directory),
                    instead.join("  ")
                )
            }
        }
    }
}

/// Where a pattern stands: " in excludes, line 3".
pub(crate) fn place(from: Option<&Path>, line: Option<usize>) -> String {
    let file = from.map(|file| format!(" in {}", file.shown())).unwrap_or_default();
    file + &line.map(|line| format!(", line {line}")).unwrap_or_default()
}
