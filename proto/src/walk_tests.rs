use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::otlp::{Link, ResourceSpans, ScopeSpans, Span, TracesData};
use crate::test_data::{LIMITS, corpus, traces, walked};
use crate::wire::{put_bytes, put_tag, put_varint};

fn walk_error(batch: &[u8]) -> WalkError {
    walk(batch, &LIMITS, &mut BatchIndex::default()).unwrap_err()
}

fn good_span() -> Span {
    let (trace_id, span_id) = (vec![7; 16].into(), vec![8; 8].into());
    Span { trace_id, span_id, ..Span::default() }
}

fn batch_of(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    TracesData { resource_spans }.encode_to_vec()
}

/// A batch of one span with this body.
fn batch_of_body(span: &[u8]) -> Vec<u8> {
    let (mut scope_spans, mut resource_spans, mut batch) = (Vec::new(), Vec::new(), Vec::new());
    put_bytes(&mut scope_spans, 2, span);
    put_bytes(&mut resource_spans, 2, &scope_spans);
    put_bytes(&mut batch, 1, &resource_spans);
    batch
}

/// Compares every position with what prost decodes.
fn check_positions(batch: &[u8]) {
    let (index, _) = walked(batch);
    let data = TracesData::decode(batch).unwrap();
    let mut spans = index.spans.iter();
    let mut scopes = index.scopes.iter().enumerate();
    for (ordinal, resource_spans) in data.resource_spans.iter().enumerate() {
        for scope_spans in &resource_spans.scope_spans {
            let (scope_at, pos) = scopes.next().unwrap();
            let resource = resource_spans.resource.as_ref().map(Message::encode_to_vec);
            let scope = scope_spans.scope.as_ref().map(Message::encode_to_vec);
            assert_eq!(pos.resource.is_absent(), resource.is_none());
            assert_eq!(pos.resource.of(batch), resource.unwrap_or_default());
            assert_eq!(pos.scope.is_absent(), scope.is_none());
            assert_eq!(pos.scope.of(batch), scope.unwrap_or_default());
            assert_eq!(pos.resource_schema_url.of(batch), resource_spans.schema_url);
            assert_eq!(pos.scope_schema_url.of(batch), scope_spans.schema_url);
            assert_eq!(pos.resource_spans as usize, ordinal);
            for span in &scope_spans.spans {
                let pos = spans.next().unwrap();
                // Encoded, because a NaN is unequal to itself.
                let found = Span::decode(pos.body.of(batch)).unwrap();
                assert_eq!(found.encode_to_vec(), span.encode_to_vec());
                assert_eq!(pos.trace_id.0[..], span.trace_id);
                assert_eq!(pos.scope as usize, scope_at);
                assert_eq!(pos.start_unix_nano, span.start_time_unix_nano);
                assert_eq!(pos.end_unix_nano, span.end_time_unix_nano);
            }
        }
    }
    assert!(spans.next().is_none() && scopes.next().is_none());
}

#[test]
fn every_span_of_the_corpus_is_found_where_it_is() {
    for batch in corpus() {
        check_positions(batch);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_span_of_any_batch_is_found_where_it_is(data in traces()) {
        check_positions(&data.encode_to_vec());
    }

    /// Also shows that no damage makes the walk panic.
    #[test]
    fn a_damaged_batch_is_refused_unless_it_still_decodes(
        data in traces(), at: prop::sample::Index, byte: u8, keep: prop::sample::Index,
    ) {
        let mut batch = data.encode_to_vec();
        if !batch.is_empty() {
            let at = at.index(batch.len());
            batch[at] = byte;
            batch.truncate(keep.index(batch.len()).max(at + 1));
        }
        if walk(&batch, &LIMITS, &mut BatchIndex::default()).is_ok() {
            prop_assert!(TracesData::decode(&batch[..]).is_ok());
        }
    }
}

#[test]
fn a_batch_without_spans_is_a_success() {
    let (index, summary) = walked(&[]);
    assert!(index.spans.is_empty() && !summary.needs_truncation);
    assert!(walked(&batch_of(vec![])).0.spans.is_empty());
}

#[test]
fn an_index_is_cleared_before_it_is_filled() {
    let mut index = BatchIndex::default();
    let batch = batch_of(vec![good_span()]);
    for _ in 0..2 {
        walk(&batch, &LIMITS, &mut index).unwrap();
        assert_eq!((index.spans.len(), index.scopes.len()), (1, 1));
    }
}

#[test]
fn absent_and_zero_ids_are_refused_with_the_number_of_all_spans() {
    for trace_id in [vec![], vec![0; 16]] {
        let bad = Span { trace_id: trace_id.into(), ..good_span() };
        let error = walk_error(&batch_of(vec![good_span(), bad, good_span()]));
        assert_eq!(error, WalkError::TraceId { bits: 0, spans: 3 });
        assert_eq!(error.to_string(), "trace ids must be 128 bit, received 0 bits");
    }
    for span_id in [vec![], vec![0; 8]] {
        let bad = Span { span_id: span_id.into(), ..good_span() };
        let error = walk_error(&batch_of(vec![bad, good_span()]));
        assert_eq!(error, WalkError::SpanId { bits: 0, spans: 2 });
        assert!(error.to_string().starts_with("span ids must be 64 bit and not all zero"));
    }
}

#[test]
fn the_first_bad_id_is_reported_unless_something_does_not_decode() {
    let no_span_id = Span { span_id: vec![].into(), ..good_span() };
    let no_trace_id = Span { trace_id: vec![].into(), ..good_span() };
    let short_id = Span { trace_id: vec![1; 15].into(), ..good_span() };
    let error = walk_error(&batch_of(vec![no_span_id.clone(), no_trace_id.clone()]));
    assert_eq!(error, WalkError::SpanId { bits: 0, spans: 2 });
    let error = walk_error(&batch_of(vec![no_trace_id, no_span_id, short_id]));
    assert!(matches!(error, WalkError::Malformed { .. }));
}

#[test]
fn ids_of_another_length_are_malformed() {
    let check = |span: Span, expected: &str| {
        let error = walk_error(&batch_of(vec![span])).to_string();
        assert!(error.starts_with("error unmarshalling request: "), "{error}");
        assert!(error.contains(expected), "{error}");
    };
    for len in [1, 15, 17] {
        let trace_id = vec![1; len].into();
        check(Span { trace_id, ..good_span() }, "invalid length for TraceID");
        let links = vec![Link { trace_id: vec![1; len].into(), ..Default::default() }];
        check(Span { links, ..good_span() }, "invalid length for TraceID");
    }
    for len in [1, 7, 9, 16] {
        let id = || vec![1; len].into();
        check(Span { span_id: id(), ..good_span() }, "invalid length for SpanID");
        check(Span { parent_span_id: id(), ..good_span() }, "invalid length for SpanID");
        let links = vec![Link { span_id: id(), ..Default::default() }];
        check(Span { links, ..good_span() }, "invalid length for SpanID");
    }
}

#[test]
fn empty_and_zero_parents_and_links_are_fine() {
    let links = vec![Link::default()];
    let spans = vec![Span { parent_span_id: vec![0; 8].into(), links, ..good_span() }];
    assert_eq!(walked(&batch_of(spans)).0.spans.len(), 1);
}

#[test]
fn of_a_number_or_id_sent_twice_the_last_counts() {
    let first = Span { trace_id: vec![1; 16].into(), start_time_unix_nano: 5, ..good_span() };
    let second = Span { start_time_unix_nano: 6, ..good_span() };
    let body = [first.encode_to_vec(), second.encode_to_vec()].concat();
    let batch = batch_of_body(&body);
    let (index, summary) = walked(&batch);
    assert!(!summary.needs_truncation);
    assert_eq!((index.spans[0].trace_id.0, index.spans[0].start_unix_nano), ([7; 16], 6));
    check_positions(&batch);
}

#[test]
fn messages_sent_in_pieces_ask_for_a_rewrite() {
    let needs_rewrite = |batch: &[u8]| walked(batch).1.needs_truncation;
    let mut span = good_span().encode_to_vec();
    put_bytes(&mut span, 15, &[]);
    assert!(!needs_rewrite(&batch_of_body(&span)));
    put_bytes(&mut span, 15, &[0x18, 2]);
    assert!(needs_rewrite(&batch_of_body(&span)));

    // A scope, then a resource, twice.
    let (mut twice, mut in_scope, mut in_resource) = (Vec::new(), Vec::new(), Vec::new());
    put_bytes(&mut twice, 1, &[]);
    put_bytes(&mut twice, 1, &[]);
    put_bytes(&mut in_scope, 2, &twice);
    put_bytes(&mut in_resource, 1, &in_scope);
    assert!(needs_rewrite(&in_resource));
    in_resource.clear();
    put_bytes(&mut in_resource, 1, &twice);
    assert!(needs_rewrite(&in_resource));
}

#[test]
fn unknown_fields_are_skipped_and_known_ones_of_another_type_refused() {
    let mut newer = good_span().encode_to_vec();
    put_bytes(&mut newer, 17, b"new");
    put_tag(&mut newer, 2000, WireType::Varint);
    put_varint(&mut newer, u64::MAX);
    check_positions(&batch_of_body(&newer));

    for field in 1..=16 {
        let mut wrong = good_span().encode_to_vec();
        // No field of a span has both types: one is a fixed32, none a varint and a fixed32.
        put_tag(&mut wrong, field, WireType::Fixed32);
        wrong.extend_from_slice(&[0; 4]);
        let batch = batch_of_body(&wrong);
        match field {
            16 => check_positions(&batch),
            _ => assert!(walk_error(&batch).to_string().contains("wrong wire type in Span")),
        }
    }
}

#[test]
fn groups_are_refused() {
    let group = [&good_span().encode_to_vec()[..], &[0x8b, 1, 0x8c, 1]].concat();
    let error = walk_error(&batch_of_body(&group)).to_string();
    assert!(error.contains("groups are not supported"), "{error}");
}

#[test]
fn an_error_names_its_place_in_the_batch() {
    let mut batch = batch_of(vec![good_span(); 3]);
    let end = batch.len() as u32;
    batch.extend_from_slice(&[0x0a, 9]);
    let what = "length beyond the end of the message";
    assert_eq!(walk_error(&batch), WalkError::Malformed { what, offset: end + 2 });
}

#[test]
fn an_accepted_batch_is_accepted_again_under_the_limits_for_that() {
    for batch in corpus() {
        let summary = walk(batch, &WalkLimits::ACCEPTED_BEFORE, &mut BatchIndex::default());
        assert_eq!(summary, Ok(WalkSummary { needs_truncation: false }));
    }
}
