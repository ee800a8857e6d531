//! The tests' own file system behaves like any other as long as no fault is set. Otherwise attacks with it would prove
//! nothing.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use fuser::Errno;

use crate::testenv::faultfs::{Fault, FaultFs, Phase, Stamps};
use crate::testenv::{TestEnv, on_disk, shown};

#[test]
fn without_faults_the_walkers_see_what_is_there() {
    let env = TestEnv::new();
    let Some(fs) = FaultFs::mount(&env, "tree", Stamps::default()) else { return };
    env.write("tree/a/b/file", "content");
    env.symlink("nowhere", "tree/a/link");
    env.hard_link("tree/a/b/file", "tree/second");
    env.fifo("tree/fifo");
    env.rename("tree/a/b", "tree/c");
    env.chmod("tree/c", 0o700);
    assert_eq!(env.read("tree/second"), b"content");
    assert_eq!(fs::metadata(env.path("tree/second")).unwrap().nlink(), 2);
    for walker in ["native", "portable"] {
        let run = env.run(["snap", "tree", "-o", "a.snap", "-q", "--walker", walker]);
        assert_eq!(run.success(), "");
        assert!(shown(&env, "a.snap") == on_disk(fs.root()), "{walker}");
    }
}

#[test]
fn faults_meet_other_processes_only() {
    let env = TestEnv::new();
    let Some(fs) = FaultFs::mount(&env, "tree", Stamps::default()) else { return };
    env.write("tree/dir/file", "content");
    fs.set("dir/file", Phase::Getattr, Fault::Error(Errno::EIO));
    assert_eq!(env.finish(&mut env.shell("exec stat tree/dir/file")).code, Some(1));
    assert_eq!(env.read("tree/dir/file"), b"content");
    assert!(fs.heal() > 0);
    assert_eq!(env.finish(&mut env.shell("exec stat tree/dir/file")).code, Some(0));
}
