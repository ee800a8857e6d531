//! Attacks on the fourth promise: hints are used only as far as they prove that nothing else changed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use super::draw::Random;
use super::report::{Attack, Promise, times};
use crate::testenv::{TestEnv, on_disk, shown, tree_of_many_files};

/// Changes a random entry; returns the hints that a watcher would give.
fn edit(env: &TestEnv, draw: &mut Random, number: u32) -> Vec<String> {
    let dir = format!("{}", draw.below(40));
    let file = format!("{dir}/{}", draw.below(10));
    // If it was moved away, it is created again.
    let mut told = if env.path(format!("tree/{dir}")).exists() { Vec::new() } else { vec![dir.clone()] };
    told.extend(match draw.below(6) {
        0 => {
            env.write(format!("tree/{dir}/new {number}"), "");
            vec![format!("{dir}/new {number}")]
        }
        1 => {
            env.write(format!("tree/{dir}/deep {number}/a/b"), "1");
            vec![format!("{dir}/deep {number}")]
        }
        2 if env.path(format!("tree/{file}")).exists() => {
            env.remove(format!("tree/{file}"));
            vec![file]
        }
        3 => {
            env.dir(format!("tree/{dir}"));
            let moved = format!("moved {number}");
            env.rename(format!("tree/{dir}"), format!("tree/{moved}"));
            vec![dir, moved]
        }
        4 => {
            env.dir(format!("tree/{dir}"));
            env.chmod(format!("tree/{dir}"), 0o700 | (number % 8));
            vec![dir]
        }
        _ => {
            env.write(format!("tree/{file}"), vec![b'x'; 1 + (number % 50) as usize]);
            vec![file]
        }
    });
    told
}

fn statement(env: &TestEnv, base: &str) -> String {
    let info: serde_json::Value = serde_json::from_str(&env.run(["info", base, "--json"]).success()).unwrap();
    format!("# complete since base {}\n", info["identity"].as_str().unwrap())
}

/// A tree of forty directories with ten files each.
fn forty() -> TestEnv {
    let env = TestEnv::new();
    for number in 0..400 {
        env.write(format!("tree/{}/{}", number / 10, number % 10), "1");
    }
    tree_of_many_files(&env, 100);
    env
}

#[test]
fn a_chain_of_scans_with_hints_is_the_tree() {
    let env = forty();
    let mut attack = Attack::on(Promise::HintsAreProved, "a chain of narrowed scans, overlays among them");
    let mut draw = Random(4);
    env.snap("0.snap");
    for round in 0..times(25, 150) {
        let mut text = statement(&env, &format!("{round}.snap"));
        let told: BTreeSet<String> = {
            let edits = u32::try_from(draw.below(5)).unwrap() + 1;
            (0..edits).flat_map(|n| edit(&env, &mut draw, round * 8 + n)).collect()
        };
        for path in &told {
            writeln!(text, "{path}").unwrap();
        }
        env.write("hints", text);
        let (base, next) = (format!("{round}.snap"), format!("{}.snap", round + 1));
        let mut more = vec!["--base", &base, "--hints", "hints", "--audit", "7%"];
        more.extend(["--overlay"].iter().filter(|_| draw.below(3) > 0));
        let run = env.snap_with(&next, &more);
        let outcome = if run.code != Some(0) || !run.stderr.is_empty() {
            Err(format!("round {round}: {:?} {}", run.code, run.stderr))
        } else if shown(&env, &next) != on_disk(&env.path("tree")) {
            Err(format!("round {round}: the snapshot is not the tree, with hints {told:?}"))
        } else {
            Ok(())
        };
        attack.tried(outcome);
    }
}

#[test]
fn a_list_that_lacks_a_change_is_found_out_and_not_used() {
    let env = forty();
    let mut attack = Attack::on(Promise::HintsAreProved, "a lost hint, audited");
    let mut draw = Random(5);
    for round in 0..times(15, 100) {
        env.snap("old.snap");
        let mut text = statement(&env, "old.snap");
        writeln!(text, "{}", draw.below(40)).unwrap();
        // A change of a file shows only in the file itself.
        let lost = format!("{}/9", draw.below(40));
        env.write(format!("tree/{lost}"), vec![b'y'; 60 + round as usize]);
        env.write("hints", text.clone());
        env.settle();
        let run = env.snap_with("new.snap", &["--base", "old.snap", "--hints", "hints", "--audit", "100%"]);
        let hinted = text.lines().last().is_some_and(|dir| lost.starts_with(&format!("{dir}/")));
        let told = run.stderr.contains("changed and no hint named it");
        attack.check(told != hinted && shown(&env, "new.snap") == on_disk(&env.path("tree")), || {
            format!("round {round}: {lost} with {text:?}: {}", run.stderr)
        });
    }
}

#[test]
fn hints_cut_or_damaged_anywhere_never_hide_a_change() {
    let env = forty();
    let mut attack = Attack::on(Promise::HintsAreProved, "hints cut short or damaged");
    let mut draw = Random(6);
    env.snap("old.snap");
    env.write("tree/7/3", "changed");
    env.write("tree/31/new", "");
    env.settle();
    let whole = format!("{}7/3\n31/new\n", statement(&env, "old.snap"));
    let truth = on_disk(&env.path("tree"));
    for _ in 0..times(60, 300) {
        let mut bytes = whole.clone().into_bytes();
        let at = draw.below(bytes.len());
        if draw.below(2) == 0 {
            bytes.truncate(at);
        } else if at < whole.find('\n').unwrap() {
            // In the statement. Another name would be another hint, which looks like a true one.
            bytes[at] ^= 1 << draw.below(7);
        }
        fs::write(env.path("hints"), &bytes).unwrap();
        if bytes.ends_with(b"\n") && bytes.len() < whole.len() {
            // A shorter list with nothing cut.
            continue;
        }
        let run = env.snap_with("new.snap", &["--base", "old.snap", "--hints", "hints", "--audit", "0"]);
        let held = run.code == Some(2) || shown(&env, "new.snap") == truth;
        attack.check(held, || format!("{:?}: {}", String::from_utf8_lossy(&bytes), run.stderr));
    }
}
