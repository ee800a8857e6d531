//! The process that makes the backup of a run. It goes on if the run is killed, and may then overwrite what the next
//! run has stored with older content. So it is written down, and no other run starts while it lives.

use std::fs;
use std::io;
use std::path::Path;

use crate::sys::process::{Identity, identity};

/// The file in the job's directory. It is not synced: after a reboot the process is gone.
const FILE: &str = "command";

/// Writes down that a process makes the backup of a run.
pub(super) fn note(dir: &Path, run: u64, pid: u32) -> io::Result<()> {
    let Some(Identity { pid, start, boot }) = identity(pid) else { return Ok(()) };
    fs::write(dir.join(FILE), format!("{run} {pid} {start} {boot}\n"))
}

/// The run whose process still lives, and the number of that process.
pub(super) fn left(dir: &Path) -> Option<(u64, u32)> {
    let text = fs::read_to_string(dir.join(FILE)).ok()?;
    let [run, pid, start, boot] = text.split_whitespace().collect::<Vec<_>>()[..] else { return None };
    let noted = Identity { pid: pid.parse().ok()?, start: start.parse().ok()?, boot: boot.to_owned() };
    (identity(noted.pid)? == noted).then_some((run.parse().ok()?, noted.pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_left_while_it_lives_and_no_other_with_its_number_is() {
        if identity(std::process::id()).is_none() {
            return;
        }
        let dir = tempfile::tempdir().expect("tempdir");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        note(dir.path(), 7, child.id()).expect("written");
        assert_eq!(left(dir.path()), Some((7, child.id())));
        let text = fs::read_to_string(dir.path().join(FILE)).expect("read");
        let words: Vec<_> = text.split_whitespace().collect();
        for other in [
            format!("7 {} {}1 {}", words[1], words[2], words[3]),
            format!("7 {} {} another-boot", words[1], words[2]),
            "7".to_owned(),
            String::new(),
        ] {
            fs::write(dir.path().join(FILE), &other).expect("write");
            assert_eq!(left(dir.path()), None, "{other}");
        }
        fs::write(dir.path().join(FILE), text).expect("write");
        child.kill().expect("killed");
        while identity(child.id()).is_some() {
            std::thread::yield_now();
        }
        assert_eq!(left(dir.path()), None, "what is not waited for yet has ended too");
        child.wait().expect("waited for");
        assert_eq!(left(dir.path()), None);
    }
}
