//! Names in the source: a type's name means one thing, and the map of the source leads to what exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::layers::{source_files, tokens};

/// Alternatives by operating system.
const ALTERNATIVES: [(&str, &[&str]); 8] = [
    ("BlockDevice", &["sys/block_device.rs", "sys/no_block_device.rs"]),
    ("BulkInode", &["sys/filesystem/no_xfs.rs", "sys/filesystem/xfs.rs"]),
    ("BulkReader", &["sys/filesystem/no_xfs.rs", "sys/filesystem/xfs.rs"]),
    ("Dir", &["sys/native.rs", "sys/no_native.rs", "sys/windows/native.rs"]),
    ("DirHandle", &["sys/no_open_at.rs", "sys/open_at.rs"]),
    ("PassedOutput", &["cli/passed_output/unix.rs", "cli/passed_output/windows.rs"]),
    ("ProcessGroup", &["cli/child/unix.rs", "cli/child/windows.rs"]),
    ("UnnamedFile", &["sys/no_unnamed.rs", "sys/unnamed.rs"]),
];

/// Whether the brace at `at` opens an `impl` or a trait, whose types are associated ones.
fn opens_impl_or_trait(tokens: &[String], at: usize) -> bool {
    let head: Vec<_> = tokens[..at].iter().rev().take_while(|t| !["{", "}", ";"].contains(&t.as_str())).collect();
    let has = |word: &str| head.iter().any(|t| *t == word);
    (has("impl") || has("trait")) && !has("fn")
}

/// The types that a file defines.
fn defined_types(tokens: &[String]) -> Vec<&str> {
    let mut types = Vec::new();
    let mut is_impl = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => is_impl.push(opens_impl_or_trait(tokens, at)),
            "}" => drop(is_impl.pop()),
            "type" if is_impl.last() == Some(&true) => {}
            "struct" | "enum" | "trait" | "union" | "type" => {
                types
                    .extend(tokens.get(at + 1).filter(|name| name.starts_with(char::is_uppercase)).map(String::as_str));
            }
            _ => {}
        }
    }
    types
}

#[test]
fn no_type_name_is_defined_twice() {
    let files = source_files();
    let mut defined = BTreeMap::<&str, Vec<&str>>::new();
    for (file, tokens) in &files {
        for name in defined_types(tokens) {
            defined.entry(name).or_default().push(file.to_str().unwrap());
        }
    }
    assert!(defined.len() > 150, "only {} types were found: the source was not understood", defined.len());
    for (name, files) in ALTERNATIVES {
        assert_eq!(defined.remove(name).unwrap(), files, "{name} is not what the exception is for");
    }
    let twice: Vec<_> = defined.iter().filter(|(_, files)| files.len() > 1).collect();
    assert!(twice.is_empty(), "one name, several types: {twice:?}");
}

#[test]
fn types_are_found_but_for_associated_ones() {
    let source = "
        pub struct A<T: Iterator<Item = u8>> { a: T } enum B {} pub(crate) trait C { type D; }
        impl<T> Iterator for A<T> where T: C { type Item = u8; fn e(x: impl C) { struct F; } }
        mod tests { pub type G = u8; union H { x: u8 } } bitflags! { pub struct I: u8 {} } // struct J
    ";
    assert_eq!(defined_types(&tokens(source)), ["A", "B", "C", "F", "G", "H", "I"]);
}

/// The texts in backticks that are a stop: `src/file.rs: function`.
fn stops(page: &str) -> Vec<(&str, &str)> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter_map(|text| text.split_once(".rs: ").filter(|(file, _)| file.starts_with("src/"))).collect()
}

#[test]
fn every_stop_of_the_way_of_an_entry_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let stops = stops(&page);
    assert!((8..=15).contains(&stops.len()), "{} stops", stops.len());
    for (file, function) in stops {
        let source = fs::read_to_string(root.join(format!("{file}.rs"))).unwrap_or_else(|e| panic!("{file}.rs: {e}"));
        let exists = tokens(&source).windows(2).any(|pair| pair[0] == "fn" && pair[1] == function);
        assert!(exists, "docs/architecture.md: {file}.rs has no function {function}");
    }
}

#[test]
fn the_glossary_is_short() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md")).unwrap();
    let (_, glossary) = page.split_once("## Glossary").unwrap();
    let terms = glossary.lines().filter(|line| line.starts_with("| **")).count();
    assert!((20..=40).contains(&terms), "{terms} terms");
}
