//! Mounts below a root that the mount table alone knows: binds of the same file system, tmpfs, overlay. What unmounting
//! takes away is not removed; what goes together with its directory is.

use super::filesystems::{follow, held, listed};
use super::report::{Attack, Promise};
use crate::testenv::{Mounts, TestEnv};

/// A list, or why there is none.
type Outcome = Result<Vec<(u8, Vec<u8>)>, String>;

/// What can be mounted on `tree/mount`, by its name.
const KINDS: [&str; 3] = ["bind", "tmpfs", "overlay"];

/// Ways to take a snapshot.
const WAYS: [&[&str]; 2] = [&[], &["--walker", "portable"]];

/// Mounts an empty one of a kind; false, and a visible skip, where it cannot be.
fn attach(mounts: &Mounts<'_>, kind: &str, number: u32, place: &str) -> bool {
    let env = mounts.env;
    let mounted = match kind {
        "bind" => mounts.mount(&["--bind", env.dir(format!("source{number}")).to_str().unwrap()], place),
        "tmpfs" => mounts.mount(&["-t", "tmpfs", "none"], place),
        _ => {
            let layers = format!("layers{number}");
            mounts.mount(&["-t", "tmpfs", "none"], &layers).and_then(|()| {
                let of = |name: &str| env.dir(format!("{layers}/{name}")).display().to_string();
                let layers = format!("lowerdir={},upperdir={},workdir={}", of("lower"), of("upper"), of("work"));
                mounts.mount(&["-t", "overlay", "-o", &layers, "overlay"], place)
            })
        }
    };
    mounted.map_err(|e| crate::testenv::skip(&format!("no {kind} here: {e}"))).is_ok()
}

fn snap(env: &TestEnv, output: &str, way: &[&str]) {
    env.settle();
    env.run(["snap", "tree", "-o", output, "-q", "--racy-window", "0"].iter().chain(way)).success();
}

/// Mounts each kind on `tree/mount` with something in it, takes a snapshot, lets `change` happen, takes another, and
/// hands over the list.
fn after(
    mut attack: Attack,
    change: impl Fn(&Mounts<'_>, &str) + Sync,
    check: impl Fn(&TestEnv, Outcome) -> Result<(), String> + Sync,
) {
    for kind in KINDS {
        for way in WAYS {
            let env = TestEnv::new();
            env.with_own_mounts(|mounts| {
                env.write("tree/file", "");
                if !attach(mounts, kind, 1, "tree/mount") {
                    return;
                }
                env.write("tree/mount/dir/file", "content");
                snap(&env, "old.snap", way);
                change(mounts, kind);
                snap(&env, "new.snap", way);
                let outcome = check(&env, listed(&env, "old.snap", "new.snap", &[]));
                attack.tried(outcome.map_err(|wrong| format!("{kind}, {way:?}: {wrong}")));
            });
        }
    }
    attack.tried(Ok(()));
}

/// Passes a refusal that says this.
fn refused(reason: &str) -> impl Fn(&TestEnv, Outcome) -> Result<(), String> + Sync + '_ {
    move |env, list| match list {
        Err(e) if e.contains(&format!("tree/mount: {reason}")) && e.contains("--allow-root-change") => {
            listed(env, "old.snap", "new.snap", &["--allow-root-change"]).map(drop)
        }
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn what_is_not_mounted_any_more_is_refused() {
    let attack = Attack::on(Promise::VanishedIsNotEmptied, "a bind mount, tmpfs or overlay below the root unmounted");
    after(attack, |mounts, _| mounts.unmount("tree/mount"), refused("had "));
    let attack = Attack::on(Promise::VanishedIsNotEmptied, "the same, something else in its place");
    let change = |mounts: &Mounts<'_>, _: &str| {
        mounts.unmount("tree/mount");
        mounts.env.write("tree/mount/dir/other", "");
    };
    after(attack, change, refused("had "));
}

#[test]
fn what_is_gone_with_its_directory_is_removed() {
    let attack = Attack::on(Promise::VanishedIsNotEmptied, "a mount of a container or a login that has ended");
    let change = |mounts: &Mounts<'_>, _: &str| {
        mounts.unmount("tree/mount");
        mounts.env.remove("tree/mount");
    };
    after(attack, change, |env, list| {
        let mut before = held(&env.path("tree"));
        for below in ["mount", "mount/dir", "mount/dir/file"] {
            let path = env.path("tree").join(below).into_os_string().into_encoded_bytes();
            before.insert(path, super::filesystems::Held::Other);
        }
        follow(&before, &list?, &held(&env.path("tree")))
    });
}

#[test]
fn what_is_mounted_anew_after_a_reboot_may_be_empty_and_a_disk_may_not() {
    let attack = Attack::on(Promise::VanishedIsNotEmptied, "an empty one mounted in the place of another");
    let change = |mounts: &Mounts<'_>, kind: &str| {
        mounts.unmount("tree/mount");
        assert!(attach(mounts, kind, 2, "tree/mount"));
    };
    after(attack, change, |env, list| match list {
        Err(e) if e.contains("is empty now") && env.path("source2").exists() => Ok(()),
        Ok(_) if !env.path("source2").exists() => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

#[test]
fn a_mount_that_held_nothing_may_go() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "an empty mount below the root unmounted");
    for kind in KINDS {
        let env = TestEnv::new();
        env.with_own_mounts(|mounts| {
            if !attach(mounts, kind, 1, "tree/mount") {
                return;
            }
            snap(&env, "old.snap", &[]);
            mounts.unmount("tree/mount");
            snap(&env, "new.snap", &[]);
            attack.tried(listed(&env, "old.snap", "new.snap", &[]).map(drop));
        });
    }
    attack.tried(Ok(()));
}

#[test]
fn what_a_new_mount_hides_is_not_removed() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "something mounted on a directory that held entries");
    for kind in KINDS {
        for way in WAYS {
            let env = TestEnv::new();
            env.with_own_mounts(|mounts| {
                env.write("tree/mount/dir/file", "content");
                env.dir("tree/empty");
                snap(&env, "old.snap", way);
                if !attach(mounts, kind, 1, "tree/empty") {
                    return;
                }
                env.write("tree/empty/file", "");
                snap(&env, "new.snap", way);
                attack.tried(listed(&env, "old.snap", "new.snap", &[]).map(drop));
                assert!(attach(mounts, kind, 2, "tree/mount"));
                env.write("tree/mount/dir/other", "content");
                snap(&env, "new.snap", way);
                let list = listed(&env, "old.snap", "new.snap", &[]);
                attack.tried(refused("held entries that are hidden now")(&env, list));
            });
        }
    }
    attack.tried(Ok(()));
}

#[test]
fn a_sandbox_that_mounts_directories_onto_themselves_changes_nothing() {
    let mut attack = Attack::on(Promise::VanishedIsNotEmptied, "a directory bound onto itself, as systemd does");
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        env.write("tree/state/dir/file", "content");
        snap(&env, "bare.snap", &[]);
        if let Err(e) = mounts.mount(&["--bind", env.path("tree/state").to_str().unwrap()], "tree/state") {
            return crate::testenv::skip(&format!("no bind mounts here: {e}"));
        }
        snap(&env, "bound.snap", &[]);
        mounts.unmount("tree/state");
        snap(&env, "again.snap", &[]);
        for (old, new) in [("bare.snap", "bound.snap"), ("bound.snap", "again.snap")] {
            let list = listed(&env, old, new, &[]);
            attack.check(list.as_ref().is_ok_and(Vec::is_empty), || format!("{old}: {list:?}"));
        }
    });
    attack.tried(Ok(()));
}
