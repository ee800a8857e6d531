//! This system does not let anybody cut a file short while it is mapped. A file on a server may become shorter all the
//! same: then the system ends the program.

use std::ops::Range;
use std::path::Path;

pub(in super::super) fn opening(_path: &Path) {}

pub(in super::super) fn opened() {}

pub(in super::super) fn guard(_path: &Path, _addresses: Range<usize>) {}

#[cfg(feature = "duplicati")]
pub(in super::super) fn say_on_standard_output() {}
