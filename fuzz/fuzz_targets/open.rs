//! Any bytes as a snapshot.
#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "each target has its own part of it")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::open(data));
