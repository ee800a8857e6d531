//! The floors of the library: each module names only lower ones, siblings never name each other, only
//! the binary prints, only `sys` knows the operating system.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::rust_files;

/// From the ground up; what stands on one line are siblings.
const FLOORS: [&[&str]; 11] = [
    &["terminal", "units"],
    &["path", "metadata"],
    &["error"],
    &["filter", "monitor"],
    &["sys"],
    &["snapshot"],
    &["sources"],
    &["walk"],
    &["scan", "diff"],
    &["consumers", "jobs"],
    &["main", "cli"],
];

/// The words and signs of Rust source text; comments, strings and characters are left out.
pub(super) fn tokens(source: &str) -> Vec<String> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    let next = |at: usize| chars.get(at + 1).copied().unwrap_or(' ');
    while at < chars.len() {
        let c = chars[at];
        if c == '/' && next(at) == '/' {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if c == '/' && next(at) == '*' {
            while at < chars.len() && !(chars[at] == '*' && next(at) == '/') {
                at += 1;
            }
            at += 2;
        } else if c == 'r'
            && (next(at) == '"' || next(at) == '#' && chars.get(at + 2).is_some_and(|c| "#\"".contains(*c)))
        {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            at += hashes + 2;
            let ends = |at: usize| {
                chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
            };
            while at < chars.len() && !ends(at) {
                at += 1;
            }
            at += hashes + 1;
        } else if c == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if c == '\'' && (next(at) == '\\' || chars.get(at + 2) == Some(&'\'')) {
            at += if next(at) == '\\' { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if c.is_alphanumeric() || c == '_' {
            let word: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            at += word.chars().count();
            tokens.push(word);
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            at += 1;
        }
    }
    tokens
}

pub(super) fn source_files() -> Vec<(PathBuf, Vec<String>)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 30, "where is the source?");
    files
        .into_iter()
        .map(|f| (f.strip_prefix(&src).unwrap().to_owned(), tokens(&fs::read_to_string(&f).unwrap())))
        .collect()
}

/// `walk/native/read.rs` is `[walk, native, read]`.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<_> = file.with_extension("").iter().map(|c| c.to_str().unwrap().to_owned()).collect();
    if path.last().is_some_and(|p| p == "mod") {
        path.pop();
    }
    path
}

/// The first names of what a path leads to that ends in `tokens[at..]`: one, or those of a group.
fn first_names(tokens: &[String], mut at: usize) -> Vec<String> {
    if tokens[at] != "{" {
        return vec![tokens[at].clone()];
    }
    let mut names = Vec::new();
    let mut depth = 0;
    let mut first = true;
    loop {
        match tokens[at].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            name if depth == 1 && first => {
                names.push(name.to_owned());
                first = false;
            }
            _ => {}
        }
        if depth == 0 {
            return names;
        }
        at += 1;
    }
}

/// Every name at the root of the crate that a file uses: through `crate::` and through `super::`s that
/// lead up there.
fn names_at_root(file: &Path, tokens: &[String]) -> Vec<String> {
    let depth = module_path(file).len();
    let mut names = Vec::new();
    // One item per open brace: whether it is that of an inline module.
    let mut braces = Vec::new();
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|t| t == text);
    let step = |at: usize| is(at, ":") && is(at + 1, ":");
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => {
                braces.pop();
            }
            "crate" if step(at + 1) => names.extend(first_names(tokens, at + 3)),
            "super" if step(at + 1) => {
                let mut up = 1;
                while is(at + 3, "super") && step(at + 4) {
                    up += 1;
                    at += 3;
                }
                let here = depth + braces.iter().filter(|is_module| **is_module).count();
                assert!(up <= here, "{}: too many `super`", file.display());
                if up == here {
                    names.extend(first_names(tokens, at + 3));
                }
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// What `lib.rs` passes on under its own name, and the module that it is from.
fn passed_on(lib: &[String]) -> BTreeMap<String, String> {
    let mut from = BTreeMap::new();
    for at in 0..lib.len().saturating_sub(4) {
        if lib[at] == "pub" && lib[at + 1] == "use" {
            for name in first_names(lib, at + 5) {
                from.insert(name, lib[at + 2].clone());
            }
        }
    }
    from
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn each_floor_names_only_lower_ones_and_siblings_never_name_each_other() {
    let files = source_files();
    let (_, lib) = files.iter().find(|(f, _)| f == Path::new("lib.rs")).unwrap();
    let passed_on = passed_on(lib);
    assert_eq!(passed_on.get("Error").map(String::as_str), Some("error"), "lib.rs was not understood");
    let mut wrong = Vec::new();
    let mut uses = 0;
    for (file, tokens) in files.iter().filter(|(f, _)| f != Path::new("lib.rs")) {
        let module = &module_path(file)[0];
        let Some(own_floor) = floor(module) else {
            wrong.push(format!("{}: the module {module} has no floor; give it one in this test", file.display()));
            continue;
        };
        for name in names_at_root(file, tokens) {
            let named = passed_on.get(&name).unwrap_or(&name);
            uses += 1;
            match floor(named) {
                _ if named == module => {}
                Some(floor) if floor < own_floor => {}
                // The binary has roots of its own.
                None if module == "main" || module == "cli" => {}
                _ => wrong.push(format!("{}: `crate::{name}` is of {named}, which is no lower floor", file.display())),
            }
        }
    }
    assert!(uses > 50, "only {uses} uses were found: the source was not understood");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_floors_hold_only_modules_that_exist() {
    let files = source_files();
    let missing: Vec<_> = FLOORS
        .iter()
        .flat_map(|floor| floor.iter())
        .filter(|module| !files.iter().any(|(file, _)| module_path(file)[0] == **module))
        .collect();
    assert!(missing.is_empty(), "these modules do not exist: {missing:?}");
}

#[test]
fn the_library_does_not_print_exit_or_parse_arguments() {
    let mut wrong = Vec::new();
    for (file, tokens) in source_files() {
        if file.starts_with("cli") || file == Path::new("main.rs") {
            continue;
        }
        for (at, token) in tokens.iter().enumerate() {
            let before = |n: usize| at.checked_sub(n).map_or("", |at| tokens[at].as_str());
            let after = tokens.get(at + 1).map_or("", String::as_str);
            let prints = ["print", "println", "eprint", "eprintln", "dbg"].contains(&token.as_str()) && after == "!";
            let exits = ["exit", "abort"].contains(&token.as_str()) && before(3) == "process";
            let streams = ["stdout", "stderr"].contains(&token.as_str()) && before(3) == "io";
            if prints || exits || streams || ["clap", "anstream"].contains(&token.as_str()) {
                wrong.push(format!("{}: {token}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_sys_knows_the_operating_system() {
    let wrong: Vec<_> = source_files()
        .iter()
        .filter(|(file, tokens)| !file.starts_with("sys") && tokens.iter().any(|t| t == "target_os"))
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(wrong.is_empty(), "cfg(target_os) outside of src/sys: {}", wrong.join(", "));
}

#[test]
fn the_source_is_understood_as_these_tests_need_it() {
    let source = r##"
        // crate::comment
        use crate::{a, b::{c, d}, e as f}; /* crate::g */
        fn x() { let s = "crate::h"; let r = r#"crate::i " "#; let c = '"'; crate::j::k(); 'a: loop {} }
        mod inner { use super::super::l; use super::m; }
        use super::n;
    "##;
    let names = names_at_root(Path::new("top.rs"), &tokens(source));
    assert_eq!(names, ["a", "b", "e", "j", "l", "n"]);
}
