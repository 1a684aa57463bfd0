//! Core 0 reads the list of blocks from the backend, at the start and again and again, and gives it
//! to every core.
//!
//! Blocks that cannot be served are left out, so that they do not make every query fail. Each is
//! logged and counted once, as long as it stays there.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use stringendo_ring::{offload, sleep, yield_if_due};
use uuid::Uuid;

use crate::backend::listing::{ListJob, ListMemory, Listing, SkippedBlock, Unreadable};
use crate::backend::{indexes, leftovers};
use crate::block_changes::publish;
use crate::block_list::BlockList;
use crate::budget::Use;
use crate::compaction::fresh::Fresh;
use crate::compaction::put_off::put_off;
use crate::compaction::superseded;
use crate::metrics::families as family;
use crate::node::Node;
use crate::tenant::TenantId;

/// However it is configured, the list is not read more often.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// First and longest pause between tries to read the list for the first time.
const FIRST_RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));

/// Reads the list, and remembers what was said about it.
pub struct BlockPoll {
    node: Node,
    /// Blocks that the last poll left out.
    skipped: HashSet<(TenantId, Uuid)>,
    /// Tenants that it listed, whose indexes are to be written.
    listed: Vec<TenantId>,
    /// When the tenant indexes were made that were read or written last, nanoseconds since the Unix
    /// epoch.
    indexes_made: HashMap<TenantId, u64>,
    /// What queries may still see live.
    fresh: Fresh,
}

impl BlockPoll {
    /// For core 0.
    pub fn new(node: Node) -> Self {
        let (skipped, listed, indexes_made) = Default::default();
        Self { node, skipped, listed, indexes_made, fresh: Fresh::default() }
    }

    /// Reads the list now. Blocks that were added meanwhile are kept, and so are listed blocks
    /// that could not be looked at this time. With too many tenants that failed nothing changes,
    /// unless this is the first time.
    ///
    /// # Errors
    /// When the tenants cannot be listed; the list is then as it was.
    pub async fn poll(&mut self) -> io::Result<()> {
        let shard = Rc::clone(self.node.shard());
        let begun = shard.now();
        let before = Arc::clone(&shard.blocks.borrow());
        // The list charges what is on it once every core has it.
        let memory = ListMemory::of(shard.budget.charge(Use::BlockList, 0));
        let mut listing = self.list(&before, &memory).await?;
        self.report(&listing);
        let failed = listing.errors.len();
        let given_up = failed > shard.settings.poll.failed_tenants_max && before.version() > 0;
        if given_up {
            tracing::error!(failed, "too many tenants could not be listed: the list stays");
            return Ok(());
        }
        let now = self.node.clock().unix_nanos();
        let superseded = superseded::settle(shard.store.backend(), &mut listing, now).await;
        if !shard.settings.compaction.disabled {
            shard.keeping.owe_marks(superseded);
        }
        if before.version() > 0 && self.fresh.learn(&self.node).await {
            let early = put_off(&mut listing, &before, &self.fresh);
            if early > 0 {
                tracing::info!(
                    blocks = early,
                    "merged blocks wait for the next poll: they hold \
                    what is still live here"
                );
            }
        }
        let listing = Arc::new(listing);
        if let Some(list) = self.merge(&before, &listing).await? {
            publish(&self.node, list).await;
        }
        shard.damaged.forget_old(&shard.blocks.borrow(), shard.now());
        let took = self.node.shard().now().saturating_sub(begun);
        let metrics = self.node.counters();
        metrics.observe(&family::BLOCKLIST_POLL_DURATION, &[], took.as_secs_f64());
        self.listed = listing.tenants.clone();
        self.forget_gone(&listing);
        self.delete_empty(&listing).await;
        Ok(())
    }

    /// A tenant that is not there any more has no index that could be old.
    fn forget_gone(&mut self, listing: &Listing) {
        let failed = listing.errors.iter().map(|(tenant, _)| tenant);
        let there: HashSet<&TenantId> = listing.tenants.iter().chain(failed).collect();
        self.indexes_made.retain(|tenant, _| there.contains(tenant));
    }

    /// Deletes what is left of tenants that have no blocks, if that is configured.
    async fn delete_empty(&self, listing: &Listing) {
        let (shard, settings) = (self.node.shard(), &self.node.settings().poll);
        let Some(age) = settings.empty_tenant_age.filter(|_| settings.writes_index) else { return };
        let age_nanos = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let before = self.node.clock().unix_nanos().saturating_sub(age_nanos);
        for tenant in &listing.tenants {
            let list = Arc::clone(&shard.blocks.borrow());
            // A block that cannot be listed is a block, too.
            let has_blocks = !list.of(tenant).is_empty()
                || !list.compacted_of(tenant).is_empty()
                || listing.skipped.iter().any(|block| block.tenant == *tenant);
            if has_blocks {
                continue;
            }
            match leftovers::delete(shard.store.backend(), tenant, before).await {
                Ok(None) => {}
                Ok(Some(objects)) => {
                    tracing::info!(%tenant, objects, "a tenant without blocks was deleted");
                    self.node.counters().add(&family::EMPTY_TENANTS_DELETED, &[], 1.0);
                }
                Err(error) => {
                    tracing::error!(%tenant, %error, "a tenant without blocks cannot be deleted");
                    count_error(&self.node, tenant);
                }
            }
            yield_if_due().await;
        }
    }

    async fn list(&self, known: &BlockList, memory: &ListMemory) -> io::Result<Listing> {
        let shard = self.node.shard();
        let job = ListJob {
            backend: shard.store.backend(),
            known,
            settings: &shard.settings.poll,
            now_unix_nanos: shard.clock.unix_nanos(),
            memory,
        };
        job.run().await
    }

    /// The first poll. While an object store is away it is tried again; what the configuration or
    /// the store's owner must mend is an error.
    ///
    /// # Errors
    /// The list cannot be read.
    pub async fn first(&mut self) -> io::Result<()> {
        let mut pause = FIRST_RETRY.0;
        loop {
            let Err(error) = self.poll().await else { return Ok(()) };
            let final_kinds = [ErrorKind::PermissionDenied, ErrorKind::InvalidInput];
            let local = self.node.shard().store.backend().store().is_none();
            if local || final_kinds.contains(&error.kind()) {
                return Err(error);
            }
            tracing::error!(%error, "the list of blocks could not be read; will try again");
            count_error(&self.node, &TenantId::single());
            sleep(pause).await;
            pause = (pause * 2).min(FIRST_RETRY.1);
        }
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

    /// Polls as often as configured, and writes tenant indexes.
    pub async fn run(mut self) {
        loop {
            if self.node.settings().poll.writes_index {
                self.write_indexes().await;
            }
            self.show_index_ages();
            sleep(self.node.settings().blocklist_poll.max(PAUSE_MIN)).await;
            if let Err(error) = self.poll().await {
                tracing::error!(%error, "the list of blocks could not be read");
                count_error(&self.node, &TenantId::single());
                self.listed.clear();
            }
        }
    }

    /// Writes the indexes of the tenants that were listed, where there are others to read them: a
    /// directory is listed as quickly.
    async fn write_indexes(&mut self) {
        let shard = Rc::clone(self.node.shard());
        let backend = shard.store.backend();
        if backend.store().is_none() {
            return;
        }
        for tenant in std::mem::take(&mut self.listed) {
            let list = Arc::clone(&shard.blocks.borrow());
            let (live, compacted) = (list.of(&tenant), list.compacted_of(&tenant));
            let now = shard.clock.unix_nanos();
            let mut memory = shard.budget.charge(Use::BlockList, 0);
            let written = indexes::write(backend, &tenant, live, compacted, now, &mut memory).await;
            let label = [tenant.as_str()];
            shard.metrics.set(&family::TENANT_INDEX_BUILDER, &label, 1.0);
            match written {
                Ok(()) => drop(self.indexes_made.insert(tenant, now)),
                Err(error) => {
                    tracing::warn!(%tenant, %error, "a tenant index could not be written");
                    shard.metrics.add(&family::TENANT_INDEX_ERRORS, &label, 1.0);
                    // One of which nothing is known is at least so old.
                    self.indexes_made.entry(tenant).or_insert(now);
                }
            }
            yield_if_due().await;
        }
    }

    /// They grow while indexes cannot be read or written.
    fn show_index_ages(&self) {
        let now = self.node.clock().unix_nanos();
        // Of tenants that are gone nothing is shown.
        self.node.counters().clear(&family::TENANT_INDEX_AGE);
        for (tenant, made_unix_nanos) in &self.indexes_made {
            let age = now.saturating_sub(*made_unix_nanos) as f64 / 1e9;
            self.node.counters().set(&family::TENANT_INDEX_AGE, &[tenant.as_str()], age);
        }
    }

    fn report(&mut self, listing: &Listing) {
        for (tenant, error) in &listing.errors {
            tracing::error!(%tenant, error, "blocks of a tenant could not be listed");
            count_error(&self.node, tenant);
        }
        for (tenant, error) in &listing.index_errors {
            tracing::warn!(%tenant, error, "a tenant index could not be read");
            let metrics = self.node.counters();
            metrics.add(&family::TENANT_INDEX_ERRORS, &[tenant.as_str()], 1.0);
        }
        for (tenant, created_unix_nanos) in &listing.indexes {
            self.indexes_made.insert(tenant.clone(), *created_unix_nanos);
            self.node.counters().set(&family::TENANT_INDEX_BUILDER, &[tenant.as_str()], 0.0);
        }
        // Of tenants that could not be listed nothing new is known.
        let is_unseen = |tenant: &TenantId| listing.errors.iter().any(|(it, _)| it == tenant);
        let unseen = self.skipped.iter().filter(|(tenant, _)| is_unseen(tenant));
        let mut skipped: HashSet<_> = unseen.cloned().collect();
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
