//! `fastdiff job schedule`: what has the system run a job again and again, for the user to install. One file per system; the
//! texts are made here from plain values, nothing is installed.

mod cron;
mod every;
mod launchd;
mod quote;
mod systemd;
mod windows;

use self::every::Every;

/// What is to be run, how often, and what it needs there.
#[derive(Debug, Clone)]
struct Schedule<'a> {
    /// The job's name.
    job: &'a str,
    every: Every,
    /// The absolute path of fastdiff.
    program: String,
    /// From `run` on.
    arguments: Vec<String>,
    /// The PATH that finds the job's command; schedulers have a short one of their own.
    path: Option<String>,
    /// The home directory, where a file has to name it.
    home: Option<String>,
    /// The exit codes that mean success.
    success: Vec<u8>,
}

impl Schedule<'_> {
    fn program_and_arguments(&self) -> (&str, impl Iterator<Item = &str>) {
        (&self.program, self.arguments.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn schedule(every: &str) -> Schedule<'static> {
        Schedule {
            job: "documents",
            every: every.parse().expect("an interval"),
            program: "/usr/local/bin/fastdiff".into(),
            arguments: ["run", "documents"].map(String::from).to_vec(),
            path: Some("/home/ada/bin:/usr/bin:/bin".into()),
            home: Some("/home/ada".into()),
            success: vec![0],
        }
    }
}
