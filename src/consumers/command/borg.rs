//! `borg` (read with 1.2.4): `create` with the paths from standard input or from `cat`, ended by NUL.

use super::options::{Parsed, Syntax};
use super::program::{NOTHING, ProgramOptions, number, text};
use super::started::Started;
use super::word::Word;
use super::{
    CommandCheck, CommandLine, CommandProblem, Destination, DestinationKind, NotChecked, OutputStream, check_each,
};
use crate::path::to_bytes;

const BORG: ProgramOptions =
    ProgramOptions { name: "borg", syntax: Syntax::Python, harmless: HARMLESS, against: AGAINST };

const HARMLESS: &str = "
    critical error warning info verbose,v debug debug-topic= progress,p iec log-json lock-wait= bypass-lock show-version
    show-rc umask= remote-path= remote-ratelimit= upload-ratelimit= remote-buffer= upload-buffer= consider-part-files
    debug-profile= rsh= stats,s list filter= json no-cache-sync no-files-cache paths-from-stdin paths-from-command
    paths-delimiter= keep-exclude-tags one-file-system,x numeric-owner numeric-ids noatime atime noctime nobirthtime
    nobsdflags noflags noacls noxattrs sparse files-cache= comment= timestamp= checkpoint-interval,c=
    checkpoint-volume= chunker-params= compression,C= read-special repo,r= stdin-name= stdin-user= stdin-group= stdin-mode=";

const AGAINST: &[(&str, &str)] = &[
    ("dry-run,n", NOTHING),
    ("help,h", NOTHING),
    ("version,V", NOTHING),
    ("content-from-command", "it stores what the command prints, and nothing that is listed"),
    ("exclude,e=", EXCLUDES),
    ("exclude-from=", EXCLUDES),
    ("pattern=", EXCLUDES),
    ("patterns-from=", EXCLUDES),
    ("exclude-caches", EXCLUDES),
    ("exclude-if-present=", EXCLUDES),
    ("exclude-nodump", EXCLUDES),
];

const EXCLUDES: &str =
    "some versions of borg store what it matches, and others would leave it out; let the job leave it out instead";

/// Checks the commands that start borg.
pub(in crate::consumers) fn check(line: &CommandLine<'_>) -> CommandCheck {
    check_each(line, &["borg"], BORG.name, |started, found| check_start(line, started, found))
}

fn check_start(line: &CommandLine<'_>, started: &Started, found: &mut CommandCheck) {
    let parsed = BORG.parse(&started.words[1..], found);
    let command = parsed.others.first();
    if command.is_none_or(|command| command.plain() != Some(b"create")) {
        if parsed.strange.is_some() || command.is_some_and(Word::is_unknown) {
            return;
        }
        let option = command.map_or_else(|| BORG.name.to_owned(), |word| word.shown().to_string_lossy().into_owned());
        let why = "only create stores what is listed";
        return found.problem(CommandProblem::Against { program: BORG.name, option, why });
    }
    // An archive may be named by `-r REPO NAME` too, and is the first word in any case.
    let (archive, paths) = parsed.others[1..].split_first().map_or((None, &[][..]), |(a, rest)| (Some(a), rest));
    check_list(started, &parsed, paths, found);
    BORG.check_against(&parsed, found, |_| false);
    let mode = parsed.last(&["files-cache"]);
    if let Some((given, value)) = mode.and_then(|given| Some((given, given.value.as_ref()?.plain()?))) {
        let words: Vec<_> = value.split(|byte| *byte == b',').collect();
        if !words.iter().any(|word| matches!(*word, b"ctime" | b"rechunk" | b"disabled")) {
            BORG.refuse(given, "what changed and kept its size and time would be left out", found);
        }
    }
    if parsed.has(&["json"]) {
        found.counts = Some(OutputStream::Output);
    } else if parsed.has(&["stats"]) && !parsed.has(&["log-json"]) {
        found.counts = Some(OutputStream::Error);
    }
    if !started.is_elsewhere {
        found.destinations.extend(destination(line, started, &parsed, archive));
    }
}

fn check_list(started: &Started, parsed: &Parsed, paths: &[Word], found: &mut CommandCheck) {
    let is_loose = parsed.strange.is_some() || started.is_loose;
    if parsed.has(&["paths-from-command"]) {
        match paths {
            [cat, list] if cat.file_name() == Some("cat") => {
                BORG.check_list("--paths-from-command", Some(list), started, paths, found);
            }
            [cat] if cat.file_name() == Some("cat") => {
                BORG.check_list("--paths-from-command", Some(&Word::text(b"-")), started, paths, found);
            }
            _ if is_loose || paths.iter().any(|word| word.list_within().is_some() || word.is_unknown()) => {
                let command = paths.first().map(Word::shown).unwrap_or_default();
                found.leave_unchecked(NotChecked::Program(command));
            }
            _ => BORG.check_list("--paths-from-command", None, started, &[], found),
        }
    } else if parsed.has(&["paths-from-stdin"]) {
        BORG.check_list("--paths-from-stdin", Some(&Word::text(b"-")), started, &[], found);
    } else {
        BORG.check_list("--paths-from-command", None, started, paths, found);
        return;
    }
    let delimiter = parsed.last(&["paths-delimiter"]).and_then(|given| given.value.as_ref());
    match delimiter.map(Word::bytes) {
        Some(br"\0" | br"\x00" | br"\000") => {}
        Some(_) if delimiter.is_some_and(Word::is_unknown) => {
            found.leave_unchecked(NotChecked::Word(delimiter.map(Word::shown).unwrap_or_default()));
        }
        _ => BORG.lacks(r"--paths-delimiter '\0'", "it would read the whole list as one name", found),
    }
}

/// The repository: before `::` in the name of the archive, or of an option or a variable.
fn destination(
    line: &CommandLine<'_>,
    started: &Started,
    parsed: &Parsed,
    archive: Option<&Word>,
) -> Option<Destination> {
    let archive = archive.filter(|_| parsed.strange.is_none() && !started.is_loose);
    let split = archive.and_then(|word| word.bytes().windows(2).position(|pair| pair == b"::").map(|at| (word, at)));
    let own = split.map(|(word, at)| Word::text(&word.bytes()[..at])).filter(|word| !word.is_empty());
    let given = parsed.last(&["repo"]).and_then(|given| given.value.clone());
    let word = own.clone().or(given).or_else(|| started.variable("BORG_REPO", line))?;
    let as_written = match split.filter(|_| own.is_some()) {
        Some((archive, _)) => archive.shown(),
        None => word.shown(),
    };
    let shown = to_bytes(std::path::Path::new(&word.shown())).into_owned();
    let local = word.strip("file://");
    // `user@host:path` or `ssh://…`: a colon before any slash.
    let is_remote = shown.iter().find(|byte| matches!(byte, b':' | b'/')) == Some(&b':');
    let kind = if is_remote && local.is_none() {
        DestinationKind::Remote
    } else {
        let word = local.as_ref().unwrap_or(&word);
        DestinationKind::Repository(word.path(line.base, started.current_dir.as_deref())?)
    };
    Some(Destination { as_written, kind })
}

/// `Number of files: 3`, or `"nfiles": 3,` of JSON.
pub(in crate::consumers) fn stored_files(line: &[u8]) -> Option<u64> {
    let line = text(line)?;
    let count = line.strip_prefix("Number of files:").or_else(|| line.strip_prefix("\"nfiles\":"))?;
    number(count.trim().trim_end_matches(','))
}
