//! Values that take the place of placeholders in the script of a shell: the shell reads them as a part of the script.

use std::ffi::OsString;
use std::path::Path;

use fastdiff::path::to_bytes;

use super::quote;

/// Programs that take a script after `-c`.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"];

/// How the shell reads what stands at a place of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Not,
    Single,
    Double,
}

impl Quoted {
    /// Whether the shell reads a value here as it is.
    fn takes(self, value: &[u8]) -> bool {
        match self {
            Self::Not => !value.is_empty() && value.iter().all(|b| b.is_ascii() && quote::is_plain(char::from(*b))),
            Self::Single => !value.contains(&b'\''),
            Self::Double => !value.iter().any(|b| b"$`\"\\".contains(b)),
        }
    }
}

/// The first placeholder in a script of the command whose value the shell would not read as one word.
pub(super) fn misread<'v>(command: &[OsString], values: &[(&'v str, &Path)]) -> Option<&'v str> {
    scripts(command).find_map(|script| misread_in(&to_bytes(Path::new(script)), values))
}

/// The arguments that are scripts of a shell.
fn scripts(command: &[OsString]) -> impl Iterator<Item = &OsString> {
    let is_shell = |word: &OsString| {
        let name = Path::new(word).file_name();
        name.is_some_and(|name| SHELLS.iter().any(|shell| name == *shell))
    };
    let shell = command.iter().position(is_shell).unwrap_or(command.len());
    let is_option = |word: &OsString| {
        let text = word.to_str().unwrap_or_default();
        text.len() > 1 && text.starts_with('-') && !text.starts_with("--") && text.ends_with('c')
    };
    command[shell..].windows(2).filter(move |pair| is_option(&pair[0])).map(|pair| &pair[1]).take(1)
}

fn misread_in<'v>(script: &[u8], values: &[(&'v str, &Path)]) -> Option<&'v str> {
    let mut quoted = Quoted::Not;
    let mut rest = script;
    while let Some(first) = rest.first() {
        if let Some((placeholder, value)) = values.iter().find(|(name, _)| rest.starts_with(name.as_bytes())) {
            if !quoted.takes(&to_bytes(value)) {
                return Some(placeholder);
            }
            rest = &rest[placeholder.len()..];
            continue;
        }
        let mut taken = 1;
        quoted = match (quoted, first) {
            (Quoted::Not, b'\'') => Quoted::Single,
            (Quoted::Not, b'"') => Quoted::Double,
            (Quoted::Single, b'\'') | (Quoted::Double, b'"') => Quoted::Not,
            (Quoted::Not | Quoted::Double, b'\\') => {
                taken = 2;
                quoted
            }
            _ => quoted,
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_value_is_read_as_it_is_or_its_placeholder_is_found() {
        for (script, root, is_misread) in [
            ("cat {root}", "/a-b/c", false),
            ("cat {root}", "/a b", true),
            ("cat \"{root}\"", "/a b;'", false),
            ("cat \"{root}\"", "/a $(id)", true),
            ("cat '{root}'", "/a $(id) \"", false),
            ("cat '{root}'", "/it's", true),
            ("echo it\\'s {root}", "/a b", true),
            ("echo \"\\\"{root}\"", "/a b", false),
            ("echo 'x' \"y\" {root}", "/ü", true),
            ("echo nothing", "/a b", false),
        ] {
            // What a shell makes of it is the witness.
            let words: Vec<OsString> = ["env", "sh", "-ec", script].map(Into::into).into();
            let found = misread(&words, &[("{root}", Path::new(root))]);
            assert_eq!(found, is_misread.then_some("{root}"), "{script} with {root}");
            if !is_misread {
                let run = script.replace("cat ", "printf %s ").replace("{root}", root);
                let output = std::process::Command::new("sh").args(["-c", &run]).output().expect("sh");
                assert!(output.status.success(), "{run}");
                if script.starts_with("cat") {
                    assert_eq!(String::from_utf8_lossy(&output.stdout), root);
                }
            }
        }
    }

    #[test]
    fn only_the_script_of_a_shell_is_looked_at() {
        for (command, is_misread) in [
            (&["cat", "{root}"][..], false),
            (&["printf", "-c", "{root}"], false),
            (&["sh", "script", "{root}"], false),
            (&["sh", "-c", "cat \"$1\"", "sh", "{root}"], false),
            (&["nice", "/bin/bash", "-euc", "cat {root}"], true),
        ] {
            let words: Vec<OsString> = command.iter().map(Into::into).collect();
            assert_eq!(misread(&words, &[("{root}", Path::new("/a b"))]).is_some(), is_misread, "{command:?}");
        }
    }
}
