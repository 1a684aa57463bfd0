//! Core 0 reads the list of blocks from the backend, at the start and again and again, and gives it
//! to every core.
//!
//! Blocks that cannot be served are left out, so that they do not make every query fail. Each is
//! logged and counted once, as long as it stays there.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use stringendo_ring::{offload, sleep};
use uuid::Uuid;

use crate::backend::listing::{Listing, SkippedBlock, Unreadable};
use crate::block_changes::publish;
use crate::block_list::BlockList;
use crate::compaction::superseded;
use crate::metrics::families as family;
use crate::node::Node;
use crate::tenant::TenantId;

/// However it is configured, the list is not read more often.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// Reads the list, and remembers what was said about it.
pub struct BlockPoll {
    node: Node,
    /// Blocks that the last poll left out.
    skipped: HashSet<(TenantId, Uuid)>,
}

impl BlockPoll {
    /// For core 0.
    pub fn new(node: Node) -> Self {
        Self { node, skipped: HashSet::new() }
    }

    /// Reads the list now. Blocks that were added meanwhile are kept, and so are listed blocks
    /// that could not be looked at this time.
    ///
    /// # Errors
    /// When the backend's root cannot be listed; the list is then as it was.
    pub async fn poll(&mut self) -> io::Result<()> {
        let shard = self.node.shard();
        let begun = shard.now();
        let before = Arc::clone(&shard.blocks.borrow());
        let mut listing = shard.store.backend().list_knowing(&before).await?;
        let now = self.node.clock().unix_nanos();
        let superseded = superseded::settle(shard.store.backend(), &mut listing, now).await;
        shard.keeping.owe_marks(superseded);
        let listing = Arc::new(listing);
        if let Some(list) = self.merge(&before, &listing).await? {
            publish(&self.node, list).await;
        }
        let took = shard.now().saturating_sub(begun);
        shard.metrics.observe(&family::BLOCKLIST_POLL_DURATION, &[], took.as_secs_f64());
        self.report(&listing);
        Ok(())
    }

    /// The list with what was found; `None` if that changes nothing. It is made aside, since that
    /// takes some milliseconds for tens of thousands of blocks.
    async fn merge(
        &self,
        before: &Arc<BlockList>,
        listing: &Arc<Listing>,
    ) -> io::Result<Option<Arc<BlockList>>> {
        let shard = self.node.shard();
        loop {
            let now = Arc::clone(&shard.blocks.borrow());
            let work = (Arc::clone(&now), Arc::clone(before), Arc::clone(listing));
            let polled = offload(move || {
                let (now, before, listing) = work;
                let list = now.polled(&before, &listing);
                (!list.same_blocks(&now)).then(|| Arc::new(list))
            });
            let polled = polled.await?;
            // Changes that came meanwhile are on no list but the current one.
            if shard.blocks.borrow().version() == now.version() {
                if let Some(list) = &polled {
                    shard.blocks.replace(Arc::clone(list));
                }
                return Ok(polled);
            }
        }
    }

    /// Polls as often as configured.
    pub async fn run(mut self) {
        loop {
            sleep(self.node.settings().blocklist_poll.max(PAUSE_MIN)).await;
            if let Err(error) = self.poll().await {
                tracing::error!(%error, "the list of blocks could not be read");
                count_error(&self.node, &TenantId::single());
            }
        }
    }

    fn report(&mut self, listing: &Listing) {
        for (tenant, error) in &listing.errors {
            tracing::error!(%tenant, error, "blocks of a tenant could not be listed");
            count_error(&self.node, tenant);
        }
        let mut skipped = HashSet::with_capacity(listing.skipped.len());
        for block in &listing.skipped {
            if matches!(block.why, Unreadable::Meta(_)) {
                count_error(&self.node, &block.tenant);
            }
            let key = (block.tenant.clone(), block.block_id);
            if !self.skipped.contains(&key) {
                log_skipped(block);
                let labels = [block.tenant.as_str(), block.why.reason()];
                self.node.counters().add(&family::BLOCKLIST_SKIPPED, &labels, 1.0);
            }
            skipped.insert(key);
        }
        self.skipped = skipped;
    }
}

fn count_error(node: &Node, tenant: &TenantId) {
    node.counters().add(&family::BLOCKLIST_POLL_ERRORS, &[tenant.as_str()], 1.0);
}

fn log_skipped(block: &SkippedBlock) {
    let (tenant, id) = (&block.tenant, &block.block_id);
    match &block.why {
        Unreadable::Version(version) => tracing::warn!(
            %tenant, block = %id, version,
            "a block of a version that cannot be read: queries answer without it. Keep the Tempo \
             that wrote it until the block expires, or move its directory away"
        ),
        Unreadable::Meta(error) => tracing::error!(
            %tenant, block = %id, error,
            "a block whose meta.json cannot be read: queries answer without it, unless it was \
             listed before. Restore the file, or move the block's directory away"
        ),
    }
}
