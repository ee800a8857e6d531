//! Promise 3 as a property: whatever is edited, whatever becomes of the runs, a mirror that follows the lists is the
//! tree after each run that succeeded. A run that did not succeed may have applied any part of its list.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use fastdiff::jobs::{Commit, JobStore, LockedJob, RunRequest, RunResult, StartedRun};
use fastdiff::path::to_path;
use fastdiff::{ChangeKind, NoMonitor, ScanOptions};
use proptest::prelude::*;

use crate::properties::cases;
use crate::properties::edits::{Edit, Tree, changing, making};
use crate::properties::names::any_name;

/// What a mirror holds of an entry: kind, mode, and content or target.
pub(super) type Copied = (char, u32, Vec<u8>);

/// What a backup holds by path.
pub(super) type Mirror = BTreeMap<Vec<u8>, Copied>;

/// What became of a run.
#[derive(Debug, Clone, Copy)]
enum Became {
    Success,
    /// So many percent of its list were applied.
    Failure(u8),
    /// The same, and nobody was told.
    Crash(u8),
    Abort(u8),
    /// The snapshot of the baseline is damaged before the next run.
    Damage,
}

fn became() -> impl Strategy<Value = Became> {
    prop_oneof![
        4 => Just(Became::Success),
        2 => (0..=100_u8).prop_map(Became::Failure),
        2 => (0..=100_u8).prop_map(Became::Crash),
        2 => (0..=100_u8).prop_map(Became::Abort),
        1 => Just(Became::Damage),
    ]
}

fn copied(path: &Path) -> Option<Copied> {
    let meta = path.symlink_metadata().ok()?;
    let mode = meta.permissions().mode();
    let kind = meta.file_type();
    Some(if kind.is_dir() {
        ('d', mode, Vec::new())
    } else if kind.is_symlink() {
        ('l', 0, fs::read_link(path).ok()?.as_os_str().as_bytes().to_vec())
    } else if kind.is_fifo() {
        ('p', mode, Vec::new())
    } else {
        ('f', mode, fs::read(path).ok()?)
    })
}

/// The tree as a mirror should hold it.
pub(super) fn truth(root: &Path) -> Mirror {
    let mut found = Mirror::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let entry = copied(&path).expect("nothing else changes the tree");
        if entry.0 == 'd' {
            waiting.extend(fs::read_dir(&path).expect("a readable directory").map(|e| e.expect("an entry").path()));
        }
        found.insert(path.as_os_str().as_bytes().to_vec(), entry);
    }
    found
}

/// Applies the first so many percent of a list.
fn apply(mirror: &mut Mirror, started: &StartedRun, percent: u8) {
    let changes: Vec<_> = started.diff().changes_without_renames().map(|c| c.expect("undamaged")).collect();
    let count = changes.len() * usize::from(percent) / 100;
    for change in &changes[..count] {
        match change.kind {
            ChangeKind::Removed => {
                mirror.remove(&change.path);
            }
            ChangeKind::Unknown => panic!("everything can be read"),
            _ => {
                let entry = copied(&to_path(&change.path)).expect("what is listed is there");
                mirror.insert(change.path.clone(), entry);
            }
        }
    }
    // As programs do: what lies in something that is no directory any more is gone with it.
    let dirs: Vec<_> = mirror.iter().filter(|(_, e)| e.0 != 'd').map(|(p, _)| [p.as_slice(), b"/"].concat()).collect();
    mirror.retain(|path, _| !dirs.iter().any(|dir| path.starts_with(dir)));
}

fn begin(locked: &LockedJob, root: &Path) -> StartedRun {
    // Past the tick of the last edit.
    crate::properties::place::settle();
    let mut scan = ScanOptions::new([root]);
    scan.racy_window = Some(std::time::Duration::ZERO);
    let mut request = RunRequest::new(scan, "mirror");
    (request.diff.renames, request.diff.allow_root_change) = (false, true);
    locked.begin(&request, &NoMonitor).expect("a readable tree")
}

fn follow(made: &[Edit], rounds: &[(Vec<Edit>, Became)]) -> Result<(), TestCaseError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let root = dir.path().join("tree");
    fs::create_dir(&root).expect("an empty directory");
    let mut tree = Tree::new(root.clone());
    tree.edit(made);
    let job = JobStore::open(dir.path().join("state")).expect("absolute").job("j").expect("a name");
    let mut mirror = Mirror::new();
    for (number, (edits, became)) in rounds.iter().enumerate() {
        tree.edit(edits);
        // As if each were a process of its own.
        let locked = job.lock().expect("nobody else has it");
        let started = begin(&locked, &root);
        if started.full.is_some() {
            // A full list names nothing that was deleted: the program itself has to look at everything.
            mirror.clear();
        }
        let nothing = RunResult::default();
        match became {
            Became::Success => {
                apply(&mut mirror, &started, 100);
                prop_assert_eq!(&mirror, &truth(&root), "after run {} of round {}", started.run, number);
                locked.commit(&Commit::run(started.run)).expect("it is pending");
            }
            Became::Failure(percent) => {
                apply(&mut mirror, &started, *percent);
                locked.failed(Some(started.run), &nothing).expect("it is pending");
            }
            Became::Crash(percent) => apply(&mut mirror, &started, *percent),
            Became::Abort(percent) => {
                apply(&mut mirror, &started, *percent);
                locked.abort(Some(started.run), &nothing).expect("it is pending");
            }
            Became::Damage => {
                drop(started);
                if let Some(committed) = locked.state().expect("undamaged").and_then(|state| state.committed) {
                    let path = job.dir().join(committed.file);
                    let mut bytes = fs::read(&path).expect("it is there");
                    let at = bytes.len() / 3 + number;
                    bytes[at] ^= 1;
                    fs::write(&path, bytes).expect("it can be written");
                }
            }
        }
    }
    let locked = job.lock().expect("nobody else has it");
    let started = begin(&locked, &root);
    if started.full.is_some() {
        mirror.clear();
    }
    apply(&mut mirror, &started, 100);
    prop_assert_eq!(&mirror, &truth(&root), "at last");
    Ok(())
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn a_mirror_that_follows_the_lists_is_the_tree_after_each_success(
        made in making(any_name(), true),
        rounds in proptest::collection::vec((changing(any_name(), true, 5), became()), 1..9),
    ) {
        follow(&made, &rounds)?;
    }
}
