//! A bind mount shows a directory by another name. A hint below one of the names is about what lies below all of them
//! (promise 4).

use std::io;

use crate::Result;
use crate::metadata::Flags;
use crate::path::{is_within, parent, to_path};
use crate::snapshot::Snapshot;
use crate::sources::{Dirty, HintsProblem, RootNames};
use crate::sys::StatAt;
use crate::sys::filesystem::{self, MountView};

/// What is mounted now, and what of it can be seen below the roots.
#[derive(Debug)]
pub(super) struct MountNames {
    /// Everything, by the names of the system.
    all: Vec<MountView>,
    /// Below the roots, by the names that these were given: the part of a file system that each shows, and what is
    /// mounted below it.
    seen: Vec<MountView>,
}

impl MountNames {
    /// Reads the mount table; none if there is none.
    pub(super) fn read(roots: &[RootNames]) -> Option<Self> {
        let all = filesystem::mounts()?;
        let of_root = |root: &RootNames| {
            let holder = deepest(&all, root.canonical())?;
            let (device, inner) = (holder.device.clone(), holder.inner(root.canonical()));
            Some(MountView { device, root: inner, point: root.given().to_vec() })
        };
        let mut seen: Vec<_> = roots.iter().filter_map(of_root).collect();
        for mount in &all {
            for point in roots.iter().filter_map(|root| root.as_given(&mount.point)) {
                if roots.iter().all(|root| root.given() != point) {
                    // What was mounted there before is hidden.
                    seen.retain(|view| view.point != point);
                    seen.push(MountView { point, ..mount.clone() });
                }
            }
        }
        Some(Self { all, seen })
    }

    /// Whether what is mounted at a point, or a part of it, is seen below the roots elsewhere, too.
    fn is_shared(&self, point: &[u8]) -> bool {
        let is_part = |a: &MountView, b: &MountView| is_within(&a.root, &b.root) || is_within(&b.root, &a.root);
        self.seen.iter().filter(|view| view.point == point).any(|view| {
            let mut others = self.seen.iter().filter(|other| other.point != view.point && other.device == view.device);
            others.any(|other| is_part(view, other))
        })
    }

    /// The mount point at which the base may have seen other names of files than there are now. `now` are those of
    /// today.
    ///
    /// # Errors
    /// A damaged base.
    pub(super) fn changed_since(
        &self,
        base: &Snapshot,
        now: &[Vec<u8>],
        stat: impl Fn(&[u8]) -> io::Result<StatAt>,
    ) -> Result<Option<HintsProblem>> {
        let before = &base.meta().mount_points;
        let points = before.iter().chain(now.iter().filter(|point| !before.contains(point)));
        for point in points {
            let (was, is) = (before.contains(point), now.contains(point));
            let was_shared = was && !was_alone(base, point)?;
            let is_shared = is && self.is_shared(point);
            let is_same = || is_same_mount(base, point, &stat);
            if (was_shared || is_shared) && !(was && is && is_same()?) {
                return Ok(Some(HintsProblem::OtherMount(to_path(point).into_owned())));
            }
        }
        Ok(None)
    }

    /// Marks what is hinted by all its other names.
    pub(super) fn add_names(&self, dirty: &mut Dirty, roots: &[RootNames]) {
        if !self.seen.iter().any(|view| self.is_shared(&view.point)) {
            return;
        }
        let mut others = Vec::new();
        for (number, root) in roots.iter().enumerate() {
            dirty.each_read(number, root.given(), |path, whole| {
                let Some(holder) = deepest(&self.seen, path) else { return };
                others.extend(self.names(&holder.device, &holder.inner(path)).map(|path| (path, whole)));
                if whole {
                    // With what is mounted below it.
                    for mount in self.seen.iter().filter(|mount| is_within(&mount.point, path)) {
                        others.extend(self.names(&mount.device, &mount.root).map(|path| (path, true)));
                    }
                }
            });
        }
        for (path, whole) in others {
            dirty.insert_in_all(&path, whole, roots);
        }
    }

    /// Marks what paths outside of the roots name below the roots.
    pub(super) fn add_outside<'p>(
        &self,
        dirty: &mut Dirty,
        paths: impl Iterator<Item = &'p [u8]>,
        roots: &[RootNames],
    ) {
        for path in paths {
            let (named, whole) = path.strip_suffix(b"/").map_or((path, false), |named| (named, true));
            let Some(holder) = deepest(&self.all, named) else { continue };
            for name in self.names(&holder.device, &holder.inner(named)) {
                dirty.insert_in_all(&name, whole, roots);
            }
        }
    }

    /// The names below the roots of a path in a file system.
    fn names<'a>(&'a self, device: &'a [u8], inner: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
        self.seen.iter().filter(move |view| view.device == device).filter_map(move |view| view.outer(inner))
    }
}

/// The mount that a path lies in.
fn deepest<'v>(views: &'v [MountView], path: &[u8]) -> Option<&'v MountView> {
    // Of several at one point the last one is seen.
    views.iter().filter(|view| view.holds(path)).max_by_key(|view| view.point.len())
}

/// Whether the base saw at a mount point a file system that it saw nowhere else.
fn was_alone(base: &Snapshot, point: &[u8]) -> Result<bool> {
    let Some(node) = base.find_node(point)? else { return Ok(false) };
    if node.child.flags.contains(Flags::NOT_ENTERED) {
        return Ok(true);
    }
    let mounts = &base.meta().mounts;
    let own = mounts.iter().find(|mount| Some(mount.row) == node.row);
    Ok(own.is_some_and(|own| mounts.iter().filter(|mount| mount.device == own.device).count() == 1))
}

/// Whether the base saw at a mount point what is seen there now. True if the base did not look there.
fn is_same_mount(base: &Snapshot, point: &[u8], stat: impl Fn(&[u8]) -> io::Result<StatAt>) -> Result<bool> {
    let Some(node) = base.find_node(point)? else { return Ok(true) };
    let above = parent(point).unwrap_or(b"/");
    let (Ok(now), Ok(above)) = (stat(point), stat(above)) else { return Ok(false) };
    let began_there = node.row.map(|row| base.mounted_at(row).is_some());
    let is_entered = !node.child.flags.contains(Flags::NOT_ENTERED);
    let then = node.child.stat;
    Ok((then.ino, then.birth) == (now.stat.ino, now.stat.birth)
        && began_there.is_none_or(|began| !is_entered || began == (now.dev != above.dev)))
}
