//! Traces from OTLP batches, and blocks on disk.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used)]

pub mod merging;
pub mod random;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use stringendo_block::{
    BlockEncoder, BlockReader, DedicatedColumn, EncodeOptions, Fetched, FinishedBlock, SpanPart,
    Version,
};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};
use stringendo_proto::wire;

pub fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data")
}

/// The requests of the corpus, truncated as ingest does.
pub fn corpus() -> Vec<Bytes> {
    let all = std::fs::read(data_dir().join("corpus-small.otlp.pb")).unwrap();
    let requests = wire::delimited(&all).map(|request| Bytes::copy_from_slice(request.unwrap()));
    requests.filter_map(accepted).collect()
}

/// What ingest keeps of a request: `None` if it refuses it.
fn accepted(request: Bytes) -> Option<Bytes> {
    let limits = WalkLimits { value_depth_max: 20, attribute_bytes_max: 2048 };
    let summary = walk(&request, &limits, &mut BatchIndex::default()).ok()?;
    if !summary.needs_truncation {
        return Some(request);
    }
    Some(stringendo_proto::truncate::truncate(&request, 2048).0.into())
}

/// The spans of every trace, in order of arrival.
pub fn traces_of(chunks: &[Bytes]) -> BTreeMap<TraceId, Vec<SpanPart>> {
    let limits = WalkLimits { value_depth_max: 20, attribute_bytes_max: 0 };
    let mut traces: BTreeMap<TraceId, Vec<SpanPart>> = BTreeMap::new();
    let mut index = BatchIndex::default();
    for (chunk, batch) in chunks.iter().enumerate() {
        walk(batch, &limits, &mut index).unwrap();
        for span in &index.spans {
            let scope = &index.scopes[span.scope as usize];
            let (resource, scope) = (scope.resource, scope.scope);
            let part = SpanPart { chunk: chunk as u32, resource, scope, span: span.body };
            traces.entry(span.trace_id).or_default().push(part);
        }
    }
    traces
}

pub fn options(dedicated_columns: Vec<DedicatedColumn>) -> EncodeOptions {
    EncodeOptions {
        block_id: uuid::Uuid::from_u128(0x0102_0304_0506_4708_890a_0b0c_0d0e_0f10),
        tenant: "single-tenant".into(),
        version: Version::V5,
        dedicated_columns,
        bloom_false_positive: 0.01,
        bloom_shard_bytes: 102_400,
        row_group_bytes: 100_000_000,
        traces: 208,
    }
}

/// One block of all traces in `chunks`.
pub fn encode(chunks: &[Bytes], options: EncodeOptions) -> FinishedBlock {
    encode_in_pages_of(u64::MAX, chunks, options)
}

/// The same with pages of spans of so many bytes at most.
pub fn encode_in_pages_of(
    page_bytes_max: u64,
    chunks: &[Bytes],
    options: EncodeOptions,
) -> FinishedBlock {
    let mut encoder = BlockEncoder::new(options).with_pages_of(page_bytes_max);
    for (id, spans) in traces_of(chunks) {
        encoder.add_trace(chunks, &id, &spans).unwrap();
    }
    let mut finishing = encoder.finish();
    loop {
        if let Some(block) = finishing.step().unwrap() {
            return block;
        }
    }
}

/// The trace as the block gives it back.
pub fn read_trace(block: &FinishedBlock, id: &TraceId) -> TracesData {
    let mut fetched = Fetched::default();
    fetched.insert(0, block.data.clone());
    let range = BlockReader::footer_range(&block.meta);
    let footer = block.data.slice(range.start as usize..range.end as usize);
    let reader = BlockReader::open(block.meta.clone(), &footer).unwrap();
    let found = reader.probe(id).into_iter().find_map(|probe| {
        let row = reader.find_row(&probe, id, &fetched).unwrap()?;
        Some(reader.read_row(probe.row_group, row, &fetched).unwrap())
    });
    found.unwrap()
}

/// Writes a block where `tests/python/check_blocks.py` finds it: `target/tmp/blocks/<name>`.
pub fn write_block(name: &str, block: &FinishedBlock) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("blocks").join(name);
    let dir = dir.join(&block.meta.tenant_id).join(block.meta.block_id.to_string());
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("data.parquet"), &block.data).unwrap();
    std::fs::write(dir.join("index"), &block.index).unwrap();
    for (i, bloom) in block.blooms.iter().enumerate() {
        std::fs::write(dir.join(format!("bloom-{i}")), bloom).unwrap();
    }
    std::fs::write(dir.join("meta.json"), block.meta.to_json()).unwrap();
}
