//! What can go wrong, in kinds that say what the client should do. `net` maps each kind to its gRPC
//! and HTTP status in one table.

use std::time::Duration;

use stringendo_proto::walk::WalkError;

use crate::tenant::TenantId;

/// Why a batch was not acknowledged. Nothing of it counts as stored (parts of it may be, and are
/// then dropped as duplicates when the client sends it again).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// The batch itself is bad; sending it again does not help.
    #[error(transparent)]
    Invalid(#[from] WalkError),
    /// No room now; try again after the hint.
    #[error("RATE_LIMITED: {what}")]
    Overloaded {
        /// Which limit was reached.
        what: &'static str,
        /// When to try again; `None` where hints are switched off.
        retry_after: Option<Duration>,
    },
    /// The tenant has brought in more than its rate allows; try again after the hint.
    #[error(
        "RATE_LIMITED: ingestion rate limit ({rate_bytes} bytes per second, burst of {burst_bytes} \
         bytes) exceeded while adding {bytes} bytes for tenant {tenant}"
    )]
    RateLimited {
        /// Whose rate.
        tenant: TenantId,
        /// Bytes of the batch.
        bytes: usize,
        /// Bytes per second.
        rate_bytes: u64,
        /// Bytes that may come at once.
        burst_bytes: u64,
        /// When to try again; `None` where hints are switched off.
        retry_after: Option<Duration>,
    },
    /// The batch can never fit, whatever the load.
    #[error("batch of {bytes} bytes exceeds what a WAL segment holds ({limit})")]
    TooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The server is going down or its disk failed; try again elsewhere or later.
    #[error("{0}")]
    Unavailable(&'static str),
}

/// Why a query has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// A block or object could not be read; names it.
    #[error("{0}")]
    Storage(String),
    /// The combined trace is larger than the tenant's limit.
    #[error("trace exceeds max size (max bytes: {limit})")]
    TraceTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// No memory for the query now; try again later.
    #[error("too many outstanding requests")]
    Overloaded,
    /// A step of the query needs more memory than a core gives to queries, whatever the load.
    #[error(
        "query needs {bytes} bytes of memory at once, more than the limit ({limit}): ask for less, \
         or raise the memory budget"
    )]
    NeedsTooMuch {
        /// Bytes that it needs.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The query asks for something that only shows when it runs.
    #[error(transparent)]
    Evaluation(#[from] stringendo_traceql::EvalError),
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
}
