//! Names that would command a terminal if they reached it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Command, Stdio};

use super::super::report::{Attack, Promise};
use crate::testenv::{BINARY, TestEnv, is_root, skip};

/// What none of these may show: sequences that begin with a control of one byte or of two, and what would be a
/// line of its own.
const NAMES: [&[u8]; 12] = [
    b"\x1b[77;41mred",
    b"\x1b]77;title\x07",
    b"\x1b[2J",
    b"back\x08\x08\x08\x08space",
    b"carriage\rreturn77",
    b"line\nbreak77",
    b"delete\x7f",
    b"\xc2\x9b77mcsi",
    b"\x9b77mcsi-in-one-byte",
    b"not\xffutf-8\x1b[77m",
    "\u{202e}sdrawkcab\u{1b}[77m".as_bytes(),
    &[0x1b; 255],
];

/// What a terminal gets; none and a visible skip without script(1).
fn on_a_terminal(env: &TestEnv, command: &str) -> Option<Vec<u8>> {
    let mut script = Command::new("/usr/bin/script");
    script.env_clear().env("TERM", "xterm").env("SHELL", "/bin/sh").env("PATH", "/usr/bin:/bin");
    script.args(["--quiet", "--command", command, "/dev/null"]).current_dir(env.path("")).stdin(Stdio::null());
    match script.output() {
        Ok(output) => Some(output.stdout),
        Err(e) => {
            skip(&format!("there is no script(1) to make a terminal: {e}"));
            None
        }
    }
}

/// What of a name came through as it is.
fn commanding(said: &[u8], ended_by_nul: bool) -> Option<String> {
    let holds = |part: &[u8]| said.windows(part.len()).any(|window| window == part);
    let lines = || said.split(|b| *b == b'\n');
    // The program's own sequences are colours and those of progress; none of them has these numbers.
    let parts: [&[u8]; 9] =
        [b"\x1b[77", b"\x1b]77", b"\x1b[2J", b"\x1b\x1b", b"\x07", b"\x08", b"\x7f", b"\xc2\x9b", b"\x9b77"];
    let part = parts.into_iter().find(|part| holds(part));
    let broken = || !ended_by_nul && lines().any(|l| l.starts_with(b"break77"));
    let part = part.or_else(|| broken().then_some(&b"a line of a name"[..]));
    let part = part.or_else(|| holds(b"\rreturn77").then_some(b"\\r"));
    part.map(|part| format!("{}: {}", part.escape_ascii(), said.escape_ascii()))
}

#[test]
fn no_command_writes_a_name_that_commands_the_terminal() {
    let mut attack = Attack::on(Promise::NeverLeavesTheRoot, "names that would command the terminal");
    let env = TestEnv::new();
    // As root, the second snapshot and whatever is unreadable is for nobody.
    let tree = env.path("tree");
    env.write("tree/still", "");
    env.snap("a.snap");
    let mut kept = 0;
    for name in NAMES {
        let path = tree.join(OsStr::from_bytes(name));
        // Some filesystems refuse some bytes.
        if fs::create_dir(&path).is_ok() {
            kept += 1;
            fs::write(path.join(OsStr::from_bytes(name)), "").unwrap();
        }
    }
    assert!(kept > 5, "only {kept} names can be made here");
    env.snap("b.snap");
    let dirs: Vec<_> = fs::read_dir(&tree).unwrap().flatten().filter(|entry| entry.path().is_dir()).collect();
    for dir in dirs {
        let mut name = dir.file_name().into_vec();
        name.truncate(200);
        name.push(b'+');
        env.rename(dir.path(), tree.join(OsStr::from_bytes(&name)));
    }
    env.snap("c.snap");
    fs::create_dir(env.path("\u{1b}[77mroot\u{9b}77m")).unwrap();
    let root = "\"$(printf '\\033[77mroot\\302\\23377m')\"";
    let commands = [
        "diff a.snap b.snap".to_owned(),
        "diff a.snap b.snap --suspects".into(),
        "diff b.snap c.snap".into(),
        "diff c.snap a.snap".into(),
        "diff a.snap c.snap --emit name-status".into(),
        "diff b.snap c.snap --emit name-status -z".into(),
        "diff b.snap c.snap --emit json".into(),
        "diff b.snap c.snap --emit paths".into(),
        "diff b.snap c.snap --emit paths -z".into(),
        "diff b.snap c.snap --emit duplicati --duplicati-db none".into(),
        "diff a.snap c.snap --max-delete 0".into(),
        "show c.snap".into(),
        "show c.snap --json".into(),
        format!("snap {root} -o d.snap"),
        format!("snap {root} -o {root}.snap"),
        format!("snap {root} tree -o d.snap --exclude {root} --exclude-if-present {root}"),
        "info d.snap".into(),
        "info d.snap --json".into(),
        "verify d.snap".into(),
        format!("verify {root}.snap"),
        format!("info {root}.snap"),
        format!("diff d.snap {root}.snap"),
        format!("show d.snap {root}/none"),
        format!("show {root}"),
        format!("snap {root}/none -o e.snap"),
        format!("snap tree -o {root}"),
        format!("snap tree -o {root}/none/none"),
        format!("snap tree -o e.snap --exclude-from {root}/none"),
        format!("snap tree -o e.snap --base {root}.snap"),
        format!("diff a.snap c.snap -o {root}"),
        root.to_owned(),
        format!("snap --walker {root}"),
        "snap tree -o e.snap".into(),
    ];
    for command in commands {
        let Some(said) = on_a_terminal(&env, &format!("{BINARY} {command}")) else { return attack.skipped() };
        attack
            .tried(commanding(&said, command.ends_with("-z")).map_or(Ok(()), |what| Err(format!("{command}: {what}"))));
    }
}

#[test]
fn no_warning_about_what_cannot_be_read_commands_the_terminal() {
    let mut attack = Attack::on(Promise::NeverLeavesTheRoot, "warnings about names that would command the terminal");
    let env = TestEnv::new();
    for name in NAMES {
        let path = env.path("tree").join(OsStr::from_bytes(name));
        if fs::create_dir(&path).is_ok() {
            env.chmod(&path, 0);
        }
    }
    env.dir("out");
    env.chmod("out", 0o777);
    // Makes the copy that nobody can run.
    drop(env.command_as_nobody());
    let binary = if is_root() { "setpriv --reuid 65534 --clear-groups ./fastdiff-for-nobody" } else { BINARY };
    for walker in ["native", "portable"] {
        let command = format!("{binary} snap tree -o out/{walker}.snap --walker {walker}");
        let Some(said) = on_a_terminal(&env, &command) else { return attack.skipped() };
        let text = String::from_utf8_lossy(&said);
        assert!(text.contains("ermission denied"), "there is no warning: {text}");
        attack.tried(commanding(&said, false).map_or(Ok(()), |what| Err(format!("{command}: {what}"))));
    }
}
