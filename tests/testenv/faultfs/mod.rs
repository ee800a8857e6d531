//! A file system of the tests' own, through FUSE: a tree in memory that answers with errors, breaks off listings,
//! hangs, renumbers its inodes and stamps files as coarsely and by as wrong a clock as a test asks for. What the
//! test's own process asks is always answered truly, so that a test can read and change the tree at any time.

mod serve;
mod stamps;
mod tree;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::{BackgroundSession, Config, Errno, MountOption, Request, Session};
use rustix::mount::{UnmountFlags, unmount};

use self::serve::{CanFail, Server};
pub(crate) use self::stamps::{SECOND, Stamps};
use self::tree::{Content, Id, ROOT, Tree};
use super::{TestEnv, skip};

/// Which call about a path fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Lookup,
    Getattr,
    Opendir,
    /// After so many entries, or at the end if there are fewer.
    Readdir(u64),
}

/// What happens instead of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Error(Errno),
    /// Nothing, until it is released. A listing hangs from its beginning.
    Hang,
}

/// What the kernel asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Asked {
    Lookup(Id, Vec<u8>),
    Getattr(Id),
    Opendir(Id),
    Readdir(Id),
}

/// An answer that waits.
type Waiting = Box<dyn FnOnce(&mut State) + Send>;

struct State {
    tree: Tree,
    faults: HashMap<Asked, (u64, Fault)>,
    /// Nothing is answered.
    all_hang: bool,
    waiting: Vec<Waiting>,
    listings: HashMap<u64, Vec<(Vec<u8>, Id)>>,
    next_listing: u64,
    /// Is rewritten as soon as somebody else has seen its metadata.
    behind: Option<Behind>,
}

/// A file that is rewritten, with the same size, right after its metadata were read.
struct Behind {
    id: Id,
    restores_mtime: bool,
    /// Is written in the next tick, before its own metadata are read.
    then: Option<Id>,
    /// Whether the last time left the stamps that were read.
    hidden: bool,
    rewritten: bool,
}

impl State {
    fn release(&mut self) {
        self.faults.retain(|_, (_, fault)| !matches!(fault, Fault::Hang));
        self.all_hang = false;
        for answer in std::mem::take(&mut self.waiting) {
            answer(self);
        }
    }

    /// Another file is written as soon as the tick of the rewrite is over.
    fn write_before(&mut self, id: Id) {
        let Some(behind) = self.behind.as_ref().filter(|behind| behind.then == Some(id) && behind.hidden) else {
            return;
        };
        let Ok(ctime) = self.tree.get(behind.id).map(|node| node.ctime) else { return };
        while self.tree.stamps.now() <= ctime {
            std::thread::yield_now();
        }
        let _ = self.tree.write(id, 0, b"later");
    }

    fn rewrite_behind(&mut self, id: Id) {
        let Some(mut behind) = self.behind.take_if(|behind| behind.id == id) else { return };
        let (size, mtime, ctime) = match self.tree.get(id) {
            Ok(node) => match &node.content {
                Content::File(bytes) => (bytes.len(), node.mtime, node.ctime),
                _ => return,
            },
            Err(_) => return,
        };
        let _ = self.tree.write(id, 0, &vec![b'!'; size]);
        if let Ok(node) = self.tree.get_mut(id) {
            if behind.restores_mtime {
                node.mtime = mtime;
            }
            behind.hidden = (node.mtime, node.ctime) == (mtime, ctime);
        }
        behind.rewritten = true;
        self.behind = Some(behind);
    }
}

/// What the server and the test share.
struct Shared {
    state: Mutex<State>,
    hits: AtomicU64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers, fails, or leaves the answer for later.
    fn serve<R: CanFail>(
        &self,
        req: &Request,
        asked: &Asked,
        reply: R,
        answer: impl FnOnce(&mut State, R) + Send + 'static,
    ) {
        let foreign = is_foreign(req);
        let mut state = self.state();
        let fault = match state.faults.get(asked) {
            _ if !foreign => None,
            _ if state.all_hang => Some(Fault::Hang),
            // A listing fails where it is cut.
            Some((_, Fault::Error(_))) if matches!(asked, Asked::Readdir(_)) => None,
            found => found.map(|(_, fault)| *fault),
        };
        match fault {
            None => return answer(&mut state, reply),
            Some(Fault::Error(error)) => reply.fail(error),
            Some(Fault::Hang) => state.waiting.push(Box::new(move |state| answer(state, reply))),
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// After how many entries a listing breaks off for this caller, and how.
    fn breaks_off(&self, req: &Request, dir: Id, offset: u64) -> Option<(u64, Errno)> {
        let foreign = is_foreign(req);
        let state = self.state();
        let (after, Fault::Error(error)) = *state.faults.get(&Asked::Readdir(dir)).filter(|_| foreign)? else {
            return None;
        };
        if offset >= after.min(state.tree.entries(dir).map_or(0, |entries| entries.len() as u64)) {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
        Some((after, error))
    }
}

/// Whether another process than this one asks. The kernel names the thread.
fn is_foreign(req: &Request) -> bool {
    req.pid() != 0 && !Path::new(&format!("/proc/self/task/{}", req.pid())).exists()
}

/// A mounted file system; taken down when it is dropped, whatever hangs.
pub(crate) struct FaultFs {
    shared: Arc<Shared>,
    session: Option<BackgroundSession>,
    root: PathBuf,
}

impl FaultFs {
    /// Mounts an empty file system on the directory `name`. None, and a visible skip, where that cannot be done.
    pub(crate) fn mount(env: &TestEnv, name: &str, stamps: Stamps) -> Option<Self> {
        if !Path::new("/dev/fuse").exists() {
            skip("there is no /dev/fuse");
            return None;
        }
        let root = env.dir(name);
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let state = State {
            tree: Tree::new(stamps, uid, gid),
            faults: HashMap::new(),
            all_hang: false,
            waiting: Vec::new(),
            listings: HashMap::new(),
            next_listing: 1,
            behind: None,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), hits: AtomicU64::new(0) });
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("faultfs".into()), MountOption::Subtype("faultfs".into())];
        match Session::new(Server(Arc::clone(&shared)), &root, &config).and_then(Session::spawn) {
            Ok(session) => Some(Self { shared, session: Some(session), root }),
            Err(e) => {
                skip(&format!("FUSE cannot be mounted here: {e}"));
                None
            }
        }
    }

    /// The mount point.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    fn id(&self, path: impl AsRef<Path>) -> Id {
        let state = self.shared.state();
        path.as_ref().iter().fold(ROOT, |dir, name| state.tree.lookup(dir, name).unwrap())
    }

    /// Lets a call about a path, relative to the root, fail or hang for all other processes.
    pub(crate) fn set(&self, path: impl AsRef<Path>, phase: Phase, fault: Fault) {
        let path = path.as_ref();
        let id = self.id(path);
        let (after, asked) = match phase {
            Phase::Lookup => {
                let name = path.file_name().unwrap_or(OsStr::new(""));
                (0, Asked::Lookup(self.id(path.parent().unwrap_or(path)), name.as_encoded_bytes().to_vec()))
            }
            Phase::Getattr => (0, Asked::Getattr(id)),
            Phase::Opendir => (0, Asked::Opendir(id)),
            Phase::Readdir(after) => (after, Asked::Readdir(id)),
        };
        self.shared.state().faults.insert(asked, (after, fault));
    }

    /// Lets every call hang.
    pub(crate) fn hang_all(&self) {
        self.shared.state().all_hang = true;
    }

    /// Answers whatever hangs; nothing hangs any more.
    pub(crate) fn release(&self) {
        self.shared.state().release();
    }

    /// Takes all faults away; returns how many calls met one.
    pub(crate) fn heal(&self) -> u64 {
        let mut state = self.shared.state();
        state.release();
        state.faults.clear();
        self.shared.hits.swap(0, Ordering::Relaxed)
    }

    /// How many answers are waited for.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.state().waiting.len()
    }

    /// Gives new inode numbers to everything for which `which` says so (the root is asked about too), by its
    /// old number. Returns how many that were.
    pub(crate) fn renumber(&self, which: impl Fn(u64) -> bool) -> usize {
        let mut state = self.shared.state();
        let free = state.tree.all().map(|node| node.ino).max().unwrap_or(ROOT) + 1;
        let mut renumbered = 0;
        for node in state.tree.all().filter(|node| which(node.ino)) {
            node.ino += free;
            renumbered += 1;
        }
        renumbered
    }

    /// From now on, files are stamped like this; older stamps stay as they are.
    pub(crate) fn set_stamps(&self, stamps: Stamps) {
        self.shared.state().tree.stamps = stamps;
    }

    /// Rewrites a file in place, with the same size, whenever another process has read its metadata. `then` is
    /// another file, which is written in the next tick after that, before its own metadata are read.
    pub(crate) fn rewrite_behind(&self, path: &str, restores_mtime: bool, then: Option<&str>) {
        let (id, then) = (self.id(path), then.map(|path| self.id(path)));
        self.shared.state().behind = Some(Behind { id, restores_mtime, then, hidden: false, rewritten: false });
    }

    /// Stops that. Whether it was rewritten at all, and whether the stamps that were read last are those that it
    /// has now.
    pub(crate) fn rewritten(&self) -> (bool, bool) {
        self.shared.state().behind.take().map_or((false, false), |behind| (behind.rewritten, behind.hidden))
    }
}

impl Drop for FaultFs {
    fn drop(&mut self) {
        self.heal();
        // By force, also while somebody is in there; as an ordinary user fusermount has to do it.
        let _ = unmount(&self.root, UnmountFlags::FORCE | UnmountFlags::DETACH);
        if let Some(session) = self.session.take() {
            let _ = session.umount_and_join();
        }
    }
}
