//! `snap --exclude`: patterns that can never have an effect are refused, those that are probably a slip and those that
//! matched nothing are warned of.

use crate::testenv::TestEnv;

/// A tree with some of what the patterns here are about.
fn small_tree() -> TestEnv {
    let env = TestEnv::new();
    for file in ["a.o", "x/y", "x/z", "Downloads/big.iso", "sub/b.o"] {
        env.write(format!("tree/{file}"), "");
    }
    env
}

#[test]
fn what_can_never_match_is_refused_with_what_was_probably_meant() {
    let env = small_tree();
    let root = env.path("tree");
    let absolute = root.join("x").display().to_string();
    for (pattern, says) in [
        ("./x", "so it can never match; write /x"),
        ("x/.", "so it can never match; write /x/"),
        ("//x", "so it can never match; write /x"),
        ("x//y", "so it can never match; write /x/y"),
        ("../x", "so it can never match; name something below a root"),
        ("/", "the root itself, which is never left out; write /*"),
        (".", "the root itself, which is never left out; write /*"),
        ("!", "it names nothing"),
        ("[", "a character class is not closed; write \\[ for a bracket"),
        ("x/[a", "a character class is not closed"),
        ("cache\\/", "a backslash stands before a slash or at the end"),
        (&absolute, "patterns are relative to each root, and this one begins with the root [ROOT]/tree; write /x"),
        (&root.display().to_string(), "begins with the root [ROOT]/tree, which is never left out"),
    ] {
        let error = env.run(["snap", "tree", "-o", "a.snap", "--exclude", pattern]).failure(2);
        assert!(error.contains(says), "{pattern}: {error}");
        env.write("patterns", format!("# one\n*.o\n{pattern}\n"));
        let error = env.run(["snap", "tree", "-o", "a.snap", "--exclude-from", "patterns"]).failure(2);
        assert!(error.contains(says) && error.contains(" in patterns, line 3: "), "{pattern}: {error}");
    }
    assert_eq!(env.names(""), ["patterns", "tree"]);
}

#[test]
fn what_comes_too_late_to_bring_back_is_refused_with_the_patterns_that_do() {
    let env = small_tree();
    let args = ["snap", "tree", "-o", "a.snap", "-q", "--exclude", "Downloads/", "--exclude"];
    let error = env.run(args.iter().chain(&["!Downloads/big.iso"])).failure(2);
    let says = "exclude pattern \"!Downloads/big.iso\": it has no effect: \"Downloads/\" leaves out the directory Downloads, \
                and nothing below it can be brought back; write **/Downloads/*  !Downloads/big.iso";
    assert!(error.ends_with(says), "{error}");
    let fine = ["snap", "tree", "-o", "a.snap", "-q", "--exclude", "**/Downloads/*", "--exclude", "!Downloads/big.iso"];
    assert_eq!(env.run(fine).success(), "");
    assert!(env.run(["show", "a.snap"]).success().contains("Downloads/big.iso"));
}

#[test]
fn a_slip_is_warned_of_and_its_escape_is_not() {
    let env = small_tree();
    for (pattern, says, escape) in [
        ("~/Downloads", "~ is not the home directory here", "\\~/Downloads"),
        ("$HOME/x", "variables are not expanded here", "\\$HOME/x"),
        ("*.{iso,o}", "braces are not expanded; write a pattern for each; did you mean *.iso  *.o?", "*.\\{iso\\,o\\}"),
        ("a,b", "did you mean a  b?", "a\\,b"),
        ("re:.*o", "a pattern has no prefix for its kind", "re\\:.*o"),
        ("+ /x", "did you mean !/x?", "\\+ /x"),
        ("x\\y", "did you mean x/y?", "xy"),
    ] {
        let args = |pattern| ["snap", "tree", "-o", "a.snap", "-q", "--exclude", pattern].map(str::to_owned);
        let run = env.run(args(pattern));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let [slip, unmatched] = run.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{}", run.stderr) };
        assert!(slip.starts_with(&format!("fastdiff: warning: exclude pattern {pattern:?}: ")), "{slip}");
        assert!(slip.contains(says) && slip.ends_with(&format!(" (If not, write {escape}.)")), "{slip}");
        assert!(unmatched.contains("matched nothing"), "{unmatched}");
        let run = env.run(args(escape));
        assert_eq!(run.stderr.lines().count(), 1, "only that it matched nothing: {}", run.stderr);
    }
    env.write("patterns", "*.o\n~/x\n");
    let run = env.run(["snap", "tree", "-o", "a.snap", "-q", "--exclude-from", "patterns"]);
    assert!(run.stderr.contains("exclude pattern \"~/x\" in patterns, line 2: "), "{}", run.stderr);
}

#[test]
fn a_pattern_that_matched_nothing_is_warned_of_when_everything_was_listed() {
    let env = small_tree();
    env.write("patterns", "*.o\n/nothing/\n*.iso\n");
    let args = ["--exclude-from", "patterns", "--exclude", "/x/y/", "--exclude", "sub"];
    for walker in ["native", "portable"] {
        let run = env.snap_with("a.snap", &[&args[..], &["--walker", walker]].concat());
        assert_eq!(run.code, Some(0));
        let expected =
            "fastdiff: warning: 2 exclude patterns matched nothing: \"/nothing/\" in patterns, line 2, \"/x/y/\"\n";
        assert_eq!(run.stderr, expected, "a file is no directory: {walker}");
    }
    // Directories that did not change are not listed again, so that nothing is known.
    assert_eq!(env.snap_with("b.snap", &[&args[..], &["--base", "a.snap"]].concat()).success(), "");
    let run = env.snap_with("a.snap", &["--exclude", "x/", "--exclude", "/x/y", "--exclude", "nothing"]);
    let expected = "fastdiff: warning: exclude pattern \"nothing\" matched nothing: it leaves nothing out\n";
    assert_eq!(run.stderr, expected, "what is below x/ was not looked for");
    let many: Vec<_> = (0..14).flat_map(|n| ["--exclude".to_owned(), format!("no{n}")]).collect();
    let run = env.snap_with("a.snap", &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run.stderr.contains("14 exclude patterns matched nothing: \"no0\", "), "{}", run.stderr);
    assert!(run.stderr.ends_with("\"no9\" and 4 more\n"), "{}", run.stderr);
}

#[test]
fn very_many_patterns_are_taken() {
    let env = small_tree();
    let patterns: Vec<_> = (0..20_000).map(|n| format!("*name{n}*")).collect();
    env.write("patterns", patterns.join("\n") + "\n*.o\n");
    let run = env.snap_with("a.snap", &["--exclude-from", "patterns"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.starts_with("fastdiff: warning: 20,000 exclude patterns matched nothing: "), "{}", run.stderr);
    assert!(!env.run(["show", "a.snap"]).success().contains("a.o"));
}
