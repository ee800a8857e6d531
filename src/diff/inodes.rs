//! File systems that give every entry a new inode number at each mount. If inodes counted there, every file would
//! be reported as changed.

use crate::Result;
use crate::snapshot::{Device, Snapshot};
use crate::sys::filesystem::FsType;

/// With fewer entries than this, new inodes do not show that the file system renumbers them.
const FEWEST: u64 = 10;

/// How many entries have another inode than before, by the position of their device in the older snapshot's table.
#[derive(Debug, Default)]
pub(super) struct Renumbered(Vec<u64>);

impl Renumbered {
    /// Counts an entry that has another inode than before.
    pub(super) fn count(&mut self, old: &Snapshot, device: &Device) {
        let Some(number) = old.meta().devices.iter().position(|d| d == device) else { return };
        self.0.resize(self.0.len().max(number + 1), 0);
        self.0[number] += 1;
    }

    /// Adds the counts of another part.
    pub(super) fn append(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a += b);
    }

    /// The file systems on which at least half of all entries have another inode.
    ///
    /// # Errors
    /// A damaged snapshot.
    pub(super) fn devices<'a>(&self, old: &'a Snapshot) -> Result<Vec<&'a Device>> {
        let mut found = Vec::new();
        for (device, count) in old.meta().devices.iter().zip(&self.0) {
            let may_renumber = !FsType(&device.kind).keeps_inodes();
            if *count >= FEWEST && may_renumber && *count >= entries_on(old, device)?.div_ceil(2) {
                found.push(device);
            }
        }
        Ok(found)
    }
}

/// How many entries lie on a file system. Costs nothing if there is only one, else a pass over all directories.
fn entries_on(snapshot: &Snapshot, device: &Device) -> Result<u64> {
    if snapshot.meta().devices.len() == 1 {
        return Ok(snapshot.header().counts.entries);
    }
    let mut entries = 0;
    for row in 0..=snapshot.top() {
        if snapshot.device_of(row) == Some(device) {
            entries += snapshot.listing(row)?.block.len() as u64;
        }
    }
    Ok(entries)
}
