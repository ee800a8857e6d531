//! Calls hang until the test lets them return. A run ends, or says what it waits for.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::report::{Attack, Promise, times};
use crate::testenv::TestEnv;
use crate::testenv::faultfs::{Fault, FaultFs, Phase, SECOND, Stamps};

/// The limit for what has to happen soon, also on a busy machine.
const SOON: Duration = Duration::from_secs(30);

const CALLS: [(&str, Phase); 5] = [
    ("hung/file", Phase::Lookup),
    ("hung/file", Phase::Getattr),
    ("hung", Phase::Lookup),
    ("hung", Phase::Opendir),
    ("hung", Phase::Readdir(0)),
];

/// A run that may hang, and what it says while it does.
struct Hanging {
    child: Child,
    said: Arc<Mutex<String>>,
    listener: JoinHandle<()>,
}

impl Hanging {
    fn start(env: &TestEnv, args: &[&str]) -> Self {
        let mut child = env.command().args(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (stderr, heard) = (child.stderr.take().unwrap(), Arc::clone(&said));
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let line = line.unwrap() + "\n";
                heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
            }
        });
        Self { child, said, listener }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until something holds; false if it does not within the time.
    fn wait_for(&self, within: Duration, holds: impl Fn(&str) -> bool) -> bool {
        let began = Instant::now();
        while !holds(&self.said()) {
            if began.elapsed() > within {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    /// Everything that was said, and how it ended. Release what hangs before. A run that does not end is killed.
    fn finish(mut self) -> (String, ExitStatus) {
        let released = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if released.elapsed() > SOON => self.child.kill().unwrap(),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        self.listener.join().unwrap();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (said, status)
    }
}

/// Some directories, of which `hung…` have to hang.
fn tree(env: &TestEnv) -> Option<FaultFs> {
    let fs = FaultFs::mount(env, "tree", Stamps { skew: -3600 * SECOND, ..Stamps::default() })?;
    for dir in ["hung", "a", "b", "z/deep"] {
        env.write(format!("tree/{dir}/file"), "");
        env.write(format!("tree/{dir}/sub/file"), "");
    }
    Some(fs)
}

/// The arguments of a scan that gives up after a second.
fn snap<'a>(output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["snap", "tree", "-o", output, "--io-timeout", "1s", "--racy-window", "0"], more].concat()
}

/// Checks the list of a snapshot with hung places against the one before.
fn is_unknown_and_not_removed(env: &TestEnv, old: &str, new: &str, unknown: &[&str]) -> Result<(), String> {
    let list = env.changes_with(old, new, &[]);
    let right = list.code == Some(3)
        && !list.stdout.contains("D ")
        && unknown.iter().all(|path| list.stdout.contains(&format!("U {path}\n")));
    if right { Ok(()) } else { Err(format!("{:?}, {}{}", list.code, list.stdout, list.stderr)) }
}

#[test]
fn on_one_file_system_what_hangs_elsewhere_is_not_asked() {
    let mut attack = Attack::on(Promise::AnswersInTime, "FUSE: a mount that answers nothing, one file system");
    let env = TestEnv::new();
    env.write("tree/a/file", "");
    env.write("tree/z/file", "");
    let Some(fs) = FaultFs::mount(&env, "tree/My Mount", Stamps::default()) else { return attack.skipped() };
    fs.hang_all();
    for (walker, base) in [("native", false), ("portable", false), ("native", true), ("portable", true)] {
        let mut args = vec!["snap", "tree", "-o", "new.snap", "-x", "--racy-window", "0", "--walker", walker];
        args.extend(if base { &["--base", "new.snap"][..] } else { &[] });
        let run = Hanging::start(&env, &args);
        let ended = run.wait_for(SOON, |said| said.contains("snapshot: new.snap"));
        let asked = fs.waiting();
        if !ended {
            fs.release();
        }
        let (said, status) = run.finish();
        attack.check(ended && asked == 0 && status.success() && !said.contains("tree/My Mount"), || {
            format!("{walker}, {base}: {asked} calls, {status}: {said}")
        });
        let shown = env.run(["show", "new.snap"]).success();
        attack.check(shown.contains("tree/My Mount  [unknown, not entered]"), || shown.clone());
    }
    fs.release();
}

#[test]
fn a_call_that_hangs_is_given_up_and_the_rest_is_on_disk() {
    let mut attack = Attack::on(Promise::AnswersInTime, "FUSE: one call hangs, --io-timeout");
    for number in 0..times(1, 8) {
        for (path, phase) in CALLS {
            let env = TestEnv::new();
            let Some(fs) = tree(&env) else { return attack.skipped() };
            env.run(["snap", "tree", "-o", "old.snap", "-q", "--racy-window", "0"]).success();
            fs.set(path, phase, Fault::Hang);
            let base = if number % 2 == 0 { &["--base", "old.snap"][..] } else { &[] };
            let run = Hanging::start(&env, &snap("new.snap", base));
            let new = env.path("new.snap");
            let whole = run.wait_for(SOON, |said| said.contains("snapshot: new.snap") && new.exists());
            let still_hung = fs.waiting() > 0;
            let listed = if whole { is_unknown_and_not_removed(&env, "old.snap", "new.snap", &[]) } else { Ok(()) };
            fs.release();
            let (said, status) = run.finish();
            attack.tried(listed.map_err(|wrong| format!("{path}, {phase:?}: {wrong}")));
            let warned = said.lines().any(|line| line.contains("tree/hung") && line.contains("no answer within"));
            attack.check(whole && still_hung && warned && status.code() == Some(3), || {
                format!("{path}, {phase:?}: on disk {whole}, hung {still_hung}, {status}: {said}")
            });
            // Nothing outside of the hung directory may be missing.
            let shown = env.run(["show", "new.snap"]).stdout;
            attack.check(["a/sub/file", "b/file", "z/deep/sub/file"].iter().all(|p| shown.contains(p)), || shown);
            // The entries that were unknown show their true difference afterwards.
            env.write("tree/hung/new", "");
            env.run(["snap", "tree", "-o", "again.snap", "-q", "--racy-window", "0"]).success();
            let list = env.changes_with("new.snap", "again.snap", &[]);
            attack.check(list.code == Some(0) && list.stdout.contains("A hung/new\n"), || list.stdout);
        }
    }
}

#[test]
fn several_hung_directories_are_given_up_each() {
    let mut attack = Attack::on(Promise::AnswersInTime, "FUSE: several directories hang, --io-timeout");
    for number in 0..times(1, 8) {
        let env = TestEnv::new();
        let Some(fs) = tree(&env) else { return attack.skipped() };
        env.run(["snap", "tree", "-o", "old.snap", "-q", "--racy-window", "0"]).success();
        let phases = [Phase::Opendir, Phase::Readdir(0), Phase::Lookup];
        let hung = ["hung", "a/sub", "b", "z/deep"];
        for (at, path) in hung.iter().enumerate() {
            fs.set(path, phases[(at + number as usize) % phases.len()], Fault::Hang);
        }
        // More hang than there are threads.
        let run = Hanging::start(&env, &snap("new.snap", &["--threads", "2", "--base", "old.snap"]));
        let whole = run.wait_for(SOON, |said| said.contains("snapshot: new.snap"));
        let listed = if whole { is_unknown_and_not_removed(&env, "old.snap", "new.snap", &hung) } else { Ok(()) };
        fs.release();
        let (said, status) = run.finish();
        attack.tried(listed);
        let named = hung.iter().all(|path| said.contains(&format!("tree/{path}")));
        attack.check(whole && named && status.code() == Some(3), || format!("on disk {whole}, {status}: {said}"));
    }
}

#[test]
fn a_whole_file_system_that_hangs_takes_no_longer_the_more_directories_it_has() {
    let mut attack = Attack::on(Promise::AnswersInTime, "FUSE: all of a mount below the root hangs, --io-timeout");
    for _ in 0..times(1, 4) {
        let env = TestEnv::new();
        let Some(fs) = FaultFs::mount(&env, "tree/server", Stamps { skew: -3600 * SECOND, ..Stamps::default() }) else {
            return attack.skipped();
        };
        for number in 0..60 {
            env.write(format!("tree/server/{number}/file"), "");
        }
        env.write("tree/local/file", "");
        env.run(["snap", "tree", "-o", "old.snap", "-q", "--racy-window", "0"]).success();
        // The mount point itself answers; each directory in it hangs.
        for number in 0..60 {
            fs.set(number.to_string(), Phase::Opendir, Fault::Hang);
        }
        let began = Instant::now();
        let run = Hanging::start(&env, &snap("new.snap", &["--base", "old.snap", "--threads", "2"]));
        let whole = run.wait_for(2 * SOON, |said| said.contains("snapshot: new.snap"));
        let took = began.elapsed();
        let listed = if whole { is_unknown_and_not_removed(&env, "old.snap", "new.snap", &[]) } else { Ok(()) };
        fs.release();
        let (said, status) = run.finish();
        attack.tried(listed);
        attack.check(whole && took < SOON / 2 && status.code() == Some(3), || format!("{took:?}, {status}: {said}"));

        fs.hang_all();
        let began = Instant::now();
        let run = Hanging::start(&env, &snap("dead.snap", &["--base", "old.snap"]));
        let whole = run.wait_for(2 * SOON, |said| said.contains("snapshot: dead.snap"));
        let took = began.elapsed();
        let listed = if whole { is_unknown_and_not_removed(&env, "old.snap", "dead.snap", &[]) } else { Ok(()) };
        fs.release();
        let (said, status) = run.finish();
        attack.tried(listed);
        attack.check(whole && took < SOON / 2 && status.code() == Some(3), || format!("{took:?}, {status}: {said}"));
        let shown = env.run(["show", "dead.snap"]).stdout;
        attack.check(shown.contains("tree/local/file"), || shown);
    }
}

#[test]
fn a_root_that_hangs_is_an_error() {
    let mut attack = Attack::on(Promise::AnswersInTime, "FUSE: the root hangs, --io-timeout");
    for _ in 0..times(1, 4) {
        let env = TestEnv::new();
        let Some(fs) = tree(&env) else { return attack.skipped() };
        fs.hang_all();
        let run = Hanging::start(&env, &snap("new.snap", &[]));
        let said = run.wait_for(SOON, |said| said.contains("no answer within"));
        fs.release();
        let (text, status) = run.finish();
        let clear = text.contains("[ROOT]/tree") || text.contains(env.path("tree").to_str().unwrap());
        attack.check(said && clear && status.code() == Some(2), || format!("{status}: {text}"));
        attack.check(env.names("") == ["tree"], || format!("{:?}", env.names("")));
    }
}

#[test]
fn what_hangs_is_named_also_without_a_timeout() {
    let mut attack = Attack::on(Promise::AnswersInTime, "FUSE: one call hangs, no timeout");
    let env = TestEnv::new();
    let Some(fs) = tree(&env) else { return attack.skipped() };
    fs.set("hung", Phase::Opendir, Fault::Hang);
    let run = Hanging::start(&env, &["snap", "tree", "-o", "new.snap", "-q"]);
    let named = run.wait_for(SOON, |said| {
        said.lines().any(|line| line.contains("still waiting for") && line.contains("tree/hung"))
    });
    fs.release();
    let (said, status) = run.finish();
    // It waited, and got its answer.
    attack.check(named && status.code() == Some(0), || format!("{status}: {said}"));
}

#[test]
fn a_test_file_system_that_hangs_can_be_taken_down() {
    let env = TestEnv::new();
    let mut hung = Vec::new();
    {
        let Some(fs) = tree(&env) else { return };
        for (path, phase) in CALLS {
            fs.set(path, phase, Fault::Hang);
            let waiting = fs.waiting();
            let child = Hanging::start(&env, &["snap", "tree", "-o", &format!("{phase:?}.snap"), "-q"]);
            while fs.waiting() == waiting {
                std::thread::yield_now();
            }
            hung.push(child);
        }
        assert!(hung.iter_mut().all(|run| run.child.try_wait().unwrap().is_none()), "nothing hangs");
    }
    assert_eq!(env.names("tree"), [""; 0], "it is still mounted");
    for run in hung {
        run.finish();
    }
}
