//! Merging a block whose bytes were damaged with a whole one. The twin of `block/src/merge.rs`.
#![no_main]

#[path = "../checks/block_merge.rs"]
mod block_merge;

libfuzzer_sys::fuzz_target!(|input: &[u8]| block_merge::check(input));
