//! The script that Duplicati calls. Duplicati takes the path of a script, and no arguments.

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

    /// For the command interpreter of Windows.
    pub(super) fn batch(&self) -> String {
        let words = self.words().iter().map(|word| quote::batch(word)).collect::<Vec<_>>().join(" ");
        let idle = if self.skip_idle {
            "if %code% equ 77 (\n  type \"%told%\"\n  del \"%told%\"\n  exit /b 1\n)\n"
        } else {
            ""
        };
        let text = format!(
            "@echo off\n\
             rem {MARK}; run that again instead of editing it.\n\
             rem Name it in Duplicati as --run-script-before.\n\
             setlocal disabledelayedexpansion\n\
             chcp 65001 >nul\n\
             set \"told=%TEMP%\\fastdiff-hook-%RANDOM%-%RANDOM%.txt\"\n\
             {words} >\"%told%\" 2>nul\n\
             set \"code=%errorlevel%\"\n\
             {idle}\
             if %code% equ 0 (\n  type \"%told%\"\n) else (\n  \
             echo LOG:INFO fastdiff: no list, so Duplicati scans everything: the hook ended with code %code%\n)\n\
             del \"%told%\"\n\
             exit /b 0\n"
        );
        text.replace('\n', "\r\n")
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
    fn a_batch_file_has_its_own_line_ends_and_quotes() {
        let text = call(true).batch();
        assert!(text.lines().count() > 5 && text.split_inclusive('\n').all(|line| line.ends_with("\r\n")));
        insta::assert_snapshot!(text.replace('\r', ""), @r#"
        @echo off
        rem Written by `fastdiff hook install duplicati`; run that again instead of editing it.
        rem Name it in Duplicati as --run-script-before.
        setlocal disabledelayedexpansion
        chcp 65001 >nul
        set "told=%TEMP%\fastdiff-hook-%RANDOM%-%RANDOM%.txt"
        "/opt/fast diff/fastdiff" hook duplicati --job docs --config "/etc/it's 100%%/x.toml" >"%told%" 2>nul
        set "code=%errorlevel%"
        if %code% equ 77 (
          type "%told%"
          del "%told%"
          exit /b 1
        )
        if %code% equ 0 (
          type "%told%"
        ) else (
          echo LOG:INFO fastdiff: no list, so Duplicati scans everything: the hook ended with code %code%
        )
        del "%told%"
        exit /b 0
        "#);
    }
}
