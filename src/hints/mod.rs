//! What is known of where a tree changed: hints from a watcher, and what they prove (law 4).

mod dirty;

use std::path::{Path, PathBuf};

pub(crate) use dirty::{Dirty, DirtyId};

use crate::Result;
use crate::entry::Time;
use crate::path::to_bytes;

#[derive(Debug)]
pub(crate) struct RootNames {
    given: PathBuf,
}

impl RootNames {
    pub(crate) fn new(root: &Path) -> Self {
        Self { given: root.to_owned() }
    }
}

pub(crate) struct BaseFacts<'a> {
    pub(crate) identity: [u8; 16],
    pub(crate) covered: Time,
    pub(crate) clock: Option<&'a str>,
}

#[derive(Debug)]
pub(crate) struct Hints {
    lines: Vec<Vec<u8>>,
    roots: Vec<PathBuf>,
}

impl Hints {
    pub(crate) fn parse(bytes: &[u8], _name: &Path, roots: &[RootNames]) -> Result<Self> {
        let lines = bytes
            .split(|b| *b == if bytes.contains(&0) { 0 } else { b'\n' })
            .filter(|l| !l.is_empty() && l[0] != b'#')
            .map(<[u8]>::to_vec)
            .collect();
        Ok(Self { lines, roots: roots.iter().map(|r| r.given.clone()).collect() })
    }
    pub(crate) fn everything(&self) -> Option<&str> {
        None
    }
    pub(crate) fn proves(&self, _: &BaseFacts<'_>) -> Result<(), &'static str> {
        Ok(())
    }
    pub(crate) fn until(&self) -> Option<Time> {
        None
    }
    pub(crate) fn clock(&self) -> Option<&str> {
        None
    }
    pub(crate) fn paths(&self) -> u64 {
        self.lines.len() as u64
    }
    pub(crate) fn outside(&self) -> u64 {
        0
    }
    pub(crate) fn dirty(&self) -> Dirty {
        let mut dirty = Dirty::default();
        for line in &self.lines {
            for (number, root) in self.roots.iter().enumerate() {
                if let Some(rest) = line.strip_prefix(&*to_bytes(root)) {
                    dirty.insert(number, rest.split(|b| *b == b'/').filter(|n| !n.is_empty()), line.ends_with(b"/"));
                }
            }
        }
        dirty
    }
}
