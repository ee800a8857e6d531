//! Any bytes as the superblock of an ext4, its group descriptors and its inodes.
#![no_main]

#[path = "../layouts.rs"]
mod layouts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| layouts::layout(data));
