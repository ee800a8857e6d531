//! A listing as the system gives it, unsorted and unfiltered.

use std::cell::RefCell;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;

use super::super::{Name, push_name};
use super::progress::CallProgress;
use crate::metadata::{Kind, Stat};
use crate::sys::native::{self, Dir};

thread_local! {
    static BUFFER: RefCell<Vec<MaybeUninit<u8>>> =
        RefCell::new(vec![MaybeUninit::uninit(); native::LISTING_BUFFER]);
}

/// The names in a directory and, where the system gives them, their kinds.
#[derive(Default)]
pub(super) struct RawListing {
    /// Each followed by NUL.
    pub(super) names: Vec<u8>,
    pub(super) entries: Vec<(Name, Option<Kind>)>,
    /// The metadata of each entry, on systems whose listings give it; else empty.
    pub(super) stats: Vec<Stat>,
}

impl RawListing {
    /// Reads an open directory from where its descriptor stands.
    ///
    /// # Errors
    /// Those of the system, also in the middle; names of more than 4 GiB.
    pub(super) fn read(dir: &Dir, progress: Option<&CallProgress>) -> io::Result<Self> {
        let mut raw = Self::default();
        let mut too_large = false;
        BUFFER.with_borrow_mut(|buffer| {
            native::list(dir, buffer, |name, kind, stat| {
                if let Some(progress) = progress {
                    progress.about_directory();
                }
                // Only some file systems make this necessary; an error shows again when the entry is read.
                let kind = kind.or_else(|| native::stat_child(dir, name).ok().map(|child| child.stat.kind()));
                if raw.names.len() + name.count_bytes() >= u32::MAX as usize {
                    too_large = true;
                    return;
                }
                raw.stats.extend(stat.copied());
                raw.entries.push((push_name(&mut raw.names, name.to_bytes()), kind));
            })
        })?;
        if too_large {
            return Err(io::Error::other("its names take more than 4 GiB"));
        }
        Ok(raw)
    }
}

/// A name with its NUL. Names come from the system as C strings and are stored as such.
pub(super) fn c_name(names: &[u8], (start, len): Name) -> &CStr {
    let bytes = names.get(start as usize..=start as usize + usize::from(len)).unwrap_or_default();
    CStr::from_bytes_with_nul(bytes).unwrap_or_default()
}
