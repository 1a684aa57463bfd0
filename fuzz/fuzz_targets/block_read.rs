//! Opening, reading and scanning blocks whose bytes were damaged. The twin of `block/src/read.rs`.
#![no_main]

#[path = "../checks/block_read.rs"]
mod block_read;

libfuzzer_sys::fuzz_target!(|input: &[u8]| block_read::check(input));
