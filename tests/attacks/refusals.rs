//! What a format cannot say is refused, and other questions are not compared: random names, random options.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::draw::Random;
use super::report::{Attack, Promise, times};
use crate::testenv::TestEnv;

/// Pieces of names: what formats quote, split at or end at.
const PIECES: [&[u8]; 14] =
    [b":", b"\n", b"\r", b"\"", b"\\", b" ", b"\t", b"\xff", b"\xc3", b"-", b"*", b"{a,b}", b"%", "ä".as_bytes()];

#[test]
fn a_list_holds_every_name_or_is_refused() {
    let mut attack = Attack::on(Promise::RefusesRatherThanMisleads, "random names in paths and Duplicati's lists");
    for seed in 0..times(15, 200) {
        let mut random = Random(seed.into());
        let mut number = |below| random.below(below);
        let env = TestEnv::new();
        env.write("tree/plain", "");
        env.snap("old.snap");
        let mut names: Vec<Vec<u8>> = Vec::new();
        for file in 0..=number(3) {
            let mut name = format!("{file}").into_bytes();
            for _ in 0..number(3) {
                name.extend_from_slice(PIECES[number(PIECES.len())]);
            }
            env.write(Path::new("tree").join(OsStr::from_bytes(&name)), "");
            names.push(name);
        }
        env.snap("new.snap");
        let root = env.path("tree");
        let paths: Vec<Vec<u8>> =
            names.iter().map(|n| [root.as_os_str().as_bytes(), b"/", n.as_slice()].concat()).collect();
        let holds = |list: &[u8], path: &Vec<u8>, ends: &[&[u8]]| {
            ends.iter().any(|end| {
                let wanted = [path.as_slice(), end].concat();
                list.windows(wanted.len()).any(|w| w == wanted)
            })
        };
        let said = |list: &[u8], ends: &[&[u8]]| paths.iter().all(|path| holds(list, path, ends));
        let lines = env.run(["diff", "old.snap", "new.snap", "--emit", "paths"]);
        let unsayable = names.iter().any(|n| n.contains(&b'\n'));
        let right = if unsayable {
            lines.code == Some(3) && lines.bytes.is_empty()
        } else {
            lines.code == Some(0) && said(&lines.bytes, &[b"\n"])
        };
        attack.check(right, || format!("paths: {names:?}: {:?} {}", lines.code, lines.stderr));
        let raw = env.run(["diff", "old.snap", "new.snap", "--emit", "paths", "-z"]);
        attack.check(raw.code == Some(0) && said(&raw.bytes, &[b"\0"]), || format!("paths -z: {names:?}"));
        let run = env.run(["diff", "old.snap", "new.snap", "--emit", "duplicati", "--duplicati-db", "none"]);
        // Duplicati can store no name that is not UTF-8: its list lacks them, and a note says so.
        let is_text = |name: &Vec<u8>| std::str::from_utf8(name).is_ok();
        let unsayable = names.iter().any(|n| is_text(n) && n.iter().any(|b| matches!(b, b':' | b'\n' | b'\r')));
        let right = if unsayable {
            run.code == Some(3) && run.bytes.is_empty()
        } else {
            let storable = || names.iter().zip(&paths).filter(|(name, _)| is_text(name));
            run.code == Some(0)
                && storable().all(|(_, path)| holds(&run.bytes, path, &[b":", b"\"\n"]))
                && std::str::from_utf8(&run.bytes).is_ok()
                && run.stderr.contains("names that are not UTF-8") == (storable().count() < names.len())
        };
        attack.check(right, || format!("duplicati: {names:?}: {:?} {}", run.code, run.stderr));
    }
}

#[test]
fn two_snapshots_are_compared_if_and_only_if_they_answer_one_question() {
    let mut attack = Attack::on(Promise::QuestionsAreTheSame, "random roots and filters");
    let env = TestEnv::new();
    env.write("tree/a/file", "");
    env.write("other/b/file", "");
    let options: [&[&str]; 6] = [
        &["--exclude", "*.tmp"],
        &["--exclude", "*.o"],
        &["--exclude-caches"],
        &["--one-file-system"],
        &["--exclude-if-present", ".nobackup"],
        &["other"],
    ];
    for seed in 0..times(15, 150) {
        let mut random = Random(seed.into());
        let mut number = |below| random.below(below);
        let mut question = || (0..options.len()).filter(|_| number(3) == 0).collect::<Vec<_>>();
        let questions = [question(), if seed % 3 == 0 { Vec::new() } else { question() }];
        let questions = if seed % 4 == 0 { [questions[0].clone(), questions[0].clone()] } else { questions };
        for (name, question) in ["old.snap", "new.snap"].iter().zip(&questions) {
            let more: Vec<_> = question.iter().flat_map(|q| options[*q].iter().copied()).collect();
            assert_eq!(env.snap_with(name, &more).code, Some(0));
        }
        for arguments in [
            &["diff", "old.snap", "new.snap", "--emit", "name-status"][..],
            &["snap", "tree", "-o", "c.snap", "-q", "--base", "old.snap"],
        ] {
            let second = if arguments[0] == "snap" { &Vec::new() } else { &questions[1] };
            let run = env.run(arguments);
            let right = if questions[0] == *second {
                run.code == Some(0)
            } else {
                run.code == Some(2)
                    && run.stdout.is_empty()
                    && run.stderr.contains("these snapshots cannot be compared")
            };
            attack.check(right, || format!("{questions:?}: {:?} {}", run.code, run.stderr));
        }
    }
}
