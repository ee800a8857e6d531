//! btrfs: the inode tables of a tree of subvolumes, which come, go and take each other's places; and a crash that takes
//! back what a snapshot has seen.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastdiff::{Error, Snapshot, SourceChoice, SourceProblem};

use super::changes::Changes;
use super::{Look, differences};
use crate::attacks::draw::Random;
use crate::attacks::report::{Attack, Promise, times};
use crate::testenv::{Kind, Mounts, TestEnv, Volume, skip};

fn btrfs(mounts: &Mounts<'_>, args: &[&str]) -> Result<String, String> {
    mounts.command("btrfs", args)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// All subvolumes below the root.
fn subvolumes(root: &Path) -> Vec<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    let (mut dirs, mut found, mut at) = (vec![root.to_owned()], Vec::new(), 0);
    while at < dirs.len() {
        for entry in fs::read_dir(&dirs[at]).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                // `BTRFS_FIRST_FREE_OBJECTID`: the top of a subvolume.
                found.extend((entry.metadata().unwrap().ino() == 256).then(|| entry.path()));
                dirs.push(entry.path());
            }
        }
        at += 1;
    }
    found
}

/// Something that only btrfs can do. Much of it fails now and then.
fn disturb(mounts: &Mounts<'_>, root: &Path, random: &mut Random, round: u32) -> String {
    let all = subvolumes(root);
    let new = root.join(format!("s{round}"));
    let [one, other] = [random.pick(&all).cloned(), random.pick(&all).cloned()];
    let (Some(one), Some(other)) = (one, other) else {
        return format!("{:?}", btrfs(mounts, &["subvolume", "create", text(&new)]));
    };
    let kind = random.below(9);
    let done = match kind {
        0 => btrfs(mounts, &["subvolume", "create", text(&one.join(format!("s{round}")))]),
        1 => btrfs(mounts, &["subvolume", "snapshot", text(&one), text(&new)]),
        2 => btrfs(mounts, &["subvolume", "snapshot", "-r", text(&one), text(&new)]),
        3 => btrfs(mounts, &["subvolume", "delete", text(&one)]),
        // As a rollback: a snapshot takes the place of what it was made of, in which the times are the same.
        4 => btrfs(mounts, &["subvolume", "snapshot", text(&one), text(&new)])
            .and_then(|_| btrfs(mounts, &["subvolume", "delete", text(&one)]))
            .and_then(|_| fs::rename(&new, &one).map(|()| String::new()).map_err(|e| e.to_string())),
        5 => {
            rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &other, rustix::fs::RenameFlags::EXCHANGE)
                .map(|()| String::new())
                .map_err(|e| e.to_string())
        }
        6 => btrfs(mounts, &["balance", "start", "-m", text(root)]),
        7 => btrfs(mounts, &["property", "set", text(&one), "ro", "true"]).and_then(|_| {
            let (stream, place) = (mounts.env.path("stream"), mounts.env.dir("pool/received"));
            let sent = btrfs(mounts, &["send", "-q", "-f", text(&stream), text(&one)])
                .and_then(|_| btrfs(mounts, &["receive", "-q", "-f", text(&stream), text(&place)]));
            let received = place.join(one.file_name().unwrap());
            let moved = sent.and_then(|_| {
                btrfs(mounts, &["subvolume", "snapshot", text(&received), text(&new)])
                    .and_then(|_| btrfs(mounts, &["subvolume", "delete", text(&received)]))
            });
            btrfs(mounts, &["property", "set", text(&one), "ro", "false"]).and(moved)
        }),
        _ => btrfs(mounts, &["filesystem", "defragment", "-r", text(root)]),
    };
    format!("{kind} {} {}: {done:?}", one.display(), other.display())
}

#[test]
fn subvolumes_that_take_each_others_places_hide_nothing() {
    let env = TestEnv::new();
    let mut attack = Attack::on(Promise::TablesHideNothing, "btrfs: nested subvolumes, by transactions");
    let mut is_tried = false;
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
        let root = env.path("pool/tree");
        btrfs(mounts, &["subvolume", "create", text(&root)]).unwrap();
        for name in ["a", "b", "a/c"] {
            btrfs(mounts, &["subvolume", "create", text(&root.join(name))]).unwrap();
        }
        let look = Look { env: &env, root: root.clone(), source: SourceChoice::Auto, nothing_is_racy: true };
        let mut changes = Changes::new(&root, Random(7));
        let mut random = Random(11);
        changes.make(200);
        let mut base = look.scan(None, "0.snap").unwrap().1;
        let (mut read, mut rounds) = (0, 0);
        for round in 1..=times(20, 300) {
            changes.make(12);
            let done = disturb(mounts, &root, &mut random, round);
            changes.make(12);
            let scanned = look.by(SourceChoice::Inodes).scan(Some(&base), &format!("{round}.snap"));
            if let Err(Error::Source { problem: SourceProblem::ReadOnly, .. }) = scanned {
                // Small ones give up now and then.
                skip(&format!("btrfs made itself read-only in round {round}"));
                break;
            }
            let (outcome, new) = scanned.unwrap();
            rounds += 1;
            read += outcome.parts.iter().filter(|part| part.problem.is_none()).count();
            let held = differences(&new, &look.walk("truth.snap"));
            attack.tried(held.map_err(|why| format!("round {round}: {done}: {why}\n{:?}", changes.last)));
            fs::remove_file(env.path(format!("{}.snap", round - 1))).unwrap();
            base = new;
        }
        // The root in each round, and others, too.
        attack.check(read > rounds, || format!("only {read} parts in {rounds} rounds were read by transactions"));
        is_tried = true;
    });
    if !is_tried {
        attack.skipped();
    }
}

/// Scans while two others change the tree and the file system is written back now and then. What one scan missed, none
/// after it would see.
#[test]
fn scans_of_a_busy_btrfs_agree_with_it_at_rest() {
    let env = TestEnv::new();
    let mut attack = Attack::on(Promise::TablesHideNothing, "btrfs: scans under fire, by transactions");
    let mut is_tried = false;
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
        let root = env.dir("pool/tree");
        let dirs = ["pool/tree/a", "pool/tree/b"].map(|dir| env.dir(dir));
        let look = Look { env: &env, root: root.clone(), source: SourceChoice::Inodes, nothing_is_racy: true };
        let mut writers: Vec<_> = dirs.iter().zip(1..).map(|(dir, seed)| Changes::new(dir, Random(seed))).collect();
        let many: Vec<_> = (0..3000).map(|number| env.write(format!("pool/tree/c/{number}"), "")).collect();
        let mut base = look.by(SourceChoice::Auto).scan(None, "0.snap").unwrap().1;
        let mut number = 0;
        for round in 1..=times(3, 60) {
            let stop = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for changes in &mut writers {
                    scope.spawn(|| {
                        while !stop.load(Ordering::Relaxed) {
                            changes.make(3);
                        }
                    });
                }
                // Each of these changes once in a while, and its directory never does.
                scope.spawn(|| {
                    for file in
                        many.iter().cycle().skip(round as usize * 997).take_while(|_| !stop.load(Ordering::Relaxed))
                    {
                        fs::OpenOptions::new().append(true).open(file).unwrap().write_all(b"x").unwrap();
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                // Transactions end at any moment.
                scope.spawn(|| {
                    let dir = fs::File::open(&root).unwrap();
                    while !stop.load(Ordering::Relaxed) {
                        rustix::fs::syncfs(&dir).unwrap();
                    }
                });
                for _ in 0..10 {
                    number += 1;
                    let output = format!("{}.snap", number % 2);
                    base = look.scan(Some(&base), &output).unwrap().1;
                }
                stop.store(true, Ordering::Relaxed);
            });
            number += 1;
            let (outcome, new) = look.scan(Some(&base), &format!("{}.snap", number % 2)).unwrap();
            let problem = outcome.parts[0].problem.clone();
            let held = differences(&new, &look.walk("truth.snap"));
            attack.tried(held.map_err(|why| format!("round {round}, {problem:?}: {why}\n{:?}", writers[0].last)));
            attack.check(problem.is_none(), || format!("round {round}: {problem:?}"));
            base = new;
        }
        is_tried = true;
    });
    if !is_tried {
        attack.skipped();
    }
}

/// Takes the disk away as a crash does: what was mounted is given up, and what the image held at that moment is mounted
/// in its place.
fn crash(mounts: &Mounts<'_>, image: &Path, saved: &Path) -> Result<(), String> {
    mounts.unmount("disk");
    fs::rename(saved, image).unwrap();
    mounts.mount(&["-o", "loop", text(image)], "disk")
}

#[test]
fn what_a_crash_takes_back_is_noticed() {
    let env = TestEnv::new();
    let mut attack = Attack::on(Promise::TablesHideNothing, "btrfs: a crash takes back what a snapshot has seen");
    let mut is_tried = false;
    env.with_own_mounts(|mounts| {
        let (image, saved) = (env.path("crash.img"), env.path("saved.img"));
        fs::File::create(&image).and_then(|file| file.set_len(128 << 20)).unwrap();
        let made = mounts.command("mkfs.btrfs", ["-q", "-f", text(&image)]);
        // It writes back only what it is told to.
        if let Err(reason) = made.and_then(|_| mounts.mount(&["-o", "loop,commit=300", text(&image)], "disk")) {
            return skip(&format!("btrfs: {reason}"));
        }
        let root = env.dir("disk/tree");
        let look = Look { env: &env, root: root.clone(), source: SourceChoice::Auto, nothing_is_racy: true };
        let mut changes = Changes::new(&root, Random(3));
        let mut random = Random(5);
        changes.make(60);
        let mut lost = 0;
        for round in 1..=times(5, 40) {
            mounts.command("sync", ["-f", text(&root)]).unwrap();
            // Some of it reaches the disk.
            changes.make(u32::try_from(random.below(20)).unwrap());
            let copy = || mounts.command("cp", ["--sparse=always", text(&image), text(&saved)]).unwrap();
            if random.below(2) == 0 {
                mounts.command("sync", ["-f", text(&root)]).unwrap();
            }
            copy();
            changes.make(20);
            let (_, seen): (_, Snapshot) = look.scan(None, "seen.snap").unwrap();
            if let Err(reason) = crash(mounts, &image, &saved) {
                return skip(&format!("btrfs does not come back after a crash: {reason}"));
            }
            lost += u32::from(differences(&seen, &look.walk("truth.snap")).is_err());
            // Transactions go on from the older state.
            for number in 0..random.below(4) {
                env.write(format!("disk/other{number}"), "x");
                mounts.command("sync", ["-f", text(&root)]).unwrap();
            }
            let (outcome, new) = look.scan(Some(&seen), "new.snap").unwrap();
            let held = differences(&new, &look.walk("truth.snap"));
            attack.tried(held.map_err(|why| format!("round {round}: {why}")));
            attack.check(outcome.parts[0].problem == Some(SourceProblem::MountedAgain), || {
                format!("round {round}: {:?}", outcome.parts)
            });
        }
        attack.check(lost > 2, || format!("only {lost} crashes took something back"));
        is_tried = true;
    });
    if !is_tried {
        attack.skipped();
    }
}
