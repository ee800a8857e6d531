//! Any bytes as a snapshot whose digests were made to fit: what lies behind the digests is attacked.
#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "each target has its own part of it")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::consistent(data));
