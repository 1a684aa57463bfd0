use proptest::prelude::*;

use super::*;
use crate::otlp::{ArrayValue, Event, InstrumentationScope, KeyValueList, Link, Resource, Status};
use crate::test_data::{traces, walked};
use crate::walk::{BatchIndex, WalkLimits, walk};

fn cut(text: &[u8], max: usize) -> Vec<u8> {
    let mut text = Bytes::copy_from_slice(text);
    cut_text(&mut text, max);
    text.to_vec()
}

fn attribute(key: &str, value: Value) -> KeyValue {
    let key = Bytes::copy_from_slice(key.as_bytes());
    KeyValue { key, value: Some(AnyValue { value: Some(value) }) }
}

fn text(len: usize) -> Value {
    Value::String("v".repeat(len).into())
}

#[test]
fn text_is_cut_at_the_last_character_that_fits() {
    assert_eq!(cut(b"abcdef", 4), b"abcd");
    assert_eq!(cut(b"abcd", 4), b"abcd");
    assert_eq!(cut("aé☃".as_bytes(), 5), "aé".as_bytes());
    assert_eq!(cut("aé☃".as_bytes(), 2), b"a");
    assert_eq!(cut("☃".as_bytes(), 2), b"");
    assert_eq!(cut("a😀".as_bytes(), 4), b"a");
}

#[test]
fn bytes_that_are_not_utf8_are_cut_anywhere() {
    assert_eq!(cut(b"\xff\xe2\x98\x83", 3), b"\xff\xe2\x98");
    assert_eq!(cut(b"abc\x83\x83\x83", 4), b"abc\x83");
}

/// A batch with `attributes` at each of the five places.
fn batch_with(attributes: Vec<KeyValue>) -> Vec<u8> {
    let all = || attributes.clone();
    let scope = InstrumentationScope { attributes: all(), ..Default::default() };
    let span = Span {
        trace_id: vec![1; 16].into(),
        span_id: vec![2; 8].into(),
        name: "n".repeat(50).into(),
        attributes: all(),
        events: vec![Event { attributes: all(), ..Default::default() }; 2],
        links: vec![Link { attributes: all(), ..Default::default() }; 3],
        status: Some(Status { message: "m".repeat(50).into(), code: 2 }),
        ..Default::default()
    };
    let scope_spans = ScopeSpans { scope: Some(scope), spans: vec![span], ..Default::default() };
    let resource = Some(Resource { attributes: all(), ..Default::default() });
    let scope_spans = vec![scope_spans];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..Default::default() }];
    TracesData { resource_spans }.encode_to_vec()
}

#[test]
fn attributes_are_cut_and_counted_in_all_five_places_and_nothing_else_is_cut() {
    let list = || vec![AnyValue { value: Some(text(20)) }];
    let entries = || vec![attribute("longer than ten", text(20))];
    let kept = [
        attribute("bytes", Value::Bytes("b".repeat(20).into())),
        attribute("array", Value::Array(ArrayValue { values: list() })),
        attribute("map", Value::Kvlist(KeyValueList { values: entries() })),
        attribute("exactly", text(10)),
        KeyValue { key: "no value".into(), value: None },
    ];
    let long = [attribute("a key too long", text(11)), attribute("k", text(11))];
    let short = [attribute("a key too ", text(10)), attribute("k", text(10))];
    let (cut, truncated) = truncate(&batch_with([&kept[..], &long[..]].concat()), 10);
    assert_eq!(cut, batch_with([&kept[..], &short[..]].concat()));
    assert_eq!(truncated, Truncated { resource: 2, scope: 2, span: 2, event: 4, link: 6 });
}

#[test]
fn messages_sent_in_pieces_are_merged_even_without_a_limit() {
    let whole = batch_with(vec![attribute("k", text(11))]);
    let mut resource_spans = ResourceSpans::default().encode_to_vec();
    for dropped in [3, 4] {
        crate::wire::put_bytes(&mut resource_spans, 1, &[0x0a, 0, 0x10, dropped]);
    }
    let mut batch = whole.clone();
    crate::wire::put_bytes(&mut batch, 1, &resource_spans);
    assert!(walked(&batch).1.needs_truncation);
    let (merged, truncated) = truncate(&batch, 0);
    assert!(merged.starts_with(&whole) && truncated == Truncated::default());
    assert!(!walked(&merged).1.needs_truncation);
    let data = TracesData::decode(&merged[..]).unwrap();
    let resource = data.resource_spans[1].resource.as_ref().unwrap();
    assert_eq!((resource.attributes.len(), resource.dropped_attributes_count), (2, 4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_was_cut_needs_no_more_cutting(data in traces(), max in 1u32..40) {
        let batch = data.encode_to_vec();
        let limits = WalkLimits { value_depth_max: 16, attribute_bytes_max: max };
        let mut index = BatchIndex::default();
        let needed = walk(&batch, &limits, &mut index).unwrap().needs_truncation;
        let (cut, truncated) = truncate(&batch, max as usize);
        prop_assert_eq!(needed, truncated != Truncated::default());
        prop_assert_eq!(needed, cut != batch);
        prop_assert!(!walk(&cut, &limits, &mut index).unwrap().needs_truncation);
    }
}
