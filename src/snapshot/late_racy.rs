//! Racy flags that are known only when the walk is over, because they depend on all other entries. Changes blocks that
//! were built already, and the digests above them.

use std::path::Path;

use super::block::{Block, Child, encode};
use super::builder::{Builder, BuiltDir, Content, DirRecord, RecordId, Shard};
use super::digest::{Digest, directory_digest};
use super::index::Row;
use super::spill::Spill;
use crate::Result;
use crate::error::Context as _;
use crate::metadata::{DeviceIndex, Flags, Kind};

/// What a directory's parent needs to know of it.
#[derive(Default)]
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
    pub(crate) fn each(&mut self, mut each: impl FnMut(DeviceIndex, &Child<'_>)) -> Result<()> {
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
        is_racy: impl Fn(DeviceIndex, &Child<'_>) -> bool,
    ) -> Result<BuiltDir> {
        let (base, output) = (self.base, self.output().to_owned());
        let (shards, spill) = self.shards_and_spill();
        let mut flagger = LateFlagger { shards, spill, output: &output, buffer: Vec::new(), is_racy };
        let mut stack = vec![(top.record, 0)];
        // The child directories that are done and whose parents are not.
        let mut done: Vec<LateSummary> = Vec::new();
        while let Some((id, next)) = stack.last_mut() {
            match &record(&flagger.shards, *id).content {
                Content::Read { subdirs, .. } => {
                    if let Some(&sub) = subdirs.get(*next) {
                        *next += 1;
                        stack.push((sub, 0));
                        continue;
                    }
                    let below = done.split_off(done.len() - subdirs.len());
                    done.push(flagger.directory(*id, &below)?);
                }
                Content::InBase(row) => {
                    if let Some(base) = base {
                        let Row { digest, subtree, flags } = base.row(*row)?;
                        done.push(LateSummary { digest, subtree, flags, added: 0 });
                    }
                }
            }
            stack.pop();
        }
        Ok(done.pop().map_or(top, |summary| top.with_racy(summary.digest, summary.flags, summary.added)))
    }
}

/// Flags entries in blocks that were built already.
struct LateFlagger<'a, F> {
    shards: Vec<&'a mut Shard>,
    spill: &'a Spill,
    output: &'a Path,
    /// For a block that is not in memory.
    buffer: Vec<u8>,
    is_racy: F,
}

impl<F: Fn(DeviceIndex, &Child<'_>) -> bool> LateFlagger<'_, F> {
    /// Flags the entries of one directory and replaces its block. `below` is what became of its child directories.
    fn directory(&mut self, id: RecordId, below: &[LateSummary]) -> Result<LateSummary> {
        let (shard, number) = (id.shard as usize, id.number as usize);
        let record = record(&self.shards, id);
        let Content::Read { block, subdirs, subtree, .. } = &record.content else {
            return Ok(LateSummary::default());
        };
        let subtree = *subtree;
        let mut flags = below.iter().fold(Flags::empty(), |all, s| all | s.flags);
        let mut added = below.iter().map(|s| s.added).sum();
        let old = &self.shards[shard].store;
        let block = old.get(*block, &mut self.buffer).context("read back what is written to", self.output)?;
        let mut flagged = Vec::new();
        for (mut child, device) in children(block, subdirs, record.device, &self.shards) {
            let is_settled = child.flags.intersects(Flags::RACY | Flags::UNKNOWN);
            if !is_settled && device.is_some_and(|device| (self.is_racy)(device, &child)) {
                child.flags |= Flags::RACY;
                added += 1;
            }
            flags |= child.flags_above();
            flagged.push(child);
        }
        let mut new_block = Vec::with_capacity(block.len());
        encode(flagged.into_iter(), &mut new_block);
        let digest = directory_digest(&new_block, below.iter().map(|s| (s.digest, s.subtree, s.flags.bits())));
        let stored = self.shards[shard].store.add(&new_block, self.spill).context("write", self.output)?;
        if let Content::Read { block, digest: old_digest, flags: old_flags, .. } =
            &mut self.shards[shard].records[number].content
        {
            (*block, *old_digest, *old_flags) = (stored, digest, flags);
        }
        Ok(LateSummary { digest, subtree, flags, added })
    }
}

fn record<'a>(shards: &'a [&mut Shard], id: RecordId) -> &'a DirRecord {
    &shards[id.shard as usize].records[id.number as usize]
}

/// The children of a block, each with the number of the device that it lies on.
fn children<'a>(
    block: &'a [u8],
    subdirs: &'a [RecordId],
    own_device: Option<DeviceIndex>,
    shards: &'a [&mut Shard],
) -> impl Iterator<Item = (Child<'a>, Option<DeviceIndex>)> {
    let block = Block::parse(block);
    let names = block.iter().flat_map(|b| b.names().enumerate().map(|(row, name)| b.child(row, name)));
    let mut subdirs = subdirs.iter();
    names
        .map(move |child| {
            let sub = if child.kind() == Kind::Dir { subdirs.next() } else { None };
            let device = sub.and_then(|id| record(shards, *id).device);
            (child, device.or(own_device))
        })
        .collect::<Vec<_>>()
        .into_iter()
}
