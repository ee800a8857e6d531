//! Roots and mounts that vanish between two snapshots: whatever the form of the list, it is refused, and nothing is
//! written, until somebody says that it is meant.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fastdiff::EntryLimit;

use super::filesystems::{Held, follow, held, listed};
use super::report::{Attack, Promise, at_length_asked, times};
use crate::testenv::{Kind, TestEnv, Volume};

const FORMATS: [&[&str]; 5] = [
    &["--emit", "text"],
    &["--emit", "name-status"],
    &["--emit", "json"],
    &["--emit", "paths"],
    &["--emit", "duplicati", "--duplicati-db", "none"],
];

/// Ways to take the later snapshot: all of them at length, else one, another for each kind.
fn ways(kind: Kind) -> &'static [&'static [&'static str]] {
    const WAYS: [&[&str]; 3] = [&[], &["--base", "old.snap"], &["--walker", "portable"]];
    let one = kind as usize % WAYS.len();
    if at_length_asked() { &WAYS } else { &WAYS[one..=one] }
}

fn snap(env: &TestEnv, output: &str, more: &[&str]) {
    env.run(["snap", "tree", "-o", output, "-q"].iter().chain(more)).success();
}

/// Some entries below a directory.
fn populate(env: &TestEnv, dir: &str) {
    for name in ["a/1", "a/2", "b/c/3", "4"] {
        env.write(format!("{dir}/{name}"), name);
    }
}

/// Checks that no form of the list of `old.snap` and `new.snap` comes out, neither on standard output nor in a file,
/// and that the refusal gives this reason.
fn refused(env: &TestEnv, attack: &mut Attack, more: &[&str], reason: &str) {
    env.write("list", "as it was");
    let before = env.names("");
    for format in FORMATS {
        for destination in &["-", "list", "anew"][..if at_length_asked() { 3 } else { 2 }] {
            let args = ["diff", "old.snap", "new.snap", "-o", destination];
            let run = env.run(args.iter().chain(format).chain(more));
            let told = run.stderr.contains(reason) && run.stderr.lines().count() == 1;
            attack.check(run.code == Some(2) && run.stdout.is_empty() && told, || {
                format!("{format:?} to {destination}: exit {:?}, {:?}, {}", run.code, run.stdout, run.stderr)
            });
            attack.check(env.read("list") == b"as it was" && env.names("") == before, || {
                format!("{format:?} to {destination}: something was written")
            });
        }
    }
    env.remove("list");
}

/// Checks that the list comes out once it is meant, and is true.
fn meant(env: &TestEnv, attack: &mut Attack, before: &BTreeMap<Vec<u8>, Held>) {
    let list = listed(env, "old.snap", "new.snap", &["--allow-root-change"]);
    attack.tried(list.and_then(|list| follow(before, &list, &held(&env.path("tree")))));
    for format in FORMATS {
        let run = env.run(["diff", "old.snap", "new.snap", "--allow-root-change"].iter().chain(format));
        // For Duplicati there must be something to list, or it would scan everything.
        let can_tell = run.code == Some(0) && !run.stdout.is_empty();
        attack.check(can_tell || format[1] == "duplicati" && run.code == Some(3) && run.stdout.is_empty(), || {
            format!("{format:?}: exit {:?}: {}", run.code, run.stderr)
        });
    }
}

#[test]
fn an_unmounted_root_is_refused_whatever_lies_below_it() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "the root unmounted, its mount point empty or not");
    for kind in [Kind::Ext4, Kind::Xfs, Kind::Btrfs, Kind::Overlay, Kind::Bindfs, Kind::Fuse2fs] {
        for below in [false, true] {
            let env = TestEnv::new();
            env.with_own_mounts(|mounts| {
                if below {
                    populate(&env, "tree");
                }
                let Some(volume) = Volume::of(mounts, kind, "volume", "tree") else { return };
                populate(&env, "tree");
                snap(&env, "old.snap", &[]);
                let before = held(&env.path("tree"));
                mounts.unmount("tree");
                for more in ways(kind) {
                    snap(&env, "new.snap", more);
                    refused(&env, &mut attack, &[], "root [ROOT]/tree: was on the file system");
                }
                meant(&env, &mut attack, &before);
                // Mounted again, all is well.
                volume.attach("tree").unwrap();
                snap(&env, "new.snap", &[]);
                let list = listed(&env, "old.snap", "new.snap", &[]);
                attack.check(list.as_ref().is_ok_and(|l| l.iter().all(|(letter, _)| *letter != b'D')), || {
                    format!("{}: {list:?}", kind.name())
                });
                mounts.unmount("tree");
            });
        }
    }
    attack.tried(Ok(()));
}

#[test]
fn a_root_made_anew_or_mounted_over_is_refused() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "the root formatted anew, or covered by another mount");
    for kind in [Kind::Ext4, Kind::Xfs, Kind::Btrfs] {
        let env = TestEnv::new();
        env.with_own_mounts(|mounts| {
            let Some(volume) = Volume::of(mounts, kind, "volume", "tree") else { return };
            populate(&env, "tree");
            snap(&env, "old.snap", &[]);
            let before = held(&env.path("tree"));
            mounts.mount(&["-t", "tmpfs", "none"], "tree").unwrap();
            env.write("tree/covers", "");
            snap(&env, "new.snap", &[]);
            refused(&env, &mut attack, &[], "root [ROOT]/tree: was on the file system");
            mounts.unmount("tree");
            mounts.unmount("tree");
            drop(volume);
            // The same image under the same device, formatted again.
            let anew = Volume::new(mounts, kind, "other").and_then(|volume| {
                fs::rename(env.path("other"), env.path("volume")).unwrap();
                Volume::attach(&volume.renamed("volume"), "tree")
            });
            anew.unwrap();
            populate(&env, "tree");
            snap(&env, "new.snap", &[]);
            refused(&env, &mut attack, &[], "root [ROOT]/tree: was on the file system");
            meant(&env, &mut attack, &before);
        });
    }
    attack.tried(Ok(()));
}

#[test]
fn a_missing_root_stops_the_scan_and_leaves_the_snapshot() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "the root missing, a file, or a dangling symlink");
    let env = TestEnv::new();
    populate(&env, "tree");
    snap(&env, "old.snap", &[]);
    snap(&env, "new.snap", &[]);
    let kept = env.read("new.snap");
    env.rename("tree", "away");
    let ways: [(&str, &dyn Fn()); 4] = [
        ("missing", &|| {}),
        ("a file", &|| drop(env.write("tree", ""))),
        ("a dangling symlink", &|| drop(env.symlink("nowhere", "tree"))),
        ("a loop of symlinks", &|| drop(env.symlink("tree", "tree"))),
    ];
    for (what, replace) in ways {
        replace();
        let names = env.names("");
        for walker in ["native", "portable"] {
            for base in [&[][..], &["--base", "old.snap"]] {
                let args = ["snap", "tree", "-o", "new.snap", "-q", "--walker", walker];
                let run = env.run(args.iter().chain(base));
                attack.check(run.code == Some(2) && run.stderr.contains("root [ROOT]/tree: "), || {
                    format!("{what}: exit {:?}: {}", run.code, run.stderr)
                });
                attack
                    .check(env.read("new.snap") == kept && env.names("") == names, || format!("{what}: not as before"));
            }
        }
        if env.path("tree").symlink_metadata().is_ok() {
            env.remove("tree");
        }
    }
}

#[test]
fn an_emptied_root_is_refused_also_where_it_holds_our_own_files() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "the root emptied but for our own files");
    let env = TestEnv::new();
    populate(&env, "tree");
    let own = |name: &str| env.run(["snap", "tree", "-o", name, "-q", "--exclude", "*.tmp"]).success_with_patterns();
    own("tree/old.snap");
    env.rename("tree/old.snap", "old.snap");
    let before = held(&env.path("tree"));
    for name in ["a", "b", "4"] {
        env.remove(format!("tree/{name}"));
    }
    env.write("tree/left-out.tmp", "");
    own("tree/new.snap");
    env.rename("tree/new.snap", "new.snap");
    refused(&env, &mut attack, &[], "root [ROOT]/tree: held entries before and is empty now");
    env.remove("tree/left-out.tmp");
    meant(&env, &mut attack, &before);
}

#[test]
fn another_directory_in_the_place_of_the_root_is_refused() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "the root renamed, another directory in its place");
    let env = TestEnv::new();
    populate(&env, "tree");
    snap(&env, "old.snap", &[]);
    let before = held(&env.path("tree"));
    env.rename("tree", "away");
    env.write("tree/other", "");
    for more in [&[][..], &["--base", "old.snap"], &["--walker", "portable"]] {
        snap(&env, "new.snap", more);
        refused(&env, &mut attack, &[], "root [ROOT]/tree: is another directory than before");
    }
    meant(&env, &mut attack, &before);
    let more = ["--allow-root-change", "--max-delete", "50%"];
    refused(&env, &mut attack, &more, "more than the limit of 50% ");
    env.remove("tree");
    env.rename("away", "tree");
    snap(&env, "new.snap", &[]);
    let list = listed(&env, "old.snap", "new.snap", &[]);
    attack.check(list.as_ref().is_ok_and(|l| l.iter().all(|(letter, _)| *letter != b'D')), || format!("{list:?}"));
}

/// Mounts below the root: two levels of them. `change` gets the inner one.
fn below_the_root(attack: &mut Attack, change: impl Fn(&TestEnv, &str) + Sync, reason: &str) {
    for kind in [Kind::Ext4, Kind::Btrfs, Kind::Bindfs] {
        let env = TestEnv::new();
        env.with_own_mounts(|mounts| {
            populate(&env, "tree");
            let Some(_outer) = Volume::of(mounts, Kind::Ext4, "outer", "tree/outer") else { return };
            env.write("tree/outer/file", "");
            env.write("tree/outer/inner/under", "");
            let Some(_inner) = Volume::of(mounts, kind, "inner", "tree/outer/inner") else { return };
            populate(&env, "tree/outer/inner");
            snap(&env, "old.snap", &[]);
            let before = held(&env.path("tree"));
            mounts.unmount("tree/outer/inner");
            change(&env, "tree/outer/inner");
            for more in ways(kind) {
                snap(&env, "new.snap", more);
                refused(&env, attack, &[], reason);
            }
            meant(&env, attack, &before);
        });
    }
    attack.tried(Ok(()));
}

#[test]
fn an_unmounted_mount_below_the_root_is_refused_whatever_lies_below_it() {
    let reason = "root [ROOT]/tree/outer/inner: was the mount point of";
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "a mount below the root unmounted");
    below_the_root(&mut attack, |_, _| {}, reason);
    below_the_root(&mut attack, |env, point| env.remove(format!("{point}/under")), reason);
    below_the_root(&mut attack, populate, reason);
}

#[test]
fn a_mount_point_that_is_gone_altogether_is_refused() {
    let reason = "root [ROOT]/tree/outer/inner: was the mount point of";
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "a mount point below the root gone altogether");
    below_the_root(&mut attack, |env, point| env.remove(point), reason);
    below_the_root(
        &mut attack,
        |env, point| {
            env.remove(point);
            env.write(point, "a file now");
        },
        reason,
    );
    below_the_root(
        &mut attack,
        |env, point| {
            let up = Path::new(point).parent().unwrap();
            env.remove(point);
            env.write(up.join("another"), "");
        },
        reason,
    );
}

#[test]
fn a_limit_of_removals_holds_at_its_exact_border() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "removals at the border of --max-delete");
    let env = TestEnv::new();
    // With the root and the directories 100 entries.
    let files = 100 - 1 - 4;
    for number in 0..files {
        env.write(format!("tree/{}/{number}", number % 4), "");
    }
    snap(&env, "old.snap", &[]);
    let mut gone = 0;
    for remove in [1, 2, 4, 22] {
        for _ in 0..remove {
            env.remove(format!("tree/{}/{gone}", gone % 4));
            gone += 1;
        }
        snap(&env, "new.snap", &[]);
        for limit in [(gone - 1).to_string(), format!("{}%", gone - 1), format!("{}.9%", gone - 1)] {
            refused(&env, &mut attack, &["--max-delete", &limit], &format!("more than the limit of {limit} "));
        }
        for limit in [gone.to_string(), format!("{gone}%"), format!("{gone}.0%"), (gone + 1).to_string()] {
            for format in FORMATS {
                let args = ["diff", "old.snap", "new.snap", "--max-delete", &limit];
                let run = env.run(args.iter().chain(format));
                attack.check(run.code == Some(0) && !run.stdout.is_empty(), || format!("{limit}: {}", run.stderr));
            }
        }
    }
    // What is renamed is removed for a consumer that knows no renames.
    env.rename("tree/3", "tree/moved");
    fs::rename(env.path("new.snap"), env.path("old.snap")).unwrap();
    snap(&env, "new.snap", &[]);
    for format in FORMATS {
        let run = env.run(["diff", "old.snap", "new.snap", "--max-delete", "0"].iter().chain(format));
        let expected = if format[1] == "duplicati" { 2 } else { 0 };
        attack.check(run.code == Some(expected), || format!("{format:?}: exit {:?}: {}", run.code, run.stderr));
    }
}

#[test]
fn percentages_of_removals_are_exact_to_the_tenth() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "percentages of --max-delete computed");
    for thousands in 1..=u64::from(times(20, 1000)) {
        for tenths in 0..=1000 {
            let limit: EntryLimit = format!("{}.{}%", tenths / 10, tenths % 10).parse().unwrap();
            let (is, of) = (limit.entries(thousands * 1000), thousands * 1000);
            attack.check(is == tenths * thousands, || format!("{limit} of {of} is {is}"));
        }
    }
}
