//! Blocks merged: the same spans, each once, in a block like any other.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use common::merging::{merge_all, merge_options, try_merge, try_merge_without};
use common::random::{ByIdAndKind, batch, flatten};
use common::{
    corpus, data_dir, encode, encode_in_pages_of, options, read_trace, traces_of, write_block,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use stringendo_block::combine::combine;
use stringendo_block::merge::MergeError;
use stringendo_block::meta::default_dedicated_columns;
use stringendo_block::{
    BlockEncoder, BlockMeta, BlockReader, DedicatedColumn, Fetched, FinishedBlock, Version, index,
};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{ResourceSpans, ScopeSpans, Span, Status, TracesData};

/// Blocks of some batches, one each.
fn blocks_of(batches: &[TracesData], row_group_bytes: u64) -> Vec<FinishedBlock> {
    let block = |(number, batch): (usize, &TracesData)| {
        let mut options = options(default_dedicated_columns());
        options.block_id = uuid::Uuid::from_u128(number as u128 + 1);
        options.row_group_bytes = row_group_bytes;
        encode(&[Bytes::from(batch.encode_to_vec())], options)
    };
    batches.iter().enumerate().map(block).collect()
}

/// The ids in a block, in order.
fn ids_of(block: &FinishedBlock) -> Vec<TraceId> {
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    let reader = BlockReader::open(block.meta.clone(), &footer).unwrap();
    let (mut fetched, mut ids) = (Fetched::default(), Vec::new());
    fetched.insert(0, block.data.clone());
    for row_group in 0..reader.row_groups() {
        reader.read_ids_within(row_group, 0, &fetched, u64::MAX, &mut ids).unwrap();
    }
    ids
}

fn all_of(blocks: &[FinishedBlock]) -> BTreeMap<TraceId, Vec<TracesData>> {
    let mut all: BTreeMap<TraceId, Vec<TracesData>> = BTreeMap::new();
    for block in blocks {
        for id in ids_of(block) {
            all.entry(id).or_default().push(read_trace(block, &id));
        }
    }
    all
}

fn spans_of(trace: &TracesData, id: &TraceId) -> ByIdAndKind {
    flatten(trace).remove(&Bytes::copy_from_slice(&id.0)).unwrap_or_default()
}

/// Holds a merged block against the pieces that it was made of.
fn check(merged: &FinishedBlock, pieces: &BTreeMap<TraceId, Vec<TracesData>>) {
    assert_eq!(ids_of(merged), pieces.keys().copied().collect::<Vec<_>>());
    assert_eq!(merged.meta.total_objects, pieces.len() as u64);
    for (id, pieces) in pieces {
        let stored = spans_of(&read_trace(merged, id), id);
        let expected = match pieces.as_slice() {
            // Duplicates in one block stay (contract blocks.md §15).
            [whole] => spans_of(whole, id),
            pieces => spans_of(&combine(pieces.to_vec()), id),
        };
        // Written out, since of numbers one may be none.
        assert_eq!(format!("{stored:?}"), format!("{expected:?}"), "{id}");
    }
}

/// What tells the spans of some blocks apart.
fn keys_of(blocks: &[FinishedBlock]) -> Vec<(TraceId, (Bytes, i32))> {
    let mut keys = Vec::new();
    for (id, pieces) in all_of(blocks) {
        for (key, copies) in pieces.iter().flat_map(|piece| spans_of(piece, &id)) {
            keys.extend(copies.iter().map(|_| (id, key.clone())));
        }
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn pieces_of_traces_in_many_blocks_become_whole_traces(
        batches in vec(batch(), 2..6),
        row_group_bytes in prop_oneof![Just(1u64), Just(2_000), Just(100_000_000)],
        merged_row_group_bytes in prop_oneof![Just(1u64), Just(5_000), Just(100_000_000)],
    ) {
        let blocks = blocks_of(&batches, row_group_bytes);
        let mut options = merge_options();
        options.row_group_bytes = merged_row_group_bytes;
        let merged = merge_all(&blocks, options);
        let pieces = all_of(&blocks);
        check(&merged.block, &pieces);
        prop_assert_eq!(merged.counts.traces, pieces.len() as u64);
        let read: usize = pieces.values().map(Vec::len).sum();
        prop_assert_eq!(merged.counts.traces_read, read as u64);
        let split = pieces.values().filter(|pieces| pieces.len() > 1).count();
        prop_assert_eq!(merged.counts.traces_combined, split as u64);
    }

    #[test]
    fn it_does_not_matter_in_which_order_blocks_are_merged(
        batches in vec(batch(), 3..7),
        picks in vec(any::<prop::sample::Index>(), 12),
    ) {
        let mut blocks = blocks_of(&batches, 5_000);
        let spans: BTreeSet<_> = keys_of(&blocks).into_iter().collect();
        let (mut picks, mut number) = (picks.into_iter(), 0x77);
        while blocks.len() > 1 {
            let mut some = Vec::new();
            for _ in 0..2 {
                let pick = picks.next().unwrap();
                some.push(blocks.remove(pick.index(blocks.len())));
            }
            let mut options = merge_options();
            options.block_id = uuid::Uuid::from_u128(number);
            number += 1;
            blocks.push(merge_all(&some, options).block);
        }
        let found = keys_of(&blocks);
        prop_assert_eq!(found.len(), spans.len());
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), spans);
    }
}

/// The corpus, every trace in one of so many blocks.
fn dealt(blocks: usize, columns: &[DedicatedColumn], row_group_bytes: u64) -> Vec<FinishedBlock> {
    dealt_as(Version::V5, blocks, columns, row_group_bytes)
}

fn dealt_as(
    version: Version,
    blocks: usize,
    columns: &[DedicatedColumn],
    row_group_bytes: u64,
) -> Vec<FinishedBlock> {
    let chunks = corpus();
    let encoders = (0..blocks).map(|number| {
        let mut options = options(columns.to_vec());
        options.block_id = uuid::Uuid::from_u128(number as u128 + 1);
        options.version = version;
        options.row_group_bytes = row_group_bytes;
        BlockEncoder::new(options)
    });
    let mut encoders: Vec<_> = encoders.collect();
    for (number, (id, spans)) in traces_of(&chunks).into_iter().enumerate() {
        // Not in turn, so that runs are of several rows.
        encoders[number * number / 3 % blocks].add_trace(&chunks, &id, &spans).unwrap();
    }
    let finish = |encoder: BlockEncoder| {
        let mut finishing = encoder.finish();
        std::iter::from_fn(|| Some(finishing.step().unwrap())).find_map(|block| block).unwrap()
    };
    encoders.into_iter().map(finish).collect()
}

fn rows(block: &FinishedBlock) -> Vec<String> {
    let reader = SerializedFileReader::new(block.data.clone()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect()
}

fn many_columns() -> Vec<DedicatedColumn> {
    let columns = concat!(
        r#"[{"n":"http.method"},{"n":"db.statement","o":["blob"]},"#,
        r#"{"n":"http.status_code","t":"int"},{"n":"a.str","o":["array"]},"#,
        r#"{"s":"resource","n":"process.pid","t":"int"},"#,
        r#"{"s":"event","n":"exception.stacktrace","o":["blob"]}]"#
    );
    serde_json::from_str(columns).unwrap()
}

#[test]
fn whole_traces_of_several_blocks_become_the_block_of_all() {
    for (version, columns) in [
        (Version::V5, default_dedicated_columns()),
        (Version::V5, many_columns()),
        (Version::V4, default_dedicated_columns()),
    ] {
        for (blocks, row_group_bytes) in [(1, 100_000_000), (2, 25_000), (5, 100_000_000)] {
            let mut options = options(columns.clone());
            options.version = version;
            let all = encode(&corpus(), options);
            let blocks = dealt_as(version, blocks, &columns, row_group_bytes);
            let merged = merge_all(&blocks, merge_options());
            assert_eq!(merged.counts.traces_combined, 0);
            assert_eq!(rows(&merged.block), rows(&all));
            assert_eq!(merged.block.blooms, all.blooms);
            assert_eq!(merged.block.index, all.index);
            let meta = &merged.block.meta;
            assert_eq!(meta.size, merged.block.data.len() as u64);
            assert_eq!((meta.compaction_level, meta.replication_factor), (1, 1));
            assert_eq!(meta.time_range_unix_nanos(), all.meta.time_range_unix_nanos());
            assert_eq!(meta.dedicated_columns, all.meta.dedicated_columns);
            assert_eq!((meta.total_records, meta.bloom_shards), (1, 1));
        }
    }
}

#[test]
fn merged_blocks_have_the_columns_of_encoded_ones() {
    let schema = |block: &FinishedBlock| {
        let reader = SerializedFileReader::new(block.data.clone()).unwrap();
        let file = reader.metadata().file_metadata().clone();
        let mut tree = Vec::new();
        parquet::schema::printer::print_schema(&mut tree, file.schema());
        (String::from_utf8(tree).unwrap(), file.version(), file.created_by().map(str::to_owned))
    };
    let columns = default_dedicated_columns();
    for (version, name) in [(Version::V5, "v5-merged"), (Version::V4, "v4-merged")] {
        let mut options = options(columns.clone());
        options.version = version;
        let all = encode(&corpus(), options);
        let merged = merge_all(&dealt_as(version, 3, &columns, 25_000), merge_options()).block;
        assert_eq!(schema(&merged), schema(&all));
        // For `tests/python/check_blocks.py`.
        write_block(name, &merged);
    }
}

#[test]
fn row_groups_follow_the_options_and_the_memory() {
    let blocks = dealt(3, &default_dedicated_columns(), 100_000_000);
    let mut options = merge_options();
    options.row_group_bytes = 25_000;
    let merged = merge_all(&blocks, options).block;
    let reader = SerializedFileReader::new(merged.data.clone()).unwrap();
    assert!(merged.meta.total_records >= 4, "{}", merged.meta.total_records);
    assert_eq!(reader.num_row_groups(), merged.meta.total_records as usize);
    assert_eq!(index::parse(&merged.index).unwrap().len(), reader.num_row_groups());
    let all = encode(&corpus(), common::options(default_dedicated_columns()));
    assert_eq!(rows(&merged), rows(&all));
    write_block("v5-merged-row-groups", &merged);
}

/// A block that Tempo wrote.
fn tempos(name: &str) -> FinishedBlock {
    let dir = data_dir().join("blocks").join(name).join("single-tenant");
    let block = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let block = block.into_iter().find(|path| path.join("meta.json").exists()).unwrap();
    let read = |name: &str| Bytes::from(std::fs::read(block.join(name)).unwrap());
    let meta = BlockMeta::parse(&read("meta.json")).unwrap();
    let (blooms, filters) = (Vec::new(), Bytes::new());
    FinishedBlock { meta, data: read("data.parquet"), blooms, index: Bytes::new(), filters }
}

#[test]
fn a_block_of_tempo_merged_with_ours_of_the_same_traces_has_every_span_once() {
    for name in ["vparquet5", "vparquet5-dedicated", "vparquet4"] {
        let theirs = tempos(name);
        let mut options = options(theirs.meta.dedicated_columns.clone());
        options.version = theirs.meta.version().unwrap();
        let ours = encode(&corpus(), options);
        let blocks = [theirs, ours];
        let merged = merge_all(&blocks, merge_options());
        assert_eq!(merged.counts.traces_combined, 208);
        let pieces = all_of(&blocks);
        let scopes = pieces.values().flatten().flat_map(|piece| &piece.resource_spans);
        let scopes = scopes.flat_map(|resource| &resource.scope_spans);
        let read: usize = scopes.map(|scope| scope.spans.len()).sum();
        assert_eq!(merged.counts.spans_repeated, read as u64 - merged.counts.spans);
        check(&merged.block, &pieces);
    }
}

#[test]
fn a_block_of_tempo_merged_with_other_traces_keeps_its_own() {
    for name in ["vparquet5", "vparquet5-dedicated"] {
        let theirs = tempos(name);
        let dealt = dealt(3, &theirs.meta.dedicated_columns, 100_000_000);
        // A third of the corpus is in both.
        let blocks = [dealt[0].clone(), theirs];
        let merged = merge_all(&blocks, merge_options());
        assert_eq!(merged.counts.traces_combined, dealt[0].meta.total_objects);
        check(&merged.block, &all_of(&blocks));
    }
}

#[test]
fn blocks_of_a_version_that_is_only_read_become_one_of_vparquet4_with_every_span_once() {
    let old = tempos("vparquet3");
    let mut again = old.clone();
    again.meta.block_id = uuid::Uuid::from_u128(3);
    for blocks in [vec![old.clone()], vec![old.clone(), again]] {
        let merged = merge_all(&blocks, merge_options());
        assert_eq!(merged.block.meta.version(), Some(Version::V4));
        let (all, copies) = (208, blocks.len() as u64 - 1);
        assert_eq!((merged.counts.traces, merged.counts.traces_combined), (all, all * copies));
        assert_eq!(merged.counts.traces_read, all * blocks.len() as u64);
        let pieces = all_of(std::slice::from_ref(&old));
        assert_eq!(ids_of(&merged.block), pieces.keys().copied().collect::<Vec<_>>());
        for (id, piece) in pieces {
            let mut expected = spans_of(&piece[0], &id);
            expected.values_mut().for_each(|copies| copies.truncate(1));
            let stored = spans_of(&read_trace(&merged.block, &id), &id);
            assert_eq!(format!("{stored:?}"), format!("{expected:?}"), "{id}");
        }
    }
}

#[test]
fn of_a_trace_that_is_too_large_the_first_piece_is_kept() {
    let blocks = [encode(&corpus(), options(default_dedicated_columns())), tempos("vparquet5")];
    let mut options = merge_options();
    options.trace_bytes_max = 1;
    let merged = merge_all(&blocks, options);
    assert_eq!((merged.counts.traces_too_large, merged.counts.traces), (208, 208));
    assert!(merged.counts.spans_discarded > 1000);
    check(&merged.block, &all_of(&blocks[..1]));
}

#[test]
fn traces_that_are_left_out_are_gone_and_counted_and_all_others_are_there() {
    let blocks = [dealt(2, &default_dedicated_columns(), 25_000).remove(0), tempos("vparquet5")];
    let all = all_of(&blocks);
    let ids: Vec<TraceId> = all.keys().copied().collect();
    // The first, the last, neighbours, one that is in both, and one that is in neither.
    let mut without = vec![ids[0], ids[1], ids[60], ids[100], *ids.last().unwrap()];
    without.push(TraceId([0x77; 16]));
    let parts: Vec<_> = blocks.iter().map(|block| (&block.meta, &block.data)).collect();
    let merged = try_merge_without(&parts, &without, merge_options()).unwrap();
    let (left, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        all.into_iter().partition(|(id, _)| !without.contains(id));
    check(&merged.block, &left);
    let pieces = gone.values().flatten();
    let spans = pieces.clone().flat_map(|piece| &piece.resource_spans);
    let spans = spans.flat_map(|resource| &resource.scope_spans).map(|scope| scope.spans.len());
    assert_eq!(merged.counts.traces_left_out, pieces.count() as u64);
    assert_eq!(merged.counts.spans_left_out, spans.sum::<usize>() as u64);
    assert_eq!(merged.counts.traces, left.len() as u64);
}

#[test]
fn blocks_that_do_not_go_together_are_refused() {
    let ours = encode(&corpus(), options(default_dedicated_columns()));
    let mut other = tempos("vparquet5");
    let refused = |other: &FinishedBlock| {
        let blocks = [(&ours.meta, &ours.data), (&other.meta, &other.data)];
        try_merge(&blocks, merge_options()).unwrap_err().to_string()
    };
    other.meta.tenant_id = "other".into();
    assert!(refused(&other).contains("other tenants"));
    other.meta.tenant_id = ours.meta.tenant_id.clone();
    other.meta.format = "vParquet4".into();
    assert!(refused(&other).contains("other formats"));
    other.meta.format = ours.meta.format.clone();
    other.meta.dedicated_columns.pop();
    assert!(refused(&other).contains("other dedicated columns"));
    assert!(try_merge(&[], merge_options()).is_err());
}

#[test]
fn a_file_that_is_cut_short_is_named() {
    let blocks = dealt(2, &default_dedicated_columns(), 100_000_000);
    let cut = blocks[1].data.slice(..blocks[1].data.len() - 1000);
    let parts = [(&blocks[0].meta, &blocks[0].data), (&blocks[1].meta, &cut)];
    match try_merge(&parts, merge_options()) {
        Err(MergeError::Input { block, .. }) => assert_eq!(block, blocks[1].meta.block_id),
        other => panic!("{other:?}"),
    }
}

/// A batch of traces of one span, which have messages that nothing shrinks.
fn long_messages(block: u64, traces: u64) -> Bytes {
    const MESSAGE_BYTES: usize = 16 << 10;
    let mut random = block + 1;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut message = || -> Bytes {
        std::iter::repeat_with(&mut next)
            .take(MESSAGE_BYTES / 8)
            .flat_map(u64::to_be_bytes)
            .collect()
    };
    let span = |trace: u64| Span {
        trace_id: [(trace * 7 + block + 1).to_be_bytes(), block.to_be_bytes()].concat().into(),
        span_id: vec![1; 8].into(),
        start_time_unix_nano: 1,
        end_time_unix_nano: 2,
        status: Some(Status { message: message(), code: 2 }),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: (0..traces).map(span).collect(), ..<_>::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..<_>::default() }];
    TracesData { resource_spans }.encode_to_vec().into()
}

#[test]
fn memory_stays_below_its_bound_for_blocks_that_are_larger() {
    const BLOCKS: u64 = 3;
    const TRACES: u64 = 3000;
    let blocks: Vec<_> = (0..BLOCKS)
        .map(|block| {
            let mut options = options(Vec::new());
            options.block_id = uuid::Uuid::from_u128(u128::from(block) + 1);
            encode(&[long_messages(block, TRACES)], options)
        })
        .collect();
    let mut options = merge_options();
    options.memory_bytes_max = 96 << 20;
    let merged = merge_all(&blocks, options);
    assert!(merged.block.meta.size > 128 << 20, "{}", merged.block.meta.size);
    assert!(merged.memory < 96 << 20, "{}", merged.memory);
    assert_eq!(merged.block.meta.total_objects, BLOCKS * TRACES);
    let read: u64 = blocks.iter().map(|block| block.meta.size).sum();
    assert!(merged.fetched < read + (1 << 20), "nothing is read twice");
}

#[test]
fn little_memory_makes_small_row_groups_and_not_one_of_every_page() {
    const TRACES: u64 = 1500;
    let blocks: Vec<_> = (0..2)
        .map(|block| {
            let mut options = options(Vec::new());
            options.block_id = uuid::Uuid::from_u128(u128::from(block) + 1);
            encode_in_pages_of(1 << 20, &[long_messages(block, TRACES)], options)
        })
        .collect();
    let mut options = merge_options();
    options.memory_bytes_max = 14 << 20;
    let merged = merge_all(&blocks, options);
    assert!(merged.memory < 16 << 20, "{}", merged.memory);
    let (bytes, row_groups) = (merged.block.meta.size, merged.block.meta.total_records);
    assert!(bytes / u64::from(row_groups) > 1 << 20, "{bytes} bytes in {row_groups} row groups");
}

#[test]
fn a_merge_without_enough_memory_says_so() {
    let blocks: Vec<_> = (0..2)
        .map(|block| {
            let mut options = options(Vec::new());
            options.block_id = uuid::Uuid::from_u128(u128::from(block) + 1);
            encode(&[long_messages(block, 1000)], options)
        })
        .collect();
    let parts: Vec<_> = blocks.iter().map(|block| (&block.meta, &block.data)).collect();
    let mut options = merge_options();
    options.memory_bytes_max = 1 << 20;
    loop {
        match try_merge(&parts, options.clone()) {
            Err(MergeError::NeedsMemory { bytes }) => {
                assert!(bytes > options.memory_bytes_max);
                options.memory_bytes_max = bytes;
            }
            merged => break assert_eq!(merged.unwrap().block.meta.total_objects, 2000),
        }
    }
    assert!(options.memory_bytes_max < 128 << 20, "{}", options.memory_bytes_max);
}
