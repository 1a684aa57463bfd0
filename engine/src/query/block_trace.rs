//! The pieces of a trace in the blocks that one core reads.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use prost::Message;
use stringendo_block::bloom;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;

use super::block_filters;
use super::block_read::{self, BlockRead, Decoding};
use super::damage;
use super::memory::{AnswerMemory, Charged};
use super::trace::{TraceCost, TracePieces};
use super::trace_memory::memory_bytes;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError};
use crate::error::QueryError;
use crate::limits::FETCHES_MAX;
use crate::node::Node;
use crate::shard::Shard;

/// Looks up the trace in each of `blocks`.
///
/// # Errors
/// When the store fails, or there is no memory. Blocks that are gone meanwhile or damaged are
/// skipped.
pub async fn pieces(
    node: &Node,
    blocks: &[Arc<BlockEntry>],
    id: &TraceId,
) -> Result<Charged<TracePieces>, QueryError> {
    let shard = node.shard();
    let mut lookups = stream::iter(blocks)
        .map(|block| async move {
            let mut reads = Reads::default();
            let piece = lookup(node, block, id, &mut reads).await;
            (block, piece, reads)
        })
        .buffered(FETCHES_MAX);
    let (mut value, mut memory) = (TracePieces::default(), shard.answer_memory());
    while let Some((block, piece, reads)) = lookups.next().await {
        value.cost.add(TraceCost {
            inspected_bytes: reads.bytes,
            backend_reads: reads.count,
            backend_bytes: reads.bytes,
            ..TraceCost::default()
        });
        match piece {
            Ok(Some(piece)) => {
                value.pieces.push(piece.value);
                memory.absorb(piece.memory);
            }
            Ok(None) => {}
            Err(error) => value.cost.miss(damage::missed(node, block, error).await?, block),
        }
    }
    Ok(Charged { value, memory })
}

/// By the block's own filter, or else by the one that every block has. Without either of them the
/// rows say it.
async fn may_hold(
    node: &Node,
    block: &BlockEntry,
    id: &TraceId,
    reads: &mut Reads,
) -> Result<bool, StoreError> {
    let shard = node.shard();
    if let Some(may_hold) = block_filters::may_hold_id(shard, block, id, reads).await {
        return Ok(may_hold);
    }
    let number = bloom::shard_of(id, block.meta.bloom_shards);
    match block_read::bloom(shard, block, number, reads).await {
        Ok(filter) => Ok(bloom::may_contain(&filter, id) != Some(false)),
        Err(error) if error.is_gone() || error.damage().is_some() => {
            // A block that is gone as a whole shows next.
            damage::missed(node, block, error).await?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

async fn lookup(
    node: &Node,
    block: &BlockEntry,
    id: &TraceId,
    reads: &mut Reads,
) -> Result<Option<Charged<TracesData>>, StoreError> {
    let shard = node.shard();
    if !may_hold(node, block, id, reads).await? {
        return Ok(None);
    }
    let open = block_read::open(shard, block, reads).await?;
    for probe in open.reader().probe(id) {
        let ranges = probe.ranges.clone();
        let read = BlockRead::fetch(shard, &open, ranges, Decoding::Columns, reads).await?;
        let find = |fetched: &_, limit| open.reader().find_row_within(&probe, id, fetched, limit);
        if let Some(row) = read.decode(reads, find).await? {
            return read_row(shard, &open, probe.row_group, row, reads).await.map(Some);
        }
    }
    Ok(None)
}

async fn read_row(
    shard: &Shard,
    open: &OpenBlock,
    row_group: usize,
    row: u64,
    reads: &mut Reads,
) -> Result<Charged<TracesData>, StoreError> {
    let ranges = open.reader().row_ranges(row_group, row)?;
    let read = BlockRead::fetch(shard, open, ranges, Decoding::Row, reads).await?;
    let piece = read.decode(reads, |fetched, limit| {
        let trace = open.reader().read_row_within(row_group, row, fetched, limit)?;
        Ok(copy_out(trace, shard.answer_memory()))
    });
    Ok(piece.await??)
}

/// The trace with memory of its own: as it was read, it shares that of whole pages.
pub(super) fn copy_out(
    trace: TracesData,
    mut memory: AnswerMemory,
) -> Result<Charged<TracesData>, QueryError> {
    memory.grow(memory_bytes(&trace))?;
    let bytes = Bytes::from(trace.encode_to_vec());
    // Values may be nested too deeply for the decoder (100 messages); such a trace goes on sharing.
    let value = TracesData::decode(bytes).unwrap_or(trace);
    memory.settle(memory_bytes(&value))?;
    Ok(Charged { value, memory })
}
