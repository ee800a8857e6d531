//! A scan: roots are checked, a walker reads them, the snapshot is built and written.

mod collector;
mod hint_plan;
mod missed_hints;
mod scope;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::collector::Collector;
use self::hint_plan::HintPlan;
pub(crate) use self::hint_plan::are_proved;
use self::missed_hints::MissedHints;
pub(crate) use self::scope::{fingerprint, scope_of};
use self::scope::{own_paths, prepare_roots, scope};
use crate::filter::{Filter, FilterOptions};
use crate::metadata::Time;
use crate::monitor::{Monitor, NoMonitor};
use crate::snapshot::{Counts, Device, Digest, Header, Snapshot, WalkerKind};
use crate::sources::RootNames;
use crate::sys::durable::{Access, AtomicFile};
use crate::sys::{self, clock};
use crate::walk::{self, Devices, OwnFile, WalkPlan};
use crate::{Error, OutputProblem, Result, SnapshotProblem, Unsupported};

/// More threads than these wait for each other alone.
const MOST_THREADS: usize = 1024;

/// What to scan and how. `ScanOptions::new(["/home/me"])` and the defaults are right for most.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// The directories to scan. Relative ones are made absolute; a symlink is followed.
    pub roots: Vec<PathBuf>,
    /// What to leave out.
    pub filter: FilterOptions,
    /// Which walker reads the directories.
    pub walker: WalkerKind,
    /// Number of threads; none for as many as there are processors while calls are answered at once, and more while they
    /// wait for a disk or a server. At most 1024.
    pub threads: Option<usize>,
    /// How young a stamp must be for an entry to be racy; none for the default, which is long enough
    /// for the kernel to have begun writing back what a program stored into a mapped file.
    pub racy_window: Option<Duration>,
    /// Write back what is in memory before the walk, so that a short window is enough.
    pub settle: bool,
    /// How long the system may take for one answer before the directory is given up as unknown; none to
    /// wait for ever. The native walker's alone. A thread that waits is left behind until its call returns,
    /// which may keep the process from ending; calls through such threads cost some processor time.
    pub io_timeout: Option<Duration>,
    /// Where something changed since the base began; none to look everywhere. Only with a base, for the native walker.
    pub hints: Option<HintsSource>,
    /// So many percent of the tree a narrowed scan looks at without a hint, each time others, to find lost ones.
    pub audit: f64,
    /// Write only what differs from the base, if that is little. The snapshot needs the base's file from then on.
    pub overlay: bool,
    /// Directories of the caller's own state, absolute and without symlinks: left out with all that lies in them.
    pub own_dirs: Vec<PathBuf>,
    /// The time before the walk; none for that of the system's clock. A fixed one gives the same bytes for the same tree.
    pub boundary: Option<Time>,
}

impl ScanOptions {
    /// The defaults, for these roots.
    pub fn new(roots: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            roots: roots.into_iter().map(Into::into).collect(),
            filter: FilterOptions::default(),
            walker: if sys::HAS_NATIVE_WALKER { WalkerKind::Native } else { WalkerKind::Portable },
            threads: None,
            racy_window: None,
            settle: false,
            io_timeout: None,
            hints: None,
            audit: 5.0,
            overlay: false,
            own_dirs: Vec::new(),
            boundary: None,
        }
    }

    /// Looks whether the patterns can be understood and the roots be walked together, without a walk.
    ///
    /// # Errors
    /// [`Error::Pattern`] and [`Error::Root`], as [`scan`] gives them.
    pub fn check(&self) -> Result<()> {
        self.filter.check()?;
        prepare_roots(self, &NoMonitor).map(drop)
    }
}

/// Hints as they come from a watcher; docs/hints.md describes the forms.
#[derive(Debug, Clone)]
pub struct HintsSource {
    /// Where they come from, for messages.
    pub name: PathBuf,
    /// The hints.
    pub bytes: Vec<u8>,
    /// Rely on them although they do not say what they are complete since.
    pub trust: bool,
}

/// What became of the hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HintsUse {
    /// Only what they name was looked at, and what has to be in any case.
    Narrowed {
        /// Paths that were named.
        paths: u64,
        /// Those of them that lie outside of the roots.
        outside: u64,
    },
    /// Everything was looked at, for this reason.
    NotUsed(String),
    /// Everything was looked at; they were only the clock of watchman, which the next ones will be complete since.
    ClockKept,
}

/// What a scan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanOutcome {
    /// Counts by kind.
    pub counts: Counts,
    /// Size of the snapshot file in bytes.
    pub bytes: u64,
    /// Digest of the whole tree.
    pub root_digest: Digest,
    /// What became of the hints, if there were any.
    pub hints: Option<HintsUse>,
    /// The snapshot is an overlay: it needs the file of this one.
    pub overlay_of: Option<PathBuf>,
}

impl ScanOutcome {
    /// Whether everything could be read. If not, the snapshot says what is unknown.
    pub fn is_complete(&self) -> bool {
        self.counts.unknown == 0
    }
}

/// Scans the roots and writes a snapshot to `output`, which is replaced whole or not at all. With a
/// `base`, an earlier snapshot of the same roots and filters, what cannot be read is taken over from
/// there and marked unknown; without one it is recorded as unknown.
///
/// Entries that cannot be read are warnings to the `monitor` and counted, not errors.
///
/// Costs two system calls per directory beside its listing and one per other entry; with a base no listing of what provably
/// did not change; with hints only what they name. Memory: at most 24 MB of finished directories, some 90 bytes for
/// each directory, and one directory's entries a thread.
///
/// # Errors
/// [`Error::Root`] for a root that is missing, no directory, not readable or inside of another;
/// [`Error::Pattern`]; [`Error::Unsupported`]; [`Error::Incomparable`] for a base of other roots or filters;
/// [`Error::Output`] and [`Error::Io`] if the snapshot cannot be written; [`Error::Interrupted`].
pub fn scan(
    options: &ScanOptions,
    base: Option<&Snapshot>,
    output: &Path,
    monitor: &dyn Monitor,
) -> Result<ScanOutcome> {
    let started = clock::precise();
    let began = Instant::now();
    let walker = if sys::HAS_NATIVE_WALKER { options.walker } else { WalkerKind::Portable };
    if options.io_timeout.is_some() && walker == WalkerKind::Portable {
        return Err(Error::Unsupported(Unsupported::TimeoutOfPortable));
    }
    if !options.audit.is_finite() {
        return Err(Error::Unsupported(Unsupported::AuditShare));
    }
    let filter = Filter::new(&options.filter)?;
    let roots = prepare_roots(options, monitor)?;
    let mut scope = scope(&roots, &options.filter);
    if let Some(base) = base {
        crate::snapshot::same_scope(base.meta(), &scope)?;
    }
    check_output(output)?;
    if let Some(needed) = base.and_then(Snapshot::overlay_base)
        && is_same_file(output, needed.path())
    {
        return Err(Error::output(output, OutputProblem::BelowBase));
    }
    let mut own: Vec<_> = OwnFile::new(output).into_iter().collect();
    own.extend(base.and_then(|b| OwnFile::new(b.path())));
    let below = base.and_then(Snapshot::overlay_base);
    own.extend(below.and_then(|b| OwnFile::new(b.path())));
    own.extend(options.own_dirs.iter().filter_map(|dir| OwnFile::new(dir)));
    let own_files = [Some(output), base.map(Snapshot::path), below.map(Snapshot::path)];
    let names: Vec<_> = roots.iter().map(|root| named(root, options, monitor)).collect();
    scope.own_files = own_paths(own_files, &options.own_dirs, &roots, &names)?;
    scope.mount_points = hint_plan::mount_points(&names);
    scope.base = base.map(|b| (b.header().identity, b.oldest_state()));
    // What happened since an earlier clock is more than what happened since a later one.
    scope.watchman_clock = base.and_then(|b| b.meta().watchman_clock.clone());
    let boundary = options.boundary.unwrap_or_else(clock::coarse);
    let mut hint_plan = match &options.hints {
        Some(source) => Some(HintPlan::prepare(source, options, walker, base, &names, &scope, boundary)?),
        None => None,
    };
    // An overlay over the file that it replaces would have lost it.
    let overlay = options.overlay && base.is_some_and(|b| !is_same_file(output, below.unwrap_or(b).path()));
    let file = AtomicFile::create(output, Access::Private)?;

    let window = options.racy_window.unwrap_or_else(|| walk::default_window(options.settle));
    let devices = Devices::new(boundary, window);
    let (mut collector, finished) = loop {
        let hint_filter = hint_plan.as_ref().and_then(|hint_plan| hint_plan.hint_filter.as_ref());
        let plan = WalkPlan {
            roots: &roots,
            filter: &filter,
            threads: options.threads.map(|threads| threads.clamp(1, MOST_THREADS)),
            settle: options.settle,
            io_timeout: options.io_timeout,
            hint_filter,
            own: &own,
        };
        let missed_hints = hint_filter.and(hint_plan.as_ref()).map(|hint_plan| MissedHints::new(hint_plan.until));
        let mut collector = Collector::new(base, missed_hints, output);
        let finished = match walker {
            WalkerKind::Native => walk::native(&plan, &devices, &collector, monitor)?,
            WalkerKind::Portable => walk::portable(&plan, &devices, &collector, monitor)?,
        };
        if monitor.cancelled() {
            return Err(Error::Interrupted);
        }
        let again = match (&mut hint_plan, base, collector.found()) {
            (Some(hint_plan), Some(base), Some(found)) => hint_plan.is_not_enough(found, base, &names, monitor)?,
            _ => false,
        };
        if !again {
            break (collector, finished);
        }
    };
    let devices = devices.into_table();
    let mut top = collector.top(&scope.roots, &finished);
    // A walk at a given time takes no time.
    let walk = if options.boundary.is_some() { Duration::ZERO } else { began.elapsed() };
    if devices.iter().any(|d| d.unknown_clock) {
        top = collector.flag_newest(top, &devices, walk, boundary)?;
    }
    let devices: Vec<_> = devices
        .into_iter()
        .map(|d| Device { kind: d.kind, identity: d.identity, boundary: (d.boundary.sec, d.boundary.nsec) })
        .collect();
    let mut header = Header {
        walker,
        started,
        finished: clock::precise(),
        boundary,
        racy_window: window,
        scan_fingerprint: fingerprint(&scope),
        hints_since: started,
        ..Header::default()
    };
    if let Some(hint_plan) = &hint_plan {
        hint_plan.sign(&mut scope, &mut header, base);
    }
    // What was taken over from it is copied below, each directory with the digest that it was checked against.
    base.map_or(Ok(()), Snapshot::check_unchanged)?;
    let header = collector.builder.write(top, &devices, scope, header, overlay, file, monitor)?;
    let is_overlay = header.own_directories < header.directories;
    Ok(ScanOutcome {
        counts: header.counts,
        bytes: header.file_len,
        root_digest: header.root_digest,
        hints: hint_plan.map(|hint_plan| hint_plan.used),
        overlay_of: base.filter(|_| is_overlay).map(|b| b.overlay_base().unwrap_or(b).path().to_owned()),
    })
}

/// A root by its two names.
fn named(root: &Path, options: &ScanOptions, monitor: &dyn Monitor) -> RootNames {
    let path = root.to_owned();
    RootNames::with(root, walk::with_timeout(root, options.io_timeout, monitor, move || path.canonicalize()).ok())
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    canonical(a).is_some_and(|a| canonical(b) == Some(a))
}

/// An existing file is replaced only if it is a snapshot (or empty): a slip of the keyboard must not
/// cost somebody a file.
fn check_output(output: &Path) -> Result<()> {
    match Snapshot::open(output) {
        Err(Error::Snapshot { problem: SnapshotProblem::NotASnapshot, path }) => {
            Err(Error::output(&path, OutputProblem::NotASnapshot))
        }
        // What cannot be looked into may be anything.
        Err(error @ Error::Io { .. }) => Err(error),
        // A damaged or older snapshot is fit to be replaced; what is no file is refused when it is created.
        _ => Ok(()),
    }
}
