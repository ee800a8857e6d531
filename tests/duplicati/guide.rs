//! docs/duplicati.md as it is: its commands are run in order, with a stand-in for Duplicati, and its tables name what
//! the program says.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::rust_files;
use crate::testenv::{BINARY, TestEnv};

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/duplicati.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_commands_on_the_page_work_in_order() {
    let env = TestEnv::new();
    let programs = env.dir("programs");
    symlink(BINARY, programs.join("fastdiff")).unwrap();
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/duplicati/duplicati-cli");
    symlink(stand_in, programs.join("duplicati-cli")).unwrap();
    let script = format!("set -e\n{}", blocks(&page(), "sh").join("\n"));
    let mut command = env.shell(&script);
    command.env("HOME", env.dir("home")).env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    let run = env.finish(&mut command);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    let said = |text: &str| assert!(run.stdout.contains(text), "{text}\n{}", run.stdout);
    said("there is no baseline yet\nExamined everything");
    said("the last backup succeeded: run 1 is the baseline\nfastdiff: a list of what changed");
    // What the page shows of the log is what the program says, but for the numbers.
    for line in blocks(&page(), "console")[1].lines() {
        said(line.split(':').take(2).collect::<Vec<_>>().join(":").as_str());
    }
    // The wrapped one: everything at first, a list then.
    let wrapped = run.stdout.rsplit_once("Examined everything").unwrap().1;
    assert!(wrapped.contains("Examined 2 listed paths"), "{wrapped}");
}

#[test]
fn what_the_page_lists_of_the_log_is_what_the_program_says() {
    let source: String = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let page = page();
    let table = page.split("| the log says |").nth(1).unwrap();
    let (mut said, mut unknown) = (0, Vec::new());
    for row in table.lines().skip(2).take_while(|line| line.starts_with("| ")) {
        for text in row.split(" | ").next().unwrap().trim_start_matches("| ").split([';', '…']) {
            // The words between what differs from run to run.
            let parts = text.split([',', '`', ':']).flat_map(|part| part.split("N ")).map(str::trim);
            for part in parts.filter(|part| part.split(' ').count() >= 3 && !part.contains(" or 127")) {
                said += 1;
                if !source.contains(part) {
                    unknown.push(part.to_owned());
                }
            }
        }
    }
    assert_eq!(unknown, [""; 0], "nothing in src/ says this");
    assert!(said > 30, "the table was not understood: {said}");
}
