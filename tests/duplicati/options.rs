//! The two options as Duplicati reads them from what a script before the backup prints.

/// The lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) changed: Vec<Vec<u8>>,
    pub(super) deleted: Vec<Vec<u8>>,
    /// A listed file is read whatever its time says.
    pub(super) disable_filetime_check: bool,
}

impl Options {
    /// No list at all: a full scan.
    pub(super) fn none() -> Self {
        Self::default()
    }

    /// Lists given as they are, for the rules themselves.
    #[cfg(unix)]
    pub(super) fn of(changed: &[&str], deleted: &[&str]) -> Self {
        let owned = |paths: &[&str]| paths.iter().map(|p| p.as_bytes().to_vec()).collect();
        Self { changed: owned(changed), deleted: owned(deleted), disable_filetime_check: false }
    }

    /// Reads standard output of a script.
    pub(super) fn parse(stdout: &[u8]) -> Self {
        let mut options = Self::none();
        // consumers: newline and CR cannot pass the script: both end a line. (Windows: its output is split where a CR
        // and a newline follow each other, and nowhere else.)
        let lines: Vec<Vec<u8>> = if cfg!(windows) {
            let text = std::str::from_utf8(stdout).expect("decoded");
            text.split("\r\n").map(|line| line.as_bytes().to_vec()).collect()
        } else {
            stdout.split(|b| matches!(b, b'\n' | b'\r')).map(<[u8]>::to_vec).collect()
        };
        for line in &lines {
            // consumers: lines are trimmed, must begin with `--`, the key is in lower case.
            let Some(option) = line.trim_ascii().strip_prefix(b"--") else { continue };
            let mut parts = option.splitn(2, |b| *b == b'=');
            let key = parts.next().unwrap_or_default();
            let value = split(parts.next().unwrap_or_default());
            match key {
                b"changed-files" => options.changed = value,
                b"deleted-files" => options.deleted = value,
                b"disable-filetime-check" => options.disable_filetime_check = value == [b"true"],
                _ => panic!("no option of ours: {}", String::from_utf8_lossy(key)),
            }
        }
        options
    }
}

/// One value to its items.
fn split(value: &[u8]) -> Vec<Vec<u8>> {
    // consumers: one pair of double quotes around the whole value is stripped; no other quoting, no escaping.
    let bare = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
    // consumers: split at `:` on Unix and `;` on Windows, empty items dropped, no trimming.
    let separator = if cfg!(windows) { b';' } else { b':' };
    bare.split(|b| *b == separator).filter(|item| !item.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(unix)]
#[test]
fn values_are_split_at_colons_and_lose_one_pair_of_quotes() {
    let read = |text: &str| Options::parse(text.as_bytes());
    assert_eq!(read("--changed-files=\"/a:/b/\"\n--deleted-files=\"/c\"\n"), Options::of(&["/a", "/b/"], &["/c"]));
    assert_eq!(read("--changed-files=\"/a \":/b\"\"\r\n"), Options::of(&["/a \"", "/b\""], &[]));
    assert_eq!(read("--changed-files=\"/co:lon\"\n"), Options::of(&["/co", "lon"], &[]));
    assert_eq!(read("--changed-files=\"::\"\n--deleted-files=\n"), Options::none());
    assert_eq!(read("changed-files=\"/a\"\n"), Options::none(), "without the dashes it is no option");
}
