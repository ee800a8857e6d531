//! `fastdiff job schedule`: prints what the user installs so that the system runs a job again and again. One file per
//! scheduler. Each makes its text from plain values and installs nothing.

mod cron;
mod every;
mod launchd;
mod systemd;
mod windows;

use std::env;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use fastdiff::jobs::check_name;
use fastdiff::path::PathExt as _;
use fastdiff::terminal::is_harmless;

use self::every::Every;
use super::super::config::Definition;
use super::super::placeholders;
use super::super::state::StateArgs;
use super::super::{DONE, Failure, Outcome, output_failure, print_message};

const AFTER_HELP: &str = "\
Examples:
  fastdiff job schedule documents --every 15min           look at it
  fastdiff job schedule documents --every 15min | sh      install it
  fastdiff job schedule documents --every 2h --with cron | sh
  fastdiff job schedule documents --remove | sh           uninstall it
  fastdiff job schedule documents --every 15min --with windows > task.xml

The job runs with the lowest CPU and I/O priority, and with the PATH of this shell. It does not get other variables:
name those in the command (-- env NAME=VALUE restic …).";

/// Print a schedule for a job, and the commands that install it.
///
/// On Unix it is a script: pipe it to sh. This command itself installs nothing.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(in crate::cli) struct JobScheduleArgs {
    /// The job; it must have a command
    #[arg(add = super::super::complete::jobs())]
    name: String,

    /// How often: 15min, 2h, 1day. If the interval divides an hour or a day, the job runs by the clock, and a run that
    /// was missed while the machine slept starts afterwards (cron skips it)
    #[arg(long, value_name = "INTERVAL", required_unless_present = "remove")]
    every: Option<Every>,

    /// Print what uninstalls the schedule instead. The job may be gone already
    #[arg(long, conflicts_with = "every")]
    remove: bool,

    /// The scheduler [default: systemd on Linux, launchd on macOS, windows on Windows, else cron]
    #[arg(long, value_enum)]
    with: Option<With>,

    /// For the system's systemd or launchd, which runs also while nobody is logged in. Pipe it to `sudo sh` [default
    /// for root]
    #[arg(long)]
    system: bool,

    /// For the user's own systemd or launchd [default for everybody but root]
    #[arg(long, conflicts_with = "system")]
    user: bool,

    #[command(flatten)]
    state: StateArgs,
}

/// A program that starts others at set times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum With {
    /// A service and a timer of systemd
    Systemd,
    /// An agent of launchd, or a daemon for root
    Launchd,
    /// A task of the Windows Task Scheduler
    Windows,
    /// A line of the user's crontab
    Cron,
}

impl With {
    /// Its word after `--with`.
    fn name(self) -> String {
        clap::ValueEnum::to_possible_value(&self).map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The scheduler that this system comes with.
    fn here() -> Self {
        match env::consts::OS {
            "linux" => Self::Systemd,
            "macos" => Self::Launchd,
            "windows" => Self::Windows,
            _ => Self::Cron,
        }
    }
}

/// The command of a schedule, how often it runs, and what it needs.
#[derive(Debug, Clone)]
struct Schedule<'a> {
    /// The job's name: letters, digits, `.`, `_` and `-`, which mean nothing to a shell, to systemd or to XML.
    job: &'a str,
    every: Every,
    /// The absolute path of fastdiff.
    program: String,
    /// From `run` on.
    arguments: Vec<String>,
    /// The PATH in which the job's command is found. A scheduler's own one is short.
    path: Option<String>,
    /// The home directory, for a file that must name it.
    home: Option<String>,
    /// The exit codes that mean success.
    success: Vec<i32>,
    /// Whose systemd or launchd it is for.
    manager: Manager,
}

/// Which systemd or launchd starts the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    /// The user's own.
    User,
    /// The system's. It starts the job as this user.
    System {
        /// The number of the user.
        user: u32,
    },
}

pub(in crate::cli) fn run(args: &JobScheduleArgs) -> Outcome {
    let with = args.with.unwrap_or_else(With::here);
    let manager = manager(args, with).map_err(|e| refusal(&args.name, &e))?;
    let Some(every) = args.every else {
        check_name(&args.name)?;
        write(&removal(&args.name, with, manager))?;
        return Ok(DONE);
    };
    let (definition, _) = args.state.job(&args.name)?;
    // Nobody watches the runs of a timer: an error in the command must show now.
    let command: Vec<_> = definition.command.iter().map(std::ffi::OsString::from).collect();
    placeholders::check(&definition, &command)?;
    let schedule = Schedule::new(&definition, args, every, manager).map_err(|e| refusal(&args.name, &e))?;
    print(&schedule, with)?;
    Ok(DONE)
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    1
}

/// The user of the system, whose own systemd or launchd usually does not run.
const ROOT: u32 = 0;

fn manager(args: &JobScheduleArgs, with: With) -> Result<Manager, String> {
    let user = user();
    let has_two = matches!(with, With::Systemd | With::Launchd);
    match (args.system, with) {
        (true, With::Launchd | With::Cron) if user != ROOT => {
            Err("--system needs root here: call it with sudo -H".into())
        }
        (true, With::Windows) => Err("--system is for systemd and launchd".into()),
        (true, _) => Ok(Manager::System { user }),
        (false, _) if has_two && user == ROOT && !args.user => Ok(Manager::System { user }),
        (false, _) => Ok(Manager::User),
    }
}

/// What uninstalls the schedule of a job.
fn removal(job: &str, with: With, manager: Manager) -> String {
    match with {
        With::Systemd => systemd::removal(job, manager),
        With::Launchd => launchd::removal(job, manager),
        With::Windows => windows::removal(job),
        With::Cron => cron::removal(job),
    }
}

/// The command whose output uninstalls the schedule.
fn remover(schedule: &Schedule, with: With) -> String {
    let mut words = vec!["fastdiff job schedule".to_owned(), schedule.job.to_owned(), "--remove".to_owned()];
    if with != With::here() {
        words.push(format!("--with {}", with.name()));
    }
    if matches!(with, With::Systemd | With::Launchd) {
        words.push(if schedule.manager == Manager::User { "--user" } else { "--system" }.to_owned());
    }
    format!("{} | {}", words.join(" "), schedule.shell())
}

fn refusal(job: &str, reason: &str) -> Failure {
    Failure::Other(format!("no schedule for job {job}: {reason}"))
}

impl<'a> Schedule<'a> {
    fn new(definition: &Definition, args: &'a JobScheduleArgs, every: Every, manager: Manager) -> Result<Self, String> {
        if definition.command.is_empty() {
            let (name, title) = (definition.consumer.name(), definition.consumer.title());
            return Err(if definition.consumer.has_hook() {
                format!(
                    "{title} has its own scheduler, which calls `fastdiff hook {name}`: set the interval there, or give the \
                     job a command (`command` in its definition, `--` in `job add`)"
                )
            } else {
                "it has no command to run; give it one (`command` in its definition, `--` in `job add`)".to_owned()
            });
        }
        let program = env::current_exe().map_err(|e| format!("the path of this program is unknown: {e}"))?;
        let mut arguments = vec!["run".to_owned(), args.name.clone(), "--if-defined".to_owned()];
        for (option, place) in args.state.elsewhere() {
            let place = std::path::absolute(&place).map_err(|e| format!("{option} {}: {e}", place.shown()))?;
            arguments.extend([option.to_owned(), text(option, place)?]);
        }
        if let Some(machine) = args.state.machine().map_err(|failure| failure.to_string())? {
            arguments.extend(["--machine-id".to_owned(), text("--machine-id", machine)?]);
        }
        Ok(Self {
            job: &args.name,
            every,
            program: text("the path of this program", program)?,
            arguments,
            path: env::var_os("PATH").map(|path| text("PATH", path)).transpose()?,
            home: env::home_dir().map(|home| text("the home directory", home)).transpose()?,
            success: definition.success_codes().to_vec(),
            manager,
        })
    }

    /// What the script is piped to.
    fn shell(&self) -> &'static str {
        match self.manager {
            Manager::System { user } if user != ROOT => "sudo sh",
            _ => "sh",
        }
    }

    fn program_and_arguments(&self) -> (&str, impl Iterator<Item = &str>) {
        (&self.program, self.arguments.iter().map(String::as_str))
    }
}

/// Prints the commands that install the schedule.
fn print(schedule: &Schedule, with: With) -> Result<(), Failure> {
    let text = match with {
        With::Systemd => systemd::script(schedule),
        With::Launchd => Ok(launchd::script(schedule)),
        With::Windows => windows::xml(schedule),
        With::Cron => cron::script(schedule),
    };
    let text = text.map_err(|e| refusal(schedule.job, &e))?;
    write(&text)?;
    if with == With::Windows {
        print_message("install", windows::installation(schedule));
    }
    Ok(())
}

fn write(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|e| output_failure(&e, true))
}

/// A value that these files can hold. They are lines and XML in UTF-8, and cannot escape anything else.
fn text(what: &str, value: impl AsRef<OsStr>) -> Result<String, String> {
    let value = value.as_ref();
    match value.to_str() {
        Some(text) if is_harmless(text) => Ok(text.to_owned()),
        _ => Err(format!(
            "{what} is not UTF-8 or has a control character in it, and a schedule cannot hold that: {}",
            Path::new(value).shown()
        )),
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
            arguments: ["run", "documents", "--if-defined"].map(String::from).to_vec(),
            path: Some("/home/ada/bin:/usr/bin:/bin".into()),
            home: Some("/home/ada".into()),
            success: vec![0],
            manager: Manager::User,
        }
    }
}
