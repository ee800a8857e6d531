//! Programs that start another one, such as nice or sudo, and what they change for it.

use super::NotChecked;
use super::options::{Parsed, Syntax};
use super::started::Started;
use super::word::Word;
use crate::consumers::ListPart;

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
    starter("setsid", "ctty,c wait,w fork,f"),
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

/// The program behind those that start another one.
pub(super) fn through(mut started: Started) -> Result<Started, NotChecked> {
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
    let parsed = Parsed::new(&words, &[starter.options], Syntax::Starter);
    if let Some(option) = parsed.strange {
        return Err(NotChecked::Option { program: starter.name.to_owned(), option });
    }
    if parsed.options.iter().any(|given| starter.moves.contains(&given.name)) {
        started.current_dir = None;
    }
    take_variables(starter.name, &parsed, started);
    let value = |name: &str| parsed.last(&[name]).and_then(|given| given.value.as_ref()).and_then(Word::plain);
    match starter.name {
        // It goes on without waiting, always or when it leads a group of processes.
        "setsid" if parsed.has(&["fork"]) && !parsed.has(&["wait"]) => started.loses_failure = true,
        "setsid" if !parsed.has(&["wait"]) => started.is_uncertain = true,
        "flock" if value("conflict-exit-code") == Some(b"0") => started.may_be_skipped = true,
        _ => {}
    }
    let mut others = parsed.others.into_iter().skip(starter.before).peekable();
    while let Some(word) = others.next_if(|word| starter.takes_variables && word.bytes().contains(&b'=')) {
        let at = word.bytes().iter().position(|byte| *byte == b'=').unwrap_or_default();
        let name = String::from_utf8_lossy(&word.bytes()[..at]).into_owned();
        started.variables.push((name, Some(Word::text(&word.bytes()[at + 1..]))));
    }
    let words: Vec<_> = others.collect();
    Ok((!words.is_empty()).then_some(words))
}

/// What a starter does to the variables of a job.
fn take_variables(starter: &str, parsed: &Parsed, started: &mut Started) {
    match starter {
        "sudo" => {
            let kept: Vec<_> = parsed.options.iter().filter(|given| given.name == "preserve-env").collect();
            if parsed.has(&["E"]) || kept.iter().any(|given| given.value.is_none()) {
                return;
            }
            let kept: Vec<_> = kept.iter().filter_map(|given| given.value.as_ref()).map(Word::bytes).collect();
            let is_kept =
                |name: &str| kept.iter().any(|names| names.split(|byte| *byte == b',').any(|it| it == name.as_bytes()));
            started.clear_variables(starter, is_kept);
        }
        "env" if parsed.has(&["ignore-environment"]) => started.clear_variables(starter, |_| false),
        "env" => {
            for given in parsed.options.iter().filter(|given| given.name == "unset") {
                let Some(name) = given.value.as_ref().and_then(Word::plain) else { continue };
                started.variables.push((String::from_utf8_lossy(name).into_owned(), None));
                started.cleared_by = Some(starter.to_owned());
            }
        }
        // Its configuration says what it hands on.
        "doas" => {
            let mut unknown = Word::default();
            unknown.push_unknown();
            let ours = ListPart::EACH.into_iter().map(ListPart::variable).chain([ListPart::ROOT_VARIABLE]);
            started.variables.extend(ours.map(|name| (name.to_owned(), Some(unknown.clone()))));
        }
        _ => {}
    }
}
