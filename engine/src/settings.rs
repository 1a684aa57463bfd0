//! What a shard needs to know of the configuration: validated values in typed units.

use std::path::PathBuf;
use std::time::Duration;

use stringendo_block::{DedicatedColumn, Version};
use stringendo_store::Store;

use crate::admission::DiscardLog;
use crate::compaction::plan::Rules;
use crate::limits_reload::LimitsSource;
use crate::outer_cache::OuterCacheSettings;
use crate::tenant_limits::TenantLimits;
use crate::user_limits::UserLimitsSettings;

/// Settings of the engine; the root package makes them from the configuration.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Directory of the WAL's segments.
    pub wal_path: PathBuf,
    /// Where blocks are kept.
    pub backend: BackendSettings,
    /// How the list of blocks is read.
    pub poll: PollSettings,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// Bytes of a WAL segment.
    pub segment_bytes: u64,
    /// Bytes of memory that each core may use.
    pub budget_bytes_per_core: u64,
    /// A segment is sealed when its live data is this large…
    pub block_bytes_max: u64,
    /// …or this old.
    pub block_age_max: Duration,
    /// Hint in refusals, for tenants that get one; `None` sends none.
    pub retry_after: Option<Duration>,
    /// A trace without new spans for so long is not live any more.
    pub trace_idle: Duration,
    /// Limits of tenants.
    pub limits: LimitsSource,
    /// What becomes known of spans that limits of traces drop.
    pub discard_log: DiscardLog,
    /// What tenants may set for themselves; `None` if nothing.
    pub user_limits: Option<UserLimitsSettings>,
    /// How often the block list is read again.
    pub blocklist_poll: Duration,
    /// Bytes that a query may read of blocks; 0 = no limit.
    pub query_bytes_max: u64,
    /// How blocks are written.
    pub block: BlockSettings,
    /// Which blocks are merged, and when.
    pub compaction: CompactionSettings,
    /// How long blocks are kept.
    pub retention: RetentionSettings,
    /// Caches outside the process.
    pub outer_caches: OuterCacheSettings,
}

/// Which blocks are merged, and when.
#[derive(Clone, Debug)]
pub struct CompactionSettings {
    /// Blocks are neither merged nor deleted.
    pub disabled: bool,
    /// The process does nothing else: no spans come and no queries, so no log is kept ready, and
    /// merging has the memory.
    pub alone: bool,
    /// Which blocks go together.
    pub rules: Rules,
    /// Time between two plans.
    pub cycle: Duration,
    /// Jobs of a tenant that are planned at a time.
    pub tenant_jobs_max: usize,
    /// Jobs at a time, one on a core at most; 0 = one per core.
    pub jobs_max: usize,
    /// Bytes that all jobs together may read per second; 0 = no limit.
    pub bytes_per_second: u64,
}

impl Default for CompactionSettings {
    /// Contract config.md §5.
    fn default() -> Self {
        Self {
            disabled: false,
            alone: false,
            rules: Rules::default(),
            cycle: Duration::from_secs(30),
            tenant_jobs_max: 1000,
            jobs_max: 0,
            bytes_per_second: 0,
        }
    }
}

/// How long blocks are kept.
#[derive(Clone, Debug)]
pub struct RetentionSettings {
    /// Blocks that ended so long ago expire.
    pub block_retention: Duration,
    /// So long after it was superseded or has expired, a block is deleted.
    pub compacted_retention: Duration,
    /// How often old blocks are looked for.
    pub interval: Duration,
    /// Blocks that are marked or deleted at a time.
    pub concurrency: usize,
    /// Bytes of live blocks that a tenant may keep; 0 = no limit.
    pub tenant_bytes_max: u64,
    /// Bytes that stay free on the disk of a local backend; 0 = no limit.
    pub free_disk_bytes_min: u64,
}

impl Default for RetentionSettings {
    /// Contract config.md §5.
    fn default() -> Self {
        Self {
            block_retention: Duration::from_secs(336 * 3600),
            compacted_retention: Duration::from_secs(3600),
            interval: Duration::from_secs(3600),
            concurrency: 10,
            tenant_bytes_max: 0,
            free_disk_bytes_min: 0,
        }
    }
}

/// What a tenant may have of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenantKeeping {
    /// Its blocks are neither merged nor deleted.
    pub disabled: bool,
    /// Window of compaction.
    pub window: Duration,
    /// Age at which its blocks expire.
    pub block_retention: Duration,
}

impl EngineSettings {
    /// What holds for the blocks of a tenant with these limits.
    pub fn keeping(&self, limits: &TenantLimits) -> TenantKeeping {
        let or = |own: Duration, of_all| if own.is_zero() { of_all } else { own };
        TenantKeeping {
            disabled: self.compaction.disabled || limits.compaction_disabled,
            window: or(limits.compaction_window, self.compaction.rules.window),
            block_retention: or(limits.block_retention, self.retention.block_retention),
        }
    }
}

/// Where blocks are kept.
#[derive(Clone, Debug)]
pub enum BackendSettings {
    /// A directory: `<tenant>/<block id>/…`.
    Local(PathBuf),
    /// S3, GCS or Azure; all cores share the client.
    Object(Store),
}

/// How the list of blocks is read (contract blocks.md §21).
#[derive(Clone, Debug)]
pub struct PollSettings {
    /// Tenants that are looked at at a time.
    pub tenants_at_once: usize,
    /// Metas of blocks that are read at a time, for each tenant.
    pub metas_at_once: usize,
    /// Blocks are listed, and tenant indexes written; otherwise indexes are read.
    pub writes_index: bool,
    /// Where an index cannot be read, blocks are listed.
    pub falls_back: bool,
    /// An older index is not believed.
    pub index_age_max: Option<Duration>,
    /// Up to so long is waited before each tenant.
    pub jitter_max: Duration,
    /// A tenant that failed is looked at again so often in one poll.
    pub tenant_retries_max: usize,
    /// With more failed tenants the poll changes nothing.
    pub failed_tenants_max: usize,
    /// What is left of tenants without blocks is deleted when it is so old; `None`: never.
    pub empty_tenant_age: Option<Duration>,
}

impl Default for PollSettings {
    fn default() -> Self {
        Self {
            tenants_at_once: 1,
            metas_at_once: 50,
            writes_index: true,
            falls_back: true,
            index_age_max: None,
            jitter_max: Duration::ZERO,
            tenant_retries_max: 1,
            failed_tenants_max: 1,
            empty_tenant_age: None,
        }
    }
}

/// How blocks are written.
#[derive(Clone, Debug)]
pub struct BlockSettings {
    /// Format of new blocks.
    pub version: Version,
    /// Attributes with a column of their own.
    pub dedicated_columns: Vec<DedicatedColumn>,
    /// `bloom_filter_false_positive`.
    pub bloom_false_positive: f64,
    /// `bloom_filter_shard_size_bytes`.
    pub bloom_shard_bytes: usize,
    /// `parquet_row_group_size_bytes`.
    pub row_group_bytes: u64,
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Acknowledge after `fdatasync`: nothing acknowledged is lost, whatever crashes.
    Sync,
    /// Acknowledge after the write, sync at this interval: a crash of the machine loses what was
    /// acknowledged since the last sync.
    Interval(Duration),
    /// Acknowledge after the write: a crash of the machine loses what the kernel had not written.
    Os,
}
