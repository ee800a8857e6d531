//! The library says what is the case; what to do is said by the program alone: no text of the library names an option
//! or a command of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::rust_files;

/// Where a text may name options: those of a backup program, in its own file.
const EXCEPTIONS: [&str; 7] = [
    "consumers/borg.rs",
    "consumers/command/",
    "consumers/duplicati/",
    "consumers/rclone.rs",
    "consumers/restic.rs",
    "consumers/rsync.rs",
    "consumers/tar.rs",
];

/// Whether a line of code holds a text that names an option, or a call of the program.
fn names_the_command_line(line: &str) -> bool {
    let code = line.split("// ").next().unwrap_or_default();
    let is_option = |mark: &str| {
        code.match_indices(mark).any(|(at, _)| code[at + mark.len()..].starts_with(|c: char| c.is_ascii_lowercase()))
    };
    code.contains("`fastdiff ") || [" --", "\"--", "'--", "`--", "(--"].iter().any(|mark| is_option(mark))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[test]
fn no_text_of_the_library_names_the_command_line() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for file in rust_files(&src) {
        let name = file.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        if name.starts_with("cli/") || name.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().filter(|line| !is_comment(line) && names_the_command_line(line));
        found.extend(lines.map(|line| (name.clone(), line.trim().to_owned())));
    }
    let wrong: Vec<_> =
        found.iter().filter(|(file, _)| !EXCEPTIONS.iter().any(|exception| file.starts_with(exception))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    for exception in EXCEPTIONS {
        assert!(found.iter().any(|(file, _)| file.starts_with(exception)), "{exception} is not an exception any more");
    }
}

#[test]
fn the_command_line_is_recognized() {
    for line in [
        "#[error(\"leave --relative out\")]",
        "\"take it again with `fastdiff snap`\"",
        "format!(\"--base {old}\")",
        "\"leaves `--audit` out\"",
    ] {
        assert!(names_the_command_line(line), "{line}");
    }
    for line in ["let a = b - -c;", "#[error(\"is damaged\")] // see --base", "\"fastdiff keeps its own state\""] {
        assert!(!names_the_command_line(line), "{line}");
    }
}
