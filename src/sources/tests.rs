use proptest::prelude::*;

use super::*;
use crate::metadata::Time;

const BASE: [u8; 16] = [0xab; 16];

fn roots(paths: &[&str]) -> Vec<RootNames> {
    paths
        .iter()
        .map(|path| RootNames { given: path.as_bytes().to_vec(), canonical: path.as_bytes().to_vec() })
        .collect()
}

fn parse(text: &str, of: &[&str]) -> Result<SourceAnswer> {
    read(text.as_bytes(), Path::new("hints"), &roots(of))
}

fn facts(clock: Option<&str>) -> BaseFacts<'_> {
    BaseFacts { identity: BASE, hints_since: Time::new(1000, 5), watchman_clock: clock }
}

/// What has to be read, as text: `+` an entry, `*` all below it too, `-` something below it.
fn marked(hints: &SourceAnswer, root: usize, paths: &[&str]) -> String {
    let mark = |path: &&str| {
        let names = path.split('/').filter(|name| !name.is_empty());
        let mut at = hints.dirty.root(root);
        for name in names {
            at = at.and_then(|at| hints.dirty.child(at, name.as_bytes()));
        }
        match at {
            None => '.',
            Some(at) if hints.dirty.is_whole(at) => '*',
            Some(at) if hints.dirty.is_read(at) => '+',
            Some(_) => '-',
        }
    };
    paths.iter().map(mark).collect()
}

#[test]
fn a_hint_marks_the_entry() {
    let hints = parse("/r/a/b/file\nc/\n/r//./d/./e\n/other/x\n", &["/r"]).expect("hints");
    assert_eq!(marked(&hints, 0, &["", "a", "a/b", "a/b/file", "c", "d", "d/e", "x"]), "---+*-+.");
    assert_eq!((hints.paths, hints.outside, hints.lost), (4, vec![b"/other/x".to_vec()], None));
}

#[test]
fn roots_are_known_by_both_names_and_from_above() {
    let both = [RootNames { given: b"/link".to_vec(), canonical: b"/real/dir".to_vec() }];
    let read = |text: &str| super::read(text.as_bytes(), Path::new("hints"), &both).expect("hints");
    assert_eq!(marked(&read("/real/dir/a/x\n"), 0, &["", "a", "a/x"]), "--+");
    assert_eq!(marked(&read("/link/a/x\n"), 0, &["", "a", "a/x"]), "--+");
    assert_eq!(marked(&read("/real\n"), 0, &["", "a"]), "+.");
    assert_eq!(marked(&read("/real/\n"), 0, &["", "a"]), "*.");
    assert_eq!(marked(&read("/\n"), 0, &["", "a"]), "*.", "the system's root is always a whole");
    let two = parse("/r/x\n/s/y/z\n", &["/r", "/s"]).expect("hints");
    assert_eq!((marked(&two, 0, &["", "x"]), marked(&two, 1, &["", "y"])), ("-+".into(), "--".into()));
}

#[test]
fn a_hint_that_cannot_be_placed_means_everything() {
    for (text, why) in [
        ("a\n\nb\n", HintsProblem::NoPath(2)),
        ("a/../b\n", HintsProblem::NoPath(1)),
        ("a\n# overflow\n", HintsProblem::Lost("the watcher lost events")),
        ("a\nb", HintsProblem::Lost("the last of them is cut short")),
        ("a\0b\n", HintsProblem::Lost("the last of them is cut short")),
    ] {
        assert_eq!(parse(text, &["/r"]).expect("hints").lost, Some(why), "{text:?}");
    }
    let error = parse("/r/a\nb\n", &["/r", "/s"]).expect_err("relative to what?").to_string();
    assert!(error.contains("hints hints: hint 2 is relative, and there are several roots"), "{error}");
}

#[test]
fn newlines_belong_to_names_that_end_with_nul() {
    let hints = parse("a\nb/x\0", &["/r"]).expect("hints");
    assert_eq!(marked(&hints, 0, &["", "a\nb", "a\nb/x"]), "--+");
}

#[test]
fn a_statement_proves_what_it_says() {
    let proof = |line: &str| parse(&format!("{line}\nx\n"), &["/r"]).expect("hints").prove(Some(&facts(None)));
    let base = "ab".repeat(16);
    assert_eq!(proof("# complete since 1970-01-01T00:16:40.000000005Z"), Ok(()));
    assert_eq!(proof("# complete since 1970-01-01T02:16:40+02:00 until 2030-01-01T00:00:00Z"), Ok(()));
    assert_eq!(
        proof("# complete since 1970-01-01T00:16:40.000000006Z"),
        Err(HintsProblem::TooLate { since: Time::new(1000, 6), needed: Time::new(1000, 5) })
    );
    assert_eq!(proof(&format!("# complete since base {base}")), Ok(()));
    assert_eq!(proof(&format!("# complete since base {}", "ac".repeat(16))), Err(HintsProblem::OtherBase));
    assert_eq!(proof("x"), Err(HintsProblem::NoStatement));
    let alone = parse(&format!("# complete since base {base}\nx\n"), &["/r"]).expect("hints");
    assert_eq!(alone.prove(None), Err(HintsProblem::NoBase));
    let hints =
        parse("# complete since 1969-12-31T23:59:59.5Z until 1970-01-01T00:00:01.25Z\n", &["/r"]).expect("hints");
    assert_eq!(
        (hints.since, hints.until),
        (CompleteSince::Time(Time::new(-1, 500_000_000)), Some(Time::new(1, 250_000_000)))
    );
    for wrong in
        ["# complete", "# complete since noon", "# complete since base 12", "# complete since base ", "# completed"]
    {
        let error = parse(&format!("{wrong}\nx\n"), &["/r"]).expect_err("no statement").to_string();
        assert!(error.contains("hint 1 is not `# complete since"), "{error}");
    }
}

/// The answers of `watchman watch` and `watchman get-config`.
const BEFORE: &str = r#"{"watch": "/r", "version": "4.9.0"} {"config": {}}"#;

#[test]
fn the_answer_of_watchman_proves_what_happened_since_the_clock_of_the_base() {
    let then = "c:1700000000:77:1:20";
    let proof =
        |text: &str, clock| parse(&format!("{BEFORE}{text}"), &["/r"]).expect("an answer").prove(Some(&facts(clock)));
    let answer = r#"{"version": "4.9.0", "clock": "c:1700000000:77:1:31", "is_fresh_instance": false,
        "files": [{"name": "a/x", "exists": true, "mode": 33188, "cclock": "c:1:1:1:1"}, {"name": "b", "cclock": ""}]}"#;
    let hints = parse(answer, &["/r"]).expect("an answer");
    assert_eq!(marked(&hints, 0, &["", "a", "a/x", "b"]), "--++");
    assert_eq!((hints.watchman_clock.as_deref(), &hints.lost), (Some("c:1700000000:77:1:31"), &None));
    assert_eq!(proof(answer, Some(then)), Ok(()));
    assert_eq!(proof(answer, None), Err(HintsProblem::NoClock));
    assert_eq!(hints.prove(Some(&facts(Some(then)))), Err(HintsProblem::NoConfig));
    let narrowed = answer.replacen("cclock", "other", 1);
    assert_eq!(proof(&narrowed, Some(then)), Err(HintsProblem::Narrowed));
    let subscribed = answer.replacen('{', r#"{"subscription": "mine","#, 1);
    assert_eq!(proof(&subscribed, Some(then)), Err(HintsProblem::Narrowed));
    for other in
        ["c:1700000001:77:1:20", "c:1700000000:78:1:20", "c:1700000000:77:2:20", "c:1700000000:77:1:32", "n:x", ""]
    {
        assert_eq!(proof(answer, Some(other)), Err(HintsProblem::OtherClock), "{other}");
    }
    let asked = answer.replacen('{', r#"{"since": "c:1700000000:77:1:25","#, 1);
    assert_eq!(proof(&asked, Some(then)), Err(HintsProblem::OtherClock));
    assert_eq!(proof(&asked.replace(":25", ":20"), Some(then)), Ok(()));
    let elsewhere = answer.replacen('{', r#"{"root": "/","#, 1).replace("a/x", "r/a/x");
    assert_eq!(marked(&parse(&elsewhere, &["/r"]).expect("an answer"), 0, &["a", "a/x"]), "-+");
    let above = format!(r#"{{"watch": "/"}} {{"config": {{}}}} {}"#, answer.replace("a/x", "r/a/x"));
    assert_eq!(marked(&parse(&above, &["/r"]).expect("an answer"), 0, &["a", "a/x"]), "-+");
    let part = format!(r#"{{"watch": "/r/a"}} {answer}"#);
    assert!(parse(&part, &["/r"]).expect("an answer").lost.is_some());
    parse(&format!("{answer}{answer}"), &["/r"]).expect_err("two answers");
}

#[test]
fn what_watchman_leaves_out_is_known_from_its_configurations() {
    let ignored = |own: &str, global: &str, clock: &str| {
        let dir = tempfile::tempdir().expect("tempdir");
        let file = dir.path().join("watchman.json");
        if !global.is_empty() {
            std::fs::write(&file, global).expect("write");
        }
        let json = format!(r#"{{"watch": "/r"}} {{"config": {own}}} {{"clock": "{clock}", "files": []}}"#);
        let mut answer = SourceAnswer::new(BlindSpots::WATCHER);
        super::watchman::read(&mut answer, json.as_bytes(), &file, &roots(&["/r"])).expect("an answer");
        let paths = answer.ignored.iter().map(|path| String::from_utf8_lossy(path).into_owned());
        (paths.collect::<Vec<_>>().join(" "), answer.lost.is_some())
    };
    let later = "c:99999999999:1:1:1";
    let all = "/r/.git /r/.hg /r/.svn /r/.sl";
    assert_eq!(ignored("{}", "", later), (all.into(), false));
    assert_eq!(ignored(r#"{"ignore_dirs": ["a/b"], "ignore_vcs": ["v"]}"#, "", later), ("/r/a/b /r/v".into(), false));
    assert_eq!(ignored("{}", r#"{"ignore_dirs": ["c"]}"#, later), (format!("{all} /r/c"), false));
    assert_eq!(ignored("{}", r#"{"ignore_vcs": ["v"]}"#, later), (format!("{all} /r/v"), false));
    assert!(ignored("{}", r#"{"ignore_dirs": ["c"]}"#, "c:1000:1:1:1").1, "it may have been another one then");
    assert!(ignored("{}", "no json", later).1);
}

#[test]
fn an_answer_of_watchman_without_proof_means_everything() {
    let clock = r#""clock": "c:1:2:3:4""#;
    for text in [
        format!("{{{clock}}}"),
        format!(r#"{{{clock}, "is_fresh_instance": true, "files": []}}"#),
        format!(r#"{{{clock}, "files": [], "warning": "Recrawled this watch 1 times"}}"#),
        format!(r#"{{{clock}, "files": ["a�"]}}"#),
        format!(r#"{{{clock}, "files": [""]}}"#),
    ] {
        let hints = parse(&text, &["/r"]).expect("an answer");
        assert!(hints.lost.is_some(), "{text}");
        assert_eq!(hints.watchman_clock.as_deref(), Some("c:1:2:3:4"));
    }
    let failed = parse(r#"{"error": "unable to resolve root"}"#, &["/r"]).expect("an answer");
    let why = failed.lost.as_ref().map(ToString::to_string);
    assert_eq!(why.as_deref(), Some("watchman failed: unable to resolve root"));
    for (text, says) in [(r#"{"files": []}"#, "it holds no clock"), ("{", "not an answer of watchman")] {
        let error = parse(text, &["/r"]).expect_err("no answer").to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn rows_are_found_alone_and_among_others() {
    let rows = DirtyRows::from([7..9, 0..2, 4..4]);
    let contained: Vec<_> = (0..10).filter(|row| rows.contains(*row)).collect();
    assert_eq!(contained, [0, 1, 7, 8]);
    for first in 0..10 {
        for last in first..10 {
            assert_eq!(rows.meets(first, last), (first..=last).any(|row| contained.contains(&row)), "{first} {last}");
        }
    }
}

#[test]
fn paths_of_any_depth_are_taken() {
    let deep = format!("{}\n", "d/".repeat(300_000));
    let hints = parse(&deep, &["/r"]).expect("hints");
    assert_eq!(hints.paths, 1);
    assert_eq!(parse(&"/".repeat(1 << 20), &["/r"]).expect("hints").paths, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), json: bool) {
        let start = b"{\"clock\":\"c:1:1:1:1\",\"files\":[\"";
        let bytes = if json { [start, &bytes[..], b"\"]}"].concat() } else { bytes };
        let _ = read(&bytes, Path::new("hints"), &roots(&["/r"]));
    }

    #[test]
    fn the_tree_says_what_the_list_says(
        paths in proptest::collection::vec(("[ab](/[ab]){0,3}", any::<bool>()), 0..8),
        asked in "[ab](/[ab]){0,3}",
    ) {
        let line = |(path, whole): &(String, bool)| format!("{path}{}\n", if *whole { "/" } else { "" });
        let lines: Vec<_> = paths.iter().map(line).collect();
        let lines = lines.concat();
        let hints = parse(&lines, &["/r"]).expect("hints");
        let is_read = paths.iter().any(|(path, _)| *path == asked);
        let is_whole = paths.iter().any(|(path, whole)| *whole && *path == asked);
        let is_above = paths.iter().any(|(path, _)| path.starts_with(&format!("{asked}/")));
        let expected = if is_whole { "*" } else if is_read { "+" } else if is_above { "-" } else { "." };
        prop_assert_eq!(marked(&hints, 0, &[&asked]), expected);
    }
}
