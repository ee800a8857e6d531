//! The hook as Duplicati calls it: its environment, what it may say, and the runs that follow. The job database is
//! written anew after each run, as Duplicati would have left it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::database;
use super::job::Job;
use super::options::Options;
use super::records::Records;
use crate::testenv::{Run, TestEnv};

/// The name of the job in these tests.
const JOB: &str = "documents";

/// How a run of Duplicati ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Success,
    /// A file could not be read.
    Warning,
    Error,
    Fatal,
    /// Half of the files are in a version that is marked as partial.
    Partial,
    DryRun,
    /// Before anything was stored.
    Killed,
    /// When half was stored.
    KilledLate,
    /// It ended before it opened its database, or was killed before it wrote anything there.
    Nothing,
    /// The destination was gone.
    Missing,
}

/// What the hook told Duplicati.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: i32,
    pub(super) options: Options,
    /// What stands behind `LOG:INFO fastdiff: `.
    pub(super) log: Vec<String>,
}

impl Told {
    /// Reads what came, and checks that Duplicati can take it: nothing on standard error, no line that it does not
    /// know.
    #[track_caller]
    pub(super) fn new(run: &Run) -> Self {
        assert_eq!(run.stderr, "", "Duplicati takes every word there for a warning");
        let mut log = Vec::new();
        for line in run.stdout.lines() {
            match line.strip_prefix("LOG:INFO fastdiff: ") {
                Some(text) => log.push(text.to_owned()),
                None => assert!(line.starts_with("--"), "{line:?}"),
            }
        }
        assert!(run.stdout.is_empty() || run.stdout.ends_with('\n'), "{:?}", run.stdout);
        Self { code: run.code.expect("no signal"), options: Options::parse(&run.bytes), log }
    }

    /// A list was printed.
    #[track_caller]
    pub(super) fn listed(self) -> Options {
        assert_eq!(self.code, 0, "{:?}", self.log);
        assert!(!self.options.changed.is_empty(), "no list: {:?}", self.log);
        self.options
    }

    /// No option was printed; the reason.
    #[track_caller]
    pub(super) fn refused(&self) -> &str {
        assert_eq!((self.code, &self.options), (0, &Options::none()), "{:?}", self.log);
        let last = self.log.last().expect("a reason");
        last.strip_prefix("no list, so Duplicati scans everything: ").unwrap_or_else(|| panic!("{last}"))
    }

    /// No list was printed, whatever other option was; the reason.
    #[track_caller]
    pub(super) fn refused_for(&self) -> &str {
        assert!(self.options.changed.is_empty() && self.options.deleted.is_empty(), "{:?}", self.log);
        let last = self.log.last().expect("a reason");
        last.strip_prefix("no list, so Duplicati scans everything: ").unwrap_or_else(|| panic!("{last}"))
    }
}

/// A tree, a job of the program's and one of Duplicati's for it.
pub(super) struct Hooked {
    pub(super) env: TestEnv,
    pub(super) root: PathBuf,
    pub(super) job: Job,
    pub(super) records: Records,
    /// Of the environment, without the prefix.
    pub(super) variables: BTreeMap<&'static str, String>,
    /// Further arguments of the hook.
    pub(super) arguments: Vec<&'static str>,
    /// A run was cut off: the next one completes what it left.
    is_cut_off: bool,
}

impl Hooked {
    /// Of the directory `tree`, whose backup has not run yet.
    pub(super) fn new() -> Self {
        Self::with(&[])
    }

    /// The same with more arguments for `job add`.
    pub(super) fn with(filter: &[&str]) -> Self {
        let env = TestEnv::new();
        let root = env.path("tree");
        Self::of(env, root, filter)
    }

    /// Of another directory.
    pub(super) fn of(env: TestEnv, root: PathBuf, filter: &[&str]) -> Self {
        let job = Job { checks_file_times: true, ..Job::new([&root]) };
        let variables = BTreeMap::from([
            ("EVENTNAME", "BEFORE".to_owned()),
            ("OPERATIONNAME", "Backup".to_owned()),
            ("LOCALPATH", format!("{}/", root.display())),
            ("dbpath", env.path("job.sqlite").display().to_string()),
            ("run_script_before", "/some/script".to_owned()),
        ]);
        let (records, arguments) = (Records::new(), vec!["--racy-window", "0"]);
        let hooked = Self { env, root, job, records, variables, arguments, is_cut_off: false };
        hooked.define(filter);
        hooked
    }

    /// Defines the program's job anew.
    #[track_caller]
    pub(super) fn define(&self, filter: &[&str]) {
        let _ = std::fs::remove_file(self.env.path("fastdiff.toml"));
        let mut command = self.env.command();
        command.args(["job", "add", JOB]).arg(&self.root).args(["--consumer", "duplicati"]);
        command.args(["--exclude-if-present", "CACHEDIR.TAG"]).args(filter).args(self.places());
        let run = self.env.finish(&mut command);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }

    fn places(&self) -> [PathBuf; 4] {
        ["--config".into(), self.env.path("fastdiff.toml"), "--state-dir".into(), self.env.path("state")]
    }

    /// Another command of the program with the same definitions and state.
    pub(super) fn other<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Run {
        self.env.finish(self.env.command().args(arguments).args(self.places()))
    }

    /// The call, not started yet.
    pub(super) fn call(&self) -> Command {
        let mut command = self.env.command();
        command.args(["hook", "duplicati", "--job", JOB]).args(&self.arguments).args(self.places());
        self.in_environment(&mut command);
        command
    }

    /// Gives a command the environment of a script.
    pub(super) fn in_environment(&self, command: &mut Command) {
        for (name, value) in &self.variables {
            command.env(format!("DUPLICATI__{name}"), value);
        }
    }

    /// Calls the hook.
    #[track_caller]
    pub(super) fn before(&self) -> Told {
        self.env.settle();
        Told::new(&self.env.finish(&mut self.call()))
    }

    /// Duplicati goes on after the hook. Its own warnings, which are no success.
    pub(super) fn run(&mut self, options: &Options, ending: Ending) -> Vec<String> {
        let completes =
            !matches!(ending, Ending::Nothing | Ending::Missing | Ending::Killed | Ending::Error | Ending::Fatal)
                && std::mem::take(&mut self.is_cut_off);
        if completes {
            self.job.complete_cut_off(self.records.filesets.iter().rposition(|fileset| fileset.is_full));
        }
        let before = self.job.versions.last().cloned();
        let mut result = self.records.success(true);
        let mut warnings = Vec::new();
        match ending {
            Ending::Nothing => return warnings,
            // consumers: a missing destination leaves no operation.
            Ending::Missing => {
                result["ParsedResult"] = json!("Fatal");
                if !self.records.operations.is_empty() {
                    self.records.late_result(result);
                }
            }
            Ending::Success => {
                warnings = self.job.backup(options);
                // consumers: a run that found nothing to upload leaves no new row.
                let found_changes = completes || self.job.versions.last() != before.as_ref();
                let mut result = self.records.success(found_changes);
                // consumers: with a name that is not UTF-8 each full scan ends with Warning.
                let unstorable = self.job.unstorable();
                if options.changed.is_empty() && !unstorable.is_empty() {
                    result = self.records.warned_of(found_changes, &unstorable);
                }
                if !warnings.is_empty() {
                    result["ParsedResult"] = json!("Warning");
                }
                let operation = self.operation(result, completes);
                if found_changes {
                    self.records.fileset(operation, true);
                } else {
                    self.job.versions.pop();
                    // consumers: an idle run may move the newest version's time.
                    let time = self.records.operations.last().unwrap().time;
                    self.records.filesets.last_mut().unwrap().time = time;
                }
            }
            Ending::Warning => {
                result["ParsedResult"] = json!("Warning");
                let mut options = options.clone();
                let unread = self.some_file();
                // A list is no full scan because the only file that it names cannot be read.
                if options.changed.len() > 1 {
                    options.changed.retain(|path| *path != unread);
                }
                self.job.backup(&options);
                // A full scan carries nothing over.
                if options.changed.is_empty()
                    && let Some(version) = self.job.versions.last_mut()
                {
                    version.remove(&unread);
                }
                let operation = self.operation(result, completes);
                self.records.fileset(operation, true);
            }
            Ending::Error | Ending::Fatal => {
                result["ParsedResult"] = json!(format!("{ending:?}"));
                self.records.operation("Backup", Some(result));
            }
            Ending::Partial | Ending::KilledLate | Ending::DryRun => {
                result["PartialBackup"] = json!(true);
                self.job.backup(options);
                let version = self.job.versions.last_mut().unwrap();
                let half = version.keys().nth(version.len() / 2).cloned();
                half.inspect(|half| drop(version.split_off(half)));
                // consumers: a dry run leaves no result, and a partial version.
                self.is_cut_off = ending != Ending::Partial;
                let operation = self.operation((ending == Ending::Partial).then_some(result), completes);
                self.records.fileset(operation, false);
            }
            Ending::Killed => {
                self.records.operation("Backup", None);
            }
        }
        self.write_database();
        warnings
    }

    /// A new row of a backup, with the version that it made of what a cut-off run left.
    fn operation(&mut self, result: impl Into<Option<serde_json::Value>>, completes: bool) -> i64 {
        let operation = self.records.operation("Backup", result.into());
        if completes {
            self.records.fileset(operation, false);
        }
        operation
    }

    fn some_file(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt as _;
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&self.root).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.symlink_metadata().is_ok_and(|m| m.is_file()));
        files.sort();
        files.first().map_or_else(Vec::new, |path| path.as_os_str().as_bytes().to_vec())
    }

    pub(super) fn write_database(&self) {
        database::write_with(&self.job, &self.records, Path::new(&self.variables["dbpath"]));
    }

    /// Somebody deletes versions of the backup.
    pub(super) fn delete_version(&mut self, number: usize) {
        self.records.filesets.remove(number);
        self.job.versions.remove(number);
        self.records.operation("Delete", Some(json!({ "MainOperation": "Delete", "ParsedResult": "Success" })));
        self.write_database();
    }

    /// The hook and a run that goes well: afterwards the newest version is the tree.
    #[track_caller]
    pub(super) fn round(&mut self) -> Told {
        let told = self.before();
        assert_eq!(self.run(&told.options, Ending::Success), [""; 0], "warnings");
        assert_eq!(self.mistakes(), [""; 0], "{:?}", told.log);
        told
    }

    /// How the newest version differs from the tree, but for what a full scan of Duplicati's own overlooks by itself.
    /// The next list makes up for that.
    pub(super) fn mistakes(&self) -> Vec<String> {
        let overlooked = |path: &Vec<u8>| format!("not as it is now: {}", String::from_utf8_lossy(path));
        let overlooked: Vec<_> = self.job.overlooked.iter().map(overlooked).collect();
        self.job.mistakes().into_iter().filter(|mistake| !overlooked.contains(mistake)).collect()
    }

    /// Files are purged from the newest version.
    pub(super) fn purge(&mut self, name: &str) {
        use std::os::unix::ffi::OsStrExt as _;
        let version = self.job.versions.last_mut().unwrap();
        version.remove(self.root.join(name).as_os_str().as_bytes());
        self.records.filesets.pop();
        let operation =
            self.records.operation("Purge", Some(json!({ "MainOperation": "PurgeFiles", "ParsedResult": "Success" })));
        self.records.fileset(operation, true);
        self.write_database();
    }

    /// After two rounds there is a baseline, and a list was made from it.
    #[track_caller]
    pub(super) fn going(mut self) -> Self {
        for name in ["a", "b", "d/c"] {
            self.write(name, "old");
        }
        self.round().refused();
        self.write("b", "second");
        self.round().listed();
        self.write("a", "changed");
        self
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The lists without the directory that they are in.
    pub(super) fn short(&self, options: &Options) -> [Vec<String>; 2] {
        let top = format!("{}/", self.root.parent().unwrap().display());
        let short = |path: &Vec<u8>| String::from_utf8(path.clone()).unwrap().replace(&top, "");
        [&options.changed, &options.deleted].map(|list| list.iter().map(short).collect())
    }
}
