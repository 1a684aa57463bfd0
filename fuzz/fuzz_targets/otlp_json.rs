//! OTLP requests in JSON whose bytes may be anything. The twin of `proto/src/otlp_json.rs`.
#![no_main]

#[path = "../checks/otlp_json.rs"]
mod otlp_json;

libfuzzer_sys::fuzz_target!(|input: &[u8]| otlp_json::check(input));
