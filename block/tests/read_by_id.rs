//! Traces by id, out of blocks that Tempo wrote, compared with what Tempo answered.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value as Json, json};
use stringendo_block::combine::split_shared_ids;
use stringendo_block::{BlockReader, ReadError};
use stringendo_proto::TraceId;
use support::{
    TEMPO_BLOCKS, features, read_trace, recorded_traces, recorded_traces_v4, sort_attributes,
    tempo_block, trace_json,
};

/// The recorded trace and the one read, as comparable JSON.
fn compared(name: &str, recorded: Vec<support::Recorded>) -> Vec<(TraceId, Json, Json)> {
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
    recorded.into_iter().map(compare).collect()
}

#[test]
fn every_trace_of_a_tempo_block_reads_as_tempo_answers_it() {
    let traces = compared("vparquet5", recorded_traces());
    assert_eq!(traces.len(), 208);
    for (trace_id, theirs, ours) in traces {
        assert_eq!(ours, theirs, "trace {trace_id} ({:?})", features(&trace_id));
    }
}

#[test]
fn a_block_with_other_dedicated_columns_differs_only_where_they_change_values() {
    for (trace_id, theirs, ours) in compared("vparquet5-dedicated", recorded_traces()) {
        let features = features(&trace_id);
        let may_differ = ["dedicated-array-value", "attr-duplicate-key"];
        if !features.iter().any(|feature| may_differ.contains(&feature.as_str())) {
            assert_eq!(ours, theirs, "trace {trace_id} ({features:?})");
        }
    }
}

#[test]
fn every_trace_of_a_vparquet4_block_reads_as_tempo_answers_it() {
    let traces = compared("vparquet4", recorded_traces_v4());
    assert_eq!(traces.len(), 208);
    for (trace_id, theirs, ours) in traces {
        assert_eq!(ours, theirs, "trace {trace_id} ({:?})", features(&trace_id));
    }
}

#[test]
fn a_vparquet3_block_keeps_all_but_scope_attributes_some_counts_bytes_and_no_value() {
    for (trace_id, mut theirs, mut ours) in compared("vparquet3", recorded_traces_v4()) {
        leave_out_what_vparquet3_lacks(&mut theirs);
        leave_out_bytes(&mut ours);
        let (ours, theirs) = (spans_with_owners(&ours), spans_with_owners(&theirs));
        assert_eq!(ours, theirs, "trace {trace_id} ({:?})", features(&trace_id));
    }
}

fn leave_out_what_vparquet3_lacks(trace: &mut Json) {
    for resource_spans in trace["resourceSpans"].as_array_mut().into_iter().flatten() {
        leave_out(&mut resource_spans["resource"], &["droppedAttributesCount"]);
        for scope_spans in resource_spans["scopeSpans"].as_array_mut().into_iter().flatten() {
            leave_out(&mut scope_spans["scope"], &["droppedAttributesCount", "attributes"]);
        }
    }
    leave_out_bytes(trace);
}

/// Scopes that differ only in attributes are one in vParquet3.
fn spans_with_owners(trace: &Json) -> Vec<Json> {
    let mut spans = Vec::new();
    for resource_spans in trace["resourceSpans"].as_array().into_iter().flatten() {
        for scope_spans in resource_spans["scopeSpans"].as_array().into_iter().flatten() {
            for span in scope_spans["spans"].as_array().into_iter().flatten() {
                spans.push(json!([resource_spans["resource"], scope_spans["scope"], span]));
            }
        }
    }
    spans.sort_by_key(Json::to_string);
    spans
}

fn leave_out(json: &mut Json, keys: &[&str]) {
    if let Some(object) = json.as_object_mut() {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn leave_out_bytes(json: &mut Json) {
    match json {
        Json::Object(object) => {
            object.values_mut().for_each(leave_out_bytes);
            if let Some(Json::Array(attributes)) = object.get_mut("attributes") {
                let is_kept =
                    |value: &Json| value.get("bytesValue").is_none() && *value != json!({});
                attributes.retain(|attribute| is_kept(&attribute["value"]));
                if attributes.is_empty() {
                    object.remove("attributes");
                }
            }
        }
        Json::Array(array) => array.iter_mut().for_each(leave_out_bytes),
        _ => {}
    }
}

#[test]
fn ids_that_are_not_in_the_block_are_not_found() {
    for name in TEMPO_BLOCKS {
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
    for name in TEMPO_BLOCKS {
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
    for format in ["vParquet2", "vParquet6", "vparquet5", ""] {
        block.meta.format = format.into();
        assert!(matches!(block.open(), Err(ReadError::Unsupported(_))), "{format}");
    }
}

#[test]
fn a_dedicated_column_that_the_meta_lacks_is_named() {
    let mut block = tempo_block("vparquet5");
    block.meta.dedicated_columns.remove(0);
    let error = block.open().unwrap_err().to_string();
    assert!(error.contains("rs.Resource.DedicatedAttributes.String04"), "{error}");
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
