//! Which blocks there are. Core 0 is the only writer; every core holds the same immutable snapshot.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use stringendo_block::BlockMeta;
use uuid::Uuid;

use crate::tenant::TenantId;

/// A live block.
#[derive(Clone, Debug)]
pub struct BlockEntry {
    /// Whose.
    pub tenant: TenantId,
    /// Its `meta.json`.
    pub meta: BlockMeta,
    /// Earliest start of a span, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Latest end of a span.
    pub end_unix_nanos: u64,
}

impl BlockEntry {
    /// An entry for a block's meta.
    pub fn new(tenant: TenantId, meta: BlockMeta) -> Self {
        let (start_unix_nanos, end_unix_nanos) = meta.time_range_unix_nanos();
        Self { tenant, meta, start_unix_nanos, end_unix_nanos }
    }

    /// A copy of a block may be another tenant's.
    fn key(&self) -> (&TenantId, &Uuid) {
        (&self.tenant, &self.meta.block_id)
    }

    /// Whether a trace within the given time may be here. Metas of Tempo hold whole seconds with
    /// the end rounded down (contract blocks.md §2), so both sides are widened to whole seconds.
    pub fn overlaps(&self, start_unix_nanos: u64, end_unix_nanos: u64) -> bool {
        let end = self.end_unix_nanos.saturating_add(999_999_999);
        self.start_unix_nanos <= end_unix_nanos && end >= start_unix_nanos
    }
}

/// All blocks of all tenants.
#[derive(Clone, Debug, Default)]
pub struct BlockList {
    version: u64,
    tenants: HashMap<TenantId, Vec<Arc<BlockEntry>>>,
}

impl BlockList {
    /// Grows with every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What a poll makes of this list: the blocks that it found, those that were added since it
    /// began (they are not in `before`), and those that it `doubts` but cannot deny.
    pub fn polled(
        &self,
        before: &Self,
        found: Vec<Arc<BlockEntry>>,
        doubts: impl Fn(&BlockEntry) -> bool,
    ) -> Self {
        let known: HashSet<_> = before.entries().map(|entry| entry.key()).collect();
        let kept = self.entries().filter(|entry| !known.contains(&entry.key()) || doubts(entry));
        let all = found.iter().chain(kept);
        let unique: HashMap<_, _> = all.map(|entry| (entry.key(), entry)).collect();
        let tenants = self.tenants.keys().map(|tenant| (tenant.clone(), Vec::new())).collect();
        let mut list = Self { version: self.version + 1, tenants };
        for entry in unique.into_values() {
            list.tenants.entry(entry.tenant.clone()).or_default().push(Arc::clone(entry));
        }
        list.sort();
        list
    }

    fn entries(&self) -> impl Iterator<Item = &Arc<BlockEntry>> {
        self.tenants.values().flatten()
    }

    /// The same list with one block more (or replaced).
    pub fn with(&self, entry: Arc<BlockEntry>) -> Self {
        let mut list = self.clone();
        list.version += 1;
        list.insert(entry);
        list.sort();
        list
    }

    fn insert(&mut self, entry: Arc<BlockEntry>) {
        let blocks = self.tenants.entry(entry.tenant.clone()).or_default();
        blocks.retain(|block| block.meta.block_id != entry.meta.block_id);
        blocks.push(entry);
    }

    /// Newest first, so that searches find the newest traces first, and the same on every run.
    fn sort(&mut self) {
        for blocks in self.tenants.values_mut() {
            blocks.sort_by_key(|block| {
                (std::cmp::Reverse(block.end_unix_nanos), block.meta.block_id)
            });
        }
    }

    /// Blocks of a tenant, newest first.
    pub fn of(&self, tenant: &TenantId) -> &[Arc<BlockEntry>] {
        self.tenants.get(tenant).map_or(&[], Vec::as_slice)
    }

    /// Tenants that have or had blocks, and their blocks.
    pub fn tenants(&self) -> impl Iterator<Item = (&TenantId, &[Arc<BlockEntry>])> {
        self.tenants.iter().map(|(tenant, blocks)| (tenant, blocks.as_slice()))
    }
}

#[cfg(test)]
#[path = "block_list_tests.rs"]
mod tests;
