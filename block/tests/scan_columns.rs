//! Columns of a scan, compared with the traces read row by row, over blocks that Tempo wrote.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use stringendo_block::scan::{
    AttributeScope, ColumnValue, ItemList, ScanBatch, ScanField, ScanRequest, ScannedTrace,
    TraceFacts,
};
use stringendo_block::{BlockReader, ReadError};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{
    AnyValue, InstrumentationScope, KeyValue, Resource, Span, TracesData, Value,
};
use support::{Block, TEMPO_BLOCKS, read_trace, recorded_traces, tempo_block};

fn all_time(fields: Vec<ScanField>) -> ScanRequest {
    ScanRequest { fields, end_unix_nanos: u64::MAX, ..ScanRequest::default() }
}

fn scan(
    block: &Block,
    reader: &BlockReader,
    request: &ScanRequest,
) -> Result<Vec<ScanBatch>, ReadError> {
    let mut batches = Vec::new();
    for row_group in 0..reader.row_groups() {
        let fetched = block.fetch(&reader.scan_ranges(row_group, request));
        let mut scan = reader.scan(row_group, request, &fetched)?;
        while let Some(batch) = scan.next_batch()? {
            batches.push(batch);
        }
    }
    Ok(batches)
}

/// Every span of a trace in order of storage, with where it belongs.
fn spans(trace: &TracesData) -> Vec<(&Resource, &InstrumentationScope, &Span)> {
    let mut found = Vec::new();
    for resource in &trace.resource_spans {
        for scope in &resource.scope_spans {
            let owners = (resource.resource.as_ref().unwrap(), scope.scope.as_ref().unwrap());
            found.extend(scope.spans.iter().map(|span| (owners.0, owners.1, span)));
        }
    }
    found
}

fn last_value(attributes: &[KeyValue], key: &str) -> ColumnValue {
    let last = attributes.iter().rev().find(|attribute| attribute.key == key);
    last.map_or(ColumnValue::Missing, |attribute| column_value(attribute.value.as_ref().unwrap()))
}

fn column_value(value: &AnyValue) -> ColumnValue {
    match &value.value {
        Some(Value::String(text)) => ColumnValue::Bytes(text.clone()),
        Some(Value::Int(value)) => ColumnValue::Int(*value),
        Some(Value::Double(value)) => ColumnValue::Float(*value),
        Some(Value::Bool(value)) => ColumnValue::Bool(*value),
        Some(Value::Array(array)) => {
            let values: Vec<ColumnValue> = array.values.iter().map(column_value).collect();
            array_value(&values)
        }
        _ => ColumnValue::Unsupported,
    }
}

fn array_value(values: &[ColumnValue]) -> ColumnValue {
    let ints = || values.iter().map(|v| if let ColumnValue::Int(v) = v { Some(*v) } else { None });
    let floats =
        || values.iter().map(|v| if let ColumnValue::Float(v) = v { Some(*v) } else { None });
    let bools =
        || values.iter().map(|v| if let ColumnValue::Bool(v) = v { Some(*v) } else { None });
    let texts = || {
        values.iter().map(|v| if let ColumnValue::Bytes(v) = v { Some(v.clone()) } else { None })
    };
    None.or(texts().collect::<Option<Vec<_>>>().map(ColumnValue::BytesArray))
        .or(ints().collect::<Option<Vec<_>>>().map(ColumnValue::IntArray))
        .or(floats().collect::<Option<Vec<_>>>().map(ColumnValue::FloatArray))
        .or(bools().collect::<Option<Vec<_>>>().map(ColumnValue::BoolArray))
        .unwrap_or(ColumnValue::Unsupported)
}

/// Equal, NaN included.
fn assert_same(ours: &ColumnValue, expected: &ColumnValue, what: &str) {
    if ours != expected {
        assert_eq!(format!("{ours:?}"), format!("{expected:?}"), "{what}");
    }
}

/// Every trace of a block by id, as read row by row.
fn rows(block: &Block, reader: &BlockReader) -> BTreeMap<TraceId, TracesData> {
    let read = |recorded: support::Recorded| {
        let trace = read_trace(block, reader, &recorded.trace_id).unwrap().unwrap();
        (recorded.trace_id, trace)
    };
    recorded_traces().into_iter().map(read).collect()
}

/// A block and its traces, read once.
struct Loaded {
    name: &'static str,
    block: Block,
    reader: BlockReader,
    rows: BTreeMap<TraceId, TracesData>,
}

static LOADED: LazyLock<[Loaded; 4]> = LazyLock::new(|| {
    TEMPO_BLOCKS.map(|name| {
        let block = tempo_block(name);
        let reader = block.open().unwrap();
        let rows = rows(&block, &reader);
        Loaded { name, block, reader, rows }
    })
});

type Owners<'a> = (&'a Resource, &'a InstrumentationScope, &'a Span);

/// Compares columns of every trace with what `expected` says of each field and span.
fn compare(fields: Vec<ScanField>, expected: impl Fn(&ScanField, Owners<'_>) -> ColumnValue) {
    for Loaded { name, block, reader, rows } in LOADED.iter() {
        let mut traces = 0;
        for batch in scan(block, reader, &all_time(fields.clone())).unwrap() {
            for ScannedTrace { trace_id, spans: range, .. } in &batch.traces {
                let stored = spans(&rows[trace_id]);
                assert_eq!(stored.len(), range.len(), "{trace_id}");
                for (number, field) in fields.iter().enumerate() {
                    for (at, span) in range.clone().zip(&stored) {
                        let expected = expected(field, *span);
                        let found = batch.value(number, at).into();
                        assert_same(&found, &expected, &format!("{name} {field:?} {trace_id}"));
                    }
                }
                traces += 1;
            }
        }
        assert_eq!(traces, 208);
    }
}

fn attribute(scope: AttributeScope, key: &str) -> ScanField {
    ScanField::Attribute { scope, key: key.to_owned() }
}

#[test]
fn intrinsics_are_those_of_the_rows() {
    let fields = vec![
        ScanField::Name,
        ScanField::Kind,
        ScanField::SpanId,
        ScanField::ParentId,
        ScanField::TraceId,
        ScanField::ScopeName,
        ScanField::ScopeVersion,
        ScanField::Duration,
        ScanField::Status,
        ScanField::StatusMessage,
    ];
    compare(fields, |field, (_, scope, span)| {
        let status = span.status.as_ref().unwrap();
        let duration = span.end_time_unix_nano.wrapping_sub(span.start_time_unix_nano);
        match field {
            ScanField::Name => ColumnValue::Bytes(span.name.clone()),
            ScanField::Kind => ColumnValue::Int(span.kind.into()),
            ScanField::SpanId => ColumnValue::Bytes(span.span_id.clone()),
            ScanField::ParentId => ColumnValue::Bytes(span.parent_span_id.clone()),
            ScanField::TraceId => ColumnValue::Bytes(span.trace_id.clone()),
            ScanField::ScopeName => ColumnValue::Bytes(scope.name.clone()),
            ScanField::ScopeVersion => ColumnValue::Bytes(scope.version.clone()),
            ScanField::Duration => ColumnValue::Int(duration as i64),
            ScanField::Status => ColumnValue::Int(status.code.into()),
            ScanField::StatusMessage => ColumnValue::Bytes(status.message.clone()),
            other => panic!("{other:?} is not compared"),
        }
    });
}

/// Compares all attributes of a kind of owner, and one that does not exist.
fn compare_attributes(scope: AttributeScope, of: impl for<'a> Fn(Owners<'a>) -> &'a [KeyValue]) {
    let mut keys = vec!["no.such.key".to_owned()];
    for trace in LOADED[0].rows.values() {
        for owners in spans(trace) {
            let found = of(owners).iter();
            keys.extend(found.map(|a| String::from_utf8_lossy(&a.key).into_owned()));
        }
    }
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() > 1);
    let fields = keys.iter().map(|key| attribute(scope, key)).collect();
    compare(fields, |field, owners| match field {
        ScanField::Attribute { key, .. } => last_value(of(owners), key),
        other => panic!("{other:?} is no attribute"),
    });
}

#[test]
fn span_attributes_of_every_key_and_type_are_those_of_the_rows() {
    compare_attributes(AttributeScope::Span, |(_, _, span)| &span.attributes);
}

#[test]
fn resource_attributes_are_repeated_to_each_span() {
    compare_attributes(AttributeScope::Resource, |(resource, _, _)| &resource.attributes);
}

#[test]
fn scope_attributes_are_repeated_to_each_span() {
    compare_attributes(AttributeScope::Scope, |(_, scope, _)| &scope.attributes);
}

/// Compares columns of events or links with what `expected` says of each item of a span.
fn compare_items(
    list: ItemList,
    fields: &[ScanField],
    expected: impl Fn(&ScanField, &Span) -> Vec<ColumnValue>,
) {
    for Loaded { name, block, reader, rows } in LOADED.iter() {
        let mut items = 0;
        for batch in scan(block, reader, &all_time(fields.to_vec())).unwrap() {
            for ScannedTrace { trace_id, spans: range, .. } in &batch.traces {
                for (at, (_, _, span)) in range.clone().zip(spans(&rows[trace_id])) {
                    for (number, field) in fields.iter().enumerate() {
                        let found = batch.items(list, at);
                        let expected = expected(field, span);
                        assert_eq!(found.len(), expected.len(), "{name} {field:?} {trace_id}");
                        for (at, expected) in found.zip(&expected) {
                            let what = format!("{name} {field:?} {trace_id}");
                            assert_same(&batch.value(number, at).into(), expected, &what);
                        }
                    }
                    items += batch.items(list, at).len();
                }
            }
        }
        assert!(items > 0);
    }
}

fn keys_of<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<String> {
    let keys = attributes.map(|a| String::from_utf8_lossy(&a.key).into_owned());
    let mut keys: Vec<String> = keys.chain(["no.such.key".to_owned()]).collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() > 1);
    keys
}

fn all_spans() -> impl Iterator<Item = &'static Span> {
    LOADED[0].rows.values().flat_map(spans).map(|(_, _, span)| span)
}

#[test]
fn events_are_those_of_the_rows() {
    let events = all_spans().flat_map(|span| &span.events);
    let keys = keys_of(events.flat_map(|event| &event.attributes));
    let mut fields = vec![ScanField::EventName, ScanField::EventTimeSinceStart];
    fields.extend(keys.iter().map(|key| attribute(AttributeScope::Event, key)));
    compare_items(ItemList::Events, &fields, |field, span| {
        let events = span.events.iter();
        let since = |time: u64| time.wrapping_sub(span.start_time_unix_nano) as i64;
        match field {
            ScanField::EventName => events.map(|e| ColumnValue::Bytes(e.name.clone())).collect(),
            ScanField::EventTimeSinceStart => {
                events.map(|event| ColumnValue::Int(since(event.time_unix_nano))).collect()
            }
            ScanField::Attribute { key, .. } => {
                events.map(|event| last_value(&event.attributes, key)).collect()
            }
            other => panic!("{other:?} is not of events"),
        }
    });
}

#[test]
fn links_are_those_of_the_rows() {
    let links = all_spans().flat_map(|span| &span.links);
    let keys = keys_of(links.flat_map(|link| &link.attributes));
    let mut fields = vec![ScanField::LinkTraceId, ScanField::LinkSpanId];
    fields.extend(keys.iter().map(|key| attribute(AttributeScope::Link, key)));
    compare_items(ItemList::Links, &fields, |field, span| {
        let links = span.links.iter();
        let bytes = |bytes: &bytes::Bytes| ColumnValue::Bytes(bytes.clone());
        match field {
            ScanField::LinkTraceId => links.map(|link| bytes(&link.trace_id)).collect(),
            ScanField::LinkSpanId => links.map(|link| bytes(&link.span_id)).collect(),
            ScanField::Attribute { key, .. } => {
                links.map(|link| last_value(&link.attributes, key)).collect()
            }
            other => panic!("{other:?} is not of links"),
        }
    });
}

#[test]
fn events_links_and_spans_can_be_read_at_once() {
    let Loaded { block, reader, .. } = &LOADED[1];
    let fields = [
        ScanField::LinkSpanId,
        ScanField::Name,
        attribute(AttributeScope::Event, "exception.type"),
    ];
    let together = scan(block, reader, &all_time(fields.to_vec())).unwrap();
    for (number, field) in fields.iter().enumerate() {
        let alone = scan(block, reader, &all_time(vec![field.clone()])).unwrap();
        for (together, alone) in together.iter().zip(&alone) {
            assert_eq!(together.owned_values(number), alone.owned_values(0), "{field:?}");
            assert_eq!(alone.event_ends.is_empty(), field.list() != Some(ItemList::Events));
        }
    }
}

#[test]
fn several_fields_at_once_are_the_same_as_one_by_one() {
    let fields = vec![
        ScanField::Name,
        attribute(AttributeScope::Span, "http.method"),
        attribute(AttributeScope::Resource, "service.name"),
        attribute(AttributeScope::Span, "http.method"),
        attribute(AttributeScope::Span, "http.status_code"),
        ScanField::TraceDuration,
    ];
    for name in TEMPO_BLOCKS {
        let block = tempo_block(name);
        let reader = block.open().unwrap();
        let together = scan(&block, &reader, &all_time(fields.clone())).unwrap();
        for (at, field) in fields.iter().enumerate() {
            let alone = scan(&block, &reader, &all_time(vec![field.clone()])).unwrap();
            for (a, b) in together.iter().zip(&alone) {
                assert_eq!(a.owned_values(at), b.owned_values(0), "{name}: {field:?}");
            }
        }
    }
}

#[test]
fn facts_and_starts_agree_with_the_rows() {
    LOADED.iter().for_each(assert_facts_and_starts);
}

fn assert_facts_and_starts(Loaded { block, reader, rows, .. }: &Loaded) {
    let request = ScanRequest { span_starts: true, facts: true, ..all_time(Vec::new()) };
    for row_group in 0..reader.row_groups() {
        let fetched = block.fetch(&reader.scan_ranges(row_group, &request));
        let mut scan = reader.scan(row_group, &request, &fetched).unwrap();
        while let Some(batch) = scan.next_batch().unwrap() {
            assert_eq!(batch.spans, batch.span_start_unix_nanos.len());
            // Not all of them, but in order.
            for trace in batch.traces.iter().filter(|trace| trace.row % 3 != 1) {
                let facts = scan.facts(trace).unwrap();
                assert_facts(&facts, &spans(&rows[&trace.trace_id]), trace);
                let starts = &batch.span_start_unix_nanos[trace.spans.clone()];
                assert_eq!(facts.span_start_unix_nanos, starts);
            }
        }
    }
}

fn assert_facts(facts: &TraceFacts, stored: &[Owners<'_>], trace: &ScannedTrace) {
    assert_eq!(facts.span_ids.len(), stored.len());
    for (at, (_, _, span)) in stored.iter().enumerate() {
        assert_eq!(facts.span_ids[at], span.span_id[..]);
        assert_eq!(facts.span_start_unix_nanos[at], span.start_time_unix_nano);
        let duration = span.end_time_unix_nano.wrapping_sub(span.start_time_unix_nano);
        assert_eq!(facts.span_duration_nanos[at], duration);
    }
    let counted: u32 = facts.service_stats.iter().map(|(_, spans, _)| spans).sum();
    assert_eq!(counted as usize, stored.len());
    let errors = |span: &Span| span.status.as_ref().unwrap().code == 2;
    let errors = stored.iter().filter(|(_, _, span)| errors(span)).count();
    let counted: u32 = facts.service_stats.iter().map(|(_, _, errors)| errors).sum();
    assert_eq!(counted as usize, errors);
    let starts = stored.iter().map(|(_, _, span)| span.start_time_unix_nano);
    assert_eq!(trace.start_unix_nanos, starts.filter(|start| *start > 0).min().unwrap_or(0));
}

#[test]
fn only_traces_of_the_requested_time_are_given() {
    let block = tempo_block("vparquet5");
    let reader = block.open().unwrap();
    let traces = |batches: Vec<ScanBatch>| -> Vec<ScannedTrace> {
        batches.into_iter().flat_map(|batch| batch.traces).collect()
    };
    let all = traces(scan(&block, &reader, &all_time(Vec::new())).unwrap());
    let pivot = all[100].start_unix_nanos;
    let mut request = all_time(vec![ScanField::Name]);
    request.start_unix_nanos = pivot;
    request.end_unix_nanos = pivot;
    let some = traces(scan(&block, &reader, &request).unwrap());
    let wanted =
        |trace: &&ScannedTrace| trace.start_unix_nanos <= pivot && trace.end_unix_nanos >= pivot;
    let expected: Vec<TraceId> = all.iter().filter(wanted).map(|trace| trace.trace_id).collect();
    assert_eq!(some.iter().map(|trace| trace.trace_id).collect::<Vec<_>>(), expected);
    assert!(!expected.is_empty() && expected.len() < all.len());
}

#[test]
fn row_groups_outside_the_requested_time_need_no_bytes() {
    let block = tempo_block("vparquet5-dedicated");
    let reader = block.open().unwrap();
    let mut request = all_time(vec![ScanField::Name]);
    request.end_unix_nanos = 1;
    for row_group in 0..reader.row_groups() {
        assert_eq!(reader.scan_ranges(row_group, &request), []);
        let nothing = stringendo_block::Fetched::default();
        let mut scan = reader.scan(row_group, &request, &nothing).unwrap();
        assert!(scan.next_batch().unwrap().is_none());
    }
}

#[test]
fn a_scan_counts_what_it_inspected() {
    let block = tempo_block("vparquet5");
    let reader = block.open().unwrap();
    let request = all_time(vec![ScanField::Name]);
    let fetched = block.fetch(&reader.scan_ranges(0, &request));
    let mut scan = reader.scan(0, &request, &fetched).unwrap();
    while scan.next_batch().unwrap().is_some() {}
    let (spans, bytes) = scan.inspected();
    assert_eq!(spans, 1115);
    assert!(bytes > 0 && bytes < block.meta.size);
}
