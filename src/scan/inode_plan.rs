//! Where a scan has to read if the inode tables of the file systems say what may have changed.

use std::path::Path;
use std::time::Duration;

use super::audit::Audit;
use super::hint_plan::HintPlan;
use super::{ScanOptions, SourceChoice};
use crate::metadata::Time;
use crate::monitor::Monitor;
use crate::path::{is_within, to_bytes, to_path};
use crate::snapshot::{Snapshot, WalkerKind};
use crate::sources::{BlindSpots, InodeAnswer, InodeQuestion, PartUse, RootNames, ask_inodes};
use crate::sys::filesystem::Mark;
use crate::walk::HintFilter;
use crate::{Cause, Error, Result, SourceProblem, Warning};

/// The share of the tree that is audited, in percent, if the caller does not say.
const OF_INODES: f64 = 0.5;

/// The audit judges only what changed longer ago than this: a call may have to wait for the journal before what it
/// changed shows in the tables.
const AUDIT_MARGIN: Duration = Duration::from_mins(1);

/// What the plan depends on.
pub(super) struct InodeContext<'a> {
    pub(super) options: &'a ScanOptions,
    pub(super) walker: WalkerKind,
    pub(super) base: Option<&'a Snapshot>,
    pub(super) roots: &'a [RootNames],
    pub(super) output: &'a Path,
    /// The program's own files and the mount points. They are always read.
    pub(super) unhinted: [&'a [Vec<u8>]; 2],
    pub(super) boundary: Time,
    pub(super) window: Duration,
    pub(super) monitor: &'a dyn Monitor,
}

impl HintPlan {
    /// Asks the inode tables, if nothing else says where to read.
    ///
    /// # Errors
    /// [`Error::Source`] if they must be used and cannot be; a damaged base.
    pub(super) fn ask_inodes(&mut self, context: &InodeContext<'_>) -> Result<()> {
        let InodeContext { options, walker, base, roots, .. } = *context;
        let insists = options.source == SourceChoice::Inodes;
        let Some(base) = base.filter(|_| options.source != SourceChoice::Walk && self.hint_filter.is_none()) else {
            return Ok(());
        };
        let until = context.boundary.saturating_sub(context.window.max(Duration::from_secs(1)));
        let question = InodeQuestion {
            base,
            roots,
            output: context.output,
            until,
            distrusted: &options.distrusted,
            are_snapshots: options.snapshot_roots,
            insists,
            io_timeout: options.io_timeout,
            monitor: context.monitor,
        };
        let answer = match walker {
            WalkerKind::Portable => InodeAnswer::closed(&question, &SourceProblem::PortableWalker),
            WalkerKind::Native => ask_inodes(&question),
        };
        let answer = match answer {
            // A walk may do without what is damaged.
            Err(Error::Snapshot { .. }) if !insists => return Ok(()),
            answer => answer?,
        };
        let refused = answer.parts.iter().find(|part| part.is_root && part.problem.is_some());
        if let (true, Some(PartUse { path, problem: Some(problem), .. })) = (insists, refused)
            && !problem.is_error()
        {
            return Err(Error::Source { path: path.clone(), problem: problem.clone() });
        }
        for part in &answer.parts {
            if let Some(SourceProblem::Missed(path)) = &part.problem {
                context.monitor.warning(Warning { path: path.clone(), cause: Cause::NotShown });
            }
        }
        if answer.is_used() {
            return self.use_inodes(answer, context, base);
        }
        self.inodes = Some(answer);
        Ok(())
    }

    /// The marks that the tables gave, before they were read.
    pub(super) fn marks(&self) -> &[Mark] {
        self.inodes.as_ref().map_or(&[], |inodes| &inodes.marks)
    }

    fn use_inodes(&mut self, mut answer: InodeAnswer, context: &InodeContext<'_>, base: &Snapshot) -> Result<()> {
        let mut dirty = std::mem::take(&mut answer.dirty);
        let of_base = [&base.meta().own_files[..], &base.meta().mount_points];
        for path in context.unhinted.into_iter().chain(of_base).flatten() {
            dirty.insert_path(path, &answer.names);
        }
        let audit = Audit::next(base, context.options.audit.unwrap_or(OF_INODES))?;
        self.audited = audit.last;
        self.until = context.boundary.saturating_sub(context.window.max(AUDIT_MARGIN));
        let parts = answer.trees.iter().copied().collect();
        self.hint_filter = Some(HintFilter { dirty, blind: BlindSpots::INODES, audited: audit.rows, parts });
        self.inodes = Some(answer);
        Ok(())
    }

    /// An entry changed that the tables did not show: none of them are believed.
    pub(super) fn reject_inodes(&mut self, missed: &[u8], monitor: &dyn Monitor) {
        let shown = to_path(missed).into_owned();
        monitor.warning(Warning { path: shown.clone(), cause: Cause::NotShown });
        self.hint_filter = None;
        let Some(inodes) = &mut self.inodes else { return };
        // The innermost part that holds it.
        let holds = |part: &&mut PartUse| is_within(missed, &to_bytes(&part.path));
        if let Some(part) = inodes.parts.iter_mut().filter(holds).max_by_key(|part| part.path.as_os_str().len()) {
            part.problem = Some(SourceProblem::Missed(shown));
        }
        inodes.close(&SourceProblem::NotBelieved);
    }

    /// Gives up the tables if something else lies now where they were read. True if so: then the tree has to be walked
    /// again.
    pub(super) fn reject_moved_inodes(&mut self, timeout: Option<Duration>, monitor: &dyn Monitor) -> bool {
        let Some(inodes) = self.inodes.as_mut().filter(|_| self.hint_filter.is_some()) else { return false };
        if inodes.is_in_place(timeout, monitor) {
            return false;
        }
        inodes.close(&SourceProblem::Moved);
        self.hint_filter = None;
        true
    }
}
