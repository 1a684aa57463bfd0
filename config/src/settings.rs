//! What the program needs: validated, typed, no default left open.
//!
//! Field names and nesting are Tempo's YAML names, so that `/status/config` prints what a Tempo
//! user knows. Where 2.x and 3.x name one thing differently, the 3.x name is kept.

use serde::Serialize;
use std::path::Path;
use std::time::Duration;

use crate::duration::as_text;

mod cache;
mod distributor;
mod keeping;
mod live_store;
mod object_stores;
mod overrides;
mod query_frontend;
mod server;
mod storage;
mod stringendo;
mod target;

pub use cache::{CacheBackground, CacheEntry, CacheRole, Caches, Memcached, Redis};
pub use distributor::{Cors, Distributor, OtlpGrpc, OtlpHttp, Receivers, SpanLog};
pub use keeping::{
    BackendScheduler, Compaction, CompactionJobs, Compactor, Provider, RetentionJobs,
};
pub use live_store::LiveStore;
pub use object_stores::{Azure, ClientTls, Gcs, S3, Sse};
pub use overrides::{
    CompactionLimits, GlobalLimits, IngestionLimits, Overrides, RateStrategy, ReadLimits,
    StorageLimits, TenantLimits, UserConfigurable, UserConfigurableApi, UserConfigurableClient,
};
pub use query_frontend::{QueryFrontend, QueryMetrics, Search};
pub use server::{LogFormat, LogLevel, Server};
pub use storage::{
    Backend, Block, BlockVersion, BlocklistPoll, ColumnScope, ColumnType, DedicatedColumn, Local,
    Storage, Trace, WalPath, default_dedicated_columns,
};
pub use stringendo::{CompactionWork, Durability, Query, Retention, Stringendo, Wal};
pub use target::Target;

/// The whole configuration (`contract` names as in Tempo's top-level keys).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// What this process runs.
    pub target: Target,
    /// Whether requests must name a tenant; otherwise all belong to `single-tenant`.
    pub multitenancy_enabled: bool,
    /// Whether gRPC is served on the HTTP port too.
    pub stream_over_http_enabled: bool,
    /// Put before every API path, empty or starting with `/`.
    pub http_api_prefix: String,
    /// How long `/ready` says no after SIGTERM before listeners close.
    #[serde(serialize_with = "as_text")]
    pub shutdown_delay: Duration,
    /// Where the tenant's name comes from.
    pub auth: Auth,
    /// Listeners of the API, and logs.
    pub server: Server,
    /// Receivers and what is done to spans on the way in.
    pub distributor: Distributor,
    /// When live traces are cut into blocks.
    pub live_store: LiveStore,
    /// Whether blocks are merged and deleted at all.
    pub compactor: Compactor,
    /// Which blocks are merged, and how long blocks are kept.
    pub backend_scheduler: BackendScheduler,
    /// Limits of queries.
    pub query_frontend: QueryFrontend,
    /// Where blocks and the write-ahead log live, and the form of blocks.
    pub storage: Storage,
    /// Caches outside the process.
    pub cache: Caches,
    /// Limits per tenant.
    pub overrides: Overrides,
    /// What Tempo has no key for.
    pub stringendo: Stringendo,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: Target::All,
            multitenancy_enabled: false,
            stream_over_http_enabled: false,
            http_api_prefix: String::new(),
            shutdown_delay: Duration::ZERO,
            auth: Auth::default(),
            server: Server::default(),
            distributor: Distributor::default(),
            live_store: LiveStore::default(),
            compactor: Compactor::default(),
            backend_scheduler: BackendScheduler::default(),
            query_frontend: QueryFrontend::default(),
            storage: Storage::default(),
            cache: Caches::default(),
            overrides: Overrides::default(),
            stringendo: Stringendo::default(),
        }
    }
}

impl Settings {
    /// What `demo` runs with: everything below one directory, OTLP on localhost's usual ports, no
    /// limit of what comes in.
    #[must_use]
    pub fn for_demo(data_dir: &Path, cores: usize) -> Self {
        let mut settings = Self::default();
        settings.distributor.receivers.otlp_http.push(OtlpHttp::named("otlp"));
        settings.storage.trace.local.path = data_dir.join("blocks");
        settings.storage.trace.wal.path = data_dir.join("wal");
        settings.stringendo.wal.path = data_dir.join("wal");
        settings.stringendo.cores = cores;
        // Made for tenants that share a server; here somebody looks how much a machine takes.
        let limits = &mut settings.overrides.defaults.ingestion;
        limits.rate_limit_bytes = 10_000_000_000;
        limits.burst_size_bytes = 10_000_000_000;
        limits.max_traces_per_user = 0;
        settings
    }
}

/// Where a request's tenant comes from (`auth`, not a Tempo key).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// Name of the HTTP header (and, lower-cased, of the gRPC metadata) that names the tenant.
    pub header: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self { header: "X-Scope-OrgID".to_owned() }
    }
}
