//! `diff`: a large tree under one root is compared in several parts at once; with a second root it is not. Both lists
//! must be the same.

use crate::testenv::TestEnv;

/// More directories than a diff compares in one part.
const DIRS: usize = 4_200;

fn name(number: usize) -> String {
    format!("tree/{:02}/{number:04}", number % 40)
}

/// The list of one root, and the same with an empty second one.
fn both(env: &TestEnv, more: &[&str]) -> [String; 2] {
    ["one", "two"].map(|kind| {
        let (old, new) = (format!("{kind}-old.snap"), format!("{kind}-new.snap"));
        let args = ["diff", &old, &new, "--emit", "name-status"];
        env.run(args.iter().chain(more)).success()
    })
}

fn snap(env: &TestEnv, age: &str) {
    env.settle();
    let output = |kind| format!("{kind}-{age}.snap");
    env.run(["snap", "tree", "-o", &output("one"), "--racy-window", "0", "-q"]).success();
    env.run(["snap", "tree", "other", "-o", &output("two"), "--racy-window", "0", "-q"]).success();
}

#[test]
fn two_parts_say_the_same_as_one() {
    let env = TestEnv::new();
    env.dir("other");
    for number in 0..DIRS {
        env.write(format!("{}/file", name(number)), number.to_string());
    }
    env.write("tree/00-at-the-root", "");
    env.write("tree/zz-at-the-root", "");
    snap(&env, "old");
    // Across the middle, on both sides of it, and at the root itself.
    env.rename(name(1), "tree/39/moved-up");
    env.rename(name(39), "tree/00/moved-down");
    env.rename("tree/zz-at-the-root", "tree/aa-at-the-root");
    env.remove("tree/00-at-the-root");
    for number in (0..DIRS).step_by(7) {
        match number % 3 {
            0 => env.remove(name(number)),
            1 => drop(env.write(format!("{}/file", name(number)), "another content")),
            _ => drop(env.write(format!("{}/new", name(number)), "")),
        }
    }
    snap(&env, "new");
    for more in [&[][..], &["--no-renames"], &["-z"], &["--max-delete", "100%"]] {
        let [one, two] = both(&env, more);
        assert!(one.len() > 10_000, "much has changed");
        assert_eq!(one, two, "{more:?}");
    }
    let [one, _] = both(&env, &[]);
    assert!(one.lines().any(|l| l.starts_with('R') && l.ends_with("39/moved-up")), "{one}");
}
