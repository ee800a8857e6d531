//! A cut between any two steps of begin, commit, abort and run, at each outcome of the consumer: the changes that no
//! success covered are listed again, and nothing is left that is in the next run's way. Steps are the system calls that
//! change or open something in the state directory, found by tracing a run that nobody cuts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Jobs;
use crate::testenv::{BINARY, Run, skip, tree_of_many_files};

/// Calls that change something, and those that come before such.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,link,linkat,unlink,\
                     unlinkat,rmdir,mkdir,mkdirat,fchmod,fchmodat,flock";

/// What is cut.
struct Cut {
    what: &'static str,
    /// The arguments of the program.
    args: &'static [&'static str],
    /// Whether a run is pending when it begins.
    is_pending: bool,
    /// Whether the snapshots are so large that each is an overlay over the first one.
    is_large: bool,
}

/// The consumer says in a file that it has read its list to the end, and then succeeds or fails.
const CUTS: [Cut; 6] = [
    Cut { what: "begin", args: &["begin", "j", "-q", "--racy-window=0", "-o", "list"], ..WITH_PENDING },
    Cut { what: "commit", args: &["commit", "j", "--run=5"], ..WITH_PENDING },
    Cut { what: "abort", args: &["abort", "j"], ..WITH_PENDING },
    Cut { what: "a run that succeeds, with overlays", args: SUCCEEDS, is_pending: false, is_large: true },
    Cut { what: "a run that succeeds", args: SUCCEEDS, is_pending: false, is_large: false },
    Cut {
        what: "a run that fails",
        args: &["run", "j", "-q", "--racy-window=0", "--", "sh", "-c", "exit 1"],
        ..WITH_PENDING
    },
];

const WITH_PENDING: Cut = Cut { what: "", args: &[], is_pending: true, is_large: false };

const SUCCEEDS: &[&str] =
    &["run", "j", "-q", "--racy-window=0", "--", "sh", "-c", "cat \"$FASTDIFF_ALL\" >copied && mv copied applied"];

/// The environment of a job whose state can be put back.
struct Rig {
    jobs: Jobs,
    /// What the first run left, if others need it.
    needed: Option<&'static str>,
}

impl Rig {
    /// A baseline, a run that failed after it listed a file that is gone now, and changes.
    fn new(Cut { is_pending, is_large, .. }: &Cut) -> Self {
        let jobs = Jobs::new();
        if *is_large {
            tree_of_many_files(&jobs.env, 9000);
        }
        for name in ["kept", "gone", "changed"] {
            jobs.env.write(format!("tree/{name}"), "1");
        }
        jobs.settle();
        jobs.settle();
        assert_eq!(jobs.job_state()["committed"]["needs"] == "1.snap", *is_large);
        jobs.env.write("tree/brief", "");
        if *is_pending {
            jobs.begin(&[]);
            jobs.env.remove("tree/brief");
            jobs.begin(&[]);
        }
        jobs.env.remove("tree/gone");
        jobs.env.write("tree/changed", "12");
        jobs.env.write("tree/new", "");
        if *is_pending {
            jobs.begin(&[]);
        } else {
            jobs.env.remove("tree/brief");
        }
        jobs.env.settle();
        fs::rename(jobs.env.path("state"), jobs.env.path("before")).unwrap();
        Self { jobs, needed: is_large.then_some("1.snap") }
    }

    fn put_back(&self) {
        let env = &self.jobs.env;
        for name in ["applied", "copied", "list"] {
            let _ = fs::remove_file(env.path(name));
        }
        let _ = fs::remove_dir_all(env.path("state"));
        let copy = Command::new("cp").arg("-a").args([env.path("before"), env.path("state")]).status();
        assert!(copy.unwrap().success());
    }

    /// The program under strace(1).
    fn traced(&self, more: &[&str], args: &[&str]) -> Run {
        let mut command = self.jobs.command([""; 0]);
        let mut strace = Command::new("strace");
        strace.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        strace.current_dir(self.jobs.env.path("")).stdin(std::process::Stdio::null());
        strace.args(["-f", "-qq", "-y"]).args(more).arg(BINARY).args(args);
        command = strace;
        self.jobs.env.finish(&mut command)
    }

    /// The calls of the main thread that are about the state directory: each by its name, and which one of that name it
    /// is, as strace counts them.
    fn steps(&self, args: &[&str]) -> Vec<(String, usize)> {
        self.put_back();
        let trace = format!("trace={CALLS}");
        self.traced(&["-o", "trace", "-e", &trace], args);
        let trace = String::from_utf8_lossy(&self.jobs.env.read("trace")).into_owned();
        let main = trace.split_whitespace().next().unwrap().to_owned();
        let state = self.jobs.env.path("state").display().to_string();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut steps = Vec::new();
        for line in trace.lines().filter(|line| line.starts_with(&main) && !line.contains(" resumed>")) {
            let Some((name, _)) = line[main.len()..].trim().split_once('(') else { continue };
            let count = counts.entry(name.to_owned()).or_default();
            *count += 1;
            if line.contains(&state) || line.contains("/list") {
                steps.push((name.to_owned(), *count));
            }
        }
        steps
    }

    /// After a cut: what the state file says is true, the next list holds what no success covered, and all goes on.
    fn check(&self, committed_before: u64, told: &str) {
        let jobs = &self.jobs;
        let committed = jobs.job_state()["committed"]["run"].as_u64().unwrap();
        let is_covered = committed > committed_before;
        jobs.env.settle();
        let next = jobs.run(["begin", "j", "-q", "--racy-window=0", "--relative"]);
        assert_eq!(next.code, Some(0), "{told}: {}", next.stderr);
        let list = next.stdout.replace('\t', " ");
        if next.stderr.contains("full one") {
            // Where the baseline could not be read for once.
            assert!(told.contains("list is a full one"), "{told}: {}", next.stderr);
            let small: Vec<_> = list.lines().filter(|line| !line.contains('0')).collect();
            assert_eq!(small, ["A .", "A changed", "A kept", "A new"], "{told}");
        } else if is_covered {
            assert_eq!(list, "", "{told}");
        } else {
            for change in ["M .\n", "M changed\n", "D gone\n", "A new\n"] {
                assert!(list.contains(change), "{told}: no {change:?} in {list:?}");
            }
        }
        jobs.commit();
        assert_eq!(jobs.list(), "", "{told}");
        jobs.commit();
        let number = jobs.job_state()["committed"]["run"].as_u64().unwrap();
        let files = [format!("{}.snap", number - 1), format!("{number}.snap"), "state.json".into()];
        // A run in between may have been a full one.
        let needed = self.needed.filter(|_| jobs.job_state()["committed"]["needs"] == "1.snap");
        let mut expected: Vec<_> = files.into_iter().chain(needed.map(str::to_owned)).collect();
        expected.sort();
        assert_eq!(jobs.files(), expected, "{told}: something stays");
    }

    fn committed(&self) -> u64 {
        self.put_back();
        self.jobs.job_state()["committed"]["run"].as_u64().unwrap()
    }
}

fn can_trace() -> bool {
    match Command::new("strace").args(["-qq", "-o", "/dev/null", "/bin/true"]).status() {
        Ok(status) if status.success() => true,
        other => {
            skip(&format!("nothing can be traced here: {other:?}"));
            false
        }
    }
}

/// Cuts one thing at each of its steps.
fn cut_everywhere(cut: &Cut) {
    let rig = Rig::new(cut);
    let before = rig.committed();
    let steps = rig.steps(cut.args);
    assert!(steps.len() >= 10, "{}: only {} steps", cut.what, steps.len());
    let trace = format!("trace={CALLS}");
    let mut killed = 0;
    for (call, number) in &steps {
        rig.put_back();
        let inject = format!("inject={call}:signal=SIGKILL:when={number}");
        let run = rig.traced(&["-o", "/dev/null", "-e", &trace, "-e", &inject], cut.args);
        let told = format!("{} cut at {call} {number}", cut.what);
        killed += usize::from(run.signal == Some(9) || run.code == Some(137));
        let is_committed = rig.jobs.job_state()["committed"]["run"].as_u64().unwrap() > before;
        if cut.what.starts_with("a run") && is_committed {
            assert!(rig.jobs.env.path("applied").exists(), "{told}: committed, and the consumer did not succeed");
        }
        rig.check(before, &told);
    }
    assert!(killed * 10 >= steps.len() * 9, "{}: {killed} of {} were killed", cut.what, steps.len());
}

/// Lets each step fail.
fn fail_everywhere(cut: &Cut, error: &str) {
    let rig = Rig::new(cut);
    let before = rig.committed();
    let trace = format!("trace={CALLS}");
    for (call, number) in rig.steps(cut.args) {
        rig.put_back();
        let inject = format!("inject={call}:error={error}:when={number}");
        let run = rig.traced(&["-o", "/dev/null", "-e", &trace, "-e", &inject], cut.args);
        let told = format!("{} with {error} at {call} {number}: {}", cut.what, run.stderr);
        let is_committed = rig.jobs.job_state()["committed"]["run"].as_u64().unwrap() > before;
        let failed = run.code != Some(0);
        if cut.what == "commit" && !failed {
            assert!(is_committed, "{told}");
        }
        if cut.what.starts_with("a run") && is_committed {
            assert!(rig.jobs.env.path("applied").exists(), "{told}");
        }
        if failed {
            assert!(run.stderr.lines().all(|line| line.starts_with("fastdiff: ")), "{told}");
            assert!(!run.stderr.is_empty(), "{told}");
        }
        rig.check(before, &told);
    }
}

/// For the cuts, which are tests of their own so that they run side by side.
fn named(what: &str) -> &'static Cut {
    CUTS.iter().find(|cut| cut.what == what).unwrap()
}

#[test]
fn begin_cut_anywhere_loses_no_change_and_blocks_nothing() {
    if can_trace() {
        cut_everywhere(named("begin"));
    }
}

#[test]
fn commit_cut_anywhere_moves_the_baseline_or_lists_all_again() {
    if can_trace() {
        cut_everywhere(named("commit"));
    }
}

#[test]
fn abort_cut_anywhere_loses_no_change_and_blocks_nothing() {
    if can_trace() {
        cut_everywhere(named("abort"));
    }
}

#[test]
fn a_run_cut_anywhere_moves_the_baseline_only_after_its_command_succeeded() {
    if can_trace() {
        cut_everywhere(named("a run that succeeds"));
        cut_everywhere(named("a run that fails"));
    }
}

#[test]
fn a_run_with_overlays_cut_anywhere_keeps_what_they_need() {
    if can_trace() {
        cut_everywhere(named("a run that succeeds, with overlays"));
    }
}

#[test]
fn begin_and_commit_with_any_call_failing_lose_no_change_and_say_so_in_one_line() {
    if can_trace() {
        for error in ["EIO", "ENOSPC"] {
            fail_everywhere(named("begin"), error);
            fail_everywhere(named("commit"), error);
        }
    }
}

#[test]
fn a_run_with_any_call_failing_moves_the_baseline_only_after_its_command_succeeded() {
    if can_trace() {
        fail_everywhere(named("a run that succeeds"), "EIO");
        fail_everywhere(named("a run that fails"), "ENOSPC");
    }
}

/// A lock file, a temporary file and lists that a dead run left are no obstacle, whoever made them.
#[test]
fn leftovers_of_all_kinds_are_removed_by_the_next_run() {
    let jobs = Jobs::new();
    jobs.settle();
    for name in ["7.snap", "7.again", "7.after.again", ".fastdiff-0123456789abcdef-xxxxxxxx.tmp", "lists/changed"] {
        let path = jobs.state(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, "left").unwrap();
    }
    assert_eq!(jobs.start(&["--always", "--", "true"]).code, Some(0));
    assert_eq!(jobs.files(), ["1.snap", "2.snap", "state.json"]);
}
