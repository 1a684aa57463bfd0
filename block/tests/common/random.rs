//! Random batches of spans, and what of them comes back from a block.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use stringendo_proto::otlp::{
    AnyValue, ArrayValue, Event, InstrumentationScope, KeyValue, Link, Resource, ResourceSpans,
    ScopeSpans, Span, Status, TracesData, Value,
};

fn text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just(Bytes::new()),
        "[a-c]{1,2}".prop_map(Bytes::from),
        vec(any::<u8>(), 0..40).prop_map(Bytes::from),
    ]
}

fn key() -> impl Strategy<Value = Bytes> {
    const KNOWN: &[&str] =
        &["http.method", "http.status_code", "url.path", "k8s.pod.name", "service.name", "a"];
    prop_oneof![proptest::sample::select(KNOWN).prop_map(Bytes::from), text()]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        // NaN has no equality to compare by.
        (-1e300..1e300).prop_map(Value::Double),
    ]
}

fn value() -> impl Strategy<Value = AnyValue> {
    // Of arrays only those that come back as they were: several elements of one type.
    let array = |values: Vec<Value>| {
        let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
        Value::Array(ArrayValue { values })
    };
    prop_oneof![
        4 => scalar(),
        1 => vec(any::<i64>().prop_map(Value::Int), 2..4).prop_map(array),
        1 => vec(text().prop_map(Value::String), 2..4).prop_map(array),
        1 => vec(any::<bool>().prop_map(Value::Bool), 2..4).prop_map(array),
    ]
    .prop_map(|value| AnyValue { value: Some(value) })
}

/// Attributes with distinct keys: of duplicates, dedicated columns keep the last.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    proptest::collection::btree_map(key(), value(), 0..5).prop_map(|map| {
        map.into_iter().map(|(key, value)| KeyValue { key, value: Some(value) }).collect()
    })
}

fn id(len: usize) -> impl Strategy<Value = Bytes> {
    // Few values, so that parents are found and ids are shared.
    (1u8..20).prop_map(move |n| Bytes::from(vec![n; len]))
}

prop_compose! {
    fn event()(time_unix_nano: u64, name in text(), attributes in attributes(), dropped in 0u32..3)
        -> Event
    {
        Event { time_unix_nano, name, attributes, dropped_attributes_count: dropped }
    }
}

prop_compose! {
    fn link()(trace_id in id(16), span_id in id(8), trace_state in text(),
              attributes in attributes(), dropped in 0u32..3) -> Link
    {
        let dropped_attributes_count = dropped;
        Link { trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags: 0 }
    }
}

prop_compose! {
    fn span()(
        ids in (id(16), id(8), prop_oneof![Just(Bytes::new()), id(8)]),
        names in (text(), text(), text()),
        codes in (0i32..6, 0i32..3),
        times in (any::<u64>(), any::<u64>()),
        attributes in attributes(),
        events in vec(event(), 0..3),
        links in vec(link(), 0..3),
        dropped in (0u32..3, 0u32..3, 0u32..3),
    ) -> Span {
        Span {
            trace_id: ids.0, span_id: ids.1, parent_span_id: ids.2,
            trace_state: names.0, name: names.1, kind: codes.0,
            start_time_unix_nano: times.0, end_time_unix_nano: times.1,
            attributes, events, links, flags: 0,
            dropped_attributes_count: dropped.0, dropped_events_count: dropped.1,
            dropped_links_count: dropped.2,
            status: Some(Status { message: names.2, code: codes.1 }),
        }
    }
}

prop_compose! {
    pub fn batch()(
        groups in vec((attributes(), vec((text(), attributes(), vec(span(), 0..6)), 0..3)), 0..4)
    ) -> TracesData
    {
        // Of scopes of one name and version in one entry only the first would be kept.
        let scope_spans = |(number, (name, attributes, spans)): (usize, (_, _, _))| ScopeSpans {
            scope: Some(InstrumentationScope {
                name,
                version: number.to_string().into(),
                attributes,
                dropped_attributes_count: 0,
            }),
            spans,
            schema_url: Bytes::new(),
        };
        let resource_spans = |(attributes, scopes): (_, Vec<_>)| ResourceSpans {
            resource: Some(Resource { attributes, dropped_attributes_count: 0 }),
            scope_spans: scopes.into_iter().enumerate().map(scope_spans).collect(),
            schema_url: Bytes::new(),
        };
        TracesData { resource_spans: groups.into_iter().map(resource_spans).collect() }
    }
}

/// A span with its resource's and its scope's attributes, encoded so that it compares.
pub type Flat = (Vec<KeyValue>, Bytes, Vec<KeyValue>, Span);
pub type ByIdAndKind = BTreeMap<(Bytes, i32), Vec<Flat>>;

/// Every span with what is around it; attributes in order of keys.
pub fn flatten(data: &TracesData) -> BTreeMap<Bytes, ByIdAndKind> {
    let mut traces: BTreeMap<Bytes, ByIdAndKind> = BTreeMap::new();
    for rs in &data.resource_spans {
        for ss in &rs.scope_spans {
            let resource = sorted(&rs.resource.clone().unwrap_or_default().attributes, true);
            let scope = ss.scope.clone().unwrap_or_default();
            for span in &ss.spans {
                let mut own = span.clone();
                own.attributes = sorted(&own.attributes, false);
                for event in &mut own.events {
                    event.attributes = sorted(&event.attributes, false);
                }
                let flat =
                    (resource.clone(), scope.name.clone(), sorted(&scope.attributes, false), own);
                let spans = traces.entry(span.trace_id.clone()).or_default();
                spans.entry((span.span_id.clone(), span.kind)).or_default().push(flat);
            }
        }
    }
    traces
}

fn sorted(attributes: &[KeyValue], is_resource: bool) -> Vec<KeyValue> {
    // An empty service name is the same as none.
    let lost = |attribute: &KeyValue| {
        let empty = Some(AnyValue { value: Some(Value::String(Bytes::new())) });
        is_resource && attribute.key == "service.name" && attribute.value == empty
    };
    let mut sorted: Vec<_> = attributes.iter().filter(|a| !lost(a)).cloned().collect();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted
}
