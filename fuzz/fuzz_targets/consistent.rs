//! Any bytes as a snapshot whose digests were made to fit, so that the code after the digest checks is attacked.
#![no_main]

#[path = "../targets.rs"]
#[expect(dead_code, reason = "each target has its own part of it")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::consistent(data));
