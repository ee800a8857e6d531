//! What the words of a command tell: what its script does, and where the program writes.

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
