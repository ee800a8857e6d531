//! A race on purpose, for `tools/test-tsan --must-fail`: a sanitizer that finds nothing proves nothing.

use std::cell::UnsafeCell;
use std::sync::Barrier;

/// A number that two threads share without any order.
struct Shared(UnsafeCell<u64>);

#[expect(unsafe_code, reason = "there is no data race in safe code")]
// SAFETY: there is none: this is the race that has to be found, and only where it is asked for.
unsafe impl Sync for Shared {}

impl Shared {
    #[expect(unsafe_code, reason = "there is no data race in safe code")]
    fn count(&self) {
        // SAFETY: see above; nothing depends on the number.
        unsafe { *self.0.get() += 1 }
    }
}

#[test]
fn a_race_is_found() {
    if std::env::var_os("FASTDIFF_RACE").is_none() {
        return;
    }
    let (shared, begin) = (Shared(UnsafeCell::new(0)), Barrier::new(2));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // Long enough for both to run at once also on one processor.
                begin.wait();
                (0..5_000_000).for_each(|_| shared.count());
            });
        }
    });
}
