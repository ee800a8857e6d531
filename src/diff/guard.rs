//! Promise 8: refuses a list if a root vanished or was replaced. Also the limits on removed and changed entries, and
//! the check that the newer snapshot carried nothing over from before the older one.

use std::fmt;
use std::str::FromStr;

use super::mount_guard::{device, differ, is_empty};
use crate::metadata::Flags;
use crate::path::to_path;
use crate::snapshot::{Device, Snapshot};
use crate::sys::filesystem::{FsType, are_subvolumes_of_one};
use crate::{Error, Result, RootChange};

/// How many removed, or changed, entries a list may have.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum EntryLimit {
    /// A number of entries.
    Entries(u64),
    /// Percent of the older snapshot's entries.
    Percent(f64),
}

impl EntryLimit {
    /// The limit in entries, for an older snapshot of `of` entries.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a limit need not be exact past 2^52 entries"
    )]
    pub fn entries(self, of: u64) -> u64 {
        match self {
            Self::Entries(n) => n,
            // 0.3 % of 1000 must be 3, although binary cannot hold 0.3 exactly.
            Self::Percent(p) => (of as f64 * p / 100.0 * (1.0 + 1e-12)) as u64,
        }
    }
}

impl fmt::Display for EntryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries(n) => write!(f, "{n}"),
            Self::Percent(p) => write!(f, "{p}%"),
        }
    }
}

impl FromStr for EntryLimit {
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

/// Compares the roots that both snapshots have. Their scopes may differ. With `are_snapshots` a root may lie on another
/// snapshot of the same file system, as far as its name tells; it is the same directory there.
///
/// # Errors
/// [`Error::RootChanged`] for a root that is another directory, lies on another file system, or is empty and was not.
pub(crate) fn check_roots(old: &Snapshot, new: &Snapshot, are_snapshots: bool) -> Result<()> {
    for was in old.listing(old.top())? {
        let Some(is) = new.listing(new.top())?.find(|n| n.child.name == was.child.name) else { continue };
        let changed = |change| Error::RootChanged { path: to_path(was.child.name).into_owned(), change };
        if let (Some(before), Some(after)) = (device(old, &was), device(new, &is))
            && differ(before, after)
            && !(are_snapshots && may_share_origin(before, after))
        {
            let (before, now) = (before.identity.clone(), after.identity.clone());
            return Err(changed(RootChange::FileSystem { before, now }));
        }
        let is_known = |flags: Flags| !flags.contains(Flags::UNKNOWN);
        if is_known(was.child.flags | is.child.flags)
            && was.child.stat.ino != is.child.stat.ino
            && device(old, &was).is_some_and(|d| FsType(&d.kind).keeps_inodes())
        {
            return Err(changed(RootChange::OtherDirectory));
        }
        if is_empty(new, &is)? && !is_empty(old, &was)? {
            return Err(changed(RootChange::Emptied));
        }
    }
    Ok(())
}

/// Whether two file systems may be snapshots of one, as far as their names tell.
fn may_share_origin(a: &Device, b: &Device) -> bool {
    match (a.kind.as_str(), b.kind.as_str()) {
        ("btrfs", "btrfs") => are_subvolumes_of_one((&a.kind, &a.identity), (&b.kind, &b.identity)),
        (a_kind, b_kind) => a_kind == b_kind && !a.has_uuid() && !b.has_uuid(),
    }
}

/// What the newer snapshot carried over from its base may be older than the older snapshot. Then an entry that is
/// missing there was not necessarily removed. Fine if the base *is* the older snapshot or was taken after it.
///
/// # Errors
/// [`Error::StaleBase`].
pub(super) fn base(old: &Snapshot, new: &Snapshot) -> Result<()> {
    let has_carried = new.header().root_flags.contains(Flags::CARRIED);
    let Some((identity, oldest)) = new.meta().base.filter(|_| has_carried) else { return Ok(()) };
    let old_started = (old.header().started.sec, old.header().started.nsec);
    if identity == old.header().identity || new.header().identity == old.header().identity || oldest >= old_started {
        return Ok(());
    }
    Err(Error::StaleBase { old: old.path().to_owned(), new: new.path().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_numbers_or_percentages() {
        assert_eq!("10".parse(), Ok(EntryLimit::Entries(10)));
        assert_eq!("2.5%".parse(), Ok(EntryLimit::Percent(2.5)));
        for wrong in ["", "-1", "101%", "x", "%", "NaN%", "5 %"] {
            assert!(wrong.parse::<EntryLimit>().is_err(), "{wrong}");
        }
        assert_eq!(EntryLimit::Percent(5.0).entries(1000), 50);
    }
}
