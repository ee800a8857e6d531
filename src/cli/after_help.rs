//! The text after the options of `--help` and in the manual pages: examples, tables and notes.
//!
//! Lines that begin with a space are examples and tables, whose lines are kept. The others are prose: the source
//! wraps them anywhere, and the terminal or the page where it ends.

use clap::Command;

/// The width that most terminals have at least.
const WIDTH: usize = 80;

/// A column that begins after this one holds remarks on an example. Before it, it is the text of a table.
const LAST_TABLE_COLUMN: usize = 24;

/// A command of an example within [`WIDTH`]. Each line but the last ends with a backslash, as in a shell. Words in
/// quotes stay together.
fn fitted_command(line: &str) -> String {
    let mut lines = vec![String::new()];
    let mut word = String::new();
    for piece in line.split_inclusive(' ') {
        word.push_str(piece);
        if word.matches('\'').count() % 2 == 1 {
            continue;
        }
        let is_wide = |line: &String| line.chars().count() + word.trim_end().chars().count() > WIDTH - 2;
        if lines.last().is_some_and(|line| !line.trim().is_empty() && is_wide(line)) {
            lines.push("      ".into());
        }
        lines.last_mut().into_iter().for_each(|line| line.push_str(&word));
        word.clear();
    }
    lines.join("\\\n") + &word
}

/// A line of an example or a table within [`WIDTH`]: its last column goes on in the next lines.
fn fitted(line: &str, is_example: bool) -> String {
    let begins = line.len() - line.trim_start().len();
    let gap = line[begins..].find("  ").map(|gap| begins + gap);
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    let Some(gap) = gap else { return if is_example { fitted_command(line) } else { line.to_owned() } };
    let column = line.len() - line[gap..].trim_start().len();
    let (head, text) = line.split_at(column);
    if column > LAST_TABLE_COLUMN {
        return format!("{}\n      {text}", head.trim_end());
    }
    let mut lines = vec![head.to_owned()];
    for word in text.split_inclusive(' ') {
        if lines.last().is_some_and(|line| line.chars().count() + word.trim_end().chars().count() > WIDTH) {
            lines.push(" ".repeat(column));
        }
        lines.last_mut().into_iter().for_each(|line| line.push_str(word));
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// Joins the lines of each paragraph of prose.
fn joined(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let (mut is_open, mut is_example) = (false, false);
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if !all.is_empty() {
            all.push(if is_open && is_prose { ' ' } else { '\n' });
        }
        if is_prose {
            is_example = line == "Examples:";
            all.push_str(line);
        } else {
            all.push_str(&fitted(line, is_example));
        }
        is_open = is_prose && !line.ends_with(':');
    }
    all
}

/// The command, and those below it, with prose that clap can wrap.
pub(super) fn wrapped_by_clap(mut command: Command) -> Command {
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(joined(&text));
    }
    let names: Vec<_> = command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, wrapped_by_clap))
}

/// The text as roff, with examples and tables line by line.
pub(super) fn roff(text: &str) -> String {
    let mut page = String::new();
    let mut is_table = false;
    for line in joined(text).lines() {
        let begins_table = line.starts_with(' ');
        if begins_table != is_table && !line.is_empty() {
            page.push_str(if begins_table { ".nf\n" } else { ".fi\n" });
            is_table = begins_table;
        }
        if line.is_empty() {
            page.push_str(".PP\n");
        } else {
            page.push_str(&escaped(line));
            page.push('\n');
        }
    }
    if is_table {
        page.push_str(".fi\n");
    }
    page
}

/// A line that roff prints as it is.
fn escaped(line: &str) -> String {
    let text = line.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Examples:
  one -a \\
      two
  three

Some prose that
goes on.
.And on:
  0  done
End";

    #[test]
    fn only_prose_is_joined() {
        let expected = "\
Examples:
  one -a \\
      two
  three

Some prose that goes on. .And on:
  0  done
End";
        assert_eq!(joined(TEXT), expected);
    }

    #[test]
    fn a_wide_line_goes_on_in_its_last_column() {
        let words = "word ".repeat(14);
        let table = fitted(&format!("  refused    {words}end"), false);
        assert_eq!(table, format!("  refused    {}\n             word end", "word ".repeat(13).trim_end()));
        let example = fitted(&format!("  fastdiff commit documents --run 12       {words}"), true);
        assert_eq!(example, format!("  fastdiff commit documents --run 12\n      {words}"));
    }

    #[test]
    fn a_wide_command_goes_on_as_a_shell_reads_it() {
        let options = "--option ".repeat(7);
        let command = format!("  fastdiff {options}'in quotes' {options}end");
        let expected =
            format!("  fastdiff {options}\\\n      'in quotes' {}\\\n      --option end", "--option ".repeat(6));
        assert_eq!(fitted(&command, true), expected);
        assert_eq!(fitted(&command, false), command);
    }

    #[test]
    fn a_page_keeps_the_lines_of_tables() {
        let expected = "\
Examples:
.nf
  one \\-a \\e
      two
  three
.PP
.fi
Some prose that goes on. .And on:
.nf
  0  done
.fi
End
";
        assert_eq!(roff(TEXT), expected);
        assert_eq!(roff(".TH of a name"), "\\&.TH of a name\n");
    }
}
