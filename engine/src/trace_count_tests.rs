use stringendo_proto::TraceId;
use stringendo_proto::walk::{Slice32, SpanPos};

use super::{KEPT_TRACES_MAX, TraceCounter};

fn spans(ids: impl IntoIterator<Item = u128>) -> Vec<SpanPos> {
    let span = |id: u128| SpanPos {
        trace_id: TraceId(id.to_be_bytes()),
        body: Slice32::default(),
        scope: 0,
        start_unix_nano: 0,
        end_unix_nano: 0,
    };
    ids.into_iter().map(span).collect()
}

#[test]
fn a_trace_counts_once_wherever_its_spans_are() {
    let mut counter = TraceCounter::default();
    assert_eq!(counter.count(&spans([7, 7, 7])), 1);
    assert_eq!(counter.count(&spans([7, 8, 7, 9, 8])), 3);
    assert_eq!(counter.count(&[]), 0);
}

#[test]
fn memory_of_an_unusual_batch_is_not_kept() {
    let mut counter = TraceCounter::default();
    let many = KEPT_TRACES_MAX + 1;
    assert_eq!(counter.count(&spans(0..many as u128)), many);
    assert_eq!(counter.seen.capacity(), 0);
    assert_eq!(counter.count(&spans(0..5)), 5);
    assert!(counter.seen.capacity() > 0);
}
