//! Which blocks are too fresh to be merged.
//!
//! A query asks live data first and reads the list of blocks then. It knows by its id the block
//! that was made of a segment that it has seen live, and leaves it out; it would not know it in a
//! merged block, and count its spans twice. So a block stays as it is as long as its segment is
//! live, and as long as a query goes on that may have seen the segment live and has not read the
//! list yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::block_list::{BlockEntry, BlockList};
use crate::encode_job::block_id;
use crate::message::Message;
use crate::node::Node;
use crate::tenant::TenantId;

/// What a core says of its live data.
#[derive(Clone, Debug, Default)]
pub struct LiveNow {
    /// Its segments.
    pub segments: Vec<Uuid>,
    /// When the oldest query began that may still hold to what it has seen live.
    pub oldest_look: Option<Duration>,
}

/// Knows since when blocks have no live segment.
#[derive(Default)]
pub struct Fresh {
    /// Live on some core when it was last learned.
    segments: HashSet<Uuid>,
    /// Of every block on the list that was not made by merging.
    settled_since: HashMap<Uuid, Duration>,
    oldest_look: Option<Duration>,
}

impl Fresh {
    /// Asks all cores; `false` if one did not answer, since the process is going down.
    pub async fn learn(&mut self, node: &Node) -> bool {
        let list = Arc::clone(&node.shard().blocks.borrow());
        let Some(live) = all_live(node).await else { return false };
        // After the answers: whoever begins to look now cannot see what was gone then.
        self.take(&list, &live, node.shard().now());
        let Some(live) = all_live(node).await else { return false };
        self.oldest_look = live.iter().filter_map(|live| live.oldest_look).min();
        true
    }

    pub(super) fn take(&mut self, list: &BlockList, live: &[LiveNow], now: Duration) {
        let segments = live.iter().flat_map(|live| &live.segments);
        self.segments = segments.filter(|segment| !segment.is_nil()).copied().collect();
        let mut since = HashMap::new();
        for (tenant, blocks) in list.tenants() {
            let held = self.held(tenant);
            for block in blocks.iter().filter(|block| block.meta.compaction_level == 0) {
                let id = block.meta.block_id;
                if !held.contains(&id) {
                    let known = self.settled_since.get(&id).copied();
                    since.insert(id, known.unwrap_or(now));
                }
            }
        }
        self.settled_since = since;
    }

    /// Blocks that a tenant's live segments are, or will be.
    fn held(&self, tenant: &TenantId) -> HashSet<Uuid> {
        self.segments.iter().map(|segment| block_id(segment, tenant)).collect()
    }

    /// A tenant's blocks that a query may mistake, as far as was last learned: their segments are
    /// live, or were when a query began that has not read the list yet.
    pub fn may_be_live(&self, tenant: &TenantId) -> HashSet<Uuid> {
        let Some(look) = self.oldest_look else { return self.held(tenant) };
        let seen = self.settled_since.iter().filter(|(_, since)| **since >= look);
        self.held(tenant).into_iter().chain(seen.map(|(id, _)| *id)).collect()
    }

    /// Whether no query can mistake the block any more, as far as was last learned.
    pub fn is_settled(&self, block: &BlockEntry) -> bool {
        if block.meta.compaction_level > 0 {
            return true;
        }
        let since = self.settled_since.get(&block.meta.block_id);
        since.is_some_and(|since| self.oldest_look.is_none_or(|look| *since < look))
    }
}

async fn all_live(node: &Node) -> Option<Vec<LiveNow>> {
    node.ask_all(Message::LiveNow).await.into_iter().collect()
}

#[cfg(test)]
#[path = "fresh_tests.rs"]
mod tests;
