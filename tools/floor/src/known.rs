//! The floor of a walk that knows all names: every directory is opened and stat'ed, every other entry is stat'ed.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};
use rayon::{Scope, ThreadPool};

use crate::calls;
use crate::run::{Measured, Names, PIECE, Run, SPLIT};

/// The names of one directory's tree.
struct Known {
    /// The files, in pieces; one piece if they are not to be split.
    files: Vec<Names>,
    dirs: Vec<(CString, Known)>,
}

/// Learns the names, then stats them and measures that alone.
pub(crate) fn measure(pool: &ThreadPool, root: OwnedFd) -> Result<Measured, String> {
    let known = pool.install(|| learn(&root)).map_err(|error| format!("cannot learn the names: {error}"))?;
    let run = Run::default();
    let start = Instant::now();
    pool.scope(|scope| run.look_known(scope, root, &known));
    let time = start.elapsed();
    run.finish(time)
}

fn learn(dir: &OwnedFd) -> io::Result<Known> {
    let (mut dirs, mut files) = (Vec::new(), Names::default());
    calls::list(dir, |name, is_dir| {
        if is_dir {
            dirs.push(CString::from(name));
        } else {
            files.push(name);
        }
        Ok(())
    })?;
    let files = if files.count > SPLIT { files.pieces(PIECE) } else { vec![files] };
    let below = |name: &CString| Ok((name.clone(), learn(&calls::open_child(dir, name)?)?));
    Ok(Known { files, dirs: dirs.par_iter().map(below).collect::<io::Result<_>>()? })
}

impl Run {
    fn look_known<'s>(&'s self, scope: &Scope<'s>, dir: OwnedFd, known: &'s Known) {
        self.check(c".", calls::stat_open(&dir));
        let dir = Arc::new(dir);
        for (name, below) in &known.dirs {
            let parent = Arc::clone(&dir);
            scope.spawn(move |scope| self.open_known(scope, parent, name, below));
        }
        match &known.files[..] {
            [few] => self.stat_names(&dir, few),
            pieces => {
                for piece in pieces {
                    let dir = Arc::clone(&dir);
                    scope.spawn(move |_| self.stat_names(&dir, piece));
                }
            }
        }
        self.count(1);
    }

    fn open_known<'s>(&'s self, scope: &Scope<'s>, parent: Arc<OwnedFd>, name: &CStr, known: &'s Known) {
        match calls::open_child(&parent, name) {
            Ok(dir) => {
                drop(parent);
                self.look_known(scope, dir, known);
            }
            Err(error) => self.check(name, Err(error)),
        }
    }
}
