//! Which programs a command starts: it looks through programs that start another one, such as nice or sudo.

use std::path::PathBuf;

use super::options::{Parsed, Syntax};
use super::shell::{self, ShellText};
use super::word::Word;
use super::{CommandLine, NotChecked};

/// A program that is started, with its words.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(super) struct Started {
    /// The program and its arguments.
    pub(super) words: Vec<Word>,
    /// The variables that are set for it alone.
    pub(super) variables: Vec<(String, Word)>,
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
}

impl Started {
    /// The name of the program.
    pub(super) fn program(&self) -> Option<&str> {
        self.words.first()?.file_name()
    }

    /// The value of a variable that it finds.
    pub(super) fn variable(&self, name: &str, line: &CommandLine<'_>) -> Option<Word> {
        let own = self.variables.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.clone());
        own.or_else(|| line.variable(name).map(Word::literal))
    }

    /// Whether one of its words is a list, or it reads one.
    pub(super) fn takes_list(&self) -> bool {
        self.words.iter().chain(&self.input).any(|word| word.list_within().is_some())
    }
}

/// A program that starts another one, as its last words say.
struct Starter {
    name: &'static str,
    options: &'static str,
    /// How many words stand before the other program.
    before: usize,
    /// Its options that change the directory.
    moves: &'static [&'static str],
    /// Whether `NAME=VALUE` may stand before the other program.
    takes_variables: bool,
}

const fn starter(name: &'static str, options: &'static str) -> Starter {
    Starter { name, options, before: 0, moves: &[], takes_variables: false }
}

const STARTERS: &[Starter] = &[
    Starter {
        takes_variables: true,
        moves: &["chdir"],
        ..starter("env", "ignore-environment,i unset,u= chdir,C= null,0 debug,v")
    },
    Starter {
        takes_variables: true,
        moves: &["chdir", "login", "chroot"],
        ..starter(
            "sudo",
            "user,u= group,g= prompt,p= chdir,D= chroot,R= close-from,C= host,h= other-user,U= role,r= type,t= \
             command-timeout,T= preserve-env[=] E non-interactive,n set-home,H stdin,S preserve-groups,P login,i \
             bell,B askpass,A reset-timestamp,k",
        )
    },
    starter("doas", "u= C= n s L"),
    starter("nice", "adjustment,n="),
    starter("ionice", "class,c= classdata,n= ignore,t"),
    Starter { before: 1, ..starter("timeout", "signal,s= kill-after,k= foreground preserve-status verbose,v") },
    Starter { before: 1, ..starter("chrt", "batch,b fifo,f idle,i other,o rr,r deadline,d reset-on-fork,R verbose,v") },
    Starter { before: 1, ..starter("taskset", "cpu-list,c all-tasks,a") },
    Starter {
        before: 1,
        ..starter(
            "flock",
            "exclusive,e x shared,s nonblock,n timeout,w= conflict-exit-code,E= close,o no-fork,F verbose",
        )
    },
    starter("nohup", ""),
    starter("setsid", "ctty,c wait,w"),
    starter("stdbuf", "input,i= output,o= error,e="),
    starter("time", "append,a format,f= output,o= portability,p verbose,v quiet,q"),
    starter("systemd-inhibit", "what= who= why= mode= no-pager no-legend"),
    starter("systemd-cat", "identifier,t= priority,p= stderr-priority= level-prefix="),
    starter("runuser", "user,u= group,g= supp-group,G= preserve-environment,p m"),
    Starter { before: 1, ..starter("gosu", "") },
    starter("chronic", "e v"),
    starter("caffeinate", "d i m s u t= w="),
    starter("eatmydata", ""),
    starter("cpulimit", "limit,l= lazy,z include-children,i foreground,f"),
    starter("exec", "c l a="),
    starter("command", "p"),
];

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

/// What a command starts, and why not all of it can be seen.
pub(super) fn started(line: &CommandLine<'_>) -> (Vec<Started>, Option<NotChecked>) {
    let words = line.written.iter().map(|word| Word::written(word)).collect();
    let first = Started { words, current_dir: Some(line.current_dir.to_owned()), ..Started::default() };
    let mut all = Search { line, found: Vec::new(), not_seen: None };
    all.look(first, DEEPEST);
    (all.found, all.not_seen)
}

struct Search<'l> {
    line: &'l CommandLine<'l>,
    found: Vec<Started>,
    not_seen: Option<NotChecked>,
}

impl Search<'_> {
    fn look(&mut self, started: Started, depth: usize) {
        let started = match through(started) {
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
        self.found.push(started);
    }

    fn does_not_see(&mut self, why: NotChecked) {
        self.not_seen.get_or_insert(why);
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
        let there = Started { current_dir: None, is_elsewhere: true, ..started.clone() };
        self.read(&there, text.bytes(), Vec::new(), false, depth - 1);
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
        let (mut is_strict, mut is_text) = (false, false);
        while let Some(word) = words.next_if(|word| word.bytes().starts_with(b"-") && word.bytes().len() > 1) {
            let bytes = word.bytes();
            if bytes.starts_with(b"--") {
                continue;
            }
            is_strict |= bytes.contains(&b'e');
            is_text |= bytes.contains(&b'c');
            if bytes.contains(&b'o') {
                is_strict |= words.next().is_some_and(|option| option.bytes() == b"errexit");
            }
        }
        let Some(first) = words.next() else { return self.does_not_see(NotChecked::Shell) };
        let rest: Vec<Word> = words.cloned().collect();
        if depth == 0 {
            return self.does_not_see(NotChecked::Shell);
        }
        if is_text {
            let parameters = if rest.is_empty() { vec![Word::text(b"sh")] } else { rest };
            return self.read(started, first.bytes(), parameters, is_strict, depth - 1);
        }
        let file = first.path(self.line.base, started.current_dir.as_deref()).or_else(|| self.file(started, first));
        let file = file.filter(|file| file.is_file()).or_else(|| self.file(started, first));
        let not_read = NotChecked::Script(file.clone().unwrap_or_else(|| first.shown().into()));
        let is_short = |file: &PathBuf| file.metadata().is_ok_and(|data| data.is_file() && data.len() < LONGEST_SCRIPT);
        match file.filter(is_short).and_then(|file| std::fs::read(file).ok()).filter(|text| !text.contains(&0)) {
            Some(text) => {
                let heading = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                is_strict |= heading.starts_with(b"#!") && heading.ends_with(b" -e");
                let parameters = std::iter::once(first.clone()).chain(rest).collect();
                self.read(started, &text, parameters, is_strict, depth - 1);
            }
            None => self.does_not_see(not_read),
        }
    }

    fn read(&mut self, started: &Started, text: &[u8], parameters: Vec<Word>, is_strict: bool, depth: usize) {
        let line = self.line;
        let variable = |name: &str| started.variable(name, line);
        let current_dir = started.current_dir.clone();
        let shell = ShellText { text, parameters, is_strict, current_dir, base: line.base, variable: &variable };
        let seen = shell::read(&shell);
        if !seen.is_plain {
            self.does_not_see(NotChecked::Shell);
        }
        for command in seen.started {
            let is_last = command.input.is_none() && !command.is_piped_into;
            let variables = started.variables.iter().chain(&command.variables).cloned().collect();
            let input = if is_last { started.input.clone() } else { command.input.clone() };
            let is_piped_out = command.is_piped_out || started.is_piped_out;
            let output = command.output.clone().or_else(|| started.output.clone());
            let loses_failure = started.loses_failure || command.loses_failure;
            let is_elsewhere = started.is_elsewhere;
            self.look(
                Started { variables, input, output, is_piped_out, is_elsewhere, loses_failure, ..command },
                depth,
            );
        }
    }
}

/// The program behind those that start another one.
fn through(mut started: Started) -> Result<Started, NotChecked> {
    while let Some(starter) = STARTERS.iter().find(|starter| started.program() == Some(starter.name)) {
        let Some(words) = behind(starter, &mut started)? else { break };
        started.words = words;
    }
    Ok(started)
}

fn behind(starter: &Starter, started: &mut Started) -> Result<Option<Vec<Word>>, NotChecked> {
    let is_number = |word: &Word| word.bytes().len() > 1 && word.bytes()[1..].iter().all(u8::is_ascii_digit);
    let mut words = started.words[1..].to_vec();
    // An old form of nice: `nice -10`.
    if starter.name == "nice" && words.first().is_some_and(|word| word.bytes().starts_with(b"-") && is_number(word)) {
        words.remove(0);
    }
    let parsed = Parsed::new(&words, &[starter.options], SYNTAX);
    if let Some(option) = parsed.strange {
        return Err(NotChecked::Option { program: starter.name.to_owned(), option });
    }
    if parsed.options.iter().any(|given| starter.moves.contains(&given.name)) {
        started.current_dir = None;
    }
    let mut others = parsed.others.into_iter().skip(starter.before).peekable();
    while let Some(word) = others.next_if(|word| starter.takes_variables && word.bytes().contains(&b'=')) {
        let at = word.bytes().iter().position(|byte| *byte == b'=').unwrap_or_default();
        let name = String::from_utf8_lossy(&word.bytes()[..at]).into_owned();
        started.variables.push((name, Word::text(&word.bytes()[at + 1..])));
    }
    let words: Vec<_> = others.collect();
    Ok((!words.is_empty()).then_some(words))
}
