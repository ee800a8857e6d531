//! The probe: a file of the program's own, without a name, is changed in several ways. Each change must show on the
//! device at once.

use std::io;
use std::path::Path;

use super::ext4::Ext4Tables;
use super::values::Values;
use crate::SourceProblem;
use crate::sys::unnamed::UnnamedFile;

/// What is done to the file, in a word and as a call.
type ProbeStep = (&'static str, fn(&UnnamedFile) -> io::Result<()>);

/// Probes a file system beside `output`, if that lies on it. Writes nothing that outlives the call.
pub(super) fn probe(tables: &Ext4Tables, output: &Path) -> Result<(), SourceProblem> {
    let dir = output.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_here = crate::sys::stat_following(dir).is_ok_and(|dir| dir.dev == tables.dev());
    // A file system that is full, or read-only, can be read all the same.
    let Some(file) = is_here.then(|| UnnamedFile::new(dir)).flatten() else { return Ok(()) };
    let steps: [ProbeStep; 4] = [
        ("a new file", |_| Ok(())),
        ("a write", |file| file.write(b"first")),
        ("a second write", |file| file.write(b"again")),
        ("another mode", UnnamedFile::close_to_all),
    ];
    for (step, change) in steps {
        if change(&file).is_err() {
            return Ok(());
        }
        let Ok(shown) = file.stat() else { return Ok(()) };
        let stored = tables.inode(shown.ino)?;
        if !Values::from(&stored).agrees_but_for_size(&Values::from(&shown)) {
            return Err(SourceProblem::Probe(step));
        }
    }
    Ok(())
}
