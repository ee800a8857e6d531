//! `snap --exclude` against git itself: the same patterns, the same tree, the same answer.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::Stdio;

use super::snap_filter::is_about_patterns;
use crate::testenv::{TestEnv, shown, skip};

/// Names that patterns could be wrong about.
const FILES: [&str; 30] = [
    "a",
    "b",
    "ab",
    "a.o",
    "b.o",
    ".hidden",
    "sub/a",
    "sub/b.o",
    "sub/deep/a",
    "sub/deep/x.tmp",
    "build/out",
    "sub/build/out",
    "doc/a.txt",
    "doc/frotz/b.txt",
    "frotz/c.txt",
    "#hash",
    "!bang",
    " lead",
    "trail ",
    "trail",
    "two  words",
    "[x]",
    "x",
    "*star",
    "back\\slash",
    "q?",
    "qq",
    "Case",
    "größe",
    "a/../dots",
];

/// One pattern a set, or several that work together.
const PATTERNS: [&[&str]; 76] = [
    &["a"],
    &["/a"],
    &["a/"],
    &["*.o"],
    &["/*.o"],
    &["sub/*.o"],
    &["**/a"],
    &["a/**"],
    &["sub/**"],
    &["sub/**/a"],
    &["/**/a"],
    &["**"],
    &["*"],
    &["/*"],
    &["*/"],
    &["build/"],
    &["/build/"],
    &["build"],
    &["sub/build/"],
    &["doc/*.txt"],
    &["doc/**/*.txt"],
    &["frotz/"],
    &["doc/frotz"],
    &["frotz"],
    &["\\#hash"],
    &["\\!bang"],
    &[" lead"],
    &["trail "],
    &["trail\\ "],
    &["two  words"],
    &["[x]"],
    &["\\[x\\]"],
    &["\\*star"],
    &["back\\\\slash"],
    &["q?"],
    &["q\\?"],
    &["[A-Z]ase"],
    &["case"],
    &["gr??e"],
    &["größe"],
    &["*", "!a"],
    &["*", "!*/", "!*.txt"],
    &["sub", "!sub/a"],
    &["sub/*", "!sub/a"],
    &["*.o", "!b.o", "/b.o"],
    &["!a", "a"],
    &["[!ab]"],
    &["[^a]*"],
    &["[a-c]"],
    &["?"],
    &["??"],
    &["*a*"],
    &["/sub/deep"],
    &["sub/"],
    &["**/deep/**"],
    &["sub/**/x.tmp"],
    &["/**"],
    &["s*b/a"],
    &["*/a"],
    &["[]x]"],
    &["[[]x]"],
    &["[a-z]?[!.]"],
    &["{a,b}"],
    &["a\\"],
    &["**.o"],
    &["a**"],
    &["***"],
    &["sub/***/a"],
    &["sub**a"],
    &["x.tmp "],
    &["\\a"],
    &["[\\[]x]"],
    &["[b-]"],
    &["."],
    &["./a"],
    &["sub//a"],
];

#[test]
fn patterns_mean_what_git_takes_them_for() {
    let env = TestEnv::new();
    for file in FILES {
        // The last one only makes `a` of the parent, which is there already.
        if !file.contains("..") {
            env.write(format!("tree/{file}"), "");
        }
    }
    let tree = format!("{}/", env.path("tree").display());
    let relative = |env: &TestEnv| -> BTreeSet<String> {
        let paths = shown(env, "a.snap").into_keys().map(|p| String::from_utf8(p).unwrap());
        paths.filter_map(|p| p.strip_prefix(&tree).map(str::to_owned)).collect()
    };
    env.snap("a.snap");
    let all = relative(&env);
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("GIT_DIR", env.path("git"))
            .env("GIT_WORK_TREE", env.path("tree"));
        git.args(args).current_dir(env.path("tree")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        git
    };
    match git(&["init", "--quiet"]).status() {
        Ok(status) if status.success() => {}
        _ => return skip("there is no git to ask"),
    }
    let mut different = Vec::new();
    let mut refused = BTreeSet::new();
    for patterns in PATTERNS {
        env.write("patterns", patterns.join("\n") + "\n");
        let excludes = format!("core.excludesFile={}", env.path("patterns").display());
        let mut child = git(&["-c", &excludes, "check-ignore", "--no-index", "-z", "--stdin"]).spawn().unwrap();
        let asked: String = all.iter().map(String::as_str).collect::<Vec<_>>().join("\0");
        child.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
        let answer = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let ignored: BTreeSet<_> = answer.split('\0').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        for how in ["--exclude-from", "--exclude"] {
            let mut args = vec!["snap", "tree", "-o", "a.snap", "-q"];
            if how == "--exclude" {
                args.extend(patterns.iter().flat_map(|p| [how, p]));
            } else {
                args.extend([how, "patterns"]);
            }
            let run = env.run(&args);
            if run.code == Some(2) {
                run.failure(2);
                refused.insert(patterns[0]);
                continue;
            }
            assert!(run.code == Some(0) && run.stderr.lines().all(is_about_patterns), "{}", run.stderr);
            let left_out: BTreeSet<_> = all.difference(&relative(&env)).cloned().collect();
            if left_out != ignored {
                different.push(format!("{how} {patterns:?}\n  git:      {ignored:?}\n  fastdiff: {left_out:?}"));
            }
        }
    }
    // Each of these has no effect in git.
    assert_eq!(refused, [".", "./a", "a\\", "sub", "sub//a"].into(), "what could only be a slip is refused");
    assert!(different.is_empty(), "{}", different.join("\n"));
}
