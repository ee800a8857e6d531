//! The text behind the options of `--help` and in the manual pages: examples, tables and notes.
//!
//! Lines that begin with a space are examples and tables, whose lines are kept. The others are prose: the source wraps them
//! anywhere, and the terminal or the page where it ends.

use clap::Command;

/// Joins the lines of each paragraph of prose.
fn joined(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let mut is_open = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if !all.is_empty() {
            all.push(if is_open && is_prose { ' ' } else { '\n' });
        }
        all.push_str(line);
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
