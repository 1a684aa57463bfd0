use std::collections::HashSet;

use super::*;

#[test]
fn different_sequences_and_seeds_never_share_a_trace_id() {
    let mut seen = HashSet::new();
    for seed in 0..8 {
        for sequence in 0..5_000 {
            assert!(seen.insert(trace_id(seed, sequence)));
        }
    }
}

#[test]
fn spans_of_a_trace_never_share_an_id() {
    let key = trace_key(&trace_id(7, 42));
    let ids: HashSet<_> = (0..60).map(|index| span_id(key, index)).collect();
    assert_eq!(ids.len(), 60);
    assert!(!ids.contains(&SpanId::default()));
}

#[test]
fn hex_digits_are_hex_and_differ_per_index() {
    let first = hex_digits(1, 0);
    assert!(first.iter().all(u8::is_ascii_hexdigit));
    assert_ne!(first, hex_digits(1, 1));
    assert_ne!(first, hex_digits(2, 0));
}
