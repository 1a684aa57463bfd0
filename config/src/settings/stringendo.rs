//! `stringendo`: what Tempo has no key for (docs/CONFIGURATION.md).

use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

use crate::duration::as_text;

/// What Tempo has no key for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stringendo {
    /// Shards, each one thread; 0 is one per processor that the process may use.
    pub cores: usize,
    /// Whether each shard's thread is pinned to one processor.
    pub pin_cores: bool,
    /// Memory that one shard may use for spans, queues and caches, bytes. Ingest is refused with a
    /// retry hint when it is used up.
    pub memory_budget_per_core_bytes: u64,
    /// Queries.
    pub query: Query,
    /// The work of merging blocks.
    pub compaction: CompactionWork,
    /// Which blocks expire beside those that are too old.
    pub retention: Retention,
    /// The write-ahead log.
    pub wal: Wal,
}

impl Default for Stringendo {
    fn default() -> Self {
        Self {
            cores: 0,
            pin_cores: true,
            memory_budget_per_core_bytes: 512 << 20,
            query: Query::default(),
            compaction: CompactionWork::default(),
            retention: Retention::default(),
            wal: Wal::default(),
        }
    }
}

/// What a single query may cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Query {
    /// Bytes that it may read of blocks; what was found until then is answered, and says so. 0 is
    /// no limit.
    pub max_read_bytes: u64,
}

/// The work of merging blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompactionWork {
    /// Jobs at a time, one on a core at most; 0 is one per core.
    pub max_concurrent_jobs: usize,
    /// Bytes that all jobs together may read per second; 0 is no limit.
    pub max_bytes_per_second: u64,
}

/// Which blocks expire beside those that are too old. The oldest go first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retention {
    /// Bytes of live blocks that a tenant may keep; 0 is no limit.
    pub max_bytes_per_tenant: u64,
    /// Bytes that stay free on the file system of a local backend; 0 is no limit.
    pub min_free_disk_bytes: u64,
}

/// The write-ahead log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wal {
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// Time between syncs of durability `interval`; the other modes ignore it.
    #[serde(serialize_with = "as_text")]
    pub interval: Duration,
    /// Size of one segment file and of its image in memory, bytes.
    pub segment_size_bytes: u64,
    /// Directory of the segments; follows `storage.trace.wal.path` unless given.
    pub path: PathBuf,
}

impl Default for Wal {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            interval: Duration::from_millis(100),
            segment_size_bytes: 64 << 20,
            path: PathBuf::from("/var/tempo/wal"),
        }
    }
}

/// What an acknowledgement promises, and so what a crash may lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Acknowledge after `fdatasync`: nothing acknowledged is lost in a crash of the process, of
    /// the kernel or of the power.
    Sync,
    /// Acknowledge after the write, sync every `interval`: a crash of the process loses nothing,
    /// one of the kernel or of the power loses up to `interval` of acknowledged spans.
    Interval,
    /// Acknowledge after the write, never sync: a crash of the process loses nothing, one of the
    /// kernel or of the power loses what the kernel had not written yet, usually up to 30 seconds.
    Os,
}
