//! Blocks whose place another one has taken already, although they still look live: a crash came
//! between the publication of a merged block and the marking of its inputs, or a poll did.
//!
//! From: a listing. A merged block names its inputs in its meta; so the moment at which that meta
//! is there decides, for whoever lists the blocks. To: the list, which does not serve them, and
//! [`super::keeping`], where their marks are made up for.

use std::collections::HashMap;
use std::sync::Arc;

use stringendo_block::BlockMeta;
use uuid::Uuid;

use crate::backend::{Backend, Listing};
use crate::block_list::{BlockEntry, CompactedBlock};
use crate::tenant::TenantId;

/// Takes the superseded blocks out of the live ones of a listing, and returns them. A block is
/// believed to have taken another's place only if that is what merging makes of it, and if its rows
/// are there.
pub async fn settle(
    backend: &Backend,
    listing: &mut Listing,
    now_unix_nanos: u64,
) -> Vec<(TenantId, Uuid)> {
    let mut superseded = Vec::new();
    for (by, blocks) in claims(listing) {
        if !has_rows(backend, &by).await {
            tracing::error!(
                tenant = %by.tenant, block = %by.meta.block_id,
                "a merged block has not the rows that its meta.json tells of: the blocks that it \
                 was merged from stay"
            );
            continue;
        }
        superseded.extend(blocks);
    }
    for (tenant, id) in &superseded {
        let is_it = |entry: &Arc<BlockEntry>| entry.tenant == *tenant && entry.meta.block_id == *id;
        if let Some(at) = listing.blocks.iter().position(is_it) {
            let entry = listing.blocks.swap_remove(at);
            let compacted_unix_nanos = now_unix_nanos;
            let block = CompactedBlock { entry, compacted_unix_nanos, replaced_here: true };
            listing.compacted.push(Arc::new(block));
        }
    }
    superseded
}

type Superseded = Vec<(TenantId, Uuid)>;

/// Blocks that say to have taken the place of live ones, and those.
fn claims(listing: &Listing) -> Vec<(Arc<BlockEntry>, Superseded)> {
    let gone = listing.compacted.iter().map(|block| &block.entry);
    let mut merged =
        listing.blocks.iter().chain(gone).filter(|by| !by.meta.inputs.is_empty()).peekable();
    if merged.peek().is_none() {
        return Vec::new();
    }
    let live: HashMap<(&TenantId, &Uuid), &Arc<BlockEntry>> =
        listing.blocks.iter().map(|entry| ((&entry.tenant, &entry.meta.block_id), entry)).collect();
    let claimed = |by: &Arc<BlockEntry>| {
        let inputs = by.meta.inputs.iter().filter_map(|id| live.get(&(&by.tenant, id)));
        let inputs = inputs.filter(|input| takes_place_of(by, input));
        let ids: Superseded =
            inputs.map(|input| (input.tenant.clone(), input.meta.block_id)).collect();
        (!ids.is_empty()).then(|| (Arc::clone(by), ids))
    };
    merged.filter_map(claimed).collect()
}

/// Whether `by` can hold all of `input`.
fn takes_place_of(by: &BlockEntry, input: &BlockEntry) -> bool {
    let (merged, part): (&BlockMeta, &BlockMeta) = (&by.meta, &input.meta);
    merged.compaction_level > part.compaction_level
        && merged.total_objects >= part.total_objects
        && by.start_unix_nanos <= input.start_unix_nanos
        && by.end_unix_nanos >= input.end_unix_nanos
}

async fn has_rows(backend: &Backend, block: &BlockEntry) -> bool {
    backend.data_bytes(block).await.is_ok_and(|bytes| bytes == block.meta.size)
}

#[cfg(test)]
#[path = "superseded_tests.rs"]
mod tests;
