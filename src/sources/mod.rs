//! What is known of where a tree changed: hints from a watcher, and whether they prove what they have to (promise 4).
//! docs/hints.md describes their forms.

mod dirty;
mod lines;
mod watchman;

use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use dirty::{Dirty, DirtyId};

use crate::metadata::Time;
use crate::path::{is_within, push, to_bytes};
use crate::{Error, Result};

/// A root by its two names.
#[derive(Debug)]
pub(crate) struct RootNames {
    given: Vec<u8>,
    canonical: Vec<u8>,
}

impl RootNames {
    pub(crate) fn new(root: &Path) -> Self {
        Self::with(root, root.canonicalize().ok())
    }

    /// The same of a root that was looked up already; none if that failed.
    pub(crate) fn with(root: &Path, canonical: Option<PathBuf>) -> Self {
        let canonical = canonical.unwrap_or_else(|| root.to_owned());
        Self { given: to_bytes(root).into_owned(), canonical: to_bytes(&canonical).into_owned() }
    }

    /// What of a path lies below the root, by either of its names; none if it is not within.
    pub(crate) fn rest<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let root = [&self.given, &self.canonical].into_iter().find(|root| is_within(path, root))?;
        Some(&path[root.len()..])
    }

    /// The path by the name that the root was given.
    pub(crate) fn as_given(&self, path: &[u8]) -> Option<Vec<u8>> {
        let names = self.rest(path)?.split(|b| *b == b'/').filter(|name| !name.is_empty());
        let mut given = self.given.clone();
        for name in names {
            push(&mut given, name);
        }
        Some(given)
    }
}

/// What hints are compared with.
#[derive(Debug)]
pub(crate) struct BaseFacts<'a> {
    /// The digest of the base's header.
    pub(crate) identity: [u8; 16],
    /// From this moment on the hints have to be complete.
    pub(crate) hints_since: Time,
    /// The clock of watchman that the base was taken at.
    pub(crate) clock: Option<&'a str>,
}

/// Why hints do not prove that nothing else changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unproved {
    /// They do not say what they are complete since.
    NoStatement,
    /// They begin too late: since when, and when they should.
    TooLate(Time, Time),
    /// They were made for another base.
    OtherBase,
    /// The base holds no clock to compare with.
    NoClock,
    /// The watcher is another one than at the base, or began anew.
    OtherClock,
    /// The watcher lost events, or began anew.
    Lost(&'static str),
    /// The watcher could not answer: what it said.
    NoAnswer(String),
    /// Only the clock that the next ones will be complete since.
    OnlyClock,
    /// A hint that says nothing of where: its number.
    NoPath(usize),
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStatement => {
                f.write_str("they do not say what they are complete since (--trust-hints relies on them all the same)")
            }
            Self::TooLate(since, needed) => {
                write!(
                    f,
                    "they are complete since {}, and have to be since {}",
                    lines::shown(*since),
                    lines::shown(*needed)
                )
            }
            Self::OtherBase => f.write_str("they are complete since another snapshot than the base"),
            Self::NoClock => {
                f.write_str("the base was taken without a clock of watchman that they could be complete since")
            }
            Self::OtherClock => {
                f.write_str("watchman was started anew since the base was taken, or asked for another time")
            }
            Self::Lost(why) => f.write_str(why),
            Self::NoAnswer(said) => write!(f, "watchman failed: {}", said.escape_debug()),
            Self::OnlyClock => f.write_str("they are only the clock that the next ones will be complete since"),
            Self::NoPath(number) => write!(f, "number {number} does not say where"),
        }
    }
}

/// What hints say that they are complete since.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Since {
    Nothing,
    Time(Time),
    Base([u8; 16]),
    /// What watchman was asked for, if its answer says so.
    Clock(Option<String>),
}

/// Hints, read.
#[derive(Debug)]
pub(crate) struct Hints {
    since: Since,
    until: Option<Time>,
    clock: Option<String>,
    everything: Option<Unproved>,
    dirty: Dirty,
    named: Vec<Vec<u8>>,
    paths: u64,
    outside: u64,
}

impl Hints {
    /// Reads hints; `name` is where they come from. Costs time and memory in proportion to their length.
    ///
    /// # Errors
    /// [`Error::Hints`] for what cannot be read as hints.
    pub(crate) fn parse(bytes: &[u8], name: &Path, roots: &[RootNames]) -> Result<Self> {
        let mut hints = Self {
            since: Since::Nothing,
            until: None,
            clock: None,
            everything: None,
            dirty: Dirty::default(),
            named: Vec::new(),
            paths: 0,
            outside: 0,
        };
        let error = |reason: String| Error::Hints { name: PathBuf::from(name), reason };
        if bytes.trim_ascii_start().starts_with(b"{") {
            watchman::read(&mut hints, bytes, roots).map_err(error)?;
        } else {
            lines::read(&mut hints, bytes, roots).map_err(error)?;
        }
        Ok(hints)
    }

    /// Whether they are complete for this base.
    pub(crate) fn proves(&self, base: &BaseFacts<'_>) -> Result<(), Unproved> {
        match &self.since {
            Since::Nothing => Err(Unproved::NoStatement),
            Since::Time(since) if *since <= base.hints_since => Ok(()),
            Since::Time(since) => Err(Unproved::TooLate(*since, base.hints_since)),
            Since::Base(identity) if *identity == base.identity => Ok(()),
            Since::Base(_) => Err(Unproved::OtherBase),
            Since::Clock(asked) => {
                let (Some(then), Some(now)) = (base.clock, &self.clock) else { return Err(Unproved::NoClock) };
                let is_asked = asked.as_ref().is_none_or(|asked| asked == then);
                if is_asked && watchman::is_later(then, now) { Ok(()) } else { Err(Unproved::OtherClock) }
            }
        }
    }

    /// Why everything has to be looked at, whether they are trusted or not.
    pub(crate) fn everything(&self) -> Option<&Unproved> {
        self.everything.as_ref()
    }

    /// Up to when they are complete, if they say so.
    pub(crate) fn until(&self) -> Option<Time> {
        self.until
    }

    /// The clock of watchman.
    pub(crate) fn clock(&self) -> Option<&str> {
        self.clock.as_deref()
    }

    /// How many paths they name.
    pub(crate) fn paths(&self) -> u64 {
        self.paths
    }

    /// How many of these lie outside of the roots.
    pub(crate) fn outside(&self) -> u64 {
        self.outside
    }

    /// The paths that they name inside of the roots.
    pub(crate) fn named(&self) -> &[Vec<u8>] {
        &self.named
    }

    /// What they name.
    pub(crate) fn take_dirty(&mut self) -> Dirty {
        std::mem::take(&mut self.dirty)
    }

    fn look_everywhere(&mut self, why: Unproved) {
        self.everything.get_or_insert(why);
    }

    /// Adds an absolute path; `number` is that of the hint.
    fn add_absolute(&mut self, path: &[u8], number: usize, roots: &[RootNames]) {
        self.paths += 1;
        let Some(path) = normal(path) else { return self.look_everywhere(Unproved::NoPath(number)) };
        let whole = path.ends_with(b"/");
        let path = if whole && path.len() > 1 { &path[..path.len() - 1] } else { &path[..] };
        let mut is_inside = false;
        for (number, root) in roots.iter().enumerate() {
            if let Some(rest) = root.rest(path) {
                is_inside = true;
                self.dirty.insert(number, rest.split(|b| *b == b'/').filter(|name| !name.is_empty()), whole);
                self.named.push(path.to_vec());
            } else if is_within(&root.given, path) || is_within(&root.canonical, path) {
                // Something above the root: of what lies below it only a hint for a whole tree speaks.
                is_inside = true;
                self.dirty.insert(number, std::iter::empty(), whole);
            }
        }
        self.outside += u64::from(!is_inside);
    }

    /// Adds a path relative to the only root, or to `top`.
    fn add_relative(
        &mut self,
        path: &[u8],
        number: usize,
        top: Option<&[u8]>,
        roots: &[RootNames],
    ) -> Result<(), String> {
        let top = match (top, roots) {
            (Some(top), _) => top,
            (None, [root]) => &root.given,
            _ => {
                return Err(format!(
                    "hint {number} is relative, and there are several roots; name it by its absolute path"
                ));
            }
        };
        let mut absolute = top.to_vec();
        absolute.push(b'/');
        absolute.extend_from_slice(path);
        self.add_absolute(&absolute, number, roots);
        Ok(())
    }
}

/// An absolute path without `.` and doubled slashes; one slash at its end stays. None for `..`, which may lead through a
/// symlink: by names alone it cannot be told where.
fn normal(path: &[u8]) -> Option<Vec<u8>> {
    let mut normal = Vec::with_capacity(path.len());
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => return None,
            name => {
                normal.push(b'/');
                normal.extend_from_slice(name);
            }
        }
    }
    if path.ends_with(b"/") || path.ends_with(b"/.") || normal.is_empty() {
        normal.push(b'/');
    }
    Some(normal)
}

#[cfg(test)]
mod tests;
