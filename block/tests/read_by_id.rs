//! Traces by id, out of blocks that Tempo wrote, compared with what Tempo answered.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value as Json;
use stringendo_block::combine::split_shared_ids;
use stringendo_block::{BlockReader, ReadError};
use stringendo_proto::TraceId;
use support::{features, read_trace, recorded_traces, sort_attributes, tempo_block, trace_json};

/// The recorded trace and the one read, as comparable JSON.
fn compared(name: &str) -> Vec<(TraceId, Json, Json)> {
    let block = tempo_block(name);
    let reader = block.open().unwrap();
    let compare = |recorded: support::Recorded| {
        let mut trace = read_trace(&block, &reader, &recorded.trace_id).unwrap().unwrap();
        // The recorded answers went through the API, which does this to what is stored.
        split_shared_ids(&mut trace);
        let mut ours = trace_json(&trace);
        let mut theirs = recorded.trace;
        sort_attributes(&mut ours);
        sort_attributes(&mut theirs);
        (recorded.trace_id, theirs, ours)
    };
    recorded_traces().into_iter().map(compare).collect()
}

#[test]
fn every_trace_of_a_tempo_block_reads_as_tempo_answers_it() {
    let traces = compared("vparquet5");
    assert_eq!(traces.len(), 208);
    for (trace_id, theirs, ours) in traces {
        assert_eq!(ours, theirs, "trace {trace_id} ({:?})", features(&trace_id));
    }
}

#[test]
fn a_block_with_other_dedicated_columns_differs_only_where_they_change_values() {
    for (trace_id, theirs, ours) in compared("vparquet5-dedicated") {
        let features = features(&trace_id);
        let may_differ = ["dedicated-array-value", "attr-duplicate-key"];
        if !features.iter().any(|feature| may_differ.contains(&feature.as_str())) {
            assert_eq!(ours, theirs, "trace {trace_id} ({features:?})");
        }
    }
}

#[test]
fn ids_that_are_not_in_the_block_are_not_found() {
    for name in ["vparquet5", "vparquet5-dedicated"] {
        let block = tempo_block(name);
        let reader = block.open().unwrap();
        for recorded in recorded_traces() {
            let next =
                TraceId((u128::from_be_bytes(recorded.trace_id.0).wrapping_add(1)).to_be_bytes());
            assert_eq!(read_trace(&block, &reader, &next).unwrap(), None);
        }
        assert_eq!(read_trace(&block, &reader, &TraceId([0; 16])).unwrap(), None);
    }
}

#[test]
fn statistics_leave_one_row_group_per_id() {
    let block = tempo_block("vparquet5-dedicated");
    let reader = block.open().unwrap();
    assert_eq!(reader.row_groups(), 5);
    for recorded in recorded_traces() {
        assert_eq!(reader.probe(&recorded.trace_id).len(), 1);
    }
}

#[test]
fn the_offset_indexes_come_with_the_footer() {
    for name in ["vparquet5", "vparquet5-dedicated"] {
        let reader = tempo_block(name).open().unwrap();
        for row_group in 0..reader.row_groups() {
            assert_eq!(reader.page_index_ranges(row_group), []);
        }
    }
}

#[test]
fn a_reader_without_offset_indexes_reads_the_same() {
    let block = tempo_block("vparquet5-dedicated");
    let with = block.open().unwrap();
    let footer = block.data.slice(block.data.len() - block.meta.footer_size as usize - 8..);
    let without = BlockReader::open(block.meta.clone(), &footer).unwrap();
    for row_group in 0..without.row_groups() {
        assert_ne!(without.page_index_ranges(row_group), []);
    }
    for recorded in recorded_traces().iter().step_by(7) {
        let expected = read_trace(&block, &with, &recorded.trace_id).unwrap();
        assert_eq!(read_trace(&block, &without, &recorded.trace_id).unwrap(), expected);
    }
    let ranges = without.page_index_ranges(0);
    let reader = without.with_page_index(0, &block.fetch(&ranges));
    assert_eq!(reader.page_index_ranges(0), []);
}

#[test]
fn an_unknown_footer_size_is_found_out() {
    let mut block = tempo_block("vparquet5-dedicated");
    block.meta.footer_size = 0;
    assert_eq!(block.open().unwrap().row_groups(), 5);
    block.meta.footer_size = 1;
    assert_eq!(block.open().unwrap().row_groups(), 5);
}

#[test]
fn other_formats_are_refused_as_not_supported() {
    let mut block = tempo_block("vparquet5");
    for format in ["vParquet4", "vParquet3", "vParquet2", ""] {
        block.meta.format = format.into();
        assert!(matches!(block.open(), Err(ReadError::Unsupported(_))), "{format}");
    }
}

#[test]
fn a_dedicated_column_that_the_file_lacks_is_named() {
    let mut block = tempo_block("vparquet5");
    let extra = block.meta.dedicated_columns.last().unwrap().clone();
    block.meta.dedicated_columns.push(extra);
    let error = block.open().unwrap_err().to_string();
    assert!(error.contains("rs.ss.Spans.DedicatedAttributes.Int04"), "{error}");
}

#[test]
fn bytes_that_were_not_fetched_are_asked_for() {
    let block = tempo_block("vparquet5");
    let reader = block.open().unwrap();
    let nothing = stringendo_block::Fetched::default();
    assert!(matches!(reader.read_row(0, 0, &nothing), Err(ReadError::NotFetched(_))));
}

#[test]
fn a_flipped_bit_in_a_page_is_found_by_its_checksum() {
    let mut block = tempo_block("vparquet5");
    let reader = block.open().unwrap();
    let ranges = reader.row_ranges(0, 3).unwrap();
    let mut bytes = block.data.to_vec();
    let middle = (ranges[0].start + ranges[0].end) / 2;
    bytes[middle as usize] ^= 4;
    block.data = bytes.into();
    let result = reader.read_row(0, 3, &block.fetch(&ranges));
    assert!(matches!(result, Err(ReadError::Damaged(_))), "{result:?}");
}
