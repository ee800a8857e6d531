//! A filter leaves out what git ignores, as git itself reports it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fastdiff::{FilterOptions, Pattern, WalkerKind};
use proptest::prelude::*;

use super::cases;
use super::edits::making;
use super::model::{Model, read, without_birth};
use super::names::any_name;
use super::place::{Boundary, Place, entries};

/// A git repository whose work tree is the tree, and that keeps no file of its own in it.
struct Git<'a>(&'a Place);

impl Git<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .env("GIT_DIR", self.0.beside("git"))
            .env("GIT_WORK_TREE", self.0.root())
            .args(["-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false"])
            .current_dir(self.0.root());
        command
    }

    fn init(&self, patterns: &[String]) {
        let output = self.command().args(["init", "--quiet"]).output().expect("git is needed for this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::create_dir_all(self.0.beside("git/info")).unwrap();
        std::fs::write(self.0.beside("git/info/exclude"), patterns.join("\n") + "\n").unwrap();
    }

    /// The paths, relative to the root, that are ignored or lie in an ignored directory.
    fn ignored(&self, paths: &[&[u8]]) -> BTreeSet<Vec<u8>> {
        let mut command = self.command();
        command.args(["check-ignore", "--no-index", "-z", "--stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // After `./` git takes no name for a sign of its own. Small trees fit into the pipe.
        let input: Vec<u8> = paths.iter().flat_map(|p| [b"./", *p, b"\0"].concat()).collect();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        let fine = matches!(output.status.code(), Some(0 | 1));
        assert!(fine, "{}", String::from_utf8_lossy(&output.stderr));
        let found = output.stdout.split(|b| *b == 0).filter(|p| !p.is_empty());
        found.map(|p| p.strip_prefix(b"./").expect("as it was given").to_vec()).collect()
    }
}

/// What remains of a tree after a filter, as git reports it. A root is never left out.
fn left(place: &Place, patterns: &[String]) -> Model {
    let model = read(place.root());
    let root = place.root().as_os_str().as_bytes();
    let relative: Vec<_> = model.keys().skip(1).map(|p| &p[root.len() + 1..]).collect();
    let git = Git(place);
    git.init(patterns);
    let ignored = git.ignored(&relative);
    let is_in = |path: &[u8]| path == root || !ignored.contains(&path[root.len() + 1..]);
    model.iter().filter(|(path, _)| is_in(path)).map(|(path, stat)| (path.clone(), *stat)).collect()
}

fn options(patterns: &[String]) -> FilterOptions {
    let mut options = FilterOptions::default();
    options.patterns = patterns.iter().map(Pattern::new).collect();
    options
}

/// What patterns are made of.
const ATOMS: [&str; 36] = [
    "a", "b", "c", "A", "-", ".", "é", " ", "*", "*", "?", "[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[a-]", "[-a]",
    "[\\a]", "[\\]a]", "[!]]", "[!-a]", "[.-0]", "[+-a]", "[*]", "[!?]", "[^^a]", "[!!a]", "\\*", "\\a", "\\[", "\\\\",
    "{a,b}", "{", "}", ",",
];

fn segment() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(&ATOMS[..]);
    // The manual of git says that two stars within a name are the same as one. Its code sometimes differs.
    let atoms = proptest::collection::vec(atom, 1..4).prop_map(|atoms| atoms.concat());
    prop_oneof![
        1 => Just("**".to_owned()),
        6 => atoms.prop_filter("two stars within a name", |s| !s.contains("**")),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    let sometimes = || proptest::bool::weighted(0.25);
    (sometimes(), sometimes(), proptest::collection::vec(segment(), 1..4), sometimes())
        .prop_map(|(not, rooted, segments, dirs)| {
            let sign = |on, sign| if on { sign } else { "" };
            format!("{}{}{}{}", sign(not, "!"), sign(rooted, "/"), segments.join("/"), sign(dirs, "/"))
        })
        .prop_filter("git would take it for nothing", |p| !p.trim().is_empty())
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_filter_leaves_out_what_git_ignores(
        made in making(any_name(), true), patterns in proptest::collection::vec(pattern(), 1..5), portable: bool,
    ) {
        let place = Place::new(&made);
        let expected = left(&place, &patterns);
        let walker = if portable { WalkerKind::Portable } else { WalkerKind::Native };
        let Some(snapshot) = filtered(&place, &patterns, walker) else { return Err(TestCaseError::reject("refused")) };
        let found: Model = entries(&snapshot).into_iter().map(|e| (e.path, without_birth(e.stat))).collect();
        let names = |model: &Model| model.keys().map(|p| String::from_utf8_lossy(p).into_owned()).collect::<Vec<_>>();
        prop_assert_eq!(names(&found), names(&expected));
        prop_assert_eq!(found, expected);
    }
}

/// A snapshot with a filter; none if a pattern is refused. That is safe.
fn filtered(place: &Place, patterns: &[String], walker: WalkerKind) -> Option<fastdiff::Snapshot> {
    let mut scan_options = place.options(Boundary::Late);
    scan_options.filter = options(patterns);
    scan_options.walker = walker;
    let output = place.beside("filtered.snap");
    match fastdiff::scan(&scan_options, None, &output, &fastdiff::NoMonitor) {
        Err(fastdiff::Error::Pattern { .. }) => None,
        result => {
            assert!(result.unwrap().is_complete());
            Some(fastdiff::Snapshot::open(&output).unwrap())
        }
    }
}

/// The result is that of git, or the pattern is refused.
#[track_caller]
fn is_as_git_has_it_or_refused(names: &[&str], pattern: &str) {
    let place = Place::new(&[]);
    for name in names {
        let path = place.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, name).unwrap();
    }
    let patterns = [pattern.to_owned()];
    let Some(snapshot) = filtered(&place, &patterns, WalkerKind::Native) else { return };
    let found = entries(&snapshot);
    let short = |path: Vec<u8>| String::from_utf8_lossy(&path[place.root().as_os_str().len()..]).into_owned();
    let found: Vec<_> = found.into_iter().map(|e| short(e.path)).collect();
    let expected: Vec<_> = left(&place, &patterns).into_keys().map(short).collect();
    assert_eq!(found, expected, "{pattern}");
}

#[test]
fn a_class_never_matches_a_slash() {
    is_as_git_has_it_or_refused(&["ab/a", "ab.a"], "*[!a]?");
    is_as_git_has_it_or_refused(&["ab/a", "ab.a"], "ab[.-0]a");
    is_as_git_has_it_or_refused(&["ab/a", "ab.a"], "ab[^x]a");
}

#[test]
fn spaces_at_the_end_do_not_bind_a_class_to_the_root() {
    is_as_git_has_it_or_refused(&["ab/a-b/c", "ab/aab/c"], "*[!a]b/ ");
}

#[test]
fn braces_are_names_like_others() {
    is_as_git_has_it_or_refused(&["a", "b", "{a,b}"], "{a,b}");
}

#[test]
fn named_classes_are_as_git_has_them_or_refused() {
    is_as_git_has_it_or_refused(&["a", "a]", ":]", "1"], "[[:alpha:]]");
}

#[test]
fn an_escaped_bracket_does_not_end_a_class() {
    is_as_git_has_it_or_refused(&["]", "\\]", "\\", "a"], "[\\]]");
}

#[test]
fn an_excluded_directory_is_not_entered_whatever_else_says_so() {
    let place = Place::new(&[]);
    let path = |name: &str| place.root().join(OsStr::new(name));
    for dir in ["kept", "left"] {
        std::fs::create_dir(path(dir)).unwrap();
        std::fs::write(path(dir).join("file"), dir).unwrap();
    }
    let patterns = ["left/".to_owned(), "!left*/file".to_owned()];
    let expected = left(&place, &patterns);
    let names: Vec<_> =
        expected.keys().map(|p| Path::new(OsStr::from_bytes(p)).strip_prefix(place.root()).unwrap()).collect();
    assert_eq!(names, [Path::new(""), Path::new("kept"), Path::new("kept/file")]);
    let snapshot = place.snap_by(Boundary::Late, WalkerKind::Native, &options(&patterns));
    assert!(entries(&snapshot).into_iter().map(|e| e.path).eq(expected.into_keys()));
}
