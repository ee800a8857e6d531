//! What Duplicati tells a script in its environment: the event, the sources, the database, and the options that decide
//! what a version holds.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use crate::path::{PathExt as _, absolute, to_bytes, to_path};

/// The options that decide which entries are in a version, and as what. A change of one calls for a full scan: what is
/// carried over was chosen by the old one.
const DECIDING: [&str; 17] = [
    "backupread_policy",
    "check_filetime_only",
    "disable_backup_exclusion_xattr",
    "enable_ads_backup",
    "exclude_empty_folders",
    "exclude_files_attributes",
    "exclude_non_local_files",
    "filter",
    "hardlink_policy",
    "ignore_filenames",
    "photos_handling",
    "photos_library_path",
    "skip_files_larger_than",
    "skip_metadata",
    "snapshot_policy",
    "symlink_policy",
    "usn_policy",
];

/// Duplicati separates the items of a value by what separates the paths of `PATH`.
const SEPARATOR: u8 = if cfg!(windows) { b';' } else { b':' };

/// The environment of a script, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// `BEFORE`, `AFTER`, ….
    pub event: String,
    /// `Backup`, `Restore`, ….
    pub operation: String,
    /// The sources of the backup, without a slash at their ends.
    pub sources: Vec<PathBuf>,
    /// The job's database.
    pub database: Option<PathBuf>,
    options: BTreeMap<&'static str, OsString>,
    own_list: bool,
    disable_filetime_check: bool,
    script_timeout: Option<Duration>,
    later_script: bool,
}

impl Settings {
    /// Reads the environment through a function that gives a variable's value.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| variable(name).unwrap_or_default().to_string_lossy().into_owned();
        let option = |name: &str| variable(&format!("DUPLICATI__{name}"));
        let given = |name: &str| option(name).is_some_and(|value| !value.is_empty());
        Self {
            event: text("DUPLICATI__EVENTNAME"),
            operation: text("DUPLICATI__OPERATIONNAME"),
            sources: items(&variable("DUPLICATI__LOCALPATH").unwrap_or_default()).map(|s| source(&s)).collect(),
            database: option("dbpath").filter(|path| !path.is_empty()).map(PathBuf::from),
            options: DECIDING.iter().filter_map(|name| Some((*name, option(name)?))).collect(),
            own_list: given("changed_files") || given("deleted_files"),
            disable_filetime_check: option("disable_filetime_check").is_some_and(|value| is_true(&value)),
            script_timeout: script_timeout(option("run_script_timeout")),
            later_script: given("run_script_after") || given("run_script_post_backup"),
        }
    }

    /// Whether a backup is about to begin: the only event that there is anything to do at.
    pub fn is_before_backup(&self) -> bool {
        self.event == "BEFORE" && self.operation == "Backup"
    }

    /// Whether the job brings a list of its own: then printing none is no full scan.
    pub fn has_own_list(&self) -> bool {
        self.own_list
    }

    /// Whether a listed file of the same size and time is read.
    pub fn disables_filetime_check(&self) -> bool {
        self.disable_filetime_check
    }

    /// How long a script may take; none for as long as it likes. What it prints later is not looked at.
    pub fn script_timeout(&self) -> Option<Duration> {
        self.script_timeout
    }

    /// Whether a script is to follow, which Duplicati cannot start once it was given a long list.
    pub fn has_later_script(&self) -> bool {
        self.later_script
    }

    /// The value of an option, with underscores in its name; none if it is not given. Only of those that decide what a
    /// version holds.
    pub(super) fn option(&self, name: &str) -> Option<String> {
        self.options.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.options.get(name).is_some_and(|value| is_true(value))
    }

    /// The items of a list; none if the option is not given.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let value = self.options.get(name)?;
        Some(items(value).map(|item| String::from_utf8_lossy(&item).into_owned()).collect())
    }

    /// The digest of the options that decide what a version holds.
    pub fn digest(&self) -> String {
        let mut bytes = Vec::new();
        for (name, value) in &self.options {
            for part in [name.as_bytes(), &to_bytes(Path::new(value))] {
                bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
                bytes.extend_from_slice(part);
            }
        }
        format!("{:032x}", xxh3_128(&bytes))
    }

    /// How large a file may be to be stored, if there is a limit.
    ///
    /// # Errors
    /// A size that is not understood.
    pub fn size_limit(&self) -> Result<Option<u64>, String> {
        let Some(text) = self.option("skip_files_larger_than").filter(|text| !text.trim().is_empty()) else {
            return Ok(None);
        };
        let size = parse_size(&text)
            .ok_or_else(|| format!("the size {text:?} of --skip-files-larger-than is not understood"))?;
        Ok((size > 0).then_some(size))
    }
}

fn items(value: &OsStr) -> impl Iterator<Item = Vec<u8>> {
    let bytes = to_bytes(Path::new(value)).into_owned();
    let items: Vec<_> = bytes.split(|b| *b == SEPARATOR).filter(|item| !item.is_empty()).map(<[u8]>::to_vec).collect();
    items.into_iter()
}

fn source(spelled: &[u8]) -> PathBuf {
    absolute(&to_path(spelled), Path::new(""))
}

/// As Duplicati reads a switch: there and not denied.
fn is_true(value: &OsStr) -> bool {
    let value = value.to_string_lossy().trim().to_ascii_lowercase();
    !matches!(value.as_str(), "0" | "false" | "off" | "no")
}

/// As Duplicati reads the time limit of scripts; its default where it cannot be understood, which is short.
fn script_timeout(value: Option<OsString>) -> Option<Duration> {
    let default = Duration::from_mins(1);
    let parsed = value.map_or(Some(default), |value| parse_timespan(&value.to_string_lossy()));
    parsed.map_or(Some(default), |timeout| (!timeout.is_zero()).then_some(timeout))
}

/// Numbers with units, such as `1h12m03s`; `0` without.
fn parse_timespan(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let unit = match rest[digits..].chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' | 'D' => 24 * 3600,
            _ => return None,
        };
        seconds = seconds.checked_add(rest[..digits].parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    (!text.trim().is_empty()).then(|| Duration::from_secs(seconds))
}

/// As Duplicati reads a size: units are powers of 1024, megabytes without one.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let units = [("tib", 4), ("tb", 4), ("gib", 3), ("gb", 3), ("mib", 2), ("mb", 2), ("kib", 1), ("kb", 1), ("b", 0)];
    let found = units.iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)));
    let (number, power) = found.unwrap_or((&text, 2));
    number.trim().parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))
}

/// Paths in a message, in order, with commas.
pub(super) fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.shown().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn settings(variables: &[(&str, &str)]) -> Settings {
        Settings::read(|name| {
            let short = name.strip_prefix("DUPLICATI__")?;
            variables.iter().find(|(n, _)| *n == short).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn only_a_backup_that_is_about_to_begin_matters() {
        for (event, operation, expected) in
            [("BEFORE", "Backup", true), ("AFTER", "Backup", false), ("BEFORE", "Restore", false), ("", "", false)]
        {
            let settings = settings(&[("EVENTNAME", event), ("OPERATIONNAME", operation)]);
            assert_eq!(settings.is_before_backup(), expected, "{event} {operation}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn sources_lose_their_slashes_and_the_empty_ones() {
        let settings = settings(&[("LOCALPATH", "/home/ada/:/srv//x::/")]);
        assert_eq!(settings.sources, [Path::new("/home/ada"), Path::new("/srv/x"), Path::new("/")]);
    }

    #[test]
    fn the_digest_tells_options_apart_that_decide_and_ignores_others() {
        let digest = |variables: &[(&str, &str)]| settings(variables).digest();
        let plain = digest(&[]);
        assert_eq!(digest(&[("backup_name", "x"), ("disable_filetime_check", "true")]), plain);
        for name in DECIDING {
            assert_ne!(digest(&[(name, "x")]), plain, "{name}");
        }
        assert_ne!(digest(&[("ignore_filenames", "")]), plain, "an empty list is not the default one");
        assert_ne!(digest(&[("filter", "-a")]), digest(&[("filter", "-b")]));
    }

    #[test]
    fn switches_are_read_as_duplicati_reads_them() {
        for (value, expected) in
            [("true", true), ("", true), ("1", true), ("False", false), ("0", false), ("no", false)]
        {
            let settings = settings(&[("disable_filetime_check", value)]);
            assert_eq!(settings.disables_filetime_check(), expected, "{value}");
        }
        assert!(!settings(&[]).disables_filetime_check());
    }

    #[test]
    fn sizes_are_read_as_duplicati_reads_them() {
        let limit = |text| settings(&[("skip_files_larger_than", text)]).size_limit();
        assert_eq!(limit("100"), Ok(Some(100 << 20)));
        assert_eq!(limit("2 GB"), Ok(Some(2 << 30)));
        assert_eq!(limit("10kib"), Ok(Some(10 << 10)));
        assert_eq!(limit("7b"), Ok(Some(7)));
        assert_eq!(limit("0"), Ok(None));
        assert_eq!(limit(" "), Ok(None));
        assert!(limit("many").is_err());
        assert_eq!(settings(&[]).size_limit(), Ok(None));
    }

    #[test]
    fn the_time_limit_of_scripts_is_read_as_duplicati_reads_it() {
        let limit = |text| settings(&[("run_script_timeout", text)]).script_timeout().map(|limit| limit.as_secs());
        assert_eq!(settings(&[]).script_timeout(), Some(Duration::from_mins(1)));
        assert_eq!(limit("1m15s"), Some(75));
        assert_eq!(limit("1h12m03s"), Some(4323));
        assert_eq!(limit("0"), None);
        assert_eq!(limit("0s"), None);
        for text in ["", "soon", "15", "5x", "99999999999999999999s"] {
            assert_eq!(limit(text), Some(60), "{text}");
        }
    }

    #[test]
    fn a_list_of_the_jobs_own_is_noticed() {
        assert!(settings(&[("changed_files", "/a")]).has_own_list());
        assert!(settings(&[("deleted_files", "/a")]).has_own_list());
        assert!(!settings(&[("changed_files", "")]).has_own_list());
    }
}
