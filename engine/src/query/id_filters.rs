//! Filters over the trace ids of blocks, on the core that reads the blocks: cached, read from
//! the block's own filters, or made from the column of trace ids (for blocks without).

use std::sync::Arc;

use stringendo_block::ReadError;
use stringendo_block::id_filter::{BUILD_BYTES_PER_ID, IdFilter};
use stringendo_proto::TraceId;
use stringendo_ring::yield_if_due;

use super::block_filters::BlockFilters;
use super::block_read::{self, BlockRead, Decoding};
use super::damage::{self, Damaged, Missed};
use super::memory::AnswerMemory;
use crate::block_list::BlockEntry;
use crate::block_store::{OpenBlock, Reads, StoreError};
use crate::error::QueryError;
use crate::node::Node;
use crate::shard::Shard;

/// Filters of some blocks, in their order.
#[derive(Debug, Default)]
pub struct IdFilters {
    /// The filters.
    pub filters: Vec<Arc<IdFilter>>,
    /// What reading them cost.
    pub reads: Reads,
    /// Blocks whose ids cannot be told.
    pub damaged: Damaged,
}

/// The filters of `blocks`. A block that is gone holds nothing; of one whose ids cannot be told
/// nothing is looked for either, since every trace might have a piece there.
///
/// # Errors
/// The store fails, or there is no memory. Must not be asked for by who holds memory to
/// read with.
pub async fn filters(node: &Node, blocks: &[Arc<BlockEntry>]) -> Result<IdFilters, QueryError> {
    let shard = node.shard();
    let mut found = IdFilters::default();
    for block in blocks {
        if let Some(filter) = shard.store.cached_id_filter(&block.cache_id()) {
            found.filters.push(filter);
            continue;
        }
        let filter = match load(shard, block, &mut found.reads).await {
            Ok(filter) => Arc::new(filter),
            Err(error) => {
                if damage::missed(node, block, error).await? == Missed::Damaged {
                    found.damaged.add(block.meta.block_id);
                    // It may be mended.
                    found.filters.push(Arc::new(IdFilter::none()));
                    continue;
                }
                Arc::new(IdFilter::none())
            }
        };
        shard.store.keep_id_filter(block.cache_id(), Arc::clone(&filter));
        found.filters.push(filter);
    }
    Ok(found)
}

/// The filter that was written with the block, or else one that is made now.
async fn load(
    shard: &Shard,
    block: &BlockEntry,
    reads: &mut Reads,
) -> Result<IdFilter, StoreError> {
    let stored = match BlockFilters::open(shard, block, reads).await {
        Some(filters) => filters.ids(reads).await,
        None => None,
    };
    match stored {
        Some(filter) => Ok(filter),
        None => build(shard, block, reads).await,
    }
}

async fn build(
    shard: &Shard,
    block: &BlockEntry,
    reads: &mut Reads,
) -> Result<IdFilter, StoreError> {
    let open = block_read::open(shard, block, reads).await?;
    let mut memory = shard.answer_memory();
    let mut ids = Vec::new();
    for row_group in 0..open.reader().row_groups() {
        read_ids(shard, &open, row_group, &mut ids, &mut memory, reads).await?;
        yield_if_due().await;
    }
    Ok(IdFilter::of(ids.iter()))
}

/// Appends the trace ids of a row group; `memory` grows by what they and a filter over them take.
///
/// # Errors
/// From the backend, or damaged columns; or there is no memory.
pub async fn read_ids(
    shard: &Shard,
    open: &OpenBlock,
    row_group: usize,
    ids: &mut Vec<TraceId>,
    memory: &mut AnswerMemory,
    reads: &mut Reads,
) -> Result<(), StoreError> {
    let rows = open.reader().rows(row_group)?;
    let before = ids.len() as u64;
    let bytes_per_id = BUILD_BYTES_PER_ID + size_of::<TraceId>() as u64;
    memory.ensure((before + rows).saturating_mul(bytes_per_id))?;
    let ranges = open.reader().id_ranges(row_group)?;
    let mut read = BlockRead::fetch(shard, open, ranges, Decoding::Columns, reads).await?;
    loop {
        let (first, limit) = (ids.len() as u64 - before, read.decoded_bytes_max());
        let fetched = read.fetched();
        match open.reader().read_ids_within(row_group, first, fetched, limit, ids) {
            Err(ReadError::NeedsMemory { bytes }) => read.make_room(bytes, reads).await?,
            outcome => return Ok(outcome?),
        }
    }
}
