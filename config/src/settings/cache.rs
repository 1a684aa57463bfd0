//! `cache`: caches outside the process (config.md §7.5).

use serde::Serialize;
use std::time::Duration;

use super::ClientTls;
use crate::duration::as_text;

/// Caches outside the process, and what each is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Caches {
    /// How values get there.
    pub background: CacheBackground,
    /// The caches. No role is in two of them.
    pub caches: Vec<CacheEntry>,
}

/// Values are written behind the answer, out of a bounded queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheBackground {
    /// Writes under way at a time, in the whole process.
    pub writeback_goroutines: u64,
    /// Values that wait to be written, in the whole process; more are not written at all.
    pub writeback_buffer: u64,
}

impl Default for CacheBackground {
    fn default() -> Self {
        Self { writeback_goroutines: 10, writeback_buffer: 10_000 }
    }
}

/// A cache and its roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheEntry {
    /// What it is asked for.
    pub roles: Vec<CacheRole>,
    /// Of the two, one is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memcached: Option<Memcached>,
    /// Of the two, one is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<Redis>,
    /// Only blocks of at least this compaction level. Of the old form alone, so there is no key
    /// to print it with.
    #[serde(skip)]
    pub cache_min_compaction_level: u32,
    /// Only blocks that are not older; zero: all. Of the old form alone.
    #[serde(skip)]
    pub cache_max_block_age: Duration,
}

/// What a cache is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheRole {
    /// Bloom filters, and our own filters.
    Bloom,
    /// The row-group index, which is never read here.
    TraceIdIndex,
    /// Footers of Parquet files.
    ParquetFooter,
    /// Their column indexes, which are never read here.
    ParquetColumnIdx,
    /// Their offset indexes.
    ParquetOffsetIdx,
    /// Their pages.
    ParquetPage,
    /// Answers of parts of searches.
    FrontendSearch,
}

impl CacheRole {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Bloom,
        Self::TraceIdIndex,
        Self::ParquetFooter,
        Self::ParquetColumnIdx,
        Self::ParquetOffsetIdx,
        Self::ParquetPage,
        Self::FrontendSearch,
    ];

    /// Its name in the file, and in labels of metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bloom => "bloom",
            Self::TraceIdIndex => "trace-id-index",
            Self::ParquetFooter => "parquet-footer",
            Self::ParquetColumnIdx => "parquet-column-idx",
            Self::ParquetOffsetIdx => "parquet-offset-idx",
            Self::ParquetPage => "parquet-page",
            Self::FrontendSearch => "frontend-search",
        }
    }
}

/// Servers of memcached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Memcached {
    /// A name whose addresses are the servers.
    pub host: String,
    /// The servers' port, if it is a number; else it is 11211.
    pub service: String,
    /// Servers instead of `host`: `host:port`, several with commas between; `dns+host:port` is a
    /// name whose addresses are all servers.
    pub addresses: String,
    /// Of a question or a write, connecting included.
    #[serde(serialize_with = "as_text")]
    pub timeout: Duration,
    /// Of connecting; zero: the same.
    #[serde(serialize_with = "as_text")]
    pub connect_timeout: Duration,
    /// Connections to a server that are kept without a use.
    pub max_idle_conns: u64,
    /// Larger values are not written, bytes; 0: no limit.
    pub max_item_size: u64,
    /// How often names are looked up again.
    #[serde(serialize_with = "as_text")]
    pub update_interval: Duration,
    /// How long a value is kept; zero: as long as there is room.
    #[serde(serialize_with = "as_text")]
    pub ttl: Duration,
    /// So many failures in a row make a server be left alone; 0: never.
    pub circuit_breaker_consecutive_failures: u64,
    /// For how long.
    #[serde(serialize_with = "as_text")]
    pub circuit_breaker_timeout: Duration,
    /// Failures further apart are not in a row; zero: however far.
    #[serde(serialize_with = "as_text")]
    pub circuit_breaker_interval: Duration,
    /// Whether connections are TLS.
    pub tls_enabled: bool,
    /// Then how.
    #[serde(flatten)]
    pub tls: ClientTls,
}

impl Default for Memcached {
    fn default() -> Self {
        Self {
            host: String::new(),
            service: "memcached".to_owned(),
            addresses: String::new(),
            timeout: Duration::from_millis(100),
            connect_timeout: Duration::ZERO,
            max_idle_conns: 100,
            max_item_size: 0,
            update_interval: Duration::from_secs(60),
            ttl: Duration::ZERO,
            circuit_breaker_consecutive_failures: 10,
            circuit_breaker_timeout: Duration::from_secs(10),
            circuit_breaker_interval: Duration::from_secs(10),
            tls_enabled: false,
            tls: ClientTls::default(),
        }
    }
}

/// A Redis server, or a cluster of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redis {
    /// `host:port`, several with commas between: nodes of a cluster.
    pub endpoint: String,
    /// Several endpoints are no cluster: the first is used.
    pub single_node: bool,
    /// Of a question or a write.
    #[serde(serialize_with = "as_text")]
    pub timeout: Duration,
    /// How long a value is kept; zero: as long as there is room.
    #[serde(serialize_with = "as_text")]
    pub ttl: Duration,
    /// Number of the database.
    pub db: i64,
    /// User, if there is one.
    pub username: String,
    /// Password, if there is one.
    pub password: String,
    /// If it is there, endpoints are Sentinels, and this is their name for the servers.
    pub master_name: String,
    /// User at the Sentinels, if there is one.
    pub sentinel_username: String,
    /// Password at the Sentinels, if there is one.
    pub sentinel_password: String,
    /// Whether nodes that only read may be asked (cluster).
    pub read_only: bool,
    /// Larger values are not written, bytes; 0: no limit.
    pub max_item_size: u64,
    /// Whether the connection is TLS.
    pub tls_enabled: bool,
    /// Whether any certificate will do.
    pub tls_insecure_skip_verify: bool,
    /// Certificates that the server's must be signed by, PEM; empty: those of the system.
    pub tls_ca_path: String,
    /// Certificate that is shown to the server, PEM.
    pub tls_cert_path: String,
    /// Its key, PEM.
    pub tls_key_path: String,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            single_node: false,
            timeout: Duration::from_millis(100),
            ttl: Duration::ZERO,
            db: 0,
            username: String::new(),
            password: String::new(),
            master_name: String::new(),
            sentinel_username: String::new(),
            sentinel_password: String::new(),
            read_only: false,
            max_item_size: 0,
            tls_enabled: false,
            tls_insecure_skip_verify: false,
            tls_ca_path: String::new(),
            tls_cert_path: String::new(),
            tls_key_path: String::new(),
        }
    }
}
