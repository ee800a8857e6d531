//! A command on Windows.

use std::process::{Child, ExitStatus};
use std::ptr::null;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// This program and all that it starts: while it is there, the death of this program ends them all. So no backup
/// program runs on whose success nobody would notice, while the next run starts another.
pub(super) struct ProcessGroup(Option<HANDLE>);

impl ProcessGroup {
    /// Without, if the system refuses.
    #[expect(unsafe_code, reason = "system calls")]
    pub(super) fn begin() -> Self {
        // SAFETY: the handle is new, or null, and this process' pseudo handle needs no closing.
        let job = unsafe { CreateJobObjectW(null(), null()) };
        if job.is_null() {
            return Self(None);
        }
        // SAFETY: as above.
        if !ends_with_us(job, true) || unsafe { AssignProcessToJobObject(job, GetCurrentProcess()) } == 0 {
            // SAFETY: it is open and nobody else's.
            unsafe { CloseHandle(job) };
            return Self(None);
        }
        Self(Some(job))
    }

    /// What the command left behind may live on.
    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for ProcessGroup {
    #[expect(unsafe_code, reason = "a system call")]
    fn drop(&mut self) {
        if let Some(job) = self.0.take() {
            // If this fails, the handle stays open until this program ends: closing it would end the program.
            if ends_with_us(job, false) {
                // SAFETY: it is open and nobody else's.
                unsafe { CloseHandle(job) };
            }
        }
    }
}

#[expect(unsafe_code, reason = "a system call")]
fn ends_with_us(job: HANDLE, yes: bool) -> bool {
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = if yes { JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE } else { 0 };
    let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32;
    // SAFETY: the limits are of this type and size, and are only read.
    unsafe { SetInformationJobObject(job, JobObjectExtendedLimitInformation, (&raw const limits).cast(), size) != 0 }
}

/// What asked to stop came before it was there, and nobody asks it again.
pub(super) fn interrupt(child: &mut Child) {
    // If it has ended, there is nothing to do.
    let _ = child.kill();
}

/// Waits for its end; its handle keeps its number.
pub(super) fn wait_for(child: &mut Child) {
    // Whoever asks for its status finds the error.
    let _ = child.wait();
}

/// Its exit code. A program that was ended by an exception has a negative one.
pub(in super::super) fn code_of(status: ExitStatus) -> i32 {
    status.code().unwrap_or(-1)
}
