//! Batches for the tests of this crate: a recorded corpus and random ones.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::otlp::*;
use crate::walk::{BatchIndex, WalkLimits, WalkSummary, walk};
use crate::wire;

/// Limits as a server has them by default.
pub const LIMITS: WalkLimits = WalkLimits { value_depth_max: 16, attribute_bytes_max: 2048 };

/// The requests of the recorded corpus.
pub fn corpus() -> Vec<&'static [u8]> {
    let all = include_bytes!("../../tests/data/corpus-small.otlp.pb");
    wire::delimited(all).map(|message| message.unwrap()).collect()
}

/// Walks a batch that must be accepted.
pub fn walked(batch: &[u8]) -> (BatchIndex, WalkSummary) {
    let mut index = BatchIndex::default();
    let summary = walk(batch, &LIMITS, &mut index).unwrap();
    (index, summary)
}

fn text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => "[a-zé☃.]{0,12}".prop_map(Bytes::from),
        1 => vec(any::<u8>(), 0..200).prop_map(Bytes::from),
    ]
}

fn id(len: usize) -> impl Strategy<Value = Bytes> {
    // Few different ids, so that owners get several spans each.
    (1u8..12).prop_map(move |byte| Bytes::from(vec![byte; len]))
}

fn optional_id(len: usize) -> impl Strategy<Value = Bytes> {
    prop_oneof![Just(Bytes::new()), id(len)]
}

pub fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        text().prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        // Not NaN, which is unequal to itself; the tests of JSON have it.
        any::<i32>().prop_map(|n| Value::Double(f64::from(n) / 8.0)),
        text().prop_map(Value::Bytes),
    ];
    let value = option::weighted(0.95, leaf).prop_map(|value| AnyValue { value });
    value.prop_recursive(3, 8, 3, |inner| {
        let entry = (text(), option::weighted(0.9, inner.clone()))
            .prop_map(|(key, value)| KeyValue { key, value });
        let list = prop_oneof![
            vec(inner, 0..3).prop_map(|values| Value::Array(ArrayValue { values })),
            vec(entry, 0..3).prop_map(|values| Value::Kvlist(KeyValueList { values })),
        ];
        list.prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (text(), option::weighted(0.95, any_value()))
        .prop_map(|(key, value)| KeyValue { key, value });
    vec(attribute, 0..4)
}

prop_compose! {
    fn event()(time_unix_nano: u64, name in text(), attributes in attributes(), dropped in 0u32..3)
        -> Event {
        Event { time_unix_nano, name, attributes, dropped_attributes_count: dropped }
    }
}

prop_compose! {
    fn link()(
        trace_id in optional_id(16), span_id in optional_id(8), trace_state in text(),
        attributes in attributes(), dropped in 0u32..3, flags: u32,
    ) -> Link {
        let dropped_attributes_count = dropped;
        Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags }
    }
}

prop_compose! {
    fn status()(message in text(), code in 0i32..4) -> Status {
        Status { message, code }
    }
}

prop_compose! {
    pub fn span()(
        ids in (id(16), id(8), optional_id(8)),
        texts in (text(), text()),
        times in (any::<u64>(), any::<u64>()),
        kind in -1i32..8,
        flags: u32,
        attributes in attributes(),
        events in vec(event(), 0..2),
        links in vec(link(), 0..2),
        dropped in (0u32..2, 0u32..300, any::<u32>()),
        status in option::of(status()),
    ) -> Span {
        Span {
            trace_id: ids.0, span_id: ids.1, parent_span_id: ids.2,
            trace_state: texts.0, name: texts.1,
            start_time_unix_nano: times.0, end_time_unix_nano: times.1,
            kind, flags, attributes, events, links, status,
            dropped_attributes_count: dropped.0,
            dropped_events_count: dropped.1,
            dropped_links_count: dropped.2,
        }
    }
}

prop_compose! {
    fn scope()(name in text(), version in text(), attributes in attributes(), dropped in 0u32..2)
        -> InstrumentationScope {
        InstrumentationScope { name, version, attributes, dropped_attributes_count: dropped }
    }
}

prop_compose! {
    fn scope_spans()(
        scope in option::of(scope()), spans in vec(span(), 0..4), schema_url in text(),
    ) -> ScopeSpans {
        ScopeSpans { scope, spans, schema_url }
    }
}

prop_compose! {
    fn resource()(attributes in attributes(), dropped_attributes_count in 0u32..2) -> Resource {
        Resource { attributes, dropped_attributes_count }
    }
}

prop_compose! {
    fn resource_spans()(
        resource in option::of(resource()),
        scope_spans in vec(scope_spans(), 0..3),
        schema_url in text(),
    ) -> ResourceSpans {
        ResourceSpans { resource, scope_spans, schema_url }
    }
}

/// Any batch that a server accepts.
pub fn traces() -> impl Strategy<Value = TracesData> {
    vec(resource_spans(), 0..4).prop_map(|resource_spans| TracesData { resource_spans })
}
