use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::otlp::{InstrumentationScope, Resource, ResourceSpans, ScopeSpans, Span, TracesData};
use crate::test_data::{corpus, traces, walked};

/// A span with all that must stay with it, encoded.
type Entry = (Option<Vec<u8>>, Vec<u8>, Option<Vec<u8>>, Vec<u8>, Vec<u8>);

/// Every span of `batch` with its surroundings, in wire order.
fn entries(batch: &[u8]) -> Vec<Entry> {
    let data = TracesData::decode(batch).unwrap();
    let mut entries = Vec::new();
    for resource_spans in data.resource_spans {
        let resource = resource_spans.resource.map(|r| r.encode_to_vec());
        for scope_spans in resource_spans.scope_spans {
            let scope = scope_spans.scope.map(|s| s.encode_to_vec());
            let urls = (resource_spans.schema_url.to_vec(), scope_spans.schema_url.to_vec());
            entries.extend(scope_spans.spans.iter().map(|span| {
                let span = span.encode_to_vec();
                (resource.clone(), urls.0.clone(), scope.clone(), urls.1.clone(), span)
            }));
        }
    }
    entries
}

fn owner_by_last_byte(owners: usize) -> impl Fn(&TraceId) -> usize {
    move |id| usize::from(id.0[15]) % owners
}

/// Cuts, checks everything that holds for every batch, and gives the parts.
fn cut_and_check(batch: &[u8], owners: usize) -> Vec<SubBatch> {
    let (index, _) = walked(batch);
    let parts = cut(batch, &index, owners, owner_by_last_byte(owners));
    assert_eq!(parts.len(), owners);
    let mut expected: Vec<Vec<Entry>> = vec![Vec::new(); owners];
    for (entry, span) in entries(batch).into_iter().zip(&index.spans) {
        expected[usize::from(span.trace_id.0[15]) % owners].push(entry);
    }
    for (part, expected) in parts.iter().zip(expected) {
        assert_eq!(part.bytes.len(), part.bytes.capacity(), "one allocation of the right size");
        assert!(part.bytes.len() <= batch.len());
        assert_eq!(walked(&part.bytes).0, part.index);
        assert_eq!(entries(&part.bytes), expected);
    }
    parts
}

#[test]
fn the_corpus_is_cut_into_parts_that_hold_the_same_spans() {
    for batch in corpus() {
        for owners in [1, 2, 3, 16] {
            cut_and_check(batch, owners);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_batch_is_cut_into_parts_that_hold_the_same_spans(data in traces(), owners in 1usize..5) {
        cut_and_check(&data.encode_to_vec(), owners);
    }
}

fn span(trace: u8) -> Span {
    let (trace_id, span_id) = (vec![trace; 16].into(), vec![1; 8].into());
    Span { trace_id, span_id, ..Span::default() }
}

#[test]
fn a_batch_without_spans_gives_empty_parts() {
    let no_spans =
        ScopeSpans { scope: Some(InstrumentationScope::default()), ..Default::default() };
    let resource_spans = ResourceSpans { scope_spans: vec![no_spans], ..Default::default() };
    let batch = TracesData { resource_spans: vec![resource_spans] }.encode_to_vec();
    assert_eq!(cut_and_check(&batch, 3), vec![SubBatch::default(); 3]);
}

#[test]
fn scopes_of_one_resource_stay_under_one_resource() {
    let scope_spans = |spans| ScopeSpans { spans, ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(Resource { dropped_attributes_count: 7, ..Default::default() }),
        scope_spans: vec![scope_spans(vec![span(2), span(3)]), scope_spans(vec![span(4)])],
        schema_url: "https://example.com/1".into(),
    };
    let data = TracesData { resource_spans: vec![resource_spans.clone(), resource_spans] };
    let parts = cut_and_check(&data.encode_to_vec(), 2);
    let even = TracesData::decode(&parts[0].bytes[..]).unwrap();
    assert_eq!(even.resource_spans.len(), 2);
    assert_eq!(even.resource_spans[0].scope_spans.len(), 2);
    assert_eq!(parts[1].index.scopes.len(), 2);
}

#[test]
fn what_comes_after_the_spans_on_the_wire_is_found_and_moved_before_them() {
    let mut scope_spans = Vec::new();
    put_bytes(&mut scope_spans, ITEMS, &span(1).encode_to_vec());
    put_bytes(&mut scope_spans, SCHEMA_URL, b"scope url");
    put_bytes(&mut scope_spans, HEAD, &[0x0a, 1, b's']);
    let mut resource_spans = Vec::new();
    put_bytes(&mut resource_spans, ITEMS, &scope_spans);
    put_bytes(&mut resource_spans, SCHEMA_URL, b"resource url");
    put_bytes(&mut resource_spans, HEAD, &[0x10, 5]);
    let mut batch = Vec::new();
    put_bytes(&mut batch, RESOURCE_SPANS, &resource_spans);
    let parts = cut_and_check(&batch, 2);
    let pos = parts[1].index.scopes[0];
    assert_eq!(pos.resource.of(&parts[1].bytes), [0x10, 5]);
    assert!(pos.resource.offset < parts[1].index.spans[0].body.offset);
}
