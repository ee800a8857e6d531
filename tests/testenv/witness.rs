//! A second opinion: the tree as the standard library sees it, to hold a snapshot against.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use base64::Engine as _;
use serde_json::Value;

use super::TestEnv;

/// One entry: what both sides can tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) kind: String,
    pub(crate) size: u64,
    pub(crate) mtime: (i64, i64),
    pub(crate) ctime: (i64, i64),
    pub(crate) inode: u64,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) nlink: u64,
}

/// A directory and all that lies below it, by path, from the file system itself.
pub(crate) fn on_disk(root: &Path) -> BTreeMap<Vec<u8>, Shown> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let m = path.symlink_metadata().unwrap();
        let t = m.file_type();
        let kinds = [
            (t.is_file(), "file"),
            (t.is_dir(), "directory"),
            (t.is_symlink(), "symlink"),
            (t.is_fifo(), "fifo"),
            (t.is_socket(), "socket"),
            (t.is_char_device(), "char-device"),
            (t.is_block_device(), "block-device"),
        ];
        let shown = Shown {
            kind: kinds.iter().find(|(is, _)| *is).unwrap().1.to_owned(),
            size: m.size(),
            mtime: (m.mtime(), m.mtime_nsec()),
            ctime: (m.ctime(), m.ctime_nsec()),
            inode: m.ino(),
            mode: m.mode() & 0o7777,
            owner: (m.uid(), m.gid()),
            nlink: m.nlink(),
        };
        if m.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
        found.insert(path.as_os_str().as_bytes().to_vec(), shown);
    }
    found
}

/// The entries of a snapshot by path, as `show --json` tells them.
#[track_caller]
pub(crate) fn shown(env: &TestEnv, snapshot: &str) -> BTreeMap<Vec<u8>, Shown> {
    let run = env.run(["show", snapshot, "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    run.bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(entry).collect()
}

fn entry(line: &[u8]) -> (Vec<u8>, Shown) {
    let value: Value = serde_json::from_slice(line).unwrap();
    let text = |key: &str| value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}")).to_owned();
    let number = |key: &str| value[key].as_u64().unwrap_or_else(|| panic!("{key} in {value}"));
    let time = |key: &str| {
        let time: jiff::Timestamp = text(key).parse().unwrap();
        // jiff counts towards 1970, the system always forwards.
        let (seconds, nanoseconds) = (time.as_second(), i64::from(time.subsec_nanosecond()));
        if nanoseconds < 0 { (seconds - 1, nanoseconds + 1_000_000_000) } else { (seconds, nanoseconds) }
    };
    let path = match value.get("path_b64") {
        Some(raw) => base64::engine::general_purpose::STANDARD.decode(raw.as_str().unwrap()).unwrap(),
        None => text("path").into_bytes(),
    };
    let shown = Shown {
        kind: text("kind"),
        size: number("size"),
        mtime: time("mtime"),
        ctime: time("ctime"),
        inode: text("inode").parse().unwrap(),
        mode: u32::from_str_radix(&text("mode"), 8).unwrap(),
        owner: (u32::try_from(number("uid")).unwrap(), u32::try_from(number("gid")).unwrap()),
        nlink: number("nlink"),
    };
    (path, shown)
}
