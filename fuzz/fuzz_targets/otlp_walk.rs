//! Any bytes as an OTLP batch: walk, cut, truncate. The twin of `proto/src/walk.rs`.
#![no_main]

#[path = "../checks/otlp_walk.rs"]
mod otlp_walk;

libfuzzer_sys::fuzz_target!(|batch: &[u8]| otlp_walk::check(batch));
