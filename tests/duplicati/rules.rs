//! The rules of the model, one by one: a list that breaks one of them makes a version that is not the tree,
//! so that the model can tell a wrong list from a right one.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::job::Job;
use super::options::Options;

/// A tree with `d/x`, `d/y` and `z`, and a job that has backed it up. Where its root changes, every later list
/// has to name it: it has two versions then.
struct Case {
    dir: TempDir,
    job: Job,
}

impl Case {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        fs::create_dir_all(root.join("d")).unwrap();
        for file in ["d/x", "d/y", "z"] {
            fs::write(root.join(file), file).unwrap();
        }
        let mut job = Job::new([root]);
        assert!(job.backup(&Options::none()).is_empty());
        assert!(job.mistakes().is_empty(), "a full scan is the tree: {:?}", job.mistakes());
        Self { dir, job }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("tree").join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A run with lists of names in the tree; its warnings, and the mistakes in names of the tree.
    fn run(&mut self, changed: &[&str], deleted: &[&str]) -> (Vec<String>, Vec<String>) {
        let root = format!("{}/", self.path("").display().to_string().trim_end_matches('/'));
        let full = |names: &[&str]| names.iter().map(|n| format!("{root}{n}")).collect::<Vec<_>>();
        let (changed, deleted) = (full(changed), full(deleted));
        let refs = |paths: &'_ [String]| paths.iter().map(|p| p.as_bytes().to_vec()).collect();
        let warnings =
            self.job.backup(&Options { changed: refs(&changed), deleted: refs(&deleted), ..Options::none() });
        let short = |texts: Vec<String>| texts.into_iter().map(|t| t.replace(&root, "")).collect();
        (short(warnings), short(self.job.mistakes()))
    }
}

const NONE: [String; 0] = [];

#[test]
fn what_is_listed_is_stored_and_the_rest_is_carried_over() {
    let mut case = Case::new();
    case.write("d/x", "new");
    assert_eq!(case.run(&["d/x"], &[]), (vec![], vec![]));
    case.write("d/x", "newer");
    assert_eq!(case.run(&["d/y"], &[]), (vec![], vec!["not as it is now: d/x".into()]));
}

#[test]
fn an_unlisted_path_with_two_stored_versions_flips() {
    let mut case = Case::new();
    case.write("z", "second");
    assert_eq!(case.run(&["z"], &[]).1, NONE);
    case.write("d/x", "new");
    assert_eq!(case.run(&["d/x"], &[]).1, ["not as it is now: z"], "z is its first version again");
    assert_eq!(case.run(&["d/x"], &[]).1, NONE, "and flips back");
    assert_eq!(case.run(&["d/y", "z"], &[]).1, ["not as it is now: d/x"], "now d/x, which has two by now");
    assert_eq!(case.run(&["d/y", "d/x", "z"], &[]).1, NONE, "who lists them all is safe");
}

#[test]
fn a_path_in_both_lists_disappears() {
    let mut case = Case::new();
    assert_eq!(case.run(&["d/x", "z"], &["z"]).1, ["missing: z"]);
}

#[test]
fn a_listed_path_that_is_not_there_is_carried_over() {
    let mut case = Case::new();
    fs::remove_file(case.path("z")).unwrap();
    assert_eq!(case.run(&["", "z", "d/x"], &[]).1, ["not there: z"]);
    assert_eq!(case.run(&["", "d/x"], &["z"]).1, NONE);
}

#[test]
fn deleted_paths_are_exact_strings_and_do_not_recurse() {
    let mut case = Case::new();
    fs::remove_dir_all(case.path("d")).unwrap();
    assert_eq!(case.run(&["", "z"], &["d"]).1, ["not there: d/", "not there: d/x", "not there: d/y"]);
    assert_eq!(case.run(&["", "z"], &["d/"]).1, ["not there: d/x", "not there: d/y"]);
    assert_eq!(case.run(&["", "z"], &["D/X", "d/x/"]).1, ["not there: d/x", "not there: d/y"]);
    assert_eq!(case.run(&["", "z"], &["d/x", "d/y"]).1, NONE);
}

#[test]
fn listing_a_directory_does_not_recurse_and_needs_the_slash() {
    let mut case = Case::new();
    fs::create_dir(case.path("new")).unwrap();
    case.write("new/file", "new");
    assert_eq!(case.run(&["", "new", "z"], &[]).1, ["missing: new/", "missing: new/file"]);
    assert_eq!(case.run(&["", "new/", "z"], &[]).1, ["missing: new/file"]);
    assert_eq!(case.run(&["", "new/file"], &[]).1, NONE);
}

#[test]
fn a_link_is_spelled_by_what_it_leads_to() {
    let mut case = Case::new();
    std::os::unix::fs::symlink("d", case.path("to-dir")).unwrap();
    std::os::unix::fs::symlink("z", case.path("to-file")).unwrap();
    std::os::unix::fs::symlink("nothing", case.path("to-nothing")).unwrap();
    let wrong = ["missing: to-dir/", "missing: to-file", "missing: to-nothing"];
    assert_eq!(case.run(&["", "z", "to-dir", "to-file/", "to-nothing/"], &[]).1, wrong);
    assert_eq!(case.run(&["", "z", "to-dir/", "to-file", "to-nothing"], &[]).1, NONE);
    // An unchanged link may keep its spelling. A changed one may not: the new one is listed, and the old one,
    // which is still carried over, has to be deleted.
    fs::remove_file(case.path("to-dir")).unwrap();
    std::os::unix::fs::symlink("z", case.path("to-dir")).unwrap();
    assert_eq!(case.run(&["", "z", "to-dir"], &[]).1, ["not there: to-dir/"]);
    assert_eq!(case.run(&["", "z"], &["to-dir/"]).1, NONE);
}

#[test]
fn duplicates_and_runs_without_a_regular_file_give_warnings() {
    let mut case = Case::new();
    assert_eq!(case.run(&["z", "d/", "z"], &[]).0, ["listed twice: z"]);
    assert_eq!(case.run(&["", "d/"], &[]).0, ["no regular file was examined"]);
    assert_eq!(case.run(&["not there"], &[]).0, ["no regular file was examined"]);
    assert_eq!(case.run(&["d/", "z"], &[]).0, NONE);
}

#[test]
fn paths_outside_of_the_sources_enter_the_backup() {
    let mut case = Case::new();
    fs::write(case.dir.path().join("outside"), "outside").unwrap();
    let (_, mistakes) = case.run(&["z", "../outside"], &[]);
    assert_eq!(mistakes, ["not there: ../outside"]);
}

#[test]
fn a_first_backup_holds_only_what_is_listed() {
    let mut case = Case::new();
    case.job = Job::new(case.job.sources.clone());
    assert_eq!(case.run(&["z"], &[]).1, ["missing: ", "missing: d/", "missing: d/x", "missing: d/y"]);
}

#[test]
fn deletions_without_a_list_of_changes_are_ignored() {
    let mut case = Case::new();
    assert_eq!(case.run(&[], &["z"]), (vec![], vec![]), "a full scan");
}

#[test]
fn content_behind_an_unchanged_stamp_is_saved_only_without_the_check_of_file_times() {
    let mut case = Case::new();
    let stamp = fs::metadata(case.path("z")).unwrap().modified().unwrap();
    case.write("z", "Z");
    fs::File::options().write(true).open(case.path("z")).unwrap().set_modified(stamp).unwrap();
    case.job.checks_file_times = true;
    assert_eq!(case.run(&["z"], &[]).1, ["not as it is now: z"]);
    assert_eq!(case.run(&[], &[]).1, ["not as it is now: z"], "a full scan does not find it either");
    case.job.checks_file_times = false;
    assert_eq!(case.run(&["z"], &[]).1, NONE);
}
