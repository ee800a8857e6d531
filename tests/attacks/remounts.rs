//! File systems that are taken away and mounted again between two snapshots: their device numbers change, the inodes of
//! some do as well, and they may be other ones in the same place.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;

use serde_json::Value;

use super::filesystems::{follow, held, listed, probed, rewrite};
use super::report::{Attack, Promise, times};
use crate::testenv::{Kind, Mounts, Shown, TestEnv, Volume, on_disk, skip};

/// Some directories and files below `tree`.
fn populate(env: &TestEnv, dir: &str) {
    for number in 0..12 {
        env.write(format!("{dir}/dir{}/file{number}", number % 3), format!("content {number}"));
    }
    env.dir(format!("{dir}/empty"));
}

fn snap(env: &TestEnv, output: &str) {
    env.run(["snap", "tree", "-o", output, "-q"]).success();
}

/// The identities of the file systems in a snapshot.
fn identities(env: &TestEnv, snapshot: &str) -> BTreeSet<String> {
    let info: Value = serde_json::from_str(&env.run(["info", snapshot, "--json"]).success()).unwrap();
    let systems = info["file_systems"].as_array().unwrap();
    systems.iter().map(|system| system["identity"].as_str().unwrap().to_owned()).collect()
}

/// Runs `body` with a volume of each kind that this machine has, or of those that `FASTDIFF_KINDS` names, mounted on
/// `tree`.
fn on_every_kind(body: impl Fn(&Mounts<'_>, &Volume<'_, '_>) + Sync) {
    let wanted = std::env::var("FASTDIFF_KINDS").ok();
    let is_wanted = |kind: &Kind| wanted.as_ref().is_none_or(|names| names.split(' ').any(|name| name == kind.name()));
    for kind in Kind::ALL.into_iter().filter(is_wanted) {
        let env = TestEnv::new();
        env.with_own_mounts(|mounts| {
            if let Some(volume) = Volume::of(mounts, kind, "volume", "tree") {
                body(mounts, &volume);
            }
        });
    }
}

#[test]
fn a_file_system_that_is_mounted_again_is_the_same_one() {
    on_every_kind(|mounts, volume| {
        let (env, kind) = (mounts.env, volume.kind);
        let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "the same file system mounted again");
        populate(env, "tree");
        snap(env, "old.snap");
        let (before, known) = (held(&env.path("tree")), on_disk(&env.path("tree")));
        let device = env.path("tree").metadata().unwrap().dev();
        let inode = env.path("tree/dir0/file0").metadata().unwrap().ino();
        mounts.unmount("tree");
        volume.attach_elsewhere("tree").unwrap();
        let moved = env.path("tree").metadata().unwrap().dev() != device;
        let churned = env.path("tree/dir0/file0").metadata().unwrap().ino() != inode;
        snap(env, "new.snap");
        let (was, is) = (identities(env, "old.snap"), identities(env, "new.snap"));
        probed(&format!("{}: device number changed: {moved}, inodes changed: {churned}, {was:?} {is:?}", kind.name()));
        let list = match listed(env, "old.snap", "new.snap", &[]) {
            // Only a name of a device or a source is known of it: that is safe, and said so.
            Err(refused) if was != is && refused.contains("was on the file system") => {
                assert!(moved && is.iter().all(|i| !i.contains(":uuid:") && !i.contains(":fsid:")), "{is:?}");
                probed(&format!("{}: refused: {refused}", kind.name()));
                listed(env, "old.snap", "new.snap", &["--allow-root-change"])
            }
            list => list,
        };
        attack.tried(list.and_then(|list| {
            if let Some((letter, path)) = list.iter().find(|(letter, _)| !matches!(letter, b'S' | b'M')) {
                return Err(format!("{}: {} {}", kind.name(), char::from(*letter), path.escape_ascii()));
            }
            // What a server makes up anew is a difference, and so are new inodes, unless most are new.
            let now = on_disk(&env.path("tree"));
            let wrong = |most_new: bool| {
                now.iter().find(|(path, is)| {
                    let was = known.get(*path).map(|was| {
                        let inode = if most_new { is.inode } else { was.inode };
                        Shown { inode, ..was.clone() }
                    });
                    (was.as_ref() != Some(is)) != list.contains(&(b'M', (*path).clone()))
                })
            };
            match wrong(false).filter(|_| wrong(true).is_some()) {
                None => Ok(()),
                Some((path, _)) => Err(format!("{}: {}: {list:?}", kind.name(), path.escape_ascii())),
            }
        }));

        let mut attack = Attack::on(Promise::NoChangeMissed, "edits after mounting again");
        rewrite(&env.path("tree/dir0/file0"), kind.keeps_ctime()).unwrap();
        env.write("tree/dir1/new", "new");
        env.remove("tree/dir1/file1");
        env.rename("tree/dir2", "tree/empty/moved");
        env.rename("tree/dir0/file3", "tree/dir0/file6");
        mounts.unmount("tree");
        volume.attach("tree").unwrap();
        snap(env, "new.snap");
        let list = listed(env, "old.snap", "new.snap", &["--allow-root-change"]);
        let now = held(&env.path("tree"));
        attack.tried(list.and_then(|list| follow(&before, &list, &now)).map_err(|e| format!("{}: {e}", kind.name())));
        mounts.unmount("tree");
    });
}

#[test]
fn another_file_system_of_the_same_kind_is_another_root() {
    on_every_kind(|mounts, volume| {
        let (env, kind) = (mounts.env, volume.kind);
        let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "another file system of the same kind as root");
        populate(env, "tree");
        snap(env, "old.snap");
        mounts.unmount("tree");
        let other = Volume::new(mounts, kind, "other").unwrap();
        // Not beside the first one: its loop device would have another number, which tells too much.
        other.attach("tree").unwrap();
        env.write("tree/something", "else");
        snap(env, "new.snap");
        let list = listed(env, "old.snap", "new.snap", &[]);
        // Of these nothing is known but the device or the program.
        let nameless = identities(env, "new.snap").iter().all(|i| !i.contains(":uuid:") && !i.contains(":fsid:"));
        match list {
            // A directory of the same file system.
            Err(e) if kind == Kind::Bind => attack.check(e.contains("is another directory"), || e.clone()),
            Err(e) => attack.check(e.contains("was on the file system"), || format!("{}: {e}", kind.name())),
            Ok(_) if nameless && (kind.on_loop_device() || kind == Kind::Fusefat) => {
                skip(&format!("{} has no name but that of its device or program", kind.name()));
                attack.tried(Ok(()));
            }
            Ok(list) => attack.tried(Err(format!("{}: not noticed: {list:?}", kind.name()))),
        }
        mounts.unmount("tree");
    });
}

#[test]
fn mounts_below_the_root_that_changed_places_are_refused() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "two mounts below the root exchanged");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(a) = Volume::of(mounts, Kind::Ext4, "a.img", "tree/a") else { return };
        let Some(b) = Volume::of(mounts, Kind::Ext4, "b.img", "tree/b") else { return };
        populate(&env, "tree/a");
        populate(&env, "tree/b");
        snap(&env, "old.snap");
        mounts.unmount("tree/a");
        mounts.unmount("tree/b");
        a.attach_elsewhere("tree/a").unwrap();
        b.attach_elsewhere("tree/b").unwrap();
        snap(&env, "same.snap");
        let same = listed(&env, "old.snap", "same.snap", &[]);
        attack.check(same.as_ref().is_ok_and(|l| l.iter().all(|(letter, _)| *letter == b'S')), || format!("{same:?}"));
        mounts.unmount("tree/a");
        mounts.unmount("tree/b");
        a.attach("tree/b").unwrap();
        b.attach("tree/a").unwrap();
        snap(&env, "exchanged.snap");
        let list = listed(&env, "old.snap", "exchanged.snap", &[]);
        attack.check(list.as_ref().is_err_and(|e| e.contains("was the mount point of")), || format!("{list:?}"));
    });
    attack.tried(Ok(()));
}

#[test]
fn a_subvolume_that_is_replaced_is_noticed_and_one_that_stays_is_not() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "a btrfs subvolume replaced by a snapshot");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(volume) = Volume::of(mounts, Kind::Btrfs, "volume", "tree") else { return };
        let btrfs = |args: &[&str]| mounts.command("btrfs", args).unwrap();
        btrfs(&["subvolume", "create", "tree/sub"]);
        btrfs(&["subvolume", "create", "tree/other"]);
        populate(&env, "tree/sub");
        populate(&env, "tree/other");
        let device = |name: &str| env.path(name).metadata().unwrap().dev();
        assert!(device("tree") != device("tree/sub"), "subvolumes have device numbers of their own");
        snap(&env, "old.snap");
        env.run(["snap", "tree", "-o", "one.snap", "-q", "--one-file-system"]).success();
        let shown = env.run(["show", "one.snap"]).success();
        attack.check(!shown.contains("file1") && shown.contains("sub"), || format!("subvolumes were entered: {shown}"));

        mounts.unmount("tree");
        volume.attach_elsewhere("tree").unwrap();
        snap(&env, "same.snap");
        let same = listed(&env, "old.snap", "same.snap", &[]);
        attack.check(same.as_ref().is_ok_and(|l| l.iter().all(|(letter, _)| *letter == b'S')), || format!("{same:?}"));

        let before = held(&env.path("tree"));
        btrfs(&["subvolume", "delete", "tree/sub"]);
        btrfs(&["subvolume", "snapshot", "tree/other", "tree/sub"]);
        rewrite(&env.path("tree/sub/dir1/file1"), true).unwrap();
        env.remove("tree/sub/dir2");
        snap(&env, "new.snap");
        let list = listed(&env, "old.snap", "new.snap", &[]);
        attack.check(list.as_ref().is_err_and(|e| e.contains("tree/sub: was the mount point of btrfs")), || {
            format!("{list:?}")
        });
        let meant = listed(&env, "old.snap", "new.snap", &["--allow-root-change"]);
        attack.tried(meant.and_then(|list| follow(&before, &list, &held(&env.path("tree")))));

        // As the root itself.
        env.run(["snap", "tree/sub", "-o", "a.snap", "-q"]).success();
        btrfs(&["subvolume", "snapshot", "tree/sub", "tree/copy"]);
        fs::rename(env.path("tree/sub"), env.path("tree/away")).unwrap();
        fs::rename(env.path("tree/copy"), env.path("tree/sub")).unwrap();
        env.run(["snap", "tree/sub", "-o", "b.snap", "-q"]).success();
        let list = listed(&env, "a.snap", "b.snap", &[]);
        attack.check(list.as_ref().is_err_and(|e| e.contains("was on the file system btrfs")), || format!("{list:?}"));
    });
    attack.tried(Ok(()));
}

#[test]
fn what_changes_below_an_overlay_is_listed_when_it_is_mounted_again() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "the lower layer of an overlay changed");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(volume) = Volume::of(mounts, Kind::Overlay, "layers", "tree") else { return };
        mounts.unmount("tree");
        populate(&env, "layers/lower");
        volume.attach("tree").unwrap();
        snap(&env, "old.snap");
        let before = held(&env.path("tree"));
        // Copied up, whited out, opaque; then below.
        rewrite(&env.path("tree/dir0/file0"), true).unwrap();
        env.remove("tree/dir1/file1");
        env.remove("tree/dir2");
        env.write("tree/dir2/anew", "");
        mounts.unmount("tree");
        rewrite(&env.path("layers/lower/dir0/file3"), true).unwrap();
        rewrite(&env.path("layers/lower/dir1/file4"), false).unwrap();
        env.remove("layers/lower/dir0/file6");
        env.write("layers/lower/dir1/added", "");
        env.write("layers/lower/dir2/hidden", "");
        volume.attach("tree").unwrap();
        for walker in ["native", "portable"] {
            env.run(["snap", "tree", "-o", "new.snap", "-q", "--walker", walker]).success();
            let list = listed(&env, "old.snap", "new.snap", &[]);
            attack.tried(list.and_then(|list| follow(&before, &list, &held(&env.path("tree")))));
        }
    });
    attack.tried(Ok(()));
}

#[test]
fn a_tree_that_is_mounted_twice_is_listed_twice() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "one tree mounted in two places of the root");
    for kind in [Kind::Ext4, Kind::Btrfs, Kind::Bindfs] {
        let env = TestEnv::new();
        env.with_own_mounts(|mounts| {
            let Some(_volume) = Volume::of(mounts, kind, "volume", "tree/a") else { return };
            populate(&env, "tree/a");
            let sub = env.path("tree/a/dir0");
            mounts.mount(&["--bind", env.path("tree/a").to_str().unwrap()], "tree/b").unwrap();
            mounts.mount(&["--bind", sub.to_str().unwrap()], "tree/0").unwrap();
            let before = held(&env.path("tree"));
            snap(&env, "old.snap");
            rewrite(&env.path("tree/a/dir0/file0"), true).unwrap();
            env.rename("tree/a/dir1/file1", "tree/a/dir2/file1");
            env.remove("tree/a/dir2/file2");
            env.write("tree/b/dir2/new", "");
            snap(&env, "new.snap");
            // Who is met first gives a file system without UUID its name: see the test below.
            let list = listed(&env, "old.snap", "new.snap", &["--allow-root-change"]);
            attack.tried(list.and_then(|list| {
                let rewritten = ["tree/a/dir0/file0", "tree/b/dir0/file0", "tree/0/file0"].map(|p| env.path(p));
                let told = |path: &std::path::PathBuf| list.iter().any(|(_, p)| p == path.as_os_str().as_bytes());
                if !rewritten.iter().all(told) {
                    return Err(format!("{}: not in all three places: {list:?}", kind.name()));
                }
                follow(&before, &list, &held(&env.path("tree")))
            }));
        });
    }
    attack.tried(Ok(()));
}

#[test]
fn a_file_system_that_is_mounted_twice_keeps_its_name() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "one file system in two places, named by the first met");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Bindfs, "volume", "tree/a") else { return };
        populate(&env, "tree/a");
        let sub = env.path("tree/a/dir0");
        mounts.mount(&["--bind", sub.to_str().unwrap()], "tree/0").unwrap();
        snap(&env, "old.snap");
        for _ in 0..times(40, 400) {
            snap(&env, "again.snap");
            let list = listed(&env, "old.snap", "again.snap", &[]);
            attack.tried(list.map(|_| ()));
        }
    });
    attack.tried(Ok(()));
}
