//! What must hold for damaged blocks that are merged with a whole one: it ends, without a panic,
//! within bounded memory; and if there is a block in the end, it can be read. Shared by the fuzz
//! target and by the test that replays the corpus.
//!
//! Input: a byte that says what to damage (two bits: a block of Tempo's, another one, one of ours;
//! the third: whether the footer's length is known), then patches of four bytes: position (24 bits,
//! little-endian, from the end of the file if the highest bit is set), value.

use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::Bytes;
use prost::Message;
use stringendo_block::merge::{Merge, MergeError, MergeOptions, MergeStep, MergedBlock};
use stringendo_block::meta::BlockMeta;
use stringendo_block::read::{BlockReader, Fetched};
use stringendo_block::{BlockEncoder, EncodeOptions, SpanPart, Version};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{AnyValue, ArrayValue, Event, KeyValue, Link, Resource, Span, Value};
use stringendo_proto::walk::Slice32;
use uuid::Uuid;

/// Traces of our own block.
const TRACES: u128 = 40;
const MEMORY_BYTES_MAX: u64 = 64 << 20;
/// Many more than there are.
const STEPS_MAX: usize = 1_000_000;

struct Base {
    meta: BlockMeta,
    data: Bytes,
}

/// For each of Tempo's blocks: the block, and one of ours with the same dedicated columns.
static BASES: LazyLock<[(Base, Base); 2]> = LazyLock::new(|| {
    ["vparquet5", "vparquet5-dedicated"].map(|name| {
        let tempos = tempos(name);
        let ours = ours(&tempos);
        (tempos, ours)
    })
});

fn tempos(name: &str) -> Base {
    let tenant = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/data/blocks")
        .join(name)
        .join("single-tenant");
    let block = std::fs::read_dir(tenant)
        .expect("the blocks are in the repository")
        .map(|entry| entry.expect("readable").path())
        .find(|path| path.is_dir())
        .expect("one block");
    let read = |name: &str| std::fs::read(block.join(name)).expect("an object of the block");
    Base {
        meta: BlockMeta::parse(&read("meta.json")).expect("a real meta.json"),
        data: read("data.parquet").into(),
    }
}

fn ours(like: &Base) -> Base {
    let mut encoder = BlockEncoder::new(EncodeOptions {
        block_id: Uuid::from_u128(7),
        version: Version::V5,
        tenant: like.meta.tenant_id.clone(),
        dedicated_columns: like.meta.dedicated_columns.clone(),
        bloom_false_positive: 0.01,
        bloom_shard_bytes: 1024,
        row_group_bytes: 10_000,
        traces: TRACES as usize,
    });
    for trace in 0..TRACES {
        let id = TraceId((trace * (u128::MAX / TRACES) + 1).to_be_bytes());
        let (chunk, parts) = trace_of(trace as u64);
        encoder.add_trace(&[chunk], &id, &parts).expect("in order and well-formed");
    }
    let mut finishing = encoder.finish();
    let block = std::iter::from_fn(|| Some(finishing.step().expect("columns are valid")));
    let block = block.flatten().next().expect("it ends");
    Base { meta: block.meta, data: block.data }
}

fn trace_of(number: u64) -> (Bytes, Vec<SpanPart>) {
    let mut bytes = Vec::new();
    let resource = Resource { attributes: attributes(number % 3), dropped_attributes_count: 0 };
    let resource = put(&mut bytes, &resource);
    let scope = Slice32 { offset: 0, len: 0 };
    let spans = (0..number % 4 + 1).map(|span| {
        let event = Event { name: "event".into(), attributes: attributes(span), ..<_>::default() };
        let link = Link {
            trace_id: vec![3; 16].into(),
            span_id: vec![4; 8].into(),
            attributes: attributes(span + 1),
            ..<_>::default()
        };
        Span {
            span_id: (span + 1).to_be_bytes().to_vec().into(),
            name: format!("operation {}", number % 5).into(),
            start_time_unix_nano: 1_000 + number,
            end_time_unix_nano: 2_000 + number,
            attributes: attributes(number + span),
            events: vec![event; (span % 3) as usize],
            links: vec![link; (number % 2) as usize],
            ..Span::default()
        }
    });
    let spans: Vec<_> = spans.collect();
    let part = |span: &Span| SpanPart { chunk: 0, resource, scope, span: put(&mut bytes, span) };
    let parts = spans.iter().map(part).collect();
    (bytes.into(), parts)
}

fn attributes(number: u64) -> Vec<KeyValue> {
    let array = vec![AnyValue { value: Some(Value::Int(1)) }; 3];
    let values = [
        ("http.method", Value::String(format!("text {number}").into())),
        ("n", Value::Int(number as i64)),
        ("x", Value::Double(number as f64)),
        ("list", Value::Array(ArrayValue { values: array })),
        ("yes", Value::Bool(true)),
        ("bytes", Value::Bytes(vec![1, 2].into())),
    ];
    let taken = values.into_iter().take(number as usize % 7);
    taken
        .map(|(key, value)| KeyValue {
            key: key.into(),
            value: Some(AnyValue { value: Some(value) }),
        })
        .collect()
}

fn put(out: &mut Vec<u8>, message: &impl Message) -> Slice32 {
    let offset = out.len() as u32;
    message.encode(out).expect("vectors grow");
    Slice32 { offset, len: out.len() as u32 - offset }
}

/// Merges a damaged block with a whole one.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let (tempos, ours) = &BASES[usize::from(first & 1)];
    let (damaged, whole) = if first & 2 == 0 { (tempos, ours) } else { (ours, tempos) };
    let mut damaged = Base { meta: damaged.meta.clone(), data: patched(&damaged.data, rest) };
    if first & 4 != 0 {
        damaged.meta.footer_size = 0;
    }
    if let Ok((merged, data)) = merge(&[&damaged, whole]) {
        assert_eq!(merged.meta.size, data.len() as u64);
        read_again(&merged.meta, &data);
    }
}

fn patched(data: &Bytes, patches: &[u8]) -> Bytes {
    let mut data = data.to_vec();
    for patch in patches.as_chunks::<4>().0 {
        let position = u32::from_le_bytes([patch[0], patch[1], patch[2], 0]) as usize;
        let at = match position & 0x80_0000 {
            0 => position % data.len(),
            _ => data.len() - 1 - (position & 0x7f_ffff) % data.len(),
        };
        data[at] = patch[3];
    }
    data.into()
}

fn merge(blocks: &[&Base]) -> Result<(MergedBlock, Bytes), MergeError> {
    let metas = blocks.iter().map(|base| base.meta.clone()).collect();
    let mut merge = Merge::new(
        metas,
        MergeOptions {
            block_id: Uuid::from_u128(9),
            bloom_false_positive: 0.01,
            bloom_shard_bytes: 1024,
            row_group_bytes: 100_000,
            trace_bytes_max: 0,
            memory_bytes_max: MEMORY_BYTES_MAX,
        },
    )?;
    let mut data = Vec::new();
    for _ in 0..STEPS_MAX {
        match merge.step()? {
            MergeStep::Working => {}
            MergeStep::Needs(needs) => {
                for need in needs {
                    // All ranges that are asked for lie in the file.
                    let range = need.range.start as usize..need.range.end as usize;
                    merge.supply(&need, blocks[need.input].data.slice(range));
                }
            }
            MergeStep::Made(bytes) => data.extend_from_slice(&bytes),
            MergeStep::Finished(merged) => return Ok((*merged, data.into())),
        }
        assert!(merge.memory_bytes() < 2 * MEMORY_BYTES_MAX);
    }
    panic!("no end after {STEPS_MAX} steps");
}

/// Whatever a damaged block gave, it was written as it should be.
fn read_again(meta: &BlockMeta, data: &Bytes) {
    let range = BlockReader::footer_range(meta);
    let footer = data.slice(range.start as usize..range.end as usize);
    let reader = BlockReader::open(meta.clone(), &footer).expect("a block that we wrote");
    let (mut fetched, mut rows) = (Fetched::default(), 0);
    fetched.insert(0, data.clone());
    for row_group in 0..reader.row_groups() {
        let of_group = reader.rows(row_group).expect("a row group");
        for row in [0, of_group / 2, of_group - 1] {
            // Values may be damaged, as they were.
            let _ = reader.read_row(row_group, row, &fetched);
        }
        rows += of_group;
    }
    assert_eq!(rows, meta.total_objects);
}
