//! A scan with hints equals a full one if the hints name every change as a watcher does: each entry that came, went or
//! changed; of a moved directory only itself; of a file with several names only one of them, also one that is left out;
//! what lies behind a symlink by the way through it, also if the symlink is gone by then; in lines or ended by NUL.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use fastdiff::{
    Digest, FilterOptions, Hints, HintsProblem, HintsUse, NoMonitor, Pattern, ScanOptions, ScanOutcome, Snapshot,
    WalkerKind, scan,
};
use proptest::prelude::*;
use proptest::sample::Index;

use super::base::{now, state};
use super::cases;
use super::edits::{Edit, changing, making};
use super::model::{Model, ancestors, read};
use super::names::any_name;
use super::place::{Boundary, Place};

/// The directory that may be left out.
const LEFT_OUT: &str = "ex";

/// The symlink that comes and may go.
const LINK: &str = "link";

/// A list by a watcher.
#[derive(Debug, Clone)]
struct ListForm {
    /// Of several names of one file it holds the first or the last.
    first: bool,
    /// Paths are lines.
    by_lines: bool,
    /// It says that the watcher follows no symlinks.
    without_symlinks: bool,
}

/// One round of changes.
#[derive(Debug, Clone)]
struct Round {
    edits: Vec<Edit>,
    list: ListForm,
    /// The directory that the symlink leads to while the edits are made, and whether it stays.
    link: Option<(Index, bool)>,
    overlay: bool,
}

fn any_round() -> impl Strategy<Value = Round> {
    let list = (any::<bool>(), proptest::bool::weighted(0.3), any::<bool>())
        .prop_map(|(first, by_lines, without_symlinks)| ListForm { first, by_lines, without_symlinks });
    let link = proptest::option::weighted(0.3, (any::<Index>(), any::<bool>()));
    (changing(any_name(), true, 4), list, link, any::<bool>()).prop_map(|(edits, list, link, overlay)| Round {
        edits,
        list,
        link,
        overlay,
    })
}

/// The statement that hints are complete since a base began.
fn since(base: &Snapshot, form: &ListForm) -> String {
    let hex = |digest: &Digest| {
        digest.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let end = if form.without_symlinks { " without symlinks" } else { "" };
    format!("# complete since base {}{end}", hex(&base.header().identity))
}

/// The hints of a watcher: the paths at which something changed, less what follows from others. Of the names of one
/// file it names the first or the last; if one of them came or went, only that.
fn watched(before: &Model, after: &Model, first: bool) -> BTreeSet<Vec<u8>> {
    let is_directory = |stat: &fastdiff::Stat| stat.kind() == fastdiff::Kind::Dir;
    let differs = |path: &Vec<u8>| before.get(path) != after.get(path);
    let mut paths: BTreeSet<_> = before.keys().chain(after.keys()).filter(|path| differs(path)).cloned().collect();
    let arrived = |path: &[u8]| match (before.get(path), after.get(path)) {
        (Some(before), Some(after)) => before.ino != after.ino || before.kind() != after.kind(),
        _ => true,
    };
    // It names nothing below an entry that came, went or was replaced.
    let told: Vec<_> =
        paths.iter().filter(|path| !ancestors(path).any(|a| paths.contains(a) && arrived(a))).cloned().collect();
    paths = told.into_iter().collect();
    let mut names: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
    let mut moved = BTreeSet::new();
    for path in &paths {
        match (before.get(path), after.get(path)) {
            // The same name before and after: a change through one of the names.
            (Some(old), Some(new)) if old.ino == new.ino => {
                if !is_directory(new) && !is_directory(old) {
                    names.entry(new.ino).or_default().push(path.clone());
                }
            }
            (old, new) => moved.extend([old, new].into_iter().flatten().filter(|s| !is_directory(s)).map(|s| s.ino)),
        }
    }
    for (ino, same) in &names {
        let kept = match (moved.contains(ino), first) {
            (true, _) => None,
            (_, true) => Some(0),
            (_, false) => Some(same.len() - 1),
        };
        for (number, path) in same.iter().enumerate() {
            if Some(number) != kept {
                paths.remove(path);
            }
        }
    }
    paths
}

/// A symlink in the root, and the directory that it leads to.
struct Link {
    path: PathBuf,
    target: PathBuf,
}

impl Link {
    /// None if something has its name.
    fn to_one_of(before: &Model, root: &Path, which: Index) -> Option<Self> {
        let is_directory = |(_, stat): &(&Vec<u8>, &fastdiff::Stat)| stat.kind() == fastdiff::Kind::Dir;
        let dirs: Vec<_> = before.iter().filter(is_directory).map(|(path, _)| path).collect();
        let target: &&Vec<u8> = which.get(&dirs);
        let target = PathBuf::from(OsStr::from_bytes(target));
        let path = root.join(LINK);
        std::os::unix::fs::symlink(&target, &path).ok()?;
        Some(Self { path, target })
    }

    /// The hints of a watcher that came through the symlink.
    fn through(&self, hints: BTreeSet<Vec<u8>>) -> BTreeSet<Vec<u8>> {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        let (target, path) = (bytes(&self.target), bytes(&self.path));
        let below =
            |hint: &Vec<u8>| hint.strip_prefix(&target[..]).filter(|rest| rest.starts_with(b"/")).map(<[u8]>::to_vec);
        let mut through: BTreeSet<_> = hints
            .into_iter()
            .map(|hint| match below(&hint) {
                Some(rest) if hint != path => [&path[..], &rest].concat(),
                _ => hint,
            })
            .collect();
        through.insert(path);
        through
    }
}

fn by_hints(place: &Place, options: &ScanOptions, base: &Snapshot, name: &str) -> (ScanOutcome, Snapshot) {
    let output = place.beside(name);
    let outcome = scan(options, Some(base), &output, &NoMonitor).expect("a scan of a readable tree");
    (outcome, Snapshot::open(&output).expect("what was just written"))
}

/// A filter that leaves out the directory that is made to be left out, or those with a marker, or nothing.
fn leaving_out(marked: bool, left_out: bool) -> FilterOptions {
    let mut filter = Place::marked(marked);
    filter.patterns.extend(left_out.then(|| Pattern::new(format!("/{LEFT_OUT}/"))));
    filter
}

/// Whether hints may be no proof although they are true: what they mean cannot be known, or is not worth knowing.
fn may_be_unclear(round: &Round, problem: &HintsProblem) -> bool {
    match problem {
        HintsProblem::ThroughSymlink(_) => true,
        HintsProblem::NoPlace(_) => !round.list.without_symlinks,
        // A name that begins or ends with a line break, or one of whose parts is `..`.
        HintsProblem::NoPath(_) => round.list.by_lines,
        _ => false,
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn a_scan_with_the_hints_of_a_watcher_equals_a_full_one(
        made in making(any_name(), true),
        rounds in proptest::collection::vec(any_round(), 1..5),
        audit in proptest::sample::select(&[0.0, 5.0, 30.0][..]),
        marked: bool,
        left_out: bool,
    ) {
        let mut place = Place::new(&made);
        let _ = std::fs::create_dir(place.root().join(LEFT_OUT));
        let filter = leaving_out(marked, left_out);
        let mut base = place.snap_by(Boundary::Settled, WalkerKind::Native, &filter);
        let mut before = read(place.root());
        for (number, round) in rounds.iter().enumerate() {
            let list = &round.list;
            let link = round.link.and_then(|(to, _)| Link::to_one_of(&before, place.root(), to));
            place.tree.edit(&round.edits);
            if let (Some(link), Some((_, false))) = (&link, round.link) {
                let _ = std::fs::remove_file(&link.path);
            }
            let after = read(place.root());
            let mut hints = watched(&before, &after, list.first);
            if let Some(link) = &link && !list.without_symlinks {
                hints = link.through(hints);
            }
            let mut bytes = Vec::new();
            let end = if list.by_lines { b"\n" } else { b"\0" };
            for line in std::iter::once(since(&base, list).into_bytes()).chain(hints) {
                bytes.extend_from_slice(&line);
                bytes.extend_from_slice(end);
            }
            let _ = place.options(Boundary::Settled);
            let mut options = place.options(now());
            options.filter = filter.clone();
            let full = place.snap_with(&options);
            options.hints = Some(Hints::new("watched", bytes));
            options.audit = Some(audit);
            options.overlay = round.overlay;
            let (outcome, short) = by_hints(&place, &options, &base, &format!("hinted-{number}.snap"));
            match &outcome.hints {
                Some(HintsUse::Used { .. }) => {}
                Some(HintsUse::NotUsed(problem)) if may_be_unclear(round, problem) => {}
                other => prop_assert!(false, "{other:?}"),
            }
            prop_assert_eq!(state(&short), state(&full));
            prop_assert_eq!(short.verify().expect("undamaged").entries, full.header().counts.entries);
            (base, before) = (short, after);
        }
    }
}
