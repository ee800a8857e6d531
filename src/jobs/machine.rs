//! Which machine the state belongs to. State that was copied from another one describes another tree, or is older than
//! what the consumers have: then a list is a full one.

use std::io::{ErrorKind, Write as _};
use std::process;

use super::state::hex;
use super::store::JobStore;
use crate::Result;
use crate::error::Context as _;
use crate::snapshot::digest;
use crate::sys::private::PrivateDir;
use crate::sys::{clock, machine};

/// A file in the state directory that stands for a machine without an ID of its own: a container that keeps nothing but
/// its volumes. A copy of it stands for another machine, since it lies at another place.
const FILE: &str = "machine";

impl JobStore {
    /// Names the machine. Give it the same name each time; without a name, its machine ID is used, or a file in the
    /// state directory if it has none.
    #[must_use]
    pub fn on_machine(mut self, name: impl Into<String>) -> Self {
        self.machine = Some(name.into());
        self
    }

    /// The identity of this machine; none if it has no ID and no file yet.
    ///
    /// # Errors
    /// [`Error::Place`](crate::Error::Place), [`Error::Io`](crate::Error::Io) if the file cannot be read.
    pub(super) fn machine(&self) -> Result<Option<String>> {
        if let Some(id) = self.machine.clone().or_else(machine::system_id) {
            return Ok(Some(machine::identity_of(&id)));
        }
        let Some(dir) = PrivateDir::open(self.dir())? else { return Ok(None) };
        let Some(id) = dir.read(FILE)? else { return Ok(None) };
        let path = dir.path().join(FILE);
        let place = machine::place_of(&path).context("read", path)?;
        Ok(Some(machine::identity_of(&format!("{} {place}", String::from_utf8_lossy(&id)))))
    }

    /// The same; makes the file if it is needed. If two processes do so at once, the next list of one of them is a full
    /// one.
    ///
    /// # Errors
    /// [`Error::Place`](crate::Error::Place), [`Error::Io`](crate::Error::Io) if the file cannot be read or made.
    pub(super) fn make_machine(&self) -> Result<String> {
        if let Some(identity) = self.machine()? {
            return Ok(identity);
        }
        let dir = PrivateDir::make(self.dir())?;
        let id = digest(format!("{:?} {}", clock::precise(), process::id()).as_bytes());
        let mut file = dir.replace(FILE)?;
        file.write_all(hex(&id).as_bytes()).context("write", dir.path().join(FILE))?;
        file.commit()?;
        let made = self.machine()?.ok_or(ErrorKind::NotFound);
        made.context("read", dir.path().join(FILE))
    }
}
