//! `fastdiff job`: definitions are written, shown, removed, and whatever is wrong in them is one line.

use super::Jobs;

#[test]
fn what_is_added_is_shown_and_listed_and_removed_and_comments_stay() {
    let jobs = Jobs::new();
    let env = &jobs.env;
    env.write("fastdiff.toml", "# mine\n\n[jobs.old] # keep me\nroots = [\"/etc\"] # here\n");
    env.dir("a b");
    env.write("patterns", "*.bak\n");
    let args = [
        "job",
        "add",
        "new",
        "tree",
        "a b/../a b/",
        "--consumer=rsync",
        "--exclude=*.o",
        "--exclude-from=patterns",
        "--exclude-caches",
        "--exclude-if-present=.no",
        "-x",
        "--keep=3",
        "--max-delete=20%",
        "--max-change=40%",
        "--success=0,24,23",
        "--",
        "rsync",
        "-aI0",
        "--files-from={all}",
        "--del",
        "--delete-missing-args",
        "{root}/",
        "nas:é\"",
    ];
    env.write("tree/a.o", "");
    env.write("tree/kept", "");
    env.write("a b/b.bak", "");
    assert_eq!(jobs.run(args).success(), "");
    let text = String::from_utf8(env.read("fastdiff.toml")).unwrap().replace(env.path("").to_str().unwrap(), "[ROOT]");
    insta::assert_snapshot!(text, @r#"
    # mine

    [jobs.old] # keep me
    roots = ["/etc"] # here

    [jobs.new]
    roots = ["[ROOT]/tree", "[ROOT]/a b"]
    consumer = "rsync"
    exclude-from = ["[ROOT]/patterns"]
    exclude = ["*.o"]
    exclude-caches = true
    exclude-if-present = [".no"]
    one-file-system = true
    keep = 3
    max-delete = "20%"
    max-change = "40%"
    success = [0, 24, 23]
    command = ["rsync", "-aI0", "--files-from={all}", "--del", "--delete-missing-args", "{root}/", 'nas:é"']
    "#);
    insta::assert_snapshot!(jobs.run(["job", "list"]).success(), @r"
    name  consumer  last success  last run  roots
    old   text      never         none      /etc
    new   rsync     never         none      [ROOT]/tree [ROOT]/a b
    ");
    insta::assert_snapshot!(jobs.run(["job", "show", "new"]).success(), @r#"
    name                new
    roots               [ROOT]/tree [ROOT]/a b
    source              auto
    consumer            rsync
    exclude-from        [ROOT]/patterns
    exclude             *.o
    exclude-caches      true
    exclude-if-present  .no
    one-file-system     true
    keep                3
    max-delete          20%
    max-change          40%
    success             0, 24, 23
    command             rsync -aI0 '--files-from={all}' --del --delete-missing-args '{root}/' 'nas:é"'
    state               [ROOT]/state/jobs/new
    committed           none
    pending             none
    "#);
    let shown: serde_json::Value = serde_json::from_str(&jobs.run(["job", "show", "new", "--json"]).success()).unwrap();
    assert_eq!(shown["command"][2], "--files-from={all}");
    assert_eq!(jobs.run(["job", "list", "--json"]).success().lines().count(), 2);
    assert_eq!(
        jobs.run(["job", "remove", "new"]).stderr,
        "fastdiff: note: job new: its definition, baseline and log are gone; timers and scripts stay, and `fastdiff job schedule new --remove | sh` removes its timer\n"
    );
    let text = String::from_utf8(env.read("fastdiff.toml")).unwrap();
    assert_eq!(text, "# mine\n\n[jobs.old] # keep me\nroots = [\"/etc\"] # here\n");
    insta::assert_snapshot!(
        jobs.run(["job", "remove", "new"]).failure(2).replace("job list` shows", "…"),
        @"fastdiff: error: job new is not defined in [ROOT]/fastdiff.toml; `fastdiff … all jobs"
    );
}

#[test]
fn a_removed_job_leaves_no_state_and_begins_anew() {
    let jobs = Jobs::new();
    jobs.settle();
    assert_eq!(jobs.run(["job", "remove", "j"]).code, Some(0));
    assert_eq!(jobs.env.names("state/jobs"), [""; 0]);
    jobs.define("");
    assert!(jobs.begin(&[]).stderr.contains("there is no baseline yet"));
}

#[test]
fn a_job_twice_and_a_job_unknown_are_refused() {
    let jobs = Jobs::new();
    let before = jobs.env.read("fastdiff.toml");
    insta::assert_snapshot!(
        jobs.run(["job", "add", "j", "tree"]).failure(2),
        @"fastdiff: error: job j is already defined in [ROOT]/fastdiff.toml; edit it there, or remove it first with `fastdiff job remove`"
    );
    assert_eq!(jobs.env.read("fastdiff.toml"), before);
    for command in ["begin", "commit", "abort", "status", "log"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                jobs.run([command, "nobody"]).failure(2),
                @"fastdiff: error: job nobody is not defined in [ROOT]/fastdiff.toml; `fastdiff job list` shows all jobs, `fastdiff job add` adds one"
            );
        }
    }
    jobs.run(["job", "show", "nobody"]).failure(2);
    jobs.run(["run", "nobody", "--", "true"]).failure(125);
    assert!(!jobs.env.path("state").exists());
}

#[test]
fn names_that_could_lead_elsewhere_are_refused_clearly() {
    let jobs = Jobs::new();
    for name in ["..", ".hidden", "a/b", "a b", "ä", "a\nb", "\u{1b}[2J"] {
        for args in [&["job", "add", name, "tree"][..], &["begin", name], &["job", "remove", name]] {
            let line = jobs.run(args).failure(2);
            assert!(line.contains("is not a valid job name; use letters, digits"), "{line}");
        }
    }
    jobs.run(["job", "add", "Ok.1_2-3", "tree"]).success();
    jobs.env.write("fastdiff.toml", "[jobs.\"a/b\"]\nroots = [\"/etc\"]\n");
    let line = jobs.run(["job", "list"]).failure(2);
    assert!(line.contains("fastdiff.toml: job a/b: is not a valid job name"), "{line}");
}

#[test]
fn whatever_is_wrong_in_a_definition_is_one_line_with_file_job_and_key() {
    let jobs = Jobs::new();
    let told = |toml: &str| {
        jobs.env.write("fastdiff.toml", toml);
        jobs.run(["begin", "j"]).failure(2)
    };
    let of_key = |key: &str| told(&format!("[jobs.j]\nroots = [\"/etc\"]\n{key}\n"));
    let cases = [
        ("root = 1", "key root: is not known; the keys are roots, consumer,"),
        ("keep = -1", "key keep: must be a number from 0 to 10000"),
        ("keep = \"1\"", "key keep: must be a number"),
        (
            "consumer = \"rsnyc\"",
            "key consumer: \"rsnyc\" is not one of text, name-status, json, paths, duplicati, rsync",
        ),
        ("consumer = 1", "key consumer: must be a text in quotation marks"),
        ("exclude = \"*.o\"", "key exclude: must be a list of texts in quotation marks"),
        ("exclude = [1]", "key exclude: must be a list of texts"),
        ("exclude-from = [\"x\"]", "key exclude-from: x is not an absolute path"),
        ("exclude-caches = \"yes\"", "key exclude-caches: must be true or false"),
        ("exclude-if-present = [\"a/b\"]", "key exclude-if-present: name one entry of a directory"),
        (
            "max-delete = \"lots\"",
            "key max-delete: \"lots\" is neither a number of entries (100) nor a percentage (5%)",
        ),
        ("max-delete = -1", "key max-delete: \"-1\" is neither"),
        ("max-delete = true", "key max-delete: must be a number, or a percentage"),
        ("max-change = true", "key max-change: must be a number, or a percentage"),
        ("success = [0, 256]", "key success: must be a list of exit codes from 0 to 255"),
        ("success = []", "key success: is empty, so no run can succeed"),
        ("command = []", "key command: is empty"),
        ("command = [\"a\\u0000\"]", "key command: holds a NUL"),
        ("duplicati-db = \"/x\"", "key duplicati-db: is not for the consumer text"),
    ];
    for (key, expected) in cases {
        let line = of_key(key);
        assert!(line.starts_with("fastdiff: error: [ROOT]/fastdiff.toml: job j: key "), "{line}");
        assert!(line.contains(expected), "{line}");
    }
    for (toml, expected) in [
        ("[jobs.j]\nroots = []\n", "job j: key roots: is missing or empty"),
        ("[jobs.j]\n", "job j: key roots: is missing or empty"),
        ("[jobs.j]\nroots = [\"~/Documents\"]\n", "job j: key roots: ~/Documents is not an absolute path"),
        ("jobs = 1\n", "key jobs: must be tables"),
        ("[jobs]\nj = 1\n", "job j: must be a table [jobs.j]"),
        ("[job.j]\n", "key job: is not known here; jobs are tables [jobs.NAME]"),
        ("[jobs.j]\nroots = [\"/etc\"\nkeep = 1\n", "fastdiff.toml: line "),
        ("[jobs.j]\nroots = [\"/etc\"]\nroots = [\"/etc\"]\n", "fastdiff.toml: line 3: "),
    ] {
        let line = told(toml);
        assert!(line.contains(expected), "{line}");
    }
    std::fs::write(jobs.env.path("fastdiff.toml"), b"\xff").unwrap();
    let line = jobs.run(["job", "list"]).failure(2);
    assert!(line.contains("cannot read [ROOT]/fastdiff.toml"), "{line}");
}

#[test]
fn a_bad_job_is_in_nobody_elses_way() {
    let jobs = Jobs::new();
    let root = jobs.env.path("tree");
    jobs.env.write("fastdiff.toml", format!("[jobs.bad]\nkeep = 0.5\n[jobs.j]\nroots = [{root:?}]\n"));
    assert_eq!(jobs.begin(&[]).code, Some(0));
    let listed = jobs.run(["job", "list"]);
    assert_eq!(listed.code, Some(2));
    assert!(listed.stderr.contains("job bad: key roots: is missing or empty"), "{}", listed.stderr);
    assert!(listed.stdout.lines().nth(1).unwrap().starts_with("j "), "{}", listed.stdout);
}

#[test]
fn a_state_that_cannot_be_read_is_not_taken_for_none() {
    let jobs = Jobs::new();
    jobs.settle();
    std::fs::write(jobs.state("state.json"), "{").unwrap();
    let listed = jobs.run(["job", "list"]);
    assert!(listed.stderr.contains("warning: job j: its state file"), "{}", listed.stderr);
    assert!(listed.stdout.contains("unknown"), "{}", listed.stdout);
}

#[test]
fn the_list_of_jobs_tells_which_of_them_fail() {
    let jobs = Jobs::new();
    jobs.settle();
    jobs.env.write("tree/a", "");
    jobs.start(&["--", "sh", "-c", "exit 11"]);
    let listed = jobs.run(["job", "list"]).success();
    assert!(listed.contains("  2 failed, exit code 11  "), "{listed}");
    let json: serde_json::Value = serde_json::from_str(&jobs.run(["job", "list", "--json"]).success()).unwrap();
    assert_eq!((&json["last_run"]["run"], &json["last_run"]["outcome"]), (&2.into(), &"failed".into()));
}

#[test]
fn a_definition_that_is_a_symlink_stays_one_and_keeps_its_mode() {
    let jobs = Jobs::new();
    let env = &jobs.env;
    env.rename("fastdiff.toml", "dotfiles/fastdiff.toml");
    env.symlink("dotfiles/fastdiff.toml", "fastdiff.toml");
    env.chmod("dotfiles/fastdiff.toml", 0o600);
    jobs.run(["job", "add", "k", "tree"]).success();
    assert!(env.path("fastdiff.toml").is_symlink());
    assert_eq!(crate::testenv::mode_of(&env.path("dotfiles/fastdiff.toml")), 0o600);
    assert!(String::from_utf8(env.read("dotfiles/fastdiff.toml")).unwrap().contains("[jobs.k]"));
    assert_eq!(env.names("dotfiles"), ["fastdiff.toml"]);
}

#[test]
fn a_pattern_that_begins_with_a_root_is_refused() {
    let jobs = Jobs::new();
    jobs.env.dir("tree/sub");
    jobs.env.write("tree/file", "");
    jobs.env.symlink("tree", "link");
    for (root, pattern) in [("tree", "tree/sub"), ("link", "link/sub"), ("link", "tree/sub")] {
        let pattern = jobs.env.path(pattern).display().to_string();
        let error = jobs.run(["job", "add", "k", root, "--exclude", &pattern, "--exclude=/sub/"]).failure(2);
        assert!(error.contains("patterns are relative to each root") && error.contains("; write /sub (or "), "{error}");
    }
    assert_eq!(jobs.run(["job", "add", "k", "tree", "--exclude=/sub/"]).success(), "");
}

#[test]
fn what_could_never_run_is_not_added() {
    let jobs = Jobs::new();
    let add = |more: &[&str]| jobs.run(["job", "add", "k"].iter().chain(more)).failure(2);
    assert!(add(&["missing"]).contains("root missing: does not exist"));
    assert!(add(&["tree", "--exclude=[a"]).contains("exclude pattern \"[a\""));
    jobs.env.dir("tree/sub");
    assert!(add(&["tree", "tree/sub"]).contains("lies inside of the root [ROOT]/tree"));
    let wrong = add(&["tree", "--consumer=rsync", "--", "rsync", "-a", "x/", "y/"]);
    assert!(wrong.contains("does not give the list to rsync") && wrong.contains("{root}/ y/"), "{wrong}");
    assert!(add(&["tree", "--", "cat", "{Al}"]).contains("the command holds {Al}; did you mean {all}?"));
    assert!(
        add(&["tree", "--exclude-from=-"])
            .contains("a job reads --exclude-from at each run, so it cannot be standard input")
    );
    assert!(add(&["tree", "--duplicati-db=x"]).contains("--duplicati-db is for duplicati only"));
    let asked = add(&["tree", "--consumer=restic", "--", "cat", "{deleted}"]);
    assert!(asked.contains("asks for {deleted}, which the consumer restic does not have"), "{asked}");
    assert!(add(&["tree", "--", ""]).contains("the command is empty"));
    assert!(!String::from_utf8(jobs.env.read("fastdiff.toml")).unwrap().contains("jobs.k"));
}
