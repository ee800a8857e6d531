//! What a scan is narrowed to: where hints say that something changed, what has to be looked at in any case, and a share
//! of the tree that is audited, so that a lost hint is found within a known number of scans.

use std::ops::Range;
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::missed_hints::HintFindings;
use super::{HintsSource, HintsUse, ScanOptions};
use crate::filter::FilterOptions;
use crate::metadata::{Flags, Kind, Time};
use crate::monitor::Monitor;
use crate::path::{is_within, push, to_bytes, to_path};
use crate::snapshot::{Header, Meta, Snapshot, WalkerKind};
use crate::sources::{BaseFacts, Dirty, Hints, RootNames, Unproved};
use crate::walk::HintFilter;
use crate::{Cause, Result, Warning};

/// A stamp may be so much older than the moment in which it was given: the kernel's coarse clock moves in ticks.
const TICK: Duration = Duration::from_millis(20);

/// Hints, and what they are used for.
#[derive(Debug)]
pub(super) struct HintPlan {
    hints: Hints,
    pub(super) used: HintsUse,
    /// None to look everywhere.
    pub(super) hint_filter: Option<HintFilter>,
    /// What changed before this time was to be hinted at.
    pub(super) until: Time,
    audited: Option<Vec<u8>>,
    linked: FxHashSet<u64>,
}

impl HintPlan {
    /// Reads hints, and sees whether they prove what they are to prove.
    pub(super) fn prepare(
        source: &HintsSource,
        options: &ScanOptions,
        walker: WalkerKind,
        base: Option<&Snapshot>,
        roots: &[RootNames],
        scope: &Meta,
        boundary: Time,
    ) -> Result<Self> {
        let mut hints = Hints::parse(&source.bytes, &source.name, roots)?;
        let until = hints.until().map_or(boundary, |until| until.saturating_sub(TICK).min(boundary));
        let unused = |hints, reason| Self {
            hints,
            used: HintsUse::NotUsed(reason),
            hint_filter: None,
            until,
            audited: None,
            linked: FxHashSet::default(),
        };
        match hints.everything() {
            Some(Unproved::OnlyClock) => {
                let unused = unused(hints, String::new());
                return Ok(Self { used: HintsUse::ClockKept, ..unused });
            }
            Some(reason) => {
                let reason = reason.to_string();
                return Ok(unused(hints, reason));
            }
            None => {}
        }
        let Some(base) = base else {
            return Ok(unused(hints, "there is no --base for which they could be complete".into()));
        };
        if walker == WalkerKind::Portable {
            return Ok(unused(hints, "only the native walker takes them".into()));
        }
        if let (Err(reason), false) = (hints.proves(&facts(base)), source.trust) {
            let reason = reason.to_string();
            return Ok(unused(hints, reason));
        }
        let mut dirty = hints.take_dirty();
        for meta in [scope, base.meta()] {
            add_places(&mut dirty, &meta.own_files, roots);
            add_places(&mut dirty, &meta.mount_points, roots);
        }
        let audit = Audit::next(base, options.audit)?;
        let used = HintsUse::Narrowed { paths: hints.paths(), outside: hints.outside() };
        let mut hint_filter = HintFilter { dirty, audited: audit.rows };
        let linked = if options.filter == FilterOptions::default() { FxHashSet::default() } else { linked(&hints) };
        if !linked.is_empty() {
            add_other_names(&mut hint_filter, base, &linked.iter().map(|inode| (*inode, false)).collect(), roots)?;
        }
        Ok(Self { hints, used, hint_filter: Some(hint_filter), until, audited: audit.until, linked })
    }

    /// Whether the walk has to be made again, and with what, after what it came upon.
    pub(super) fn is_not_enough(
        &mut self,
        found: HintFindings,
        base: &Snapshot,
        roots: &[RootNames],
        monitor: &dyn Monitor,
    ) -> Result<bool> {
        if found.missed > 0 {
            for path in &found.first_missed {
                monitor.warning(Warning { path: to_path(path).into_owned(), cause: Cause::NoHint });
            }
            let entries = if found.missed == 1 { "entry" } else { "entries" };
            self.used = HintsUse::NotUsed(format!("they failed: {} {entries} changed without a hint", found.missed));
            self.hint_filter = None;
            return Ok(true);
        }
        if found.through_symlink {
            self.used =
                HintsUse::NotUsed("one leads through a symlink, and by its name alone cannot be told where".into());
            self.hint_filter = None;
            return Ok(true);
        }
        let new: FxHashMap<_, _> = found.linked.into_iter().filter(|(inode, _)| self.linked.insert(*inode)).collect();
        let Some(hint_filter) = self.hint_filter.as_mut().filter(|_| !new.is_empty()) else { return Ok(false) };
        add_other_names(hint_filter, base, &new, roots)?;
        Ok(true)
    }

    /// Writes down what the next hints have to prove.
    pub(super) fn sign(&self, scope: &mut Meta, header: &mut Header, base: Option<&Snapshot>) {
        if let Some(clock) = self.hints.clock() {
            scope.watchman_clock = Some(clock.to_owned());
        }
        scope.audited.clone_from(&self.audited);
        if let (Some(_), Some(base)) = (&self.hint_filter, base) {
            // Where the hints do not say up to when they are complete, the next ones have to begin where these did.
            let until = self.hints.until().unwrap_or(base.header().hints_since);
            header.hints_since = until.min(header.hints_since);
        }
    }
}

/// Whether hints prove that they are complete since a snapshot began, so that a scan could be narrowed by them with it as
/// its base.
///
/// # Errors
/// [`Error::Hints`](crate::Error::Hints).
pub(crate) fn are_proved(source: &HintsSource, base: &Snapshot) -> Result<bool> {
    let roots: Vec<_> = base.meta().roots.iter().map(|root| RootNames::new(&to_path(root))).collect();
    let hints = Hints::parse(&source.bytes, &source.name, &roots)?;
    Ok(hints.everything().is_none() && hints.proves(&facts(base)).is_ok())
}

fn facts(base: &Snapshot) -> BaseFacts<'_> {
    BaseFacts {
        identity: base.header().identity,
        hints_since: base.header().hints_since,
        clock: base.meta().watchman_clock.as_deref(),
    }
}

/// Where the audit goes on: the rows to look at, and the directory after which the next scan goes on.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) rows: [Range<u32>; 2],
    pub(super) until: Option<Vec<u8>>,
}

impl Audit {
    /// The next share of the directories of `base`, in percent, behind those that were audited last.
    pub(super) fn next(base: &Snapshot, percent: f64) -> Result<Self> {
        let all = base.top();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most all rows")]
        let count = (f64::from(all) * percent.clamp(0.0, 100.0) / 100.0).ceil() as u32;
        if count == 0 {
            return Ok(Self { until: base.meta().audited.clone(), ..Self::default() });
        }
        let start = match &base.meta().audited {
            Some(last) => row_after(base, last)?,
            None => 0,
        };
        let end = start.saturating_add(count);
        let rows = [start..end.min(all), 0..end.saturating_sub(all).min(start)];
        let last = if rows[1].is_empty() { rows[0].end } else { rows[1].end };
        let until = last.checked_sub(1).map(|row| base.path_of(row)).transpose()?;
        Ok(Self { rows, until })
    }
}

/// The row behind that of the directory at `path`, or behind where it would be. Past the end it begins anew.
fn row_after(base: &Snapshot, path: &[u8]) -> Result<u32> {
    let mut dir = base.top();
    let mut rest: Vec<&[u8]> = Vec::new();
    for root in base.listing(dir)? {
        if let (true, Some(row)) = (is_within(path, root.child.name), root.row) {
            dir = row;
            rest = path[root.child.name.len()..].split(|b| *b == b'/').filter(|name| !name.is_empty()).collect();
        }
    }
    let mut next = if dir == base.top() { 0 } else { dir + 1 };
    for name in rest {
        // Behind it come its later siblings, and then the directory that holds them.
        let mut found = None;
        next = dir;
        for node in base.listing(dir)? {
            let Some(row) = node.row else { continue };
            if node.child.name == name {
                found = Some(row);
                next = row + 1;
            } else if node.child.name > name && found.is_none() {
                next = *base.subtree_rows(row)?.start();
                break;
            }
        }
        let Some(row) = found else { break };
        dir = row;
    }
    Ok(if next >= base.top() { 0 } else { next })
}

/// Adds to what hints say what no hint tells of: files of our own, which may count now or no more, and mount points.
pub(super) fn add_places(dirty: &mut Dirty, paths: &[Vec<u8>], roots: &[RootNames]) {
    for path in paths {
        add_place(dirty, path, roots);
    }
}

fn add_place(dirty: &mut Dirty, path: &[u8], roots: &[RootNames]) {
    for (number, root) in roots.iter().enumerate() {
        if let Some(rest) = root.rest(path) {
            dirty.insert(number, rest.split(|b| *b == b'/').filter(|name| !name.is_empty()), false);
        }
    }
}

/// The inodes of the files with several names that hints name. The name may be one that is left out, while another of its names
/// is not.
fn linked(hints: &Hints) -> FxHashSet<u64> {
    let found = hints.named().iter().filter_map(|path| crate::sys::stat(&to_path(path)).ok());
    let linked = found.filter(|found| found.stat.nlink > 1 && found.stat.kind() != Kind::Dir);
    linked.map(|found| found.stat.ino).collect()
}

/// Adds the names that the base has of these inodes. A file with several names changes under all of them, and a watcher tells of
/// the one that was used. True stands with those of which a name of the base was come upon: it has no other, or all of them as
/// one of several. Any other it may have by a single name, which may be anywhere.
pub(super) fn add_other_names(
    hint_filter: &mut HintFilter,
    base: &Snapshot,
    inodes: &FxHashMap<u64, bool>,
    roots: &[RootNames],
) -> Result<()> {
    let mut missing: FxHashSet<u64> = inodes.iter().filter(|(_, is_known)| !**is_known).map(|(ino, _)| *ino).collect();
    // On another file system the same number is another file.
    let is_one = base.meta().devices.len() <= 1;
    each_file(base, Flags::LINKED, |inode, path| {
        if inodes.contains_key(&inode) {
            if is_one {
                missing.remove(&inode);
            }
            add_place(&mut hint_filter.dirty, path, roots);
        }
    })?;
    if missing.is_empty() {
        return Ok(());
    }
    each_file(base, Flags::empty(), |inode, path| {
        if missing.contains(&inode) {
            add_place(&mut hint_filter.dirty, path, roots);
        }
    })
}

/// Calls `f` with the inode and the path of each file below the directories that have these flags.
fn each_file(base: &Snapshot, flags: Flags, mut f: impl FnMut(u64, &[u8])) -> Result<()> {
    let mut stack = vec![(base.top(), Vec::new())];
    while let Some((row, mut path)) = stack.pop() {
        let len = path.len();
        for node in base.listing(row)? {
            push(&mut path, node.child.name);
            if let Some(row) = node.row {
                if base.row(row)?.flags.contains(flags) {
                    stack.push((row, path.clone()));
                }
            } else if node.child.kind() != Kind::Dir {
                f(node.child.stat.ino, &path);
            }
            path.truncate(len);
        }
    }
    Ok(())
}

/// The mount points below the roots, of files too, as paths from the roots as they were given.
pub(super) fn mount_points(roots: &[RootNames]) -> Vec<Vec<u8>> {
    let points = crate::sys::filesystem::mount_points();
    let mut below: Vec<_> =
        points.iter().flat_map(|point| roots.iter().filter_map(|root| root.as_given(&to_bytes(point)))).collect();
    below.sort();
    below.dedup();
    below
}
