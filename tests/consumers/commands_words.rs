//! What the words of a command tell: what its script does, and where the program writes.

use std::path::Path;

use fastdiff::consumers::DestinationKind;

use super::commands::{RSYNC, check, check_in};
use crate::testenv::TestEnv;

#[test]
fn a_script_is_read_as_far_as_its_words_can_be_seen() {
    let env = TestEnv::new();
    let base = env.path("tree");
    let said = |script: &str, line: &str| {
        env.write("backup.sh", script);
        let found = check_in(line, "tar", &base, &env.path(""));
        let problem = found.problems.first().map(ToString::to_string);
        (problem.unwrap_or_default(), found.not_checked.map(|why| why.to_string()).unwrap_or_default())
    };
    let guide = "set -e\ncd ~/backup/tar\nname=$(date -u +%Y)-$(printf '%06d' \"$FASTDIFF_RUN\")\n\
        case $(tail -n 1 log.tmp) in *'\"full\":\"'*) name=$name.full ;; esac\n\
        tar --create --file new.tmp --directory \"$FASTDIFF_ROOT\" \\\n    --no-recursion --null --files-from \"$1\"\n\
        mv new.tmp \"$name.tar\"\n";
    let seen = (String::new(), "only a shell can tell what it does".to_owned());
    assert_eq!(said(guide, "sh backup.sh {changed}"), seen);
    let wrong = said(&guide.replace("--null ", ""), "sh backup.sh {changed}");
    assert!(wrong.0.contains("lacks --null"), "{wrong:?}");
    let plain =
        "#!/bin/sh -e\n# tar {changed}\ntar -cf /x.tar -C \"$FASTDIFF_ROOT\" --no-recursion --null -T $1\nsync\n";
    assert_eq!(said(plain, "./backup.sh {changed}"), (String::new(), String::new()));
    assert_eq!(
        said(&plain.replace(" -e\n", "\n"), "./backup.sh {changed}").0,
        "the command may succeed although tar fails"
    );
    let document = "cat >note <<END\ntar {x\nEND\ntar -cf x.tar -C \"$FASTDIFF_ROOT\" -T $1\n";
    assert!(said(document, "bash ./backup.sh {changed}").0.contains("lacks --null"));
    assert!(said("#!/usr/bin/python3\n", "./backup.sh {changed}").1.contains("is not a program that is known"));
}

/// A right command in a shell; its list and its source are variables.
const W: &str = r#"rsync -aI --from0 --files-from="$FASTDIFF_ALL" --delete-missing-args --force "$FASTDIFF_ROOT/" /b/"#;

/// What is said of a command with `W` in it: nothing, `?` and why it was not checked, or the first problem.
fn said_of(line: &str) -> String {
    let found = check_in(&line.replace('W', W), "rsync", Path::new("/home/ada/Documents"), Path::new("/home/ada"));
    let why = found.not_checked.map(|why| format!("?{why}")).unwrap_or_default();
    found.problems.first().map_or(why, ToString::to_string)
}

#[test]
fn a_variable_that_the_program_does_not_find_is_refused() {
    let lost = |name: &str, by: &str| format!("the command needs ${name}, which {by} does not hand on");
    let cases = [
        ("sh -c 'W'", String::new()),
        ("sudo -E sh -c 'W'", String::new()),
        ("sudo --preserve-env=FASTDIFF_ALL,FASTDIFF_ROOT sh -c 'W'", String::new()),
        ("sudo sh -c 'W'", lost("FASTDIFF_ALL", "sudo")),
        ("sudo --preserve-env=FASTDIFF_ALL sh -c 'W'", lost("FASTDIFF_ROOT", "sudo")),
        ("env -i sh -c 'W'", lost("FASTDIFF_ALL", "env")),
        ("env -u FASTDIFF_ROOT sh -c 'W'", lost("FASTDIFF_ROOT", "env")),
        ("ssh nas 'W'", lost("FASTDIFF_ALL", "ssh")),
        ("sudo sh -c 'sh -c \"echo \\\"$FASTDIFF_ALL\\\"\"'", lost("FASTDIFF_ALL", "sudo")),
        ("doas sh -c 'W'", "?only a shell can tell what it does".into()),
    ];
    for (line, expected) in cases {
        assert_eq!(said_of(line), expected, "{line}");
    }
    let paths = check_in("sudo sh -c 'mine $FASTDIFF_ALL'", "paths", Path::new("/"), Path::new("/"));
    assert_eq!(paths.problems.len(), 1, "whatever the form: {:?}", paths.problems);
    let other = "rsync takes the list as relative to its source";
    for line in ["sh -c 'unset FASTDIFF_ROOT; W'", "sh -c 'export FASTDIFF_ROOT=/x; W'", "env FASTDIFF_ROOT= sh -c 'W'"]
    {
        assert!(said_of(line).starts_with(other), "{line}: {}", said_of(line));
    }
    for line in [
        "env FASTDIFF_ALL=/dev/null sh -c 'W'",
        "sh -c 'FASTDIFF_ALL=x; W'",
        "sh -c 'read FASTDIFF_ALL; W'",
        "sh -c 'unset FASTDIFF_ALL; sh -c \"W\"'",
    ] {
        assert!(said_of(line).starts_with('?'), "{line}: {}", said_of(line));
    }
}

#[test]
fn a_script_that_may_succeed_and_store_nothing_is_refused_or_not_taken_for_checked() {
    for passed in [
        "set -e; W; sync",
        "cd / && W",
        "W || exit 1; sync",
        "W || exit; sync",
        "W; r=$?; rm -f x; exit $r",
        "mountpoint -q /b || exit 1; W",
        "mountpoint -q /b && W",
        "set -euo pipefail; W | tee log",
        "test -s \"$FASTDIFF_ALL\" || exit 1; exec W",
        "cp \"$FASTDIFF_ALL\" /tmp/list && W",
        "trap \"rm -f x\" EXIT; W",
        "W || W",
    ] {
        assert_eq!(said_of(&format!("bash -c '{passed}'")), "", "{passed}");
    }
    assert_eq!(said_of("bash -o pipefail -c 'W | tee log'"), "");
    for hidden in ["W; r=$?; exit 0", "set -e; set +e; W; sync", "W || exit 0; true", "W; other=1; exit $?", "W & true"]
    {
        assert_eq!(said_of(&format!("sh -c '{hidden}'")), "the command may succeed although rsync fails", "{hidden}");
    }
    for skipped in [
        "mountpoint -q /b || exit 0; W",
        "pgrep rsync && exit; W",
        "true || W",
        "mountpoint -q /b && W; r=$?; exit 0",
        "set -e; mountpoint -q /b && W; sync",
        "flock -n -E 0 /lock W",
    ] {
        let said = said_of(&format!("sh -c '{skipped}'"));
        let hides = said == "the command may succeed although rsync fails" && skipped.contains("exit 0");
        assert!(hides || said == "the command may succeed without starting rsync", "{skipped}: {said}");
    }
    for overwritten in [": > \"$FASTDIFF_ALL\"; W", "sort x >\"$FASTDIFF_ALL\" && W"] {
        assert_eq!(said_of(&format!("sh -c '{overwritten}'")), "the command overwrites the file with the list");
    }
    for unknown in [
        "sh -c 'W; r=$?; exit $other'",
        "sh -c 'r=0; W || r=$?; exit $r'",
        "sh -c 'trap \"exit 0\" EXIT; W'",
        "sh -c 'exit 0; W'",
        "sh -c 'exec true; W'",
        "sh -c 'return 0; W'",
        "sh -c 'set -n; W'",
        "sh -n -c 'W'",
        "sh -c 'truncate -s 0 \"$FASTDIFF_ALL\" && W'",
        "sh -c 'sort -o \"$FASTDIFF_ALL\" x && W'",
        "sh -c 'cp x \"$FASTDIFF_ALL\" && W'",
        "sh -c 'setsid W'",
        "sh -c 'eval x=1; W'",
        "sh -c '. ./settings; W'",
        // What was refused and is right.
        "bash -c 'opts=(-v -x); W \"${opts[@]}\"'",
        "sh -c 'W $OPTIONS'",
        "sh -c 'W & wait $!'",
        "bash -c 'W | tee log; exit ${PIPESTATUS[0]}'",
        "sh -c 'W || [ $? -eq 24 ]'",
        "sh -c 'W; [ $? -eq 0 ] || exit 1'",
    ] {
        assert!(said_of(unknown).starts_with('?'), "{unknown}: {}", said_of(unknown));
    }
    assert_eq!(said_of("setsid --wait sh -c 'W'"), "");
    assert_eq!(said_of("setsid -f sh -c 'W'"), "the command may succeed although rsync fails");
    assert_eq!(said_of("sh -c '# W'"), "?only a shell can tell what it does");
}

#[test]
fn where_a_program_writes_is_found_in_its_words() {
    use DestinationKind::{Directory, File, Remote, Repository};
    let cases = [
        (format!("{RSYNC} {{root}}/ mirrors/d/"), "mirrors/d/", Directory("/home/ada/mirrors/d".into())),
        (format!("{RSYNC} {{root}}/ /mnt/../d"), "/mnt/../d", Directory("/d".into())),
        (format!("{RSYNC} {{root}}/ {{root}}/x"), "{root}/x", Directory("/home/ada/Documents/x".into())),
        (format!("{RSYNC} {{root}}/ ada@nas:d"), "ada@nas:d", Remote),
        (format!("{RSYNC} {{root}}/ ./a:b"), "./a:b", Directory("/home/ada/a:b".into())),
        (format!("rsync: sh -c 'cd /mnt && {RSYNC} {{root}}/ d'"), "d", Directory("/mnt/d".into())),
        (format!("rsync: sh -c 'D=~/x; {RSYNC} {{root}}/ \"$D\"'"), "/home/ada/x", Directory("/home/ada/x".into())),
        ("rclone sync -lI --files-from-raw {all} {root} /mnt/c".into(), "/mnt/c", Directory("/mnt/c".into())),
        ("rclone sync -lI --files-from-raw {all} {root} b:c".into(), "b:c", Remote),
        ("rclone sync -lI --files-from-raw {all} {root} :local:/c".into(), ":local:/c", Directory("/c".into())),
        ("restic backup --files-from-raw {changed}".into(), "/r/restic", Repository("/r/restic".into())),
        ("restic -r sftp:nas:r backup --files-from-raw {changed}".into(), "sftp:nas:r", Remote),
        ("restic --repo=rel backup --files-from-raw {changed}".into(), "rel", Repository("/home/ada/rel".into())),
        (r"borg create --paths-from-stdin /b::x".into(), "/b::x", Repository("/b".into())),
        (r"borg: env BORG_REPO=/c borg create --paths-from-stdin ::x".into(), "/c", Repository("/c".into())),
        (r"borg create --paths-from-stdin nas:b::x".into(), "nas:b::x", Remote),
        ("tar cf /x.tar -C {root} -T {changed}".into(), "/x.tar", File("/x.tar".into())),
        ("tar: sh -c 'tar c -C {root} -T {changed} >x.tar'".into(), "x.tar", File("/home/ada/x.tar".into())),
        ("tar cf nas:x.tar -C {root} -T {changed}".into(), "nas:x.tar", Remote),
    ];
    for (line, as_written, kind) in cases {
        let found = check(&line).destinations;
        assert_eq!(found.len(), 1, "{line}");
        assert_eq!((found[0].as_written.to_str().unwrap(), &found[0].kind), (as_written, &kind), "{line}");
        let is_relative = matches!(as_written, "mirrors/d/" | "./a:b" | "d" | "rel" | "x.tar");
        assert_eq!(found[0].is_relative(), is_relative, "{line}");
    }
    assert!(check(&format!("rsync: sh -c 'cd \"$X\" && {RSYNC} {{root}}/ d'")).destinations.is_empty());
}
