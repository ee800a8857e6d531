//! Which machine the state belongs to. State that was copied from another one describes another tree, or is older than
//! what the consumers have: then a list is a full one.

use std::io::Write as _;
use std::process;

use super::store::JobStore;
use crate::error::Context as _;
use crate::snapshot::digest;
use crate::sys::durable::{Access, AtomicFile};
use crate::sys::{clock, machine};
use crate::{Error, Result};

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
    /// [`Error::Io`] if the file cannot be read.
    pub(super) fn machine(&self) -> Result<Option<String>> {
        if let Some(id) = self.machine.clone().or_else(machine::system_id) {
            return Ok(Some(machine::identity_of(&id)));
        }
        let path = self.dir().join(FILE);
        let found = std::fs::read_to_string(&path).and_then(|id| Ok((id, machine::place_of(&path)?)));
        match found {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            other => {
                let (id, place) = other.context("read", path)?;
                Ok(Some(machine::identity_of(&format!("{id} {place}"))))
            }
        }
    }

    /// The same; makes the file if it is needed. If two processes do so at once, the next list of one of them is a full
    /// one.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read or made.
    pub(super) fn make_machine(&self) -> Result<String> {
        if let Some(identity) = self.machine()? {
            return Ok(identity);
        }
        let path = self.dir().join(FILE);
        let id = digest(format!("{:?} {}", clock::precise(), process::id()).as_bytes());
        let mut file = AtomicFile::create(&path, Access::Private)?;
        file.write_all(super::state::hex(&id).as_bytes()).context("write", &path)?;
        file.commit()?;
        self.machine()?.ok_or_else(|| Error::Io {
            operation: "read",
            path,
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}
