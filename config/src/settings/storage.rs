//! `storage`: where blocks and the write-ahead log live, and the form of blocks (config.md §7).

use serde::{Serialize, Serializer};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

use super::object_stores::{Azure, Gcs, S3};
use crate::duration::as_text;

/// Where blocks and the write-ahead log live.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Storage {
    /// Storage of traces, the only kind there is.
    pub trace: Trace,
}

/// Storage of traces.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// Kind of place where blocks live.
    pub backend: Backend,
    /// Blocks on a local file system.
    pub local: Local,
    /// The write-ahead log.
    pub wal: WalPath,
    /// Form of new blocks.
    pub block: Block,
    /// How often the list of blocks is read again from the backend.
    #[serde(serialize_with = "as_text")]
    pub blocklist_poll: Duration,
    /// How the list of blocks is read.
    #[serde(flatten)]
    pub poll: BlocklistPoll,
    /// Blocks in S3.
    pub s3: S3,
    /// Blocks in Google Cloud Storage.
    pub gcs: Gcs,
    /// Blocks in Azure.
    pub azure: Azure,
}

/// How the list of blocks is read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlocklistPoll {
    /// Metas of blocks that are read at a time.
    pub blocklist_poll_concurrency: u64,
    /// Tenants that are looked at at a time.
    pub blocklist_poll_tenant_concurrency: u64,
    /// Where a tenant index cannot be read, the tenant's blocks are listed.
    pub blocklist_poll_fallback: bool,
    /// 0: indexes are read and not written. Otherwise this process lists blocks and writes them.
    pub blocklist_poll_tenant_index_builders: u64,
    /// An older index is not believed; 0 is any.
    #[serde(serialize_with = "as_text")]
    pub blocklist_poll_stale_tenant_index: Duration,
    /// Up to so many milliseconds are waited before each tenant.
    pub blocklist_poll_jitter_ms: u64,
    /// A tenant that failed is looked at again so often in one poll.
    pub blocklist_poll_tolerate_consecutive_errors: u64,
    /// With more failed tenants the poll changes nothing.
    pub blocklist_poll_tolerate_tenant_failures: u64,
    /// What is left of tenants without blocks is deleted.
    pub empty_tenant_deletion_enabled: bool,
    /// Once it is so old.
    #[serde(serialize_with = "as_text")]
    pub empty_tenant_deletion_age: Duration,
}

impl Default for BlocklistPoll {
    fn default() -> Self {
        Self {
            blocklist_poll_concurrency: 50,
            blocklist_poll_tenant_concurrency: 1,
            blocklist_poll_fallback: true,
            blocklist_poll_tenant_index_builders: 2,
            blocklist_poll_stale_tenant_index: Duration::ZERO,
            blocklist_poll_jitter_ms: 0,
            blocklist_poll_tolerate_consecutive_errors: 1,
            blocklist_poll_tolerate_tenant_failures: 1,
            empty_tenant_deletion_enabled: false,
            empty_tenant_deletion_age: Duration::from_secs(12 * 3600),
        }
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            backend: Backend::Local,
            local: Local::default(),
            wal: WalPath::default(),
            block: Block::default(),
            blocklist_poll: Duration::from_secs(300),
            poll: BlocklistPoll::default(),
            s3: S3::default(),
            gcs: Gcs::default(),
            azure: Azure::default(),
        }
    }
}

/// Kind of place where blocks live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A directory of this machine.
    Local,
    /// S3.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// Blocks on a local file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Local {
    /// Directory with one directory per tenant. Empty only in the defaults: loading demands it.
    pub path: PathBuf,
}

/// The write-ahead log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WalPath {
    /// Directory of the write-ahead log.
    pub path: PathBuf,
    /// Span times further than this from the receive time do not stretch a block's time range.
    #[serde(serialize_with = "as_text")]
    pub ingestion_time_range_slack: Duration,
}

impl Default for WalPath {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/tempo/wal"),
            ingestion_time_range_slack: Duration::from_secs(120),
        }
    }
}

/// Form of new blocks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Block {
    /// `vParquet5` or `vParquet4`; older names in the file load with a warning, as the latter.
    pub version: BlockVersion,
    /// Wanted rate of false positives of the Bloom filter, between 0 and 1, both excluded.
    pub bloom_filter_false_positive: f64,
    /// Bytes of one shard of the Bloom filter.
    pub bloom_filter_shard_size_bytes: u64,
    /// Bytes of uncompressed data at which a row group ends.
    pub parquet_row_group_size_bytes: u64,
    /// Attributes with a column of their own, in the order of their spare columns (blocks.md §11).
    pub parquet_dedicated_columns: Vec<DedicatedColumn>,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            version: BlockVersion::VParquet5,
            bloom_filter_false_positive: 0.01,
            bloom_filter_shard_size_bytes: 102_400,
            parquet_row_group_size_bytes: 100_000_000,
            parquet_dedicated_columns: default_dedicated_columns(),
        }
    }
}

/// Format of new blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum BlockVersion {
    /// `vParquet4`, for Tempo 2.5 to 3.0.
    #[serde(rename = "vParquet4")]
    VParquet4,
    /// `vParquet5`.
    #[default]
    #[serde(rename = "vParquet5")]
    VParquet5,
}

/// An attribute with a column of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedicatedColumn {
    /// Whose attribute.
    pub scope: ColumnScope,
    /// Name of the attribute without its scope.
    pub name: String,
    /// Type of the values that go into the column.
    pub column_type: ColumnType,
    /// Option `array`: values are usually arrays. Changes nothing in the file.
    pub array: bool,
    /// Option `blob`: long values; Zstd, no dictionary, no page bounds.
    pub blob: bool,
}

impl Serialize for DedicatedColumn {
    /// Writes the form of the file: `{scope, name, type, options: [array, blob]}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let options = [("array", self.array), ("blob", self.blob)];
        let options = options.iter().filter(|(_, on)| *on).map(|(name, _)| *name);
        json!({
            "scope": self.scope,
            "name": self.name,
            "type": self.column_type,
            "options": options.collect::<Vec<_>>(),
        })
        .serialize(serializer)
    }
}

/// Whose attribute a dedicated column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnScope {
    /// Resource attributes.
    Resource,
    /// Span attributes.
    Span,
    /// Attributes of span events.
    Event,
}

/// Type of a dedicated column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// 64-bit integers.
    Int,
}

/// The 14 columns that Tempo 3.x dedicates by default, in its order (blocks.md §11).
#[must_use]
pub fn default_dedicated_columns() -> Vec<DedicatedColumn> {
    use ColumnScope::{Resource, Span};
    use ColumnType::{Int, String};
    [
        (Resource, String, "k8s.cluster.name"),
        (Resource, String, "k8s.namespace.name"),
        (Resource, String, "k8s.pod.name"),
        (Resource, String, "k8s.container.name"),
        (Span, String, "http.request.method"),
        (Span, Int, "http.response.status_code"),
        (Span, String, "url.path"),
        (Span, String, "url.route"),
        (Span, String, "server.address"),
        (Span, Int, "server.port"),
        (Span, String, "http.method"),
        (Span, String, "http.url"),
        (Span, String, "http.route"),
        (Span, Int, "http.status_code"),
    ]
    .into_iter()
    .map(|(scope, column_type, name)| DedicatedColumn {
        scope,
        name: name.to_owned(),
        column_type,
        array: false,
        blob: false,
    })
    .collect()
}
