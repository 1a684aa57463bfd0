//! The pieces of a trace in the blocks that one core reads.

use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use stringendo_block::bloom;
use stringendo_proto::TraceId;
use stringendo_proto::otlp::TracesData;

use super::trace::{TraceCost, TracePieces};
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads};
use crate::error::QueryError;
use crate::limits::FETCHES_MAX;
use crate::shard::Shard;

/// Looks up the trace in each of `blocks`.
///
/// # Errors
/// When a block that may hold it could not be read. Blocks that are gone meanwhile are skipped.
pub async fn pieces(
    shard: &Shard,
    blocks: &[Arc<BlockEntry>],
    id: &TraceId,
) -> Result<TracePieces, QueryError> {
    let mut lookups = stream::iter(blocks)
        .map(|block| async move {
            let mut reads = Reads::default();
            let piece = lookup(shard, block, id, &mut reads).await;
            (block, piece, reads)
        })
        .buffered(FETCHES_MAX);
    let mut found = TracePieces::default();
    while let Some((block, piece, reads)) = lookups.next().await {
        found.cost.add(TraceCost {
            inspected_bytes: reads.bytes,
            backend_reads: reads.count,
            backend_bytes: reads.bytes,
        });
        match piece {
            Ok(piece) => found.pieces.extend(piece),
            Err(error) if error.is_gone() => {}
            Err(error) => {
                return Err(QueryError::Storage(format!("block {}: {error}", block.meta.block_id)));
            }
        }
    }
    Ok(found)
}

async fn lookup(
    shard: &Shard,
    block: &Arc<BlockEntry>,
    id: &TraceId,
    reads: &mut Reads,
) -> Result<Option<TracesData>, crate::block_store::StoreError> {
    let number = bloom::shard_of(id, block.meta.bloom_shards);
    let filter = shard.store.bloom(block, number, reads).await?;
    if bloom::may_contain(&filter, id) == Some(false) {
        return Ok(None);
    }
    let open = shard.store.open(block, reads).await?;
    for probe in open.reader().probe(id) {
        let fetched = open.fetch(probe.ranges.clone(), reads).await?;
        if let Some(row) = open.reader().find_row(&probe, id, &fetched)? {
            return read_row(&open, probe.row_group, row, reads).await.map(Some);
        }
    }
    Ok(None)
}

async fn read_row(
    open: &OpenBlock,
    row_group: usize,
    row: u64,
    reads: &mut Reads,
) -> Result<TracesData, crate::block_store::StoreError> {
    let ranges = open.reader().row_ranges(row_group, row)?;
    let fetched = open.fetch(ranges, reads).await?;
    Ok(open.reader().read_row(row_group, row, &fetched)?)
}
