//! The commands that `fastdiff diff --help` and the other help texts name are run as they stand there.

use std::path::Path;

use fastdiff::consumers::{self, Consumer, ListPart};

use super::{program, script, shown};
use crate::testenv::TestEnv;

/// A help text, its line breaks undone.
fn help(command: &[&str]) -> String {
    let run = TestEnv::new().run(command.iter().chain(&["--help"]));
    // A command goes on in the next line behind a backslash.
    run.success().replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands in the help text of `diff` behind "For", up to the first remark.
fn command_for(name: &str) -> String {
    let help = help(&["diff"]);
    let (_, rest) = help.split_once(&format!("- {name}: For ")).unwrap();
    let end = [";", " (", " - "].iter().filter_map(|end| rest.find(end)).min().unwrap();
    rest[..end].to_owned()
}

/// A tree with a change of every kind that rclone takes too, and the list of it.
fn changed(format: &str) -> TestEnv {
    let env = TestEnv::new();
    for name in ["gone", "kept", "dir/renamed", "dir/edited"] {
        env.write(format!("tree/{name}"), name);
    }
    env.snap("old.snap");
    script(&env, "cp -a tree copy");
    env.remove("tree/gone");
    env.rename("tree/dir", "tree/other");
    env.write("tree/other/edited", "longer than it was");
    env.write("tree/new", "1");
    env.snap("new.snap");
    env.run(["diff", "old.snap", "new.snap", "--emit", format, "-o", "LIST"]).success();
    env
}

/// Files and what is in them.
fn files(env: &TestEnv, root: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let all = shown(&env.path(root)).into_iter().filter(|(_, is)| is.mode & 0o170_000 == 0o100_000);
    all.map(|(path, is)| (path, is.content)).collect()
}

/// The programs in whose help a command stands that takes this part.
fn with_a_command(part: ListPart) -> Vec<&'static str> {
    let programs = consumers::PROGRAMS.iter().filter(|program| program.command().is_some());
    programs.filter(|program| program.usual_part() == part).map(|program| program.name()).collect()
}

#[test]
fn what_is_said_of_mirrors_makes_one() {
    let mirrors = with_a_command(ListPart::All);
    assert_eq!(mirrors, ["rsync", "rclone"]);
    for name in mirrors {
        if program(name).is_none() {
            continue;
        }
        let env = changed(name);
        let command = command_for(name).replace("ROOT", "tree").replace("DEST", "copy");
        assert!(command.starts_with(name), "{command}");
        script(&env, &command);
        assert_eq!(files(&env, "copy"), files(&env, "tree"), "{command}");
    }
}

#[test]
fn what_is_said_of_archives_makes_one_of_what_changed() {
    let commands = [
        ("restic", "restic init -q -r repo && export RESTIC_REPOSITORY=repo", "", "restic restore latest --target out"),
        ("borg", "borg init -e none repo", "repo::a <LIST", "mkdir out && cd out && borg extract ../repo::a"),
        ("tar", "true", ">x.tar", "mkdir out && tar -x -f x.tar -C out"),
    ];
    assert_eq!(commands.map(|(name, ..)| name).to_vec(), with_a_command(ListPart::Changed));
    for (name, before, after, back) in commands {
        if program(name).is_none() {
            continue;
        }
        let env = changed(name);
        let command = command_for(name).replace("ROOT", "tree");
        assert!(command.starts_with(name), "{command}");
        script(&env, &format!("{before} && {command} {after} && {back}"));
        let names = files(&env, "out").into_iter();
        let names: Vec<_> = names.map(|(path, _)| String::from_utf8(path).unwrap().replace("out/", "")).collect();
        let ends: Vec<_> = names.iter().map(|name| name.rsplit("tree/").next().unwrap()).collect();
        assert_eq!(ends, ["new", "other/edited", "other/renamed"], "{command}");
    }
}

#[test]
fn the_example_of_tar_runs_as_it_stands_there() {
    if program("tar").is_none() {
        return;
    }
    let help = help(&["diff"]);
    let (_, rest) = help.split_once("fastdiff diff old.snap new.snap --emit tar").unwrap();
    let end = rest.find(">changes.tar").unwrap() + ">changes.tar".len();
    let env = changed("tar");
    env.rename("tree", "home/Documents");
    script(&env, &format!("\"$0\" diff old.snap new.snap --emit tar{} && tar -t -f changes.tar >names", &rest[..end]));
    assert_eq!(String::from_utf8(env.read("names")).unwrap(), "./\nnew\nother/\nother/edited\nother/renamed\n");
}

#[test]
fn every_help_text_names_the_same_options_of_rsync() {
    let said = command_for("rsync").replace(" ROOT/ DEST/", "");
    for (command, list) in [(&["begin"][..], "list"), (&["run"], "{all}"), (&["job", "add"], "{all}")] {
        let text = help(command);
        let expected = said.replace("LIST", list);
        assert!(text.contains(&expected), "{command:?}: {expected}\n{text}");
    }
}

#[test]
fn each_program_of_the_table_has_a_page_and_stands_in_the_help_and_among_the_keys_of_a_job() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let jobs = std::fs::read_to_string(docs.join("jobs.md")).unwrap();
    let row = jobs.lines().find(|line| line.starts_with("| `consumer` |")).unwrap();
    let diff = help(&["diff"]);
    for consumer in consumers::all() {
        let name = consumer.name();
        assert!(diff.contains(&format!("- {name}: ")), "{name} is not in diff --help");
        assert!(row.contains(&format!("`{name}`")), "{name} is not in docs/jobs.md: {row}");
        assert_eq!(consumers::find(name).map(Consumer::name), Some(name));
        assert!(consumer.parts().contains(&consumer.usual_part()), "{name} lacks its usual part");
    }
    for program in consumers::PROGRAMS {
        let page = docs.join(program.name()).with_extension("md");
        assert!(page.exists(), "{} has no page", program.name());
    }
}
