//! Law 8: a root that vanished is not an emptied root, and mass removal is looked at twice.

use std::fmt;
use std::str::FromStr;

use crate::entry::Flags;
use crate::path::to_path;
use crate::snapshot::{Device, Node, Snapshot};
use crate::{Error, Result};

/// How many removed entries are accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RemovalLimit {
    /// A number of entries.
    Entries(u64),
    /// Percent of the older snapshot's entries.
    Percent(f64),
}

impl RemovalLimit {
    /// The limit in entries, for an older snapshot of so many.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a limit need not be exact past 2^52 entries"
    )]
    pub fn entries(self, of: u64) -> u64 {
        match self {
            Self::Entries(n) => n,
            Self::Percent(p) => (of as f64 * p / 100.0) as u64,
        }
    }
}

impl fmt::Display for RemovalLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries(n) => write!(f, "{n}"),
            Self::Percent(p) => write!(f, "{p}%"),
        }
    }
}

impl FromStr for RemovalLimit {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("{text:?} is neither a number of entries (100) nor a percentage (5%)");
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(p) if (0.0..=100.0).contains(&p) => Ok(Self::Percent(p)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Entries).map_err(|_| wrong()),
        }
    }
}

/// Compares the roots and the mount points below them.
///
/// # Errors
/// [`Error::RootChanged`] for a root on another file system or suddenly empty, and for a mount point
/// below a root where nothing is mounted any more.
pub(super) fn roots(old: &Snapshot, new: &Snapshot) -> Result<()> {
    for was in old.listing(old.top())? {
        let Some(is) = new.listing(new.top())?.find(|n| n.child.name == was.child.name) else { continue };
        let changed = |reason| Error::RootChanged { path: to_path(was.child.name).into_owned(), reason };
        if let (Some(before), Some(after)) = (device(old, &was), device(new, &is))
            && before.identity != after.identity
            && !before.identity.is_empty()
            && !after.identity.is_empty()
        {
            return Err(changed(format!(
                "was on the file system {} and is now on {}",
                before.identity, after.identity
            )));
        }
        if is_empty(new, &is)? && !is_empty(old, &was)? {
            return Err(changed("held entries before and is empty now".to_owned()));
        }
    }
    for row in old.mount_rows() {
        let path = old.path_of(row)?;
        let Some(was) = old.find_node(&path)? else { continue };
        let Some(is) = new.find_node(&path)? else { continue };
        let unmounted = is.row.is_some_and(|row| new.mounted_at(row).is_none());
        if unmounted && is_empty(new, &is)? && !is_empty(old, &was)? {
            let reason = "was a mount point, and nothing is mounted there now".to_owned();
            return Err(Error::RootChanged { path: to_path(&path).into_owned(), reason });
        }
    }
    Ok(())
}

fn device<'a>(snapshot: &'a Snapshot, node: &Node<'_>) -> Option<&'a Device> {
    snapshot.device_of(node.row?)
}

/// Whether a directory was listed and held nothing.
fn is_empty(snapshot: &Snapshot, node: &Node<'_>) -> Result<bool> {
    if node.child.flags.intersects(Flags::UNLISTED | Flags::NOT_ENTERED | Flags::UNKNOWN) {
        return Ok(false);
    }
    match node.row {
        Some(row) => Ok(snapshot.listing(row)?.next().is_none()),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_percentages() {
        assert_eq!("10".parse(), Ok(RemovalLimit::Entries(10)));
        assert_eq!("2.5%".parse(), Ok(RemovalLimit::Percent(2.5)));
        for wrong in ["", "-1", "101%", "x", "%", "NaN%", "5 %"] {
            assert!(wrong.parse::<RemovalLimit>().is_err(), "{wrong}");
        }
        assert_eq!(RemovalLimit::Percent(5.0).entries(1000), 50);
    }
}
