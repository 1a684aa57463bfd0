//! Random traces, encoded and read back: the same spans.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::random::{batch, flatten};
use common::{encode, options, read_trace, traces_of};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::scan::{ScanField, ScanRequest};
use stringendo_block::{BlockReader, Fetched, FinishedBlock, ReadError};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{
    AnyValue, KeyValue, ResourceSpans, ScopeSpans, Span, Status, TracesData, Value,
};

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
