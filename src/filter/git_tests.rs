//! Five thousand random sets of patterns, each against `git check-ignore`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Filter, FilterOptions, Pattern};
use crate::error::PatternProblem;
use crate::{Error, Result};

/// How many sets of patterns are tried.
const SETS: usize = 5000;

/// As many at a time: each has a directory with all entries, and its `.gitignore`.
const PLACES: usize = 250;

/// The entries of each directory; a directory ends with a slash.
const ENTRIES: [&str; 44] = [
    "a", "b", "ab", "A", "a.b", ".a", "é", "[", "]", "\\", "*", "?", "-", "!", "#", " a", "a ", "a\t", "{a,b}", "~",
    "$", "+", "^", "a\\", "c/", "c/a", "c/b", "c/c/", "c/c/a", "c/c/b/", "c/c/b/a", "c/a.b", "d/", "d/c/", "d/c/a",
    "d/c/ab", "d\\/", "d\\/a", "c.d/", "c.d/a/", "c.d/a/b", "éé/", "éé/a", "d/b/",
];

/// What patterns are made of.
const ATOMS: [&str; 52] = [
    "a", "a", "b", "c", "d", "A", "-", ".", "..", "é", " ", "\t", "*", "*", "**", "?", "/", "/", "/", "//", "[ab]",
    "[!a]", "[^b]", "[a-c]", "[]a]", "[a-]", "[\\a]", "[\\]a]", "[!]]", "[.-0]", "[+-a]", "[*]", "[", "]", "\\", "\\*",
    "\\a", "\\\\", "\\ ", "\\/", "\\!", "\\#", "{a,b}", "{", ",", "!", "#", "~", "$", "^", "c/", "/**/",
];

/// Numbers that look random (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn pattern(&mut self) -> String {
        loop {
            let sign = if self.below(5) == 0 { "!" } else { "" };
            let length = 1 + self.below(5);
            let atoms: String = (0..length).map(|_| ATOMS[self.below(ATOMS.len())]).collect();
            let pattern = format!("{sign}{atoms}");
            // Two stars within a name are one star by git's manual, and not always by its code. A line that is blank
            // or a comment is no pattern.
            let odd = |part: &str| part.contains("**") && part.chars().any(|c| c != '*');
            if !atoms.split('/').any(odd) && !pattern.trim().is_empty() && !pattern.starts_with('#') {
                return pattern;
            }
        }
    }

    fn set(&mut self) -> Vec<String> {
        let length = [1, 1, 1, 2, 3][self.below(5)];
        (0..length).map(|_| self.pattern()).collect()
    }
}

fn git(top: &Path, args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .args(["-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false"])
        .args(args)
        .current_dir(top);
    git
}

/// What git ignores, as "NUMBER/ENTRY".
fn ignored(top: &Path) -> BTreeSet<String> {
    let mut child = git(top, &["check-ignore", "--no-index", "-z", "--stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    let mut asked = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || {
        for place in 0..PLACES {
            for entry in ENTRIES {
                write!(asked, "{place}/{}\0", entry.trim_end_matches('/')).expect("git reads");
            }
        }
    });
    let output = child.wait_with_output().expect("git ends");
    writer.join().expect("it wrote");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

fn filter(patterns: &[String]) -> Result<Filter> {
    let patterns = patterns.iter().map(Pattern::new).collect();
    Filter::new(&FilterOptions { patterns, ..FilterOptions::default() }, &[])
}

/// The entries that a walk leaves out: an entry below a directory that is left out is never seen.
fn left_out(filter: &Filter) -> Vec<&'static str> {
    let is_left_out = |entry: &&&str| {
        let path = entry.trim_end_matches('/');
        let above = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        above.chain([(path, entry.ends_with('/'))]).any(|(path, is_dir)| filter.excludes(path.as_bytes(), is_dir))
    };
    ENTRIES.iter().filter(is_left_out).map(|entry| entry.trim_end_matches('/')).collect()
}

/// How the answer for a set differs from git's, if it does; `refused` counts what is refused.
fn differs(patterns: &[String], git: &[&str], refused: &mut usize) -> Option<String> {
    match filter(patterns) {
        Ok(filter) => {
            let found = left_out(&filter);
            (found != git).then(|| format!("{patterns:?}\n  git:      {git:?}\n  fastdiff: {found:?}"))
        }
        Err(Error::Pattern { pattern, problem, .. }) => {
            *refused += 1;
            // A pattern that can never have an effect has none in git either.
            let without: Vec<_> = patterns.iter().filter(|other| **other != pattern).cloned().collect();
            let is_useless = !matches!(*problem, PatternProblem::Syntax(_));
            let rest = filter(&without).ok().filter(|_| is_useless)?;
            let found = left_out(&rest);
            (found != git).then(|| format!("{patterns:?}: {problem}\n  git:      {git:?}\n  without:  {found:?}"))
        }
        Err(other) => Some(other.to_string()),
    }
}

#[test]
fn five_thousand_sets_of_patterns_leave_out_what_git_ignores() {
    let top = tempfile::tempdir().expect("a directory");
    let made = git(top.path(), &["init", "--quiet"]).status().expect("git is needed for this test");
    assert!(made.success());
    for place in 0..PLACES {
        for entry in ENTRIES {
            let path = top.path().join(place.to_string()).join(entry);
            if entry.ends_with('/') {
                fs::create_dir_all(path).expect("a directory");
            } else {
                fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
                fs::write(path, "").expect("a file");
            }
        }
    }
    let mut numbers = Numbers(15);
    let (mut different, mut refused) = (Vec::new(), 0);
    for _ in 0..SETS / PLACES {
        let sets: Vec<_> = (0..PLACES).map(|_| numbers.set()).collect();
        for (place, set) in sets.iter().enumerate() {
            fs::write(top.path().join(format!("{place}/.gitignore")), set.join("\n") + "\n").expect("a file");
        }
        let ignored = ignored(top.path());
        for (place, set) in sets.iter().enumerate() {
            let is_ignored = |path: &&str| ignored.contains(&format!("{place}/{path}"));
            let by_git: Vec<_> = ENTRIES.iter().map(|entry| entry.trim_end_matches('/')).filter(is_ignored).collect();
            different.extend(differs(set, &by_git, &mut refused));
        }
    }
    assert!(different.is_empty(), "{} of {SETS} differ:\n{}", different.len(), different.join("\n"));
    assert!(refused < SETS / 2, "{refused} are refused, which is safe, and tests nothing");
}
