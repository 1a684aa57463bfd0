//! Ids of traces and spans, derived from (run id, sequence) so that `verify` can name every trace
//! that a run has sent without having stored any of them.
//!
//! Trace ids come from a bijection of 128-bit words, so two sequences never share one. Span ids
//! come from a bijection of 64-bit words per trace, so two spans of a trace never share one.

use stringendo_proto::{SpanId, TraceId};

use crate::rng::{GOLDEN, mix64};

/// Rounds of the Feistel network; four make a good permutation of any round function.
const ROUNDS: u64 = 4;
/// Separates the values shown as hex (session ids and the like) from span ids.
const HEX_SALT: u64 = 0x5e55_1011_d0c5_a17e;

/// The trace id of the `sequence`-th trace of the run `run_id`.
#[inline]
pub fn trace_id(run_id: u64, sequence: u64) -> TraceId {
    let (mut left, mut right) = (sequence, run_id);
    for round in 0..ROUNDS {
        let mixed = left ^ mix64(right.wrapping_add(GOLDEN.wrapping_mul(round + 1)));
        (left, right) = (right, mixed);
    }
    let id = u128::from(left) << 64 | u128::from(right);
    TraceId(id.max(1).to_be_bytes())
}

/// What all derived values of a trace start from: the low half of its id.
#[inline]
pub fn trace_key(id: &TraceId) -> u64 {
    u128::from_be_bytes(id.0) as u64
}

/// The id of the span with this `index` in the trace with this [`trace_key`]; never zero.
#[inline]
pub fn span_id(trace_key: u64, index: u32) -> SpanId {
    let word = mix64(trace_key.wrapping_add(GOLDEN.wrapping_mul(u64::from(index) + 1)));
    SpanId(word.max(1).to_be_bytes())
}

/// Sixteen hex digits that differ per trace (`index` 0) or per span (its index plus one).
#[inline]
pub fn hex_digits(trace_key: u64, index: u32) -> [u8; 16] {
    let word = mix64(trace_key ^ HEX_SALT).wrapping_add(GOLDEN.wrapping_mul(u64::from(index)));
    let mut digits = [0; 16];
    for (at, byte) in mix64(word).to_be_bytes().into_iter().enumerate() {
        digits[2 * at] = HEX[usize::from(byte >> 4)];
        digits[2 * at + 1] = HEX[usize::from(byte & 15)];
    }
    digits
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
#[path = "ids_tests.rs"]
mod tests;
