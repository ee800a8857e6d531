//! How far the calls of one thread are, for whoever waits for them.

use std::sync::atomic::{AtomicU64, Ordering};

use super::super::Name;

/// How many calls were made, and what the current one is about.
#[derive(Debug, Default)]
pub(super) struct CallProgress {
    calls: AtomicU64,
    name: AtomicU64,
}

impl CallProgress {
    /// The next call is about a name in the directory. Only the thread that makes the calls says so.
    #[inline]
    pub(super) fn about(&self, (start, len): Name) {
        self.name.store(u64::from(start) << 16 | u64::from(len), Ordering::Relaxed);
        self.calls.store(self.calls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The next call is about the directory itself.
    pub(super) fn about_directory(&self) {
        self.about((0, 0));
    }

    /// How many calls were started.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The name that the call is about; none for the directory itself.
    pub(super) fn current(&self) -> Option<Name> {
        let packed = self.name.load(Ordering::Relaxed);
        let (start, len) = ((packed >> 16) as u32, packed as u16);
        (len > 0).then_some((start, len))
    }
}
