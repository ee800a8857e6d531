//! The file systems whose inode tables were wrong once: with this version of the program they are not believed again.

use std::io::Write as _;

use super::store::JobStore;
use crate::error::Context as _;
use crate::scan::ScanOutcome;
use crate::sys::private::PrivateDir;
use crate::{Result, SourceProblem};

/// A line for each: the version of the program, a blank, the identity of the file system.
const FILE: &str = "distrusted-inode-tables";

/// The version of the program, which a later one does not mind.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl JobStore {
    /// The identities of the file systems whose inode tables a scan must not believe
    /// ([`ScanOptions::distrusted`](crate::ScanOptions)). A file that cannot be read names none.
    pub fn distrusted(&self) -> Vec<String> {
        let text = PrivateDir::open(self.dir()).ok().flatten().and_then(|dir| dir.read(FILE).ok().flatten());
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let own = text.lines().filter_map(|line| line.strip_prefix(VERSION)?.strip_prefix(' '));
        own.map(str::to_owned).collect()
    }

    /// Remembers the file systems whose inode tables were wrong in a scan. Returns whether there are any.
    ///
    /// # Errors
    /// [`Error::Place`](crate::Error::Place) and [`Error::Io`](crate::Error::Io) if that cannot be written.
    pub fn distrust(&self, outcome: &ScanOutcome) -> Result<bool> {
        let mut all = self.distrusted();
        let wrong = outcome.parts.iter().filter(|part| part.problem.as_ref().is_some_and(SourceProblem::is_error));
        let before = all.len();
        for part in wrong {
            if !all.contains(&part.file_system) {
                all.push(part.file_system.clone());
            }
        }
        if all.len() == before {
            return Ok(false);
        }
        let dir = PrivateDir::make(self.dir())?;
        let mut file = dir.replace(FILE)?;
        let path = dir.path().join(FILE);
        all.iter().try_for_each(|identity| writeln!(file, "{VERSION} {identity}")).context("write", &path)?;
        file.commit()?;
        Ok(true)
    }
}
