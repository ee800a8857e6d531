//! The definitions of jobs: a TOML file, edited without losing comments. An error in it is one line that names the
//! file, the job and the key.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fastdiff::consumers::{DatabaseChoice, ListOptions};
use fastdiff::jobs::{RunRequest, check_definitions, check_name};
use fastdiff::path::PathExt as _;
use fastdiff::{EntryLimit, FilterOptions, Pattern, ScanOptions};
use toml_edit::{Array, DocumentMut, Item, Table, value};

mod parse;

use self::parse::Section;
use super::advice::Advised;
use super::format::{Form, Format};
use super::source::Source;
use super::{Failure, job_database};

/// How many earlier snapshots are kept beside the committed one, by default.
pub(super) const DEFAULT_KEEP: usize = 1;

/// The most that can be asked for.
pub(super) const MOST_KEPT: usize = 10_000;

/// The file with the definitions.
pub(super) struct Config {
    path: PathBuf,
    document: DocumentMut,
}

/// What the roots of a job are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum RootIs {
    /// Directories that live
    #[default]
    Live,
    /// Directories on snapshots of their file systems, a new one for each run
    Snapshot,
}

/// A job as the file defines it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a definition")]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) roots: Vec<PathBuf>,
    pub(super) root_is: RootIs,
    pub(super) source: Source,
    pub(super) consumer: Format,
    pub(super) exclude: Vec<String>,
    /// Their patterns come before those of `exclude`: the last that matches decides.
    pub(super) exclude_from: Vec<PathBuf>,
    pub(super) exclude_caches: bool,
    pub(super) exclude_if_present: Vec<String>,
    pub(super) one_file_system: bool,
    pub(super) keep: usize,
    pub(super) max_delete: Option<EntryLimit>,
    pub(super) max_change: Option<EntryLimit>,
    pub(super) database: DatabaseChoice,
    /// None for the codes of the consumer.
    pub(super) success: Option<Vec<i32>>,
    /// Start the command also if something could not be read.
    pub(super) anyway: bool,
    /// Do not check whether the command stores what is listed.
    pub(super) unchecked: bool,
    pub(super) command: Vec<String>,
}

impl Config {
    /// Reads the file; one that does not exist defines nothing.
    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        check_definitions(path)?;
        let text = match std::fs::read_to_string(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|e| Failure::Other(format!("cannot read {}: {e}", path.shown())))?,
        };
        let document = text.parse::<DocumentMut>().map_err(|e| {
            let line = e.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let what = e.message().replace('\n', ", ");
            Failure::Other(format!("{}: line {line}: {}", path.shown(), what.trim().escape_debug()))
        })?;
        let config = Self { path: path.to_owned(), document };
        config.check_top()?;
        Ok(config)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn check_top(&self) -> Result<(), Failure> {
        let wrong = |what: String| Err(Failure::Other(format!("{}: {what}", self.path.shown())));
        for (key, item) in self.document.iter() {
            if key != "jobs" {
                return wrong(format!("key {}: is not known here; jobs are tables [jobs.NAME]", key.escape_debug()));
            }
            if !item.is_table_like() {
                return wrong("key jobs: must be tables [jobs.NAME]".into());
            }
        }
        for name in self.names() {
            if let Err(e) = check_name(&name) {
                return wrong(Advised(&e).to_string());
            }
        }
        Ok(())
    }

    fn jobs(&self) -> Option<&dyn toml_edit::TableLike> {
        self.document.get("jobs")?.as_table_like()
    }

    /// The names of the jobs, in the order of the file.
    pub(super) fn names(&self) -> Vec<String> {
        self.jobs().into_iter().flat_map(|jobs| jobs.iter()).map(|(name, _)| name.to_owned()).collect()
    }

    /// The definition of a job, if there is one.
    pub(super) fn definition(&self, name: &str) -> Result<Option<Definition>, Failure> {
        let Some(item) = self.jobs().and_then(|jobs| jobs.get(name)) else { return Ok(None) };
        Section::new(&self.path, name, item)?.definition().map(Some)
    }

    /// The definition of a job, which must be there.
    pub(super) fn required(&self, name: &str) -> Result<Definition, Failure> {
        self.definition(name)?.ok_or_else(|| {
            Failure::Other(format!(
                "job {name} is not defined in {}; `fastdiff job list` shows all jobs, `fastdiff job add` adds one",
                self.path.shown()
            ))
        })
    }

    /// Adds a job that is not there yet.
    pub(super) fn add(&mut self, definition: &Definition) -> Result<(), Failure> {
        let Definition { name, .. } = definition;
        if self.jobs().is_some_and(|jobs| jobs.contains_key(name)) {
            return Err(Failure::Other(format!(
                "job {name} is already defined in {}; edit it there, or remove it first with `fastdiff job remove`",
                self.path.shown()
            )));
        }
        let jobs = self.document.entry("jobs").or_insert_with(|| {
            let mut jobs = Table::new();
            jobs.set_implicit(true);
            Item::Table(jobs)
        });
        if let Some(jobs) = jobs.as_table_like_mut() {
            jobs.insert(name, Item::Table(definition.table()?));
        }
        Ok(())
    }

    /// Removes a job; false if it was not there.
    pub(super) fn remove(&mut self, name: &str) -> bool {
        let jobs = self.document.get_mut("jobs").and_then(Item::as_table_like_mut);
        jobs.and_then(|jobs| jobs.remove(name)).is_some()
    }

    /// Replaces the file, whole or not at all. A symlink, the owner and the permissions stay.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let path = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let failed = |e: std::io::Error| Failure::Other(format!("cannot write {}: {e}", path.shown()));
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        let mut file = builder.prefix(".fastdiff-").suffix(".tmp").tempfile_in(dir).map_err(failed)?;
        if let Ok(before) = std::fs::metadata(&path) {
            keep_owner(file.as_file(), &before).map_err(|what| {
                let advice = "run this as that user, or name another file with --config";
                Failure::Other(format!("cannot write {}: {what}; {advice}", path.shown()))
            })?;
            file.as_file().set_permissions(before.permissions()).map_err(failed)?;
        }
        file.write_all(self.document.to_string().as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// Gives a new file to the user and the group of the one that it replaces. If that cannot be done, the error says whose
/// it would be.
#[cfg(unix)]
fn keep_owner(file: &std::fs::File, before: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let now = file.metadata().map_err(|e| e.to_string())?;
    let owners = |metadata: &std::fs::Metadata| (metadata.uid(), metadata.gid());
    let (user, group) = owners(before);
    if owners(&now) == (user, group) || std::os::unix::fs::fchown(file, Some(user), Some(group)).is_ok() {
        return Ok(());
    }
    Err(if now.uid() == user {
        format!("it belongs to group {group}, and would belong to group {} afterwards", now.gid())
    } else {
        format!("it belongs to user {user}, and would belong to user {} afterwards", now.uid())
    })
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature of other systems")]
fn keep_owner(_file: &std::fs::File, _before: &std::fs::Metadata) -> Result<(), String> {
    Ok(())
}

/// Text for the file.
fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::Other(format!("{} is not UTF-8, which a definition cannot hold; rename it", path.shown()))
    })
}

impl Definition {
    /// As written to the file. Keys with their default value are left out.
    fn table(&self) -> Result<Table, Failure> {
        let mut table = Table::new();
        let texts = |items: &[String]| value(items.iter().map(String::as_str).collect::<Array>());
        let paths = |paths: &[PathBuf]| -> Result<Item, Failure> {
            Ok(value(paths.iter().map(|path| text(path)).collect::<Result<Array, Failure>>()?))
        };
        table.insert("roots", paths(&self.roots)?);
        if self.root_is == RootIs::Snapshot {
            table.insert("root-is", value("snapshot"));
        }
        if self.source != Source::default() {
            table.insert("source", value(self.source.name()));
        }
        if self.consumer != Format::default() {
            table.insert("consumer", value(self.consumer.name()));
        }
        if !self.exclude_from.is_empty() {
            table.insert("exclude-from", paths(&self.exclude_from)?);
        }
        if !self.exclude.is_empty() {
            table.insert("exclude", texts(&self.exclude));
        }
        if self.exclude_caches {
            table.insert("exclude-caches", value(true));
        }
        if !self.exclude_if_present.is_empty() {
            table.insert("exclude-if-present", texts(&self.exclude_if_present));
        }
        if self.one_file_system {
            table.insert("one-file-system", value(true));
        }
        if self.keep != DEFAULT_KEEP {
            table.insert("keep", value(i64::try_from(self.keep).unwrap_or(i64::MAX)));
        }
        if let Some(limit) = self.max_delete {
            table.insert("max-delete", value(limit.to_string()));
        }
        if let Some(limit) = self.max_change {
            table.insert("max-change", value(limit.to_string()));
        }
        if let Some(file) = job_database::shown(&self.database) {
            table.insert(job_database::KEY, value(text(file)?));
        }
        if let Some(success) = &self.success {
            table.insert("success", value(success.iter().map(|code| i64::from(*code)).collect::<Array>()));
        }
        if self.anyway {
            table.insert("anyway", value(true));
        }
        if self.unchecked {
            table.insert("unchecked", value(true));
        }
        if !self.command.is_empty() {
            table.insert("command", texts(&self.command));
        }
        Ok(table)
    }

    /// What paths of a list are relative to: the root; `/` if there are several.
    pub(super) fn base(&self) -> PathBuf {
        match self.roots.as_slice() {
            [root] => fastdiff::path::absolute(root, Path::new("/")),
            _ => PathBuf::from("/"),
        }
    }

    /// The exit codes of the command that mean success.
    pub(super) fn success_codes(&self) -> &[i32] {
        self.success.as_deref().unwrap_or(self.consumer.success_codes())
    }

    /// How a list of the job is written in a format.
    pub(super) fn form(&self, format: Format) -> Form {
        Form { format, options: ListOptions::default().with_database(self.database.clone()) }
    }

    /// What its walk leaves out. Files with patterns are read now.
    pub(super) fn filter(&self) -> Result<FilterOptions, Failure> {
        let mut patterns = Vec::new();
        for file in &self.exclude_from {
            let content = std::fs::read_to_string(file).map_err(|e| {
                Failure::Other(format!("job {}: key exclude-from: cannot read {}: {e}", self.name, file.shown()))
            })?;
            patterns.extend(Pattern::lines(&content, file));
        }
        patterns.extend(self.exclude.iter().map(Pattern::new));
        let mut filter = FilterOptions::default();
        filter.patterns = patterns;
        filter.exclude_caches = self.exclude_caches;
        filter.exclude_if_present.clone_from(&self.exclude_if_present);
        filter.one_file_system = self.one_file_system;
        let refused = |e| match e {
            fastdiff::Error::Pattern { pattern, from: None, problem, .. } => {
                Failure::Other(format!("job {}: key exclude: pattern {pattern:?}: {problem}", self.name))
            }
            other => other.into(),
        };
        filter.check(&self.roots).map_err(refused)?;
        Ok(filter)
    }

    /// What a run of it asks for.
    pub(super) fn request(&self) -> Result<RunRequest, Failure> {
        let mut scan = ScanOptions::new(&self.roots);
        scan.filter = self.filter()?;
        scan.snapshot_roots = self.root_is == RootIs::Snapshot;
        scan.source = self.source.into();
        let mut request = RunRequest::new(scan, self.consumer.name());
        // What the consumer does not know as a rename must not be hidden as one.
        request.diff.renames = self.consumer.knows_renames();
        request.diff.max_removed = self.max_delete;
        request.diff.max_changed = self.max_change;
        request.diff.snapshot_roots = self.root_is == RootIs::Snapshot;
        Ok(request)
    }
}
