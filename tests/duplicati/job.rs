//! A backup job: its versions, and what a run makes of two lists.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::options::Options;
use super::tree::{Content, Stored, Version, look, scan, unstorable};

/// What a path is compared by. (Duplicati's source: on Windows case does not count, letter by letter.)
fn one(path: &[u8]) -> Vec<u8> {
    if !cfg!(windows) {
        return path.to_vec();
    }
    let text = std::str::from_utf8(path).expect("only Unicode is stored");
    text.chars()
        .flat_map(|c| if c.to_uppercase().count() == 1 { c.to_uppercase().collect() } else { vec![c] })
        .collect::<String>()
        .into_bytes()
}

/// The state of a job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) sources: Vec<PathBuf>,
    /// Oldest first.
    pub(super) versions: Vec<Version>,
    /// Every state of every path that any version holds or held, in the order in which they were stored:
    /// the rows of the table of files.
    pub(super) stored: BTreeMap<Vec<u8>, Vec<Stored>>,
    /// Off means `--disable-filetime-check=true`.
    pub(super) checks_file_times: bool,
    /// What its filters keep out.
    pub(super) ignored: fn(&[u8]) -> bool,
    /// What the last full scan did not read, although its content is another one than the stored one.
    pub(super) overlooked: BTreeSet<Vec<u8>>,
}

impl Job {
    pub(super) fn new(sources: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        let sources = sources.into_iter().map(Into::into).collect();
        Self {
            sources,
            versions: Vec::new(),
            stored: BTreeMap::new(),
            checks_file_times: false,
            ignored: |_| false,
            overlooked: BTreeSet::new(),
        }
    }

    /// Stores nothing of a path of which this is true.
    pub(super) fn ignores(&mut self, ignored: fn(&[u8]) -> bool) {
        self.ignored = ignored;
    }

    /// What a full scan stores.
    fn scan(&self) -> BTreeMap<Vec<u8>, Stored> {
        let mut found = scan(&self.sources);
        found.retain(|path, _| !(self.ignored)(path));
        found
    }

    /// The newest version.
    pub(super) fn last(&self) -> &Version {
        self.versions.last().expect("a backup was made")
    }

    /// Makes a backup; returns its warnings, each of which makes Duplicati's exit code 2.
    pub(super) fn backup(&mut self, options: &Options) -> Vec<String> {
        let mut warnings = Vec::new();
        // consumers: an empty value, or only separators, means a normal full scan; so does a list of what
        // was deleted without one of what was changed.
        let checks = self.checks_file_times;
        self.checks_file_times &= !options.disable_filetime_check;
        self.overlooked.clear();
        let version = if options.changed.is_empty() {
            let found = self.scan();
            // consumers: a rewrite that keeps size and mtime is skipped by a full scan, too.
            let saved = |(path, now): (&Vec<u8>, &Stored)| (path.clone(), self.saved(path, now.clone()));
            let version: Version = found.iter().map(saved).collect();
            self.overlooked =
                version.iter().filter(|(path, held)| found[*path] != **held).map(|(path, _)| path.clone()).collect();
            version
        } else {
            self.listed(options, &mut warnings)
        };
        self.checks_file_times = checks;
        for (path, state) in &version {
            let states = self.stored.entry(path.clone()).or_default();
            if !states.contains(state) {
                states.push(state.clone());
            }
        }
        self.versions.push(version);
        warnings
    }

    /// What a full scan warns of because it can never be stored.
    pub(super) fn unstorable(&self) -> Vec<String> {
        unstorable(&self.sources)
    }

    /// consumers: the run after a cut-off one adds a partial version. (Duplicati's source: it is the last complete one,
    /// all of it carried over, and what the next scan or list is compared with.)
    pub(super) fn complete_cut_off(&mut self, last_complete: Option<usize>) {
        let before = last_complete.map(|number| self.versions[number].clone()).unwrap_or_default();
        let version = before.iter().map(|(path, state)| (path.clone(), self.carried_over(path, state).clone()));
        let version = version.collect();
        self.versions.push(version);
    }

    fn listed(&self, options: &Options, warnings: &mut Vec<String>) -> Version {
        let mut version = Version::new();
        let mut examined_a_file = false;
        // consumers: listing a directory does not recurse. Nor does anybody ask whether a path belongs to
        // the sources: paths outside of them enter the backup.
        for path in &options.changed {
            let is_listed = version.keys().any(|listed| one(listed) == one(path));
            let Some(now) = look(path).filter(|_| !(self.ignored)(path)) else { continue };
            if is_listed {
                // consumers: duplicates give a warning, exit code 2.
                warnings.push(format!("listed twice: {}", String::from_utf8_lossy(path)));
                continue;
            }
            examined_a_file |= matches!(now.content, Content::File(_));
            version.insert(path.clone(), self.saved(path, now));
        }
        if !examined_a_file {
            // consumers: since 2.3.0.109 a run that examined no regular file warns and exits with 2.
            warnings.push("no regular file was examined".to_owned());
        }
        // consumers: all of the previous version's paths that are not listed are carried over; what is listed
        // and does not exist is carried over too. The first backup has nothing to carry over: it holds only
        // what is listed.
        let listed: BTreeSet<_> = version.keys().map(|path| one(path)).collect();
        for (path, state) in self.versions.last().into_iter().flatten() {
            if !listed.contains(&one(path)) {
                version.insert(path.clone(), self.carried_over(path, state).clone());
            }
        }
        // consumers: then the deleted ones are removed: exact, case-sensitive strings, directories with `/`,
        // each descendant by itself. So a path in both lists disappears.
        let deleted: BTreeSet<_> = options.deleted.iter().map(|path| one(path)).collect();
        version.retain(|path, _| !deleted.contains(&one(path)));
        version
    }

    /// consumers, the carry-over bug: an unlisted path with two or more stored versions silently flips to
    /// another of them. (Duplicati's source: to the newest of the others.)
    fn carried_over<'s>(&'s self, path: &[u8], state: &'s Stored) -> &'s Stored {
        let mut others = self.stored.get(path).into_iter().flatten().filter(|other| *other != state);
        others.next_back().unwrap_or(state)
    }

    /// consumers: a listed file is reread only if it is new or its mtime, size or metadata differ; of the same
    /// size and mtime it is not saved, unless `--disable-filetime-check=true`.
    fn saved(&self, path: &[u8], now: Stored) -> Stored {
        let before = self.versions.last().and_then(|version| version.get(path));
        if let (true, Some(before)) = (self.checks_file_times, before)
            && let (Content::File(old), Content::File(new)) = (&before.content, &now.content)
            && old.len() == new.len()
            && before.metadata == now.metadata
        {
            return before.clone();
        }
        now
    }

    /// How the newest version differs from the tree; empty if it does not.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let shown = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        let mut version = self.last().clone();
        let mut mistakes = Vec::new();
        for (path, now) in self.scan() {
            match version.remove(&path) {
                None => mistakes.push(format!("missing: {}", shown(&path))),
                Some(held) if held != now => mistakes.push(format!("not as it is now: {}", shown(&path))),
                Some(_) => {}
            }
        }
        mistakes.extend(version.keys().map(|path| format!("not there: {}", shown(path))));
        mistakes
    }
}
