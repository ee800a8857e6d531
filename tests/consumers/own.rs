//! A consumer that this project does not know: `examples/own_consumer.rs`.

#[expect(dead_code, reason = "its main prints")]
#[path = "../../examples/own_consumer.rs"]
mod own_consumer;

use own_consumer::list_of_a_changed_tree;

#[test]
fn a_consumer_of_ones_own_writes_its_list() {
    assert_eq!(list_of_a_changed_tree("new.txt").unwrap(), ".\nletters\nletters/kept.txt\nletters/new.txt\n");
}

#[test]
fn a_consumer_of_ones_own_refuses_what_it_cannot_say() {
    let error = list_of_a_changed_tree("new\nfile").unwrap_err().to_string();
    assert!(error.starts_with("no list for zip: ") && error.contains("holds a newline"), "{error}");
}
