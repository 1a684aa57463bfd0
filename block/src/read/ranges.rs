//! Ranges of bytes that are fetched together.

use std::ops::Range;

/// Ranges with less between them are fetched as one: a read costs more than these bytes.
pub(super) const GAP_BYTES_MAX: u64 = 16 << 10;

/// Sorts ranges and joins those that are close together.
pub(crate) fn join_ranges(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges.into_iter().filter(|range| !range.is_empty()) {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES_MAX) => {
                last.end = last.end.max(range.end);
            }
            _ => joined.push(range),
        }
    }
    joined
}
