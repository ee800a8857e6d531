//! Where the command of a job writes, as far as its words tell: refused if the copy would be copied, too, or if another
//! disk is there than before.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use fastdiff::Error;
use fastdiff::consumers::{Destination, DestinationKind, ListPart};
use fastdiff::jobs::{LocalDestination, LockedJob, RunNote};
use fastdiff::path::PathExt as _;

use super::config::Definition;
use super::{Failure, placeholders};

/// What the keys of a run's note begin with that name a destination: its path follows.
const REMEMBERED: &str = "destination ";

/// The destinations of a command.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    /// Those on this machine.
    pub(super) local: Vec<LocalDestination>,
    /// Those of them that become a copy of the tree.
    pub(super) copies: Vec<PathBuf>,
    /// There are no others.
    pub(super) are_all_local_copies: bool,
    /// One that may become a file.
    file_if_missing: Option<PathBuf>,
    /// What the run's note says of file systems.
    note: RunNote,
}

impl Destinations {
    /// Those of a command that is started in the current directory.
    pub(super) fn of(definition: &Definition, command: &[OsString]) -> Self {
        let found = placeholders::look_at(definition, command);
        let mut all = Self {
            are_all_local_copies: !found.destinations.is_empty() && found.not_checked.is_none() && !found.mounts,
            file_if_missing: found.file_if_missing.filter(|_| !found.mounts),
            ..Self::default()
        };
        // Where a script mounts it first, nobody can look before.
        for destination in found.destinations.iter().filter(|_| !found.mounts) {
            match &destination.kind {
                DestinationKind::Directory(path) => {
                    all.copies.push(path.clone());
                    all.local.push(LocalDestination::new(path, false));
                }
                DestinationKind::Repository(path) => all.local.push(LocalDestination::new(path, false)),
                DestinationKind::File(path) => all.local.push(LocalDestination::new(path, true)),
                _ => {}
            }
            all.are_all_local_copies &= matches!(destination.kind, DestinationKind::Directory(_));
        }
        all
    }

    /// Refuses one that is read as well or, in a command that is `kept`, that depends on where it is started.
    pub(super) fn check(&self, definition: &Definition, command: &[OsString], kept: bool) -> Result<(), Failure> {
        let wrong = |what: String| Err(Failure::Other(format!("job {}: {what}", definition.name)));
        if let Some(destination) = relative(definition, command).filter(|_| kept) {
            let (written, here) =
                (Path::new(&destination.as_written), destination.local_path().unwrap_or(Path::new("")));
            if let Some(meant) = in_home(&destination.as_written) {
                return wrong(format!(
                    "no shell reads the command, so that {} is no place in your home directory; write {}",
                    written.shown(),
                    meant.shown()
                ));
            }
            // rsync makes a file of a destination without a slash if the list names one file alone.
            let slash = written.as_os_str().to_string_lossy().ends_with('/');
            let here = if slash { here.join("") } else { here.to_owned() };
            return wrong(format!(
                "the destination {} depends on the directory that the run is started in; write {}",
                written.shown(),
                here.shown()
            ));
        }
        let scan = definition.request()?.scan;
        for destination in &self.local {
            let path = destination.path().shown();
            if self.copies.iter().any(|copy| copy == destination.path()) && destination.is(&definition.base()) {
                return wrong(format!("the destination {path} is the source; name another directory"));
            }
            if let Some(walked) = destination.walked_in(&scan)? {
                let root = walked.root.shown();
                if walked.relative.as_os_str().is_empty() {
                    return wrong(format!(
                        "the destination {path} is the root {root}, so that each run would store what the last one wrote; name another directory"
                    ));
                }
                let pattern = Path::new("/").join(&walked.relative);
                return wrong(format!(
                    "the destination {path} lies in the root {root}, so that each run would store what the last one wrote; name another place, or leave it out with --exclude {}",
                    pattern.shown()
                ));
            }
        }
        if let Some(path) = self.file_if_missing.as_ref().filter(|path| !path.is_dir()) {
            return wrong(format!(
                "the destination {} is no directory yet: if the list names one file alone, it would become a file, and the next one would take its place; write {}, or make the directory",
                path.shown(),
                path.join("").shown()
            ));
        }
        Ok(())
    }

    /// Makes sure that each lies on the file system that it had when a run last succeeded, unless a change is allowed.
    /// Gives what the note of the run says of that.
    pub(super) fn check_file_systems(&mut self, locked: &LockedJob, allow_change: bool) -> Result<RunNote, Error> {
        self.note = remembered(locked);
        for destination in &self.local {
            let key = key(destination);
            if let Some(before) = self.note.get(&key).filter(|_| !allow_change) {
                destination.check(locked.job().name(), before)?;
            } else if let Some(now) = destination.file_system() {
                self.note.insert(key, now);
            }
        }
        Ok(self.note.clone())
    }

    /// Makes sure that they are still on the file systems of the run's note.
    pub(super) fn check_again(&self, job: &str) -> Result<(), Error> {
        self.local.iter().try_for_each(|destination| match self.note.get(&key(destination)) {
            Some(before) => destination.check(job, before),
            None => Ok(()),
        })
    }
}

fn key(destination: &LocalDestination) -> String {
    format!("{REMEMBERED}{}", destination.path().to_string_lossy())
}

/// A path in the home directory as a shell would read it.
fn in_home(written: &OsStr) -> Option<PathBuf> {
    let written = written.to_str()?;
    let rest = ["~/", "$HOME/", "${HOME}/"].iter().find_map(|home| written.strip_prefix(home))?;
    Some(std::env::home_dir()?.join(rest))
}

/// What the note of the baseline says of destinations, for the note of the next run.
pub(super) fn remembered(locked: &LockedJob) -> RunNote {
    let committed = locked.state().ok().flatten().and_then(|state| state.committed);
    let note = committed.map(|run| run.note).unwrap_or_default();
    note.into_iter().filter(|(key, _)| key.starts_with(REMEMBERED)).collect()
}

/// A destination of a command that is another one if the command is started elsewhere.
fn relative(definition: &Definition, command: &[OsString]) -> Option<Destination> {
    let here = placeholders::look_at(definition, command).destinations;
    let elsewhere = placeholders::look_at_from(definition, command, Path::new("/")).destinations;
    let elsewhere: Vec<_> = elsewhere.iter().map(|destination| destination.local_path().map(Path::to_owned)).collect();
    let is_another = |(at, destination): &(usize, Destination)| {
        elsewhere.get(*at).is_none_or(|other| other.as_deref() != destination.local_path())
    };
    here.into_iter().enumerate().find(is_another).map(|(_, destination)| destination)
}

/// Whether a command may delete what the list says is gone.
pub(super) fn may_delete(command: &[OsString]) -> bool {
    let holds = |part| command.iter().any(|word| placeholders::contains(word, placeholders::placeholder(part)));
    !holds(ListPart::Changed) || holds(ListPart::Deleted) || holds(ListPart::All)
}
