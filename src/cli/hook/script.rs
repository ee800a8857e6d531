//! What Duplicati calls: a script on Unix, which takes no arguments; on Windows the program itself, since Duplicati
//! reads the output of a batch file by a code page that the file cannot know.

use std::path::Path;

use super::super::quote;

/// The mark of a script that this command wrote.
pub(super) const MARK: &str = "Written by `fastdiff hook install duplicati`";

/// What the script calls.
pub(super) struct Call<'a> {
    pub(super) program: &'a Path,
    /// The arguments after `hook duplicati`.
    pub(super) arguments: Vec<String>,
    /// If nothing changed, the script ends with 1, and Duplicati skips the backup. The program itself must not end
    /// with 1: so does what cannot be started.
    pub(super) skip_idle: bool,
}

impl Call<'_> {
    /// For the shell of Unix. The output of the program is passed on only if it ended well: half a list is worse than
    /// none. The shell itself writes to standard error if a signal ends the program.
    pub(super) fn shell(&self) -> String {
        let words = self.words().iter().map(|word| quote::shell(word)).collect::<Vec<_>>().join(" ");
        let idle = if self.skip_idle { "    77) printf '%s\\n' \"$told\"; exit 1 ;;\n" } else { "" };
        format!(
            "#!/bin/sh\n\
             # {MARK}; run that again instead of editing it.\n\
             # Name it in Duplicati as --run-script-before.\n\
             exec 2>/dev/null\n\
             told=$({words})\n\
             code=$?\n\
             case $code in\n    \
             0) printf '%s\\n' \"$told\" ;;\n\
             {idle}    \
             *) echo \"LOG:INFO fastdiff: no list, so Duplicati scans everything: the hook ended with code $code\" ;;\n\
             esac\n\
             exit 0\n"
        )
    }

    /// For Windows, where Duplicati starts the program itself: the command line.
    pub(super) fn command_line(&self) -> String {
        self.words().iter().map(|word| quote::windows(word)).collect::<Vec<_>>().join(" ")
    }

    fn words(&self) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        let fixed = [program, "hook".into(), "duplicati".into()];
        fixed.into_iter().chain(self.arguments.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(skip_idle: bool) -> Call<'static> {
        let arguments = vec!["--job".into(), "docs".into(), "--config".into(), "/etc/it's 100%/x.toml".into()];
        Call { program: Path::new("/opt/fast diff/fastdiff"), arguments, skip_idle }
    }

    #[test]
    fn a_shell_script_passes_on_only_what_ended_as_it_should() {
        insta::assert_snapshot!(call(false).shell(), @r#"
        #!/bin/sh
        # Written by `fastdiff hook install duplicati`; run that again instead of editing it.
        # Name it in Duplicati as --run-script-before.
        exec 2>/dev/null
        told=$('/opt/fast diff/fastdiff' hook duplicati --job docs --config '/etc/it'"'"'s 100%/x.toml')
        code=$?
        case $code in
            0) printf '%s\n' "$told" ;;
            *) echo "LOG:INFO fastdiff: no list, so Duplicati scans everything: the hook ended with code $code" ;;
        esac
        exit 0
        "#);
        assert!(call(true).shell().contains("\n    77) printf '%s\\n' \"$told\"; exit 1 ;;\n    *) "));
    }

    #[test]
    fn a_command_line_has_quotes_where_there_are_blanks() {
        let line = call(true).command_line();
        assert_eq!(line, "\"/opt/fast diff/fastdiff\" hook duplicati --job docs --config \"/etc/it's 100%/x.toml\"");
    }
}
