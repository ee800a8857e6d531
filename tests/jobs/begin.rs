//! `fastdiff begin`, `commit` and `abort`: the baseline moves by a commit alone, and a list is a full one only for a
//! reason that is said.

use super::Jobs;

#[test]
fn changes_come_again_until_they_are_committed() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "1");
    let first = jobs.begin(&["--emit=name-status", "--relative"]);
    assert_eq!((first.code, first.stdout.as_str(), first.stderr.as_str()), (Some(0), "M\t.\nA\ta\n", ""));
    jobs.env.write("tree/b", "2");
    let again = jobs.begin(&["--emit=name-status", "--relative"]);
    assert_eq!(again.stdout, "M\t.\nA\ta\nA\tb\n");
    assert_eq!(again.stderr, "fastdiff: note: run 2 is not known to have succeeded; what it listed is listed again\n");
    jobs.commit();
    assert_eq!(jobs.list(), "");
}

#[test]
fn the_run_that_is_committed_can_be_named() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.begin(&[]);
    jobs.begin(&[]);
    insta::assert_snapshot!(
        jobs.run(["commit", "j", "--run=2"]).failure(2),
        @"fastdiff: error: job j: run 2 is not pending, run 3 is; nothing was changed"
    );
    insta::assert_snapshot!(
        jobs.run(["abort", "j", "--run=2"]).failure(2),
        @"fastdiff: error: job j: run 2 is not pending, run 3 is; nothing was changed"
    );
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
    jobs.run(["commit", "j", "--run=3"]).success();
    assert_eq!(jobs.job_state()["committed"]["run"], 3);
}

#[test]
fn nothing_pending_is_nothing_to_commit_or_abort() {
    let jobs = Jobs::new();
    let line = "fastdiff: error: job j: no run is pending; `fastdiff begin` starts one";
    assert_eq!(jobs.run(["commit", "j"]).failure(2), line, "before the first run");
    jobs.settle();
    assert_eq!(jobs.run(["commit", "j"]).failure(2), line, "twice");
    assert_eq!(jobs.run(["abort", "j"]).failure(2), line);
    jobs.begin(&[]);
    jobs.run(["abort", "j"]).success();
    assert_eq!(jobs.run(["commit", "j"]).failure(2), line, "after an abort");
}

#[test]
fn what_an_aborted_run_listed_is_listed_again() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "1");
    assert_eq!(jobs.list(), "M .\nA a\n");
    jobs.run(["abort", "j"]).success();
    jobs.env.remove("tree/a");
    let list = jobs.begin(&["--emit=name-status", "--relative"]).stdout;
    assert_eq!(list, "M\t.\nD\ta\n", "its reader may have copied it");
    jobs.commit();
    assert_eq!(jobs.list(), "");
}

#[test]
fn what_runs_listed_that_did_not_succeed_is_listed_again_as_it_is_now() {
    let jobs = Jobs::new();
    jobs.env.write("tree/dir/inside", "");
    jobs.settle();
    // A directory goes away, and a file stands in its place; later it is back, and its content was never touched.
    jobs.env.rename("tree/dir", "elsewhere");
    jobs.env.write("tree/dir", "");
    assert_eq!(jobs.list(), "M .\nT dir\nD dir/inside\n");
    jobs.env.remove("tree/dir");
    jobs.env.write("tree/brief", "");
    let begin = || jobs.begin(&["--emit=name-status", "--relative"]).stdout;
    assert_eq!(begin(), "M\t.\nA\tbrief\nD\tdir\nD\tdir/inside\n");
    jobs.env.rename("elsewhere", "tree/dir");
    jobs.env.remove("tree/brief");
    let list = begin();
    assert_eq!(list, "M\t.\nD\tbrief\nT\tdir\nS\tdir/inside\n", "a mirror may have lost dir/inside and hold brief");
    jobs.commit();
    assert_eq!(jobs.list(), "");
    assert_eq!(jobs.files(), ["1.snap", "4.snap", "5.snap", "state.json"], "nothing of them stays");
}

#[test]
fn a_list_is_a_full_one_after_the_definition_changed_and_only_until_it_is_back() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let first = jobs.begin(&["--relative"]);
    assert_eq!(first.stdout, "A\t.\nA\ta\n");
    assert_eq!(first.stderr, "fastdiff: note: the list is a full one: there is no baseline yet\n");
    jobs.commit();
    let told = |keys: &str| {
        jobs.define(keys);
        let run = jobs.begin(&["--emit=name-status", "--relative"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), "A\t.\nA\ta\n"), "{}", run.stderr);
        jobs.run(["abort", "j"]).success();
        run.stderr.lines().find(|line| line.contains("full one")).unwrap().to_owned()
    };
    insta::assert_snapshot!(told("consumer = \"json\""), @"fastdiff: note: the list is a full one: the consumer changed since the last successful run");
    insta::assert_snapshot!(told("consumer = \"name-status\"\nexclude = [\"*.o\"]"), @r#"fastdiff: note: the list is a full one: the definition changed since the last successful run: exclude patterns: none before, "*.o" now"#);
    insta::assert_snapshot!(told("consumer = \"name-status\"\none-file-system = true"), @"fastdiff: note: the list is a full one: the definition changed since the last successful run: one-file-system: off before, on now");
    insta::assert_snapshot!(told("consumer = \"rsync\""), @"fastdiff: note: the list is a full one: the consumer changed since the last successful run; it does not name what was deleted: run `rsync -aHI --modify-window=-1 --delete [ROOT]/tree/ DEST/` once without a list");
    jobs.define("consumer = \"name-status\"\nkeep = 7\nmax-delete = 3\nsuccess = [9]\ncommand = [\"true\"]");
    let run = jobs.begin(&["--relative"]);
    assert!(run.stderr.contains("a full one: it is no longer known what an unsuccessful run listed"), "{}", run.stderr);
    jobs.commit();
    assert_eq!(jobs.list(), "", "none of these keys changes what is asked");
}

#[test]
fn a_root_that_is_empty_now_is_refused_after_another_definition_too() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.settle();
    jobs.define("consumer = \"name-status\"\nexclude = [\"*.o\"]");
    jobs.env.remove("tree/a");
    let run = jobs.begin(&["--no-list"]);
    assert!(run.code == Some(2) && run.stderr.contains("held entries before and is empty now"), "{}", run.stderr);
    assert!(jobs.job_state()["pending"].is_null());
    let run = jobs.begin(&["--no-list", "--allow-root-change"]);
    assert!(run.code == Some(0) && run.stderr.contains("the definition changed"), "{}", run.stderr);
}

#[test]
fn a_commit_after_a_run_that_was_refused_does_not_mean_the_one_before() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    jobs.settle();
    jobs.env.write("tree/b", "");
    jobs.begin(&[]);
    jobs.env.rename("tree", "elsewhere");
    assert_eq!(jobs.begin(&[]).code, Some(2));
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(line.contains("run 2 is pending, but a later run was refused since it started; nothing was changed; `fastdiff log` says why; "), "{line}");
    assert_eq!(jobs.job_state()["committed"]["run"], 1);
    jobs.env.rename("elsewhere", "tree");
    let run = jobs.begin(&["--emit=name-status", "--relative"]);
    assert!(run.stdout.contains("A\tb\n"), "{}", run.stdout);
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(
        line.contains("it is unclear which run succeeded: run 3 started before run 2 was committed or aborted; "),
        "{line}"
    );
    jobs.run(["commit", "j", "--run=3"]).success();
    let line = jobs.run(["commit", "j", "--run=3"]).failure(2);
    assert!(line.contains("run 3 is not pending: it is already the baseline; nothing was changed"), "{line}");
    let line = jobs.run(["commit", "j", "--run=2"]).failure(2);
    assert!(line.contains("run 2 is not pending: run 3 is the baseline, and no run is pending; nothing was changed; if run 2 was a full backup, repeat it"), "{line}");
}

#[test]
fn a_refused_list_leaves_nothing_pending() {
    let jobs = Jobs::new();
    for name in ["a", "b", "c"] {
        jobs.env.write(format!("tree/{name}"), "");
    }
    jobs.settle();
    for name in ["a", "b", "c"] {
        jobs.env.remove(format!("tree/{name}"));
    }
    let line = jobs.begin(&[]).failure(2);
    assert!(line.contains("held entries before and is empty now"), "{line}");
    let line = jobs.begin(&["--allow-root-change", "--max-delete=2"]).failure(2);
    assert!(line.contains("3 entries were removed, more than the limit of 2 "), "{line}");
    assert!(jobs.job_state()["pending"].is_null());
    assert_eq!(jobs.files(), ["1.snap", "state.json"]);
    assert_eq!(jobs.begin(&["--allow-root-change"]).code, Some(0));
    jobs.define("consumer = \"name-status\"\nmax-delete = \"50%\"");
    let line = jobs.begin(&["--allow-root-change"]).failure(2);
    assert!(line.contains("more than the limit of 50% "), "{line}");
    assert_eq!(jobs.begin(&["--allow-root-change", "--max-delete=100%"]).code, Some(0));
}

#[test]
fn a_mass_change_is_refused_by_the_definition_or_an_option_but_not_in_a_full_list() {
    let jobs = Jobs::with("consumer = \"name-status\"\nmax-change = \"40%\"");
    for number in 0..9 {
        jobs.env.write(format!("tree/{number}"), "");
    }
    jobs.settle();
    for number in 0..4 {
        jobs.env.write(format!("tree/{number}"), "encrypted");
    }
    assert_eq!(jobs.list(), "M 0\nM 1\nM 2\nM 3\n", "four of ten entries");
    jobs.env.write("tree/4", "encrypted");
    let line = jobs.begin(&[]).failure(2);
    assert!(line.contains("5 entries changed, more than the limit of 40% "), "{line}");
    assert_eq!(jobs.start(&["--", "true"]).code, Some(125));
    assert_eq!(jobs.log().last().unwrap().1, "refused");
    assert_eq!(jobs.run(["status", "j", "--racy-window=0"]).code, Some(0), "no limit there");
    assert_eq!(jobs.run(["status", "j", "--racy-window=0", "--max-change=4"]).code, Some(2));
    jobs.define("consumer = \"name-status\"");
    assert_eq!(jobs.begin(&["--max-change=4"]).code, Some(2));
    let run = jobs.begin(&["--full", "--max-change=4"]);
    assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 10), "{}", run.stderr);
}

#[test]
fn what_cannot_be_read_is_listed_as_neither_changed_nor_removed_and_the_run_is_pending() {
    let jobs = Jobs::new();
    jobs.env.write("tree/closed/a", "");
    jobs.settle();
    jobs.env.remove("tree/closed/a");
    jobs.env.write("tree/b", "");
    jobs.env.settle();
    let args = ["begin", "j", "-q", "--racy-window=0", "--relative"];
    let Some(run) = jobs.with_fault("getdents64:error=EIO", &["tree/closed"], &args) else { return };
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "M\t.\nA\tb\nM\tclosed\nU\tclosed\n"), "{}", run.stderr);
    jobs.commit();
    assert_eq!(jobs.list(), "D closed/a\n");
}

#[test]
fn former_baselines_are_kept_as_the_definition_says_and_can_be_compared() {
    let jobs = Jobs::with("consumer = \"name-status\"\nkeep = 2");
    for number in 1..=5 {
        jobs.env.write(format!("tree/{number}"), "");
        jobs.settle();
        assert!(jobs.files().len() <= 4, "{:?}", jobs.files());
    }
    assert_eq!(jobs.files(), ["3.snap", "4.snap", "5.snap", "state.json"]);
    let (old, new) = (jobs.state("3.snap"), jobs.state("5.snap"));
    let changes = jobs.env.changes(old.to_str().unwrap(), new.to_str().unwrap());
    assert_eq!(changes, "M .\nA 4\nA 5\n");
    jobs.define("consumer = \"name-status\"\nkeep = 0");
    jobs.settle();
    assert_eq!(jobs.files(), ["6.snap", "state.json"]);
}

#[test]
fn a_list_goes_to_a_file_whole_or_not_at_all_and_duplicati_gets_no_full_list() {
    let jobs = Jobs::with("consumer = \"duplicati\"\nduplicati-db = \"none\"");
    jobs.env.write("tree/a", "");
    let run = jobs.begin(&["-o", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "1\n"), "the number of the run, for commit");
    assert!(run.stderr.contains("nothing is printed, so Duplicati scans by itself"), "{}", run.stderr);
    assert_eq!(jobs.env.read("list"), b"");
    jobs.commit();
    jobs.env.write("tree/b", "");
    jobs.begin(&["-o", "list"]).success();
    let list = String::from_utf8(jobs.env.read("list")).unwrap();
    assert!(list.starts_with("--changed-files=\"") && list.contains("/tree/b"), "{list}");
    jobs.env.write("tree/co:lon", "");
    let run = jobs.begin(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{}", run.stderr);
    assert_eq!(jobs.job_state()["pending"]["run"], 3, "Duplicati scans, and that may succeed");
}

#[test]
fn a_list_that_is_written_into_the_tree_is_no_part_of_the_walk_before() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.begin(&["-o", "tree/list"]).success();
    jobs.commit();
    assert_eq!(jobs.list(), "M .\nA list\n", "and nothing of its making");
    let line = jobs.begin(&["-o", "missing/list"]).failure(2);
    assert!(line.contains("missing"), "{line}");
    assert_eq!(jobs.job_state()["pending"]["run"], 3, "refused before the walk");
}

#[test]
fn what_was_listed_before_and_cannot_be_read_now_is_not_removed_and_not_forgotten() {
    let jobs = Jobs::new();
    jobs.env.write("tree/d/a", "");
    jobs.settle();
    jobs.env.write("tree/d/brief", "");
    assert_eq!(jobs.list(), "M d\nA d/brief\n");
    jobs.env.remove("tree/d/brief");
    let begin = || jobs.begin(&["--emit=name-status", "--relative"]).stdout;
    assert_eq!(begin(), "M\td\nD\td/brief\n");
    jobs.env.write("tree/d/new", "");
    jobs.env.settle();
    let args = ["begin", "j", "-q", "--racy-window=0", "--relative"];
    let Some(run) = jobs.with_fault("getdents64:error=EIO", &["tree/d"], &args) else { return };
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "M\td\nU\td\n"), "{}", run.stderr);
    jobs.commit();
    assert_eq!(begin(), "S\td\nD\td/brief\nA\td/new\n");
}

#[test]
fn a_commit_without_a_number_is_refused_where_another_run_was_pending_too() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/one", "");
    // A script backs up what run 2 lists; meanwhile somebody begins another.
    jobs.begin(&[]);
    jobs.env.write("tree/two", "");
    jobs.begin(&[]);
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(
        line.contains("it is unclear which run succeeded: run 3 started before run 2 was committed or aborted; "),
        "{line}"
    );
    assert_eq!(jobs.begin(&["--relative"]).stdout, "M\t.\nA\tone\nA\ttwo\n");
    // So it is of every later run, until it is said.
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(
        line.contains("it is unclear which run succeeded: run 4 started before run 2 was committed or aborted; "),
        "{line}"
    );
    jobs.run(["commit", "j", "--run=2"]).failure(2);
    jobs.run(["commit", "j", "--run=4"]).success();
    jobs.env.write("tree/three", "");
    jobs.begin(&[]);
    jobs.run(["commit", "j"]).success();
}

#[test]
fn a_commit_needs_no_number_after_a_run_that_was_given_up_or_is_known_to_have_failed() {
    let jobs = Jobs::new();
    jobs.begin(&[]);
    jobs.run(["abort", "j"]).success();
    jobs.begin(&[]);
    jobs.run(["commit", "j"]).success();
    jobs.env.write("tree/a", "");
    assert_eq!(jobs.start(&["--", "false"]).code, Some(1));
    jobs.begin(&[]);
    jobs.run(["commit", "j"]).success();
}

#[test]
fn a_run_that_failed_is_committed_only_by_its_number() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "");
    assert_eq!(jobs.start(&["--", "false"]).code, Some(1));
    let line = jobs.run(["commit", "j"]).failure(2);
    assert!(line.contains("run 2 failed") && line.contains("--run 2"), "{line}");
    jobs.run(["commit", "j", "--run=2"]).success();
    assert_eq!(jobs.list(), "");
}

#[test]
fn without_a_list_the_number_of_the_run_is_all_that_is_printed() {
    let jobs = Jobs::new();
    jobs.env.write("tree/a", "");
    let run = jobs.begin(&["--no-list"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "1\n"));
    jobs.run(["commit", "j", "--run=1"]).success();
    assert_eq!(jobs.list(), "");
}
