//! Random traces, encoded and read back: the same spans.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use bytes::Bytes;
use common::{encode, options, read_trace, traces_of};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::scan::{ScanField, ScanRequest};
use stringendo_block::{BlockReader, Fetched, FinishedBlock, ReadError};
use stringendo_proto::TraceId;
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
    fn batch()(
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
type Flat = (Vec<KeyValue>, Bytes, Vec<KeyValue>, Span);
type ByIdAndKind = BTreeMap<(Bytes, i32), Vec<Flat>>;

/// Every span with what is around it; attributes in order of keys.
fn flatten(data: &TracesData) -> BTreeMap<Bytes, ByIdAndKind> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_span_comes_back_once_with_all_that_it_had(
        batches in vec(batch(), 1..3),
        row_group_bytes in prop_oneof![Just(1u64), Just(2_000), Just(100_000_000)],
    ) {
        let encoded = batches.iter().map(|batch| Bytes::from(batch.encode_to_vec()));
        let chunks: Vec<_> = encoded.collect();
        let mut options = options(default_dedicated_columns());
        options.row_group_bytes = row_group_bytes;
        let block = encode(&chunks, options);
        let all = batches.into_iter().flat_map(|batch| batch.resource_spans);
        let all = TracesData { resource_spans: all.collect() };
        let sent = flatten(&all);
        prop_assert_eq!(block.meta.total_objects, sent.len() as u64);
        for id in traces_of(&chunks).keys() {
            let stored = flatten(&read_trace(&block, id));
            let spans = &stored[&Bytes::copy_from_slice(&id.0)];
            let expected = &sent[&Bytes::copy_from_slice(&id.0)];
            prop_assert_eq!(spans.len(), expected.len());
            for (key, copies) in spans {
                prop_assert_eq!(copies.len(), 1);
                let sent = &expected[key];
                prop_assert!(sent.contains(&copies[0]), "{copies:#?}\nnot in {sent:#?}");
            }
        }
    }
}

/// So many traces of one span each.
fn many(traces: u32) -> TracesData {
    let span = |n: u32| Span {
        trace_id: (u128::from(n) + 1).to_be_bytes().to_vec().into(),
        span_id: vec![1; 8].into(),
        name: format!("operation {n}").into(),
        start_time_unix_nano: u64::from(n) + 1,
        end_time_unix_nano: u64::from(n) + 2,
        attributes: vec![KeyValue {
            key: "n".into(),
            value: Some(AnyValue { value: Some(Value::Int(n.into())) }),
        }],
        status: Some(Status::default()),
        ..Span::default()
    };
    let spans = (0..traces).map(span).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
}

#[test]
fn rows_of_several_pages_are_found_by_the_page_index() {
    let chunks = [Bytes::from(many(20_000).encode_to_vec())];
    let block = encode(&chunks, options(default_dedicated_columns()));
    let mut fetched = Fetched::default();
    fetched.insert(0, block.data.clone());
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    let reader = BlockReader::open(block.meta.clone(), &footer).unwrap();
    let reader = reader.with_page_index(0, &fetched);
    for n in [0u32, 1, 8190, 8191, 8192, 8193, 16_383, 16_384, 19_999] {
        let id = TraceId((u128::from(n) + 1).to_be_bytes());
        let probe = reader.probe(&id).remove(0);
        let row = reader.find_row(&probe, &id, &fetched).unwrap().unwrap();
        assert_eq!(row, u64::from(n));
        let ranges = reader.row_ranges(0, row).unwrap();
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        assert!(bytes < block.meta.size * 3 / 4, "{bytes} of {}", block.meta.size);
        let mut pages = Fetched::default();
        for range in ranges {
            pages.insert(range.start, block.data.slice(range.start as usize..range.end as usize));
        }
        let trace = reader.read_row(0, row, &pages).unwrap();
        let span = &trace.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(span.name, format!("operation {n}"));
    }
}

fn open(block: &FinishedBlock) -> (BlockReader, Fetched) {
    let mut fetched = Fetched::default();
    fetched.insert(0, block.data.clone());
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    let reader = BlockReader::open(block.meta.clone(), &footer).unwrap();
    (reader.with_page_index(0, &fetched), fetched)
}

#[test]
fn facts_of_traces_are_there_when_their_batch_has_gone_on_to_the_next_page() {
    let chunks = [Bytes::from(many(20_000).encode_to_vec())];
    let block = encode(&chunks, options(default_dedicated_columns()));
    let (reader, fetched) = open(&block);
    let fields = vec![ScanField::Duration, ScanField::Name, ScanField::RootName];
    let end_unix_nanos = u64::MAX;
    let request = ScanRequest { fields, end_unix_nanos, facts: true, ..ScanRequest::default() };
    // Batches do not end where pages do. With little memory the scan begins again now and then.
    let (mut row, mut limit, mut seen) = (100, 0, 100);
    'begin: loop {
        let mut scan = reader.scan(0, &request, &fetched).unwrap().within(row, limit);
        while let Some(batch) = match scan.next_batch() {
            Err(ReadError::NeedsMemory { bytes }) => {
                (row, limit) = (scan.next_row(), bytes);
                continue 'begin;
            }
            batch => batch.unwrap(),
        } {
            for trace in &batch.traces {
                let facts = match scan.facts(trace) {
                    Err(ReadError::NeedsMemory { bytes }) => {
                        (row, limit) = (scan.next_row(), bytes);
                        continue 'begin;
                    }
                    facts => facts.unwrap(),
                };
                assert_eq!((trace.row, facts.span_ids.len()), (seen, 1));
                assert_eq!(facts.span_start_unix_nanos, [seen + 1]);
                assert_eq!(facts.root_name, format!("operation {seen}"));
                seen += 1;
            }
        }
        assert!(scan.peak_bytes() <= limit);
        break;
    }
    assert_eq!(seen, 20_000);
}
