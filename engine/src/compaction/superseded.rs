//! Blocks whose place another one has taken already, although they still look live: a crash came
//! between the publication of a merged block and the marking of its inputs, or a poll did.
//!
//! From: a listing. A merged block names its inputs in its meta; so the moment at which that meta
//! is there decides, for whoever lists the blocks. To: the list, which does not serve them, and
//! [`super::keeping`], where their marks are made up for.
//!
//! Two processes may have merged the same blocks at the same time. Of two live blocks of which one
//! was merged from all that the other one was, the other one is superseded, too. Blocks that share
//! some of their inputs only are merged with each other like any others, and spans are there once
//! then.

use std::collections::{HashMap, HashSet};
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
    for (by, blocks) in claims(listing).into_iter().chain(twins(listing)) {
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
    know_successors(listing);
    superseded
}

/// Of blocks that are marked already some have their successor in this listing: nothing of them
/// need be read, and what was deleted from them must not be.
fn know_successors(listing: &mut Listing) {
    let named = |by: &Arc<BlockEntry>| {
        let tenant = by.tenant.clone();
        by.meta.inputs.clone().into_iter().map(move |id| (tenant.clone(), id))
    };
    let named: HashSet<(TenantId, Uuid)> = listing.blocks.iter().flat_map(named).collect();
    for block in &mut listing.compacted {
        let id = (block.entry.tenant.clone(), block.entry.meta.block_id);
        if !block.replaced_here && named.contains(&id) {
            *block = Arc::new(CompactedBlock { replaced_here: true, ..(**block).clone() });
        }
    }
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

/// Live blocks that were merged from all that other live ones were merged from, and those.
fn twins(listing: &Listing) -> Vec<(Arc<BlockEntry>, Superseded)> {
    let is_merged = |entry: &&Arc<BlockEntry>| entry.meta.inputs.len() > 1;
    let live: Vec<_> = listing.blocks.iter().filter(is_merged).collect();
    let lineages = Lineages::of(listing);
    let of_live: Vec<_> = live.iter().map(|entry| lineages.of_block(entry)).collect();
    let mut by_ancestor: HashMap<(&TenantId, Uuid), Vec<usize>> = HashMap::new();
    for (number, (entry, lineage)) in live.iter().zip(&of_live).enumerate() {
        for id in lineage {
            by_ancestor.entry((&entry.tenant, *id)).or_default().push(number);
        }
    }
    let mut twins = Vec::new();
    for (part, of_part) in live.iter().zip(&of_live) {
        let (inputs, own) = (&part.meta.inputs, part.meta.block_id);
        let holders = by_ancestor.get(&(&part.tenant, inputs[0])).into_iter().flatten();
        let holds_all = |by: &&usize| {
            let (by, lineage) = (live[**by], &of_live[**by]);
            of_part.is_subset(lineage)
                // Of two that are the same, every process takes the same one.
                && (of_part.len() < lineage.len() || by.meta.block_id < own)
                && covers(by, part)
        };
        if let Some(by) = holders.into_iter().find(holds_all) {
            twins.push((Arc::clone(live[*by]), vec![(part.tenant.clone(), own)]));
        }
    }
    twins
}

/// What blocks were merged from, as far as their metas are still there.
pub(super) struct Lineages<'a> {
    inputs: HashMap<(&'a TenantId, Uuid), &'a [Uuid]>,
}

impl<'a> Lineages<'a> {
    pub(super) fn of(listing: &'a Listing) -> Self {
        let gone = listing.compacted.iter().map(|block| &block.entry);
        let merged = gone.filter(|entry| !entry.meta.inputs.is_empty());
        let inputs = merged
            .map(|entry| ((&entry.tenant, entry.meta.block_id), entry.meta.inputs.as_slice()));
        Self { inputs: inputs.collect() }
    }

    /// The inputs of a block, theirs, and so on.
    pub(super) fn of_block(&self, entry: &BlockEntry) -> HashSet<Uuid> {
        let (mut lineage, mut left) = (HashSet::new(), entry.meta.inputs.clone());
        while let Some(id) = left.pop() {
            if lineage.insert(id)
                && let Some(inputs) = self.inputs.get(&(&entry.tenant, id))
            {
                left.extend_from_slice(inputs);
            }
        }
        lineage
    }
}

/// Whether `by` can hold all of a block that was merged from some of the same.
fn covers(by: &BlockEntry, part: &BlockEntry) -> bool {
    by.meta.block_id != part.meta.block_id
        && by.meta.compaction_level >= part.meta.compaction_level
        && by.meta.total_objects >= part.meta.total_objects
        && by.start_unix_nanos <= part.start_unix_nanos
        && by.end_unix_nanos >= part.end_unix_nanos
}

/// Whether `by` can hold all of `input`.
fn takes_place_of(by: &BlockEntry, input: &BlockEntry) -> bool {
    let (merged, part): (&BlockMeta, &BlockMeta) = (&by.meta, &input.meta);
    // A block that was written again without one trace is of the same level (`delete-trace`).
    let is_rewritten = merged.inputs.len() == 1
        && merged.block_id != part.block_id
        && !part.inputs.contains(&merged.block_id)
        && merged.compaction_level == part.compaction_level;
    (is_rewritten || merged.compaction_level > part.compaction_level)
        && merged.total_objects.saturating_add(u64::from(is_rewritten)) >= part.total_objects
        && by.start_unix_nanos <= input.start_unix_nanos
        && by.end_unix_nanos >= input.end_unix_nanos
}

async fn has_rows(backend: &Backend, block: &BlockEntry) -> bool {
    backend.data_bytes(block).await.is_ok_and(|bytes| bytes == block.meta.size)
}

#[cfg(test)]
#[path = "superseded_tests.rs"]
mod tests;
