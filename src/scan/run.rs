//! The steps of a scan.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::base_lookup::SnapshotLookup;
use super::collector::Collector;
use super::hint_plan::{HintContext, HintPlan, mount_points};
use super::inode_plan::InodeContext;
use super::missed_hints::MissedHints;
use super::own_files::OwnFiles;
use super::scope::{ScanRoots, fingerprint, foreign_mounts, prepare_roots, scope};
use super::{ScanOptions, ScanOutcome, SourceChoice};
use crate::filter::Filter;
use crate::metadata::Time;
use crate::monitor::Monitor;
use crate::snapshot::{BuiltDir, Device, Header, Meta, Snapshot, System, WalkerKind};
use crate::sources;
use crate::sys::clock;
use crate::sys::durable::AtomicFile;
use crate::sys::filesystem::{self, Mark, Marks};
use crate::sys::timeout::with_timeout;
use crate::walk::{self, Devices, FinishedRoot, ForeignMounts, WalkDevice, WalkPlan};
use crate::{Error, OutputProblem, Result, SnapshotProblem};

/// A scan whose options, roots and files were checked.
pub(super) struct ScanRun<'a> {
    options: &'a ScanOptions,
    base: Option<&'a Snapshot>,
    output: &'a Path,
    monitor: &'a dyn Monitor,
    started: Time,
    timer: Instant,
    walker: WalkerKind,
    filter: Filter,
    roots: ScanRoots,
    scope: Meta,
    own: OwnFiles,
    mount_points: Vec<Vec<u8>>,
    foreign: ForeignMounts,
    /// Known before the walk: a file that is removed meanwhile is still the base's.
    may_be_overlay: bool,
    boundary: Time,
    window: Duration,
    marks: Marks,
}

/// What a walk came to.
pub(super) struct WalkedTree<'a> {
    collector: Collector<'a>,
    roots: Vec<FinishedRoot<BuiltDir>>,
    devices: Vec<WalkDevice>,
}

impl<'a> ScanRun<'a> {
    /// Checks everything that can be refused before anything is read or written, and takes the time.
    pub(super) fn prepare(
        options: &'a ScanOptions,
        base: Option<&'a Snapshot>,
        output: &'a Path,
        monitor: &'a dyn Monitor,
    ) -> Result<Self> {
        let (started, timer) = (clock::precise(), Instant::now());
        let walker = options.checked_walker()?;
        let roots = ScanRoots::new(prepare_roots(options, monitor)?, options, monitor);
        let filter = Filter::new(&options.filter, &roots.all_paths())?;
        let scope = scope(&roots.paths, &options.filter);
        if let Some(base) = base {
            crate::snapshot::same_scope(base.meta(), &scope)?;
        }
        check_output(output, base)?;
        let own = OwnFiles::find(options, base, output, &roots)?;
        let mount_points = mount_points(&roots.names);
        let foreign =
            if options.filter.one_file_system { foreign_mounts(&roots.names) } else { ForeignMounts::default() };
        // An overlay over the file that it replaces would have lost that.
        let needed = base.map(|base| base.overlay_base().unwrap_or(base));
        let may_be_overlay = options.overlay && needed.is_some_and(|needed| !is_same_file(output, needed.path()));
        // Before anything is read: what changes from now on shows in them.
        let marks = marks(&roots.paths, options, monitor);
        let boundary = options.boundary.unwrap_or_else(clock::coarse);
        let window = options.racy_window.unwrap_or_else(|| walk::default_window(options.settle));
        Ok(Self {
            options,
            base,
            output,
            monitor,
            started,
            timer,
            walker,
            filter,
            roots,
            scope,
            own,
            mount_points,
            foreign,
            may_be_overlay,
            boundary,
            window,
            marks,
        })
    }

    /// Where the walk has to read, if there are hints.
    pub(super) fn plan_hints(&self) -> Result<HintPlan> {
        let Some(source) = &self.options.hints else { return Ok(HintPlan::default()) };
        let answer = sources::read(&source.bytes, &source.name, &self.roots.names)?;
        let context = HintContext {
            options: self.options,
            walker: self.walker,
            base: self.base,
            roots: &self.roots.names,
            unhinted: [&self.own.paths, &self.mount_points],
            boundary: self.boundary,
            monitor: self.monitor,
        };
        HintPlan::prepare(answer, source.trust, &context)
    }

    /// Where the walk has to read, if there are no hints that say so, and the inode tables can say it.
    pub(super) fn plan_inodes(&self, plan: &mut HintPlan) -> Result<()> {
        let context = InodeContext {
            options: self.options,
            walker: self.walker,
            base: self.base,
            roots: &self.roots.names,
            output: self.output,
            unhinted: [&self.own.paths, &self.mount_points],
            boundary: self.boundary,
            window: self.window,
            monitor: self.monitor,
        };
        plan.ask_inodes(&context)
    }

    /// Walks the tree; once more if the hints or the inode tables turn out not to be enough.
    pub(super) fn walk(&self, plan: &mut HintPlan) -> Result<WalkedTree<'a>> {
        let devices = Devices::new(self.boundary, self.window, self.frozen(), self.marks.clone().with(plan.marks()));
        let lookup = SnapshotLookup::new(self.base);
        loop {
            let (mut collector, roots) = self.walk_once(plan, &devices, &lookup)?;
            let again = match (self.base, collector.hint_findings()) {
                (Some(base), Some(findings)) => {
                    plan.plan_second_walk(findings, base, &self.roots.names, self.monitor)?
                        || plan.reject_moved_inodes(self.options.io_timeout, self.monitor)
                }
                _ => false,
            };
            if !again {
                return Ok(WalkedTree { collector, roots, devices: devices.into_table() });
            }
        }
    }

    /// The file systems of roots that are snapshots. A root that cannot be looked at fails later.
    fn frozen(&self) -> Vec<u64> {
        let roots = self.roots.paths.iter().filter(|_| self.options.snapshot_roots);
        roots.filter_map(|root| crate::sys::stat_following(root).ok().map(|stat_at| stat_at.dev)).collect()
    }

    fn walk_once(
        &self,
        plan: &HintPlan,
        devices: &Devices,
        lookup: &SnapshotLookup<'a>,
    ) -> Result<(Collector<'a>, Vec<FinishedRoot<BuiltDir>>)> {
        let hint_filter = plan.hint_filter.as_ref();
        let missed_hints = hint_filter.map(|_| MissedHints::new(plan.until));
        let plan = WalkPlan {
            roots: &self.roots.paths,
            filter: &self.filter,
            threads: self.options.walk_threads(),
            settle: self.options.settle,
            io_timeout: self.options.io_timeout,
            hint_filter,
            own: &self.own.for_walk,
            foreign: &self.foreign,
            trusts_listings: self.base.is_some_and(|base| !clock::has_booted_since(base.header().started)),
            round: self.round(),
        };
        let collector = Collector::new(self.base, missed_hints, self.output);
        let roots = match self.walker {
            WalkerKind::Native => walk::native(&plan, devices, lookup, &collector, self.monitor)?,
            WalkerKind::Portable => walk::portable(&plan, devices, lookup, &collector, self.monitor)?,
        };
        if self.monitor.cancelled() {
            return Err(Error::Interrupted);
        }
        Ok((collector, roots))
    }

    /// Writes the snapshot.
    pub(super) fn write(&self, tree: WalkedTree<'a>, plan: &HintPlan, file: AtomicFile) -> Result<Header> {
        let WalkedTree { mut collector, roots, devices } = tree;
        let mut top = collector.top(&self.scope.roots, &roots);
        if devices.iter().any(|d| d.unknown_clock) {
            // A walk at a given time takes no time.
            let walk = if self.options.boundary.is_some() { Duration::ZERO } else { self.timer.elapsed() };
            top = collector.flag_newest(top, &devices, walk, self.boundary)?;
        }
        let devices: Vec<_> = devices
            .into_iter()
            .map(|WalkDevice { kind, identity, boundary, mark, .. }| {
                // What hints did not name is as old as the base.
                let mark = if plan.used_hints() { self.mark_of_base(&identity) } else { mark };
                Device { kind, identity, boundary: (boundary.sec, boundary.nsec), mark }
            })
            .collect();
        let (meta, header) = (self.meta(plan), self.header(plan));
        // What comes from the base is copied now, each directory with the digest that it was checked against.
        self.base.map_or(Ok(()), Snapshot::check_unchanged)?;
        collector.builder.write(top, &devices, meta, header, self.may_be_overlay, file, self.monitor)
    }

    /// The base's mark of a file system.
    fn mark_of_base(&self, identity: &str) -> Option<Mark> {
        let devices = &self.base?.meta().devices;
        devices.iter().find(|device| device.identity == identity && !identity.is_empty())?.mark.clone()
    }

    /// The description of the scan; the builder adds what it knows of the tree.
    fn meta(&self, plan: &HintPlan) -> Meta {
        // More happened since an earlier clock than since a later one, so the base's may stay.
        let clock_of_base = || self.base.and_then(|base| base.meta().watchman_clock.clone());
        Meta {
            own_files: self.own.paths.clone(),
            mount_points: self.mount_points.clone(),
            base: self.base.map(|base| (base.header().identity, base.oldest_state())),
            watchman_clock: plan.watchman_clock.clone().or_else(clock_of_base),
            audited: plan.audited.clone(),
            ..self.scope.clone()
        }
    }

    /// The number of this scan among those by a base.
    fn round(&self) -> u8 {
        if cfg!(windows) { self.base.map_or(0, |base| base.header().round.wrapping_add(1)) } else { 0 }
    }

    /// The header; the builder adds what it knows of the tree.
    fn header(&self, plan: &HintPlan) -> Header {
        Header {
            walker: self.walker,
            system: System::HERE,
            round: self.round(),
            started: self.started,
            finished: clock::precise(),
            boundary: self.boundary,
            racy_window: self.window,
            scan_fingerprint: fingerprint(&self.scope),
            hints_since: plan.next_since(self.base, self.started),
            ..Header::default()
        }
    }

    /// What the caller learns.
    pub(super) fn outcome(&self, header: &Header, plan: HintPlan) -> ScanOutcome {
        let is_overlay = header.own_directories < header.directories;
        ScanOutcome {
            counts: header.counts,
            bytes: header.file_len,
            root_digest: header.root_digest,
            hints: plan.used,
            parts: plan.inodes.map(|inodes| inodes.parts).unwrap_or_default(),
            // A directory that was not listed says nothing about patterns.
            unmatched: self.base.is_none().then(|| self.filter.unmatched(&self.options.filter.patterns)),
            overlay_of: self
                .base
                .filter(|_| is_overlay)
                .map(|base| base.overlay_base().unwrap_or(base).path().to_owned()),
        }
    }
}

/// The marks of the file systems before anything is read. None if nobody will ask for them, or no answer comes.
fn marks(roots: &[PathBuf], options: &ScanOptions, monitor: &dyn Monitor) -> Marks {
    let Some(first) = roots.first().filter(|_| options.source != SourceChoice::Walk) else { return Marks::default() };
    let own = roots.to_owned();
    with_timeout(first, options.io_timeout, monitor, move || Ok(filesystem::marks(&own))).unwrap_or_default()
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    canonical(a).is_some_and(|a| canonical(b) == Some(a))
}

/// An existing file is replaced only if it is a snapshot (or empty): a typing error must not cost anybody a file. The
/// file that the base needs is not replaced.
fn check_output(output: &Path, base: Option<&Snapshot>) -> Result<()> {
    match Snapshot::open(output) {
        Err(Error::Snapshot { problem: SnapshotProblem::NotASnapshot, path }) => {
            return Err(Error::output(&path, OutputProblem::NotASnapshot));
        }
        // A file that cannot be read may be anything.
        Err(error @ Error::Io { .. }) => return Err(error),
        // A damaged or older snapshot may be replaced. Anything but a file is refused when it is created.
        _ => {}
    }
    match base.and_then(Snapshot::overlay_base) {
        Some(needed) if is_same_file(output, needed.path()) => Err(Error::output(output, OutputProblem::BelowBase)),
        _ => Ok(()),
    }
}
