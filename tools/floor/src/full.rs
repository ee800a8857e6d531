//! The floor of a full walk: every directory is opened, stat'ed and listed, every other entry is stat'ed.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::take;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rayon::{Scope, ThreadPool};

use crate::calls;
use crate::run::{Measured, Names, PIECE, Run, SPLIT};

/// Walks the tree once.
pub(crate) fn measure(pool: &ThreadPool, root: OwnedFd) -> Result<Measured, String> {
    let run = Run::default();
    let start = Instant::now();
    pool.scope(|scope| run.check(c".", run.read(scope, root)));
    let time = start.elapsed();
    run.finish(time)
}

impl Run {
    /// Reads an open directory. Its names are used where the system has put them: only those of child directories,
    /// and those beyond the split, outlive the call that listed them.
    fn read<'s>(&'s self, scope: &Scope<'s>, dir: OwnedFd) -> io::Result<()> {
        calls::stat_open(&dir)?;
        let dir = Arc::new(dir);
        let (mut seen, mut piece) = (1, Names::default());
        let hand_over = |piece: Names| {
            let dir = Arc::clone(&dir);
            scope.spawn(move |_| self.stat_names(&dir, &piece));
        };
        calls::list(&dir, |name, is_dir| {
            if is_dir {
                let (parent, name) = (Arc::clone(&dir), CString::from(name));
                scope.spawn(move |scope| self.enter(scope, parent, &name));
            } else if seen <= SPLIT {
                calls::stat_child(&dir, name)?;
                seen += 1;
            } else {
                piece.push(name);
                if piece.count == PIECE {
                    hand_over(take(&mut piece));
                }
            }
            Ok(())
        })?;
        if piece.count > 0 {
            hand_over(piece);
        }
        self.count(seen);
        Ok(())
    }

    fn enter<'s>(&'s self, scope: &Scope<'s>, parent: Arc<OwnedFd>, name: &CStr) {
        let dir = calls::open_child(&parent, name);
        drop(parent);
        self.check(name, dir.and_then(|dir| self.read(scope, dir)));
    }
}
