//! Racy flags that are known only when the walk is over, because they depend on all other entries. Changes blocks that
//! were built already, and the digests above them.

use super::block::{Block, Child, encode};
use super::builder::{Builder, BuiltDir, Content, Shard};
use super::digest::{Digest, directory_digest};
use super::index::Row;
use crate::Result;
use crate::error::Context as _;
use crate::metadata::{DeviceNumber, Flags, Kind};

/// What a directory's parent needs to know of it.
struct LateSummary {
    digest: Digest,
    subtree: u32,
    flags: Flags,
    /// Entries below that have become racy.
    added: u64,
}

impl Builder<'_> {
    /// Calls `each` with every entry that this scan read, except the roots' directory, and the number of its device.
    ///
    /// # Errors
    /// Blocks that are not in memory and cannot be read back.
    pub(crate) fn each(&mut self, mut each: impl FnMut(DeviceNumber, &Child<'_>)) -> Result<()> {
        let output = self.output().to_owned();
        let shards = self.shards();
        let mut buffer = Vec::new();
        for shard in &shards {
            for record in &shard.records {
                let Content::Read { block, subdirs, .. } = &record.content else { continue };
                let block = shard.store.get(*block, &mut buffer).context("read back what is written to", &output)?;
                for (child, device) in children(block, subdirs, record.device, &shards) {
                    if let Some(device) = device {
                        each(device, &child);
                    }
                }
            }
        }
        Ok(())
    }

    /// Flags as racy also the entries for which `is_racy` is true; it gets the number of their device. Returns the new
    /// `top`. Costs one pass over all blocks.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn flag_racy(
        &mut self,
        top: BuiltDir,
        is_racy: impl Fn(DeviceNumber, &Child<'_>) -> bool,
    ) -> Result<BuiltDir> {
        let (base, output) = (self.base, self.output().to_owned());
        let (mut shards, spill) = self.shards_and_spill();
        let mut buffer = Vec::new();
        let mut stack = vec![(top.place(), 0)];
        let mut done: Vec<LateSummary> = Vec::new();
        while let Some(((shard, place), next)) = stack.last_mut() {
            let record = &shards[*shard as usize].records[*place as usize];
            let Content::Read { block, subdirs, .. } = &record.content else {
                if let (Content::InBase(row), Some(base)) = (&record.content, base) {
                    let Row { digest, subtree, flags } = base.row(*row)?;
                    done.push(LateSummary { digest, subtree, flags, added: 0 });
                }
                stack.pop();
                continue;
            };
            if let Some(&sub) = subdirs.get(*next) {
                *next += 1;
                stack.push((sub, 0));
                continue;
            }
            let below = done.split_off(done.len() - subdirs.len());
            let mut flags = below.iter().fold(Flags::empty(), |all, s| all | s.flags);
            let mut added = below.iter().map(|s| s.added).sum();
            let mut flagged = Vec::new();
            let old = &shards[*shard as usize].store;
            let block = old.get(*block, &mut buffer).context("read back what is written to", &output)?;
            for (mut child, device) in children(block, subdirs, record.device, &shards) {
                let is_settled = child.flags.intersects(Flags::RACY | Flags::UNKNOWN);
                if !is_settled && device.is_some_and(|device| is_racy(device, &child)) {
                    child.flags |= Flags::RACY;
                    added += 1;
                }
                flags |= child.flags_above();
                flagged.push(child);
            }
            let mut new_block = Vec::with_capacity(block.len());
            encode(flagged.into_iter(), &mut new_block);
            let digest = directory_digest(&new_block, below.iter().map(|s| (s.digest, s.subtree, s.flags.bits())));
            let subtree = 1 + below.iter().map(|s| s.subtree).sum::<u32>();
            let (shard, place) = (*shard as usize, *place as usize);
            let stored = shards[shard].store.add(&new_block, spill).context("write", &output)?;
            if let Content::Read { block, digest: old_digest, flags: old_flags, .. } =
                &mut shards[shard].records[place].content
            {
                *block = stored;
                *old_digest = digest;
                *old_flags = flags;
            }
            done.push(LateSummary { digest, subtree, flags, added });
            stack.pop();
        }
        Ok(done.pop().map_or(top, |summary| top.with_racy(summary.digest, summary.flags, summary.added)))
    }
}

/// The children of a block, each with the number of the device that it lies on.
fn children<'a>(
    block: &'a [u8],
    subdirs: &'a [(u32, u32)],
    own_device: Option<DeviceNumber>,
    shards: &'a [&mut Shard],
) -> impl Iterator<Item = (Child<'a>, Option<DeviceNumber>)> {
    let block = Block::parse(block);
    let names = block.iter().flat_map(|b| b.names().enumerate().map(|(row, name)| b.child(row, name)));
    let mut subdirs = subdirs.iter();
    names
        .map(move |child| {
            let sub = if child.kind() == Kind::Dir { subdirs.next() } else { None };
            let device = sub.and_then(|(shard, place)| shards[*shard as usize].records[*place as usize].device);
            (child, device.or(own_device))
        })
        .collect::<Vec<_>>()
        .into_iter()
}
