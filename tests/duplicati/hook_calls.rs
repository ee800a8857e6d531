//! What the hook says when it is called: lists, idle runs, other events, wrong calls.

use super::hook::{Ending, Hooked, Told};
use super::options::Options;

const NONE: [&str; 0] = [];

#[test]
fn the_first_run_scans_and_the_next_one_lists_what_changed() {
    let mut hooked = Hooked::new();
    for name in ["a", "b", "d/c"] {
        hooked.write(name, "old");
    }
    let told = hooked.round();
    assert_eq!(told.refused(), "there is no baseline yet");
    hooked.write("d/c", "new content");
    std::fs::remove_file(hooked.root.join("b")).unwrap();
    let told = hooked.round();
    assert_eq!(
        told.log[..2],
        [
            "the last backup succeeded: run 1 is the baseline",
            "a list of what changed since the last backup: 0 added, 2 modified, 1 removed, 0 suspect",
        ]
    );
    // Which one depends on the file system and on who runs this.
    assert!(["source: walk", "source: inode tables"].contains(&&*told.log[2]), "{:?}", told.log);
    assert_eq!(told.log.len(), 3, "{:?}", told.log);
    assert_eq!(hooked.short(&told.options), [vec!["tree/", "tree/d/", "tree/d/c"], vec!["tree/b"]]);
}

#[test]
fn a_run_without_changes_lists_one_file() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    let told = hooked.round();
    assert!(told.log.iter().any(|line| line.starts_with("nothing changed")), "{:?}", told.log);
    // Those with several versions come in any case.
    assert_eq!(hooked.short(&told.listed()), [vec!["tree/a", "tree/b"], vec![]]);
}

#[test]
fn a_run_without_changes_is_skipped_if_asked_for() {
    let mut hooked = Hooked::new().going();
    hooked.arguments.push("--skip-idle");
    hooked.round().listed();
    for _ in 0..2 {
        let told = hooked.before();
        assert_eq!((told.code, &told.options), (77, &Options::none()));
        assert!(told.log.last().unwrap().starts_with("nothing changed"), "{:?}", told.log);
    }
    hooked.write("a", "once more");
    hooked.round().listed();
}

#[test]
fn what_duplicati_never_stores_is_not_listed_again_and_again() {
    let mut hooked = Hooked::new();
    hooked.variables.insert("filter", "-*.tmp".into());
    hooked.variables.insert("symlink_policy", "Ignore".into());
    for name in ["a", "b", "x.tmp", "co:lon.tmp"] {
        hooked.write(name, "old");
    }
    hooked.env.symlink("a", "tree/link");
    hooked.job.ignores(|path| path.ends_with(b".tmp") || path.ends_with(b"/link"));
    hooked.round().refused();
    hooked.write("co:lon.tmp", "new");
    hooked.write("b", "second");
    let list = hooked.round().listed();
    assert_eq!(hooked.short(&list), [vec!["tree/", "tree/b"], vec![]]);
    hooked.arguments.push("--skip-idle");
    assert_eq!(hooked.before().code, 77);
}

#[test]
fn an_idle_run_is_not_skipped_while_the_last_one_is_no_success() {
    for ending in [Ending::Warning, Ending::Error, Ending::Nothing] {
        let mut hooked = Hooked::new().going();
        hooked.arguments.push("--skip-idle");
        hooked.round().listed();
        hooked.write("b", "third");
        let list = hooked.before().listed();
        hooked.run(&list, ending);
        hooked.write("b", "second");
        let told = hooked.round();
        assert_eq!(told.code, 0, "{ending:?}");
    }
}

#[test]
fn only_a_backup_that_is_about_to_begin_is_answered() {
    let mut hooked = Hooked::new().going();
    for (event, operation) in
        [("AFTER", "Backup"), ("BEFORE", "Restore"), ("BEFORE", "List"), ("POST-BACKUP", "Backup")]
    {
        hooked.variables.insert("EVENTNAME", event.into());
        hooked.variables.insert("OPERATIONNAME", operation.into());
        let told = hooked.before();
        assert_eq!(
            (told.code, told.log.as_slice(), &told.options),
            (0, &[][..], &Options::none()),
            "{event} {operation}"
        );
    }
    hooked.variables.insert("EVENTNAME", "BEFORE".into());
    hooked.variables.insert("OPERATIONNAME", "Backup".into());
    hooked.round().listed();
}

#[test]
fn by_hand_it_says_that_there_is_nothing_to_do() {
    let mut hooked = Hooked::new();
    hooked.variables.clear();
    let told = hooked.before();
    assert_eq!((told.code, &told.options), (0, &Options::none()));
    assert!(told.log[0].contains("DUPLICATI__EVENTNAME is not set"), "{:?}", told.log);
}

#[test]
fn content_behind_an_unchanged_time_is_read() {
    let mut hooked = Hooked::new().going();
    assert!(!hooked.round().listed().disable_filetime_check, "a time that changed is sign enough");
    let path = hooked.root.join("a");
    let time = path.metadata().unwrap().modified().unwrap();
    std::fs::write(&path, "CHANGED").unwrap();
    std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    // The round itself checks that the version has the new content.
    assert!(hooked.round().listed().disable_filetime_check);
    hooked.variables.insert("disable_filetime_check", "true".into());
    hooked.write("a", "again");
    assert!(!hooked.round().listed().disable_filetime_check, "it is set already");
}

#[test]
fn content_behind_the_time_of_a_run_that_did_not_succeed_is_read_too() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    let path = hooked.root.join("b");
    std::fs::write(&path, "in a run with a warning").unwrap();
    let list = hooked.before().listed();
    hooked.run(&list, Ending::Warning);
    // As that run stored it, but for the content: against the baseline it differs in all that Duplicati looks for.
    let time = path.metadata().unwrap().modified().unwrap();
    std::fs::write(&path, "IN A RUN WITH A WARNING").unwrap();
    std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    assert!(hooked.round().listed().disable_filetime_check);
}

#[test]
fn a_wrong_call_is_said_as_information_and_lets_duplicati_go_on() {
    let hooked = Hooked::new();
    for arguments in [
        &["hook", "duplicati"][..],
        &["hook", "duplicati", "--job"],
        &["hook", "duplicati", "--jop", "x"],
        &["hook", "duplicati", "--job", "unknown"],
        &["hook", "duplicati", "--job", "../x"],
        &["hook", "duplicati", "--job", "x", "--time-limit", "0"],
    ] {
        let mut command = hooked.env.command();
        command.args(arguments).args(["--config", "fastdiff.toml", "--state-dir", "state"]);
        hooked.in_environment(&mut command);
        let told = Told::new(&hooked.env.finish(&mut command));
        assert!(!told.refused().is_empty(), "{arguments:?}");
    }
    let mut help = hooked.env.command();
    let run = hooked.env.finish(help.args(["hook", "duplicati", "--help"]));
    assert!(run.success().contains("--skip-idle"));
}

#[test]
fn a_definition_that_is_broken_or_of_another_consumer_is_said_as_information() {
    let hooked = Hooked::new().going();
    let definitions = hooked.env.path("fastdiff.toml");
    let good = std::fs::read_to_string(&definitions).unwrap();
    for (text, expected) in [
        ("not toml".to_owned(), "fastdiff.toml"),
        (good.replace("duplicati", "restic"), "is for restic"),
        (format!("{good}exclude = [\"[\"]\n"), "key exclude: pattern \"[\": a character class is not closed"),
    ] {
        std::fs::write(&definitions, text).unwrap();
        let told = hooked.before();
        assert!(told.refused().contains(expected), "{:?}", told.log);
    }
    std::fs::write(&definitions, good).unwrap();
    assert_ne!(hooked.short(&hooked.before().listed())[0], NONE);
}
