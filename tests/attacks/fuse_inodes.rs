//! File systems that give new inode numbers at every mount: what did not change is not listed.

use std::collections::BTreeSet;

use super::draw::Draws;
use super::report::{Attack, Promise, times};
use crate::testenv::faultfs::{FaultFs, SECOND, Stamps};
use crate::testenv::{Run, TestEnv};

/// A tree of some hundred files.
fn tree(env: &TestEnv) -> Option<FaultFs> {
    let fs = FaultFs::mount(env, "tree", Stamps { skew: -3600 * SECOND, ..Stamps::default() })?;
    for number in 0..240 {
        env.write(format!("tree/{:02}/{number:03}", number / 12), format!("{number}"));
    }
    Some(fs)
}

fn snap(env: &TestEnv, output: &str, walker: &str) {
    let run = env.run(["snap", "tree", "-o", output, "-q", "--racy-window", "0", "--walker", walker]);
    assert_eq!(run.success(), "");
}

/// The list without suspects.
fn changes(env: &TestEnv, more: &[&str]) -> (Run, String) {
    let run = env.changes_with("a.snap", "b.snap", more);
    let lines = run.stdout.split_inclusive('\n').filter(|line| !line.starts_with("S ")).collect();
    (run, lines)
}

fn warns(run: &Run) -> bool {
    run.stderr.lines().any(|line| line.contains("inode"))
}

/// Changes some files; returns the list that is expected.
fn edit(env: &TestEnv, number: u32) -> String {
    let mut draws = Draws::of(number);
    let mut at = || draws.draw(0..240_usize);
    let name = |number: usize| format!("{:02}/{number:03}", number / 12);
    let (written, removed) = (at(), at());
    let mut list = BTreeSet::new();
    env.write(format!("tree/{}", name(written)), "another content");
    list.insert((name(written), 'M'));
    if removed != written {
        env.remove(format!("tree/{}", name(removed)));
        list.insert((name(removed), 'D'));
        list.insert((format!("{:02}", removed / 12), 'M'));
    }
    env.write("tree/23-new", "");
    list.insert(("23-new".to_owned(), 'A'));
    list.insert((".".to_owned(), 'M'));
    list.into_iter().flat_map(|(path, letter)| [letter.to_string(), " ".into(), path, "\n".into()]).collect()
}

fn only_what_changed(walker: &str, what: &'static str) {
    let mut attack = Attack::on(Promise::NoChangeMissed, what);
    for number in 0..times(4, 120) {
        let env = TestEnv::new();
        let Some(fs) = tree(&env) else { return attack.skipped() };
        snap(&env, "a.snap", walker);
        let expected = if number % 4 == 0 { String::new() } else { edit(&env, number) };
        fs.renumber(|_| true);
        snap(&env, "b.snap", walker);
        let (run, list) = changes(&env, &["--no-renames"]);
        attack.check(list == expected, || format!("try {number}: {list}, not {expected}"));
        attack.check(warns(&run), || format!("no warning: {}", run.stderr));
        // With renames, too: nothing was renamed, even if numbers are used again.
        let (_, list) = changes(&env, &[]);
        attack.check(list == expected, || format!("try {number}, renames: {list}, not {expected}"));
    }
}

#[test]
fn new_numbers_for_all_list_only_what_changed() {
    only_what_changed("native", "FUSE: all inodes renumbered, native walker");
}

#[test]
fn new_numbers_for_all_list_only_what_changed_with_the_portable_walker() {
    only_what_changed("portable", "FUSE: all inodes renumbered, portable walker");
}

#[test]
fn new_numbers_for_a_few_are_changes() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "FUSE: a few inodes renumbered");
    for number in 0..times(3, 60) {
        let env = TestEnv::new();
        let Some(fs) = tree(&env) else { return attack.skipped() };
        snap(&env, "a.snap", "native");
        let which = |ino: u64| ino > 30 && ino % 15 == u64::from(number % 15);
        let few = fs.renumber(which);
        snap(&env, "b.snap", "native");
        let (run, list) = changes(&env, &["--no-renames"]);
        let modified = list.lines().filter(|line| line.starts_with("M ")).count();
        attack.check(modified == few && list.lines().count() == few, || format!("{few} renumbered: {list}"));
        attack.check(!warns(&run), || format!("a warning: {}", run.stderr));
    }
}
