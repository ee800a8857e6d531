//! NFS that fails: the server stops, or what it exports is gone. These need a server on this machine, as tools/test-vm
//! has one.

use std::sync::{Mutex, PoisonError};

use super::filesystems::{follow, held, listed, probed, rewrite};
use super::report::{Attack, Promise};
use crate::testenv::{Kind, Mounts, TestEnv, Volume};

/// There is one server, and one test at a time may stop it.
static SERVER: Mutex<()> = Mutex::new(());

fn populate(env: &TestEnv) {
    for number in 0..12 {
        env.write(format!("tree/dir{}/file{number}", number % 3), format!("content {number}"));
    }
}

fn snap(env: &TestEnv, output: &str) {
    env.run(["snap", "tree", "-o", output, "-q"]).success();
}

/// Takes snapshots while `tree` cannot be read, or only from what is cached: none may say that anything was removed.
fn look_while_it_fails(env: &TestEnv, mounts: &Mounts<'_>, attack: &mut Attack) {
    for base in [&[][..], &["--base", "old.snap"]] {
        for walker in ["native", "portable"] {
            // Nothing that was read before is to answer for the server.
            mounts.command("sh", ["-c", "echo 3 > /proc/sys/vm/drop_caches"]).unwrap();
            let run = env.run(["snap", "tree", "-o", "new.snap", "-q", "--walker", walker].iter().chain(base));
            probed(&format!("nfs4: {walker} {base:?}: exit {:?}: {}", run.code, run.stderr.trim()));
            attack.check(matches!(run.code, Some(2 | 3)), || format!("exit {:?} of an unreadable tree", run.code));
            if !env.path("new.snap").exists() {
                continue;
            }
            let diff = env.changes_with("old.snap", "new.snap", &["--allow-root-change", "--no-renames"]);
            let removed = diff.stdout.lines().find(|line| !line.starts_with("U ") && !line.starts_with("S "));
            attack.check(diff.code == Some(3) && removed.is_none(), || {
                format!("exit {:?}: {removed:?}: {}", diff.code, diff.stderr)
            });
            env.remove("new.snap");
        }
    }
}

#[test]
fn a_stopped_server_removes_nothing_and_its_return_shows_the_true_difference() {
    let mut attack = Attack::on(Promise::UnreadableIsNotDeleted, "the NFS server stopped under a soft mount");
    let _alone = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Nfs4, "volume", "tree") else { return };
        populate(&env);
        snap(&env, "old.snap");
        let before = held(&env.path("tree"));
        mounts.command("rpc.nfsd", ["0"]).unwrap();
        look_while_it_fails(&env, mounts, &mut attack);
        mounts.command("rpc.nfsd", ["-N", "3", "-V", "4.2", "-G", "10", "-L", "10", "4"]).unwrap();
        rewrite(&env.path("tree/dir0/file0"), true).unwrap();
        env.remove("tree/dir1");
        snap(&env, "new.snap");
        let list = listed(&env, "old.snap", "new.snap", &[]);
        attack.tried(list.and_then(|list| follow(&before, &list, &held(&env.path("tree")))));
        mounts.unmount("tree");
    });
    attack.tried(Ok(()));
}

#[test]
fn an_export_that_is_gone_removes_nothing() {
    let mut attack = Attack::on(Promise::UnreadableIsNotDeleted, "the exported file system unmounted on the server");
    let _alone = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let env = TestEnv::new();
    env.with_own_mounts(|mounts| {
        // The server does not see this thread's mounts.
        let on_server = |script: &str| mounts.command("nsenter", ["--mount=/proc/1/ns/mnt", "sh", "-ec", script]);
        // It says why it is skipped.
        let Some(_volume) = Volume::of(mounts, Kind::Nfs4, "volume", "tree") else { return };
        mounts.unmount("tree");
        let export = "mkdir /export/gone; mount -t tmpfs gone /export/gone
             exportfs -o rw,fsid=7,no_root_squash,no_subtree_check,insecure '*:/export/gone'";
        on_server(export).unwrap();
        let source = ["-t", "nfs4", "-o", "vers=4.2,soft,timeo=20,retrans=1", "localhost:/gone"];
        mounts.mount(&source, "tree").unwrap();
        populate(&env);
        snap(&env, "old.snap");
        on_server("exportfs -u '*:/export/gone'; exportfs -f; umount /export/gone").unwrap();
        look_while_it_fails(&env, mounts, &mut attack);
        mounts.unmount("tree");
    });
    attack.tried(Ok(()));
}
