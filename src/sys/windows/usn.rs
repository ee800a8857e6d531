//! The change journal of a volume (USN). Reading it needs an administrator. Never run on a real system.
#![expect(unsafe_code, reason = "system calls")]

use std::fs::OpenOptions;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, OwnedHandle};
use std::ptr::null_mut;

use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE};
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{
    FSCTL_QUERY_USN_JOURNAL, FSCTL_READ_USN_JOURNAL, READ_USN_JOURNAL_DATA_V1, USN_JOURNAL_DATA_V0,
};

use super::native::Dir;
use super::volume;

/// Which records are wanted: all. Those of a later version would not be understood.
const EVERY_REASON: u32 = u32::MAX;
const VERSIONS: (u16, u16) = (2, 3);

const GENERIC_READ: u32 = 0x8000_0000;

/// A journal at one time: its number, its oldest record, and the next one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JournalData {
    pub(crate) id: u64,
    pub(crate) first: i64,
    pub(crate) next: i64,
}

/// The volume that a directory lies on.
///
/// # Errors
/// Those of the system; to whoever is no administrator, that it is denied.
pub(crate) fn open_volume(dir: &Dir) -> io::Result<OwnedHandle> {
    let id = volume::volume_id(dir.as_handle()).ok_or(io::ErrorKind::Unsupported)?;
    let share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    let file = OpenOptions::new().access_mode(GENERIC_READ).share_mode(share).open(format!(r"\\?\Volume{{{id}}}"))?;
    Ok(file.into())
}

/// The state of its journal.
///
/// # Errors
/// Those of the system, as when the volume has none.
pub(crate) fn journal(volume: &OwnedHandle) -> io::Result<JournalData> {
    let mut data = USN_JOURNAL_DATA_V0::default();
    let mut written = 0;
    // SAFETY: the buffer is of the type that this call writes, and of the size that is given.
    let done = unsafe {
        DeviceIoControl(
            volume.as_raw_handle(),
            FSCTL_QUERY_USN_JOURNAL,
            null_mut(),
            0,
            (&raw mut data).cast(),
            size_of::<USN_JOURNAL_DATA_V0>() as u32,
            &raw mut written,
            null_mut(),
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(JournalData { id: data.UsnJournalID, first: data.FirstUsn, next: data.NextUsn })
}

/// Some of the records of a journal from `since` on, with the number from which to ask on before them.
///
/// # Errors
/// Those of the system, as when these records are gone.
pub(crate) fn records(volume: &OwnedHandle, id: u64, since: i64, buffer: &mut [u8]) -> io::Result<usize> {
    let ask = READ_USN_JOURNAL_DATA_V1 {
        StartUsn: since,
        ReasonMask: EVERY_REASON,
        ReturnOnlyOnClose: 0,
        Timeout: 0,
        BytesToWaitFor: 0,
        UsnJournalID: id,
        MinMajorVersion: VERSIONS.0,
        MaxMajorVersion: VERSIONS.1,
    };
    let mut written = 0;
    // SAFETY: both buffers have the sizes that are given; the first one is only read.
    let done = unsafe {
        DeviceIoControl(
            volume.as_raw_handle(),
            FSCTL_READ_USN_JOURNAL,
            (&raw const ask).cast(),
            size_of::<READ_USN_JOURNAL_DATA_V1>() as u32,
            buffer.as_mut_ptr().cast(),
            u32::try_from(buffer.len()).unwrap_or(u32::MAX),
            &raw mut written,
            null_mut(),
        )
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok((written as usize).min(buffer.len())) }
}
