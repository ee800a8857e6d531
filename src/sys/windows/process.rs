//! Processes, their times and priorities; and what tells this machine from others.
#![expect(unsafe_code, reason = "system calls")]

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::time::Duration;

use windows_sys::Win32::Foundation::{FILETIME, HANDLE, STILL_ACTIVE};
use windows_sys::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RRF_SUBKEY_WOW6464KEY, RegGetValueW};
use windows_sys::Win32::System::SystemInformation::GetTickCount64;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetExitCodeProcess, GetProcessTimes, IDLE_PRIORITY_CLASS, OpenProcess,
    PROCESS_MODE_BACKGROUND_BEGIN, PROCESS_QUERY_LIMITED_INFORMATION, SetPriorityClass,
};
use windows_sys::w;

fn ticks(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

/// When a process began, and how long it kept processors busy: in ticks of 100 ns.
fn times(process: HANDLE) -> Option<(u64, u64)> {
    let [mut began, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
    // SAFETY: each pointer is to a local of that type; the handle is open.
    let done = unsafe { GetProcessTimes(process, &raw mut began, &raw mut ended, &raw mut kernel, &raw mut user) };
    (done != 0).then(|| (ticks(began), ticks(kernel) + ticks(user)))
}

/// The processor time of all threads of this process.
pub(crate) fn processor_time() -> Option<Duration> {
    // SAFETY: the pseudo handle of this process is always open.
    let (_, used) = times(unsafe { GetCurrentProcess() })?;
    Some(Duration::from_nanos(used.saturating_mul(100)))
}

/// When a living process began, in ticks since 1601.
pub(crate) fn began(pid: u32) -> Option<u64> {
    // SAFETY: it takes numbers.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return None;
    }
    // SAFETY: it is open, and nobody else's.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    let mut code = 0;
    // SAFETY: the pointer is to a local of that type.
    let lives = unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut code) } != 0
        && code == STILL_ACTIVE.cast_unsigned();
    if lives { times(process.as_raw_handle()).map(|(began, _)| began) } else { None }
}

/// Gives this process, and those that it starts, the processors when nobody else wants them.
pub(crate) fn lower_cpu_priority() -> io::Result<()> {
    set_class(IDLE_PRIORITY_CLASS)
}

/// Lets this process stand back with its reads and its memory (background mode). Those that it starts do not inherit
/// it.
pub(crate) fn lower_io_priority() -> io::Result<()> {
    set_class(PROCESS_MODE_BACKGROUND_BEGIN)
}

fn set_class(class: u32) -> io::Result<()> {
    // SAFETY: it takes numbers and the pseudo handle of this process.
    if unsafe { SetPriorityClass(GetCurrentProcess(), class) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// How long the system has been running.
pub(crate) fn uptime() -> Duration {
    // SAFETY: it returns a number.
    Duration::from_millis(unsafe { GetTickCount64() })
}

/// What the installation of Windows is called, which outlives reboots.
pub(crate) fn machine_id() -> Option<String> {
    let mut text = [0_u16; 64];
    let mut bytes = size_of_val(&text) as u32;
    // SAFETY: the names end with NUL, and the buffer has the size that is given.
    let status = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            w!("SOFTWARE\\Microsoft\\Cryptography"),
            w!("MachineGuid"),
            RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY,
            std::ptr::null_mut(),
            text.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    let len = text.iter().position(|unit| *unit == 0).filter(|len| *len > 0)?;
    (status == 0).then(|| String::from_utf16_lossy(&text[..len]))
}
