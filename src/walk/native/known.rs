//! What an earlier snapshot saves: the names of a directory that provably did not change need no listing.
//!
//! Creating, removing and renaming an entry moves the mtime and the ctime of its directory, and no program can set
//! a ctime. So a directory with the inode, the mtime and the ctime that it had before it was listed then, on the same
//! file system, holds the same names, unless it changed within the tick of that stamp: then it was racy. That
//! proves nothing of its files: each of them is looked at.

use std::sync::Arc;

use super::super::{Known, Met, Name, Remembered, Sink, name};
use super::Walker;
use super::node::Node;
use crate::entry::Flags;
use crate::filter::Marker;
use crate::sys::Found;

/// Flags of a directory whose names are not known, or may have changed without a trace.
const NAMES_UNPROVED: Flags = Flags::NEVER_SKIPPED.union(Flags::CARRIED);

impl<S: Sink> Walker<'_, S> {
    /// What was known of a directory, if this is still the same one. `above` is the device of the directory that
    /// holds it, none for a root.
    pub(super) fn recall(&self, found: &Found, met: &Met, above: Option<u64>, known: Option<Known>) -> Option<Known> {
        let known = known?;
        let is_same_file_system = match above {
            Some(above) if above == found.dev => !known.is_mount,
            _ => self.sink.known_file_system(known.row).is_some_and(|identity| self.devices.is(met.device, identity)),
        };
        (is_same_file_system && known.stat.ino == found.stat.ino && known.stat.birth == found.stat.birth)
            .then_some(known)
    }

    /// The names in a directory, if they are known without listing it.
    pub(super) fn names_without_listing(&self, node: &Arc<Node<S::Done>>) -> Option<Remembered> {
        let known = node.known?;
        let found = &node.opened.found;
        let is_as_known = node.opened.met.stamps_prove_names
            && (found.stat.mtime, found.stat.ctime) == (known.stat.mtime, known.stat.ctime)
            && !known.flags.intersects(NAMES_UNPROVED)
            && self.plan.own_in(found.dev, found.stat.ino).next().is_none();
        if !is_as_known {
            return None;
        }
        let remembered = self.sink.remembered(known.row)?;
        let filter = self.plan.filter;
        let is_marker = |place: &Name| filter.marker(name(&remembered.names, *place)) != Marker::None;
        // What makes a cache directory of one is the content of a file.
        let in_doubt = remembered.lacks_own || filter.has_markers() && remembered.files.iter().any(is_marker);
        (!in_doubt).then_some(remembered)
    }

    /// What is known of the child directories of a directory that had to be listed: `subdirs`, sorted by name.
    pub(super) fn known_subdirs(
        &self,
        node: &Arc<Node<S::Done>>,
        names: &[u8],
        subdirs: Vec<Name>,
    ) -> impl Iterator<Item = (Name, Option<Known>)> {
        let remembered = node.known.and_then(|known| self.sink.remembered(known.row)).unwrap_or_default();
        let mut before = remembered.subdirs.into_iter().peekable();
        subdirs.into_iter().map(move |place| {
            let wanted = name(names, place);
            while before.next_if(|(place, _)| name(&remembered.names, *place) < wanted).is_some() {}
            let known = before.next_if(|(place, _)| name(&remembered.names, *place) == wanted);
            (place, known.map(|(_, known)| known))
        })
    }
}
