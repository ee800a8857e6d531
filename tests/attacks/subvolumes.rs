//! btrfs below a root, as snapper, btrbk and Timeshift leave it: subvolumes in subvolumes, and a new snapshot every
//! hour.

use std::os::unix::ffi::OsStrExt as _;

use super::filesystems::{follow, held, listed};
use super::report::{Attack, Promise};
use crate::testenv::{Kind, Mounts, TestEnv, Volume};

/// The layouts: where the nested subvolume lies, and where snapshot `n` goes, relative to the root.
const LAYOUTS: [(&str, &str, &str); 3] = [
    ("snapper", ".snapshots", ".snapshots/{}/snapshot"),
    ("btrbk", "_btrbk_snap", "_btrbk_snap/home.2026112{}T0000"),
    ("timeshift", "timeshift-btrfs", "timeshift-btrfs/snapshots/2026-11-2{}/@"),
];

/// Ways to take a snapshot.
const WAYS: [&[&str]; 4] = [&[], &["--walker", "portable"], &["--base", "old.snap"], &["-x"]];

fn btrfs(mounts: &Mounts<'_>, args: &[&str]) {
    mounts.command("btrfs", [&["subvolume"], args].concat()).unwrap();
}

#[test]
fn a_new_snapshot_below_a_root_is_new_entries_and_no_other_file_system() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "a new btrfs snapshot below the root");
    for (name, nested, place) in LAYOUTS {
        for way in WAYS {
            let env = TestEnv::new();
            env.with_own_mounts(|mounts| {
                let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
                btrfs(mounts, &["create", "pool/tree"]);
                env.write("pool/tree/file", "content");
                btrfs(mounts, &["create", "pool/tree/other"]);
                env.write("pool/tree/other/file", "content");
                btrfs(mounts, &["create", &format!("pool/tree/{nested}")]);
                let at = |number: u32| format!("pool/tree/{}", place.replace("{}", &number.to_string()));
                let take = |number| {
                    env.dir(at(number));
                    env.remove(at(number));
                    btrfs(mounts, &["snapshot", "-r", "pool/tree", &at(number)]);
                };
                let snap = |output: &str, way: &[&str]| {
                    env.settle();
                    let args = ["snap", "pool/tree", "-o", output, "-q", "--racy-window", "0"];
                    env.run(args.iter().chain(way)).success();
                };
                let first = way.iter().copied().filter(|word| !word.contains("base") && !word.contains("old"));
                take(1);
                take(2);
                snap("old.snap", &first.collect::<Vec<_>>());
                let before = held(&env.path("pool/tree"));

                snap("new.snap", way);
                let same = listed(&env, "old.snap", "new.snap", &[]);
                attack.check(same.as_ref().is_ok_and(Vec::is_empty), || format!("{name}, {way:?}: idle: {same:?}"));

                btrfs(mounts, &["delete", &at(1)]);
                env.write("pool/tree/file", "other content");
                take(3);
                take(4);
                snap("new.snap", way);
                let list = listed(&env, "old.snap", "new.snap", &[]);
                attack.tried(list.and_then(|list| {
                    let idle = env.path(at(2));
                    if let Some((_, path)) = list.iter().find(|(_, path)| path.starts_with(idle.as_os_str().as_bytes()))
                    {
                        return Err(format!("{name}, {way:?}: {} is listed", path.escape_ascii()));
                    }
                    // On one file system neither the snapshots nor what is nested in the root are looked into.
                    if way == ["-x"] { Ok(()) } else { follow(&before, &list, &held(&env.path("pool/tree"))) }
                }));
            });
        }
    }
    attack.tried(Ok(()));
}

#[test]
fn a_stub_of_a_nested_subvolume_is_an_empty_directory_that_never_changes() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "stubs of nested btrfs subvolumes");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "pool") else { return };
        btrfs(mounts, &["create", "pool/home"]);
        for nested in ["pool/home/a", "pool/home/b"] {
            btrfs(mounts, &["create", nested]);
            env.write(format!("{nested}/file"), "not in the snapshot");
        }
        btrfs(mounts, &["snapshot", "pool/home", "pool/copy"]);
        for (old, new) in [("native", "portable"), ("portable", "native"), ("native", "native")] {
            for (walker, output) in [(old, "old.snap"), (new, "new.snap")] {
                env.settle();
                let args = ["snap", "pool/copy", "-o", output, "-q", "--racy-window", "0", "--walker", walker];
                env.run(args).success();
            }
            let list = listed(&env, "old.snap", "new.snap", &[]);
            attack.check(list.as_ref().is_ok_and(Vec::is_empty), || format!("{old}, {new}: {list:?}"));
            let shown = env.run(["show", "new.snap"]).success();
            attack.check(shown.contains("pool/copy/a") && !shown.contains("not entered"), || shown.clone());
        }
        // A stub that is removed is removed, and a directory that takes its place is another one.
        env.remove("pool/copy/a");
        env.remove("pool/copy/b");
        env.write("pool/copy/b/file", "");
        env.settle();
        env.run(["snap", "pool/copy", "-o", "new.snap", "-q", "--racy-window", "0"]).success();
        let list = listed(&env, "old.snap", "new.snap", &[]);
        let letters = list.map(|list| list.iter().map(|(letter, _)| char::from(*letter)).collect::<String>());
        attack.check(letters.as_deref() == Ok("MDMA"), || format!("{letters:?}"));
    });
    attack.tried(Ok(()));
}

#[test]
fn a_subvolume_that_was_mounted_is_no_directory_that_was_removed() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "a mounted btrfs subvolume gone with its mount point");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Btrfs, "volume", "tree") else { return };
        btrfs(mounts, &["create", "tree/data"]);
        env.write("tree/data/file", "");
        env.write("tree/file", "");
        let place = env.path("tree");
        let device = mounts.command("findmnt", ["-no", "SOURCE", place.to_str().unwrap()]).unwrap();
        let device = device.split('[').next().unwrap();
        mounts.mount(&["-o", "subvol=data", device], "tree/media/disk").unwrap();
        env.settle();
        env.run(["snap", "tree", "-o", "old.snap", "-q", "--racy-window", "0"]).success();
        mounts.unmount("tree/media/disk");
        env.remove("tree/media/disk");
        env.run(["snap", "tree", "-o", "new.snap", "-q", "--racy-window", "0"]).success();
        let list = listed(&env, "old.snap", "new.snap", &[]);
        let told = "tree/media/disk: was the mount point of btrfs:";
        attack.check(list.as_ref().is_err_and(|e| e.contains(told) && e.contains("is gone")), || format!("{list:?}"));
    });
    attack.tried(Ok(()));
}
