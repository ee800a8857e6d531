//! Which kind of system took a snapshot, and what paths look like there.

use std::borrow::Cow;

use bstr::ByteSlice as _;

use crate::terminal::{quote, quote_for_people, quote_windows, quote_windows_for_people};

/// Which kind of system took a snapshot. It decides what its paths look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum System {
    /// Linux, macOS and others: names are bytes.
    #[default]
    Unix = 0,
    /// Names are WTF-8, and paths begin with `C:/` or `//server/share/`.
    Windows = 1,
}

impl System {
    /// The system that this program runs on.
    pub const HERE: Self = if cfg!(windows) { Self::Windows } else { Self::Unix };

    /// Its name, as `fastdiff info` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Windows => "windows",
        }
    }

    /// A path of a snapshot as the system itself writes it: on Windows with backslashes.
    pub fn shown(self, path: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Unix => Cow::Borrowed(path),
            Self::Windows => Cow::Owned(path.replace(b"/", br"\")),
        }
    }

    /// The same, quoted as [`quote`](crate::terminal::quote) does where that is necessary.
    pub fn quoted(self, path: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Unix => quote(path),
            Self::Windows => Cow::Owned(quote_windows(&self.shown(path)).into_owned()),
        }
    }

    /// The same for people: see [`quoted`](Self::quoted).
    pub(crate) fn quoted_for_people(self, path: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Unix => quote_for_people(path),
            Self::Windows => Cow::Owned(quote_windows_for_people(&self.shown(path)).into_owned()),
        }
    }
}
