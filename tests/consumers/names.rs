//! Names that a list could be misread by: each program gets all of them in one list.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use super::{program, script, shown};
use crate::testenv::TestEnv;

/// Names with signs that lists, shells and options mean something by.
fn odd_names() -> Vec<Vec<u8>> {
    let names: [&[u8]; 40] = [
        b"#a",
        b";a",
        b"-a",
        b"--files-from=x",
        b"-",
        b" a",
        b"a ",
        b" ",
        b"a\n",
        b"\n",
        b"a\nb",
        b"a\\",
        b"\\",
        b"a\\n",
        b"\\#012",
        b"~",
        b"*",
        b"?",
        b"[a]",
        b"{a}",
        b"!a",
        b"\"a\"",
        b"'",
        b"$HOME",
        b"`a`",
        b"\xff",
        b"a\xfe\xff",
        b"a\tb",
        "é".as_bytes(),
        "e\u{301}".as_bytes(),
        b"..a",
        b"...",
        b"%n",
        b"@a",
        b":a",
        b"a:b",
        b"C:",
        b"+ a",
        b"\x1b[1m",
        b"\x7f",
    ];
    names.iter().map(|name| name.to_vec()).chain([vec![b'x'; 255]]).collect()
}

/// Writes files with these names into a directory with such a name as well, between two snapshots.
fn tree_with(names: &[Vec<u8>]) -> TestEnv {
    let env = TestEnv::new();
    env.write("tree/kept", "as it was");
    env.snap("old.snap");
    for name in names {
        let name = OsString::from_vec(name.clone());
        let dir = Path::new("tree").join(&name);
        env.write(dir.join(&name), name.as_encoded_bytes());
    }
    env.snap("new.snap");
    env
}

#[track_caller]
fn list(env: &TestEnv, format: &str) {
    env.run(["diff", "old.snap", "new.snap", "--emit", format, "-o", "list"]).success();
}

/// All files of the tree lie in the copy, but for the one that did not change.
#[track_caller]
fn assert_copied(env: &TestEnv, copy: impl AsRef<Path>) {
    let (tree, copy) = (shown(&env.path("tree")), shown(&env.path(copy)));
    for (path, is) in tree.iter().filter(|(path, is)| !is.content.is_empty() && path.as_slice() != b"kept") {
        let was = copy.get(path).map(|was| &was.content);
        assert_eq!(was, Some(&is.content), "{:?}", String::from_utf8_lossy(path));
    }
    assert!(!copy.contains_key(&b"kept"[..]), "what did not change is not listed");
}

#[test]
fn rsync_takes_every_name() {
    if program("rsync").is_none() {
        return;
    }
    let env = tree_with(&odd_names());
    list(&env, "rsync");
    script(&env, "rsync -aHI --modify-window=-1 --from0 --files-from=list --delete-missing-args --force tree/ copy/");
    assert_copied(&env, "copy");
}

#[test]
fn tar_takes_every_name() {
    if program("tar").is_none() {
        return;
    }
    let env = tree_with(&odd_names());
    list(&env, "tar");
    script(
        &env,
        "tar --create -C tree --no-recursion --null -T list -f x.tar && mkdir copy && tar --extract -f x.tar -C copy",
    );
    assert_copied(&env, "copy");
}

#[test]
fn restic_takes_every_name() {
    if program("restic").is_none() {
        return;
    }
    let env = tree_with(&odd_names());
    list(&env, "restic");
    script(
        &env,
        "restic init -q -r repo && restic backup -q -r repo --files-from-raw list && restic restore -q -r repo latest --target out",
    );
    assert_copied(&env, Path::new("out").join(env.path("tree").strip_prefix("/").unwrap()));
}

#[test]
fn borg_takes_every_name() {
    if program("borg").is_none() {
        return;
    }
    let env = tree_with(&odd_names());
    list(&env, "borg");
    script(
        &env,
        "borg init -e none repo && borg create --paths-from-stdin --paths-delimiter '\\0' repo::a <list &&
         mkdir out && cd out && borg extract ../repo::a",
    );
    assert_copied(&env, Path::new("out").join(env.path("tree").strip_prefix("/").unwrap()));
}

/// Characters by which rclone spells others, those beside them, and those that other systems cannot store.
fn spelled_characters() -> Vec<Vec<u8>> {
    let ranges = [0x01..0x100, 0x2000..0x2070, 0x2190..0x21a0, 0x2400..0x2430, 0xff00..0xff66];
    let characters = ranges.into_iter().flatten().filter_map(char::from_u32);
    // U+201B is refused, as are the full-width dots alone. With two names that become one when Unicode normalises them
    // rclone takes one of them, with a list or without.
    let characters = characters.filter(|c| !matches!(c, '/' | '\u{201b}' | '\u{2000}' | '\u{2001}'));
    let names = characters.flat_map(|c| [format!("x{c}y"), format!("{c}x"), format!("x{c}")]);
    names.map(String::into_bytes).collect()
}

#[test]
fn rclone_takes_every_name_that_is_not_refused() {
    if program("rclone").is_none() {
        return;
    }
    let said = |names: Vec<Vec<u8>>| names.into_iter().filter(|name| std::str::from_utf8(name).is_ok());
    let mut names: Vec<_> = said(odd_names()).filter(|name| name != "e\u{301}".as_bytes()).collect();
    names.extend(spelled_characters());
    names.sort();
    names.dedup();
    let env = tree_with(&names);
    list(&env, "rclone");
    script(&env, "rclone sync -l --ignore-times --files-from-raw list tree copy --config ''");
    assert_copied(&env, "copy");
}
