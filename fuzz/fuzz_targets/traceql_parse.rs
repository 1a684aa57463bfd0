//! Any text as a query: lexer, parser, validation, plan, canonical text. The twin of
//! `traceql/src/parser`.
#![no_main]

#[path = "../checks/traceql_parse.rs"]
mod traceql_parse;

libfuzzer_sys::fuzz_target!(|input: &[u8]| traceql_parse::check(input));
