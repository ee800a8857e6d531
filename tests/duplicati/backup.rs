//! The program and the model hand in hand: snapshot, list, backup, and the baseline moves.

use std::path::PathBuf;

use super::database;
use super::job::Job;
use super::options::Options;
use crate::testenv::{Run, TestEnv};

/// The name of the job database in the test's directory.
pub(super) const DATABASE: &str = "job.sqlite";

/// A tree, a job whose sources are the scan's roots, and the baseline `old.snap`.
pub(super) struct Backup {
    pub(super) env: TestEnv,
    pub(super) job: Job,
    roots: Vec<PathBuf>,
    /// More arguments for `snap`.
    pub(super) filter: Vec<&'static str>,
}

impl Backup {
    /// Of the directory `tree`.
    pub(super) fn new() -> Self {
        Self::of(&["tree"])
    }

    /// Of several directories, which are made unless they are there.
    pub(super) fn of(roots: &[&str]) -> Self {
        Self::in_env(TestEnv::new(), roots)
    }

    pub(super) fn in_env(env: TestEnv, roots: &[&str]) -> Self {
        let roots: Vec<_> = roots.iter().map(|root| env.path(root)).collect();
        for root in &roots {
            std::fs::create_dir_all(root).unwrap();
        }
        Self { job: Job::new(&roots), env, roots, filter: Vec::new() }
    }

    /// The first backup: a snapshot and a full scan.
    pub(super) fn first(mut self) -> Self {
        self.snap("old.snap");
        self.full_scan();
        self
    }

    /// A run of Duplicati without a list; the baseline stays.
    pub(super) fn full_scan(&mut self) {
        assert_eq!(self.job.backup(&Options::none()), [""; 0], "warnings");
        database::write(&self.job, &self.env.path(DATABASE));
    }

    #[track_caller]
    pub(super) fn snap(&self, output: &str) {
        self.env.settle();
        let mut command = self.env.command();
        command.arg("snap").args(&self.roots).args(["-o", output, "--racy-window", "0", "--quiet"]).args(&self.filter);
        let run = self.env.finish(&mut command);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "snap");
    }

    /// What the program prints for Duplicati, from `old.snap` to the tree as it is now.
    pub(super) fn list(&self) -> Run {
        self.list_with(DATABASE)
    }

    /// The same with another database.
    pub(super) fn list_with(&self, database: &str) -> Run {
        self.snap("new.snap");
        self.env.run(["diff", "old.snap", "new.snap", "--emit", "duplicati", "--duplicati-db", database])
    }

    /// A whole round that goes well: the lists, in names below the test's directory.
    #[track_caller]
    pub(super) fn next(&mut self) -> [Vec<String>; 2] {
        let run = self.list();
        // In small trees the share of what has several versions is soon large enough for a note.
        let told = run.stderr.lines().filter(|line| !line.starts_with("fastdiff: note: ")).collect::<Vec<_>>();
        assert_eq!((run.code, told), (Some(0), vec![]), "diff");
        let lists = Options::parse(&run.bytes);
        assert_eq!(self.job.backup(&lists), [""; 0], "warnings");
        assert_eq!(self.job.mistakes(), [""; 0], "mistakes");
        database::write(&self.job, &self.env.path(DATABASE));
        self.env.rename("new.snap", "old.snap");
        let top = format!("{}/", self.env.path("").display());
        let short = |path: Vec<u8>| String::from_utf8(path).unwrap().replace(&top, "");
        [lists.changed, lists.deleted].map(|list| list.into_iter().map(short).collect())
    }
}
