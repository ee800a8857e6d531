//! Bad input on the command line that no other file of tests is about: each has a clear line and the
//! documented exit code, and leaves nothing behind.

use crate::testenv::TestEnv;

#[test]
fn an_unknown_form_of_list_suggests_the_nearest() {
    let env = TestEnv::new();
    env.snap("a.snap");
    for (typed, meant) in [
        ("jsn", "json"),
        ("name_status", "name-status"),
        ("path", "paths"),
        ("duplicate", "duplicati"),
        ("txt", "text"),
    ] {
        let run = env.run(["diff", "a.snap", "a.snap", "--emit", typed]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(
            run.stderr.starts_with(&format!("error: invalid value '{typed}' for '--emit <FORMAT>'")),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(&format!("a similar value exists: '{meant}'")), "{}", run.stderr);
    }
    let run = env.run(["diff", "a.snap", "a.snap", "--emit", "zzz"]);
    assert!(run.stderr.contains("possible values: text, name-status, json, paths, duplicati"), "{}", run.stderr);
}

#[test]
fn usage_errors_exit_with_two_and_write_nothing() {
    let env = TestEnv::new();
    for args in [
        &[][..],
        &["snap"],
        &["snap", "tree"],
        &["snap", "-o", "a.snap"],
        &["snap", "tree", "-o", "a.snap", "--threads", "0"],
        &["snap", "tree", "-o", "a.snap", "--threads", "100000"],
        &["snap", "tree", "-o", "a.snap", "--walker", "best"],
        &["snap", "tree", "-o", "a.snap", "--racy-window", "soon"],
        &["snap", "tree", "-o", "a.snap", "--racy-window", "-1"],
        &["snap", "tree", "-o", "a.snap", "-o", "b.snap"],
        &["snap", "tree", "-o", "a.snap", "--unknown"],
        &["diff", "a.snap"],
        &["diff", "a.snap", "b.snap", "c.snap"],
        &["show"],
        &["info"],
        &["verify"],
        &["unknown"],
    ] {
        let run = env.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(!run.stderr.is_empty(), "{args:?}");
    }
    assert_eq!(env.names(""), ["tree"]);
}

#[test]
fn a_misspelled_command_or_option_suggests_the_nearest() {
    let env = TestEnv::new();
    for (args, meant) in [
        (&["dif", "a", "b"][..], "'diff'"),
        (&["snap", "tree", "-o", "a.snap", "--exclud", "x"], "'--exclude'"),
        (&["snap", "tree", "-o", "a.snap", "--walker", "nativ"], "'native'"),
    ] {
        let run = env.run(args);
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains(meant), "{}", run.stderr);
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    let env = TestEnv::new();
    for args in [&["--help"][..], &["snap", "--help"], &["diff", "-h"], &["--version"], &["show", "--version"]] {
        let run = env.run(args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(run.stdout.contains("fastdiff"), "{args:?}");
    }
    for command in ["snap", "diff"] {
        assert!(env.run([command, "--help"]).success().contains("Examples:\n  fastdiff "), "{command}");
    }
}

#[test]
fn shell_completions_and_manual_pages_are_made() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(env.run(["completions", shell]).success().contains("FASTDIFF_COMPLETE"), "{shell}");
    }
    assert!(env.run(["man"]).success().contains(".TH fastdiff 1"));
    env.run(["man", "-o", "new/man"]).success();
    let pages = ["completions", "diff", "info", "man", "show", "snap", "verify"].map(|c| format!("fastdiff-{c}.1"));
    let names = env.names("new/man");
    assert!(pages.iter().all(|p| names.contains(p)) && names.contains(&"fastdiff.1".to_owned()), "{names:?}");
    env.write("file", "");
    let error = env.run(["man", "-o", "file"]).failure(2);
    assert!(error.contains("cannot write manual pages to file: "), "{error}");
}

#[test]
fn a_shell_is_told_options_consumers_and_the_names_of_jobs() {
    let env = TestEnv::new();
    let root = env.path("tree");
    env.write("jobs.toml", format!("[jobs.documents]\nroots = [{root:?}]\nconsumer = \"rsync\"\n"));
    let complete = |words: &[&str]| {
        let mut command = env.command();
        command.env("FASTDIFF_COMPLETE", "bash").env("_CLAP_IFS", "\n").env("FASTDIFF_CONFIG", env.path("jobs.toml"));
        command.env("_CLAP_COMPLETE_INDEX", words.len().to_string()).args(["--", "fastdiff"]).args(words);
        env.finish(&mut command).success()
    };
    assert_eq!(complete(&["snap", "--exclude-c"]).trim(), "--exclude-caches");
    for command in ["run", "begin", "commit", "abort", "status", "log"] {
        assert_eq!(complete(&[command, "doc"]).trim(), "documents", "{command}");
    }
    for command in ["show", "remove", "schedule"] {
        assert_eq!(complete(&["job", command, "doc"]).trim(), "documents", "{command}");
    }
    assert_eq!(complete(&["diff", "--emit", "res"]).trim(), "restic");
    assert_eq!(complete(&["run", "x"]).trim(), "");
}

#[test]
fn completions_and_manual_pages_are_installed_for_a_user() {
    let env = TestEnv::new();
    let home = env.dir("home");
    let install = |args: &[&str]| {
        let mut command = env.command();
        command.env("HOME", &home).args(args);
        let run = env.finish(&mut command);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{args:?}: {}", run.stderr);
        run.stderr
    };
    let files = [
        ("bash", ".local/share/bash-completion/completions/fastdiff"),
        ("fish", ".config/fish/completions/fastdiff.fish"),
        ("zsh", ".local/share/zsh/site-functions/_fastdiff"),
    ];
    for (shell, file) in files {
        let said = install(&["completions", shell, "--install"]);
        assert!(said.contains(&format!("wrote [ROOT]/home/{file}; ")), "{said}");
        let printed = env.run(["completions", shell]).success();
        assert_eq!(env.read(format!("home/{file}")), printed.as_bytes());
    }
    let said = install(&["man", "--install"]);
    assert!(said.contains("[ROOT]/home/.local/share/man/man1"), "{said}");
    assert!(env.names("home/.local/share/man/man1").contains(&"fastdiff-snap.1".to_owned()));
    assert!(env.run(["completions", "elvish", "--install"]).failure(2).contains("fastdiff completions elvish"));
    assert!(env.run(["completions"]).failure(2).contains("$SHELL"));
}

#[test]
fn nothing_is_said_on_standard_error_that_was_not_asked_for() {
    let env = TestEnv::new();
    env.write("tree/file", "");
    let run = env.run(["snap", "tree", "-o", "a.snap"]);
    assert_eq!(run.stderr.lines().count(), 1, "a summary and no progress, as this is no terminal: {}", run.stderr);
    assert_eq!(env.run(["snap", "tree", "-o", "a.snap", "--quiet"]).success(), "");
}

#[test]
fn a_current_directory_that_is_gone_matters_only_to_relative_paths() {
    let env = TestEnv::new();
    let (tree, out) = (env.path("tree"), env.path("a.snap"));
    let script = format!("mkdir gone; cd gone; rmdir ../gone; exec $0 snap {} -o {} -q", tree.display(), out.display());
    env.finish(&mut env.shell(&script)).success();
    let script = "mkdir gone; cd gone; rmdir ../gone; exec $0 snap . -o /nowhere/a.snap -q";
    env.finish(&mut env.shell(script)).failure(2);
}

#[test]
fn a_timeout_has_to_be_one_and_needs_the_native_walker() {
    let env = TestEnv::new();
    let snap = ["snap", "tree", "-o", "a.snap", "--io-timeout"];
    let run = env.run([&snap[..], &["0"]].concat());
    assert!(run.stderr.contains("a timeout of zero gives up on everything; write it as 30s or 2min"), "{}", run.stderr);
    let error = env.run([&snap[..], &["1s", "--walker", "portable"]].concat()).failure(2);
    assert!(
        error.contains("an I/O timeout needs the native walker; leave out --io-timeout, or --walker portable"),
        "{error}"
    );
    assert_eq!(env.names(""), ["tree"]);
}
