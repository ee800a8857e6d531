//! What a run cannot read: a full list holds nothing of it, whatever earlier snapshots knew, and a list of changes
//! carries it over from the job's own baseline alone.

use std::time::Duration;

use fuser::Errno;

use super::Jobs;
use crate::testenv::faultfs::{Fault, FaultFs, Phase, Stamps};
use crate::testenv::{Kind, Run, Volume};

/// A tree `tree/` on a file system that can fail, and the jobs `j` and `k` that look at it.
struct Failing {
    fs: FaultFs,
    jobs: Jobs,
}

impl Failing {
    /// None, and a visible skip, without FUSE.
    fn new() -> Option<Self> {
        let jobs = Jobs::new();
        let fs = FaultFs::mount(&jobs.env, "mounted", Stamps::default())?;
        let failing = Self { fs, jobs };
        failing.write("a", "1");
        failing.write("priv/p1", "1");
        failing.write("priv/deep/p2", "2");
        failing.define("name-status");
        Some(failing)
    }

    fn define(&self, consumer: &str) {
        let root = self.fs.root().join("tree");
        let root = root.to_str().unwrap();
        let of = |name: &str, consumer: &str| format!("[jobs.{name}]\nroots = [{root:?}]\nconsumer = \"{consumer}\"\n");
        self.jobs.env.write("fastdiff.toml", of("j", consumer) + &of("k", "name-status"));
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.fs.root().join("tree").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// `priv` cannot be read in one way or another.
    fn close(&self, (path, phase, error): (&str, Phase, Errno)) {
        self.fs.set(format!("tree/{path}"), phase, Fault::Error(error));
    }

    /// Begins a run; its list as `name-status` without suspects: these file systems have a clock of their own.
    fn begin(&self, job: &str, more: &[&str]) -> Run {
        self.jobs.env.settle();
        let args = ["begin", job, "-q", "--racy-window=0", "--relative", "--emit=name-status"];
        let mut run = self.jobs.run(args.iter().chain(more));
        let lines = run.stdout.lines().filter(|line| !line.starts_with('S'));
        run.stdout = lines.map(|line| line.replace('\t', " ") + "\n").collect();
        run
    }

    fn commit(&self, job: &str) {
        self.jobs.run(["commit", job]).success();
    }

    #[track_caller]
    fn seen(&self, job: &str) {
        self.list(job);
        self.commit(job);
    }

    /// The list of a run that can read everything.
    #[track_caller]
    fn list(&self, job: &str) -> String {
        let run = self.begin(job, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stdout
    }
}

/// Ways in which something in `priv` cannot be read: the list with all of it, that without, and that of it alone.
type Closed = ((&'static str, Phase, Errno), &'static str, &'static str);

fn ways() -> [Closed; 5] {
    let all = "A priv\nA priv/deep\nA priv/deep/p2\nA priv/p1\n";
    [
        (("priv", Phase::Opendir, Errno::EACCES), "A .\nA a\nU priv\n", all),
        (("priv", Phase::Readdir(1), Errno::EIO), "A .\nA a\nU priv\n", all),
        // As a dead FUSE mount, and one that belongs to another user.
        (("priv", Phase::Lookup, Errno::ENOTCONN), "A .\nA a\nU priv\n", all),
        (
            ("priv/p1", Phase::Lookup, Errno::EACCES),
            "A .\nA a\nA priv\nA priv/deep\nA priv/deep/p2\nU priv/p1\n",
            "A priv/p1\n",
        ),
        (
            ("priv/deep", Phase::Lookup, Errno::ESTALE),
            "A .\nA a\nA priv\nU priv/deep\nA priv/p1\n",
            "A priv/deep\nA priv/deep/p2\n",
        ),
    ]
}

/// A full list of `job` while something is closed, and the list after that, when it is open again.
#[track_caller]
fn assert_nothing_is_carried(failing: &Failing, job: &str, more: &[&str], (way, full, later): Closed) {
    failing.close(way);
    let run = failing.begin(job, more);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), full), "{way:?} {more:?}: {}", run.stderr);
    assert!(run.stderr.contains("a full one"), "{}", run.stderr);
    failing.commit(job);
    failing.fs.heal();
    assert_eq!(failing.list(job), later, "{way:?} {more:?}");
    failing.commit(job);
    assert_eq!(failing.list(job), "", "{way:?} {more:?}");
}

#[test]
fn a_first_list_holds_nothing_that_only_another_job_has_seen() {
    for way in ways() {
        let Some(failing) = Failing::new() else { return };
        failing.seen("j");
        assert_nothing_is_carried(&failing, "k", &[], way);
    }
}

#[test]
fn a_full_list_that_was_asked_for_holds_nothing_that_only_the_baseline_has_seen() {
    for way in ways() {
        let Some(failing) = Failing::new() else { return };
        failing.seen("j");
        assert_nothing_is_carried(&failing, "j", &["--full"], way);
    }
}

#[test]
fn a_list_of_another_consumer_holds_nothing_that_only_the_former_baseline_has_seen() {
    let Some(failing) = Failing::new() else { return };
    failing.seen("j");
    failing.define("json");
    assert_nothing_is_carried(&failing, "j", &[], ways()[0]);
}

#[test]
fn a_job_that_was_removed_and_added_again_knows_nothing_of_what_it_cannot_read() {
    let Some(failing) = Failing::new() else { return };
    failing.seen("j");
    failing.seen("k");
    std::fs::remove_dir_all(failing.jobs.state("")).unwrap();
    assert_nothing_is_carried(&failing, "j", &[], ways()[0]);
}

#[test]
fn what_was_never_seen_and_is_gone_is_not_listed_in_anybodys_place() {
    let Some(failing) = Failing::new() else { return };
    failing.seen("j");
    failing.close(ways()[0].0);
    assert_eq!(failing.begin("k", &[]).code, Some(3));
    failing.commit("k");
    failing.fs.heal();
    std::fs::remove_file(failing.fs.root().join("tree/priv/p1")).unwrap();
    assert_eq!(failing.list("k"), "A priv\nA priv/deep\nA priv/deep/p2\n");
    assert_eq!(failing.list("j"), "M priv\nD priv/p1\n");
}

#[test]
fn a_list_of_changes_carries_over_from_the_baseline_and_not_from_a_run_that_failed() {
    let Some(failing) = Failing::new() else { return };
    failing.seen("j");
    failing.write("priv/new", "");
    failing.write("priv/p1", "changed");
    let changes = "M priv\nA priv/new\nM priv/p1\n";
    assert_eq!(failing.list("j"), changes);
    // Its reader failed. The next one cannot read it either, and its job takes that for a success.
    failing.close(ways()[0].0);
    let run = failing.begin("j", &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "M priv\nU priv\n"), "{}", run.stderr);
    let run = failing.jobs.job_state()["pending"]["run"].to_string();
    failing.jobs.run(["commit", "j", "--run", &run]).success();
    failing.fs.heal();
    assert_eq!(failing.list("j"), "A priv/new\nM priv/p1\n", "priv itself was listed");
}

#[test]
fn in_a_list_of_changes_what_was_not_read_keeps_its_last_state() {
    let Some(failing) = Failing::new() else { return };
    failing.seen("j");
    failing.seen("k");
    failing.write("priv/p1", "changed");
    failing.close(ways()[0].0);
    let run = failing.begin("j", &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "U priv\n"), "{}", run.stderr);
    failing.commit("j");
    failing.fs.heal();
    assert_eq!(failing.list("j"), "M priv/p1\n");
}

#[test]
fn inode_tables_are_no_proof_that_what_another_job_has_seen_can_be_read() {
    let jobs = Jobs::new();
    jobs.env.with_own_mounts(|mounts| {
        let Some(_volume) = Volume::of(mounts, Kind::Ext4, "volume", "tree") else { return };
        jobs.env.write("tree/a/priv/p1", "1");
        // A size that was not written back yet is a false alarm.
        mounts.command("sync", ["-f", jobs.env.path("tree").to_str().unwrap()]).unwrap();
        jobs.env.settle_for(Duration::from_secs(1));
        let config = std::fs::read_to_string(jobs.env.path("fastdiff.toml")).unwrap();
        jobs.env.write("fastdiff.toml", format!("{config}\n{}", config.replace("[jobs.j]", "[jobs.k]")));
        let begin = |job| ["begin", job, "--racy-window=1s", "--relative", "-v", "--audit=0"];
        let run = jobs.run(begin("j"));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        jobs.run(["commit", "j"]);
        let run = jobs.run(begin("j"));
        assert!(run.stderr.contains("source: inode tables"), "its own baseline: {}", run.stderr);
        let Some(run) = jobs.with_fault("statx:error=EACCES", &["tree/a/priv"], &begin("k")) else { return };
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stdout.contains("U\ta/priv\n") && !run.stdout.contains("priv/p1"), "{}", run.stdout);
        // Nor what it has seen since this one's baseline.
        jobs.run(begin("k"));
        let run = jobs.run(["commit", "k", "--run", "2"]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        jobs.env.write("tree/a/priv/p2", "1");
        mounts.command("sync", ["-f", jobs.env.path("tree").to_str().unwrap()]).unwrap();
        jobs.env.settle_for(Duration::from_secs(1));
        jobs.run(begin("j"));
        jobs.run(["commit", "j"]);
        let Some(run) = jobs.with_fault("statx:error=EACCES", &["tree/a/priv"], &begin("k")) else { return };
        assert_eq!(run.code, Some(3), "{}", run.stderr);
        assert!(run.stdout.contains("U\ta/priv\n") && !run.stdout.contains("priv/p2"), "{}", run.stdout);
        // Another job's run does not keep this one from the tables.
        let run = jobs.run(begin("k"));
        assert!(run.stderr.contains("source: inode tables"), "{}", run.stderr);
        assert!(run.stdout.contains("A\ta/priv/p2\n"), "{}", run.stdout);
    });
}

#[test]
fn hints_are_no_proof_that_what_another_job_has_seen_can_be_read() {
    let jobs = Jobs::new();
    jobs.env.write("tree/priv/p1", "1");
    let config = std::fs::read_to_string(jobs.env.path("fastdiff.toml")).unwrap();
    jobs.env.write("fastdiff.toml", format!("{config}\n{}", config.replace("[jobs.j]", "[jobs.k]")));
    jobs.settle();
    let identity = jobs.job_state()["committed"]["identity"].as_str().unwrap().to_owned();
    jobs.env.write("hints", format!("# complete since base {identity}\n"));
    let hints = jobs.env.path("hints");
    let args = ["begin", "k", "-q", "--racy-window=0", "--relative", "--audit=0", "--hints", hints.to_str().unwrap()];
    let Some(run) = jobs.with_fault("getdents64:error=EACCES", &["tree/priv"], &args) else { return };
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), "A\t.\nU\tpriv\n"), "{}", run.stderr);
}
