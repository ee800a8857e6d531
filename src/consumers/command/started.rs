//! Which programs a command starts: it looks through programs that start another one, such as nice or sudo.

use std::path::PathBuf;

use super::options::{Parsed, Syntax};
use super::shell::{self, ShellText};
use super::starter;
use super::word::Word;
use super::{CommandLine, NotChecked};
use crate::consumers::ListPart;

/// A program that is started, with its words.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Started {
    /// The program and its arguments.
    pub(super) words: Vec<Word>,
    /// The variables that are set for it alone, or none where they are taken away.
    pub(super) variables: Vec<(String, Option<Word>)>,
    /// What took variables away.
    pub(super) cleared_by: Option<String>,
    /// What it reads from standard input, if the command says so.
    pub(super) input: Option<Word>,
    /// Whether another program writes to its standard input.
    pub(super) is_piped_into: bool,
    /// The file that its standard output goes to.
    pub(super) output: Option<Word>,
    /// Whether another program reads its standard output.
    pub(super) is_piped_out: bool,
    /// Where it runs, if that is known.
    pub(super) current_dir: Option<PathBuf>,
    /// Whether a shell starts it, which may do other things too.
    pub(super) is_scripted: bool,
    /// Whether it may have more or fewer words.
    pub(super) is_loose: bool,
    /// Whether it runs on another machine.
    pub(super) is_elsewhere: bool,
    /// Whether the command may succeed although this program fails.
    pub(super) loses_failure: bool,
    /// Whether the command may succeed without starting it.
    pub(super) may_be_skipped: bool,
    /// Whether one of these is not known.
    pub(super) is_uncertain: bool,
}

impl Started {
    /// The name of the program.
    pub(super) fn program(&self) -> Option<&str> {
        self.words.first()?.file_name()
    }

    /// The value of a variable that it finds.
    pub(super) fn variable(&self, name: &str, line: &CommandLine<'_>) -> Option<Word> {
        match self.variables.iter().rfind(|(known, _)| known == name) {
            Some((_, value)) => value.clone(),
            None => Word::of_variable(name).or_else(|| line.variable(name).map(Word::literal)),
        }
    }

    /// The variables of a job are not handed on.
    pub(super) fn clear_variables(&mut self, by: &str, keeps: impl Fn(&str) -> bool) {
        let lost = ListPart::EACH.into_iter().map(ListPart::variable).chain([ListPart::ROOT_VARIABLE]);
        self.variables.extend(lost.filter(|name| !keeps(name)).map(|name| (name.to_owned(), None)));
        self.cleared_by = Some(by.to_owned());
    }

    /// Whether it mounts something, as far as its name tells.
    pub(super) fn mounts(&self) -> bool {
        let name = self.program().unwrap_or_default();
        let is_mount = name == "mount" && self.words.len() > 1 || name.ends_with("mount") && name.len() > 6;
        MOUNTING.contains(&name) || name.starts_with("mount.") || is_mount && !name.ends_with("umount")
    }

    /// Whether one of its words is a list, or it reads one.
    pub(super) fn takes_list(&self) -> bool {
        self.words.iter().chain(&self.input).any(|word| word.list_within().is_some())
    }
}

/// The options of ssh, which hands the other words to a shell elsewhere.
const SSH: &str = "4 6 A a C f G g K k M N n q s T t V v X x Y y B= b= c= D= E= e= F= I= i= J= L= l= m= O= o= P= p= Q= R= \
     S= W= w=";

const SYNTAX: Syntax = Syntax::Starter;

/// Shells whose words are read here.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];

/// A script that is longer is not read.
const LONGEST_SCRIPT: u64 = 256 * 1024;

/// So many shells may start each other.
const DEEPEST: usize = 4;

/// Programs that only read the file with a list, if they are given it.
const READERS: &[&str] = &[
    "cat", "wc", "head", "tail", "grep", "egrep", "fgrep", "test", "[", "[[", "echo", "printf", "logger", "cmp", "cut",
];

/// Programs that mount something and are not called so.
const MOUNTING: &[&str] = &["udisksctl", "sshfs", "bindfs", "encfs", "gocryptfs"];

/// What was seen of a command.
#[derive(Debug, Default)]
pub(super) struct Starts {
    pub(super) started: Vec<Started>,
    /// Why not all of it can be seen.
    pub(super) not_checked: Option<NotChecked>,
    /// A variable of ours that it needs, and what does not hand it on.
    pub(super) lost: Option<(String, String)>,
    /// Whether it writes to a file with a list.
    pub(super) overwrites_list: bool,
}

/// What a command starts.
pub(super) fn started(line: &CommandLine<'_>) -> Starts {
    let words = line.written.iter().map(|word| Word::written(word)).collect();
    let first = Started { words, current_dir: Some(line.current_dir.to_owned()), ..Started::default() };
    let mut all = Search { line, seen: Starts::default() };
    all.look(first, DEEPEST);
    all.seen
}

/// Options with which a shell begins.
#[derive(Debug, Clone, Copy, Default)]
struct Strictness {
    is_strict: bool,
    has_pipefail: bool,
}

struct Search<'l> {
    line: &'l CommandLine<'l>,
    seen: Starts,
}

impl Search<'_> {
    fn look(&mut self, started: Started, depth: usize) {
        let started = match starter::through(started) {
            Ok(started) => started,
            Err(why) => return self.does_not_see(why),
        };
        let Some(name) = started.program() else {
            return self.does_not_see(NotChecked::Shell);
        };
        if name == "ssh" {
            return self.look_elsewhere(&started, depth);
        }
        let is_shell = SHELLS.contains(&name);
        let is_known = crate::consumers::PROGRAMS.iter().any(|program| program.name() == name);
        if !is_shell && !is_known && self.is_script(&started) {
            let words = [&[Word::text(b"sh")][..], &started.words].concat();
            return self.look_into(&Started { words, ..started }, depth);
        }
        if is_shell {
            return self.look_into(&started, depth);
        }
        // Another program may change what is listed.
        let takes_list = started.words.iter().any(|word| word.list_within().is_some());
        let copies = name == "cp" && started.words.last().is_some_and(|last| last.list_within().is_none());
        if started.is_scripted && takes_list && !is_known && !copies && !READERS.contains(&name) {
            self.does_not_see(NotChecked::Program(name.into()));
        }
        self.seen.started.push(started);
    }

    fn does_not_see(&mut self, why: NotChecked) {
        self.seen.not_checked.get_or_insert(why);
    }

    fn look_elsewhere(&mut self, started: &Started, depth: usize) {
        let parsed = Parsed::new(&started.words[1..], &[SSH], SYNTAX);
        if parsed.strange.is_some() || parsed.others.len() < 2 || depth == 0 {
            return self.does_not_see(NotChecked::OtherMachine);
        }
        let mut text = Word::default();
        for word in &parsed.others[1..] {
            text.append(word);
            text.push(b' ');
        }
        let mut there = Started { current_dir: None, is_elsewhere: true, ..started.clone() };
        there.clear_variables("ssh", |_| false);
        self.read(&there, text.bytes(), Vec::new(), Strictness::default(), depth - 1);
    }

    /// Whether it is a script of a shell, by its first line.
    fn is_script(&self, started: &Started) -> bool {
        let file = self.file(started, &started.words[0]);
        file.is_some_and(|file| {
            let mut first = [0; 64];
            let read = std::fs::File::open(file).and_then(|mut file| std::io::Read::read(&mut file, &mut first));
            let line = &first[..read.unwrap_or(0)];
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            line.strip_prefix(b"#!").is_some_and(|line| {
                let words = line.split(|byte| matches!(byte, b' ' | b'/'));
                words.filter_map(|word| std::str::from_utf8(word).ok()).any(|word| SHELLS.contains(&word))
            })
        })
    }

    /// The file that a word names, itself or by the search path.
    fn file(&self, started: &Started, word: &Word) -> Option<PathBuf> {
        let name = word.resolved(self.line.base)?;
        if word.bytes().contains(&b'/') {
            return word.path(self.line.base, started.current_dir.as_deref()).filter(|file| file.is_file());
        }
        let search = self.line.variable("PATH")?;
        std::env::split_paths(search).map(|dir| dir.join(&name)).find(|file| file.is_file())
    }

    /// A shell with a text, or with a script.
    fn look_into(&mut self, started: &Started, depth: usize) {
        let mut words = started.words[1..].iter().peekable();
        let (mut strictness, mut is_text) = (Strictness::default(), false);
        let is_option = |word: &&Word| matches!(word.bytes(), [b'-' | b'+', _, ..]);
        while let Some(word) = words.next_if(is_option) {
            let bytes = word.bytes();
            if matches!(bytes, b"--rcfile" | b"--init-file") {
                return self.does_not_see(NotChecked::Shell);
            }
            if bytes.starts_with(b"--") {
                continue;
            }
            let is_on = bytes[0] == b'-';
            let named = if bytes.contains(&b'o') { words.next().map(Word::bytes).unwrap_or_default() } else { b"" };
            if is_on && (bytes.contains(&b'n') || named == b"noexec") {
                return self.does_not_see(NotChecked::Shell);
            }
            is_text |= is_on && bytes.contains(&b'c');
            if bytes.contains(&b'e') || named == b"errexit" {
                strictness.is_strict = is_on;
            }
            if named == b"pipefail" {
                strictness.has_pipefail = is_on;
            }
        }
        let Some(first) = words.next() else { return self.does_not_see(NotChecked::Shell) };
        let rest: Vec<Word> = words.cloned().collect();
        if depth == 0 {
            return self.does_not_see(NotChecked::Shell);
        }
        if is_text {
            let parameters = if rest.is_empty() { vec![Word::text(b"sh")] } else { rest };
            return self.read(started, first.bytes(), parameters, strictness, depth - 1);
        }
        let file = first.path(self.line.base, started.current_dir.as_deref()).or_else(|| self.file(started, first));
        let file = file.filter(|file| file.is_file()).or_else(|| self.file(started, first));
        let not_read = NotChecked::Script(file.clone().unwrap_or_else(|| first.shown().into()));
        let is_short = |file: &PathBuf| file.metadata().is_ok_and(|data| data.is_file() && data.len() < LONGEST_SCRIPT);
        match file.filter(is_short).and_then(|file| std::fs::read(file).ok()).filter(|text| !text.contains(&0)) {
            Some(text) => {
                let heading = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                strictness.is_strict |= heading.starts_with(b"#!") && heading.ends_with(b" -e");
                let parameters = std::iter::once(first.clone()).chain(rest).collect();
                self.read(started, &text, parameters, strictness, depth - 1);
            }
            None => self.does_not_see(not_read),
        }
    }

    fn read(&mut self, started: &Started, text: &[u8], parameters: Vec<Word>, strictness: Strictness, depth: usize) {
        let Strictness { is_strict, has_pipefail } = strictness;
        let line = self.line;
        let variable = |name: &str| started.variable(name, line);
        let current_dir = started.current_dir.clone();
        let shell =
            ShellText { text, parameters, is_strict, has_pipefail, current_dir, base: line.base, variable: &variable };
        let seen = shell::read(&shell);
        if !seen.is_plain || seen.is_opaque {
            self.does_not_see(NotChecked::Shell);
        }
        self.seen.overwrites_list |= seen.overwrites_list;
        if let Some(name) = seen.lost {
            let by = started.cleared_by.clone().unwrap_or_default();
            self.seen.lost.get_or_insert((name, by));
        }
        for command in seen.started {
            let is_last = command.input.is_none() && !command.is_piped_into;
            let variables = started.variables.iter().chain(&command.variables).cloned().collect();
            let input = if is_last { started.input.clone() } else { command.input.clone() };
            let is_piped_out = command.is_piped_out || started.is_piped_out;
            let output = command.output.clone().or_else(|| started.output.clone());
            let loses_failure = started.loses_failure || command.loses_failure;
            let outer = started.clone();
            self.look(
                Started {
                    variables,
                    input,
                    output,
                    is_piped_out,
                    loses_failure,
                    cleared_by: outer.cleared_by,
                    is_elsewhere: outer.is_elsewhere,
                    may_be_skipped: outer.may_be_skipped || command.may_be_skipped,
                    is_uncertain: outer.is_uncertain || command.is_uncertain,
                    ..command
                },
                depth,
            );
        }
    }
}
