//! Patterns that are legal and probably say something else than was meant: what other programs and shells expand, and
//! gitignore takes literally.

use std::fmt;

use super::Pattern;
use super::text::{bare, trimmed, without_sign};
use crate::error::place;
use crate::terminal::harmless;

/// A pattern that is legal and probably a slip. `Display` says why, what was probably meant, and how to say that it
/// means what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuspectPattern {
    /// The pattern.
    pub pattern: Pattern,
    /// What is suspect about it.
    pub slip: PatternSlip,
    /// The patterns that were probably meant; empty if that cannot be told.
    pub meant: Vec<String>,
    /// The same pattern in a spelling that is not suspect.
    pub literal: String,
}

/// What is suspect about a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternSlip {
    /// A `~` for a home directory.
    Home,
    /// A variable of a shell.
    Variable,
    /// Alternatives in braces.
    Braces,
    /// Several patterns with commas between them.
    Comma,
    /// The kind of pattern in front, as in borg: `re:`, `sh:`.
    Prefix,
    /// A rule as rsync writes it: `+ ` or `- `.
    Rule,
    /// A regular expression.
    Regex,
    /// A backslash between names, as on Windows.
    Backslash,
    /// Quotation marks around it.
    Quotes,
    /// A comment behind it.
    Comment,
    /// A blank in front of it, or a tab behind it.
    Blank,
    /// Several lines.
    Lines,
}

impl PatternSlip {
    /// What is taken literally.
    fn why(self) -> &'static str {
        match self {
            Self::Home => "~ is not the home directory here, patterns are relative to each root",
            Self::Variable => "variables are not expanded here",
            Self::Braces => "braces are not expanded; write a pattern for each",
            Self::Comma => "a comma does not separate patterns; write each by itself",
            Self::Prefix => "a pattern has no prefix for its kind, all are those of .gitignore",
            Self::Rule => "this is not a rule of rsync; a pattern leaves out, and one with a ! in front includes again",
            Self::Regex => "it looks like a regular expression, and patterns are those of .gitignore",
            Self::Backslash => "a backslash does not separate names, it takes the next character literally",
            Self::Quotes => "the quotation marks belong to the pattern",
            Self::Comment => "a comment has a line of its own; what is behind the # belongs to the pattern",
            Self::Blank => "the blank in front or the tab at the end belongs to the pattern",
            Self::Lines => "a line break does not separate patterns here",
        }
    }
}

impl fmt::Display for SuspectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pattern: Pattern { text, from, line }, slip, meant, literal } = self;
        write!(f, "exclude pattern {text:?}{}: {}", place(from.as_deref(), *line), slip.why())?;
        if !meant.is_empty() {
            let meant: Vec<_> = meant.iter().map(|pattern| harmless(pattern)).collect();
            write!(f, "; did you mean {}?", meant.join("  "))?;
        }
        write!(f, " (If not, write {}.)", harmless(literal))
    }
}

/// Kinds of patterns that other programs write in front.
const PREFIXES: [&str; 10] = ["re:", "regex:", "regexp:", "sh:", "fm:", "pp:", "pf:", "glob:", "rootglob:", "path:"];

/// What is suspect about a pattern, if anything.
pub(super) fn suspect(pattern: &Pattern) -> Option<SuspectPattern> {
    let text = trimmed(&pattern.text);
    let (negated, body) = without_sign(text);
    let sign = if negated { "!" } else { "" };
    let found = Body { body, bare: bare(body) };
    let (slip, meant, literal) = found.slip(negated)?;
    let meant = meant.into_iter().map(|meant| if meant.starts_with('!') { meant } else { format!("{sign}{meant}") });
    let (meant, literal) = (meant.collect(), format!("{sign}{literal}"));
    Some(SuspectPattern { pattern: pattern.clone(), slip, meant, literal })
}

/// A pattern without its sign.
struct Body<'p> {
    body: &'p str,
    /// See [`bare`].
    bare: Vec<(usize, char)>,
}

type FoundSlip = (PatternSlip, Vec<String>, String);

impl Body<'_> {
    fn slip(&self, negated: bool) -> Option<FoundSlip> {
        self.lines()
            .or_else(|| self.blank(negated))
            .or_else(|| self.quotes())
            .or_else(|| self.home())
            .or_else(|| self.variable())
            .or_else(|| self.rule())
            .or_else(|| self.prefix())
            .or_else(|| self.backslash())
            .or_else(|| self.regex())
            .or_else(|| self.comment())
            .or_else(|| self.braces())
            .or_else(|| self.comma())
    }

    /// The body with a backslash before each bare character that is one of these.
    fn escaped(&self, is: impl Fn(usize, char) -> bool) -> String {
        let mut text = self.body.to_owned();
        for (at, _) in self.bare.iter().rev().filter(|(at, c)| is(*at, *c)) {
            text.insert(*at, '\\');
        }
        text
    }

    fn lines(&self) -> Option<FoundSlip> {
        self.bare.iter().any(|(_, c)| *c == '\n').then(|| {
            let lines = self.body.lines().filter(|line| !line.is_empty()).map(str::to_owned);
            (PatternSlip::Lines, lines.collect(), self.escaped(|_, c| c == '\n'))
        })
    }

    fn blank(&self, negated: bool) -> Option<FoundSlip> {
        let inner = self.body.trim_matches([' ', '\t']);
        // A protected blank at the end is meant.
        let is_found = self.body.starts_with([' ', '\t']) || self.bare.last().is_some_and(|(_, c)| *c == '\t');
        let slip = if negated && self.body.starts_with(' ') { PatternSlip::Rule } else { PatternSlip::Blank };
        let last = self.body.len().saturating_sub(1);
        let literal = || self.escaped(|at, c| matches!(c, ' ' | '\t') && (at == 0 || at == last));
        is_found.then(|| (slip, vec![inner.to_owned()], literal()))
    }

    fn quotes(&self) -> Option<FoundSlip> {
        let inside = |mark| self.body.strip_prefix(mark)?.strip_suffix(mark).filter(|inside| !inside.is_empty());
        let inside = inside('"').or_else(|| inside('\''))?;
        Some((PatternSlip::Quotes, vec![inside.to_owned()], self.escaped(|at, _| at == 0)))
    }

    fn home(&self) -> Option<FoundSlip> {
        let rest = self.body.strip_prefix('~')?;
        // `~ada/x` is in the home of another user.
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        let is_users =
            || rest.split_once('/').is_some_and(|(name, rest)| !rest.is_empty() && name.chars().all(is_name));
        if !rest.is_empty() && !rest.starts_with('/') && !is_users() {
            return None;
        }
        let rest = if rest.starts_with('/') { rest } else { "" };
        let meant = if rest.len() > 1 { vec![rest.to_owned()] } else { Vec::new() };
        Some((PatternSlip::Home, meant, self.escaped(|at, _| at == 0)))
    }

    /// A name that begins as `$NAME` and ends there, or as `${` or `$(`; `$RECYCLE.BIN` is a name of Windows.
    fn variable(&self) -> Option<FoundSlip> {
        let rest = |at: usize| &self.body[at + 1..];
        let name = |rest: &str| rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let is_variable = |at| {
            let rest: &str = rest(at);
            let end = name(rest);
            rest.starts_with(['{', '(']) || end > 0 && (end == rest.len() || rest[end..].starts_with('/'))
        };
        let begins = |at: usize| at == 0 || self.body[..at].ends_with('/');
        let is_found = self.bare.iter().any(|(at, c)| *c == '$' && begins(*at) && is_variable(*at));
        let home = ["$HOME", "${HOME}"].iter().find_map(|home| self.body.strip_prefix(home));
        let meant = home.filter(|rest| rest.len() > 1).map(str::to_owned).into_iter().collect();
        is_found.then(|| (PatternSlip::Variable, meant, self.escaped(|_, c| matches!(c, '$' | '{' | '}' | ','))))
    }

    fn rule(&self) -> Option<FoundSlip> {
        let (sign, rest) = [("!", "+ "), ("", "- ")]
            .into_iter()
            .find_map(|(sign, rule)| Some((sign, self.body.strip_prefix(rule)?)))?;
        Some((PatternSlip::Rule, vec![format!("{sign}{rest}")], self.escaped(|at, _| at == 0)))
    }

    fn prefix(&self) -> Option<FoundSlip> {
        let prefix = PREFIXES.iter().find(|prefix| self.body.starts_with(**prefix))?;
        let rest = &self.body[prefix.len()..];
        let meant = if prefix.starts_with("re") || rest.is_empty() { Vec::new() } else { vec![rest.to_owned()] };
        Some((PatternSlip::Prefix, meant, self.escaped(|at, _| at == prefix.len() - 1)))
    }

    /// A backslash before a letter or a digit has no use.
    fn backslash(&self) -> Option<FoundSlip> {
        let useless = |text: &str| text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        let (mut slashes, mut literal) = (String::new(), String::new());
        let mut rest = self.body;
        while let Some(at) = rest.find('\\') {
            let (before, behind) = (&rest[..at], &rest[at + 1..]);
            let escape = if useless(behind) { ["/", ""] } else { ["\\", "\\"] };
            let taken = behind.chars().next().map_or(0, char::len_utf8);
            slashes.extend([before, escape[0], &behind[..taken]]);
            literal.extend([before, escape[1], &behind[..taken]]);
            rest = &behind[taken..];
        }
        let is_found = literal.len() + rest.len() < self.body.len();
        is_found.then(|| (PatternSlip::Backslash, vec![slashes + rest], literal + rest))
    }

    fn regex(&self) -> Option<FoundSlip> {
        let last = self.body.len() - 1;
        let is_anchor = |at: usize, c: char| at == 0 && c == '^' || at == last && c == '$' && at > 0;
        let is_found = self.bare.iter().any(|(at, c)| is_anchor(*at, *c));
        is_found.then(|| (PatternSlip::Regex, Vec::new(), self.escaped(is_anchor)))
    }

    fn comment(&self) -> Option<FoundSlip> {
        let is_mark = |at: usize, c: char| c == '#' && at > 0 && self.body[..at].ends_with([' ', '\t']);
        let (at, _) = self.bare.iter().find(|(at, c)| is_mark(*at, *c))?;
        let meant = self.body[..*at].trim_end();
        Some((PatternSlip::Comment, vec![meant.to_owned()], self.escaped(is_mark)))
    }

    /// Only what a shell would expand: `{a,b}` and `{1..3}`.
    fn braces(&self) -> Option<FoundSlip> {
        let at = |wanted, from: usize| self.bare.iter().map(|b| (b.0, b.1)).find(|(at, c)| *c == wanted && *at >= from);
        let (open, _) = at('{', 0)?;
        let (close, _) = at('}', open)?;
        let (before, inside, behind) = (&self.body[..open], &self.body[open + 1..close], &self.body[close + 1..]);
        let commas = self.bare.iter().filter(|(at, c)| *c == ',' && (open..close).contains(at)).count();
        if commas == 0 && !inside.contains("..") {
            return None;
        }
        let each = inside.split(',').map(|one| format!("{before}{one}{behind}"));
        let meant = if commas > 0 && !inside.contains(['{', '\\']) { each.collect() } else { Vec::new() };
        Some((PatternSlip::Braces, meant, self.escaped(|_, c| matches!(c, '{' | '}' | ','))))
    }

    fn comma(&self) -> Option<FoundSlip> {
        let mut start = 0;
        let mut meant = Vec::new();
        for (at, _) in self.bare.iter().filter(|(_, c)| *c == ',') {
            meant.push(self.body[start..*at].trim().to_owned());
            start = at + 1;
        }
        meant.push(self.body[start..].trim().to_owned());
        meant.retain(|one| !one.is_empty());
        (start > 0).then(|| (PatternSlip::Comma, meant, self.escaped(|_, c| c == ',')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_named_with_what_was_meant_and_its_escape() {
        use PatternSlip::{
            Backslash, Blank, Braces, Comma, Comment, Home, Lines, Prefix, Quotes, Regex, Rule, Variable,
        };
        for (text, slip, meant, literal) in [
            ("~/Downloads", Home, "/Downloads", r"\~/Downloads"),
            ("!~/x", Home, "!/x", r"!\~/x"),
            ("~", Home, "", r"\~"),
            ("~ada/x", Home, "", r"\~ada/x"),
            ("$HOME/x", Variable, "/x", r"\$HOME/x"),
            ("a/${X}/b", Variable, "", r"a/\$\{X\}/b"),
            ("$(pwd)/b", Variable, "", r"\$(pwd)/b"),
            ("*.{iso,o}", Braces, "*.iso  *.o", r"*.\{iso\,o\}"),
            ("x{1..3}", Braces, "", r"x\{1..3\}"),
            ("a,b", Comma, "a  b", r"a\,b"),
            ("a, b,", Comma, "a  b", r"a\, b\,"),
            ("re:.*", Prefix, "", r"re\:.*"),
            ("sh:x/**", Prefix, "x/**", r"sh\:x/**"),
            ("+ /x", Rule, "!/x", r"\+ /x"),
            ("- /x", Rule, "/x", r"\- /x"),
            ("! x", Rule, "!x", r"!\ x"),
            (" x", Blank, "x", r"\ x"),
            ("x\t", Blank, "x", "x\\\t"),
            ("^x", Regex, "", r"\^x"),
            ("x$", Regex, "", r"x\$"),
            (r"a\b", Backslash, "a/b", "ab"),
            (r".*\.iso\d", Backslash, r".*\.iso/d", r".*\.isod"),
            ("\"x y\"", Quotes, "x y", "\\\"x y\""),
            ("'*.o'", Quotes, "*.o", r"\'*.o'"),
            ("*.o # objects", Comment, "*.o", r"*.o \# objects"),
            ("a\nb", Lines, "a  b", "a\\\nb"),
        ] {
            let found = suspect(&Pattern::new(text)).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!((found.slip, found.meant.join("  ").as_str()), (slip, meant), "{text:?}");
            assert_eq!(found.literal, literal, "{text:?}");
            assert_eq!(suspect(&Pattern::new(literal)), None, "{literal:?}");
            assert!(found.to_string().contains(&harmless(literal)), "{found}");
        }
    }

    #[test]
    fn common_patterns_are_not_suspect() {
        for text in [
            "*~",
            "~$*",
            "~backup/",
            "~Ada/x",
            ".~lock.*#",
            "$RECYCLE.BIN/",
            "$d.x",
            "{GUID}/",
            "\\{a,",
            "[,]x",
            "x y",
            "#x",
            "\\#x",
            "!x",
            "-x",
            "+x",
            "a+ b",
            "/a/b/",
            "**/x",
            "a\\ ",
            "\\~/x",
            "\\*",
            "a\\[b",
            "C$x",
            "'x",
            "x#y",
            "re",
            "é*",
            "a:b",
        ] {
            let found = suspect(&Pattern::new(text));
            // The one with a comma is here for its brace.
            assert!(found.is_none() || text == "\\{a,", "{text}: {found:?}");
        }
    }
}
