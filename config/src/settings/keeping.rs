//! Compaction and retention: `compactor` (2.x), `backend_scheduler` and `backend_worker` (3.x)
//! (config.md §5). All of them run inside of the one process.

use serde::Serialize;
use std::time::Duration;

use crate::duration::as_text;

/// Whether blocks are merged at all (2.x; 3.x has no key for it).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compactor {
    /// Blocks are neither merged nor deleted.
    pub disabled: bool,
}

/// What plans compaction and retention.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BackendScheduler {
    /// What it plans.
    pub provider: Provider,
}

/// What the scheduler plans.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Provider {
    /// When old blocks are looked for.
    pub retention: RetentionJobs,
    /// Which blocks are merged.
    pub compaction: CompactionJobs,
}

/// When old blocks are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RetentionJobs {
    /// How often.
    #[serde(serialize_with = "as_text")]
    pub interval: Duration,
}

impl Default for RetentionJobs {
    fn default() -> Self {
        Self { interval: Duration::from_secs(3600) }
    }
}

/// Which blocks are merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CompactionJobs {
    /// What 2.x has in `compactor.compaction`, and the worker in `backend_worker.compaction`.
    pub compaction: Compaction,
    /// Jobs of a tenant that are planned at a time.
    pub max_jobs_per_tenant: u64,
    /// Fewest inputs of a job.
    pub min_input_blocks: u64,
    /// Most inputs of a job.
    pub max_input_blocks: u64,
    /// Blocks of this level are not merged any more; 0 is no limit.
    pub max_compaction_level: u64,
    /// Time between two plans (2.x `compaction_cycle`).
    #[serde(serialize_with = "as_text")]
    pub min_cycle_interval: Duration,
}

impl Default for CompactionJobs {
    fn default() -> Self {
        Self {
            compaction: Compaction::default(),
            max_jobs_per_tenant: 1000,
            min_input_blocks: 2,
            max_input_blocks: 4,
            max_compaction_level: 0,
            min_cycle_interval: Duration::from_secs(30),
        }
    }
}

/// Limits of merged blocks, and how long blocks are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compaction {
    /// Blocks that end in the same window are merged.
    #[serde(serialize_with = "as_text")]
    pub compaction_window: Duration,
    /// Most traces of a merged block.
    pub max_compaction_objects: u64,
    /// Most bytes of a merged block.
    pub max_block_bytes: u64,
    /// Blocks that ended so long ago expire.
    #[serde(serialize_with = "as_text")]
    pub block_retention: Duration,
    /// So long after it was superseded or has expired, a block is deleted.
    #[serde(serialize_with = "as_text")]
    pub compacted_block_retention: Duration,
    /// Blocks that are marked or deleted at a time.
    pub retention_concurrency: u64,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            compaction_window: Duration::from_secs(3600),
            max_compaction_objects: 6_000_000,
            max_block_bytes: 107_374_182_400,
            block_retention: Duration::from_secs(336 * 3600),
            compacted_block_retention: Duration::from_secs(3600),
            retention_concurrency: 10,
        }
    }
}
