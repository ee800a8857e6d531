//! `rclone` (read with 1.60.1): `sync` or `copy` from the base with `--files-from-raw`, and `--ignore-times`.
//!
//! Filters need no rule: rclone refuses them beside a list. It reads its options from variables too.

use super::options::{Parsed, Syntax, table};
use super::program::{FOLLOWS, NOTHING, ProgramOptions, number, text};
use super::started::Started;
use super::word::Word;
use super::{
    CommandCheck, CommandLine, CommandProblem, Destination, DestinationKind, NotChecked, OutputStream, check_each,
};
use crate::path::to_bytes;

/// What the path of a remote that needs no configuration begins with.
pub(super) const LOCAL: &str = ":local:";

const RCLONE: ProgramOptions =
    ProgramOptions { name: "rclone", syntax: Syntax::Go, harmless: HARMLESS, against: AGAINST };

const HARMLESS: &str = "
    ask-password auto-confirm backup-dir= bind= buffer-size= bwlimit= bwlimit-file= ca-cert= check-first checkers=
    checksum,c client-cert= client-key= config= contimeout= copy-dest= cutoff-mode= delete-after delete-before
    delete-during disable= disable-http-keep-alives disable-http2 dscp= dump= dump-bodies dump-headers
    error-on-no-transfer exclude= exclude-from= exclude-if-present= expect-continue-timeout= fast-list files-from=
    files-from-raw= files-from0= filter,f= filter-from= header= header-download= header-upload= human-readable
    ignore-case ignore-checksum ignore-errors ignore-size ignore-times,I immutable include= include-from= interactive,i
    links,l local-no-check-updated local-no-preallocate local-no-set-modtime local-no-sparse log-file= log-format=
    log-level= log-systemd low-level-retries= max-age= max-backlog= max-delete= max-delete-size= max-size=
    max-stats-groups= max-transfer= metadata,M metadata-set= min-age= min-size= modify-window= multi-thread-cutoff=
    multi-thread-streams= no-check-certificate no-check-dest no-console no-gzip-encoding no-traverse
    no-unicode-normalization no-update-modtime no-update-dir-modtime order-by= password-command= progress,P
    progress-terminal-title quiet,q rc rc-addr= rc-no-auth rc-pass= rc-user= retries= retries-sleep= inplace
    partial-suffix= server-side-across-configs size-only skip-links stats= stats-file-name-length= stats-log-level=
    stats-one-line stats-one-line-date stats-one-line-date-format= stats-unit= streaming-upload-cutoff= suffix=
    suffix-keep-extension syslog syslog-facility= temp-dir= timeout= tpslimit= tpslimit-burst= track-renames
    track-renames-strategy= transfers= update,u use-cookies use-json-log use-mmap use-server-modtime user-agent=
    verbose,v[=] create-empty-src-dirs existing ignore-case-sync max-duration=
    one-file-system,x";

const AGAINST: &[(&str, &str)] = &[
    ("dry-run,n", NOTHING),
    ("help,h", NOTHING),
    ("version,V", NOTHING),
    ("compare-dest=", "what is in that directory already would be left out of the destination"),
    ("ignore-existing", "changed files would be left out"),
    ("max-depth=", "what lies deeper would be left out without a word"),
    ("delete-excluded", "it deletes in the destination what is not listed"),
    ("copy-links,L", FOLLOWS),
    ("refresh-times", NOTHING),
];

/// Checks the commands that start rclone.
pub(in crate::consumers) fn check(line: &CommandLine<'_>) -> CommandCheck {
    check_each(line, &["rclone"], RCLONE.name, |started, found| check_start(line, started, found))
}

fn check_start(line: &CommandLine<'_>, started: &Started, found: &mut CommandCheck) {
    let words: Vec<Word> = of_environment(line, started).chain(started.words[1..].iter().cloned()).collect();
    let parsed = RCLONE.parse(&words, found);
    let Some((command, places)) = parsed.others.split_first() else {
        return RCLONE.check_list("--files-from-raw", None, started, &[], found);
    };
    if !matches!(command.plain(), Some(b"sync" | b"copy")) {
        if parsed.strange.is_some() || command.is_unknown() {
            return;
        }
        let option = command.shown().to_string_lossy().into_owned();
        let why = "only sync and copy store what is listed, and leave the source alone";
        return found.problem(CommandProblem::Against { program: RCLONE.name, option, why });
    }
    check_lists(started, &parsed, found);
    if parsed.strange.is_none() && !started.is_loose && !started.is_elsewhere {
        check_places(line, started, places, found);
    }
    RCLONE.check_against(&parsed, found, |_| false);
    if parsed.has(&["progress"]) {
        found.counts = Some(OutputStream::Output);
    } else if parsed.has(&["verbose"]) && !parsed.has(&["quiet", "log-file", "syslog", "use-json-log"]) {
        found.counts = Some(OutputStream::Error);
    }
    if !parsed.has(&["ignore-times", "no-check-dest"]) {
        RCLONE.lacks("--ignore-times", "what is listed and has the size and time of its copy would not be sent", found);
    }
}

/// The options that variables stand for: `RCLONE_DRY_RUN=true` is `--dry-run=true`.
fn of_environment<'w>(line: &'w CommandLine<'_>, started: &'w Started) -> impl Iterator<Item = Word> {
    let inherited = line.environment.iter().filter_map(|(name, value)| Some((name.to_str()?, Word::literal(value))));
    let own = started.variables.iter().filter_map(|(name, value)| Some((name.as_str(), value.clone()?)));
    inherited.chain(own).filter_map(|(name, value)| {
        let name = name.strip_prefix("RCLONE_")?.to_lowercase().replace('_', "-");
        // Those of remotes and of the configuration are no options of the command.
        if name.starts_with("config") || name.starts_with("rc-") || name.contains("pass") {
            return None;
        }
        // A value of a backend is known to its remote alone.
        let against = AGAINST.iter().map(|(option, _)| *option);
        if !std::iter::once(HARMLESS).chain(against).any(|text| table(text).any(|known| known.name == name)) {
            return None;
        }
        let mut word = Word::text(format!("--{name}=").as_bytes());
        word.append(&value);
        Some(word)
    })
}

fn check_lists(started: &Started, parsed: &Parsed, found: &mut CommandCheck) {
    for given in &parsed.options {
        let is_list = given.value.as_ref().is_some_and(|value| value.list_within().is_some() || value.bytes() == b"-");
        let why = match given.name {
            "files-from" if is_list => "it leaves out names that begin with # or ;, and blanks at the ends of names",
            "files-from0" if is_list => "names in this list end with a newline, and not with NUL",
            _ => continue,
        };
        RCLONE.refuse(given, why, found);
    }
    // It reads all of them.
    let lists = parsed.options.iter().filter(|given| given.name == "files-from-raw");
    let lists: Vec<_> = lists.filter_map(|given| given.value.as_ref()).collect();
    if lists.is_empty() && !found.problems.is_empty() {
        return;
    }
    let ours = lists.iter().find(|value| value.list().is_some()).or(lists.first());
    RCLONE.check_list("--files-from-raw", ours.copied(), started, &parsed.others, found);
}

fn check_places(line: &CommandLine<'_>, started: &Started, places: &[Word], found: &mut CommandCheck) {
    let current_dir = started.current_dir.as_deref();
    match places.first() {
        // The root may have another name in the configuration of rclone.
        Some(source) if source.is_unknown() || is_remote(source) => {
            found.leave_unchecked(NotChecked::Word(source.shown()));
        }
        Some(source) => match source.path(line.base, current_dir) {
            Some(path) if line.is_base(&path) => {}
            None if source.list_within().is_none() => found.leave_unchecked(NotChecked::Word(source.shown())),
            _ => RCLONE.other_source(line.base, found),
        },
        None => RCLONE.other_source(line.base, found),
    }
    match places {
        [_, destination] => {
            let as_written = destination.shown();
            // A remote that needs no configuration.
            let destination = &destination.strip(LOCAL).unwrap_or_else(|| destination.clone());
            if is_remote(destination) {
                found.destinations.push(Destination { as_written, kind: DestinationKind::Remote });
            } else if let Some(path) = destination.path(line.base, current_dir) {
                found.destinations.push(Destination { as_written, kind: DestinationKind::Directory(path) });
            }
        }
        [] | [_] => found.problem(CommandProblem::NoDestination { program: RCLONE.name }),
        _ => {}
    }
}

/// `remote:path`: a colon before any slash.
fn is_remote(word: &Word) -> bool {
    let shown = word.shown();
    let bytes = to_bytes(std::path::Path::new(&shown)).into_owned();
    bytes.iter().find(|byte| matches!(byte, b':' | b'/')) == Some(&b':')
}

/// `Transferred: 3 / 3, 100%`, where the other line of that name counts bytes.
pub(in crate::consumers) fn stored_files(line: &[u8]) -> Option<u64> {
    let line = text(line)?;
    if line.ends_with("There was nothing to transfer") {
        return Some(0);
    }
    let (done, _) = line.strip_prefix("Transferred:")?.split_once('/')?;
    number(done.trim())
}
