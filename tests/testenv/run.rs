//! What came of a run of the program.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Output;

/// A finished run. The test's own directory is `[ROOT]` in the texts.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    /// Standard output as it came.
    pub(crate) bytes: Vec<u8>,
    /// Standard output as text.
    pub(crate) stdout: String,
    /// Standard error as text.
    pub(crate) stderr: String,
}

impl Run {
    #[track_caller]
    pub(crate) fn new(output: Output, root: &Path) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(root.to_str().unwrap(), "[ROOT]");
        let run = Self {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            bytes: output.stdout,
        };
        // The standard library panics by itself where it cannot prepare a new thread.
        let by_itself = run.stderr.contains("failed to allocate an alternative stack");
        assert!(by_itself || !run.stderr.contains("panicked at"), "{}", run.stderr);
        run
    }

    /// Standard output of a run that must have gone well and had nothing to say.
    #[track_caller]
    pub(crate) fn success(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// The same; that patterns match nothing, or everything, or stand first, may be said.
    #[track_caller]
    pub(crate) fn success_with_patterns(mut self) -> String {
        let warnings = [" matched nothing: ", " leave out everything below ", " stands before all others"];
        let of_pattern = |line: &str| warnings.iter().any(|warning| line.contains(warning));
        self.stderr = self.stderr.split_inclusive('\n').filter(|line| !of_pattern(line)).collect();
        self.success()
    }

    /// Standard error of a run that must have failed with one clear line and no output.
    #[track_caller]
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        let line = self.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {:?}", self.stderr));
        assert!(line.starts_with("fastdiff: error: "), "{line}");
        assert!(!line.contains('\n'), "more than one line: {line}");
        assert!(!line.chars().any(char::is_control), "a control character reaches the terminal: {line:?}");
        line.to_owned()
    }
}
