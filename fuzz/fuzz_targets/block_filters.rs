//! Reading filters beside a block whose bytes were damaged. The twin of `block/src/filters.rs`.
#![no_main]

#[path = "../checks/block_filters.rs"]
mod block_filters;

libfuzzer_sys::fuzz_target!(|input: &[u8]| block_filters::check(input));
