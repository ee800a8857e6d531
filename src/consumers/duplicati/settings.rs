//! What Duplicati tells a script in its environment: the event, the sources, the database, and the options that decide
//! what a version holds.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_128;

use super::unread::ReadRule;
use crate::path::{absolute, to_bytes, to_path};

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
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
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
    dry_run: bool,
    script_timeout: Result<Option<Duration>, String>,
    later_script: bool,
}

impl Default for Settings {
    /// Those of an empty environment.
    fn default() -> Self {
        Self::read(|_| None)
    }
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
            dry_run: option("dry_run").is_some_and(|value| is_true(&value)),
            script_timeout: option("run_script_timeout")
                .map_or(Ok(Some(USUAL_TIMEOUT)), |value| script_timeout(&value.to_string_lossy())),
            later_script: given("run_script_after") || given("run_script_post_backup"),
        }
    }

    /// Whether a backup is about to begin: the only event that the hook acts on.
    pub fn is_before_backup(&self) -> bool {
        self.event == "BEFORE" && self.operation == "Backup"
    }

    /// Whether the backup has a list of its own: then no printed list does not mean a full scan.
    pub fn has_own_list(&self) -> bool {
        self.own_list
    }

    /// Whether a listed file of the same size and time is read.
    pub fn disables_filetime_check(&self) -> bool {
        self.disable_filetime_check
    }

    /// Whether the backup only says what it would do.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// How Duplicati tells whether it has to read a file.
    pub fn read_rule(&self) -> ReadRule {
        ReadRule { time_only: self.switch("check_filetime_only") }
    }

    /// How long a script may take; none for no limit. Duplicati drops what it prints later.
    ///
    /// # Errors
    /// A time that Duplicati does not understand.
    pub fn script_timeout(&self) -> Result<Option<Duration>, String> {
        self.script_timeout.clone()
    }

    /// Whether a script follows the backup, which Duplicati cannot start after it got a long list.
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

/// The time limit of scripts where none is given.
const USUAL_TIMEOUT: Duration = Duration::from_mins(1);

/// As Duplicati reads the time limit of scripts; without one if it is nothing, or less.
fn script_timeout(text: &str) -> Result<Option<Duration>, String> {
    let seconds = parse_timespan(text)
        .ok_or_else(|| format!("the time {text:?} of --run-script-timeout is not understood; write 5m or 90s"))?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

/// Seconds, or numbers with units, such as `1h12m03s`; with the blanks and signs that .NET takes.
fn parse_timespan(text: &str) -> Option<i64> {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    if text.is_empty() {
        return Some(0);
    }
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    let mut seconds: i64 = 0;
    let mut rest = text;
    while let Some(end) = rest.find(['s', 'm', 'h', 'D', 'W', 'M', 'Y']) {
        let unit = match &rest[end..=end] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "D" => 24 * 3600,
            "W" => 7 * 24 * 3600,
            "M" => 30 * 24 * 3600,
            _ => 365 * 24 * 3600,
        };
        seconds = seconds.checked_add(number(&rest[..end])?.checked_mul(unit)?)?;
        rest = &rest[end + 1..];
    }
    rest.trim().is_empty().then_some(seconds)
}

/// As Duplicati reads a size: units are powers of 1024, megabytes without one.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let units = [("tib", 4), ("tb", 4), ("gib", 3), ("gb", 3), ("mib", 2), ("mb", 2), ("kib", 1), ("kb", 1), ("b", 0)];
    let found = units.iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)));
    let (number, power) = found.unwrap_or((&text, 2));
    number.trim().parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))
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
        let limit = |text| {
            let limit = settings(&[("run_script_timeout", text)]).script_timeout();
            limit.map(|limit| limit.map(|limit| limit.as_secs()))
        };
        assert_eq!(settings(&[]).script_timeout(), Ok(Some(Duration::from_mins(1))));
        for (text, seconds) in [
            ("15", 15),
            (" 3", 3),
            ("+3 ", 3),
            ("1m15s", 75),
            ("5 s", 5),
            ("3s 0m ", 3),
            ("1h12m03s", 4323),
            ("1D", 86_400),
            ("1M", 30 * 86_400),
        ] {
            assert_eq!(limit(text), Ok(Some(seconds)), "{text}");
        }
        for text in ["", "0", "0s", "-5", "-1m"] {
            assert_eq!(limit(text), Ok(None), "{text}");
        }
        for text in ["soon", "5x", "5d", "s", "5s7", "1.5m", "99999999999999999999s"] {
            assert!(limit(text).is_err_and(|why| why.contains(text)), "{text}");
        }
    }

    #[test]
    fn a_list_of_the_jobs_own_is_noticed() {
        assert!(settings(&[("changed_files", "/a")]).has_own_list());
        assert!(settings(&[("deleted_files", "/a")]).has_own_list());
        assert!(!settings(&[("changed_files", "")]).has_own_list());
    }
}
