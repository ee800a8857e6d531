//! The lowest CPU and I/O priority for this process and for those that it starts. Who wants that is not decided here.

use std::io;

/// Gives the calling thread, and the threads and processes that it starts from now on, the lowest CPU priority (nice
/// 19). Call it before there are other threads.
#[cfg(unix)]
pub fn lower_cpu_priority() -> io::Result<()> {
    Ok(rustix::process::setpriority_process(None, 19)?)
}

/// Gives this process, and those that it starts from now on, the lowest CPU priority.
#[cfg(windows)]
pub fn lower_cpu_priority() -> io::Result<()> {
    super::windows::process::lower_cpu_priority()
}

/// Does nothing: this system has no CPU priority to lower.
#[cfg(not(any(unix, windows)))]
pub fn lower_cpu_priority() -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Gives the calling thread, and the threads and processes that it starts from now on, the I/O class "idle": their
/// requests are served when nobody else has any, if the disk's scheduler supports it. Call it before there are other
/// threads.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither rustix nor libc has a function for this system call")]
pub fn lower_io_priority() -> io::Result<()> {
    // From linux/ioprio.h: one process or thread, the calling one; the class is above the 13 bits of the level.
    const WHO_PROCESS: libc::c_long = 1;
    const CALLER: libc::c_long = 0;
    const CLASS_IDLE: libc::c_long = 3 << 13;
    // SAFETY: ioprio_set takes three integers and touches no memory of this process.
    let answer = unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, CALLER, CLASS_IDLE) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the system delay the I/O of this process, and of those that it starts, while others have some.
#[cfg(target_os = "macos")]
#[expect(unsafe_code, reason = "neither rustix nor libc has this function")]
pub fn lower_io_priority() -> io::Result<()> {
    // From sys/resource.h.
    const TYPE_DISK: libc::c_int = 0;
    const SCOPE_PROCESS: libc::c_int = 0;
    const THROTTLE: libc::c_int = 3;
    unsafe extern "C" {
        fn setiopolicy_np(kind: libc::c_int, scope: libc::c_int, policy: libc::c_int) -> libc::c_int;
    }
    // SAFETY: it takes three integers and touches no memory of this process.
    let answer = unsafe { setiopolicy_np(TYPE_DISK, SCOPE_PROCESS, THROTTLE) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets this process stand back with its reads and its memory. Those that it starts do not inherit it.
#[cfg(windows)]
pub fn lower_io_priority() -> io::Result<()> {
    super::windows::process::lower_io_priority()
}

/// Does nothing: the I/O priority follows the CPU priority here, or there is none.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
pub fn lower_io_priority() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_and_what_it_starts_stand_back() {
        // In a thread of its own: on Linux a priority belongs to a thread, and cannot be raised again.
        std::thread::spawn(|| {
            lower_cpu_priority().expect("nice");
            lower_io_priority().expect("ioprio");
            let nice = rustix::process::getpriority_process(None).expect("nice of the thread");
            assert_eq!(nice, 19);
            let child = std::process::Command::new("nice").output().expect("the program nice");
            assert_eq!(String::from_utf8_lossy(&child.stdout).trim(), "19");
        })
        .join()
        .expect("the thread");
        let own = rustix::process::getpriority_process(None).expect("nice of this thread");
        assert!(own < 19, "only the thread that asked has a low priority");
    }
}
