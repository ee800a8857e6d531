//! Where a user's own files for other programs are, by the XDG specification, and how they are written.

use std::fs;
use std::path::{Path, PathBuf};

use fastdiff::path::PathExt as _;

use super::Failure;

/// Files of programs, such as manual pages.
pub(super) fn data() -> Result<PathBuf, Failure> {
    dir("XDG_DATA_HOME", ".local/share")
}

/// Settings of programs.
pub(super) fn config() -> Result<PathBuf, Failure> {
    dir("XDG_CONFIG_HOME", ".config")
}

fn dir(variable: &str, usual: &str) -> Result<PathBuf, Failure> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::home_dir().filter(|path| path.is_absolute());
    named.or_else(|| Some(home?.join(usual))).ok_or_else(|| {
        Failure::Other(format!("there is no home directory to install into; set ${variable} to a directory"))
    })
}

/// Writes a file; the directories above it are made.
pub(super) fn write(file: &Path, text: &[u8]) -> Result<(), Failure> {
    let dir = file.parent().unwrap_or(Path::new("/"));
    let failed = |e: std::io::Error| Failure::Other(format!("cannot write {}: {e}", file.shown()));
    fs::create_dir_all(dir).map_err(failed)?;
    let mut new = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    std::io::Write::write_all(&mut new, text).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        new.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    new.persist(file).map_err(|e| failed(e.error))?;
    Ok(())
}
