//! `snap` of extreme trees: deeper than any path may be long, and one directory with very many files.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, open, openat, renameat, unlinkat};
use rustix::io::Errno;

use crate::testenv::{TestEnv, on_disk, shown};

/// A chain of directories that no path can reach: made, changed and removed relative to descriptors.
struct Chain<'e> {
    env: &'e TestEnv,
    name: CString,
    levels: usize,
}

impl<'e> Chain<'e> {
    fn new(env: &'e TestEnv, name: &str, levels: usize) -> Self {
        let chain = Self { env, name: CString::new(name).unwrap(), levels };
        let mut dir = chain.tree();
        for _ in 0..levels {
            mkdirat(&dir, &chain.name, Mode::from_raw_mode(0o755)).unwrap();
            dir = chain.below(&dir);
        }
        chain
    }

    fn tree(&self) -> OwnedFd {
        open(self.env.path("tree"), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    fn below(&self, dir: &OwnedFd) -> OwnedFd {
        openat(dir, &self.name, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty()).unwrap()
    }

    /// The directory so many levels down.
    fn at(&self, level: usize) -> OwnedFd {
        (0..level).fold(self.tree(), |dir, _| self.below(&dir))
    }

    fn touch(&self, level: usize, name: &str) {
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(self.at(level), name, flags, Mode::from_raw_mode(0o644)).unwrap();
    }

    fn remove(&self, level: usize, name: &str) {
        unlinkat(self.at(level), name, AtFlags::empty()).unwrap();
    }

    /// The path of the directory so many levels down, relative to the root.
    fn path(&self, level: usize) -> String {
        vec![self.name.to_str().unwrap(); level].join("/")
    }
}

impl Drop for Chain<'_> {
    /// What removes the temporary directory would need a descriptor a level: take the chain apart from
    /// above, so that it never gets deeper.
    fn drop(&mut self) {
        let top = self.tree();
        loop {
            match renameat(&top, &self.name, &top, c"taken-off") {
                Err(Errno::NOENT) => break,
                other => other.unwrap(),
            }
            let taken = openat(&top, c"taken-off", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
            match renameat(&taken, &self.name, &top, &self.name) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => panic!("{e}"),
            }
            for file in ["last", "new"] {
                let _ = unlinkat(&taken, file, AtFlags::empty());
            }
            unlinkat(&top, c"taken-off", AtFlags::REMOVEDIR).unwrap();
        }
    }
}

#[test]
fn a_tree_deeper_than_a_path_may_be_long_is_recorded_and_compared() {
    let env = TestEnv::new();
    // 60 × 100 bytes: the longest path that the system takes has 4096.
    let chain = Chain::new(&env, &"x".repeat(100), 60);
    chain.touch(60, "last");
    chain.touch(30, "last");
    env.snap("a.snap");
    assert_eq!(env.run(["verify", "a.snap", "-q"]).success(), "");
    let entries = shown(&env, "a.snap");
    assert_eq!(entries.len(), 63);
    let deepest = entries.keys().map(Vec::len).max().unwrap();
    assert!(deepest > 6000, "{deepest}");
    chain.touch(60, "new");
    chain.remove(30, "last");
    env.snap("b.snap");
    let expected =
        format!("M {}\nD {}/last\nM {}\nA {}/new\n", chain.path(30), chain.path(30), chain.path(60), chain.path(60));
    assert_eq!(env.changes("a.snap", "b.snap"), expected);
}

#[test]
fn a_deep_tree_costs_neither_the_stack_nor_all_descriptors() {
    let env = TestEnv::new();
    let chain = Chain::new(&env, "d", 3000);
    chain.touch(chain.levels, "last");
    env.settle();
    // Two hundred descriptors: the tree has more levels than that.
    let script = "ulimit -n 200; exec $0 snap tree -o a.snap --racy-window 0 --quiet --threads 2";
    let run = env.finish(&mut env.shell(script));
    assert_eq!(run.success(), "");
    let last = format!("[ROOT]/tree/{}/last", chain.path(3000));
    let listed = env.run(["show", "a.snap"]).success();
    assert_eq!(listed.lines().count(), 3002);
    assert!(listed.lines().last().unwrap().ends_with(&last));
    chain.remove(chain.levels, "last");
    env.snap("b.snap");
    let whole = chain.path(3000);
    assert_eq!(env.changes("a.snap", "b.snap"), format!("M {whole}\nD {whole}/last\n"));
    assert_eq!(env.run(["verify", "b.snap", "-q"]).success(), "");
}

#[test]
fn a_wide_tree_is_read_with_few_descriptors() {
    let env = TestEnv::new();
    for i in 0..40 {
        for j in 0..20 {
            env.dir(format!("tree/{i}/{j}/a"));
            env.dir(format!("tree/{i}/{j}/b"));
        }
    }
    let script = "ulimit -n 80; exec $0 snap tree -o a.snap --quiet --threads 8";
    let run = env.finish(&mut env.shell(script));
    assert_eq!(run.success(), "");
    assert_eq!(shown(&env, "a.snap"), on_disk(&env.path("tree")));
}

/// The size asked for is 200,000; making that many files takes longer than all other tests together,
/// so that everyday runs take a tenth, which is still split over threads eighty times.
/// `FASTDIFF_SLOW=1` takes all.
#[test]
fn a_directory_of_very_many_files_is_recorded_and_compared() {
    let files = if std::env::var_os("FASTDIFF_SLOW").is_some() { 200_000 } else { 20_000 };
    let env = TestEnv::new();
    for i in 0..files {
        // Not in the order of their names.
        let name = (i * 7919) % files;
        if i % 1000 == 7 {
            env.dir(format!("tree/{name}"));
        } else {
            File::create(env.path(format!("tree/{name}"))).unwrap();
        }
    }
    env.snap("a.snap");
    assert_eq!(env.run(["verify", "a.snap", "-q"]).success(), "");
    let native = shown(&env, "a.snap");
    assert_eq!(native.len(), files + 1);
    assert!(native == on_disk(&env.path("tree")));
    assert_eq!(env.snap_with("p.snap", &["--walker", "portable"]).success(), "");
    assert!(shown(&env, "p.snap") == native, "native and portable");
    env.remove("tree/10007");
    env.write("tree/5", "changed");
    env.write("tree/10007.new", "");
    env.write(format!("tree/{}", (1007 * 7919) % files) + "/in", "");
    env.snap("b.snap");
    let dir = (1007 * 7919) % files;
    let mut expected =
        vec![".".to_owned(), "10007".into(), "10007.new".into(), dir.to_string(), format!("{dir}/in"), "5".into()];
    expected.sort();
    let listed: Vec<_> = env.changes("a.snap", "b.snap").lines().map(|l| l[2..].to_owned()).collect();
    assert_eq!(listed, expected);
    assert!(native.keys().all(|p| p.starts_with(env.path("tree").as_os_str().as_bytes())));
}
