//! Merged blocks that come too early for this process: another one has merged a block whose segment
//! is still live here, or may still look live to a query that goes on.
//!
//! A query leaves out the blocks of the segments that it has seen live; in a merged block it would
//! not know them, and count their spans twice ([`super::fresh`]). So such a block is left to a
//! later poll, and what it was merged from stays on the list, whose objects are still there
//! (`compacted_block_retention`). Where some of them have gone, the merged block is taken: spans
//! that count twice for a moment are better than spans that are missing.
//!
//! From: a listing. To: the list, by [`crate::block_poll`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::fresh::Fresh;
use super::superseded::Lineages;
use crate::backend::Listing;
use crate::block_list::{BlockEntry, BlockList};
use crate::tenant::TenantId;

/// Takes merged blocks that come too early out of a listing, and puts back what they were merged
/// from. Tells how many.
pub fn put_off(listing: &mut Listing, before: &BlockList, fresh: &Fresh) -> usize {
    let is_new = |entry: &&Arc<BlockEntry>| {
        !entry.meta.inputs.is_empty() && !before.knows(&entry.tenant, &entry.meta.block_id)
    };
    let new: Vec<_> = listing.blocks.iter().filter(is_new).cloned().collect();
    if new.is_empty() {
        return 0;
    }
    let parts = Parts::of(listing, fresh, &new);
    let early = new.iter().filter_map(|by| Some((by, parts.early(by)?)));
    let early: Vec<_> = early.map(|(by, instead)| (Arc::clone(by), instead)).collect();
    for (by, instead) in &early {
        listing.blocks.retain(|entry| !Arc::ptr_eq(entry, by));
        let back: HashSet<&Uuid> = instead.iter().map(|entry| &entry.meta.block_id).collect();
        listing.compacted.retain(|block| {
            block.entry.tenant != by.tenant || !back.contains(&block.entry.meta.block_id)
        });
        listing.blocks.extend(instead.iter().cloned());
    }
    early.len()
}

/// What merged blocks were made of.
struct Parts<'a> {
    lineages: Lineages<'a>,
    compacted: HashMap<(&'a TenantId, Uuid), &'a Arc<BlockEntry>>,
    /// Blocks of the tenants of new blocks that may look live.
    live: HashMap<TenantId, HashSet<Uuid>>,
}

impl<'a> Parts<'a> {
    fn of(listing: &'a Listing, fresh: &Fresh, new: &[Arc<BlockEntry>]) -> Self {
        let compacted = listing.compacted.iter().map(|block| &block.entry);
        let compacted = compacted.map(|entry| ((&entry.tenant, entry.meta.block_id), entry));
        let tenants: HashSet<&TenantId> = new.iter().map(|entry| &entry.tenant).collect();
        let live = tenants.into_iter().map(|tenant| (tenant.clone(), fresh.may_be_live(tenant)));
        Self {
            lineages: Lineages::of(listing),
            compacted: compacted.collect(),
            live: live.collect(),
        }
    }

    fn may_be_live(&self, tenant: &TenantId, id: &Uuid) -> bool {
        self.live.get(tenant).is_some_and(|live| live.contains(id))
    }

    /// What stays in place of a block that comes too early; `None` if it does not, or cannot be put
    /// off.
    fn early(&self, by: &BlockEntry) -> Option<Vec<Arc<BlockEntry>>> {
        let holds_live = |entry: &BlockEntry| {
            let lineage = self.lineages.of_block(entry);
            lineage.iter().any(|id| self.may_be_live(&entry.tenant, id))
        };
        if !holds_live(by) {
            return None;
        }
        let (mut instead, mut left) = (Vec::new(), by.meta.inputs.clone());
        while let Some(id) = left.pop() {
            let entry = *self.compacted.get(&(&by.tenant, id))?;
            if holds_live(entry) {
                left.extend_from_slice(&entry.meta.inputs);
            } else {
                instead.push(Arc::clone(entry));
            }
        }
        Some(instead)
    }
}

#[cfg(test)]
#[path = "put_off_tests.rs"]
mod tests;
