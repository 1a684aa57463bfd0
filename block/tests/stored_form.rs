//! A live trace in its stored form is what its block gives back, whatever was sent.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{encode, options, read_trace, traces_of};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use stringendo_block::combine::combine;
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::{EncodeOptions, StoredForm, Version};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{
    AnyValue, ArrayValue, Event, InstrumentationScope, KeyValue, KeyValueList, Link, Resource,
    ResourceSpans, ScopeSpans, Span, Status, TracesData, Value,
};

/// Few texts, so that much is equal; one is not UTF-8.
fn text() -> impl Strategy<Value = Bytes> {
    const TEXTS: [&[u8]; 4] = [b"", b"a", b"b", b"a\xc3\xff"];
    proptest::sample::select(&TEXTS[..]).prop_map(Bytes::from_static)
}

fn key() -> impl Strategy<Value = Bytes> {
    const KEYS: &[&str] = &["", "a", "b", "http.method", "http.status_code", "k8s.pod.name"];
    prop_oneof![
        4 => proptest::sample::select(KEYS).prop_map(Bytes::from),
        1 => Just(Bytes::from_static(b"service.name")),
    ]
}

fn value() -> impl Strategy<Value = Option<AnyValue>> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::String(text))),
        any::<bool>().prop_map(|truth| Some(Value::Bool(truth))),
        (0i64..3).prop_map(|number| Some(Value::Int(number))),
        any::<f64>().prop_map(|number| Some(Value::Double(number))),
        text().prop_map(|bytes| Some(Value::Bytes(bytes))),
    ];
    let nested = leaf.prop_recursive(2, 8, 3, |inner| {
        let any = inner.prop_map(|value| AnyValue { value }).boxed();
        let entry = (text(), proptest::option::of(any.clone()));
        let entry = entry.prop_map(|(key, value)| KeyValue { key, value });
        prop_oneof![
            vec(any, 0..3).prop_map(|values| Some(Value::Array(ArrayValue { values }))),
            vec(entry, 0..3).prop_map(|values| Some(Value::Kvlist(KeyValueList { values }))),
        ]
    });
    proptest::option::of(nested.prop_map(|value| AnyValue { value }))
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((key(), value()).prop_map(|(key, value)| KeyValue { key, value }), 0..4)
}

fn id(len: usize) -> impl Strategy<Value = Bytes> {
    (1u8..5).prop_map(move |n| Bytes::from(vec![n; len]))
}

fn parent() -> impl Strategy<Value = Bytes> {
    prop_oneof![Just(Bytes::new()), Just(Bytes::from_static(&[0; 8])), id(8)]
}

fn status() -> impl Strategy<Value = Option<Status>> {
    proptest::option::of((text(), 0i32..3).prop_map(|(message, code)| Status { message, code }))
}

prop_compose! {
    fn event()(time_unix_nano: u64, name in text(), attributes in attributes(), dropped: u32)
        -> Event
    {
        Event { time_unix_nano, name, attributes, dropped_attributes_count: dropped }
    }
}

prop_compose! {
    fn link()(trace_id in id(16), span_id in id(8), trace_state in text(),
              attributes in attributes(), dropped: u32, flags: u32) -> Link
    {
        let dropped_attributes_count = dropped;
        Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags }
    }
}

prop_compose! {
    fn span()(
        (trace_id, span_id, parent_span_id) in (id(16), id(8), parent()),
        (name, trace_state) in (text(), text()),
        (kind, status, flags) in (0i32..3, status(), any::<u32>()),
        times in (any::<u64>(), any::<u64>()),
        attributes in attributes(),
        events in vec(event(), 0..2),
        links in vec(link(), 0..2),
        dropped in (any::<u32>(), any::<u32>(), any::<u32>()),
    ) -> Span {
        Span {
            trace_id, span_id, parent_span_id, name, trace_state, kind, status, flags,
            start_time_unix_nano: times.0, end_time_unix_nano: times.1,
            attributes, events, links,
            dropped_attributes_count: dropped.0, dropped_events_count: dropped.1,
            dropped_links_count: dropped.2,
        }
    }
}

prop_compose! {
    fn scope_spans()(name in text(), version in text(), attributes in attributes(), dropped: u32,
                     spans in vec(span(), 0..4), schema_url in text()) -> ScopeSpans
    {
        let dropped_attributes_count = dropped;
        let scope = InstrumentationScope { name, version, attributes, dropped_attributes_count };
        ScopeSpans { scope: Some(scope), spans, schema_url }
    }
}

prop_compose! {
    fn batch()(groups in vec((attributes(), any::<u32>(), vec(scope_spans(), 0..3), text()), 0..3))
        -> TracesData
    {
        let resource_spans = |(attributes, dropped, scope_spans, schema_url)| ResourceSpans {
            resource: Some(Resource { attributes, dropped_attributes_count: dropped }),
            scope_spans,
            schema_url,
        };
        TracesData { resource_spans: groups.into_iter().map(resource_spans).collect() }
    }
}

/// The spans of one trace as they were sent, without what holds none of them.
fn sent(batches: &[TracesData], id: &TraceId) -> TracesData {
    let mut resource_spans: Vec<ResourceSpans> =
        batches.iter().flat_map(|batch| batch.resource_spans.clone()).collect();
    for scope_spans in resource_spans.iter_mut().flat_map(|rs| &mut rs.scope_spans) {
        scope_spans.spans.retain(|span| span.trace_id == id.0[..]);
    }
    for resource in &mut resource_spans {
        resource.scope_spans.retain(|scope_spans| !scope_spans.spans.is_empty());
    }
    resource_spans.retain(|resource| !resource.scope_spans.is_empty());
    TracesData { resource_spans }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    })]

    #[test]
    fn a_live_trace_in_stored_form_is_what_its_block_gives_back(
        batches in vec(batch(), 1..3),
    ) {
        let dedicated = default_dedicated_columns();
        let encoded = batches.iter().map(|batch| Bytes::from(batch.encode_to_vec()));
        let chunks: Vec<_> = encoded.collect();
        for version in [Version::V5, Version::V4] {
            let options = EncodeOptions { version, ..options(dedicated.clone()) };
            let block = encode(&chunks, options);
            let form = StoredForm::new(version, &dedicated);
            for id in traces_of(&chunks).keys() {
                let live = combine(vec![form.of(sent(&batches, id))]);
                let stored = combine(vec![read_trace(&block, id)]);
                // As text, in which a NaN equals itself.
                prop_assert_eq!(format!("{live:#?}"), format!("{stored:#?}"));
            }
        }
    }
}
