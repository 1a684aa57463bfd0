//! Names and values of tags, compared with the traces read row by row, over blocks that Tempo
//! wrote.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use stringendo_block::tags::{
    DistinctValues, MatchedSpans, TagField, TagNamesFound, TagScope, TagValues,
};
use stringendo_block::{BlockReader, ReadError, Version};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{AnyValue, KeyValue, TracesData, Value};
use support::{Block, read_trace, recorded_traces, tempo_block};

/// With links in columns, and in messages.
fn blocks() -> [Block; 2] {
    ["vparquet5", "vparquet3"].map(tempo_block)
}

type Names = BTreeMap<&'static str, BTreeSet<Vec<u8>>>;

const SCOPES: [(&str, TagScope); 5] = [
    ("resource", TagScope::Resource),
    ("span", TagScope::Span),
    ("event", TagScope::Event),
    ("link", TagScope::Link),
    ("instrumentation", TagScope::Instrumentation),
];

fn traces(block: &Block, reader: &BlockReader) -> Vec<(TraceId, TracesData)> {
    let read = |id| (id, read_trace(block, reader, &id).unwrap().unwrap());
    let mut all: Vec<_> = recorded_traces().iter().map(|trace| read(trace.trace_id)).collect();
    all.sort_by_key(|(id, _)| *id);
    all
}

/// Calls `each` with every list of attributes of the spans that `counts` (by trace and number).
fn each_list<'a>(
    traces: &'a [(TraceId, TracesData)],
    counts: impl Fn(&TraceId, u32) -> bool,
    mut each: impl FnMut(&'static str, &'a [KeyValue]),
) {
    for (id, trace) in traces {
        let mut number = 0;
        for resource in &trace.resource_spans {
            for scope in &resource.scope_spans {
                for span in &scope.spans {
                    let here = counts(id, number);
                    number += 1;
                    if !here {
                        continue;
                    }
                    each("resource", &resource.resource.as_ref().unwrap().attributes);
                    each("instrumentation", &scope.scope.as_ref().unwrap().attributes);
                    each("span", &span.attributes);
                    span.events.iter().for_each(|event| each("event", &event.attributes));
                    span.links.iter().for_each(|link| each("link", &link.attributes));
                }
            }
        }
    }
}

fn expected_names(
    traces: &[(TraceId, TracesData)],
    counts: impl Fn(&TraceId, u32) -> bool,
) -> Names {
    let mut names: Names = SCOPES.iter().map(|(name, _)| (*name, BTreeSet::new())).collect();
    each_list(traces, counts, |scope, list| {
        let keys = list.iter().map(|attribute| attribute.key.to_vec());
        names.get_mut(scope).unwrap().extend(keys);
    });
    names
}

fn as_names(found: &TagNamesFound) -> Names {
    let sorted = found.sorted();
    let keys = |scope| sorted.of(scope).iter().map(<[u8]>::to_vec).collect();
    SCOPES.iter().map(|(name, scope)| (*name, keys(*scope))).collect()
}

/// vParquet3 has the keys of attributes, of resources and spans, whose values it does not keep;
/// rows do not show these.
fn assert_names(block: &Block, found: &TagNamesFound, expected: &Names) {
    let found = as_names(found);
    match block.meta.version() {
        Some(Version::V3) => assert_eq!(found["link"], expected["link"]),
        _ => assert_eq!(found, *expected),
    }
}

fn names(block: &Block, reader: &BlockReader) -> TagNamesFound {
    let mut found = TagNamesFound::default();
    for row_group in 0..reader.row_groups() {
        let fetched = block.fetch(&reader.tag_names_ranges(row_group));
        let mut scan = reader.tag_names(row_group, &fetched, u64::MAX).unwrap();
        while scan.step(&mut found).unwrap() {}
    }
    found
}

fn values(block: &Block, reader: &BlockReader, field: &TagField) -> TagValues {
    let mut found = DistinctValues::new(usize::MAX);
    for row_group in 0..reader.row_groups() {
        let fetched = block.fetch(&reader.tag_values_ranges(row_group, field));
        let mut scan = reader.tag_values(row_group, field, &fetched, u64::MAX).unwrap();
        while scan.step(&mut found).unwrap() {}
    }
    found.sorted()
}

fn add(value: Option<&AnyValue>, found: &mut DistinctValues) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::String(text)) => found.string(text),
        Some(Value::Int(value)) => found.int(*value),
        Some(Value::Double(value)) => found.float(*value),
        Some(Value::Bool(value)) => found.bool(*value),
        Some(Value::Array(array)) if is_typed(array.values.as_slice()) => {
            array.values.iter().for_each(|value| add(Some(value), found));
        }
        _ => {}
    }
}

/// Other arrays are kept as text.
fn is_typed(values: &[AnyValue]) -> bool {
    let kinds: BTreeSet<u8> = values
        .iter()
        .map(|value| match &value.value {
            Some(Value::String(_)) => 1,
            Some(Value::Int(_)) => 2,
            Some(Value::Double(_)) => 3,
            Some(Value::Bool(_)) => 4,
            _ => 0,
        })
        .collect();
    kinds.len() <= 1 && !kinds.contains(&0)
}

#[test]
fn names_are_those_of_all_attributes() {
    for block in blocks() {
        let reader = block.open().unwrap();
        let expected = expected_names(&traces(&block, &reader), |_, _| true);
        assert_names(&block, &names(&block, &reader), &expected);
        assert!(expected["span"].len() > 20 && expected["link"].len() > 1, "{expected:?}");
    }
}

#[test]
fn values_of_every_key_are_those_that_traces_have() {
    for block in blocks() {
        let reader = block.open().unwrap();
        let traces = traces(&block, &reader);
        for (name, scope) in SCOPES {
            for key in &expected_names(&traces, |_, _| true)[name] {
                let mut expected = DistinctValues::new(usize::MAX);
                let mut lacks_it = false;
                each_list(
                    &traces,
                    |_, _| true,
                    |found, list| {
                        let here =
                            list.iter().filter(|attribute| found == name && attribute.key == key);
                        lacks_it |= found == name && here.clone().count() == 0;
                        here.for_each(|attribute| add(attribute.value.as_ref(), &mut expected));
                    },
                );
                let key = String::from_utf8(key.clone()).unwrap();
                if key == "service.name" && scope == TagScope::Resource && lacks_it {
                    expected.string(b"");
                }
                let field = TagField::Attribute { scope, key };
                // As text, since one of them is not a number.
                let found = format!("{:?}", values(&block, &reader, &field));
                assert_eq!(found, format!("{:?}", expected.sorted()), "{field:?}");
            }
        }
    }
}

#[test]
fn names_of_some_spans_are_those_of_their_attributes() {
    for block in blocks() {
        let reader = block.open().unwrap();
        let traces = traces(&block, &reader);
        for divisor in 1..5 {
            let counts =
                |id: &TraceId, span: u32| (u32::from(id.0[15]) + span).is_multiple_of(divisor);
            let mut found = TagNamesFound::default();
            for row_group in 0..reader.row_groups() {
                let ranges = reader.tag_names_of_spans_ranges(row_group, &TagScope::ALL);
                let fetched = block.fetch(&ranges);
                let scan = reader.tag_names_of_spans(row_group, &TagScope::ALL, &fetched, u64::MAX);
                let mut scan = scan.unwrap();
                for (trace_id, _) in &traces {
                    let spans = (0..10_000).filter(|span| counts(trace_id, *span)).collect();
                    scan.read(&MatchedSpans { trace_id: *trace_id, spans }, &mut found).unwrap();
                }
            }
            assert_names(&block, &found, &expected_names(&traces, counts));
        }
    }
}

#[test]
fn reading_stops_where_there_is_no_memory_and_where_nothing_more_is_wanted() {
    let block = tempo_block("vparquet5");
    let reader = block.open().unwrap();
    let field = TagField::Name;
    let fetched = block.fetch(&reader.tag_values_ranges(0, &field));
    let mut few = DistinctValues::new(1);
    let mut scan = reader.tag_values(0, &field, &fetched, 10).unwrap();
    assert!(matches!(scan.step(&mut few), Err(ReadError::NeedsMemory { .. })));
    let mut scan = reader.tag_values(0, &field, &fetched, u64::MAX).unwrap();
    while scan.step(&mut few).unwrap() {}
    assert!(few.is_full());
    assert!(few.len() <= 2, "{few:?}");
}
