//! Block devices: not read on this system.

use std::io;
use std::path::Path;

/// There is none.
#[derive(Debug)]
pub(crate) enum BlockDevice {}

impl BlockDevice {
    /// Never opens one.
    pub(crate) fn open(_dev: u64, _source: &Path) -> io::Result<Self> {
        Err(io::Error::from(io::ErrorKind::Unsupported))
    }

    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn read(&self, _buffer: &mut [u8], _place: u64) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn will_read(&self, _place: u64, _len: u64) {
        match *self {}
    }
}

/// No device has a name that is known here.
pub(crate) fn device_name(_dev: u64) -> Option<String> {
    None
}
