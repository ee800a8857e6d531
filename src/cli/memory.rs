//! Memory that cannot be had ends the program with an error and its exit code, not with an abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

/// The system's allocator, but that it never returns without memory.
struct OrEnd;

#[global_allocator]
static ALLOCATOR: OrEnd = OrEnd;

/// Only one thread has something to say.
static ENDING: AtomicBool = AtomicBool::new(false);

#[cold]
fn end() -> ! {
    while ENDING.swap(true, Ordering::SeqCst) {
        std::hint::spin_loop();
    }
    #[cfg(unix)]
    {
        let message = b"fastdiff: error: out of memory; no file was written\n";
        // Nobody is left to tell if this fails.
        let _ = rustix::io::write(rustix::stdio::stderr(), message);
        // Nothing is cleaned up, which would need memory: the next run removes a temporary file.
        signal_hook::low_level::exit(i32::from(super::failure_code()))
    }
    #[cfg(not(unix))]
    std::process::abort()
}

fn or_end(memory: *mut u8) -> *mut u8 {
    if memory.is_null() { end() } else { memory }
}

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise, and the standard library's hook is unstable")]
// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for OrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for; so below.
        or_end(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        or_end(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        or_end(unsafe { System.realloc(memory, layout, size) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}
