//! `--hints FILE`: what it is read from, and what cannot be a record.

use super::snap_hinted_places::{hint, is_as_full};
use crate::testenv::TestEnv;

#[test]
fn a_device_is_refused_and_a_pipe_is_read() {
    let env = TestEnv::new();
    env.write("tree/d/x", "1");
    env.snap("0.snap");
    let run = |hints: &str| {
        env.run(["snap", "tree", "-o", "1.snap", "-q", "--racy-window", "0", "--base", "0.snap", "--hints", hints])
    };
    for device in ["/dev/null", "/dev/zero"] {
        let error = run(device).failure(2);
        let says = format!("cannot read --hints {device}: it is a character device");
        assert!(error.contains(&says), "{error}");
    }
    env.symlink("/dev/zero", "link");
    assert!(run("link").failure(2).contains("it is a character device"));
    assert!(run("tree").failure(2).contains("it is a directory"));
    let stdin = env.finish(&mut env.shell("\"$0\" snap tree -o 1.snap --base 0.snap --hints - </dev/zero"));
    assert!(stdin.failure(2).contains("cannot read --hints -: it is a character device"));
    env.write("tree/d/x", "22");
    hint(&env, "0.snap", &["d/x"]);
    env.settle();
    let options = "-q --racy-window 0 --base 0.snap --audit 0";
    let script = format!(
        "cat hints | \"$0\" snap tree -o 1.snap {options} --hints - &&
         \"$0\" snap tree -o 2.snap {options} --hints - <hints &&
         mkfifo fifo && {{ cat hints >fifo & \"$0\" snap tree -o 3.snap {options} --hints fifo; }}"
    );
    let run = env.finish(&mut env.shell(&script));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    for snap in ["1.snap", "2.snap", "3.snap"] {
        assert_eq!(env.changes("0.snap", snap), "M d/x\n");
    }
}

#[test]
fn a_record_that_no_path_can_be_counts_as_lost_events() {
    let env = TestEnv::new();
    env.write("tree/d/x", "1");
    env.snap("0.snap");
    env.write("tree/d/x", "22");
    hint(&env, "0.snap", &[&"y".repeat((1 << 20) + 1)]);
    let told = is_as_full(&env, "0.snap", &[]);
    assert!(told.contains("longer than 1 MiB"), "{told}");
}
