//! The configuration of a test's server, written as the YAML that a user would write.

use std::path::Path;

use super::ports::Ports;

/// What tests change.
#[derive(Clone, Debug)]
pub struct Options {
    /// Shards.
    pub cores: usize,
    /// Memory of one shard.
    pub budget_mib: u64,
    /// Size of a log segment.
    pub segment_mib: u64,
    /// When live data becomes a block by itself.
    pub block_age: &'static str,
    /// Format of new blocks.
    pub block_version: &'static str,
    /// Limits of tenants: as good as none, unless a test is about them.
    pub overrides: &'static str,
    /// Blocks are on a disk of their own, of so many MiB; they go with the process.
    pub blocks_disk_mib: Option<u64>,
    /// The log is on a disk of its own, of so many MiB; it goes with the process.
    pub wal_disk_mib: Option<u64>,
    /// Lines of `storage.trace` that say where blocks are, if not in a directory beside the log.
    pub blocks: Option<String>,
    /// More lines of `distributor`.
    pub distributor: String,
    /// Variables of the environment.
    pub environment: Vec<(String, String)>,
    /// More lines of the configuration file.
    pub more_yaml: &'static str,
    /// More arguments of the command line.
    pub arguments: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cores: 1,
            budget_mib: 128,
            segment_mib: 16,
            block_age: "1h",
            block_version: "vParquet5",
            overrides: "\
overrides:
  defaults:
    ingestion:
      rate_limit_bytes: 1000000000000
      burst_size_bytes: 1000000000000
      max_traces_per_user: 0
",
            blocks_disk_mib: None,
            wal_disk_mib: None,
            blocks: None,
            distributor: String::new(),
            environment: Vec::new(),
            more_yaml: "",
            arguments: Vec::new(),
        }
    }
}

impl Options {
    /// The defaults with so many cores.
    pub fn with_cores(cores: usize) -> Self {
        Self { cores, ..Self::default() }
    }

    /// Memory that the whole server may take.
    pub fn budget_bytes(&self) -> u64 {
        (self.budget_mib << 20) * self.cores as u64
    }

    /// The configuration file.
    pub fn yaml(&self, dir: &Path, ports: &Ports) -> String {
        let (blocks, wal) = (dir.join("blocks"), dir.join("wal"));
        let wal = wal.display();
        let local = || format!("backend: local\n    local: {{path: {}}}", blocks.display());
        let blocks = self.blocks.clone().unwrap_or_else(local);
        let Ports { api, otlp_grpc, otlp_http, grpc_api, .. } = ports;
        let version = self.block_version;
        let Self { cores, budget_mib, segment_mib, block_age, overrides, more_yaml, .. } = self;
        let distributor = &self.distributor;
        let (budget, segment) = (budget_mib << 20, segment_mib << 20);
        format!(
            "\
stream_over_http_enabled: true
server:
  http_listen_address: 127.0.0.1
  http_listen_port: {api}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc_api}
distributor:
{distributor}  receivers:
    otlp:
      protocols:
        grpc: {{endpoint: \"127.0.0.1:{otlp_grpc}\"}}
        http: {{endpoint: \"127.0.0.1:{otlp_http}\"}}
live_store:
  max_block_duration: {block_age}
storage:
  trace:
    {blocks}
    wal: {{path: {wal}}}
    block: {{version: {version}}}
stringendo:
  cores: {cores}
  pin_cores: false
  memory_budget_per_core_bytes: {budget}
  wal: {{segment_size_bytes: {segment}}}
{overrides}{more_yaml}"
        )
    }
}
