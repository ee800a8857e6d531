//! `rsync` (read with 3.2.7 and 3.5.0): `--from0 --files-from=LIST`, the base as its only source, and something that
//! makes it send what has the size and time of its copy.

use super::options::{Given, Parsed, Syntax, table};
use super::program::{FILTERS, FOLLOWS, NOTHING, ProgramOptions, number, text};
use super::started::Started;
use super::word::Word;
use super::{
    CommandCheck, CommandLine, CommandProblem, Destination, DestinationKind, NotChecked, OutputStream, check_each,
};
use crate::consumers::ListPart;
use crate::path::to_bytes;

const RSYNC: ProgramOptions =
    ProgramOptions { name: "rsync", syntax: Syntax::Popt, harmless: HARMLESS, against: AGAINST };

/// What rsync stores of what is listed stays the same with these.
const HARMLESS: &str = "
    verbose,v info= debug= stderr= quiet,q no-motd checksum,c archive,a relative,R backup-dir= suffix= inplace dirs,d
    mkpath links,l munge-links hard-links,H perms,p executability,E chmod= acls,A xattrs,X owner,o group,g devices
    specials D times,t atimes,U open-noatime crtimes,N omit-dir-times,O omit-link-times,J super fake-super sparse,S
    preallocate whole-file,W one-file-system,x block-size,B= rsh,e= rsync-path= del delete delete-before delete-during
    delete-delay delete-after delete-excluded ignore-missing-args delete-missing-args ignore-errors force max-delete=
    max-alloc= partial partial-dir= delay-updates numeric-ids usermap= groupmap= chown= timeout= contimeout=
    ignore-times,I modify-window,@= temp-dir,T= fuzzy,y copy-dest= compress,z compress-choice= zc= compress-level= zl=
    compress-threads= zt= skip-compress= include= files-from= from0,0 old-args secluded-args,s protect-args
    trust-sender copy-as= address= port= sockopts= blocking-io outbuf= stats 8-bit-output,8 human-readable,h progress P
    itemize-changes,i remote-option,M= out-format= log-format= log-file= log-file-format= password-file= early-input=
    bwlimit= fsync checksum-seed= ipv4,4 ipv6,6 iconv=
    no-implied-dirs no-verbose no-v no-info no-motd no-checksum no-c no-hard-links no-H no-perms no-p no-acls no-A
    no-xattrs no-X no-owner no-o no-group no-g no-devices no-specials no-D no-times no-t no-atimes no-U
    no-omit-dir-times no-O no-omit-link-times no-J no-super no-sparse no-S no-whole-file no-W no-one-file-system no-x
    no-compress no-z no-ignore-times no-I no-partial no-progress no-from0 no-force no-numeric-ids no-human-readable
    no-h no-inplace no-recursive no-r no-inc-recursive no-i-r inc-recursive i-r no-secluded-args no-protect-args no-s
    no-8-bit-output no-8 no-blocking-io no-bwlimit no-itemize-changes no-i no-delay-updates no-fsync no-preallocate
    no-fuzzy no-y no-mkpath no-dry-run no-n no-update no-u no-existing no-append no-backup no-b no-size-only
    no-prune-empty-dirs no-m no-timeout no-contimeout";

/// What must not be given, and why.
const AGAINST: &[(&str, &str)] = &[
    ("dry-run,n", NOTHING),
    ("list-only", NOTHING),
    ("only-write-batch=", NOTHING),
    ("version,V", NOTHING),
    ("help", NOTHING),
    ("recursive,r", "each listed directory would be sent with everything in it, also what the job leaves out"),
    ("no-relative", "files would lose the directories in their paths"),
    ("no-R", "files would lose the directories in their paths"),
    ("no-dirs", "listed directories would be skipped"),
    ("no-d", "listed directories would be skipped"),
    ("backup,b", "without a directory for them, the names of the old files may be those of others in the copy"),
    ("update,u", "what is newer in the copy would stay as it is there"),
    ("append", "a file that is not shorter in the copy would stay as it is there"),
    ("append-verify", "a file that is not shorter in the copy would stay as it is there"),
    ("existing", "new files would be left out"),
    ("ignore-non-existing", "new files would be left out"),
    ("ignore-existing", "changed files would be left out"),
    ("size-only", "a file that changed and kept its size would be left out"),
    ("max-size=", "larger files would be left out"),
    ("min-size=", "smaller files would be left out"),
    ("copy-links,L", FOLLOWS),
    ("copy-unsafe-links", FOLLOWS),
    ("copy-dirlinks,k", FOLLOWS),
    ("no-links", NO_LINKS),
    ("no-l", NO_LINKS),
    ("safe-links", "listed symlinks would be left out"),
    ("prune-empty-dirs,m", "listed directories would be left out"),
    ("remove-source-files", "it deletes the files that it has sent"),
    ("compare-dest=", "what is in that directory already would be left out of the destination"),
    ("link-dest=", "the new tree would hold only what is listed, without links to all the rest"),
    ("cvs-exclude,C", FILTERS),
    ("filter,f=", FILTERS),
    ("F", FILTERS),
    ("exclude=", FILTERS),
    ("exclude-from=", FILTERS),
    ("include-from=", FILTERS),
    ("read-batch=", "it sends what the batch holds, and not what is listed"),
    ("stop-after=", "what is left when the time is over is not sent"),
    ("stop-at=", "what is left when the time is over is not sent"),
    ("time-limit=", "what is left when the time is over is not sent"),
];

const NO_LINKS: &str = "listed symlinks would be left out without a word";

/// Options that `--no-` and their name or letter undoes.
const AGAINST_UNDONE: &str = "dry-run,n recursive,r backup,b update,u append size-only prune-empty-dirs,m existing";

/// Those of which the last one holds.
const CHECKSUM: &[&str] = &["checksum", "no-checksum", "no-c"];
const IGNORE_TIMES: &[&str] = &["ignore-times", "no-ignore-times", "no-I"];
const LINKS: &[&str] = &["archive", "links", "no-links", "no-l"];

/// Checks the commands that start rsync.
pub(in crate::consumers) fn check(line: &CommandLine<'_>) -> CommandCheck {
    check_each(line, &["rsync"], RSYNC.name, |started, found| check_start(line, started, found))
}

fn check_start(line: &CommandLine<'_>, started: &Started, found: &mut CommandCheck) {
    let parsed = RSYNC.parse(&started.words[1..], found);
    let list = parsed.last(&["files-from"]).and_then(|given| given.value.as_ref());
    RSYNC.check_list("--files-from", list, started, &parsed.others, found);
    if list.is_none() && started.is_scripted {
        return;
    }
    if parsed.strange.is_none() && !started.is_loose && !started.is_elsewhere {
        check_places(line, started, &parsed, found);
    }
    if parsed.last(&["from0", "no-from0"]).is_none_or(|given| given.name == "no-from0") {
        RSYNC.lacks("--from0", "it would read the whole list as one name, and store nothing", found);
    }
    RSYNC.check_against(&parsed, found, |given| is_fine(given, &parsed));
    for given in &parsed.options {
        let value = given.value.as_ref().and_then(Word::plain).unwrap_or_default();
        match given.name {
            "info" | "debug" if value.starts_with(b"help") => RSYNC.refuse(given, NOTHING, found),
            "remote-option" if value != b"--fake-super" => {
                found.leave_unchecked(NotChecked::Option {
                    program: RSYNC.name.to_owned(),
                    option: given.written.clone(),
                });
            }
            _ => {}
        }
    }
    let is_on = |names: &[&str]| parsed.last(names).is_some_and(|given| !given.name.starts_with("no-"));
    if !is_on(IGNORE_TIMES) && !is_on(CHECKSUM) {
        RSYNC.lacks("-I", "what is listed and has the size and time of its copy would not be sent", found);
    }
    if !parsed.has(LINKS) {
        RSYNC.lacks("-a", "symlinks would be left out without a word", found);
    }
    check_deletions(list.and_then(Word::list), &parsed, found);
    let says =
        |given: &Given| given.value.as_ref().and_then(Word::plain).is_some_and(|flags| flags.starts_with(b"stats"));
    if parsed.has(&["stats"]) || parsed.last(&["info"]).is_some_and(says) {
        found.counts = Some(OutputStream::Output);
    }
}

/// Whether an option that must not be given does no harm here.
fn is_fine(given: &Given, parsed: &Parsed) -> bool {
    let is_undone = |later: &Given| later.name.strip_prefix("no-").is_some_and(|name| undoes(name, given.name));
    let behind = parsed.options.iter().skip_while(|other| *other != given);
    if behind.skip(1).any(is_undone) {
        return true;
    }
    match given.name {
        "backup" => parsed.has(&["backup-dir", "suffix"]),
        "filter" => given.value.as_ref().and_then(Word::plain).is_some_and(shows_or_protects),
        _ => false,
    }
}

/// Whether `--no-NAME` undoes an option.
fn undoes(name: &str, option: &str) -> bool {
    let known = table(AGAINST_UNDONE).find(|known| known.name == option);
    name == option || known.is_some_and(|known| known.letter.is_some_and(|letter| name == letter.to_string()))
}

/// Whether a filter rule leaves nothing out of what is sent.
fn shows_or_protects(rule: &[u8]) -> bool {
    let word = rule.split(|byte| matches!(byte, b' ' | b'_' | b',')).next().unwrap_or_default();
    matches!(word, b"+" | b"include" | b"S" | b"show" | b"P" | b"protect" | b"R" | b"risk")
}

/// A list with what is gone needs the options that delete it.
fn check_deletions(list: Option<ListPart>, parsed: &Parsed, found: &mut CommandCheck) {
    let deletes = parsed.has(&["delete-missing-args"]);
    if list == Some(ListPart::All) && !deletes && !parsed.has(&["ignore-missing-args"]) {
        RSYNC.lacks("--delete-missing-args", "it would fail whenever something listed is gone", found);
    }
    let any = ["force", "del", "delete", "delete-before", "delete-during", "delete-delay", "delete-after"];
    if deletes && !parsed.has(&any) {
        RSYNC.lacks("--force", "a directory that is gone would stay with everything in it", found);
    }
}

/// One source, which is the base, and one destination behind it.
fn check_places(line: &CommandLine<'_>, started: &Started, parsed: &Parsed, found: &mut CommandCheck) {
    let current_dir = started.current_dir.as_deref();
    let Some((destination, sources)) = parsed.others.split_last() else {
        found.problem(CommandProblem::NoDestination { program: RSYNC.name });
        return;
    };
    match sources {
        [] => match destination.path(line.base, current_dir) {
            Some(path) if line.is_base(&path) => found.problem(CommandProblem::NoDestination { program: RSYNC.name }),
            _ => RSYNC.other_source(line.base, found),
        },
        [source] if source.is_unknown() => found.leave_unchecked(NotChecked::Word(source.shown())),
        [source] => match source.path(line.base, current_dir) {
            Some(path) if line.is_base(&path) && !is_remote(source) => {}
            None if source.list_within().is_none() && !is_remote(source) => {
                found.leave_unchecked(NotChecked::Word(source.shown()));
            }
            _ => RSYNC.other_source(line.base, found),
        },
        _ => RSYNC.other_source(line.base, found),
    }
    let as_written = destination.shown();
    if is_remote(destination) {
        found.destinations.push(Destination { as_written, kind: DestinationKind::Remote });
    } else if let Some(path) = destination.path(line.base, current_dir) {
        found.file_if_missing = (!destination.bytes().ends_with(b"/")).then(|| path.clone());
        found.destinations.push(Destination { as_written, kind: DestinationKind::Directory(path) });
    }
}

/// `host:path`, `host::module` or `rsync://host/module`: a colon before any slash.
fn is_remote(word: &Word) -> bool {
    let shown = word.shown();
    let bytes = to_bytes(std::path::Path::new(&shown)).into_owned();
    bytes.iter().find(|byte| matches!(byte, b':' | b'/')) == Some(&b':')
}

/// `Number of files: 1,234 (reg: 1,200, dir: 34)`. What is listed and gone counts as a regular file too.
pub(in crate::consumers) fn stored_files(line: &[u8]) -> Option<u64> {
    let total = text(line)?.strip_prefix("Number of files: ")?;
    match (total.split_once("reg: "), total.split_once(' ')) {
        (Some((_, count)), _) => number(count.split([' ', ')']).next()?.trim_end_matches(',')),
        (None, Some(_)) => Some(0),
        // Before 3.1, and on macOS: directories count too.
        (None, None) => number(total).filter(|total| *total == 0),
    }
}
