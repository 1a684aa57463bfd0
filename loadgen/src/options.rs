//! What a run is asked to do, and how it can fail.

use std::path::PathBuf;
use std::time::Duration;

/// What makes the workload; `verify` needs the same values, which the ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkloadOptions {
    /// Seed of everything drawn.
    pub seed: u64,
    /// About how many spans a batch holds, 1 to [`BATCH_SPANS_MAX`].
    pub batch_spans: usize,
    /// How many different groups of batches are drawn; then they repeat under new ids.
    pub groups: usize,
}

/// Templates take about this much memory, each group at least once.
const TEMPLATE_BYTES_TARGET: usize = 12 << 20;
/// Estimate of an encoded group per span of a batch, to choose the number of groups.
const GROUP_BYTES_PER_BATCH_SPAN: usize = 8 * 440;

impl WorkloadOptions {
    /// A workload with as many groups as fit the memory that templates may take.
    pub fn new(seed: u64, batch_spans: usize) -> Self {
        let group_bytes = batch_spans.max(1).saturating_mul(GROUP_BYTES_PER_BATCH_SPAN);
        let groups = (TEMPLATE_BYTES_TARGET / group_bytes).clamp(1, GROUPS_MAX);
        Self { seed, batch_spans, groups }
    }
}

/// Most groups that are drawn.
pub const GROUPS_MAX: usize = 64;

/// Keeps a batch under gRPC's usual limit of 4 MiB a message.
pub const BATCH_SPANS_MAX: usize = 8_500;

impl Default for WorkloadOptions {
    fn default() -> Self {
        Self::new(1, 1_000)
    }
}

/// How spans travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP gRPC, unary `Export`.
    #[default]
    Grpc,
    /// OTLP HTTP, protobuf bodies, HTTP/1.1 keep-alive.
    Http,
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip, with this level (1 to 9); costs the sender CPU time with every send.
    Gzip(u32),
}

/// `host:port` of a server, and the path before its own paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address and port, as for the `Host` header.
    pub authority: String,
    /// Path prefix without a slash at the end; mostly empty.
    pub prefix: String,
}

impl Endpoint {
    /// Reads `host:port`, `http://host:port` or `http://host:port/prefix`.
    ///
    /// # Errors
    /// `https`, or no port.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        let invalid = |reason| LoadError::Endpoint { endpoint: text.to_owned(), reason };
        if text.starts_with("https://") {
            return Err(invalid("TLS is not supported; use http://"));
        }
        let rest = text.strip_prefix("http://").unwrap_or(text);
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let port = authority.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
        match port {
            Some(Ok(_)) => Ok(Self {
                authority: authority.to_owned(),
                prefix: match prefix.trim_end_matches('/') {
                    "" => String::new(),
                    prefix => format!("/{prefix}"),
                },
            }),
            Some(Err(_)) => Err(invalid("the port is not a number up to 65535")),
            None => Err(invalid("the port is missing; expected host:port")),
        }
    }
}

/// What to send, how and how long.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The workload.
    pub workload: WorkloadOptions,
    /// Where to send.
    pub endpoint: Endpoint,
    /// How spans travel.
    pub protocol: Protocol,
    /// How bodies are compressed.
    pub compression: Compression,
    /// `X-Scope-OrgID`, if any.
    pub tenant: Option<String>,
    /// Sending threads, each with a runtime of its own.
    pub threads: usize,
    /// Cores to pin the threads to, in turn; empty pins none.
    pub pin_cores: Vec<usize>,
    /// Connections in all. HTTP opens `connections * inflight`, one request in flight on each.
    pub connections: usize,
    /// Requests in flight per connection.
    pub inflight: usize,
    /// Spans per second (open loop: due times do not wait for answers); none sends flat out.
    pub rate: Option<f64>,
    /// Stop after this time.
    pub duration: Option<Duration>,
    /// Stop after about this many spans (whole batches).
    pub spans: Option<u64>,
    /// Give up on a request after this time.
    pub timeout: Duration,
    /// Send refused batches again, when the server's hint says (with a new due time).
    pub retry: bool,
    /// End the run at the first connection that breaks, instead of connecting again.
    pub stop_on_disconnect: bool,
    /// Keep trying to connect for this long.
    pub connect_timeout: Duration,
    /// Where to record what was acknowledged; none records nothing.
    pub ledger: Option<PathBuf>,
    /// Process whose CPU time and memory are measured.
    pub server_pid: Option<u32>,
    /// The server's HTTP API, for `settle_flush`.
    pub http: Option<Endpoint>,
    /// After the run, ask the server to flush, wait until it is idle, and count that CPU time too.
    pub settle_flush: bool,
    /// What ids are derived from, with the sequence number. Two runs with the same number send the
    /// same trace ids.
    pub run_id: u64,
}

impl RunOptions {
    /// Flat-out load on a few connections to `endpoint` for `duration`, under ids of its own.
    pub fn new(endpoint: Endpoint, duration: Duration) -> Self {
        Self {
            workload: WorkloadOptions::default(),
            endpoint,
            protocol: Protocol::Grpc,
            compression: Compression::None,
            tenant: None,
            threads: 1,
            pin_cores: Vec::new(),
            connections: 4,
            inflight: 4,
            rate: None,
            duration: Some(duration),
            spans: None,
            timeout: Duration::from_secs(30),
            retry: false,
            stop_on_disconnect: false,
            connect_timeout: Duration::from_secs(10),
            ledger: None,
            server_pid: None,
            http: None,
            settle_flush: false,
            run_id: crate::clock::unix_now_ns(),
        }
    }

    /// Refuses values that make no sense together.
    ///
    /// # Errors
    /// [`LoadError::Options`] with the reason.
    pub fn check(&self) -> Result<(), LoadError> {
        let counts = [self.threads, self.connections, self.inflight, self.workload.batch_spans];
        let reason = if counts.contains(&0) {
            "threads, connections, inflight and batch-spans must be at least 1"
        } else if self.workload.batch_spans > BATCH_SPANS_MAX {
            "batch-spans may be at most 8500, to stay below 4 MiB a message"
        } else if !(1..=GROUPS_MAX).contains(&self.workload.groups) {
            "groups must be 1 to 64"
        } else if self.connections * self.inflight > 4096 || self.threads > 256 {
            "more than 4096 requests in flight or 256 threads"
        } else if self.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
            "rate must be above 0"
        } else if self.duration.is_none() && self.spans.is_none() {
            "duration or spans must be given, or the run would not end"
        } else if self.settle_flush && self.http.is_none() {
            "settle-flush needs the server's http URL"
        } else {
            return Ok(());
        };
        Err(LoadError::Options(reason))
    }
}

/// Why a run or a check could not be done.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// An address that cannot be used.
    #[error("endpoint {endpoint:?}: {reason}")]
    Endpoint {
        /// What was given.
        endpoint: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// Options that contradict each other.
    #[error("options: {0}")]
    Options(&'static str),
    /// The ledger cannot be written or read.
    #[error("ledger {path}: {source}")]
    Ledger {
        /// Which file.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The ledger is of another kind or version.
    #[error("ledger {path}: {reason}")]
    LedgerFormat {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A report cannot be written.
    #[error("report: {0}")]
    Report(std::io::Error),
    /// The runtime or a thread cannot be started.
    #[error("runtime: {0}")]
    Runtime(std::io::Error),
    /// The measured process cannot be read.
    #[error("process {pid}: {source}")]
    Process {
        /// Which process.
        pid: u32,
        /// What went wrong.
        source: std::io::Error,
    },
    /// No connection could be made.
    #[error("connect to {endpoint}: {reason}")]
    Connect {
        /// Where to.
        endpoint: String,
        /// The last error.
        reason: String,
    },
    /// The HTTP API did not answer as it should.
    #[error("{what}: {reason}")]
    Api {
        /// What was asked.
        what: String,
        /// What came back.
        reason: String,
    },
    /// A defect of this crate: its own batch cannot be read.
    #[error(transparent)]
    Scan(#[from] crate::scan::ScanError),
    /// A defect of this crate: its own batch cannot be decoded.
    #[error("own batch cannot be decoded: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A sending thread panicked.
    #[error("a sending thread panicked")]
    ThreadPanicked,
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
