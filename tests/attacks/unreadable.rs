//! Unreadable is not deleted: random trees on a file system that fails at random places, against a plain model
//! of what is known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use fastdiff::{Fields, Stat};
use fuser::Errno;
use proptest::sample::Index;

use super::draw::Draws;
use super::report::{Attack, Promise, times};
use crate::properties::edits::{Edit, Tree, changing, making};
use crate::properties::model::{Model, ancestors, differing, read};
use crate::properties::names::any_name;
use crate::testenv::faultfs::{Fault, FaultFs, Phase, SECOND, Stamps};
use crate::testenv::{Run, TestEnv};

type Path = Vec<u8>;

/// What is known of a tree; none for an entry that is there and could not be looked at.
type Known = BTreeMap<Path, Option<Stat>>;

/// What fails in a tree.
#[derive(Debug, Default)]
struct Dark {
    /// Entries whose metadata cannot be read.
    without_stat: BTreeSet<Path>,
    /// Directories that cannot be listed, those without metadata included.
    unlisted: BTreeSet<Path>,
}

impl Dark {
    fn has(&self, path: &[u8]) -> bool {
        self.without_stat.contains(path) || self.unlisted.contains(path)
    }

    fn is_below(&self, path: &[u8]) -> bool {
        ancestors(path).any(|above| self.has(above))
    }

    /// What meets the walk: what is dark below something dark does not.
    fn met(&self) -> BTreeSet<Path> {
        self.without_stat.union(&self.unlisted).filter(|path| !self.is_below(path)).cloned().collect()
    }
}

/// Lets some calls about some paths fail.
fn darken(draws: &mut Draws, fs: &FaultFs, model: &Model) -> Dark {
    let mut dark = Dark::default();
    let paths: Vec<_> = model.keys().cloned().collect();
    for _ in 0..draws.draw(1..4_usize) {
        let path = draws.draw(proptest::arbitrary::any::<Index>()).get(&paths);
        let stat = &model[path];
        let is_root = path == &paths[0];
        let is_dir = stat.mode & 0o170_000 == 0o040_000;
        let phases = [Phase::Lookup, Phase::Getattr, Phase::Opendir, Phase::Readdir(draws.draw(0..4_u64))];
        let phase = match (is_root, is_dir) {
            (true, _) => phases[3],
            (_, true) => phases[draws.draw(0..4_usize)],
            _ => phases[draws.draw(0..2_usize)],
        };
        let errors = [Errno::EIO, Errno::EACCES, Errno::ESTALE, Errno::ENOTCONN];
        let error = errors[draws.draw(0..errors.len())];
        let relative = path.strip_prefix(&paths[0][..]).unwrap();
        fs.set(as_path(relative.strip_prefix(b"/").unwrap_or(relative)), phase, Fault::Error(error));
        let links = model.iter().filter(|(_, other)| matches!(phase, Phase::Getattr) && other.ino == stat.ino);
        for path in links.map(|(path, _)| path).chain([path]) {
            if matches!(phase, Phase::Lookup | Phase::Getattr) {
                dark.without_stat.insert(path.clone());
            }
            if is_dir {
                dark.unlisted.insert(path.clone());
            }
        }
    }
    dark
}

fn as_path(bytes: &[u8]) -> &std::path::Path {
    std::path::Path::new(OsStr::from_bytes(bytes))
}

fn all_known(model: &Model) -> Known {
    model.iter().map(|(path, stat)| (path.clone(), Some(*stat))).collect()
}

/// What a snapshot of a tree with dark places knows: the last known state of what is dark, if there is one.
fn known(model: &Model, dark: &Dark, last: Option<&Known>) -> Known {
    let mut known = Known::new();
    let is_dir = |stat: &Stat| stat.mode & 0o170_000 == 0o040_000;
    for (path, stat) in model.iter().filter(|(path, _)| !dark.is_below(path)) {
        let before = last.and_then(|last| last.get(path).copied().flatten());
        let seen = if dark.without_stat.contains(path) {
            // A listing tells of a directory that it is one, of everything else nothing.
            before.filter(|before| is_dir(before) || !is_dir(stat))
        } else {
            Some(*stat)
        };
        known.insert(path.clone(), seen);
        if dark.has(path) && before.is_some_and(|before| is_dir(&before)) {
            let below = last.into_iter().flatten().filter(|(other, _)| ancestors(other).any(|above| above == path));
            known.extend(below.map(|(path, stat)| (path.clone(), *stat)));
        }
    }
    known
}

/// What is dark and has no last known state: no program is told of it. `base` is what the base of the walk knew.
fn unread(dark: &Dark, seen: &Known, base: Option<&Known>) -> BTreeSet<Path> {
    let was_dir = |path: &Path| {
        let before = base.and_then(|base| base.get(path).copied().flatten());
        before.is_some_and(|before| before.mode & 0o170_000 == 0o040_000)
    };
    let is_carried = |path: &Path| {
        if dark.without_stat.contains(path) { seen.get(path).is_some_and(Option::is_some) } else { was_dir(path) }
    };
    dark.met().into_iter().filter(|path| !is_carried(path)).collect()
}

/// A list by letter.
type List = BTreeMap<char, BTreeSet<Path>>;

fn list(env: &TestEnv, old: &str, new: &str, code: i32) -> Result<List, String> {
    let run = env.run(["diff", old, new, "--emit", "name-status", "-z", "--no-renames", "--allow-root-change"]);
    if run.code != Some(code) {
        return Err(format!("diff {old} {new}: {:?}, not {code}: {}", run.code, run.stderr));
    }
    let mut list = List::new();
    let mut fields = run.bytes.split(|b| *b == 0);
    while let (Some([letter]), Some(path)) = (fields.next(), fields.next()) {
        list.entry(char::from(*letter)).or_default().insert(path.to_vec());
    }
    // The list for programs says the same.
    let json = env.run(["diff", old, new, "--emit", "json", "--no-renames", "--allow-root-change"]);
    let removed = json.stdout.matches("\"change\":\"removed\"").count();
    if removed != list.get(&'D').map_or(0, BTreeSet::len) {
        return Err(format!("diff {old} {new}: {removed} are removed in JSON, not {:?}", list.get(&'D')));
    }
    Ok(list)
}

/// Holds a list against what was known before and is known now. Nothing is said of what lies below `hidden`.
/// That something is suspect is always allowed where nothing else is to be said. What is `unread` could not be read on
/// the side where it is unknown.
fn compare(
    list: &List,
    before: &Known,
    now: &Known,
    unknown: &BTreeSet<Path>,
    unread: &BTreeSet<Path>,
    hidden: &Dark,
) -> Result<(), String> {
    let mut wrong = Vec::new();
    let letters =
        |path: &Path| list.iter().filter(|(_, paths)| paths.contains(path)).map(|(c, _)| *c).collect::<String>();
    let paths: BTreeSet<_> =
        before.keys().chain(now.keys()).chain(list.values().flatten()).filter(|path| !path.is_empty()).collect();
    for path in paths {
        let said = letters(path).replace('U', "");
        if letters(path).contains('U') != unknown.contains(path) {
            wrong.push(format!("{:?} is unknown or not", path.escape_ascii().to_string()));
        }
        let right: &[&str] = match (before.get(path), now.get(path)) {
            (Some(_), None) if hidden.is_below(path) => &[""],
            (Some(_), None) => &["D"],
            (None, Some(_)) if unknown.contains(path) && unread.contains(path) => &[""],
            (None, Some(_)) => &["A"],
            (Some(_), Some(_)) if !unknown.contains(path) && unread.contains(path) => &["A"],
            (Some(Some(old)), Some(Some(new))) => match differing(old, new) {
                fields if fields.contains(Fields::KIND) => &["T"],
                fields if !fields.is_empty() => &["M"],
                _ => &["", "S"],
            },
            (Some(_), Some(None)) => &[""],
            // Unknown before, and so unread.
            (Some(None), Some(Some(_))) | (None, None) => &[],
        };
        if !right.contains(&said.as_str()) {
            wrong.push(format!("{:?} is {said:?}, not one of {right:?}", path.escape_ascii().to_string()));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{wrong:#?}")) }
}

/// One try: a tree, a snapshot, edits, faults, a snapshot, edits, no faults, a snapshot.
fn fails_and_recovers(number: u32, walker: &str, with_base: bool) -> Option<Result<(), String>> {
    let mut draws = Draws::of(number);
    let env = TestEnv::new();
    // So long ago that little is racy.
    let stamps = Stamps { skew: -3600 * SECOND, ..Stamps::default() };
    let fs = FaultFs::mount(&env, "tree", stamps)?;
    let mut tree = Tree::new(fs.root().to_owned());
    let mut edit = |draws: &mut Draws, made: bool| {
        let edits: Vec<Edit> =
            if made { draws.draw(making(any_name(), true)) } else { draws.draw(changing(any_name(), true, 12)) };
        tree.edit(&edits);
        read(fs.root())
    };
    let snap = |output: &str, base: Option<&str>| {
        let args = ["snap", "tree", "-o", output, "--quiet", "--racy-window", "0", "--walker", walker];
        env.run(args.into_iter().chain(base.into_iter().flat_map(|base| ["--base", base])))
    };
    let outcome = (|| {
        let first = all_known(&edit(&mut draws, true));
        snap("old.snap", None).success();
        let during = edit(&mut draws, false);
        let dark = darken(&mut draws, &fs, &during);
        let run = snap("dark.snap", with_base.then_some("old.snap"));
        if fs.heal() == 0 {
            return Err("no fault met the walk".to_owned());
        }
        if run.code != Some(3) {
            return Err(format!("{:?} with {dark:?}: {}", run.code, run.stderr));
        }
        let seen = known(&during, &dark, with_base.then_some(&first));
        let nothing = Dark::default();
        let hidden = if with_base { &nothing } else { &dark };
        let (unknown, unread) = (dark.met(), unread(&dark, &seen, with_base.then_some(&first)));
        compare(&list(&env, "old.snap", "dark.snap", 3)?, &first, &seen, &unknown, &unread, hidden)
            .map_err(|wrong| format!("while it fails: {wrong} with {dark:?}"))?;

        let last = all_known(&edit(&mut draws, false));
        snap("new.snap", with_base.then_some("dark.snap")).success();
        let none = BTreeSet::new();
        compare(&list(&env, "dark.snap", "new.snap", 0)?, &seen, &last, &none, &unread, &nothing)
            .map_err(|wrong| format!("afterwards: {wrong} with {dark:?}"))?;
        compare(&list(&env, "old.snap", "new.snap", 0)?, &first, &last, &none, &none, &nothing)
            .map_err(|wrong| format!("over all: {wrong} with {dark:?}"))
    })();
    Some(outcome.map_err(|wrong| format!("try {number}, {walker}, base {with_base}: {wrong}")))
}

fn random_faults(walker: &str, what: &'static str) {
    let mut attack = Attack::on(Promise::UnreadableIsNotDeleted, what);
    for number in 0..times(20, 300) {
        let Some(outcome) = fails_and_recovers(number, walker, number % 2 == 0) else { return attack.skipped() };
        attack.tried(outcome);
    }
}

#[test]
fn nothing_that_fails_is_removed_and_the_truth_shows_afterwards() {
    random_faults("native", "FUSE: random errors, native walker");
}

#[test]
fn nothing_that_fails_is_removed_by_the_portable_walker_either() {
    random_faults("portable", "FUSE: random errors, portable walker");
}

fn snap(env: &TestEnv, output: &str, walker: &str, base: Option<&str>) -> Run {
    let args = ["snap", "tree", "-o", output, "--quiet", "--racy-window", "0", "--walker", walker];
    env.run(args.into_iter().chain(base.into_iter().flat_map(|base| ["--base", base])))
}

/// A file system that was quiet for an hour.
fn quiet(env: &TestEnv) -> Option<FaultFs> {
    FaultFs::mount(env, "tree", Stamps { skew: -3600 * SECOND, ..Stamps::default() })
}

/// A directory is replaced by a file that cannot be looked at: what lay in it is removed, and a list has to say so
/// at last.
fn a_directory_is_replaced(walker: &str, what: &'static str) {
    let mut attack = Attack::on(Promise::UnreadableIsNotDeleted, what);
    for phase in [Phase::Lookup, Phase::Getattr] {
        let env = TestEnv::new();
        let Some(fs) = quiet(&env) else { return attack.skipped() };
        env.write("tree/other", "");
        env.write("tree/place/below/file", "");
        snap(&env, "old.snap", walker, None).success();
        env.remove("tree/place");
        env.write("tree/place", "");
        fs.set("place", phase, Fault::Error(Errno::EIO));
        assert_eq!(snap(&env, "dark.snap", walker, Some("old.snap")).code, Some(3));
        fs.heal();
        snap(&env, "new.snap", walker, Some("dark.snap")).success();
        let lists = [("old.snap", "dark.snap"), ("dark.snap", "new.snap")];
        let [dark, new] = lists.map(|(old, new)| env.changes_with(old, new, &["--no-renames"]).stdout);
        attack.check(!dark.contains("D "), || format!("{walker}, {phase:?}: {dark}"));
        let removed = ["D place/below\n", "D place/below/file\n"].iter().all(|line| new.contains(line));
        attack.check(removed, || format!("{walker}, {phase:?}: {new}"));
    }
}

#[test]
fn what_took_the_place_of_a_directory_hides_no_removal() {
    a_directory_is_replaced("native", "FUSE: a directory's place is unreadable, native walker");
}

#[test]
fn what_took_the_place_of_a_directory_hides_no_removal_from_the_portable_walker() {
    a_directory_is_replaced("portable", "FUSE: a directory's place is unreadable, portable walker");
}

/// The file system lists a name and then says that there is no such thing.
fn a_listed_name_is_not_found(walker: &str, cases: &[(&str, Phase)], what: &'static str) {
    let mut attack = Attack::on(Promise::UnreadableIsNotDeleted, what);
    for (path, phase) in cases {
        for base in [None, Some("old.snap")] {
            let env = TestEnv::new();
            let Some(fs) = quiet(&env) else { return attack.skipped() };
            env.write("tree/dir/file", "");
            env.write("tree/other", "");
            snap(&env, "old.snap", walker, None).success();
            fs.set(path, *phase, Fault::Error(Errno::ENOENT));
            let run = snap(&env, "new.snap", walker, base);
            let list = env.changes_with("old.snap", "new.snap", &[]).stdout;
            let holds = run.code == Some(3) && list.contains(&format!("U {path}\n")) && !list.contains("D ");
            attack.check(holds, || format!("{walker}, {path}, {phase:?}, {base:?}: {:?}, {list}", run.code));
        }
    }
}

const FILES: [(&str, Phase); 2] = [("dir/file", Phase::Lookup), ("dir/file", Phase::Getattr)];
const DIRECTORIES: [(&str, Phase); 4] =
    [("dir", Phase::Lookup), ("dir", Phase::Getattr), ("dir", Phase::Opendir), ("dir", Phase::Readdir(0))];

#[test]
fn a_listed_file_that_is_not_found_is_not_removed() {
    a_listed_name_is_not_found("native", &FILES, "FUSE: ENOENT for listed files, native walker");
}

#[test]
fn a_listed_directory_that_is_not_found_is_not_removed() {
    a_listed_name_is_not_found("native", &DIRECTORIES, "FUSE: ENOENT for listed directories, native walker");
}

#[test]
fn a_listed_name_that_the_portable_walker_does_not_find_is_not_removed() {
    // Not for the listing itself: the C library takes its ENOENT for the end, and nobody learns of it.
    let cases = [&FILES[..], &DIRECTORIES[..3]].concat();
    a_listed_name_is_not_found("portable", &cases, "FUSE: ENOENT for listed names, portable walker");
}
