//! Promise 1 where stamps cannot tell: changes in the tick of the stat, with equal size and restored mtime, through a
//! mapping, during a long write. Files and directories that look the same as others are in `lookalikes`.

mod lookalikes;

use std::fs::{self, FileTimes, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use fastdiff::{ChangeKind, Diff, DiffOptions, Flags, NoMonitor, ScanOptions, Snapshot, Time, WalkerKind, scan};

use super::draw::Random;
use super::report::{Attack, Promise, times};
use super::stress::map;
use crate::testenv::{TestEnv, skip};

/// How a snapshot is taken.
#[derive(Debug, Clone, Copy)]
enum Window {
    /// The default window of the system.
    Default,
    /// `--settle` and its window of two seconds.
    Settle,
    /// No more than the tick of the boundary.
    Tick,
}

/// A snapshot of `tree` within this process, which is faster than the program.
fn snap(env: &TestEnv, output: &str, window: Window, walker: WalkerKind) -> Snapshot {
    let mut options = ScanOptions::new([env.path("tree")]);
    options.walker = walker;
    options.settle = matches!(window, Window::Settle);
    options.racy_window = matches!(window, Window::Tick).then_some(Duration::ZERO);
    taken(env, output, &options)
}

fn taken(env: &TestEnv, output: &str, options: &ScanOptions) -> Snapshot {
    let output = env.path(output);
    scan(options, None, &output, &NoMonitor).unwrap();
    Snapshot::open(&output).unwrap()
}

/// What is listed below `tree`, with its kind.
fn listed(env: &TestEnv, old: &Snapshot, new: &Snapshot) -> Vec<(ChangeKind, PathBuf)> {
    let mut options = DiffOptions::default();
    (options.renames, options.allow_root_change) = (false, true);
    let diff = Diff::new(old, new, &options).unwrap();
    let tree = env.path("tree");
    let relative = |path: &[u8]| fastdiff::path::to_path(path).strip_prefix(&tree).unwrap().to_owned();
    diff.changes().map(|change| change.unwrap()).map(|change| (change.kind, relative(&change.path))).collect()
}

/// Whether a list tells its consumer to look at a path.
fn says(list: &[(ChangeKind, PathBuf)], path: impl AsRef<Path>) -> bool {
    let kinds = [ChangeKind::Added, ChangeKind::Modified, ChangeKind::TypeChanged, ChangeKind::Suspect];
    list.iter().any(|(kind, listed)| kinds.contains(kind) && listed == path.as_ref())
}

fn walkers(number: u32) -> WalkerKind {
    if number.is_multiple_of(4) { WalkerKind::Portable } else { WalkerKind::Native }
}

/// Overwrites the first bytes of a file, whose size stays, and puts its mtime back.
fn rewrite_unseen(path: &Path, number: u32) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    let mtime = file.metadata().unwrap().modified().unwrap();
    file.write_all_at(&number.to_le_bytes(), 0).unwrap();
    file.set_times(FileTimes::new().set_modified(mtime)).unwrap();
}

#[test]
fn a_rewrite_in_the_tick_of_the_stat_with_equal_size_and_restored_mtime_is_listed() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "equal size, restored mtime, in the tick of the stat");
    let env = TestEnv::new();
    let file = env.write("tree/file", [0; 64]);
    env.set_mtime("tree/file", 1_000_000);
    for number in 0..times(40, 1500) {
        // Before the stat, right after it, and nothing waits for a tick; only the tick itself is in doubt.
        rewrite_unseen(&file, 2 * number);
        let old = snap(&env, "old.snap", Window::Tick, walkers(number));
        rewrite_unseen(&file, 2 * number + 1);
        let new = snap(&env, "new.snap", Window::Tick, walkers(number + 1));
        let list = listed(&env, &old, &new);
        attack.check(says(&list, "file"), || format!("try {number}: {list:?}"));
    }
}

#[test]
fn a_rewrite_during_the_scan_is_in_this_list_or_the_next() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "equal size, restored mtime, during the scan");
    let env = TestEnv::new();
    for number in 0..300 {
        env.write(format!("tree/{number:03}"), [0; 64]);
    }
    let file = env.path("tree/150");
    let contents = || fs::read(&file).unwrap();
    let mut old = snap(&env, "0.snap", Window::Tick, WalkerKind::Native);
    let mut copied = contents();
    for number in 1..=times(30, 1000) {
        let walker = walkers(number);
        // One change at some moment of a scan; then all is at rest until the next scan is over.
        let new = std::thread::scope(|scope| {
            let pause = Duration::from_micros(u64::from(number % 20) * 100);
            let file = &file;
            scope.spawn(move || {
                std::thread::sleep(pause);
                rewrite_unseen(file, number);
            });
            snap(&env, &format!("{}.snap", 2 * number - 1), Window::Tick, walker)
        });
        let first = says(&listed(&env, &old, &new), "150");
        let next = snap(&env, &format!("{}.snap", 2 * number), Window::Tick, walker);
        let second = says(&listed(&env, &new, &next), "150");
        if first || second {
            copied = contents();
        }
        attack.check(copied == contents(), || format!("try {number}: neither list has it"));
        old = next;
        for done in [2 * number - 2, 2 * number - 1] {
            fs::remove_file(env.path(format!("{done}.snap"))).unwrap();
        }
    }
}

#[test]
fn a_store_into_a_page_that_was_dirty_before_the_scan_is_listed() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "later store into a dirty mapped page");
    let env = TestEnv::new();
    let path = env.write("tree/mapped", [0; 8192]);
    let mut page = map(&path);
    for number in 0..times(20, 400) {
        page[0] = page[0].wrapping_add(1);
        let old = snap(&env, "old.snap", Window::Default, walkers(number));
        page[1] = page[1].wrapping_add(1);
        let new = snap(&env, "new.snap", Window::Default, walkers(number));
        let list = listed(&env, &old, &new);
        attack.check(says(&list, "mapped"), || format!("try {number}: {list:?}"));
    }
}

#[test]
fn with_settle_a_page_that_was_dirty_for_longer_than_the_window_hides_no_store() {
    dirty_for_longer_than_the_window(WalkerKind::Native, "later store into a dirty mapped page, --settle");
}

#[test]
fn with_settle_it_hides_none_from_the_portable_walker_either() {
    dirty_for_longer_than_the_window(WalkerKind::Portable, "later store into a dirty mapped page, portable --settle");
}

fn dirty_for_longer_than_the_window(walker: WalkerKind, what: &'static str) {
    let env = TestEnv::new();
    if rustix::fs::statfs(env.path("tree")).unwrap().f_type == 0x0102_1994 {
        return skip("tmpfs has no write-back that --settle could wait for (a limit that the README names)");
    }
    let mut attack = Attack::on(Promise::NoChangeMissed, what);
    let paths: Vec<_> = (0..times(20, 1000)).map(|n| env.write(format!("tree/{n}"), [0; 4096])).collect();
    let mut pages: Vec<_> = paths.iter().map(|path| map(path)).collect();
    for page in &mut pages {
        page[0] = 1;
    }
    // After two seconds what was stored is no suspect any more; only the write-back can show what comes.
    let dirty = Instant::now();
    while dirty.elapsed() < Duration::from_millis(2200) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let old = snap(&env, "old.snap", Window::Settle, walker);
    assert_eq!(old.header().counts.racy, 0, "suspects would be listed without any proof");
    for page in &mut pages {
        page[1] = 1;
    }
    let new = snap(&env, "new.snap", Window::Settle, walker);
    let list = listed(&env, &old, &new);
    for number in 0..paths.len() {
        attack.check(says(&list, number.to_string()), || format!("file {number} is not listed"));
    }
}

#[test]
fn a_long_write_that_goes_on_during_the_scan_is_listed() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "a long write(2) during the scan");
    let env = TestEnv::new();
    let path = env.write("tree/long", vec![0; 16 << 20]);
    for number in 0..times(10, 150) {
        let content = vec![number as u8 + 1; 16 << 20];
        let (mut old, begun) = (None, AtomicBool::new(false));
        std::thread::scope(|scope| {
            let (path, begun) = (&path, &begun);
            scope.spawn(move || {
                let file = OpenOptions::new().write(true).open(path).unwrap();
                begun.store(true, Ordering::Release);
                file.write_all_at(&content, 0).unwrap();
            });
            while !begun.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            old = Some(snap(&env, "old.snap", Window::Default, walkers(number)));
        });
        let new = snap(&env, "new.snap", Window::Default, walkers(number));
        let list = listed(&env, &old.unwrap(), &new);
        attack.check(says(&list, "long"), || format!("try {number}: {list:?}"));
    }
}

#[test]
fn the_window_decides_to_the_nanosecond_and_a_later_stamp_than_the_boundary_is_young() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "windows and boundaries around the stamp");
    let env = TestEnv::new();
    // A stamp that ends in zeros stands for more than its nanosecond.
    let stat = loop {
        env.write("tree/file", "");
        let first = snap(&env, "first.snap", Window::Tick, WalkerKind::Native);
        let stat = first.find(env.path("tree/file").as_os_str().as_encoded_bytes()).unwrap().unwrap().stat;
        if !stat.ctime.nsec.is_multiple_of(10) {
            break stat;
        }
    };
    let mut random = Random(5);
    for number in 0..times(40, 800) {
        // By how much the stamp is later than the boundary less the window.
        let (window, later) =
            (random.below(5_000_000_000).cast_signed() as i64, random.below(7).cast_signed() as i64 - 3);
        let total = i64::from(stat.ctime.nsec) + window - later;
        let sec = stat.ctime.sec + total.div_euclid(1_000_000_000);
        let mut options = ScanOptions::new([env.path("tree")]);
        options.boundary = Some(Time::new(sec, total.rem_euclid(1_000_000_000) as u32));
        options.racy_window = Some(Duration::from_nanos(window.cast_unsigned()));
        if random.below(4) == 0 {
            // The clock is set back before the scan: the stamp is in the future.
            options.boundary = Some(Time::new(stat.ctime.sec - 86_400 * random.below(400).cast_signed() as i64, 0));
        }
        options.walker = walkers(number);
        let young = options.boundary.unwrap() <= stat.ctime || later >= 0;
        let old = taken(&env, "old.snap", &options);
        let entry = old.find(env.path("tree/file").as_os_str().as_encoded_bytes()).unwrap().unwrap();
        attack.check(entry.flags.contains(Flags::RACY) == young, || format!("{options:?} for {stat:?}"));
        let new = snap(&env, "new.snap", Window::Tick, WalkerKind::Native);
        attack.check(says(&listed(&env, &old, &new), "file") == young, || format!("{options:?}: not listed"));
    }
}

#[test]
fn a_tree_that_was_idle_for_longer_than_the_window_has_no_suspects_and_a_busy_one_few() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "suspects of an idle and of a busy tree");
    let env = TestEnv::new();
    for number in 0..2000 {
        env.write(format!("tree/{}/{number}", number % 20), "");
    }
    // Two clocks: as if the scan were made a minute from now, and now.
    let scanned = |seconds: i64| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let mut options = ScanOptions::new([env.path("tree")]);
        options.boundary = Some(Time::new(now.as_secs().cast_signed() + seconds, 0));
        options.racy_window = Some(Duration::from_secs(35));
        taken(&env, "idle.snap", &options).header().counts.racy
    };
    let idle = scanned(60);
    attack.check(idle == 0, || format!("{idle} suspects in an idle tree"));

    // Time passes until nothing is younger than a window of a second; then some files change.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1100) {
        std::thread::sleep(Duration::from_millis(50));
    }
    for number in 0..7 {
        env.write(format!("tree/3/{}", 3 + 20 * number), "changed");
    }
    let run = env.run(["snap", "tree", "-o", "busy.snap", "--racy-window", "1s", "-q"]);
    assert_eq!(run.success(), "");
    let info: serde_json::Value = serde_json::from_str(&env.run(["info", "busy.snap", "--json"]).success()).unwrap();
    println!("suspects: {idle} of an idle tree; of a busy one {} of {}", info["racy"], info["entries"]);
    // In-place changes of files leave their directory alone.
    attack.check(info["racy"] == 7, || format!("suspects after seven changes: {info}"));
}
