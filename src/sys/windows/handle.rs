//! System calls on handles. The only place in `sys` with the calls themselves.
#![expect(unsafe_code, reason = "system calls")]

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle};
use std::ptr::{null, null_mut};

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{
    FILE_OPEN, FILE_OPEN_FOR_BACKUP_INTENT, FILE_OPEN_NO_RECALL, FILE_OPEN_REPARSE_POINT, FILE_SYNCHRONOUS_IO_NONALERT,
    NtCreateFile,
};
use windows_sys::Win32::Foundation::{
    ERROR_NO_MORE_FILES, HANDLE, NTSTATUS, RtlNtStatusToDosError, STATUS_DELETE_PENDING, STATUS_NO_SUCH_FILE,
    STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND, UNICODE_STRING,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_TAG_INFO, FILE_BASIC_INFO, FILE_INFO_BY_HANDLE_CLASS,
    FILE_REMOTE_PROTOCOL_INFO, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FileAttributeTagInfo,
    FileBasicInfo, FileIdBothDirectoryInfo, FileRemoteProtocolInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx, GetFinalPathNameByHandleW, GetVolumeInformationByHandleW, VOLUME_NAME_DOS,
    VOLUME_NAME_GUID,
};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;

/// What a handle is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenAs {
    /// A directory, to be listed.
    Directory,
    /// Anything, to be asked for its metadata.
    Metadata,
    /// A file, to be read.
    File,
}

const SYNCHRONIZE: u32 = 0x10_0000;
const READ_ATTRIBUTES: u32 = 0x80;
/// Of a directory: to list it.
const READ_DATA: u32 = 0x1;

/// Opens what lies in an open directory: itself, if it is a link, and without fetching it from elsewhere. Names are
/// compared exactly where the directory does so. An empty name is the directory itself.
///
/// # Errors
/// Those of the system; what is about to be deleted is not found.
pub(super) fn open_in(parent: BorrowedHandle<'_>, name: &[u16], what: OpenAs) -> io::Result<OwnedHandle> {
    let bytes = u16::try_from(name.len() * 2).map_err(|_| io::ErrorKind::InvalidFilename)?;
    let name = UNICODE_STRING { Length: bytes, MaximumLength: bytes, Buffer: name.as_ptr().cast_mut() };
    let attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
        RootDirectory: parent.as_raw_handle(),
        ObjectName: &raw const name,
        Attributes: 0,
        SecurityDescriptor: null(),
        SecurityQualityOfService: null(),
    };
    // The system refuses FILE_DIRECTORY_FILE together with FILE_OPEN_NO_RECALL: whoever asks for a directory looks at
    // what was opened.
    let access = if what == OpenAs::Metadata { READ_ATTRIBUTES } else { READ_DATA | READ_ATTRIBUTES };
    let options =
        FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT | FILE_SYNCHRONOUS_IO_NONALERT | FILE_OPEN_NO_RECALL;
    let mut handle: HANDLE = null_mut();
    let mut block = IO_STATUS_BLOCK::default();
    // SAFETY: all pointers are to locals that outlive the call; the name is only read; the handle of the parent is
    // open.
    let status = unsafe {
        NtCreateFile(
            &raw mut handle,
            access | SYNCHRONIZE,
            &raw const attributes,
            &raw mut block,
            null(),
            0,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            FILE_OPEN,
            options,
            null(),
            0,
        )
    };
    if status < 0 {
        return Err(error(status));
    }
    // SAFETY: the call succeeded, so the handle is open, and nobody else's.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Only a few statuses say that a name is not there: a server or a disk that went away must not be taken for that.
fn error(status: NTSTATUS) -> io::Error {
    const MISSING: [NTSTATUS; 4] =
        [STATUS_DELETE_PENDING, STATUS_NO_SUCH_FILE, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND];
    if MISSING.contains(&status) {
        return io::ErrorKind::NotFound.into();
    }
    // SAFETY: it takes and returns a number.
    let error = io::Error::from_raw_os_error(unsafe { RtlNtStatusToDosError(status) }.cast_signed());
    if error.kind() == io::ErrorKind::NotFound { io::Error::other(error.to_string()) } else { error }
}

/// An error of a call by path, in which only a missing name is "not found", and not a server that does not answer.
pub(super) fn of_path(error: io::Error) -> io::Error {
    let is_missing = matches!(error.raw_os_error(), Some(FILE_NOT_FOUND | PATH_NOT_FOUND));
    if error.kind() == io::ErrorKind::NotFound && !is_missing { io::Error::other(error.to_string()) } else { error }
}

const FILE_NOT_FOUND: i32 = 2;
const PATH_NOT_FOUND: i32 = 3;

/// Asks for one kind of information of fixed size.
///
/// # Safety
/// `T` must be what the system writes for `class`, and valid for any bytes.
unsafe fn ask<T: Default>(file: BorrowedHandle<'_>, class: FILE_INFO_BY_HANDLE_CLASS) -> io::Result<T> {
    let mut answer = T::default();
    let size = size_of::<T>() as u32;
    // SAFETY: the buffer has the size that is given; the caller answers for its type.
    let done =
        unsafe { GetFileInformationByHandleEx(file.as_raw_handle(), class, (&raw mut answer).cast::<c_void>(), size) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Size, number of names, index, volume.
pub(super) fn information(file: BorrowedHandle<'_>) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut answer = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the buffer is of the type that the call writes.
    let done = unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut answer) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Times and attributes.
pub(super) fn times(file: BorrowedHandle<'_>) -> io::Result<FILE_BASIC_INFO> {
    // SAFETY: this is the type of that class.
    unsafe { ask(file, FileBasicInfo) }
}

/// The tag of a reparse point.
pub(super) fn tag(file: BorrowedHandle<'_>) -> io::Result<u32> {
    // SAFETY: this is the type of that class.
    unsafe { ask::<FILE_ATTRIBUTE_TAG_INFO>(file, FileAttributeTagInfo) }.map(|info| info.ReparseTag)
}

/// Whether it lies on a server.
pub(super) fn is_remote(file: BorrowedHandle<'_>) -> bool {
    // SAFETY: this is the type of that class. The call fails for what is local.
    unsafe { ask::<FILE_REMOTE_PROTOCOL_INFO>(file, FileRemoteProtocolInfo) }.is_ok()
}

/// The next records of a directory; none at its end.
pub(super) fn listing<'b>(
    dir: BorrowedHandle<'_>,
    buffer: &'b mut [MaybeUninit<u8>],
    is_first: bool,
) -> io::Result<Option<&'b [u8]>> {
    let start = buffer.as_ptr().align_offset(8).min(buffer.len());
    let buffer = &mut buffer[start..];
    buffer.fill(MaybeUninit::new(0));
    let size = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
    // SAFETY: the buffer has that size and alignment.
    let done = unsafe {
        GetFileInformationByHandleEx(
            dir.as_raw_handle(),
            FileIdBothDirectoryInfo,
            buffer.as_mut_ptr().cast::<c_void>(),
            size,
        )
    };
    if done == 0 {
        let error = io::Error::last_os_error();
        let is_end = error.raw_os_error() == Some(ERROR_NO_MORE_FILES.cast_signed());
        // The root of an empty volume lists as "not found": it has not even an entry for itself.
        let is_empty = is_first && error.raw_os_error() == Some(FILE_NOT_FOUND) && information(dir).is_ok();
        return if is_end || is_empty { Ok(None) } else { Err(io::Error::other(error.to_string())) };
    }
    // SAFETY: every byte was set to zero, and the system writes bytes.
    Ok(Some(unsafe { &*(std::ptr::from_ref::<[MaybeUninit<u8>]>(buffer) as *const [u8]) }))
}

/// The serial number of the volume, and the name of its file system.
pub(super) fn volume(file: BorrowedHandle<'_>) -> io::Result<(u32, String)> {
    let (mut serial, mut kind) = (0, [0_u16; 64]);
    // SAFETY: each pointer is null, or to a local of the size that is given.
    let done = unsafe {
        GetVolumeInformationByHandleW(
            file.as_raw_handle(),
            null_mut(),
            0,
            &raw mut serial,
            null_mut(),
            null_mut(),
            kind.as_mut_ptr(),
            kind.len() as u32,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    let len = kind.iter().position(|unit| *unit == 0).unwrap_or(kind.len());
    Ok((serial, String::from_utf16_lossy(&kind[..len])))
}

/// The path that begins with the identifier of the volume (`\\?\Volume{…}\`); none if it has none, as on a server.
pub(super) fn volume_path(file: BorrowedHandle<'_>) -> Option<String> {
    final_path(file, VOLUME_NAME_GUID)
}

/// The path as it is usually written, with the prefix of long paths: of what lies on a server,
/// `\\?\UNC\server\share\…`.
pub(super) fn usual_path(file: BorrowedHandle<'_>) -> Option<String> {
    final_path(file, VOLUME_NAME_DOS)
}

fn final_path(file: BorrowedHandle<'_>, form: u32) -> Option<String> {
    let mut path = vec![0_u16; 1024];
    loop {
        let size = u32::try_from(path.len()).ok()?;
        // SAFETY: the buffer has that size.
        let len = unsafe { GetFinalPathNameByHandleW(file.as_raw_handle(), path.as_mut_ptr(), size, form) } as usize;
        match len {
            0 => return None,
            len if len < path.len() => return Some(String::from_utf16_lossy(&path[..len])),
            len => path.resize(len + 1, 0),
        }
    }
}
