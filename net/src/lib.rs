//! Between sockets and the engine: receivers of spans, and Tempo's HTTP API.
//!
//! ```text
//!  4317 ─ servers ─ grpc ──────┐                         ┌─ Node::ingest
//!  4318 ─ servers ─ otlp_http ─┴─ inflate ─ intake ──────┤
//!  3200 ─ servers ─ http1 ─ api (params, search, trace…) ┼─ Node::trace, search, metrics, flush
//!  9095 ─ servers ─ grpc ─ streaming ─ api ──────────────┘
//! ```
//!
//! Each core runs the same listeners ([`servers`]) and serves what it accepts from start to end.
//! [`status`] is the one table from what went wrong to what a client is told; [`limits`] the one
//! list of what is bounded.
//!
//! What is absent: files, blocks, the configuration's file. Only `ring` knows the runtime.

mod api;
mod body;
mod cors;
mod grpc;
mod http1;
mod inflate;
mod intake;
pub mod limits;
mod memory;
mod open;
mod otlp_http;
pub mod servers;
pub mod settings;
pub mod span_log;
pub mod status;
mod stop;
mod streaming;
mod tenant;
mod warnings;

pub use servers::{ApiServer, ReceiverServer, ShutdownRequest};
pub use settings::{
    ApiSettings, BuildInfo, Cors, GrpcReceiver, HttpReceiver, MetricsSettings, QueryGrpc,
    ReceiverSettings, SearchSettings, SpanLog, StatusPages, TenantSettings,
};
pub use stop::{StopSignal, StopTrigger, stop_signal};
