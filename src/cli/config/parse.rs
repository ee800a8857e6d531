//! Reads the table of one job: each key must be known and of its type, or one line says which is not.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use fastdiff::EntryLimit;
use fastdiff::consumers::{self, Consumer, DatabaseChoice};
use fastdiff::path::PathExt as _;
use toml_edit::{Item, TableLike, Value};

use super::{DEFAULT_KEEP, Definition, MOST_KEPT, RootIs};
use crate::cli::filter::parse_name;
use crate::cli::format::Format;
use crate::cli::source::Source;
use crate::cli::{Failure, job_database};

const KEYS: [&str; 17] = [
    "roots",
    "consumer",
    "exclude",
    "exclude-from",
    "exclude-caches",
    "exclude-if-present",
    "one-file-system",
    "root-is",
    "source",
    "keep",
    "max-delete",
    "max-change",
    job_database::KEY,
    "success",
    "anyway",
    "unchecked",
    "command",
];

/// The table of a job.
pub(in crate::cli) struct Section<'a> {
    file: &'a Path,
    name: &'a str,
    table: &'a dyn TableLike,
}

impl<'a> Section<'a> {
    /// Checks only the names of the keys.
    pub(in crate::cli) fn new(file: &'a Path, name: &'a str, item: &'a Item) -> Result<Self, Failure> {
        let Some(table) = item.as_table_like() else {
            return Err(Failure::Other(format!("{}: job {name}: must be a table [jobs.{name}]", file.shown())));
        };
        let section = Self { file, name, table };
        match table.iter().find(|(key, _)| !KEYS.contains(key)) {
            Some((key, _)) => {
                let known = KEYS.join(", ");
                Err(section.wrong(&key.escape_debug().to_string(), &format!("is not known; the keys are {known}")))
            }
            None => Ok(section),
        }
    }

    fn wrong(&self, key: &str, what: &str) -> Failure {
        Failure::Other(format!("{}: job {}: key {key}: {what}", self.file.shown(), self.name))
    }

    fn value(&self, key: &str) -> Option<&'a Item> {
        self.table.get(key)
    }

    fn flag(&self, key: &str) -> Result<bool, Failure> {
        let Some(item) = self.value(key) else { return Ok(false) };
        item.as_bool().ok_or_else(|| self.wrong(key, "must be true or false"))
    }

    fn text(&self, key: &str) -> Result<Option<&'a str>, Failure> {
        let Some(item) = self.value(key) else { return Ok(None) };
        item.as_str().map(Some).ok_or_else(|| self.wrong(key, "must be a text in quotation marks"))
    }

    /// The items of a list; none if it is not there.
    fn list<T>(&self, key: &str, what: &str, item: impl Fn(&'a Value) -> Option<T>) -> Result<Vec<T>, Failure> {
        let Some(found) = self.value(key) else { return Ok(Vec::new()) };
        let items = found.as_array().map(|array| array.iter().map(item).collect::<Option<Vec<T>>>());
        items.flatten().ok_or_else(|| self.wrong(key, &format!("must be a list of {what}")))
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Failure> {
        self.list(key, "texts in quotation marks", |value| value.as_str().map(str::to_owned))
    }

    fn path(&self, key: &str, text: &str) -> Result<PathBuf, Failure> {
        if text.contains('\0') || !Path::new(text).is_absolute() {
            let shown = Path::new(text).shown().to_string();
            return Err(self.wrong(key, &format!("{shown} is not an absolute path; begin it with a slash")));
        }
        Ok(PathBuf::from(text))
    }

    fn paths(&self, key: &str) -> Result<Vec<PathBuf>, Failure> {
        self.texts(key)?.iter().map(|text| self.path(key, text)).collect()
    }

    fn root_is(&self) -> Result<RootIs, Failure> {
        let Some(text) = self.text("root-is")? else { return Ok(RootIs::default()) };
        RootIs::from_str(text, false)
            .map_err(|_| self.wrong("root-is", &format!("{text:?} is not one of live, snapshot")))
    }

    fn source(&self) -> Result<Source, Failure> {
        let Some(text) = self.text("source")? else { return Ok(Source::default()) };
        Source::from_str(text, false)
            .map_err(|_| self.wrong("source", &format!("{text:?} is not one of auto, walk, inodes, watchman")))
    }

    fn consumer(&self) -> Result<Format, Failure> {
        let Some(text) = self.text("consumer")? else { return Ok(Format::default()) };
        consumers::find(text).map(Format::from).ok_or_else(|| {
            let known: Vec<_> = consumers::all().map(Consumer::name).collect();
            self.wrong("consumer", &format!("{text:?} is not one of {}", known.join(", ")))
        })
    }

    fn database(&self, consumer: Format) -> Result<DatabaseChoice, Failure> {
        let key = job_database::KEY;
        match self.text(key)? {
            Some(_) if !consumer.needs_database() => {
                Err(self.wrong(key, &format!("is not for the consumer {}; take it out", consumer.name())))
            }
            given => job_database::read(given.map(Path::new), |_| self.path(key, given.unwrap_or_default())),
        }
    }

    /// How many entries may be removed, or changed.
    fn limit(&self, key: &str) -> Result<Option<EntryLimit>, Failure> {
        let Some(item) = self.value(key) else { return Ok(None) };
        let text = match (item.as_integer(), item.as_str()) {
            (Some(number), _) => number.to_string(),
            (_, Some(text)) => text.to_owned(),
            _ => return Err(self.wrong(key, "must be a number, or a percentage in quotation marks")),
        };
        text.parse().map(Some).map_err(|e: String| self.wrong(key, &e))
    }

    fn keep(&self) -> Result<usize, Failure> {
        let Some(item) = self.value("keep") else { return Ok(DEFAULT_KEEP) };
        let number = item.as_integer().and_then(|number| usize::try_from(number).ok());
        number
            .filter(|number| *number <= MOST_KEPT)
            .ok_or_else(|| self.wrong("keep", &format!("must be a number from 0 to {MOST_KEPT}")))
    }

    fn success(&self) -> Result<Option<Vec<i32>>, Failure> {
        let code = |value: &Value| i32::try_from(value.as_integer()?).ok().filter(|code| (0..=255).contains(code));
        let codes = self.list("success", "exit codes from 0 to 255", code)?;
        match self.value("success") {
            Some(_) if codes.is_empty() => {
                Err(self.wrong("success", "is empty, so no run can succeed; name an exit code or leave the key out"))
            }
            found => Ok(found.map(|_| codes)),
        }
    }

    /// The whole definition.
    pub(in crate::cli) fn definition(&self) -> Result<Definition, Failure> {
        let roots = self.paths("roots")?;
        if roots.is_empty() {
            return Err(self.wrong("roots", "is missing or empty; name a directory"));
        }
        let source = self.source()?;
        if source == Source::Watchman && roots.len() > 1 {
            return Err(self.wrong("source", "watchman can be asked about one root only; make a job for each"));
        }
        let exclude_if_present = self.texts("exclude-if-present")?;
        for name in &exclude_if_present {
            parse_name(name).map_err(|what| self.wrong("exclude-if-present", &what))?;
        }
        let command = self.texts("command")?;
        if self.value("command").is_some() && command.first().is_none_or(String::is_empty) {
            return Err(self.wrong("command", "is empty; name a program"));
        }
        if command.iter().any(|argument| argument.contains('\0')) {
            return Err(self.wrong("command", "holds a NUL, which no program can take; remove it"));
        }
        let consumer = self.consumer()?;
        Ok(Definition {
            name: self.name.to_owned(),
            roots,
            root_is: self.root_is()?,
            source,
            consumer,
            exclude: self.texts("exclude")?,
            exclude_from: self.paths("exclude-from")?,
            exclude_caches: self.flag("exclude-caches")?,
            exclude_if_present,
            one_file_system: self.flag("one-file-system")?,
            keep: self.keep()?,
            max_delete: self.limit("max-delete")?,
            max_change: self.limit("max-change")?,
            database: self.database(consumer)?,
            success: self.success()?,
            anyway: self.flag("anyway")?,
            unchecked: self.flag("unchecked")?,
            command,
        })
    }
}
