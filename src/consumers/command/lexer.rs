//! The words and signs of a shell's text.

use std::collections::HashMap;

use super::shell::ShellText;
use super::word::Word;

/// What separates two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// `;` or the end of a line.
    End,
    And,
    Or,
    Pipe,
    Background,
    /// A parenthesis.
    Group,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, and whether it may be none or several.
    Word(Word, bool),
    /// What standard input is; none if that is unknown.
    Input(Option<Word>),
    /// The file that standard output goes to; none if that is unknown, or for other output.
    Output(Option<Word>),
    Separator(Separator),
}

pub(super) struct Lexer<'s> {
    shell: &'s ShellText<'s>,
    rest: &'s [u8],
    /// None for a variable that had several values.
    variables: HashMap<String, Option<Word>>,
    /// The ends of here-documents that begin behind this line.
    documents: Vec<Vec<u8>>,
    pub(super) has_functions: bool,
    /// The first variable of ours that was asked for and is not there.
    pub(super) lost: Option<String>,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(shell: &'s ShellText<'s>) -> Self {
        Self {
            shell,
            rest: shell.text,
            variables: HashMap::new(),
            documents: Vec::new(),
            has_functions: false,
            lost: None,
        }
    }

    /// A variable gets a value. With a second one nobody knows which it has.
    pub(super) fn assign(&mut self, name: &str, value: Word) {
        let value = (!self.variables.contains_key(name)).then_some(value);
        self.variables.insert(name.to_owned(), value);
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.variables.insert(name.to_owned(), None);
    }

    fn eat(&mut self, sign: &[u8]) -> bool {
        let found = self.rest.strip_prefix(sign);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// The next word or sign. `is_first` tells that a command may begin here.
    pub(super) fn next(&mut self, is_first: bool) -> Option<Token> {
        loop {
            match self.rest {
                [] => return None,
                [b' ' | b'\t' | b'\r', rest @ ..] | [b'\\', b'\n', rest @ ..] => self.rest = rest,
                [b'#', ..] => {
                    let end = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                [b'\n', rest @ ..] => {
                    self.rest = rest;
                    self.skip_documents();
                    return Some(Token::Separator(Separator::End));
                }
                _ => break,
            }
        }
        let separators: [(&[u8], Separator); 9] = [
            (b"&&", Separator::And),
            (b"||", Separator::Or),
            (b"|&", Separator::Pipe),
            (b"|", Separator::Pipe),
            (b";;", Separator::End),
            (b";", Separator::End),
            (b"(", Separator::Group),
            (b")", Separator::Group),
            (b"&", Separator::Background),
        ];
        if self.eat(b"&>>") || self.eat(b"&>") {
            self.blanks();
            return Some(Token::Output(Some(self.word().0)));
        }
        if let Some((_, separator)) = separators.into_iter().find(|(sign, _)| self.eat(sign)) {
            self.has_functions |= separator == Separator::Group && !is_first;
            return Some(Token::Separator(separator));
        }
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if matches!(self.rest.get(digits), Some(b'<' | b'>')) {
            let is_output = self.rest[digits] == b'>';
            let is_standard = digits == 0 || self.rest[..digits] == *if is_output { b"1" } else { b"0" };
            self.rest = &self.rest[digits..];
            return Some(self.redirection(is_standard));
        }
        let (word, is_loose) = self.word();
        Some(Token::Word(word, is_loose))
    }

    fn redirection(&mut self, is_standard: bool) -> Token {
        if self.eat(b"<<<") {
            self.word();
            return Token::Input(None);
        }
        if self.eat(b"<<-") || self.eat(b"<<") {
            self.blanks();
            let (end, _) = self.word();
            self.documents.push(end.bytes().to_vec());
            return Token::Input(None);
        }
        if self.eat(b"<&") || self.eat(b"<>") {
            self.word();
            return Token::Input(None);
        }
        if self.eat(b"<") {
            self.blanks();
            let (word, is_loose) = self.word();
            return if is_standard { Token::Input(Some(word).filter(|_| !is_loose)) } else { Token::Output(None) };
        }
        if self.eat(b">&") {
            self.word();
            return Token::Output(None);
        }
        let _ = self.eat(b">>") || self.eat(b">|") || self.eat(b">");
        self.blanks();
        // It is one word, quoted or not.
        let (word, _) = self.word();
        Token::Output(Some(word).filter(|_| is_standard))
    }

    fn blanks(&mut self) {
        while self.eat(b" ") || self.eat(b"\t") {}
    }

    /// Here-documents begin behind the line that names them.
    fn skip_documents(&mut self) {
        for end in std::mem::take(&mut self.documents) {
            while !self.rest.is_empty() {
                let length = self.rest.iter().position(|byte| *byte == b'\n').unwrap_or(self.rest.len());
                let line = &self.rest[..length];
                self.rest = self.rest.get(length + 1..).unwrap_or_default();
                if line == end || line.trim_ascii_start() == end {
                    break;
                }
            }
        }
    }

    /// A word, and whether it may be none or several.
    fn word(&mut self) -> (Word, bool) {
        let mut word = Word::default();
        let mut is_loose = false;
        if self.rest.starts_with(b"~") && matches!(self.rest.get(1), None | Some(b'/' | b' ' | b'\n' | b';')) {
            self.rest = &self.rest[1..];
            self.value("HOME", &mut word);
        }
        while let [byte, rest @ ..] = self.rest {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\'' => {
                    let end = rest.iter().position(|byte| *byte == b'\'').unwrap_or(rest.len());
                    word.append(&Word::text(&rest[..end]));
                    self.rest = rest.get(end + 1..).unwrap_or_default();
                }
                b'"' => {
                    self.rest = rest;
                    is_loose |= !self.quoted(&mut word);
                }
                b'\\' => {
                    if let [next, behind @ ..] = rest {
                        if *next != b'\n' {
                            word.push(*next);
                        }
                        self.rest = behind;
                    } else {
                        self.rest = rest;
                    }
                }
                b'$' | b'`' => is_loose |= !self.expansion(&mut word, false),
                b'*' | b'?' | b'[' => {
                    word.push_unknown();
                    is_loose = true;
                    self.rest = rest;
                }
                b'=' if rest.starts_with(b"~/") && is_name(word.bytes()) => {
                    word.push(b'=');
                    self.rest = &rest[1..];
                    self.value("HOME", &mut word);
                }
                _ => {
                    word.push(*byte);
                    self.rest = rest;
                }
            }
        }
        (word, is_loose)
    }

    /// What stands in double quotes. False if it may be no word, or several.
    fn quoted(&mut self, word: &mut Word) -> bool {
        let mut is_one = true;
        while let [byte, rest @ ..] = self.rest {
            match byte {
                b'"' => {
                    self.rest = rest;
                    break;
                }
                b'$' | b'`' => {
                    is_one &= self.expansion(word, true);
                }
                b'\\' if matches!(rest.first(), Some(b'$' | b'`' | b'"' | b'\\')) => {
                    word.push(rest[0]);
                    self.rest = &rest[1..];
                }
                b'\\' if rest.first() == Some(&b'\n') => self.rest = &rest[1..],
                _ => {
                    word.push(*byte);
                    self.rest = rest;
                }
            }
        }
        is_one
    }

    /// What begins with a dollar or a backtick. False if it may be no word, or several.
    fn expansion(&mut self, word: &mut Word, is_quoted: bool) -> bool {
        if let [b'`', rest @ ..] = self.rest {
            let end = rest.iter().position(|byte| *byte == b'`').unwrap_or(rest.len());
            self.rest = rest.get(end + 1..).unwrap_or_default();
            word.push_unknown();
            return is_quoted;
        }
        let rest = &self.rest[1..];
        match rest {
            [b'(', ..] => {
                self.rest = behind_parenthesis(rest);
                word.push_unknown();
                return is_quoted;
            }
            [b'\'', rest @ ..] if !is_quoted => {
                let end = rest.iter().position(|byte| *byte == b'\'').unwrap_or(rest.len());
                self.rest = rest.get(end + 1..).unwrap_or_default();
                word.push_unknown();
                return true;
            }
            [b'{', rest @ ..] => {
                let end = rest.iter().position(|byte| *byte == b'}').unwrap_or(rest.len());
                self.rest = rest.get(end + 1..).unwrap_or_default();
                let name = String::from_utf8_lossy(&rest[..end]).into_owned();
                // Of an array there may be none or several.
                return self.value(&name, word) || is_quoted && !name.ends_with('@') && !name.contains("[@]");
            }
            _ => {}
        }
        let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
        let length = match rest.first() {
            Some(byte) if byte.is_ascii_digit() || b"@*#?-$!".contains(byte) => 1,
            _ => rest.iter().take_while(is_letter).count(),
        };
        if length == 0 {
            word.push(b'$');
            self.rest = rest;
            return true;
        }
        self.rest = &rest[length..];
        let name = String::from_utf8_lossy(&rest[..length]).into_owned();
        if name == "@"
            && let [_, only] = self.shell.parameters.as_slice()
        {
            word.append(&only.clone());
            return is_quoted;
        }
        let is_one = self.value(&name, word);
        is_one || is_quoted && name != "@"
    }

    /// The value of a variable that the shell did not set itself.
    fn inherited(&mut self, name: &str) -> Option<Word> {
        let value = (self.shell.variable)(name);
        if value.is_none() && Word::of_variable(name).is_some() {
            self.lost.get_or_insert_with(|| name.to_owned());
        }
        value
    }

    /// Adds the value of a variable. Whether it is one word, also without quotes.
    fn value(&mut self, name: &str, word: &mut Word) -> bool {
        if name == "?" || name.to_ascii_uppercase().starts_with("PIPESTATUS") {
            word.push_exit_code();
            return true;
        }
        let parameter = name.parse::<usize>().ok().map(|number| self.shell.parameters.get(number).cloned());
        let known = match parameter {
            Some(parameter) => parameter,
            None => self.variables.get(name).cloned().unwrap_or_else(|| self.inherited(name)),
        };
        if let Some(value) = known {
            let is_one = !value.is_empty() && !value.bytes().iter().any(|byte| b" \t\n*?[".contains(byte));
            word.append(&value);
            is_one
        } else {
            word.push_unknown();
            false
        }
    }
}

/// Whether it can be the name of a variable.
pub(super) fn is_name(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && name.first().is_some_and(|byte| !byte.is_ascii_digit())
}

/// What stands behind the parenthesis that closes the first one.
fn behind_parenthesis(text: &[u8]) -> &[u8] {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (Some(end), byte) if *byte == end => quote = None,
            (None, b'\'' | b'"') => quote = Some(*byte),
            (None, b'(') => depth += 1,
            (None, b')') => {
                depth -= 1;
                if depth == 0 {
                    return &text[at + 1..];
                }
            }
            _ => {}
        }
    }
    &[]
}
