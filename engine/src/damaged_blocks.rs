//! Core 0 knows which blocks are damaged: they are logged once, counted as long as they are there,
//! and not merged, so that what can be read of them, or be mended, is not lost.
//!
//! From: queries of all cores ([`crate::query::damage`]) and compaction. To: `/metrics`, the log,
//! and the conductor of compaction. Queries do not ask here: they read what can be read, and find
//! out anew, so that a block that somebody restores is whole again at once.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::time::Duration;

use uuid::Uuid;

use crate::block_list::{BlockEntry, BlockList};
use crate::compaction::keeping::BlockKey;
use crate::metrics::{Metrics, families as family};
use crate::tenant::TenantId;

/// Blocks that are known at most; more are only logged and counted as reads.
const KNOWN_MAX: usize = 10_000;
/// A block that was not found damaged for so long may have been mended.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Characters of a description that are logged: parts of it may come from the block.
const TEXT_CHARS_MAX: usize = 300;

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Damage {
    /// Its bytes are not what their format demands.
    Corrupt,
    /// An object is not there, although the block is.
    Missing,
    /// It uses something that is not served.
    Unsupported,
    /// Its meta cannot be read, or is of a version that is not served.
    Unlisted,
}

impl Damage {
    /// For labels of metrics.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Missing => "missing_object",
            Self::Unsupported => "unsupported",
            Self::Unlisted => "not_listed",
        }
    }
}

/// A damaged block, as somebody found it.
#[derive(Clone, Debug)]
pub struct DamageReport {
    tenant: TenantId,
    block_id: Uuid,
    damage: Damage,
    text: String,
}

impl DamageReport {
    /// Of what was found when the block was read.
    pub fn new(block: &BlockEntry, damage: Damage, error: &dyn Display) -> Self {
        let text = error.to_string().chars().take(TEXT_CHARS_MAX).collect();
        Self { tenant: block.tenant.clone(), block_id: block.meta.block_id, damage, text }
    }
}

struct Known {
    damage: Damage,
    seen: Duration,
}

/// The damaged blocks that this process knows.
#[derive(Default)]
pub struct DamagedBlocks {
    known: RefCell<HashMap<BlockKey, Known>>,
}

impl DamagedBlocks {
    /// Takes a report; logs the first one of a block. Times are those of the core's clock.
    pub fn add(&self, report: DamageReport, now: Duration) {
        let DamageReport { tenant, block_id, damage, text } = report;
        let mut known = self.known.borrow_mut();
        let key = (tenant, block_id);
        if let Some(known) = known.get_mut(&key) {
            known.seen = now;
            return;
        }
        tracing::error!(
            tenant = %key.0, block = %block_id, damage = damage.reason(), error = text,
            "a block is damaged: queries answer without what cannot be read of it, and say so; it \
             is not merged. See what `stringendo blocks check` says, then restore the block's \
             objects, or delete its directory"
        );
        if known.len() < KNOWN_MAX {
            known.insert(key, Known { damage, seen: now });
        }
    }

    /// Whether the block is known to be damaged.
    pub fn has(&self, key: &BlockKey) -> bool {
        self.known.borrow().contains_key(key)
    }

    /// Forgets blocks that are not listed any more, and those that may have been mended.
    pub fn forget_old(&self, list: &BlockList, now: Duration) {
        let mut known = self.known.borrow_mut();
        let tenants: HashSet<TenantId> = known.keys().map(|(tenant, _)| tenant.clone()).collect();
        let blocks = tenants.iter().flat_map(|tenant| list.of(tenant));
        let listed: HashSet<(&TenantId, &Uuid)> =
            blocks.map(|block| (&block.tenant, &block.meta.block_id)).collect();
        known.retain(|(tenant, id), known| {
            listed.contains(&(tenant, id)) && now.saturating_sub(known.seen) < REMEMBERED
        });
    }

    /// Sets the gauge of damaged blocks, those among them that are not listed.
    pub fn refresh_gauge(&self, list: &BlockList, metrics: &Metrics) {
        let mut counts: BTreeMap<(TenantId, Damage), u64> = BTreeMap::new();
        for ((tenant, _), known) in &*self.known.borrow() {
            *counts.entry((tenant.clone(), known.damage)).or_default() += 1;
        }
        for (tenant, _) in list.tenants().filter(|(tenant, _)| !list.unlisted_of(tenant).is_empty())
        {
            let count = list.unlisted_of(tenant).count();
            counts.insert((tenant.clone(), Damage::Unlisted), count);
        }
        metrics.clear(&family::DAMAGED_BLOCKS);
        for ((tenant, damage), count) in counts {
            let labels = [tenant.as_str(), damage.reason()];
            metrics.set(&family::DAMAGED_BLOCKS, &labels, count as f64);
        }
    }
}
