//! Names, and files of the program's own that lie in the tree.

use super::place::{Place, here};

#[test]
fn a_job_of_a_name_hides_no_directory_of_that_name() {
    let place = Place::new();
    for dir in ["tree/docs", "tree/a/docs", "tree/state", "tree/a/old.fds"] {
        place.write(format!("{dir}/file"), "x");
    }
    let root = place.path("tree");
    place.run(["job", "add", "docs", root.to_str().unwrap(), "--consumer", "name-status"]);
    place.run(["begin", "docs", "--quiet", "-o", "list"]);
    place.run(["commit", "docs", "--run", "1"]);
    for dir in ["docs", "a/docs", "state", "a/old.fds"] {
        place.write(format!("tree/{dir}/new"), "y");
    }
    let run = place.run(["begin", "docs", "--racy-window", "0s", "--emit", "name-status", "--relative", "--quiet"]);
    for dir in ["docs", "a/docs", "state", "a/old.fds"] {
        let line = format!("A\t{}\n", here(&format!("{dir}/new")));
        assert!(run.stdout.contains(&line), "{line:?} is not in {}", run.stdout);
    }
}

#[test]
fn a_snapshot_in_its_own_tree_is_left_out_and_others_of_its_name_are_not() {
    let place = Place::new();
    place.write("tree/a/self.fds", "mine");
    place.snap("tree/self.fds", &[]);
    place.write("tree/new", "x");
    place.write("tree/a/self.fds", "changed");
    place.snap("new.fds", &["--base", "tree/self.fds"]);
    let expected = format!("M {}\nA new\n", here("a/self.fds"));
    let changes = place.changes("tree/self.fds", "new.fds");
    let files: String = changes.split_inclusive('\n').filter(|line| !["M .\n", "M a\n"].contains(line)).collect();
    assert_eq!(files, expected, "{changes}");
}

#[test]
fn every_name_of_unicode_comes_back_from_the_list() {
    let place = Place::new();
    let names =
        ["ümlaut", "ПРИВЕТ", "日本語", "emoji 😀", "e\u{301}", "quo'te", "100%", "a,b;c=d", "#x", "~", "$HOME", "@x"];
    place.snap("old.fds", &[]);
    for name in names {
        place.write(format!("tree/{name}/{name}"), name);
    }
    place.snap("new.fds", &["--base", "old.fds"]);
    let output =
        place.command(["diff", "old.fds", "new.fds", "--emit", "paths", "--null", "--relative"]).output().unwrap();
    let mut found: Vec<_> =
        output.stdout.split(|byte| *byte == 0).map(|name| String::from_utf8(name.to_vec()).unwrap()).collect();
    found.sort();
    let mut expected: Vec<_> =
        names.iter().flat_map(|name| [(*name).to_owned(), here(&format!("{name}/{name}"))]).collect();
    expected.extend([String::new(), ".".to_owned()]);
    expected.sort();
    assert_eq!(found, expected);
}
