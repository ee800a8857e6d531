//! `json`: one object a line. docs/change.schema.json describes it.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::super::{Consumer, Emitted, ListOptions, ListPart, PathChoice, PathStyle, for_each_change, written};
use crate::diff::{Change, ChangeKind, Diff, Side};
use crate::metadata::{Flags, Stat, Time};
use crate::{Result, System};

#[derive(Serialize)]
struct Line<'a> {
    change: &'a str,
    kind: &'a str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_b64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Metadata>,
}

#[derive(Serialize)]
struct Metadata {
    kind: &'static str,
    size: u64,
    mtime: String,
    ctime: String,
    inode: String,
    mode: String,
    uid: u32,
    gid: u32,
    nlink: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    flags: Vec<&'static str>,
}

/// One entry of `show --json`.
#[derive(Serialize)]
struct EntryLine {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
    #[serde(flatten)]
    metadata: Metadata,
}

/// A time in RFC 3339, in UTC with nanoseconds. A time outside of the years −9999 to 9999, which
/// RFC 3339 cannot express, is written as `@` and its seconds since 1970.
pub fn rfc3339(time: Time) -> String {
    // `jiff::Timestamp` ends a day earlier, so that every time zone fits.
    let since = jiff::SignedDuration::new(time.sec, time.nsec.cast_signed());
    match jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0).checked_add(since) {
        Ok(t) => {
            // `%Y` gives a year before 0 three digits.
            let sign = if t.year() < 0 { "-" } else { "" };
            format!("{sign}{:04}{}", t.year().unsigned_abs(), t.strftime("-%m-%dT%H:%M:%S.%9fZ"))
        }
        Err(_) => format!("@{}.{:09}", time.sec, time.nsec),
    }
}

/// The text of a path, and its bytes if the text is not all of it.
fn text(path: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(path) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(path).into_owned(), Some(STANDARD.encode(path))),
    }
}

impl Metadata {
    fn new(stat: &Stat, flags: Flags) -> Self {
        const FLAGS: [(Flags, &str); 6] = [
            (Flags::RACY, "racy"),
            (Flags::UNKNOWN, "unknown"),
            (Flags::UNLISTED, "unlisted"),
            (Flags::NOT_ENTERED, "not-entered"),
            (Flags::CARRIED, "carried"),
            (Flags::FOREIGN, "foreign"),
        ];
        Self {
            kind: stat.kind().name(),
            size: stat.size,
            mtime: rfc3339(stat.mtime),
            ctime: rfc3339(stat.ctime),
            inode: stat.ino.to_string(),
            mode: format!("{:04o}", stat.mode & 0o7777),
            uid: stat.uid,
            gid: stat.gid,
            nlink: stat.nlink,
            flags: FLAGS.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect(),
        }
    }

    fn of(side: Option<Side>) -> Option<Self> {
        side.map(|s| Self::new(&s.stat, s.flags))
    }
}

fn line<'a>(change: &Change, style: &PathStyle) -> Line<'a> {
    let (path, path_b64) = text(&style.shown(&change.path));
    let (from, from_b64) = change.from.as_ref().map(|from| text(&style.shown(from))).unzip();
    Line {
        change: change.kind.name(),
        kind: change.entry_kind().name(),
        path,
        path_b64,
        from,
        from_b64: from_b64.flatten(),
        fields: change.fields.names().collect(),
        scope: (change.kind == ChangeKind::Modified)
            .then(|| if change.is_metadata_only() { "metadata" } else { "content" }),
        old: Metadata::of(change.old),
        new: Metadata::of(change.new),
    }
}

/// One JSON object a line.
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Consumer for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "One JSON object a line"
    }

    fn parts(&self) -> &'static [ListPart] {
        &[ListPart::All]
    }

    fn usual_part(&self) -> ListPart {
        ListPart::All
    }

    fn has_separate_parts(&self) -> bool {
        false
    }

    fn knows_renames(&self) -> bool {
        true
    }

    fn paths(&self) -> PathChoice {
        PathChoice::Any
    }

    fn write(&self, diff: &Diff<'_>, options: &ListOptions, out: &mut dyn Write) -> Result<Emitted> {
        let style = options.style.of(diff);
        let emitted = for_each_change(diff, |change| {
            serde_json::to_writer(&mut *out, &line(change, &style))?;
            out.write_all(b"\n")
        })?;
        written(out.flush())?;
        Ok(emitted)
    }
}

/// One entry of a snapshot of this system as a JSON object.
pub fn entry_json(entry: &crate::Entry, system: System) -> String {
    serde_json::to_string(&EntryLine::of(entry, system)).unwrap_or_default()
}

impl EntryLine {
    fn of(entry: &crate::Entry, system: System) -> Self {
        let (path, path_b64) = text(&system.shown(&entry.path));
        Self { path, path_b64, metadata: Metadata::new(&entry.stat, entry.flags) }
    }
}

/// As a line of the list `json` with absolute paths, of a snapshot that was taken on this system.
#[cfg(feature = "serde")]
impl Serialize for Change {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        line(self, &PathStyle { system: System::HERE, ..PathStyle::absolute() }).serialize(serializer)
    }
}

/// As a line of `fastdiff show --json`, of a snapshot that was taken on this system.
#[cfg(feature = "serde")]
impl Serialize for crate::Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        EntryLine::of(self, System::HERE).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "serde")]
    #[test]
    fn a_change_and_its_summary_serialize_as_the_lists_spell_them() {
        use crate::diff::Summary;
        use crate::metadata::Fields;

        let new = Some(Side { stat: Stat { mode: 0o100_644, ..Stat::default() }, flags: Flags::RACY });
        let (kind, fields) = (ChangeKind::TypeChanged, Fields::empty());
        let change = Change { kind, path: b"a\xff".to_vec(), from: None, old: None, new, fields };
        let value = serde_json::to_value(&change).expect("JSON");
        let word = |key: &str| value[key].as_str();
        assert_eq!((word("change"), word("path_b64")), (Some("type-changed"), Some("Yf8=")));
        assert_eq!((value["new"]["kind"].as_str(), value["new"]["flags"][0].as_str()), (Some("file"), Some("racy")));

        let mut summary = Summary::default();
        summary.add(&change);
        let value = serde_json::to_value(&summary).expect("JSON");
        assert_eq!(value["by_kind"]["type-changed"]["files"], 1);
    }

    #[test]
    fn times_have_nanoseconds_and_their_own_form_where_the_standard_ends() {
        assert_eq!(rfc3339(Time::new(0, 1)), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(rfc3339(Time::new(-1, 500_000_000)), "1969-12-31T23:59:59.500000000Z");
        assert_eq!(rfc3339(Time::new(i64::MAX, 7)), "@9223372036854775807.000000007");
        assert_eq!(rfc3339(Time::new(253_402_214_400, 0)), "9999-12-31T00:00:00.000000000Z");
        assert_eq!(rfc3339(Time::new(253_402_300_799, 999_999_999)), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(Time::new(253_402_300_800, 0)), "@253402300800.000000000");
        assert_eq!(rfc3339(Time::new(-62_167_219_200, 0)), "0000-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(Time::new(-62_167_219_201, 0)), "-0001-12-31T23:59:59.000000000Z");
        assert_eq!(rfc3339(Time::new(-377_705_116_800, 0)), "-9999-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(Time::new(-377_705_116_801, 0)), "@-377705116801.000000000");
        assert_eq!(rfc3339(Time::new(i64::MIN, 0)), "@-9223372036854775808.000000000");
    }
}
