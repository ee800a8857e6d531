//! `fastdiff hook install`: write the script that a backup program calls.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use fastdiff::consumers::Consumer as _;
use fastdiff::consumers::duplicati::{Duplicati, Settings, filters_differ};
use fastdiff::path::{PathExt as _, absolute};
use fastdiff::terminal::is_harmless;

use super::super::state::StateArgs;
use super::super::walk::parse_timeout;
use super::super::{DONE, Failure, Outcome, output_failure, print_message};
use super::script::{Call, MARK};
use super::words;

const AFTER_HELP: &str = "\
Examples:
  fastdiff hook install duplicati --job documents
  fastdiff hook install duplicati --job documents --skip-idle --to /etc/duplicati/documents.sh
  fastdiff hook install duplicati --job documents --to -       print it

Do this as the user that Duplicati runs as. docs/duplicati.md is the guide.";

/// If the hook may take longer, Duplicati must wait longer too.
const USUAL_LIMIT: Duration = Duration::from_secs(55);

/// Write the script that a backup program calls.
#[derive(clap::Args)]
pub(super) struct HookInstallArgs {
    #[command(subcommand)]
    program: Program,
}

#[derive(Subcommand)]
enum Program {
    Duplicati(HookInstallDuplicatiArgs),
}

/// Write the script for --run-script-before of Duplicati, and say what to set there; on Windows, only print what to
/// enter.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
struct HookInstallDuplicatiArgs {
    /// The job; its roots are the sources of the backup
    #[arg(long, value_name = "NAME")]
    job: String,

    /// The script (- for standard output) [default: duplicati-NAME.sh beside the definitions of jobs]. On Windows there
    /// is none: Duplicati starts fastdiff itself
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    to: Option<PathBuf>,

    /// Skip the backup if nothing changed
    #[arg(long)]
    skip_idle: bool,

    /// Run the hook with the lowest CPU and I/O priority
    #[arg(long)]
    nice: bool,

    /// How long the hook may take
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    time_limit: Option<Duration>,

    #[command(flatten)]
    state: StateArgs,
}

pub(super) fn run(args: &HookInstallArgs) -> Outcome {
    match &args.program {
        Program::Duplicati(args) => duplicati(args),
    }
}

fn duplicati(args: &HookInstallDuplicatiArgs) -> Outcome {
    let (definition, job) = args.state.job(&args.job)?;
    if definition.consumer.name() != Duplicati.name() {
        return Err(Failure::Other(format!(
            "job {} is for {}; add one with --consumer duplicati",
            args.job,
            definition.consumer.name()
        )));
    }
    let config = from_here(args.state.config()?.path())?;
    let program = std::env::current_exe()
        .map_err(|e| Failure::Other(format!("cannot find the path of fastdiff itself, which the script needs: {e}")))?;
    in_a_script(&program)?;
    let call =
        Call { program: &program, arguments: arguments(args, &config, job.store().dir())?, skip_idle: args.skip_idle };
    if cfg!(windows) {
        if args.to.is_some() {
            return Err(Failure::Other("on Windows there is no script to write: leave out --to".into()));
        }
        print(&advice_for_windows(args, &call.command_line()))?;
    } else {
        let usual = || config.with_file_name(format!("duplicati-{}.sh", args.job));
        let script = args.to.clone().unwrap_or_else(usual);
        if script == Path::new("-") {
            print(&call.shell())?;
        } else {
            let script = from_here(&script)?;
            write(&script, &call.shell())?;
            print(&advice(args, &script))?;
        }
    }
    let left_out = [job.store().dir().to_owned()];
    let differences = filters_differ(&Settings::default(), &definition.filter()?, &definition.roots, &left_out);
    if !differences.is_empty() {
        let differences = words::filters(&differences);
        print_message("note", format_args!("Duplicati will get no list until this is changed: {differences}"));
    }
    Ok(DONE)
}

/// A path as text for a script.
fn in_a_script(path: &Path) -> Result<String, Failure> {
    let fine = path.to_str().filter(|text| is_harmless(text));
    fine.map(str::to_owned)
        .ok_or_else(|| Failure::Other(format!("{} cannot be written into a script; rename it", path.shown())))
}

/// All paths are absolute: Duplicati may have another home and another environment.
fn arguments(args: &HookInstallDuplicatiArgs, config: &Path, state: &Path) -> Result<Vec<String>, Failure> {
    let mut words = vec!["--job".to_owned(), args.job.clone(), "--config".to_owned(), in_a_script(config)?];
    words.extend(["--state-dir".to_owned(), in_a_script(state)?]);
    if let Some(machine) = args.state.machine()? {
        words.extend(["--machine-id".to_owned(), in_a_script(Path::new(&machine))?]);
    }
    if args.skip_idle {
        words.push("--skip-idle".to_owned());
    }
    if args.nice {
        words.push("--nice".to_owned());
    }
    if let Some(limit) = args.time_limit {
        words.extend(["--time-limit".to_owned(), humantime::format_duration(limit).to_string().replace(' ', "")]);
    }
    Ok(words)
}

fn from_here(path: &Path) -> Result<PathBuf, Failure> {
    let current = std::env::current_dir()
        .map_err(|e| Failure::Other(format!("cannot find the current directory, for {}: {e}", path.shown())))?;
    Ok(absolute(path, &current))
}

/// Writes the script whole or not at all. It replaces only a script that this command wrote.
fn write(script: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::Other(format!("cannot write {}: {e}", script.shown()));
    match fs::symlink_metadata(script) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
        Ok(found) => {
            let is_ours = found.is_file()
                && fs::read(script).is_ok_and(|bytes| bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes()));
            if !is_ours {
                let message = format!(
                    "{} exists, and this command did not write it; name another file with --to",
                    script.shown()
                );
                return Err(Failure::Other(message));
            }
        }
    }
    let dir = script.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir).map_err(failed)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fastdiff-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o755));
    }
    let mut file = builder.tempfile_in(dir).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Whatever the umask is: the user that Duplicati runs as must be able to start it.
        file.as_file().set_permissions(fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(script).map_err(|e| failed(e.error))?;
    Ok(())
}

/// What follows the options, on every system.
const REST_OF_ADVICE: &str = "and leave run-script-after empty: Duplicati cannot start it when a list is long.\n\
     You need not set disable-filetime-check: the hook sets it for the runs that need it.\n";

/// The settings to make in Duplicati.
fn advice(args: &HookInstallDuplicatiArgs, script: &Path) -> String {
    let mut text = format!(
        "Wrote {script}. In Duplicati, under the advanced options of the backup, set\n\
         \x20 run-script-before    {script}\n",
        script = script.shown()
    );
    if let Some(limit) = args.time_limit.filter(|limit| *limit > USUAL_LIMIT) {
        let _ = writeln!(text, "  run-script-timeout   {}s", limit.as_secs() + 10);
    }
    text.push_str(REST_OF_ADVICE);
    text
}

/// The same where Duplicati starts the program itself.
fn advice_for_windows(args: &HookInstallDuplicatiArgs, command: &str) -> String {
    let mut text = format!(
        "In Duplicati, under the advanced options of the backup, set\n\
         \x20 run-script-before          {command}\n\
         \x20 run-script-with-arguments  true\n"
    );
    if let Some(limit) = args.time_limit.filter(|limit| *limit > USUAL_LIMIT) {
        let _ = writeln!(text, "  run-script-timeout         {}s", limit.as_secs() + 10);
    }
    text.push_str(REST_OF_ADVICE);
    text
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| output_failure(&e, true))
}
