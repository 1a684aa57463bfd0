//! Any query over traces of a seed: plan and evaluation. The twin of `traceql/src/plan`.
#![no_main]

#[path = "../checks/traceql_evaluate.rs"]
mod traceql_evaluate;

libfuzzer_sys::fuzz_target!(|input: &[u8]| traceql_evaluate::check(input));
