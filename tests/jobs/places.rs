//! The state directory inside of the tree is no part of it, whoever walks and however.

use std::fs;

use super::Jobs;

/// Lists of a few runs whose state lies in the tree; `walk` is how they walk.
fn lists_with_state_inside(walk: &[&str]) -> Vec<String> {
    let jobs = Jobs::new();
    let env = &jobs.env;
    env.write("tree/.local/state/other", "");
    env.write("tree/sub/a", "");
    let state = env.dir("tree/.local/state/fastdiff");
    let run = |args: &[&str]| {
        env.settle();
        env.finish(jobs.command(args).arg("--state-dir").arg(&state))
    };
    let begin = [&["begin", "j", "-q", "--racy-window=0", "--relative"], walk].concat();
    let mut lists = Vec::new();
    for _ in 0..3 {
        let list = run(&begin);
        assert_eq!(list.code, Some(0), "{}", list.stderr);
        lists.push(list.stdout.replace('\t', " "));
        run(&["commit", "j"]).success();
    }
    env.write("tree/sub/b", "");
    lists.push(run(&begin).success().replace('\t', " "));
    lists
}

#[test]
fn the_state_directory_is_left_out_as_a_whole_by_both_walkers() {
    for walk in [&["--walker=native"][..], &["--walker=portable"], &["--threads=1"]] {
        let lists = lists_with_state_inside(walk);
        let whole = "A .\nA .local\nA .local/state\nA .local/state/other\nA sub\nA sub/a\n";
        assert_eq!(lists, [whole, "", "", "M sub\nA sub/b\n"], "{walk:?}");
    }
}

#[test]
fn hints_narrow_a_walk_of_a_tree_that_holds_the_state() {
    let jobs = Jobs::new();
    let env = &jobs.env;
    env.write("tree/sub/a", "");
    env.write("tree/other/c", "");
    let state = env.dir("tree/state");
    let run = |args: &[&str]| {
        env.settle();
        env.finish(jobs.command(args).arg("--state-dir").arg(&state))
    };
    assert_eq!(run(&["begin", "j", "-q", "--racy-window=0"]).code, Some(0));
    run(&["commit", "j"]).success();
    env.write("tree/sub/b", "");
    env.write("hints", "tree/sub/b\n".replace("tree", env.path("tree").to_str().unwrap()));
    let args = ["begin", "j", "--racy-window=0", "--relative", "--hints=hints", "--trust-hints", "--audit=0"];
    for _ in 0..2 {
        let list = run(&args);
        assert_eq!((list.code, list.stdout.as_str()), (Some(0), "M\tsub\nA\tsub/b\n"), "{}", list.stderr);
        assert!(list.stderr.contains("used 1 hint\n"), "{}", list.stderr);
    }
    run(&["commit", "j", "--run=3"]).success();
    env.write("hints", "");
    assert_eq!(run(&args).stdout, "");
}

#[test]
fn a_root_by_another_name_leads_to_the_same_state() {
    let jobs = Jobs::new();
    let env = &jobs.env;
    env.write("tree/a", "");
    env.symlink("tree", "link");
    env.symlink("tree/deep/state", "elsewhere");
    env.dir("tree/deep/state");
    env.write("fastdiff.toml", format!("[jobs.j]\nroots = [{:?}]\nconsumer = \"name-status\"\n", env.path("link")));
    let run = |args: &[&str]| {
        env.settle();
        env.finish(jobs.command(args).arg("--state-dir").arg(env.path("elsewhere")))
    };
    let begin = ["begin", "j", "-q", "--racy-window=0", "--relative"];
    assert_eq!(run(&begin).stdout, "A\t.\nA\ta\nA\tdeep\n");
    run(&["commit", "j"]).success();
    assert_eq!(run(&begin).success(), "");
}

#[test]
fn where_the_state_moves_into_the_tree_nothing_of_it_is_listed_and_where_it_moves_away_what_stays_is() {
    let jobs = Jobs::new();
    let env = &jobs.env;
    env.write("tree/a", "");
    env.write("tree/inside/mine", "");
    jobs.settle();
    // What is a directory of our own now is not reported as removed.
    let inside = env.path("tree/inside");
    fs::rename(env.path("state/jobs"), inside.join("jobs")).unwrap();
    let run = |args: &[&str]| {
        env.settle();
        env.finish(jobs.command(args).arg("--state-dir").arg(&inside))
    };
    let begin = ["begin", "j", "-q", "--racy-window=0", "--relative"];
    assert_eq!(run(&begin).success(), "");
    run(&["commit", "j"]).success();
    fs::rename(inside.join("jobs"), env.path("state/jobs")).unwrap();
    assert_eq!(jobs.list(), "A inside\nA inside/mine\n");
}

#[test]
fn a_root_in_the_state_directory_is_refused() {
    let jobs = Jobs::new();
    for root in ["state", "state/jobs"] {
        jobs.env.dir(root);
        jobs.env.write("fastdiff.toml", format!("[jobs.j]\nroots = [{:?}]\n", jobs.env.path(root)));
        let line = jobs.run(["begin", "j"]).failure(2);
        assert_eq!(
            line,
            format!(
                "fastdiff: error: root [ROOT]/{root}: lies in [ROOT]/state, where fastdiff keeps its own state; name another directory"
            )
        );
    }
}

#[test]
fn status_does_not_list_its_own_temporary_files() {
    let jobs = Jobs::new();
    jobs.env.dir("tree/tmp");
    jobs.settle();
    jobs.env.settle();
    let mut command = jobs.command(["status", "j", "--racy-window=0"]);
    let run = jobs.env.finish(command.env("TMPDIR", jobs.env.path("tree/tmp")));
    assert!(!run.stdout.contains("fastdiff"), "{}", run.stdout);
    assert_eq!(jobs.env.names("tree/tmp"), [""; 0]);
    let mut command = jobs.command(["status", "j"]);
    let line = jobs.env.finish(command.env("TMPDIR", jobs.env.path("missing"))).failure(2);
    assert!(line.contains("cannot make a temporary directory: "), "{line}");
}

/// Names that mean something to a shell, to a placeholder, to TOML, to XML, to systemd or to cron.
const HOSTILE: [&str; 5] = [
    "r {changed} x",
    "x{root}y{all}",
    "{deleted}{root}/{root}",
    "it's \"100%\" $HOME `id` %h;#&<ü>",
    "a\\b\nc]\n[jobs.k]",
];

#[test]
fn what_is_inserted_into_a_command_is_not_looked_at_again() {
    // A list of paths cannot hold a line break.
    for (number, name) in HOSTILE.iter().filter(|name| !name.contains('\n')).enumerate() {
        let jobs = Jobs::new();
        let root = jobs.env.dir(format!("roots/{number}/{name}"));
        let root = root.to_str().unwrap();
        let state = jobs.env.path(format!("state {{root}} {{changed}} {name}"));
        let add = [&["job", "add", "h", root, "--consumer", "paths", "--"][..], &["printf", "<%s>\\n"]].concat();
        let words = ["{root}", "{root}/", "a{root}/b{root}", "{{changed}", "{changed}{changed}", "{nothing}"];
        let run = jobs.run(add.iter().chain(&words));
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        let mut command = jobs.command(["run", "h", "-q", "--state-dir"]);
        let run = jobs.env.finish(command.arg(&state));
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        let list = |part: &str| format!("{}/jobs/h/lists/{part}", state.display());
        let expected = [
            root.to_owned(),
            format!("{root}/"),
            format!("a{root}/b{root}"),
            format!("{{{}", list("changed")),
            list("changed") + &list("changed"),
            "{nothing}".to_owned(),
        ];
        let expected = format!("<{}>\n", expected.join(">\n<"));
        assert_eq!(String::from_utf8(run.bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn a_definition_holds_any_name_as_it_is() {
    for name in HOSTILE {
        let jobs = Jobs::new();
        let root = jobs.env.dir(format!("roots/{name}"));
        // Of the placeholders, the consumer has these.
        let word = name.replace("{all}", "").replace("{deleted}", "");
        let words = ["printf", &word, "{root}"];
        let root = root.to_str().unwrap();
        let add = ["job", "add", "h", root, "--consumer", "paths", "--"];
        let run = jobs.run(add.iter().chain(&words));
        assert_eq!(run.code, Some(0), "{name}: {}", run.stderr);
        let shown = jobs.run(["job", "show", "h", "--json"]);
        let shown: serde_json::Value = serde_json::from_slice(&shown.bytes).unwrap();
        assert_eq!(shown["roots"], serde_json::json!([root]));
        assert_eq!(shown["command"], serde_json::json!(words));
        assert_eq!(jobs.run(["job", "list", "--json"]).stdout.lines().count(), 2, "{name} makes no job of its own");
    }
}
