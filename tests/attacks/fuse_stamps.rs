//! No change is missed where stamps are coarse or a server's clock is wrong: a file is rewritten at the worst
//! moment, right after the walk has read its metadata.

use std::time::Duration;

use super::report::{Attack, Promise, times};
use crate::testenv::TestEnv;
use crate::testenv::faultfs::{FaultFs, SECOND, Stamps};

const WALKERS: [&str; 2] = ["native", "portable"];

/// How coarse stamps are: nanoseconds, 10 ms (exFAT), whole seconds, two seconds (FAT).
const GRANULARITIES: [Duration; 4] =
    [Duration::from_nanos(1), Duration::from_millis(10), Duration::from_secs(1), Duration::from_secs(2)];

/// One try: write, snapshot with a rewrite during the walk, snapshot. Returns whether the rewrite left no trace in the
/// stamps.
fn rewritten_behind(stamps: Stamps, walker: &str, more: &[&str], restores: bool) -> Option<Result<bool, String>> {
    let env = TestEnv::new();
    let fs = FaultFs::mount(&env, "tree", stamps)?;
    // By the file system's own clock, older than anything that can be racy.
    fs.set_stamps(Stamps { skew: stamps.skew - 86_400 * SECOND, ..stamps });
    for name in ["dir/old", "old"] {
        env.write(format!("tree/{name}"), "");
    }
    fs.set_stamps(stamps);
    let snap = |output: &str| {
        let args = ["snap", "tree", "-o", output, "--quiet", "--walker", walker];
        env.run(args.iter().chain(more)).success()
    };
    env.write("tree/dir/file", "first");
    fs.rewrite_behind("dir/file", restores, None);
    snap("a.snap");
    let (rewritten, hidden) = fs.rewritten();
    assert!(rewritten, "the walk did not look at the file");
    snap("b.snap");
    let list = env.changes_with("a.snap", "b.snap", &[]).stdout;
    let told = list.lines().any(|line| line == "M dir/file" || line == "S dir/file");
    Some(if told { Ok(hidden) } else { Err(format!("{stamps:?}, {walker}, {more:?}, hidden {hidden}: {list:?}")) })
}

/// Tries all granularities at one difference of the clocks. Counts what the stamps hide: if that is nothing, nothing
/// was tried.
fn at_skews(what: &'static str, skews: &[i128], more: &[&str]) {
    let mut attack = Attack::on(Promise::NoChangeMissed, what);
    let mut hidden = 0;
    for number in 0..times(1, 12) as usize {
        for (at, skew) in skews.iter().enumerate() {
            for granularity in GRANULARITIES {
                let stamps = Stamps { granularity, skew: *skew * SECOND, keeps_ctime: true };
                let walker = WALKERS[(number + at) % 2];
                let Some(outcome) = rewritten_behind(stamps, walker, more, true) else { return attack.skipped() };
                hidden += u32::from(matches!(outcome, Ok(true)));
                attack.tried(outcome.map(|_| ()));
            }
        }
    }
    attack.check(hidden > 0, || "the stamps hid no rewrite at all".to_owned());
}

#[test]
fn a_rewrite_behind_the_walk_is_listed_however_coarse_the_stamps() {
    at_skews("FUSE: rewritten within the tick", &[0, 0, 0], &[]);
}

#[test]
fn a_rewrite_behind_the_walk_is_listed_with_a_window_of_zero_too() {
    at_skews("FUSE: rewritten within the tick, window 0", &[0, 0, 0], &["--racy-window", "0"]);
}

#[test]
fn a_server_whose_clock_is_ahead_hides_no_rewrite() {
    at_skews("FUSE: clock ahead", &[1, 7, 180], &[]);
    at_skews("FUSE: clock ahead, window 0", &[1, 7, 180], &["--racy-window", "0"]);
}

#[test]
fn a_server_whose_clock_is_a_little_behind_hides_no_rewrite() {
    at_skews("FUSE: clock some seconds behind", &[-1, -7, -40], &[]);
    at_skews("FUSE: clock some seconds behind, window 0", &[-1, -7, -40], &["--racy-window", "0"]);
}

#[test]
fn a_server_whose_clock_is_far_behind_hides_no_rewrite() {
    at_skews("FUSE: clock minutes behind", &[-100, -180, -7200], &[]);
    at_skews("FUSE: clock minutes behind, window 0", &[-100, -180, -7200], &["--racy-window", "0"]);
}

#[test]
fn a_later_stamp_elsewhere_does_not_hide_a_rewrite_at_the_end_of_a_tick() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "FUSE: clock behind, another file in the next tick");
    let mut hidden = 0;
    for number in 0..times(4, 60) as usize {
        for seconds in [1, 2] {
            let env = TestEnv::new();
            let behind = Stamps { granularity: Duration::from_secs(seconds), skew: -7200 * SECOND, keeps_ctime: true };
            let Some(fs) = FaultFs::mount(&env, "tree", behind) else { return attack.skipped() };
            env.write("tree/dir/later", "-----");
            // Long enough for the walk to reach the file, short enough to wait for its end.
            fs.set_stamps(behind.ending_in(Duration::from_millis(150)));
            env.write("tree/dir/file", "first");
            fs.rewrite_behind("dir/file", true, Some("dir/later"));
            let snap = |output: &str| {
                let walker = WALKERS[number % 2];
                env.run(["snap", "tree", "-o", output, "-q", "--racy-window", "0", "--walker", walker]).success()
            };
            snap("a.snap");
            hidden += u32::from(fs.rewritten() == (true, true));
            snap("b.snap");
            let list = env.changes_with("a.snap", "b.snap", &[]).stdout;
            let told = list.lines().any(|line| line == "M dir/file" || line == "S dir/file");
            attack.check(told, || format!("try {number}, {seconds} s: {list:?}"));
        }
    }
    attack.check(hidden > 0, || "the stamps hid no rewrite at all".to_owned());
}

#[test]
fn where_no_ctime_is_kept_a_rewrite_that_sets_its_time_is_listed() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "FUSE: rewritten within the tick, no ctime");
    for number in 0..times(2, 40) as usize {
        for granularity in GRANULARITIES {
            let stamps = Stamps { granularity, skew: 0, keeps_ctime: false };
            let more: &[&str] = if number % 2 == 0 { &[] } else { &["--racy-window", "0"] };
            let outcome = rewritten_behind(stamps, WALKERS[number / 2 % 2], more, false);
            let Some(outcome) = outcome else { return attack.skipped() };
            attack.tried(outcome.map(|_| ()));
        }
    }
}
