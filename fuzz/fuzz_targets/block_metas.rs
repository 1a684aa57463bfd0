//! Metas of blocks and tenant indexes whose bytes may be anything. The twin of `block/src/meta.rs`
//! and `block/src/tenant_index.rs`.
#![no_main]

#[path = "../checks/block_metas.rs"]
mod block_metas;

libfuzzer_sys::fuzz_target!(|input: &[u8]| block_metas::check(input));
