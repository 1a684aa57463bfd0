//! Merges blocks that are at hand as a whole.
#![allow(dead_code, reason = "every test file uses its own part of this")]
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use stringendo_block::merge::{Merge, MergeCounts, MergeError, MergeOptions, MergeStep};
use stringendo_block::{BlockMeta, FinishedBlock};
use stringendo_proto::TraceId;
use uuid::Uuid;

/// As the encoder's, with a new id.
pub fn merge_options() -> MergeOptions {
    MergeOptions {
        block_id: Uuid::from_u128(0x0999_0304_0506_4708_890a_0b0c_0d0e_0f10),
        bloom_false_positive: 0.01,
        bloom_shard_bytes: 102_400,
        row_group_bytes: 100_000_000,
        trace_bytes_max: 0,
        memory_bytes_max: 256 << 20,
    }
}

/// A merged block, and how it came to be.
#[derive(Debug)]
pub struct Outcome {
    pub block: FinishedBlock,
    pub counts: MergeCounts,
    /// Bytes of memory held at most.
    pub memory: u64,
    /// Bytes that were asked for.
    pub fetched: u64,
}

pub fn merge_all(blocks: &[FinishedBlock], options: MergeOptions) -> Outcome {
    let parts: Vec<_> = blocks.iter().map(|block| (&block.meta, &block.data)).collect();
    try_merge(&parts, options).unwrap()
}

pub fn try_merge(
    blocks: &[(&BlockMeta, &Bytes)],
    options: MergeOptions,
) -> Result<Outcome, MergeError> {
    try_merge_without(blocks, &[], options)
}

pub fn try_merge_without(
    blocks: &[(&BlockMeta, &Bytes)],
    without: &[TraceId],
    options: MergeOptions,
) -> Result<Outcome, MergeError> {
    let metas = blocks.iter().map(|(meta, _)| (*meta).clone()).collect();
    let mut merge = Merge::new(metas, options)?.without(without);
    let (mut data, mut memory, mut fetched) = (Vec::new(), 0, 0);
    loop {
        let step = merge.step()?;
        memory = memory.max(merge.memory_bytes());
        match step {
            MergeStep::Working => {}
            MergeStep::Needs(needs) => {
                for need in needs {
                    let bytes = blocks[need.input].1;
                    let len = bytes.len() as u64;
                    let range = need.range.start.min(len)..need.range.end.min(len);
                    fetched += range.end - range.start;
                    let bytes =
                        Bytes::copy_from_slice(&bytes[range.start as usize..range.end as usize]);
                    merge.supply(&need, bytes);
                }
            }
            MergeStep::Made(bytes) => data.extend_from_slice(&bytes),
            MergeStep::Finished(merged) => {
                let merged = *merged;
                let block = FinishedBlock {
                    meta: merged.meta,
                    data: data.into(),
                    blooms: merged.blooms,
                    index: merged.index,
                    filters: merged.filters,
                };
                return Ok(Outcome { block, counts: merged.counts, memory, fetched });
            }
        }
    }
}
