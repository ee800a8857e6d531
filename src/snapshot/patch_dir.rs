//! Patches the block of a directory that has the same names as in the base and of which only some entries changed. The
//! block is not unpacked and packed again, so the cost does not depend on how many entries it has.

use std::sync::PoisonError;

use super::block::{Block, Child};
use super::builder::{Builder, BuiltDir, DirRecord, RecordId, Shard};
use super::counting::child_counts;
use super::header::Counts;
use super::listing::Listing;
use crate::Result;
use crate::metadata::{DeviceIndex, Flags, Kind, Stat};

/// A child that differs from the base.
#[derive(Debug)]
pub(crate) struct ChangedChild<'a> {
    /// Its position in the directory.
    place: u32,
    pub(crate) before: Child<'a>,
    pub(crate) now: Child<'a>,
}

impl<'a> Listing<'a> {
    /// Which of these children differ from the listing. Each is identified by the offset of its name among the names.
    pub(crate) fn changed(mut self, children: impl Iterator<Item = (u32, Stat, Flags)>) -> Vec<ChangedChild<'a>> {
        let mut children: Vec<_> = children.collect();
        children.sort_unstable_by_key(|(start, ..)| *start);
        let mut children = children.into_iter().peekable();
        let mut changed = Vec::new();
        let mut start = 0;
        while children.peek().is_some() {
            let Some(node) = self.next_packed() else { break };
            if let Some((_, stat, flags)) = children.next_if(|(wanted, ..)| *wanted == start) {
                let before = self.unpack(&node).child;
                let now = Child { name: node.name, stat, flags };
                if now != before {
                    changed.push(ChangedChild { place: node.place, before, now });
                }
            }
            start += node.name.len() as u32 + 1;
        }
        changed
    }
}

impl Builder<'_> {
    /// Adds a directory that has the names of a row of the base, these changed children, and what became of the same
    /// child directories. None if a name came or went, a kind changed, or the block must be packed in another way.
    ///
    /// # Errors
    /// A damaged base.
    pub(crate) fn patch_directory(
        &self,
        shard: usize,
        device: DeviceIndex,
        row: u32,
        changed: &[ChangedChild<'_>],
        subdirs: &[BuiltDir],
    ) -> Result<Option<BuiltDir>> {
        let Some(base) = self.base.filter(|_| self.counts_from_base) else { return Ok(None) };
        let (data, rows) = base.check(row)?;
        let is_simple = subdirs.iter().map(|s| s.counted_from).eq(rows.iter().copied().map(Some))
            && changed.iter().all(|c| (c.before.kind() == Kind::Dir) == (c.now.kind() == Kind::Dir));
        if !is_simple {
            return Ok(None);
        }
        let below = subdirs.iter().fold(Counts::default(), |all, s| all.plus(&s.counts));
        let counts =
            changed.iter().fold(below, |all, c| all.plus(&child_counts(&c.now)).minus(&child_counts(&c.before)));
        let summary = base.row(row)?;
        let is_same = changed.is_empty() && subdirs.iter().map(|s| s.base_row).eq(rows.into_iter().map(Some));
        let patched = if changed.is_empty() {
            None
        } else {
            let patches: Vec<_> = changed.iter().map(|c| (c.place, c.now)).collect();
            let Some(patched) = Block::parse_rows(data).and_then(|block| block.patched(data, &patches)) else {
                return Ok(None);
            };
            Some(patched)
        };
        let number = shard % self.shards.len();
        let mut shard = self.shards[number].lock().unwrap_or_else(PoisonError::into_inner);
        if is_same {
            return Ok(Some(BuiltDir {
                counted_from: Some(row),
                ..shard.add_base_row(number as u32, row, summary, counts)
            }));
        }
        let block = patched.as_deref().unwrap_or(data);
        let Some(own) = Block::parse_rows(block).map(|block| block.flags_above()) else { return Ok(None) };
        let flags = subdirs.iter().fold(own, |all, s| all | s.flags);
        let Shard { records, store, .. } = &mut *shard;
        let (content, finished) = self.store(store, block, flags, subdirs);
        let record = RecordId { shard: number as u32, number: records.len() as u32 };
        records.push(DirRecord { device: Some(device), content });
        Ok(Some(BuiltDir { record, counts, counted_from: Some(row), ..finished }))
    }
}
