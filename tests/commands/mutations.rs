//! The mutations of tools/mutants.toml fit the code: one that does not would silently show nothing any more.

use std::fs;
use std::path::Path;

#[test]
fn every_mutation_stands_once_in_the_code_and_names_tests_that_exist() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(project.join("tools/mutants.toml")).unwrap();
    let table: toml_edit::DocumentMut = text.parse().unwrap();
    let mutations = table["mutation"].as_array_of_tables().unwrap();
    assert!(mutations.len() > 50, "{}", mutations.len());
    let mut wrong = Vec::new();
    for mutation in mutations {
        let field = |name: &str| mutation[name].as_str().unwrap();
        let source = fs::read_to_string(project.join(field("file"))).unwrap_or_default();
        match source.matches(field("old")).count() {
            1 => {}
            n => wrong.push(format!("{}: stands {n} times in {}", field("name"), field("file"))),
        }
        for test in mutation["tests"].as_array().unwrap() {
            let path = test.as_str().unwrap().split("::").take(2).collect::<Vec<_>>().join("/");
            let exists = |end: &str| project.join("tests").join(format!("{path}{end}")).exists();
            if !exists(".rs") && !exists("/mod.rs") && !exists("") {
                wrong.push(format!("{}: there is no test {test}", field("name")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
