//! The lists with the real programs: what a copy that is kept by our lists comes to, what an archive of one holds.

mod archives;
mod command_lines;
mod commands;
mod commands_run;
mod commands_words;
mod destinations;
mod fewer_names;
mod help;
mod mirrors;
mod names;
mod own;
mod refusals;
mod surprises;
mod unfinished;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::strategy::{BoxedStrategy, Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::properties::edits::{Tree, changing, making};
use crate::testenv::{TestEnv, skip};

/// So many times each copy is brought up to date.
const ROUNDS: usize = 20;

/// What an entry is: kind and mode, owner, size and content of files, mtime, where a link leads, and the first of its
/// names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    content: Vec<u8>,
    first_name: Option<Vec<u8>>,
}

/// All of a tree, by path relative to its root, which itself is the empty path.
fn shown(root: &Path) -> BTreeMap<Vec<u8>, Shown> {
    let mut found = BTreeMap::new();
    let mut names: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let m = fs::symlink_metadata(&path).unwrap();
        let relative = path.strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        let content = if m.is_file() {
            fs::read(&path).unwrap()
        } else if m.is_symlink() {
            fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
        } else {
            Vec::new()
        };
        if m.is_dir() {
            let mut below: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()).collect();
            below.sort();
            todo.extend(below.into_iter().rev());
        }
        let first_name =
            (m.nlink() > 1 && !m.is_dir()).then(|| names.entry(m.ino()).or_insert_with(|| relative.clone()).clone());
        let shown = Shown {
            mode: m.mode(),
            owner: (m.uid(), m.gid()),
            mtime: (m.mtime(), m.mtime_nsec()),
            content,
            first_name,
        };
        found.insert(relative, shown);
    }
    found
}

/// A tree that is edited at random, round after round.
struct Edited {
    env: TestEnv,
    tree: Tree,
    names: BoxedStrategy<Vec<u8>>,
    runner: TestRunner,
}

impl Edited {
    fn new(names: BoxedStrategy<Vec<u8>>) -> Self {
        Self::of(names, Tree::new)
    }

    /// One in which nothing but files gets several names.
    fn linking_files_only(names: BoxedStrategy<Vec<u8>>) -> Self {
        Self::of(names, Tree::linking_files_only)
    }

    fn of(names: BoxedStrategy<Vec<u8>>, tree: fn(PathBuf) -> Tree) -> Self {
        let env = TestEnv::new();
        let mut edited = Self { tree: tree(env.path("tree")), env, names, runner: TestRunner::deterministic() };
        for _ in 0..3 {
            let made = making(edited.names.clone(), true).new_tree(&mut edited.runner).unwrap().current();
            edited.tree.edit(&made);
        }
        edited.env.write("tree/a file", "that is always there");
        edited.env.snap("old.snap");
        edited
    }

    /// Edits the tree, takes a snapshot and writes the lists.
    fn edit(&mut self, format: &str, parts: &[&str]) {
        assert!(self.edit_unless_refused(format, parts), "refused");
    }

    /// Edits the tree.
    fn edit_only(&mut self) {
        let edits = changing(self.names.clone(), true, 12).new_tree(&mut self.runner).unwrap().current();
        self.tree.edit(&edits);
        // Unless an edit made something else of it; to open a fifo would never end.
        let file = self.env.path("tree/a file");
        if file.symlink_metadata().map_or(true, |m| m.is_file()) {
            fs::write(&file, format!("{edits:?}")).unwrap();
        }
    }

    /// False if the list is refused.
    fn edit_unless_refused(&mut self, format: &str, parts: &[&str]) -> bool {
        self.edit_only();
        self.env.snap("new.snap");
        let mut listed = true;
        for part in parts {
            let run = self.env.run(["diff", "old.snap", "new.snap", "--emit", format, "--list", part, "-o", part]);
            listed &= run.code == Some(0);
            assert!(matches!(run.code, Some(0 | 3)), "{}", run.stderr);
            // Of names that differ in case only there is a note.
            let mut said = run.stderr.lines().filter(|line| !line.contains("a destination may take them for one"));
            assert_eq!(said.next().is_none(), run.code == Some(0), "{}", run.stderr);
        }
        self.env.rename("new.snap", "old.snap");
        listed
    }

    /// The copy is the tree, but for the metadata of the root itself if that is not carried over.
    #[track_caller]
    fn assert_equal(&self, copy: &str, round: usize, with_root: bool) {
        let (mut tree, copy) = (shown(&self.env.path("tree")), shown(&self.env.path(copy)));
        if !with_root {
            tree.insert(Vec::new(), copy[&Vec::new()].clone());
        }
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        for (path, is) in &tree {
            assert_eq!(copy.get(path), Some(is), "round {round}: {:?}", text(path));
        }
        let more: Vec<_> = copy.keys().filter(|path| !tree.contains_key(*path)).map(|path| text(path)).collect();
        assert!(more.is_empty(), "round {round}: only in the copy: {more:?}");
    }
}

/// The program, or none with a visible skip.
fn program(name: &str) -> Option<Command> {
    let found = ["/usr/bin", "/bin", "/usr/local/bin"].iter().any(|dir| Path::new(dir).join(name).exists());
    if !found {
        skip(&format!("{name} is not installed"));
        return None;
    }
    Some(Command::new(name))
}

/// Runs a shell script in the test's directory; its exit code has to be 0.
#[track_caller]
fn script(env: &TestEnv, script: &str) {
    let output = output_of(env, script);
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The exit code of a shell script.
fn script_code(env: &TestEnv, script: &str) -> Option<i32> {
    output_of(env, script).status.code()
}

fn output_of(env: &TestEnv, script: &str) -> Output {
    env.shell(script)
        .env("HOME", env.path("home"))
        .env("RESTIC_PASSWORD", "x")
        .env("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "yes")
        .output()
        .unwrap()
}

/// The paths of a list.
fn paths(env: &TestEnv, list: &str) -> Vec<Vec<u8>> {
    env.read(list).split(|b| *b == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect()
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
