//! `restic` (read with 0.14 and 0.17): `backup` with `--files-from-raw`.

use super::options::{Parsed, Syntax};
use super::program::{FILTERS, NOTHING, ProgramOptions, number, text};
use super::started::Started;
use super::word::Word;
use super::{CommandCheck, CommandLine, CommandProblem, Destination, DestinationKind, OutputStream, check_each};
use crate::path::to_bytes;

const RESTIC: ProgramOptions =
    ProgramOptions { name: "restic", syntax: Syntax::Go, harmless: HARMLESS, against: AGAINST };

const HARMLESS: &str = "
    files-from= files-from-raw= files-from-verbatim= force,f host,H= group-by,g= one-file-system,x parent= tag= time=
    with-atime no-scan read-concurrency= skip-if-unchanged use-fs-snapshot cacert= cache-dir= cleanup-cache compression=
    http-user-agent= insecure-tls insecure-no-password json key-hint= limit-download= limit-upload= no-cache
    no-extra-verify no-lock option,o= pack-size= password-command= password-file,p= quiet,q repo,r= repository-file=
    retry-lock= stuck-request-timeout= tls-client-cert= verbose,v[=]";

const AGAINST: &[(&str, &str)] = &[
    ("dry-run,n", NOTHING),
    ("help,h", NOTHING),
    ("stdin", NOTHING),
    ("stdin-from-command", NOTHING),
    ("stdin-filename=", NOTHING),
    ("exclude,e=", FILTERS),
    ("iexclude=", FILTERS),
    ("exclude-file=", FILTERS),
    ("iexclude-file=", FILTERS),
    ("exclude-caches", FILTERS),
    ("exclude-cloud-files", FILTERS),
    ("exclude-if-present=", FILTERS),
    ("exclude-larger-than=", "larger files would be left out without a word"),
    ("ignore-ctime", KEPT_TIME),
    ("ignore-inode", KEPT_TIME),
];

const KEPT_TIME: &str = "what changed and kept its size and time would be left out";

/// Checks the commands that start restic.
pub(in crate::consumers) fn check(line: &CommandLine<'_>) -> CommandCheck {
    check_each(line, &["restic"], RESTIC.name, |started, found| check_start(line, started, found))
}

fn check_start(line: &CommandLine<'_>, started: &Started, found: &mut CommandCheck) {
    let parsed = RESTIC.parse(&started.words[1..], found);
    let command = parsed.others.first();
    if command.is_none_or(|command| command.plain() != Some(b"backup")) {
        if parsed.strange.is_some() || command.is_some_and(Word::is_unknown) {
            return;
        }
        let option = command.map_or_else(|| RESTIC.name.to_owned(), |word| word.shown().to_string_lossy().into_owned());
        let why = "only backup stores what is listed";
        return found.problem(CommandProblem::Against { program: RESTIC.name, option, why });
    }
    for given in &parsed.options {
        let is_list = given.value.as_ref().is_some_and(|value| value.list_within().is_some() || value.bytes() == b"-");
        if matches!(given.name, "files-from" | "files-from-verbatim") && is_list {
            RESTIC.refuse(given, "names in this list end with NUL, and not with a newline", found);
        }
    }
    let lists = parsed.options.iter().filter(|given| given.name == "files-from-raw");
    let lists: Vec<_> = lists.filter_map(|given| given.value.as_ref()).collect();
    if !lists.is_empty() || found.problems.is_empty() {
        // It reads all of them.
        let ours = lists.iter().find(|value| value.list().is_some()).or(lists.first());
        RESTIC.check_list("--files-from-raw", ours.copied(), started, &parsed.others, found);
    }
    RESTIC.check_against(&parsed, found, |given| {
        matches!(given.name, "ignore-ctime" | "ignore-inode") && parsed.has(&["force"])
    });
    if !parsed.has(&["quiet"]) {
        found.counts = Some(OutputStream::Output);
    }
    if !started.is_elsewhere {
        found.destinations.extend(destination(line, started, &parsed));
    }
}

/// The repository, which an option or a variable names.
fn destination(line: &CommandLine<'_>, started: &Started, parsed: &Parsed) -> Option<Destination> {
    let given = parsed.last(&["repo"]).and_then(|given| given.value.clone());
    let word = given.or_else(|| started.variable("RESTIC_REPOSITORY", line))?;
    let as_written = word.shown();
    let local = word.strip("local:");
    let shown = to_bytes(std::path::Path::new(&as_written)).into_owned();
    let is_remote = [&b"sftp:"[..], b"rest:", b"s3:", b"b2:", b"azure:", b"gs:", b"swift:", b"rclone:"]
        .iter()
        .any(|scheme| shown.starts_with(scheme));
    let kind = if is_remote {
        DestinationKind::Remote
    } else {
        let word = local.as_ref().unwrap_or(&word);
        DestinationKind::Repository(word.path(line.base, started.current_dir.as_deref())?)
    };
    Some(Destination { as_written, kind })
}

/// `Files: 3 new, 1 changed, 0 unmodified`, or the same as JSON.
pub(in crate::consumers) fn stored_files(line: &[u8]) -> Option<u64> {
    let line = text(line)?;
    if line.starts_with('{') {
        let keys = ["files_new", "files_changed", "files_unmodified"];
        let summary: serde_json::Value = serde_json::from_str(line).ok()?;
        return keys.iter().map(|key| summary.get(key)?.as_u64()).sum();
    }
    let parts = line.strip_prefix("Files:")?.split(',');
    parts.map(|part| number(part.split_whitespace().next()?)).sum()
}
