//! The promises on the file system that `TMPDIR` lies on, whatever it is: each test asks first what it can do, and asks
//! of it no more. `tools/test-fs` and `tools/test-vm` run these on every file system that they can mount.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, FileTimes};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fastdiff::{NoMonitor, ScanOptions, WalkerKind, scan};

use super::report::{Attack, Promise, times};
use crate::testenv::{TestEnv, on_disk, shown};

/// What a file system can do, as far as it matters here or to who reads it.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one question to the file system")]
#[expect(dead_code, reason = "all of it is printed")]
struct Abilities {
    symlinks: bool,
    hard_links: bool,
    /// Modes can be set and are kept.
    modes: bool,
    /// `a` and `A` are two names.
    case: bool,
    /// A change time that cannot be set.
    ctime: bool,
    /// What all times seen are multiples of, in nanoseconds.
    stamps: u64,
    names_of_any_bytes: bool,
}

impl Abilities {
    /// Asks the file system of a test, and says on standard error what it answered.
    fn of(env: &TestEnv) -> Self {
        let dir = env.dir("probe");
        let file = env.write("probe/file", "x");
        let path = |name: &str| dir.join(name);
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_hours(271_752);
        File::open(&file).unwrap().set_times(FileTimes::new().set_modified(long_ago)).unwrap();
        let ctime = file.symlink_metadata().unwrap().ctime() > 978_307_200;
        let mode = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).is_ok()
                && file.symlink_metadata().unwrap().mode() & 0o7777 == mode
        };
        let mut stamps = 0;
        for number in 0..8 {
            let made = env.write(format!("probe/{number}"), "").symlink_metadata().unwrap();
            stamps = greatest_divisor(
                stamps,
                made.mtime().unsigned_abs() * 1_000_000_000 + made.mtime_nsec().unsigned_abs(),
            );
        }
        let abilities = Self {
            symlinks: symlink("x", path("symlink")).is_ok(),
            hard_links: fs::hard_link(&file, path("link")).is_ok(),
            modes: mode(0o640) && mode(0o604),
            case: !path("FILE").exists(),
            ctime,
            stamps,
            names_of_any_bytes: File::create(dir.join(OsStr::from_bytes(b"\xff:\"*\n"))).is_ok(),
        };
        env.remove("probe");
        let place = std::env::var("FASTDIFF_PLACE").unwrap_or_default();
        let thread = std::thread::current();
        probed(&format!("{place}: {}: {abilities:?}", thread.name().unwrap_or_default()));
        abilities
    }
}

/// Says what was found out about a file system, on the real standard error, which the test harness does not swallow.
pub(super) fn probed(what: &str) {
    let _ = io::stderr().write_all(format!("PROBED: {what}\n").as_bytes());
}

fn greatest_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_divisor(b, a % b) }
}

/// What one path holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Held {
    File(Vec<u8>),
    Symlink(PathBuf),
    Other,
}

/// All that a tree holds, by path.
pub(super) fn held(root: &Path) -> BTreeMap<Vec<u8>, Held> {
    let what = |path: &Path, kind: &str| match kind {
        "file" => Held::File(fs::read(path).unwrap()),
        "symlink" => Held::Symlink(fs::read_link(path).unwrap()),
        _ => Held::Other,
    };
    on_disk(root)
        .into_iter()
        .map(|(path, s)| (path.clone(), what(Path::new(OsStr::from_bytes(&path)), &s.kind)))
        .collect()
}

/// The letters and paths of a list without renames, as it must be where nothing is unreadable. It may say that
/// inodes were renumbered.
pub(super) fn listed(env: &TestEnv, old: &str, new: &str, more: &[&str]) -> Result<Vec<(u8, Vec<u8>)>, String> {
    let args = ["diff", old, new, "--emit", "name-status", "-z", "--no-renames"];
    let run = env.run(args.iter().chain(more));
    let is_quiet = run.stderr.lines().all(|line| line.contains("gave its entries other inode numbers"));
    if run.code != Some(0) || !is_quiet {
        return Err(format!("exit {:?}: {}", run.code, run.stderr.trim()));
    }
    let mut parts = run.bytes.split(|b| *b == 0);
    let mut lines = Vec::new();
    while let (Some([letter]), Some(path)) = (parts.next(), parts.next()) {
        lines.push((*letter, path.to_vec()));
    }
    Ok(lines)
}

/// Copies what is listed, and only that, to what was held before: that has to be what is held now.
pub(super) fn follow(
    before: &BTreeMap<Vec<u8>, Held>,
    list: &[(u8, Vec<u8>)],
    now: &BTreeMap<Vec<u8>, Held>,
) -> Result<(), String> {
    let mut copy = before.clone();
    for (letter, path) in list {
        match (letter, now.get(path)) {
            (b'D', None) => drop(copy.remove(path)),
            (b'A' | b'M' | b'S' | b'T', Some(held)) => drop(copy.insert(path.clone(), held.clone())),
            _ => return Err(format!("{} is listed as {}", path.escape_ascii(), char::from(*letter))),
        }
    }
    let different = copy.iter().find(|(path, held)| now.get(*path) != Some(held)).map(|(path, _)| path);
    match different.or_else(|| now.keys().find(|path| !copy.contains_key(*path))) {
        None => Ok(()),
        Some(path) => Err(format!("{} changed and is not listed", path.escape_ascii())),
    }
}

/// Numbers that look random and are the same in every run.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u32) -> Self {
        Self(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below another.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Other content of the same size; the mtime is put back if asked.
pub(super) fn rewrite(path: &Path, keep_mtime: bool) -> io::Result<()> {
    let modified = path.symlink_metadata()?.modified()?;
    let mut content = fs::read(path)?;
    for byte in &mut content {
        *byte = byte.wrapping_add(1);
    }
    let mut file = File::options().write(true).open(path)?;
    file.write_all(&content)?;
    if keep_mtime { file.set_times(FileTimes::new().set_modified(modified)) } else { Ok(()) }
}

/// One random edit below a directory. What the file system refuses changes nothing.
fn edit(root: &Path, can: &Abilities, numbers: &mut Numbers) -> io::Result<()> {
    let found: Vec<_> =
        on_disk(root).into_iter().map(|(path, s)| (PathBuf::from(OsStr::from_bytes(&path)), s.kind)).collect();
    let (path, kind) = &found[numbers.below(found.len())];
    let dirs: Vec<_> = found.iter().filter(|(_, kind)| kind == "directory").map(|(path, _)| path).collect();
    let dir = dirs[numbers.below(dirs.len())];
    let names: [&[u8]; 10] =
        [b"a", b"A", b"b", b"longer name", b"x.TXT", "\u{e4}".as_bytes(), b"c", b"d", b"\xff", b"*\n"];
    let new = dir.join(OsStr::from_bytes(names[numbers.below(if can.names_of_any_bytes { 10 } else { 8 })]));
    match numbers.below(14) {
        0..=2 if !new.exists() => fs::write(new, vec![b'0'; 1 + numbers.below(50)]),
        3 => fs::create_dir(new),
        4..=6 if kind == "file" => rewrite(path, can.ctime && numbers.below(2) == 0),
        7 if kind == "file" => File::options().append(true).open(path)?.write_all(b"more"),
        8 if kind == "file" => fs::remove_file(path),
        8 if path != root && kind == "directory" => fs::remove_dir_all(path),
        9 | 10 if path != root && !new.starts_with(path) => fs::rename(path, new),
        11 if can.symlinks => symlink(format!("target {}", numbers.below(9)), new),
        12 if can.hard_links && kind == "file" => fs::hard_link(path, new),
        13 if can.modes && kind == "file" => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600 + numbers.below(64) as u32))
        }
        _ => Ok(()),
    }
}

#[test]
fn both_walkers_see_what_is_there() {
    let env = TestEnv::new();
    let can = Abilities::of(&env);
    let mut attack = Attack::on(Promise::NoChangeMissed, "two walkers and the file system itself compared");
    let mut numbers = Numbers::new(1);
    for round in 0..times(3, 30) {
        for _ in 0..30 {
            let _ = edit(&env.path("tree"), &can, &mut numbers);
        }
        let digest = |walker| {
            let mut options = ScanOptions::new([env.path("tree")]);
            options.walker = walker;
            // All is suspect, so that the moment of the scan does not matter.
            options.racy_window = Some(Duration::from_hours(10_000));
            let output = env.path(format!("{walker:?}.snap"));
            scan(&options, None, &output, &NoMonitor).unwrap().root_digest
        };
        let (native, portable) = (digest(WalkerKind::Native), digest(WalkerKind::Portable));
        let disk = on_disk(&env.path("tree"));
        attack.check(native == portable, || format!("round {round}: the walkers differ"));
        attack.check(shown(&env, "Native.snap") == disk, || format!("round {round}: not what is there"));
    }
}

#[test]
fn what_is_copied_by_the_lists_alone_stays_equal() {
    let env = TestEnv::new();
    let can = Abilities::of(&env);
    let root = env.path("tree");
    let mut attack = Attack::on(Promise::NoChangeMissed, "random edits, the listed paths copied");
    let mut numbers = Numbers::new(2);
    for _ in 0..40 {
        let _ = edit(&root, &can, &mut numbers);
    }
    env.run(["snap", "tree", "-o", "old.snap", "-q"]).success();
    let mut before = held(&root);
    for round in 0..times(8, 80) {
        for _ in 0..=numbers.below(8) {
            let _ = edit(&root, &can, &mut numbers);
        }
        let walker = if round % 4 == 3 { "portable" } else { "native" };
        let base: &[&str] = if round % 2 == 1 { &["--base", "old.snap"] } else { &[] };
        env.run(["snap", "tree", "-o", "new.snap", "-q", "--walker", walker].iter().chain(base)).success();
        let now = held(&root);
        let list = listed(&env, "old.snap", "new.snap", &["--allow-root-change"]);
        attack.tried(list.and_then(|list| follow(&before, &list, &now)).map_err(|e| format!("round {round}: {e}")));
        env.rename("new.snap", "old.snap");
        before = now;
    }
}

/// Takes a snapshot, changes a file at once, and asks for the change.
fn change_at_once(attack: &mut Attack, window: &[&str], keep_mtime: bool) {
    let env = TestEnv::new();
    let file = env.path("tree/dir/file");
    for number in 0..times(10, 150) {
        env.write("tree/dir/file", format!("{number:0>8}"));
        env.run(["snap", "tree", "-o", "old.snap", "-q"].iter().chain(window)).success();
        if number % 3 == 2 {
            // By a new file under the old name, which may get the old inode.
            let was = file.symlink_metadata().unwrap().modified().unwrap();
            env.remove("tree/dir/file");
            env.write("tree/dir/file", "replaced");
            if keep_mtime {
                File::options().write(true).open(&file).unwrap().set_times(FileTimes::new().set_modified(was)).unwrap();
            }
        } else {
            rewrite(&file, keep_mtime).unwrap();
        }
        env.run(["snap", "tree", "-o", "new.snap", "-q"]).success();
        let list = listed(&env, "old.snap", "new.snap", &[]);
        let path = file.as_os_str().as_bytes();
        attack.tried(list.and_then(|list| {
            let told = list.iter().any(|(letter, p)| p == path && matches!(letter, b'M' | b'S'));
            if told { Ok(()) } else { Err(format!("{window:?}: try {number}: the second write is not listed")) }
        }));
    }
}

#[test]
fn a_change_at_once_after_the_snapshot_is_listed() {
    let mut attack = Attack::on(Promise::NoChangeMissed, "rewritten at once, mtime put back");
    change_at_once(&mut attack, &[], true);
    change_at_once(&mut attack, &["--settle"], true);
}

#[test]
fn a_change_at_once_is_listed_with_a_window_of_zero_too() {
    let can = Abilities::of(&TestEnv::new());
    let mut attack = Attack::on(Promise::NoChangeMissed, "rewritten at once, window of zero");
    // Where no change time is kept, a restored mtime hides what the window does not cover.
    change_at_once(&mut attack, &["--racy-window", "0"], can.ctime);
}

#[test]
fn a_tree_at_rest_has_suspects_at_most() {
    let env = TestEnv::new();
    let can = Abilities::of(&env);
    let mut attack = Attack::on(Promise::NoChangeMissed, "nothing changed, nothing but suspects listed");
    let mut numbers = Numbers::new(3);
    for round in 0..times(3, 20) {
        for _ in 0..20 {
            let _ = edit(&env.path("tree"), &can, &mut numbers);
        }
        let walker = if round % 2 == 1 { "portable" } else { "native" };
        env.run(["snap", "tree", "-o", "old.snap", "-q"]).success();
        env.run(["snap", "tree", "-o", "new.snap", "-q", "--walker", walker]).success();
        let list = listed(&env, "old.snap", "new.snap", &[]);
        attack.tried(list.and_then(|list| match list.iter().find(|(letter, _)| *letter != b'S') {
            None => Ok(()),
            Some((letter, path)) => Err(format!("{} is listed as {}", path.escape_ascii(), char::from(*letter))),
        }));
    }
}
