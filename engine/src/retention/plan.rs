//! Which blocks expire, and which are to be deleted: pure functions of the list, limits and time.

use std::sync::Arc;
use std::time::Duration;

use crate::block_list::{BlockEntry, BlockList, CompactedBlock};
use crate::compaction::keeping::BlockKey;
use crate::tenant::TenantId;

/// Why a block expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is older than `block_retention`.
    Age,
    /// Its tenant has more than it may keep, and this is the oldest.
    TenantBytes,
    /// The disk is short of space, and this is the oldest of all.
    DiskSpace,
}

/// A block that expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Which.
    pub key: BlockKey,
    /// Why.
    pub reason: Reason,
}

impl Expired {
    fn of(entry: &BlockEntry, reason: Reason) -> Self {
        Self { key: key(entry), reason }
    }
}

fn key(entry: &BlockEntry) -> BlockKey {
    (entry.tenant.clone(), entry.meta.block_id)
}

/// Blocks that are older than their tenant's `retention` (`None`: they stay), and the oldest of
/// those that are more than `bytes_max` (0 = no limit).
pub fn expired(
    list: &BlockList,
    retention: impl Fn(&TenantId) -> Option<Duration>,
    bytes_max: u64,
    now_unix_nanos: u64,
) -> Vec<Expired> {
    let mut expired = Vec::new();
    for (tenant, blocks) in list.tenants() {
        let Some(retention) = retention(tenant) else { continue };
        let before = before(now_unix_nanos, retention);
        let mut bytes = 0_u64;
        // Newest first, as the list has them.
        for block in blocks {
            bytes = bytes.saturating_add(block.meta.size);
            if block.end_unix_nanos < before {
                expired.push(Expired::of(block, Reason::Age));
            } else if bytes_max > 0 && bytes > bytes_max {
                expired.push(Expired::of(block, Reason::TenantBytes));
            }
        }
    }
    expired
}

/// Compacted blocks that are so for longer than `retention`, of tenants whose blocks `may` go.
pub fn due(
    list: &BlockList,
    may: impl Fn(&TenantId) -> bool,
    retention: Duration,
    now_unix_nanos: u64,
) -> Vec<Arc<CompactedBlock>> {
    let before = before(now_unix_nanos, retention);
    let tenants = list.tenants().map(|(tenant, _)| tenant).filter(|tenant| may(tenant));
    let blocks = tenants.flat_map(|tenant| list.compacted_of(tenant));
    blocks.filter(|block| block.compacted_unix_nanos < before).cloned().collect()
}

/// Compacted blocks that free so many bytes, those that have been so for longest first.
pub fn compacted_first(
    list: &BlockList,
    may: impl Fn(&TenantId) -> bool,
    bytes: u64,
) -> Vec<Arc<CompactedBlock>> {
    let tenants = list.tenants().map(|(tenant, _)| tenant).filter(|tenant| may(tenant));
    let blocks = tenants.flat_map(|tenant| list.compacted_of(tenant));
    let mut blocks: Vec<_> = blocks.cloned().collect();
    blocks.sort_by_key(|block| block.compacted_unix_nanos);
    let enough = enough(blocks.iter().map(|block| block.entry.meta.size), bytes);
    blocks.truncate(enough);
    blocks
}

/// The oldest blocks of all tenants whose blocks `may` go that hold so many bytes.
pub fn oldest(list: &BlockList, may: impl Fn(&TenantId) -> bool, bytes: u64) -> Vec<Expired> {
    let tenants = list.tenants().filter(|(tenant, _)| may(tenant));
    let mut blocks: Vec<_> = tenants.flat_map(|(_, blocks)| blocks).collect();
    blocks.sort_by_key(|block| (block.end_unix_nanos, block.meta.block_id));
    let enough = enough(blocks.iter().map(|block| block.meta.size), bytes);
    blocks[..enough].iter().map(|block| Expired::of(block, Reason::DiskSpace)).collect()
}

/// How many of the first sizes come to `bytes`.
fn enough(sizes: impl Iterator<Item = u64>, bytes: u64) -> usize {
    let mut left = bytes;
    sizes
        .take_while(|size| {
            let more = left > 0;
            left = left.saturating_sub(*size);
            more
        })
        .count()
}

fn before(now_unix_nanos: u64, retention: Duration) -> u64 {
    let retention = u64::try_from(retention.as_nanos()).unwrap_or(u64::MAX);
    now_unix_nanos.saturating_sub(retention)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
