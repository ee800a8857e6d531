//! docs/guarantees.md names a test for every promise, and the tests exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::rust_files;

/// The paths of all tests as the harness names them.
pub(super) fn all_tests() -> BTreeSet<String> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for root in ["tests", "src"] {
        let root = project.join(root);
        for file in rust_files(&root) {
            let mut module: Vec<_> = file
                .strip_prefix(&root)
                .unwrap()
                .with_extension("")
                .iter()
                .map(|c| c.to_str().unwrap().to_owned())
                .collect();
            if module.last().is_some_and(|m| m == "mod" || m == "main" || m == "lib") {
                module.pop();
            }
            let text = fs::read_to_string(&file).unwrap();
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            if root.ends_with("src") {
                module.push("tests".into());
            }
            for (at, _) in lines.iter().enumerate().filter(|(_, line)| **line == "#[test]") {
                let name = lines[at..].iter().find_map(|line| line.strip_prefix("fn ")).unwrap();
                let (name, _) = name.split_once('(').unwrap();
                found.insert([&module[..], &[name.to_owned()]].concat().join("::"));
            }
        }
    }
    found
}

#[test]
fn every_promise_names_tests_that_exist() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guarantees.md")).unwrap();
    let tests = all_tests();
    assert!(tests.len() > 200, "only {} tests were found", tests.len());
    let mut promises = 0;
    for section in text.split("\n## ").skip(1).filter(|s| s.starts_with(|c: char| c.is_ascii_digit())) {
        let title = section.lines().next().unwrap();
        promises += 1;
        assert!(title.starts_with(&format!("{promises}. ")), "{title} is not promise {promises}");
        let (_, held) = section.split_once("Held by:").unwrap_or_else(|| panic!("\"{title}\" names no test"));
        let named: Vec<_> = held.lines().filter_map(|line| line.strip_prefix("- `")?.split_once('`')).collect();
        assert!(!named.is_empty(), "\"{title}\" names no test");
        for (test, _) in named {
            assert!(tests.contains(test), "\"{title}\" names {test}, which is no test");
        }
    }
    assert_eq!(promises, 12, "the promises of `Promise` in tests/attacks/report.rs");
}

/// The names of tests in a script: words with `::`, and those behind `--skip`.
fn named_in(text: &str) -> BTreeSet<&str> {
    let not_a_name = |c: char| !(c.is_ascii_alphanumeric() || "_:-".contains(c));
    let words: Vec<_> = text.split(not_a_name).filter(|word| !word.is_empty()).collect();
    let skipped = words.windows(2).filter(|pair| pair[0] == "--skip").map(|pair| pair[1]);
    words.iter().copied().filter(|word| word.contains("::")).chain(skipped).collect()
}

#[test]
fn scripts_choose_tests_that_exist() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests: Vec<_> = all_tests().into_iter().collect();
    let scripts = ["justfile", ".config/nextest.toml", "tools/test", "tools/test-faults", "tools/test-fs"];
    for script in scripts.into_iter().chain(["tools/test-tsan", "tools/test-unprivileged", "tools/vm/init"]) {
        let text = fs::read_to_string(project.join(script)).unwrap();
        let named = named_in(&text);
        for name in &named {
            assert!(tests.iter().any(|test| test.contains(name)), "{script} names {name}, which is no test");
        }
        assert!(!named.is_empty(), "{script} names no test");
    }
}
