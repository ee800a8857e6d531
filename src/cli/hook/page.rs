//! The code page by which Duplicati reads what the hook writes: that of its own console, or the ANSI page of the system
//! if it has none, as a service or a tray icon. A console of this program's own says nothing about it.
#![expect(unsafe_code, reason = "system calls")]

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{ERROR_INVALID_HANDLE, GetLastError};
use windows_sys::Win32::Globalization::{CP_UTF8, GetACP, MultiByteToWideChar, WideCharToMultiByte};
use windows_sys::Win32::System::Console::{
    ATTACH_PARENT_PROCESS, AttachConsole, FreeConsole, GetConsoleOutputCP, GetStdHandle, STD_ERROR_HANDLE,
    STD_OUTPUT_HANDLE, SetStdHandle,
};

/// From now on nothing reaches standard error.
pub(super) fn close_standard_error() {
    // SAFETY: without a handle the standard library writes nothing.
    unsafe { SetStdHandle(STD_ERROR_HANDLE, null_mut()) };
}

/// The page of the process that started this one.
fn of_parent() -> Result<u32, String> {
    // SAFETY: these calls take and return numbers, and a handle that stays open. Attaching may replace the standard
    // handles: the pipe to Duplicati is put back.
    unsafe {
        let output = GetStdHandle(STD_OUTPUT_HANDLE);
        FreeConsole();
        let is_attached = AttachConsole(ATTACH_PARENT_PROCESS) != 0;
        let error = GetLastError();
        SetStdHandle(STD_OUTPUT_HANDLE, output);
        SetStdHandle(STD_ERROR_HANDLE, null_mut());
        if is_attached {
            return Ok(GetConsoleOutputCP());
        }
        match error {
            ERROR_INVALID_HANDLE => Ok(GetACP()),
            code => Err(format!(
                "it cannot be found out by which code page Duplicati reads a list (error {code} of AttachConsole)"
            )),
        }
    }
}

/// A list as Duplicati reads it back letter for letter, or why it cannot be written so.
pub(super) fn encoded(list: &[u8]) -> Result<Vec<u8>, String> {
    in_page(list, of_parent()?)
}

fn in_page(list: &[u8], page: u32) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(list).map_err(|_| "a name is no Unicode text".to_owned())?;
    if text.is_ascii() || page == CP_UTF8 {
        return Ok(list.to_vec());
    }
    let wide: Vec<u16> = text.encode_utf16().collect();
    let bytes = to_page(&wide, page);
    if bytes.is_empty() || from_page(&bytes, page) != wide {
        return Err(format!(
            "a name cannot be written in code page {page}, by which Duplicati reads a list; let Duplicati run with UTF-8 (chcp 65001 in its console, or \"Use Unicode UTF-8 for worldwide language support\" in Windows)"
        ));
    }
    Ok(bytes)
}

fn to_page(wide: &[u16], page: u32) -> Vec<u8> {
    let Ok(len) = i32::try_from(wide.len()) else { return Vec::new() };
    let convert = |bytes: *mut u8, room: i32| {
        // SAFETY: the text has that length, and the buffer has that room, or none is given.
        unsafe { WideCharToMultiByte(page, 0, wide.as_ptr(), len, bytes, room, null(), null_mut()) }
    };
    let room = convert(null_mut(), 0);
    let mut bytes = vec![0; usize::try_from(room).unwrap_or(0)];
    let written = convert(bytes.as_mut_ptr(), room);
    bytes.truncate(usize::try_from(written).unwrap_or(0));
    bytes
}

fn from_page(bytes: &[u8], page: u32) -> Vec<u16> {
    let Ok(len) = i32::try_from(bytes.len()) else { return Vec::new() };
    let convert = |wide: *mut u16, room: i32| {
        // SAFETY: as above.
        unsafe { MultiByteToWideChar(page, 0, bytes.as_ptr(), len, wide, room) }
    };
    let room = convert(null_mut(), 0);
    let mut wide = vec![0; usize::try_from(room).unwrap_or(0)];
    let written = convert(wide.as_mut_ptr(), room);
    wide.truncate(usize::try_from(written).unwrap_or(0));
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_listed_letter_for_letter_or_not_at_all() {
        for (page, name, byte) in [(437, "ü", 0x81), (850, "ü", 0x81), (1252, "ü", 0xfc), (1252, "€", 0x80)] {
            assert_eq!(in_page(name.as_bytes(), page), Ok(vec![byte]), "{name} in {page}");
        }
        for (page, name) in [(437, "€"), (850, "Ж"), (1252, "刺身"), (932, "ü"), (437, "😀"), (1252, "e\u{301}")]
        {
            let refused = in_page(name.as_bytes(), page);
            assert!(refused.is_err_and(|why| why.contains(&page.to_string())), "{name} in {page}");
        }
        assert_eq!(in_page("刺身".as_bytes(), 932), Ok(vec![0x8e, 0x68, 0x90, 0x67]));
        assert_eq!(in_page("Ж刺😀".as_bytes(), CP_UTF8), Ok("Ж刺😀".as_bytes().to_vec()));
        assert_eq!(in_page(b"plain", 437), Ok(b"plain".to_vec()));
    }
}
