//! GNU `tar` (read with 1.34): it makes an archive, and `-C BASE --no-recursion --null` stand before `-T LIST`.

use super::options::{Given, Parsed, Syntax};
use super::program::{FILTERS, FOLLOWS, NOTHING, ProgramOptions};
use super::started::Started;
use super::word::Word;
use super::{CommandCheck, CommandLine, CommandProblem, Destination, DestinationKind, NotChecked, check_each};
use crate::path::{absolute, to_bytes};

const TAR: ProgramOptions = ProgramOptions { name: "tar", syntax: Syntax::Gnu, harmless: HARMLESS, against: AGAINST };

const HARMLESS: &str = "
    create,c append,r file,f= directory,C= files-from,T= null no-null recursion no-recursion verbatim-files-from
    no-verbatim-files-from unquote no-unquote sparse,S sparse-version= hole-detection= check-device no-check-device
    seek,n no-seek add-file= verify,W atime-preserve[=] clamp-mtime group= group-map= mode= mtime= numeric-owner owner=
    owner-map= preserve-permissions,p same-permissions same-owner sort= preserve-order,s same-order acls no-acls selinux
    no-selinux xattrs no-xattrs xattrs-exclude= xattrs-include= force-local rmt-command= rsh-command=
    blocking-factor,b= read-full-records,B record-size= format,H= old-archive portability pax-option= posix label,V=
    auto-compress,a no-auto-compress use-compress-program,I= bzip2,j xz,J lzip lzma lzop zstd gzip,z gunzip ungzip
    compress,Z uncompress hard-dereference absolute-names,P checkpoint[=] full-time index-file= check-links,l
    no-quote-chars= quote-chars= quoting-style= block-number,R show-omitted-dirs show-transformed-names
    show-stored-names totals[=] utc verbose,v warning= o restrict keep-old-files,k
    touch,m one-file-system ignore-zeros,i multi-volume,M anchored no-anchored ignore-case no-ignore-case
    wildcards no-wildcards wildcards-match-slash no-wildcards-match-slash";

const AGAINST: &[(&str, &str)] = &[
    ("update,u", "what is as old as its copy in the archive would be left out"),
    ("extract,x", NOTHING),
    ("get", NOTHING),
    ("list,t", NOTHING),
    ("diff,d", NOTHING),
    ("compare", NOTHING),
    ("delete", NOTHING),
    ("catenate,A", NOTHING),
    ("concatenate", NOTHING),
    ("test-label", NOTHING),
    ("help,?", NOTHING),
    ("usage", NOTHING),
    ("version", NOTHING),
    ("show-defaults", NOTHING),
    ("show-snapshot-field-ranges", NOTHING),
    ("interactive,w", "it asks for each name, and nobody answers"),
    ("confirmation", "it asks for each name, and nobody answers"),
    ("listed-incremental,g=", "it leaves out what is as old as it remembers, and reads whole directories"),
    ("incremental,G", "it reads whole directories"),
    ("ignore-failed-read", "what cannot be read would be left out, and the command would succeed"),
    ("remove-files", "it deletes the files that it has stored"),
    ("dereference,h", FOLLOWS),
    ("newer,N=", "older files would be left out"),
    ("after-date=", "older files would be left out"),
    ("newer-mtime=", "older files would be left out"),
    ("exclude=", FILTERS),
    ("exclude-from,X=", FILTERS),
    ("exclude-backups", FILTERS),
    ("exclude-caches", FILTERS),
    ("exclude-caches-all", FILTERS),
    ("exclude-caches-under", FILTERS),
    ("exclude-ignore=", FILTERS),
    ("exclude-ignore-recursive=", FILTERS),
    ("exclude-tag=", FILTERS),
    ("exclude-tag-all=", FILTERS),
    ("exclude-tag-under=", FILTERS),
    ("exclude-vcs", FILTERS),
    ("exclude-vcs-ignores", FILTERS),
];

/// Checks the commands that start tar.
pub(in crate::consumers) fn check(line: &CommandLine<'_>) -> CommandCheck {
    check_each(line, &["tar", "gtar"], TAR.name, |started, found| check_start(line, started, found))
}

fn check_start(line: &CommandLine<'_>, started: &Started, found: &mut CommandCheck) {
    if started.variable("TAR_OPTIONS", line).is_some_and(|options| !options.is_empty()) {
        found.leave_unchecked(NotChecked::Word("TAR_OPTIONS".into()));
    }
    let parsed = TAR.parse(&with_dashes(&started.words[1..]), found);
    let lists: Vec<_> = parsed.options.iter().enumerate().filter(|(_, given)| given.name == "files-from").collect();
    let is_list = |given: &Given| given.value.as_ref().is_some_and(|value| value.list().is_some());
    let ours = lists.iter().find(|(_, given)| is_list(given)).or(lists.first()).copied();
    TAR.check_list("-T", ours.and_then(|(_, given)| given.value.as_ref()), started, &parsed.others, found);
    let Some((at, _)) = ours else { return };
    if !parsed.has(&["create", "append"]) && !parsed.options.iter().any(|given| is_other_mode(given.name)) {
        TAR.lacks("--create", "it would do nothing", found);
    }
    TAR.check_against(&parsed, found, |_| false);
    check_before(&parsed.options[..at], found);
    if !started.is_elsewhere && parsed.strange.is_none() {
        check_directory(line, started, &parsed.options[..at], found);
        check_archive(line, started, &parsed, found);
    }
}

/// The first word may be a bundle of letters without a dash, whose values are the next words.
fn with_dashes(words: &[Word]) -> Vec<Word> {
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    let letters = first.plain().filter(|text| !text.is_empty() && text.iter().all(u8::is_ascii_alphabetic));
    let Some(letters) = letters.filter(|text| text[0] != b'-') else { return words.to_vec() };
    let mut rest = rest.iter();
    let mut found = Vec::new();
    for letter in letters {
        found.push(Word::text(&[b'-', *letter]));
        if b"fCTbVHXgNIKLF".contains(letter) {
            found.extend(rest.next().cloned());
        }
    }
    found.extend(rest.cloned());
    found
}

fn is_other_mode(name: &str) -> bool {
    let modes = ["update", "extract", "get", "list", "diff", "compare", "delete", "catenate", "concatenate"];
    modes.contains(&name) || name == "test-label"
}

/// What must stand before the list.
fn check_before(before: &[Given], found: &mut CommandCheck) {
    let last = |names: [&str; 2]| before.iter().rfind(|given| names.contains(&given.name)).map(|given| given.name);
    if last(["null", "no-null"]) != Some("null") {
        TAR.lacks("--null before -T", "it would read the whole list as one name", found);
    }
    if last(["recursion", "no-recursion"]) != Some("no-recursion") {
        let why = "each listed directory would be stored with everything in it, also what the job leaves out";
        TAR.lacks("--no-recursion before -T", why, found);
    }
    if last(["verbatim-files-from", "no-verbatim-files-from"]) == Some("no-verbatim-files-from") {
        TAR.lacks("--verbatim-files-from", "it would take names that begin with a dash for options", found);
    }
}

/// Each `-C` is seen from the one before. They hold for what follows.
fn check_directory(line: &CommandLine<'_>, started: &Started, before: &[Given], found: &mut CommandCheck) {
    let mut dir = started.current_dir.clone();
    for given in before.iter().filter(|given| given.name == "directory") {
        let Some(word) = &given.value else { continue };
        dir = word.resolved(line.base).and_then(|to| {
            let to = std::path::PathBuf::from(to);
            if to.is_absolute() {
                Some(absolute(&to, std::path::Path::new("/")))
            } else {
                Some(absolute(&to, dir.as_deref()?))
            }
        });
    }
    match dir {
        Some(dir) if line.is_base(&dir) => {}
        Some(_) => TAR.other_source(line.base, found),
        None => found.leave_unchecked(NotChecked::Word("-C".into())),
    }
}

/// The archive: a file, something remote, or standard output.
fn check_archive(line: &CommandLine<'_>, started: &Started, parsed: &Parsed, found: &mut CommandCheck) {
    let given = parsed.last(&["file"]);
    let file = given.and_then(|given| given.value.as_ref()).filter(|word| word.bytes() != b"-");
    let Some(word) = file.or(started.output.as_ref()) else {
        // An archive on the standard output of a job is kept by nobody.
        if !started.is_piped_out && !started.is_loose {
            found.problem(CommandProblem::NoDestination { program: TAR.name });
        }
        return;
    };
    if word.bytes() == b"/dev/null" {
        match given.filter(|_| file.is_some()) {
            Some(given) => TAR.refuse(given, NOTHING, found),
            None => TAR.lacks("a file", "its archive goes to /dev/null", found),
        }
        return;
    }
    let as_written = word.shown();
    let shown = to_bytes(std::path::Path::new(&as_written)).into_owned();
    let has_host = shown.iter().find(|byte| matches!(byte, b':' | b'/')) == Some(&b':');
    if has_host && file.is_some() && !parsed.has(&["force-local"]) {
        found.destinations.push(Destination { as_written, kind: DestinationKind::Remote });
    } else if let Some(path) = word.path(line.base, started.current_dir.as_deref()) {
        found.destinations.push(Destination { as_written, kind: DestinationKind::File(path) });
    }
}
