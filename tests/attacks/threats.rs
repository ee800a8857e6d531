//! The tests that docs/threat-model.md names exist.

use std::fs;
use std::path::Path;

use super::guarantees::all_tests;

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/threat-model.md")).unwrap();
    let tests = all_tests();
    let named: Vec<_> = text.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect();
    assert!(named.len() > 15, "only {} tests are named", named.len());
    for name in named {
        assert!(tests.contains(name), "{name} is no test");
    }
}
