//! Recovery of a WAL segment from any bytes, and from segments that were damaged.

#![no_main]

#[path = "../../wal/tests/recovery/recover_check.rs"]
mod recover_check;

libfuzzer_sys::fuzz_target!(|input: &[u8]| recover_check::check(input));
