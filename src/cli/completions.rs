//! `fastdiff completions`: completions for a shell.

use clap_complete::Shell;

use super::{DONE, Outcome, output_failure};

/// Print completions for a shell.
///
/// For bash: mkdir -p ~/.local/share/bash-completion/completions, then fastdiff completions bash >
/// ~/.local/share/bash-completion/completions/fastdiff
#[derive(clap::Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut super::whole(), "fastdiff", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text).map_err(|e| output_failure(&e, true))?;
    Ok(DONE)
}
