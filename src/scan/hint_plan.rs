//! Where a scan with hints has to read (promise 4): where the hints say so, what no hint names, and the audit.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::audit::Audit;
use super::hint_places::PlaceLookup;
use super::linked_files::{add_names, add_unaccounted};
use super::missed_hints::HintFindings;
use super::mount_names::MountNames;
use super::{Hints, HintsUse, ScanOptions};
use crate::filter::FilterOptions;
use crate::metadata::Time;
use crate::monitor::Monitor;
use crate::path::{to_bytes, to_path};
use crate::snapshot::{Snapshot, WalkerKind};
use crate::sources::{self, BaseFacts, Dirty, HintsProblem, InodeAnswer, RootNames, SourceAnswer};
use crate::walk::HintFilter;
use crate::{Cause, Result, Warning};

/// A stamp may be so much older than the moment in which it was given: the kernel's coarse clock moves in ticks.
const TICK: Duration = Duration::from_millis(20);

/// The share of the tree that is audited with hints, in percent, if the caller does not say.
const OF_HINTS: f64 = 5.0;

/// What the plan depends on.
pub(super) struct HintContext<'a> {
    pub(super) options: &'a ScanOptions,
    pub(super) walker: WalkerKind,
    pub(super) base: Option<&'a Snapshot>,
    pub(super) roots: &'a [RootNames],
    /// The program's own files and the mount points. No hint names them.
    pub(super) unhinted: [&'a [Vec<u8>]; 2],
    pub(super) boundary: Time,
    pub(super) monitor: &'a dyn Monitor,
}

/// Where a scan has to read, and how the hints and the inode tables are used.
#[derive(Debug, Default)]
pub(super) struct HintPlan {
    /// None if there are no hints.
    pub(super) used: Option<HintsUse>,
    /// What became of the inode tables, if they were asked.
    pub(super) inodes: Option<InodeAnswer>,
    /// None to read everywhere.
    pub(super) hint_filter: Option<HintFilter>,
    /// What changed before this time, a hint has to name.
    pub(super) until: Time,
    /// The clock of watchman, since which the next hints will be complete.
    pub(super) watchman_clock: Option<String>,
    /// The last directory that was audited.
    pub(super) audited: Option<Vec<u8>>,
    /// Up to when the hints say that they are complete.
    stated_until: Option<Time>,
    /// The files with several names whose names are already marked.
    linked: FxHashSet<u64>,
}

impl HintPlan {
    /// Whether hints said where to read.
    pub(super) fn used_hints(&self) -> bool {
        matches!(self.used, Some(HintsUse::Used { .. }))
    }

    /// Uses the answer of a source if it proves that it is complete. `trust` takes the caller's word for that.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn prepare(mut answer: SourceAnswer, trust: bool, context: &HintContext<'_>) -> Result<Self> {
        let HintContext { options, walker, base, roots, .. } = *context;
        let blind = answer.blind;
        let mut plan = Self {
            used: Some(HintsUse::ClockKept),
            inodes: None,
            hint_filter: None,
            until: answer.until.map_or(context.boundary, |t| t.saturating_sub(TICK).min(context.boundary)),
            watchman_clock: answer.watchman_clock.take(),
            audited: None,
            stated_until: answer.until,
            linked: FxHashSet::default(),
        };
        let proof = answer.prove(base.map(facts).as_ref());
        let problem = match (proof, base) {
            (Err(HintsProblem::OnlyClock), _) => return Ok(plan),
            (Err(problem), _) if !problem.can_be_trusted() => Some(problem),
            (_, Some(_)) if walker == WalkerKind::Portable => Some(HintsProblem::PortableWalker),
            (Err(problem), _) if !trust => Some(problem),
            _ => None,
        };
        if let Some(problem) = problem {
            plan.used = Some(HintsUse::NotUsed(problem));
            return Ok(plan);
        }
        let Some(base) = base else {
            plan.used = Some(HintsUse::NotUsed(HintsProblem::NoBase));
            return Ok(plan);
        };
        let (paths, outside) = (answer.paths, answer.outside.len() as u64);
        let mut dirty = match plan.places(answer, base, context)? {
            Ok(dirty) => dirty,
            Err(problem) => {
                plan.used = Some(HintsUse::NotUsed(problem));
                return Ok(plan);
            }
        };
        plan.used = Some(HintsUse::Used { paths, outside });
        let of_base = [&base.meta().own_files[..], &base.meta().mount_points];
        for path in context.unhinted.into_iter().chain(of_base).flatten() {
            dirty.insert_path(path, roots);
        }
        let audit = Audit::next(base, options.audit.unwrap_or(OF_HINTS))?;
        plan.audited = audit.last;
        plan.hint_filter = Some(HintFilter { dirty, blind, audited: audit.rows, parts: FxHashMap::default() });
        Ok(plan)
    }

    /// What has to be read because of an answer: what it names, by all names that it may have.
    ///
    /// # Errors
    /// A damaged base. The inner error says why the answer is no proof after all.
    fn places(
        &mut self,
        mut answer: SourceAnswer,
        base: &Snapshot,
        context: &HintContext<'_>,
    ) -> Result<std::result::Result<Dirty, HintsProblem>> {
        let roots = context.roots;
        let Some(mounts) = MountNames::read(roots) else { return Ok(Err(HintsProblem::NoMountTable)) };
        let leaves_out = context.options.filter != FilterOptions::default();
        let (timeout, monitor) = (context.options.io_timeout, context.monitor);
        let (blind, one_file_system) = (answer.blind, context.options.filter.one_file_system);
        let lookup = PlaceLookup { base, roots, blind, leaves_out, one_file_system, timeout, monitor };
        if let Some(problem) = mounts.changed_since(base, context.unhinted[1], |path| lookup.stat(path))? {
            return Ok(Err(problem));
        }
        let outside = std::mem::take(&mut answer.outside);
        let elsewhere = lookup.behind_symlinks(&outside);
        for path in &elsewhere {
            answer.place(path, roots);
        }
        let mut places = lookup.look_up(&answer.dirty)?;
        if let Some(problem) = places.problem.take() {
            return Ok(Err(problem));
        }
        let mut dirty = answer.dirty;
        for path in &places.wide {
            dirty.insert_in_all(path, true, roots);
        }
        for path in answer.ignored.iter().filter(|path| lookup.is_there(path)) {
            dirty.insert_in_all(path, true, roots);
        }
        mounts.add_names(&mut dirty, roots);
        mounts.add_outside(&mut dirty, outside.iter().chain(&elsewhere).map(Vec::as_slice), roots);
        if answer.blind.other_names {
            for path in &outside {
                lookup.see_outside(path, &mut places);
            }
            add_unaccounted(&mut dirty, base, roots)?;
            self.linked = places.linked;
            if !self.linked.is_empty() {
                add_names(&mut dirty, base, &self.linked.iter().map(|inode| (*inode, false)).collect(), roots)?;
            }
        }
        Ok(Ok(dirty))
    }

    /// Whether the tree has to be walked again after what the walk found out, and makes the plan for that.
    pub(super) fn plan_second_walk(
        &mut self,
        findings: HintFindings,
        base: &Snapshot,
        roots: &[RootNames],
        monitor: &dyn Monitor,
    ) -> Result<bool> {
        if self.inodes.is_some() {
            let is_missed = findings.missed > 0;
            if is_missed {
                self.reject_inodes(findings.first_missed.first().map_or(b"/", Vec::as_slice), monitor);
            }
            return Ok(is_missed);
        }
        if findings.missed > 0 {
            for path in &findings.first_missed {
                monitor.warning(Warning { path: to_path(path).into_owned(), cause: Cause::NoHint });
            }
            self.reject(HintsProblem::Missed(findings.missed));
            return Ok(true);
        }
        let Some(hint_filter) = self.hint_filter.as_mut().filter(|filter| filter.blind.other_names) else {
            return Ok(false);
        };
        let new: FxHashMap<_, _> =
            findings.linked.into_iter().filter(|(inode, _)| self.linked.insert(*inode)).collect();
        if new.is_empty() {
            return Ok(false);
        }
        add_names(&mut hint_filter.dirty, base, &new, roots)?;
        Ok(true)
    }

    fn reject(&mut self, problem: HintsProblem) {
        self.used = Some(HintsUse::NotUsed(problem));
        self.hint_filter = None;
    }

    /// Since when the next hints have to be complete, for a scan that started then.
    pub(super) fn next_since(&self, base: Option<&Snapshot>, started: Time) -> Time {
        // The tables were read after the scan began, and hide nothing from then on.
        let (Some(_), Some(base), None) = (&self.hint_filter, base, &self.inodes) else { return started };
        // If the hints do not say up to when they are complete, the next ones have to begin where these did.
        self.stated_until.unwrap_or(base.header().hints_since).min(started)
    }
}

/// Whether hints prove that they are complete since a snapshot began, so that a scan with it as base could use them.
///
/// # Errors
/// [`Error::Hints`](crate::Error::Hints).
pub(crate) fn are_proved(source: &Hints, base: &Snapshot) -> Result<bool> {
    let roots: Vec<_> = base.meta().roots.iter().map(|root| RootNames::new(&to_path(root))).collect();
    let answer = sources::read(&source.bytes, &source.name, &roots)?;
    Ok(answer.prove(Some(&facts(base))).is_ok())
}

fn facts(base: &Snapshot) -> BaseFacts<'_> {
    BaseFacts {
        identity: base.header().identity,
        hints_since: base.header().hints_since,
        watchman_clock: base.meta().watchman_clock.as_deref(),
    }
}

/// The mount points below the roots, also on files, as paths below the roots as given.
pub(super) fn mount_points(roots: &[RootNames]) -> Vec<Vec<u8>> {
    let points = crate::sys::filesystem::mount_points();
    let mut below: Vec<_> =
        points.iter().flat_map(|point| roots.iter().filter_map(|root| root.as_given(&to_bytes(point)))).collect();
    below.sort();
    below.dedup();
    below
}
