//! The hook on Windows, started and read as Duplicati does it: directly, with pipes, its output decoded by a code page
//! and split at CR and newline.

use std::fs;
use std::process::{Command, Stdio};

use super::database;
use super::job::Job;
use super::options::Options;
use super::records::Records;
use crate::place::{Place, settle};

struct Hooked {
    place: Place,
    job: Job,
    records: Records,
}

/// What the hook said and gave.
struct Told {
    code: Option<i32>,
    log: Vec<String>,
    options: Options,
}

impl Hooked {
    fn new() -> Self {
        let place = Place::new();
        let root = place.path("tree");
        let args = ["job", "add", "documents", root.to_str().unwrap(), "--consumer", "duplicati"];
        let run = place.run(args.iter().chain(&["--exclude-if-present", "CACHEDIR.TAG"]));
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let job = Job { checks_file_times: true, ..Job::new([root]) };
        Self { place, job, records: Records::new() }
    }

    /// Calls the hook; standard output comes through a pipe, and no line may have another end than CR and newline.
    fn call(&self) -> Told {
        settle();
        let root = self.place.path("tree");
        let mut command: Command =
            self.place.command(["hook", "duplicati", "--job", "documents", "--racy-window", "0s"]);
        let variables = [
            ("EVENTNAME", "BEFORE".to_owned()),
            ("OPERATIONNAME", "Backup".to_owned()),
            ("LOCALPATH", format!(r"{}\", root.display())),
            ("dbpath", self.place.path("job.sqlite").display().to_string()),
        ];
        for (name, value) in variables {
            command.env(format!("DUPLICATI__{name}"), value);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert!(output.stderr.is_empty(), "Duplicati takes every word there for a warning");
        let text = String::from_utf8(output.stdout).expect("this system's page, or ASCII");
        assert!(text.replace("\r\n", "").bytes().all(|byte| byte != b'\n' && byte != b'\r'), "{text:?}");
        let log = text.split("\r\n").filter_map(|line| line.strip_prefix("LOG:INFO fastdiff: "));
        let log: Vec<_> = log.map(str::to_owned).collect();
        assert!(log.iter().all(|line| line.is_ascii()), "{log:?}");
        Told { code: output.status.code(), log, options: Options::parse(text.as_bytes()) }
    }

    /// Duplicati's run after that.
    fn backup(&mut self, options: &Options) {
        let warnings = self.job.backup(options);
        assert_eq!(warnings, [""; 0]);
        let result = self.records.success(true);
        let operation = self.records.operation("Backup", Some(result));
        self.records.fileset(operation, true);
        database::write_with(&self.job, &self.records, &self.place.path("job.sqlite"));
        assert_eq!(self.job.mistakes(), Vec::<String>::new());
    }
}

#[test]
fn rounds_of_the_hook_leave_the_tree_in_each_version() {
    let mut hooked = Hooked::new();
    hooked.place.write("tree/docs/letter", "1");
    let told = hooked.call();
    assert_eq!((told.code, &told.options), (Some(0), &Options::none()), "{:?}", told.log);
    hooked.backup(&told.options);
    for round in 0..4 {
        hooked.place.write(format!("tree/docs/{round}"), format!("{round}"));
        hooked.place.write("tree/docs/letter", "2".repeat(round + 2));
        if round == 2 {
            fs::remove_file(hooked.place.path("tree/docs/0")).unwrap();
        }
        let told = hooked.call();
        assert!(!told.options.changed.is_empty(), "round {round}: {:?}", told.log);
        hooked.backup(&told.options);
    }
}

#[test]
fn a_name_beyond_the_code_page_is_listed_rightly_or_not_at_all() {
    let mut hooked = Hooked::new();
    hooked.place.write("tree/letter", "1");
    let told = hooked.call();
    hooked.backup(&told.options);
    hooked.place.write("tree/刺身 😀 Ж", "1");
    let told = hooked.call();
    let name = "刺身 😀 Ж".as_bytes();
    let is_listed = told.options.changed.iter().any(|path| path.ends_with(name));
    let is_refused = told.options == Options::none() && told.log.iter().any(|line| line.contains("code page"));
    assert!(is_listed || is_refused, "{:?} {:?}", told.options, told.log);
    hooked.backup(&told.options);
}

#[test]
fn install_says_what_to_enter_and_writes_no_script() {
    let hooked = Hooked::new();
    let said = hooked.place.run(["hook", "install", "duplicati", "--job", "documents"]).success();
    assert!(said.contains("run-script-with-arguments  true"), "{said}");
    let line = said.lines().find(|line| line.contains("run-script-before ")).unwrap();
    assert!(line.contains("fastdiff.exe") && line.contains("hook duplicati --job documents"), "{line}");
    let files = fs::read_dir(hooked.place.path("")).unwrap().map(|entry| entry.unwrap().path());
    let scripts: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "cmd")).collect();
    assert!(scripts.is_empty(), "{scripts:?}");
}
