//! What a job's walk takes from earlier snapshots: its own and those of other jobs over the same tree, and never what
//! could be older than its baseline.

use fastdiff::jobs::{Commit, Job, JobStore, LockedJob, RunRequest, StartedRun};
use fastdiff::{ChangeKind, Hints, HintsUse, NoMonitor, ScanOptions, SourceChoice};

use fuser::Errno;

use super::Jobs;
use crate::testenv::faultfs::{Fault, FaultFs, Phase, SECOND, Stamps};

fn request(jobs: &Jobs) -> RunRequest {
    let mut scan = ScanOptions::new([jobs.env.path("tree")]);
    scan.racy_window = Some(std::time::Duration::ZERO);
    jobs.env.settle();
    RunRequest::new(scan, "test")
}

fn job(jobs: &Jobs, name: &str) -> Job {
    JobStore::open(jobs.env.path("state")).unwrap().job(name).unwrap()
}

fn begin(jobs: &Jobs, locked: &LockedJob) -> StartedRun {
    locked.begin(&request(jobs), &NoMonitor).unwrap()
}

fn committed(jobs: &Jobs, locked: &LockedJob) -> StartedRun {
    let started = begin(jobs, locked);
    locked.commit(&Commit::run(started.run)).unwrap();
    started
}

#[test]
fn the_first_walk_of_a_second_job_saves_work_by_the_first_ones() {
    let jobs = Jobs::new();
    jobs.env.write("tree/d/a", "");
    let (first, second) = (job(&jobs, "first").lock().unwrap(), job(&jobs, "second").lock().unwrap());
    assert!(committed(&jobs, &first).base.is_none());
    let started = committed(&jobs, &second);
    assert!(started.full.is_some());
    assert_eq!(started.base, Some(jobs.env.path("state/jobs/first/1.snap")));
    jobs.env.write("tree/d/b", "");
    let mut request = request(&jobs);
    request.scan.source = SourceChoice::Walk;
    let started = first.begin(&request, &NoMonitor).unwrap();
    assert_eq!(started.base, Some(jobs.env.path("state/jobs/second/1.snap")), "the newest of all");
    assert_eq!(started.diff().changes().count(), 2);
    committed(&jobs, &second);
    let started = begin(&jobs, &first);
    assert_eq!(started.base, Some(jobs.env.path("state/jobs/first/2.snap")), "its own, if inode tables may be asked");
    assert_eq!(started.diff().changes().count(), 2);
}

#[test]
fn the_pending_snapshot_is_the_base_and_not_what_is_compared_with() {
    let jobs = Jobs::new();
    let locked = job(&jobs, "x").lock().unwrap();
    committed(&jobs, &locked);
    jobs.env.write("tree/a", "");
    begin(&jobs, &locked);
    let started = begin(&jobs, &locked);
    assert_eq!(started.base, Some(jobs.env.path("state/jobs/x/2.snap")));
    assert_eq!(started.diff().changes().filter(|c| c.as_ref().unwrap().kind == ChangeKind::Added).count(), 1);
}

#[test]
fn a_snapshot_of_another_question_is_no_base() {
    let jobs = Jobs::new();
    let (first, second) = (job(&jobs, "first").lock().unwrap(), job(&jobs, "second").lock().unwrap());
    committed(&jobs, &first);
    let mut other = request(&jobs);
    other.scan.filter.one_file_system = true;
    assert!(second.begin(&other, &NoMonitor).unwrap().base.is_none());
}

#[test]
fn a_base_older_than_the_baseline_is_not_used() {
    let jobs = Jobs::new();
    let (old, new) = (job(&jobs, "old").lock().unwrap(), job(&jobs, "new").lock().unwrap());
    committed(&jobs, &old);
    committed(&jobs, &new);
    committed(&jobs, &new);
    assert_eq!(begin(&jobs, &new).base, Some(jobs.env.path("state/jobs/new/2.snap")));
}

#[test]
fn what_cannot_be_read_is_taken_over_from_the_jobs_own_snapshots_alone() {
    let jobs = Jobs::new();
    let Some(fs) = FaultFs::mount(&jobs.env, "mounted", Stamps { skew: -3600 * SECOND, ..Stamps::default() }) else {
        return;
    };
    let root = fs.root().join("tree");
    std::fs::create_dir(&root).unwrap();
    std::fs::create_dir(root.join("d")).unwrap();
    std::fs::write(root.join("d/early"), "").unwrap();
    let toml = |name: &str| format!("[jobs.{name}]\nroots = [{root:?}]\nconsumer = \"name-status\"\n");
    jobs.env.write("fastdiff.toml", toml("other") + &toml("j"));
    let run = |args: &[&str]| {
        jobs.env.settle();
        jobs.run(args)
    };
    run(&["begin", "j", "-q"]);
    run(&["commit", "j"]).success();
    // Another job sees a later state, in which a file is gone; then it is back, and the directory fails.
    std::fs::remove_file(root.join("d/early")).unwrap();
    run(&["begin", "other", "-q"]);
    run(&["commit", "other"]).success();
    std::fs::write(root.join("d/early"), "").unwrap();
    fs.set("tree/d", Phase::Readdir(0), Fault::Error(Errno::EIO));
    let list = run(&["begin", "j", "-q", "--relative"]);
    assert_eq!(list.code, Some(3), "{}", list.stderr);
    assert!(!list.stdout.contains("D\td/early"), "{}", list.stdout);
    assert!(list.stdout.contains("U\td\n"), "{}", list.stdout);
}

#[test]
fn hints_narrow_by_the_snapshot_that_they_are_complete_for() {
    let jobs = Jobs::new();
    for name in ["a", "b", "c"] {
        jobs.env.write(format!("tree/{name}/file"), "");
    }
    let locked = job(&jobs, "x").lock().unwrap();
    committed(&jobs, &locked);
    let baseline = begin(&jobs, &locked).old().unwrap().header().identity;
    jobs.env.write("tree/a/new", "");
    let hinted = |since: &[u8; 16], paths: &str| {
        let hex: String = since
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|half| char::from_digit(half.into(), 16).unwrap())
            .collect();
        let mut request = request(&jobs);
        request.scan.audit = Some(0.0);
        let bytes = format!("# complete since base {hex}\n{paths}").into_bytes();
        request.scan.hints = Some(Hints::new("hints", bytes));
        request
    };
    let a = format!("{}\n", jobs.env.path("tree/a/new").display());
    // Pending is run 2; these are complete since the baseline, which is older.
    let started = locked.begin(&hinted(&baseline, &a), &NoMonitor).unwrap();
    assert_eq!(started.outcome.hints, Some(HintsUse::Used { paths: 1, outside: 0 }));
    assert_eq!(started.diff().changes().count(), 2);
    // And these since the run that is pending now.
    let pending = started.new_snapshot().header().identity;
    jobs.env.write("tree/b/new", "");
    let b = format!("{}\n", jobs.env.path("tree/b/new").display());
    let started = locked.begin(&hinted(&pending, &b), &NoMonitor).unwrap();
    assert_eq!(started.outcome.hints, Some(HintsUse::Used { paths: 1, outside: 0 }));
    let added = started.diff().changes().filter(|c| c.as_ref().unwrap().kind == ChangeKind::Added).count();
    assert_eq!(added, 2, "what the pending run saw is in the list, hint or not");
    assert!(started.outcome.overlay_of.is_none(), "a job's snapshots stand by themselves");
}
