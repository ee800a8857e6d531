//! `fastdiff completions`: completions for a shell.

use std::io::Write as _;
use std::path::PathBuf;

use clap_complete::Shell;
use clap_complete::env::Shells;
use fastdiff::path::PathExt as _;

use super::{DONE, Failure, Outcome, complete, output_failure, place, print_message};

/// Print completions for a shell, or install them for yourself.
///
/// They complete commands, options, names of jobs and files, by asking fastdiff itself: it has to be on the PATH. After
/// an update, install them again.
#[derive(clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell [default: that of $SHELL]
    #[arg(value_enum)]
    shell: Option<Shell>,

    /// Write them to the file where the shell looks for yours (bash, fish, zsh), and say what else to do
    #[arg(long)]
    install: bool,
}

pub(super) fn run(args: &CompletionsArgs) -> Outcome {
    let shell = args.shell.or_else(Shell::from_env).ok_or_else(|| {
        Failure::Other("$SHELL names no shell that is known; name one: bash, zsh, fish, elvish, powershell".into())
    })?;
    let name = shell.to_string();
    let mut text = Vec::new();
    let shells = Shells::builtins();
    let completer = shells.completer(&name).ok_or_else(|| Failure::Other(format!("{name} cannot be completed for")))?;
    completer
        .write_registration(complete::VARIABLE, "fastdiff", "fastdiff", "fastdiff", &mut text)
        .map_err(|e| output_failure(&e, true))?;
    if !args.install {
        std::io::stdout().write_all(&text).map_err(|e| output_failure(&e, true))?;
        return Ok(DONE);
    }
    let (file, more) = file_of(shell)?;
    place::write(&file, &text)?;
    print_message("note", format_args!("wrote {}; {more}", file.shown()));
    Ok(DONE)
}

/// The file for a shell, and what has to be done besides.
fn file_of(shell: Shell) -> Result<(PathBuf, String), Failure> {
    let (dir, name) = match shell {
        Shell::Bash => (place::data()?.join("bash-completion").join("completions"), "fastdiff"),
        Shell::Fish => (place::config()?.join("fish").join("completions"), "fastdiff.fish"),
        Shell::Zsh => (place::data()?.join("zsh").join("site-functions"), "_fastdiff"),
        other => {
            return Err(Failure::Other(format!(
                "{other} has no directory for completions: add the output of `fastdiff completions {other}` to what it reads when it starts"
            )));
        }
    };
    let more = match shell {
        Shell::Zsh => format!("add this to ~/.zshrc, before compinit: fpath=({} $fpath)", dir.shown()),
        _ => "a new shell has them".to_owned(),
    };
    Ok((dir.join(name), more))
}
