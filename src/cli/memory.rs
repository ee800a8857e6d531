//! If there is no memory left, the program ends with an error and its exit code, not with an abort.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

/// The system's allocator, except that it never returns without memory.
struct OrEnd;

#[global_allocator]
static ALLOCATOR: OrEnd = OrEnd;

/// Only one thread writes the message.
static ENDING: AtomicBool = AtomicBool::new(false);

#[cold]
fn end() -> ! {
    while ENDING.swap(true, Ordering::SeqCst) {
        std::hint::spin_loop();
    }
    #[cfg(unix)]
    {
        let message = b"fastdiff: error: out of memory; no file was written\n";
        // If this fails, there is no other place for the message.
        let _ = rustix::io::write(rustix::stdio::stderr(), message);
        // Cleaning up would need memory. The next run removes the temporary file.
        signal_hook::low_level::exit(i32::from(super::failure_code()))
    }
    #[cfg(not(unix))]
    {
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(b"fastdiff: error: out of memory; no file was written\n");
        std::process::exit(i32::from(super::failure_code()))
    }
}

fn or_end(memory: *mut u8) -> *mut u8 {
    if memory.is_null() { end() } else { memory }
}

#[expect(unsafe_code, reason = "an allocator cannot be written otherwise, and the standard library's hook is unstable")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for OrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for, here and below.
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
