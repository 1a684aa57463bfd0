//! How long blocks are kept (contract blocks.md §21), and what expires before that for want of
//! space.
//!
//! ```text
//!  live ──(older than block_retention, or the oldest beyond a limit of bytes)──▶ marked compacted
//!  compacted ──(so for longer than compacted_block_retention)──▶ all objects removed
//! ```
//!
//! On core 0, in the lowest class. A block is deleted only if it was superseded or has expired, and
//! only if the backend says so too: where there is a `meta.json` again, somebody wants it back.
//! Blocks that are being merged are left alone; what is made of them expires in their place.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use stringendo_ring::{CoreId, sleep};

use crate::backend::listing::META_BYTES_MAX;
use crate::backend::object;
use crate::block_list::{BlockChange, BlockList, CompactedBlock};
use crate::compaction::keeping::BlockKey;
use crate::compaction::report::RETENTION;
use crate::message::Message;
use crate::metrics::families as family;
use crate::node::Node;
use crate::tenant::TenantId;

pub mod plan;

use plan::{Expired, Reason};

/// The shortest pause between two passes, however it is configured.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Marks what has expired and deletes what was marked long enough ago.
pub struct Retention {
    node: Node,
}

/// What became of a block that was to be deleted.
enum Deleted {
    Yes,
    /// It is live in the backend: somebody has put it back, or its mark is still missing.
    IsLive,
    Failed(io::Error),
}

impl Retention {
    /// For core 0.
    pub fn new(node: Node) -> Self {
        Self { node }
    }

    /// Looks for old blocks as often as configured, and whether limits of bytes are kept as often
    /// as compaction plans.
    pub async fn run(self) {
        let (settings, cycle) =
            (&self.node.settings().retention, self.node.settings().compaction.cycle);
        // Not at once: what was started by mistake can be stopped.
        let mut next =
            self.node.shard().now() + settings.interval.min(self.node.settings().blocklist_poll);
        loop {
            sleep(cycle.min(settings.interval).max(PAUSE_MIN)).await;
            if !self.node.shard().keeping.tenure.lasts(self.node.shard().now()) {
                continue;
            }
            if self.node.shard().now() >= next {
                self.pass().await;
                next = self.node.shard().now() + settings.interval;
            }
            self.keep_limits().await;
        }
    }

    /// Both phases, by age.
    pub async fn pass(&self) {
        let begun = self.node.shard().now();
        self.mark_old().await;
        self.delete_due().await;
        let took = self.node.shard().now().saturating_sub(begun).as_secs_f64();
        self.node.counters().observe(&family::RETENTION_DURATION, &[], took);
        self.node.counters().observe(&family::JOB_DURATION, &[RETENTION], took);
    }

    fn list(&self) -> Arc<BlockList> {
        Arc::clone(&self.node.shard().blocks.borrow())
    }

    /// The first phase, by age.
    pub async fn mark_old(&self) {
        self.expire(0, true).await;
    }

    /// What was configured beside age: bytes of a tenant, and space on the disk.
    pub async fn keep_limits(&self) {
        let bytes_max = self.node.settings().retention.tenant_bytes_max;
        if bytes_max > 0 {
            self.expire(bytes_max, false).await;
        }
        self.make_room().await;
    }

    fn may(&self) -> impl Fn(&TenantId) -> bool {
        |tenant| !self.node.shard().keeping_of(tenant).disabled
    }

    /// Marks what is too old or too much.
    async fn expire(&self, bytes_max: u64, by_age: bool) {
        let of = |tenant: &_| {
            let keeping = self.node.shard().keeping_of(tenant);
            let retention = if by_age { keeping.block_retention } else { Duration::MAX };
            (!keeping.disabled).then_some(retention)
        };
        let now = self.node.clock().unix_nanos();
        let expired = plan::expired(&self.list(), of, bytes_max, now);
        self.mark(expired).await;
    }

    /// Marks blocks in the backend, then takes them off the list. Those that could not be marked
    /// stay. Tells which were.
    async fn mark(&self, expired: Vec<Expired>) -> Vec<BlockKey> {
        let keeping = &self.node.shard().keeping;
        let expired = expired.into_iter().filter(|one| !keeping.is_busy(&one.key));
        let mark = |one: Expired| async move {
            let (tenant, id) = &one.key;
            let outcome = self.node.shard().store.backend().mark_compacted(tenant, id).await;
            (one, outcome)
        };
        let concurrency = self.node.settings().retention.concurrency.max(1);
        let mut outcomes = stream::iter(expired.map(mark)).buffer_unordered(concurrency);
        let mut marked = Vec::new();
        while let Some((one, outcome)) = outcomes.next().await {
            let (tenant, block) = &one.key;
            match outcome {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    let what = "an expired block could not be marked";
                    tracing::error!(%tenant, %block, %error, "{what}");
                    self.count_error("mark");
                }
                _ => {
                    let reason = one.reason.name();
                    tracing::info!(%tenant, %block, reason, "block expired");
                    self.count_expired(&one);
                    marked.push(one.key);
                }
            }
        }
        let now = self.node.clock().unix_nanos();
        let compacted = |(tenant, id): &BlockKey| BlockChange::Compacted(tenant.clone(), *id, now);
        self.change(marked.iter().map(compacted).collect()).await;
        marked
    }

    fn count_expired(&self, one: &Expired) {
        let metrics = self.node.counters();
        metrics.add(&family::RETENTION_MARKED, &[], 1.0);
        metrics.add(&family::RETENTION_EXPIRED, &[one.key.0.as_str(), one.reason.name()], 1.0);
    }

    fn count_error(&self, reason: &str) {
        self.node.counters().add(&family::RETENTION_ERRORS, &[], 1.0);
        self.node.counters().add(&family::RETENTION_FAILURES, &[reason], 1.0);
    }

    async fn change(&self, changes: Vec<BlockChange>) {
        if !changes.is_empty() {
            // Core 0 answers itself; without an answer the process is going down.
            let change = |answer| Message::ChangeBlocks(changes, answer);
            let _ = self.node.ask(CoreId(0), change).await;
        }
    }

    /// The second phase.
    pub async fn delete_due(&self) {
        let settings = self.node.settings();
        let (list, now) = (self.list(), self.node.clock().unix_nanos());
        let due = plan::due(&list, self.may(), settings.retention.compacted_retention, now);
        self.delete(due).await;
    }

    /// Deletes compacted blocks, and takes them off the list; tells how many bytes of rows went.
    async fn delete(&self, blocks: Vec<Arc<CompactedBlock>>) -> u64 {
        let blocks = blocks.into_iter().filter(|block| !self.vouches(block));
        let delete = |block: Arc<CompactedBlock>| async move {
            let outcome = self.delete_one(&block).await;
            (block, outcome)
        };
        let concurrency = self.node.settings().retention.concurrency.max(1);
        let mut outcomes = stream::iter(blocks.map(delete)).buffer_unordered(concurrency);
        let (mut gone, mut bytes) = (Vec::new(), 0_u64);
        while let Some((block, outcome)) = outcomes.next().await {
            let (tenant, id) = (&block.entry.tenant, block.entry.meta.block_id);
            match outcome {
                Deleted::Yes => {
                    tracing::info!(%tenant, block = %id, "block deleted");
                    self.node.counters().add(&family::RETENTION_DELETED, &[], 1.0);
                    bytes = bytes.saturating_add(block.entry.meta.size);
                    gone.push(BlockChange::Removed(tenant.clone(), id));
                }
                Deleted::IsLive if self.node.shard().keeping.owes_mark(&(tenant.clone(), id)) => {}
                Deleted::IsLive => {
                    tracing::warn!(
                        %tenant, block = %id,
                        "a block that was to be deleted has a meta.json again: it stays"
                    );
                    // The next poll lists it.
                    gone.push(BlockChange::Removed(tenant.clone(), id));
                }
                Deleted::Failed(error) => {
                    tracing::error!(%tenant, block = %id, %error, "a block could not be deleted");
                    self.count_error("delete");
                }
            }
        }
        self.change(gone).await;
        bytes
    }

    /// Whether a block tells of others, which the backend still shows as live, that they were
    /// superseded: it goes after them.
    fn vouches(&self, block: &CompactedBlock) -> bool {
        let (tenant, keeping) = (&block.entry.tenant, &self.node.shard().keeping);
        block.entry.meta.inputs.iter().any(|id| keeping.owes_mark(&(tenant.clone(), *id)))
    }

    async fn delete_one(&self, block: &CompactedBlock) -> Deleted {
        let backend = self.node.shard().store.backend();
        let (tenant, id) = (&block.entry.tenant, &block.entry.meta.block_id);
        match backend.read_object(tenant, id, object::META, META_BYTES_MAX).await {
            Ok(_) => return Deleted::IsLive,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Deleted::Failed(error),
        }
        backend.delete_block(tenant, id).await.map_or_else(Deleted::Failed, |()| Deleted::Yes)
    }

    /// Keeps the configured space on a local disk free: what was superseded goes first, then the
    /// oldest blocks of all.
    async fn make_room(&self) {
        let least = self.node.settings().retention.free_disk_bytes_min;
        if least == 0 {
            return;
        }
        let lacking = match self.node.shard().store.backend().free_bytes().await {
            Ok(Some(free)) => least.saturating_sub(free),
            // An object store has no end.
            Ok(None) => 0,
            Err(error) => {
                tracing::error!(%error, "free space could not be asked for");
                self.count_error("free_space");
                0
            }
        };
        if lacking == 0 {
            return;
        }
        tracing::warn!(lacking, "the disk is short of space: blocks are deleted before their time");
        let compacted = plan::compacted_first(&self.list(), self.may(), lacking);
        let freed = self.delete(compacted).await;
        if freed >= lacking {
            return;
        }
        let expired = plan::oldest(&self.list(), self.may(), lacking - freed);
        let marked = self.mark(expired).await;
        let list = self.list();
        let now_compacted = marked.iter().filter_map(|(tenant, id)| {
            let is_it = |block: &&Arc<CompactedBlock>| block.entry.meta.block_id == *id;
            list.compacted_of(tenant).iter().find(is_it).cloned()
        });
        self.delete(now_compacted.collect()).await;
    }
}

impl Reason {
    /// For logs and the label of a metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::TenantBytes => "tenant_bytes",
            Self::DiskSpace => "disk_space",
        }
    }
}
