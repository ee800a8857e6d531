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
    /// It ended before it opened its database.
    Nothing,
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
    /// Reads what came, and checks that Duplicati can take it: nothing on standard error, no line that it does not know.
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
        last.strip_prefix("no list, so that Duplicati scans everything: ").unwrap_or_else(|| panic!("{last}"))
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
        let hooked = Self { env, root, job, records: Records::new(), variables, arguments: vec!["--racy-window", "0"] };
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
        // What a full scan overlooks by itself is no matter of lists.
        self.job.checks_file_times = !options.changed.is_empty();
        let before = self.job.versions.last().cloned();
        let mut result = self.records.success(true);
        let mut warnings = Vec::new();
        match ending {
            Ending::Nothing => return warnings,
            Ending::Success => {
                warnings = self.job.backup(options);
                // consumers: a run that found nothing to upload leaves no new row.
                let found_changes = self.job.versions.last() != before.as_ref();
                let mut result = self.records.success(found_changes);
                if !warnings.is_empty() {
                    result["ParsedResult"] = json!("Warning");
                }
                let operation = self.records.operation("Backup", Some(result));
                if found_changes {
                    self.records.fileset(operation, true);
                } else {
                    self.job.versions.pop();
                }
            }
            Ending::Warning => {
                result["ParsedResult"] = json!("Warning");
                let mut options = options.clone();
                let unread = self.some_file();
                options.changed.retain(|path| *path != unread);
                self.job.backup(&options);
                // A full scan carries nothing over.
                if options.changed.is_empty()
                    && let Some(version) = self.job.versions.last_mut()
                {
                    version.remove(&unread);
                }
                let operation = self.records.operation("Backup", Some(result));
                self.records.fileset(operation, true);
            }
            Ending::Error | Ending::Fatal => {
                result["ParsedResult"] = json!(format!("{ending:?}"));
                self.records.operation("Backup", Some(result));
            }
            Ending::DryRun => {
                result["Dryrun"] = json!(true);
                self.records.operation("Backup", Some(result));
            }
            Ending::Partial | Ending::KilledLate => {
                result["PartialBackup"] = json!(true);
                self.job.backup(options);
                let version = self.job.versions.last_mut().unwrap();
                let half = version.keys().nth(version.len() / 2).cloned();
                half.inspect(|half| drop(version.split_off(half)));
                let result = (ending == Ending::Partial).then_some(result);
                let operation = self.records.operation("Backup", result);
                self.records.fileset(operation, false);
            }
            Ending::Killed => {
                self.records.operation("Backup", None);
            }
        }
        self.write_database();
        warnings
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
        assert_eq!(self.job.mistakes(), [""; 0], "{:?}", told.log);
        told
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

const NONE: [&str; 0] = [];

#[test]
fn the_first_run_scans_and_the_next_one_lists_what_changed() {
    let mut hooked = Hooked::new();
    for name in ["a", "b", "d/c"] {
        hooked.write(name, "old");
    }
    let told = hooked.round();
    assert_eq!(told.refused(), "there is no baseline yet");
    hooked.write("d/c", "new content");
    std::fs::remove_file(hooked.root.join("b")).unwrap();
    let told = hooked.round();
    assert_eq!(
        told.log,
        [
            "the last backup succeeded: run 1 is the baseline",
            "a list of what changed since the last backup: 0 added, 2 modified, 1 removed, 0 suspect",
        ]
    );
    assert_eq!(hooked.short(&told.options), [vec!["tree/", "tree/d/", "tree/d/c"], vec!["tree/b"]]);
}

#[test]
fn a_run_without_changes_lists_one_file() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    let told = hooked.round();
    assert!(told.log.iter().any(|line| line.starts_with("nothing changed")), "{:?}", told.log);
    // Those with several versions come in any case.
    assert_eq!(hooked.short(&told.listed()), [vec!["tree/a", "tree/b"], vec![]]);
}

#[test]
fn a_run_without_changes_is_skipped_if_asked_for() {
    let mut hooked = Hooked::new().going();
    hooked.arguments.push("--skip-idle");
    hooked.round().listed();
    for _ in 0..2 {
        let told = hooked.before();
        assert_eq!((told.code, &told.options), (1, &Options::none()));
        assert!(told.log.last().unwrap().starts_with("nothing changed"), "{:?}", told.log);
    }
    hooked.write("a", "once more");
    hooked.round().listed();
}

#[test]
fn an_idle_run_is_not_skipped_while_the_last_one_is_no_success() {
    for ending in [Ending::Warning, Ending::Error, Ending::Nothing] {
        let mut hooked = Hooked::new().going();
        hooked.arguments.push("--skip-idle");
        hooked.round().listed();
        hooked.write("b", "third");
        let list = hooked.before().listed();
        hooked.run(&list, ending);
        hooked.write("b", "second");
        let told = hooked.round();
        assert_eq!(told.code, 0, "{ending:?}");
    }
}

#[test]
fn only_a_backup_that_is_about_to_begin_is_answered() {
    let mut hooked = Hooked::new().going();
    for (event, operation) in
        [("AFTER", "Backup"), ("BEFORE", "Restore"), ("BEFORE", "List"), ("POST-BACKUP", "Backup")]
    {
        hooked.variables.insert("EVENTNAME", event.into());
        hooked.variables.insert("OPERATIONNAME", operation.into());
        let told = hooked.before();
        assert_eq!(
            (told.code, told.log.as_slice(), &told.options),
            (0, &[][..], &Options::none()),
            "{event} {operation}"
        );
    }
    hooked.variables.insert("EVENTNAME", "BEFORE".into());
    hooked.variables.insert("OPERATIONNAME", "Backup".into());
    hooked.round().listed();
}

#[test]
fn by_hand_it_says_that_there_is_nothing_to_do() {
    let mut hooked = Hooked::new();
    hooked.variables.clear();
    let told = hooked.before();
    assert_eq!((told.code, &told.options), (0, &Options::none()));
    assert!(told.log[0].contains("DUPLICATI__EVENTNAME is not set"), "{:?}", told.log);
}

#[test]
fn content_behind_an_unchanged_time_is_read() {
    let mut hooked = Hooked::new().going();
    assert!(!hooked.round().listed().disable_filetime_check, "a time that changed is sign enough");
    let path = hooked.root.join("a");
    let time = path.metadata().unwrap().modified().unwrap();
    std::fs::write(&path, "CHANGED").unwrap();
    std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    // The round itself checks that the version has the new content.
    assert!(hooked.round().listed().disable_filetime_check);
    hooked.variables.insert("disable_filetime_check", "true".into());
    hooked.write("a", "again");
    assert!(!hooked.round().listed().disable_filetime_check, "it is set already");
}

#[test]
fn content_behind_the_time_of_a_run_that_did_not_succeed_is_read_too() {
    let mut hooked = Hooked::new().going();
    hooked.round().listed();
    let path = hooked.root.join("b");
    std::fs::write(&path, "in a run with a warning").unwrap();
    let list = hooked.before().listed();
    hooked.run(&list, Ending::Warning);
    // As that run stored it, but for the content: against the baseline it differs in all that Duplicati looks for.
    let time = path.metadata().unwrap().modified().unwrap();
    std::fs::write(&path, "IN A RUN WITH A WARNING").unwrap();
    std::fs::File::open(&path).unwrap().set_modified(time).unwrap();
    assert!(hooked.round().listed().disable_filetime_check);
}

#[test]
fn a_wrong_call_is_said_as_information_and_lets_duplicati_go_on() {
    let hooked = Hooked::new();
    for arguments in [
        &["hook", "duplicati"][..],
        &["hook", "duplicati", "--job"],
        &["hook", "duplicati", "--jop", "x"],
        &["hook", "duplicati", "--job", "unknown"],
        &["hook", "duplicati", "--job", "../x"],
        &["hook", "duplicati", "--job", "x", "--time-limit", "0"],
    ] {
        let mut command = hooked.env.command();
        command.args(arguments).args(["--config", "fastdiff.toml", "--state-dir", "state"]);
        hooked.in_environment(&mut command);
        let told = Told::new(&hooked.env.finish(&mut command));
        assert!(!told.refused().is_empty(), "{arguments:?}");
    }
    let mut help = hooked.env.command();
    let run = hooked.env.finish(help.args(["hook", "duplicati", "--help"]));
    assert!(run.success().contains("--skip-idle"));
}

#[test]
fn a_definition_that_is_broken_or_of_another_consumer_is_said_as_information() {
    let hooked = Hooked::new().going();
    let definitions = hooked.env.path("fastdiff.toml");
    let good = std::fs::read_to_string(&definitions).unwrap();
    for (text, expected) in [
        ("not toml".to_owned(), "fastdiff.toml"),
        (good.replace("duplicati", "restic"), "is for restic"),
        (format!("{good}exclude = [\"[\"]\n"), "the job leaves out"),
    ] {
        std::fs::write(&definitions, text).unwrap();
        let told = hooked.before();
        assert!(told.refused().contains(expected), "{:?}", told.log);
    }
    std::fs::write(&definitions, good).unwrap();
    assert_ne!(hooked.short(&hooked.before().listed())[0], NONE);
}
