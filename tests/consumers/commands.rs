//! What is said of the command that takes a list, before it is started. Nothing is run here.

use std::ffi::OsString;
use std::path::Path;

use fastdiff::consumers::{self, CommandCheck, CommandLine};

/// The words of a line, as a simple shell splits it.
fn words(line: &str) -> Vec<OsString> {
    let mut words: Vec<String> = Vec::new();
    let (mut is_quoted, mut is_open) = (false, false);
    for c in line.chars() {
        match c {
            '\'' => {
                is_quoted = !is_quoted;
                if !is_open {
                    words.push(String::new());
                    is_open = true;
                }
            }
            ' ' if !is_quoted => is_open = false,
            c => {
                if !is_open {
                    words.push(String::new());
                    is_open = true;
                }
                words.last_mut().unwrap().push(c);
            }
        }
    }
    words.into_iter().map(OsString::from).collect()
}

const ENVIRONMENT: [(&str, &str); 3] = [("HOME", "/home/ada"), ("RESTIC_REPOSITORY", "/r/restic"), ("PATH", "/bin")];

pub(super) fn check_in(line: &str, consumer: &str, base: &Path, dir: &Path) -> CommandCheck {
    let words = words(line);
    let environment = ENVIRONMENT.map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let line = CommandLine::new(&words, base, dir).with_environment(&environment);
    consumers::find(consumer).unwrap().check_command(&line)
}

/// The command begins with the name of its consumer, or says it: `rsync: nice rsync …`.
pub(super) fn check(line: &str) -> CommandCheck {
    let (consumer, line) = line
        .split_once(": ")
        .filter(|(name, _)| !name.contains(' '))
        .unwrap_or_else(|| (line.split(' ').next().unwrap(), line));
    check_in(line, consumer, Path::new("/home/ada/Documents"), Path::new("/home/ada"))
}

/// The first problem, or what was not checked, or nothing.
fn said(line: &str) -> String {
    let found = check(line);
    let problem = found.problems.first().map(ToString::to_string);
    problem.or_else(|| found.not_checked.map(|why| format!("not checked: {why}"))).unwrap_or_default()
}

#[track_caller]
fn assert_said(lines: &[(&str, &str)]) {
    for (line, expected) in lines {
        let said = said(line);
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{line}\n  {said}");
    }
}

pub(super) const RSYNC: &str = "rsync -aHI --modify-window=-1 --from0 --files-from={all} --delete-missing-args --force";

#[test]
fn a_command_that_stores_what_is_listed_passes() {
    for line in [
        &format!("{RSYNC} {{root}}/ nas:mirrors/"),
        "rsync -aI0e ssh --files-from {all} --del --delete-missing-args -- /home/ada/Documents/ /mnt/x/",
        "rsync -ac --from0 --files-from={changed} Documents rsync://nas/module",
        "rsync: nice -n 10 ionice -c3 timeout -k 1 2h rsync -aI0 --files-from={changed} {root} /mnt/d",
        "rsync: sudo -u root -E A=b rsync -aI0 --files-from={changed} {root} /mnt/d",
        "rsync: sh -c 'exec rsync -aI0 --files-from=\"$FASTDIFF_CHANGED\" \"$FASTDIFF_ROOT/\" /mnt/d'",
        "rsync: sh -ec 'list=$1; rsync -aI0 --files-from=\"$list\" {root} ~/d >>log 2>&1; sync' sh {changed}",
        "rsync -rltI --no-r --from0 --files-from={all} --ignore-missing-args -b --backup-dir=/old {root}/ /d",
        "rsync -aI0 --files-from={changed} --filter='P *.tmp' {root}/ /d",
        "rclone sync --links --ignore-times --no-unicode-normalization --files-from-raw {all} {root} backup:documents",
        "rclone -v --config=/x copy -lI --no-traverse --files-from-raw={changed} /home/ada/Documents remote:",
        "restic backup --tag changes --files-from-raw {changed}",
        "restic: env RESTIC_REPOSITORY=/r RESTIC_PASSWORD_FILE=/p restic -q backup -x --files-from-raw={changed} /etc",
        r"borg create --paths-from-command --paths-delimiter '\0' '::changes-{now:%Y}' -- cat {changed}",
        "borg: sh -c 'borg create --stats --paths-from-stdin --paths-delimiter \"\\0\" /r::{now} < {changed}'",
        "tar --create -C {root} --no-recursion --null -T {changed} --file=/mnt/x.tar",
        "tar cCf {root} /mnt/x.tgz -z --no-rec --null --files-from={changed}",
        "tar: sh -c 'set -o pipefail; tar -c -C {root} --no-recursion --null -T {changed} | ssh nas dd of=x'",
        "tar: sh -c 'tar -c -C \"$FASTDIFF_ROOT\" --no-recursion --null -T \"$FASTDIFF_CHANGED\" >/mnt/$FASTDIFF_RUN.tar'",
    ] {
        assert_eq!(said(line), "", "{line}");
    }
}

#[test]
fn what_stores_nothing_useful_is_refused() {
    assert_said(&[
        ("rsync -a --files-from={all} {root} DEST/", "lacks --from0"),
        ("rsync -aI0 --files-from={changed} elsewhere/ DEST/", "which must be /home/ada/Documents"),
        ("rsync -aI0 --files-from={changed} DEST/ {root}/", "which must be /home/ada/Documents"),
        ("rsync -aI0 --files-from={changed} {root}/", "names no destination"),
        ("rsync -aI0 {changed} {root}/ DEST/", "takes {changed} as it stands"),
        ("rsync -a {root}/ DEST/", "does not give the list"),
        ("rsync -aI0 --files-from=- {root}/ DEST/", "does not give the list"),
        ("rsync -aI0 --files-from={deleted} {root}/ DEST/", "would read the list of what is deleted"),
        ("rsync -a0 --files-from={changed} {root}/ DEST/", "lacks -I"),
        ("rsync -tI0 --files-from={changed} {root}/ DEST/", "lacks -a"),
        ("rsync -aI0 --files-from={all} {root}/ DEST/", "lacks --delete-missing-args"),
        ("rsync -aI0 --files-from={all} --delete-missing-args {root}/ DEST/", "lacks --force"),
        ("rclone sync -lI --files-from {all} {root} r:", "--files-from of rclone does not go with a list"),
        ("rclone sync -lI --files-from0 {all} {root} r:", "names in this list end with a newline"),
        ("rclone sync -lI --files-from-raw {all} /other r:", "which must be /home/ada/Documents"),
        ("rclone sync -l --files-from-raw {all} {root} r:", "lacks --ignore-times"),
        ("rclone move -lI --files-from-raw {all} {root} r:", "only sync and copy"),
        ("rclone sync -lI {root} r:", "does not give the list"),
        ("restic -r R backup {changed}", "takes {changed} as it stands"),
        ("restic -r R backup --files-from {changed}", "names in this list end with NUL"),
        ("restic -r R backup --files-from-verbatim {changed}", "names in this list end with NUL"),
        ("restic -r R snapshots", "only backup stores"),
        ("restic -r R backup /home", "does not give the list"),
        ("borg create --stats ::x {changed}", "takes {changed} as it stands"),
        (r"borg create --paths-from-command ::x -- cat {changed}", "lacks --paths-delimiter"),
        (r"borg create --paths-from-stdin --paths-delimiter '\0' ::x", "does not give the list"),
        (r"borg create --paths-from-command --paths-delimiter '\0' ::x -- cat /x", "does not give the list"),
        ("tar -cf x.tar -C {root} --no-recursion -T {changed}", "lacks --null before -T"),
        ("tar -cf x.tar -C {root} --no-recursion -T {changed} --null", "lacks --null before -T"),
        ("tar -cf x.tar -C {root} --null -T {changed}", "lacks --no-recursion before -T"),
        ("tar -cf x.tar --no-recursion --null -T {changed} -C {root}", "which must be /home/ada/Documents"),
        ("tar -cf x.tar -C {root} {changed}", "takes {changed} as it stands"),
        ("tar -f x.tar -C {root} --no-recursion --null -T {changed}", "lacks --create"),
        ("tar -c -C {root} --no-recursion --null -T {changed}", "names no destination for tar"),
        ("tar -cf - -C {root} --no-recursion --null -T {changed}", "names no destination for tar"),
        ("tar -c -C {root} --no-recursion --null -T {changed}", "names no destination for tar"),
        ("tar -cf - -C {root} --no-recursion --null -T {changed}", "names no destination for tar"),
        ("tar -cf /dev/null -C {root} --no-recursion --null -T {changed}", "nothing is stored"),
        ("tar -cf x.tar -C {root} --no-recursion --null -T {deleted}", "would read the list of what is deleted"),
        ("text: rsync -a --files-from={all} {root}/ DEST/", "not in the form that rsync takes"),
        ("paths: restic backup --files-from-verbatim {changed}", "not in the form that restic takes"),
        ("duplicati: duplicati-cli backup file:///x {all}", "takes {all} as it stands"),
        ("duplicati: duplicati-cli backup file:///x /src --parameters-file={changed}", "without the other part"),
    ]);
}

/// Makes a command with some more words.
type Line<'l> = &'l dyn Fn(&str) -> String;

/// Each of these is refused, beside a command that is right otherwise.
#[test]
fn options_that_contradict_a_list_are_refused() {
    let rsync = |more: &str| format!("{RSYNC} {more} {{root}}/ /mnt/d/");
    let rclone = |more: &str| format!("rclone sync -lI --files-from-raw {{all}} {more} {{root}} r:");
    let restic = |more: &str| format!("restic -r R backup --files-from-raw {{changed}} {more}");
    let borg =
        |more: &str| format!(r"borg create {more} --paths-from-command --paths-delimiter '\0' ::x -- cat {{changed}}");
    let tar = |more: &str| format!("tar -cf x.tar -C {{root}} --no-recursion --null {more} -T {{changed}}");
    let all: [(Line<'_>, &[&str]); 5] = [
        (
            &rsync,
            &[
                "-n",
                "--dry-run",
                "--list-only",
                "-r",
                "--no-R",
                "--no-relative",
                "--no-dirs",
                "-b",
                "-u",
                "--append",
                "--existing",
                "--ignore-existing",
                "--size-only",
                "--max-size=1m",
                "--min-size 1k",
                "-L",
                "-k",
                "--copy-unsafe-links",
                "--no-links",
                "--safe-links",
                "-m",
                "--remove-source-files",
                "--compare-dest=/x",
                "--link-dest=/x",
                "-C",
                "-F",
                "-f -_x",
                "--filter=H_x",
                "--exclude=x",
                "--exclude x",
                "--exclude-from=x",
                "--include-from=x",
                "--only-write-batch=x",
                "--read-batch=x",
                "--no-I",
                "--no-from0",
                "--stop-after=3",
                "-aun",
                "--info=help",
            ],
        ),
        (
            &rclone,
            &[
                "-n",
                "--dry-run",
                "--dry-run=true",
                "--ignore-existing",
                "--compare-dest x",
                "--max-depth 2",
                "-L",
                "--copy-links",
                "--delete-excluded",
            ],
        ),
        (
            &restic,
            &[
                "-n",
                "--dry-run",
                "-e x",
                "--exclude=x",
                "--iexclude=x",
                "--exclude-file=x",
                "--exclude-caches",
                "--exclude-if-present=x",
                "--exclude-larger-than 1M",
                "--ignore-ctime",
                "--ignore-inode",
                "--stdin",
            ],
        ),
        (
            &borg,
            &[
                "-n",
                "--dry-run",
                "--dry",
                "-e x",
                "--exclude x",
                "--exclude-from=x",
                "--pattern=x",
                "--exclude-caches",
                "--exclude-nodump",
                "--files-cache=mtime,size",
                "--files-cache mtime,size,inode",
                "--content-from-command",
            ],
        ),
        (
            &tar,
            &[
                "-u",
                "--update",
                "-x",
                "-t",
                "--list",
                "-d",
                "-g snar",
                "--incremental",
                "-h",
                "--dereference",
                "--remove-files",
                "-N yesterday",
                "--newer=x",
                "--newer-mtime=x",
                "--exclude=x",
                "--exclude x",
                "-X x",
                "--exclude-vcs",
                "--exclude-backups",
                "--exclude-caches",
                "--ignore-failed-read",
                "--no-null",
                "--recursion",
                "--no-verbatim-files-from",
                "-w",
                "-C sub",
            ],
        ),
    ];
    for (line, options) in all {
        assert_eq!(said(&line("")), "");
        for option in options {
            assert!(!check(&line(option)).problems.is_empty(), "{}", line(option));
        }
    }
    assert_eq!(said(&rclone("--dry-run=false")), "");
    assert_eq!(said(&restic("--ignore-ctime --force")), "");
    assert_eq!(said(&borg("--files-cache=rechunk,mtime")), "");
}

#[test]
fn what_cannot_be_seen_is_said_to_be_not_checked() {
    assert_said(&[
        ("rsync: my-backup {all}", "not checked: my-backup is not a program"),
        ("rsync: sh -c 'true rsync'", "not checked: true is not a program"),
        ("rsync: sh -c 'for f in a b; do rsync -a \"$f\" x; done'", "not checked: only a shell"),
        ("rsync: sh -c 'rsync -a x/ y/'", "not checked: only a shell"),
        ("rsync: sh /no/such/script {all}", "not checked: what /no/such/script does cannot be seen"),
        ("rsync -aI0 --files-from={changed} --new-option {root}/ /d", "not checked: the option --new-option of rsync"),
        ("rsync: nice --strange 1 rsync -a", "not checked: the option --strange of nice"),
        ("rsync: sh -c 'rsync -aI0 --files-from={changed} \"$WHO\" /d'", "not checked: only the run knows"),
        ("rclone sync -lI --files-from-raw {all} here: r:", "not checked: only the run knows what here: stands for"),
        ("restic: ssh nas restic backup --files-from-raw {changed}", "not checked: it runs on another machine"),
        ("restic: ssh nas restic backup --files-from-raw {changed} -n", "nothing is stored"),
        ("tar: env TAR_OPTIONS=--exclude=x tar -cf x -C {root} --no-recursion --null -T {changed}", "TAR_OPTIONS"),
        ("rclone: env RCLONE_DRY_RUN=true rclone sync -lI --files-from-raw {all} {root} r:", "nothing is stored"),
        ("rsync: nice '' x", "not checked"),
        ("rsync: sh -c '\"$'", "not checked"),
        ("rsync: sh -c '$(('", "not checked"),
        ("tar: tar '' -T {changed}", "lacks"),
        ("text: cat {all}", ""),
    ]);
}

#[test]
fn a_failure_that_nobody_notices_is_refused() {
    let line = "rsync -aI0 --files-from={changed} {root}/ /d";
    for (script, is_lost) in [
        ("X", false),
        ("X | tee log", true),
        ("set -o pipefail; X | tee log", false),
        ("X; sync", true),
        ("X\nsync", true),
        ("X && sync", false),
        ("X || true", true),
        ("X || exit 3", false),
        ("X &", true),
        ("set -e; X; sync", false),
        ("set -e; X && echo good; sync", true),
        ("X; code=$?; sync; exit $code", false),
        ("X; exit", false),
        ("X; exit 0", true),
        ("exec X; sync", false),
        ("mount /d && X # ; sync", false),
        ("cd / && X >log 2>&1", false),
    ] {
        let command = format!("rsync: sh -c '{}'", script.replace('X', line));
        assert_eq!(
            said(&command).contains("may succeed although rsync fails"),
            is_lost,
            "{script}: {}",
            said(&command)
        );
        assert!(is_lost || said(&command).is_empty(), "{script}: {}", said(&command));
    }
}
