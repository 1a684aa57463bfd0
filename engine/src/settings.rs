//! What a shard needs to know of the configuration: validated values in typed units.

use std::path::PathBuf;
use std::time::Duration;

use stringendo_block::DedicatedColumn;

use crate::limits_reload::LimitsSource;

/// Settings of the engine; the root package makes them from the configuration.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Directory of the WAL's segments.
    pub wal_path: PathBuf,
    /// Directory of the local backend: `<tenant>/<block id>/…`.
    pub blocks_path: PathBuf,
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
    /// Limits of tenants.
    pub limits: LimitsSource,
    /// How often the block list is read again.
    pub blocklist_poll: Duration,
    /// Bytes that a query may read of blocks; 0 = no limit.
    pub query_bytes_max: u64,
    /// How blocks are written.
    pub block: BlockSettings,
}

/// How blocks are written.
#[derive(Clone, Debug)]
pub struct BlockSettings {
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
