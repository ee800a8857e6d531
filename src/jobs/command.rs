//! The process that makes the backup of a run. It goes on if the run is killed, and may then overwrite what the next
//! run has stored with older content. So it is written down, and no other run starts while it lives.

use std::io::Write as _;

use crate::Result;
use crate::error::Context as _;
use crate::sys::private::PrivateDir;
use crate::sys::process::{Identity, identity};

/// The file in the job's directory. It is not synced: after a reboot the process is gone.
const FILE: &str = "command";

/// Writes down that a process makes the backup of a run, in a new file: what had its name before is not written to.
pub(super) fn note(dir: &PrivateDir, run: u64, pid: u32) -> Result<()> {
    let Some(Identity { pid, start, boot }) = identity(pid) else { return Ok(()) };
    dir.remove(FILE)?;
    let mut file = dir.new_file(FILE)?;
    file.write_all(format!("{run} {pid} {start} {boot}\n").as_bytes()).context("write", dir.path().join(FILE))
}

/// The run whose process still lives, and the number of that process.
pub(super) fn left(dir: &PrivateDir) -> Option<(u64, u32)> {
    let text = String::from_utf8(dir.read(FILE).ok()??).ok()?;
    let [run, pid, start, boot] = text.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    let noted = Identity { pid: pid.parse().ok()?, start: start.parse().ok()?, boot: boot.to_owned() };
    (identity(noted.pid)? == noted).then_some((run.parse().ok()?, noted.pid))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use super::*;

    /// A program that lives for long enough.
    fn sleeping() -> Command {
        let words: &[&str] = if cfg!(windows) { &["cmd", "/c", "set /p answer="] } else { &["sleep", "60"] };
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::null());
        command
    }

    #[test]
    fn a_process_is_left_while_it_lives_and_no_other_with_its_number_is() {
        if identity(std::process::id()).is_none() {
            return;
        }
        let place = tempfile::tempdir().expect("tempdir");
        let file = place.path().join(FILE);
        let dir = PrivateDir::open(place.path()).expect("it is ours").expect("it is there");
        let mut child = sleeping().spawn().expect("a program that waits");
        note(&dir, 7, child.id()).expect("written");
        assert_eq!(left(&dir), Some((7, child.id())));
        let text = fs::read_to_string(&file).expect("read");
        let words: Vec<_> = text.split_whitespace().collect();
        for other in [
            format!("7 {} {}1 {}", words[1], words[2], words[3]),
            format!("7 {} {} another-boot", words[1], words[2]),
            "7".to_owned(),
            String::new(),
        ] {
            fs::write(&file, &other).expect("write");
            assert_eq!(left(&dir), None, "{other}");
        }
        fs::write(&file, text).expect("write");
        child.kill().expect("killed");
        while identity(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert_eq!(left(&dir), None, "what is not waited for yet has ended too");
        child.wait().expect("waited for");
        assert_eq!(left(&dir), None);
    }
}
