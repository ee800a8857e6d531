//! Reads the options of a command by a table of those of the program.

use super::word::Word;

/// How a program reads its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// popt, of rsync.
    Popt,
    /// pflag, of programs in Go: a switch may have `=true` or `=false`.
    Go,
    /// argparse of Python: a long option may be cut short, if it stays clear.
    Python,
    /// getopt: the same, and a `=` behind a letter belongs to the value.
    Gnu,
    /// The same for a program that starts another one: options end with the first word that is none.
    Starter,
}

impl Syntax {
    fn has_abbreviations(self) -> bool {
        matches!(self, Self::Python | Self::Gnu | Self::Starter)
    }

    fn switches_take_values(self) -> bool {
        self == Self::Go
    }

    fn options_first(self) -> bool {
        self == Self::Starter
    }

    fn letter_takes_equals(self) -> bool {
        matches!(self, Self::Popt | Self::Go | Self::Python)
    }
}

/// An option as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// Its long name in the table, or its letter if it has none.
    pub(super) name: &'static str,
    /// As the user wrote it, without its value.
    pub(super) written: String,
    pub(super) value: Option<Word>,
    /// How many of the other words stand before it.
    pub(super) behind: usize,
}

/// The words of a command behind the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) options: Vec<Given>,
    /// The words that are not options, nor their values.
    pub(super) others: Vec<Word>,
    /// The first option that is not in the table, or cannot be told from others. What follows may be its value.
    pub(super) strange: Option<String>,
    /// How many of the others stood before `--`, if it was there.
    pub(super) end: Option<usize>,
}

/// A line of a table: `long,s=` is an option with a long name, a letter and a value; `long[=]` has a value only behind
/// a `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) letter: Option<char>,
    value: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    MaybeValue,
}

/// The options of a table, which are words between blanks.
pub(super) fn table(text: &'static str) -> impl Iterator<Item = Known> {
    text.split_whitespace().map(|word| {
        let (names, value) = match (word.strip_suffix("[=]"), word.strip_suffix('=')) {
            (Some(names), _) => (names, Takes::MaybeValue),
            (_, Some(names)) => (names, Takes::Value),
            _ => (word, Takes::Nothing),
        };
        let (name, letter) = match names.split_once(',') {
            Some((name, letter)) => (name, letter.chars().next()),
            None => (names, names.chars().next().filter(|_| names.chars().count() == 1)),
        };
        Known { name, letter, value }
    })
}

impl Parsed {
    /// Reads words by a table.
    pub(super) fn new(words: &[Word], tables: &[&'static str], syntax: Syntax) -> Self {
        let known: Vec<Known> = tables.iter().flat_map(|text| table(text)).collect();
        let mut parsed = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let bytes = word.bytes();
            if bytes == b"--" {
                parsed.end = Some(parsed.others.len());
                break;
            }
            if bytes.starts_with(b"--") {
                parsed.long(word, &mut words, &known, syntax);
            } else if bytes.len() > 1 && bytes[0] == b'-' {
                parsed.letters(word, &mut words, &known, syntax);
            } else {
                parsed.others.push(word.clone());
                if syntax.options_first() {
                    break;
                }
            }
        }
        parsed.others.extend(words.cloned());
        parsed
    }

    fn give(&mut self, name: &'static str, written: String, value: Option<Word>) {
        self.options.push(Given { name, written, value, behind: self.others.len() });
    }

    fn not_known(&mut self, written: String) {
        self.strange.get_or_insert(written);
    }

    fn long<'w>(&mut self, word: &Word, rest: &mut impl Iterator<Item = &'w Word>, known: &[Known], syntax: Syntax) {
        let bytes = &word.bytes()[2..];
        let (name, value) = match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => (&bytes[..at], Some(Word::text(&bytes[at + 1..]))),
            None => (bytes, None),
        };
        let name = String::from_utf8_lossy(name);
        let written = format!("--{name}");
        let is_long = |option: &&Known| option.name.len() > 1;
        let exact = known.iter().filter(is_long).find(|option| option.name == name);
        let option = exact.or_else(|| {
            let mut near = known.iter().filter(is_long).filter(|option| option.name.starts_with(&*name));
            near.next().filter(|_| syntax.has_abbreviations() && near.next().is_none())
        });
        match (option, value) {
            (Some(option), None) if option.value == Takes::Value => {
                let value = rest.next().cloned();
                self.give(option.name, written, value);
            }
            (Some(option), value) if option.value != Takes::Nothing || value.is_none() => {
                self.give(option.name, written, value);
            }
            (Some(option), Some(value)) if syntax.switches_take_values() => match value.plain() {
                Some(b"true" | b"1" | b"t" | b"T" | b"TRUE" | b"True") => self.give(option.name, written, None),
                Some(b"false" | b"0" | b"f" | b"F" | b"FALSE" | b"False") => {}
                _ => self.not_known(written),
            },
            _ => self.not_known(written),
        }
    }

    fn letters<'w>(&mut self, word: &Word, rest: &mut impl Iterator<Item = &'w Word>, known: &[Known], syntax: Syntax) {
        let mut letters = &word.bytes()[1..];
        while let [letter, behind @ ..] = letters {
            let written = format!("-{}", char::from(*letter));
            let Some(option) = known.iter().find(|option| option.letter == Some(char::from(*letter))) else {
                self.not_known(written);
                return;
            };
            letters = behind;
            match option.value {
                Takes::Nothing => self.give(option.name, written, None),
                // pflag: `-vl` is two switches, `-v=2` has a value.
                Takes::MaybeValue if syntax == Syntax::Go && !behind.starts_with(b"=") => {
                    self.give(option.name, written, None);
                }
                Takes::Value | Takes::MaybeValue => {
                    let behind = behind.strip_prefix(b"=").filter(|_| syntax.letter_takes_equals()).unwrap_or(behind);
                    let value = match (behind, option.value) {
                        ([], Takes::Value) => rest.next().cloned(),
                        ([], _) => None,
                        _ => Some(Word::text(behind)),
                    };
                    self.give(option.name, written, value);
                    return;
                }
            }
        }
    }

    /// The last of the options that decide together, such as a switch and its opposite.
    pub(super) fn last(&self, names: &[&str]) -> Option<&Given> {
        self.options.iter().rfind(|given| names.contains(&given.name))
    }

    /// Whether one of these is given.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.last(names).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn parse(line: &str, table: &'static str, syntax: Syntax) -> String {
        let words: Vec<_> = line.split(' ').map(|word| Word::written(OsStr::new(word))).collect();
        let parsed = Parsed::new(&words, &[table], syntax);
        let value = |given: &Given| given.value.as_ref().map(|value| format!("={}", value.shown().display()));
        let mut said: Vec<_> =
            parsed.options.iter().map(|given| format!("{}{}", given.name, value(given).unwrap_or_default())).collect();
        said.push("|".into());
        said.extend(parsed.others.iter().map(|word| word.shown().display().to_string()));
        said.extend(parsed.strange.map(|strange| format!("? {strange}")));
        said.join(" ")
    }

    #[test]
    fn words_are_read_as_the_program_reads_them() {
        let table = "archive,a compress,z rsh,e= exclude= H color[=] 0";
        for (line, said) in [
            ("-az -e ssh x y", "archive compress rsh=ssh | x y"),
            ("-azessh x", "archive compress rsh=ssh | x"),
            ("-e=ssh x --exclude a --exclude=b", "rsh=ssh exclude=a exclude=b | x"),
            ("x -- -a", "archive | x"),
            ("--color always --color=never", "color color=never | always"),
            ("-H0a --exclude={all}", "H 0 archive exclude={all} |"),
            ("--arch x", "| x ? --arch"),
            ("-aq x", "archive | x ? -q"),
            ("--archive=x", "| ? --archive"),
        ] {
            let said = if line == "x -- -a" { "| x -a" } else { said };
            assert_eq!(parse(line, table, Syntax::Popt), said, "{line}");
        }
        let starter = "exclude= exclude-from=";
        assert_eq!(
            parse("--exclude-f x --exclude y z --exclude", starter, Syntax::Starter),
            "exclude-from=x exclude=y | z --exclude"
        );
        assert_eq!(parse("--exc x", starter, Syntax::Gnu), "| x ? --exc");
        assert_eq!(parse("-C=x", "directory,C=", Syntax::Gnu), "directory==x |");
        assert_eq!(parse("-C=x", "directory,C=", Syntax::Python), "directory=x |");
        assert_eq!(parse("-vl -v=2 x", "verbose,v[=] links,l", Syntax::Go), "verbose links verbose=2 | x");
        let go = "dry-run,n links";
        assert_eq!(parse("--dry-run=false --links=true x", go, Syntax::Go), "links | x");
    }
}
