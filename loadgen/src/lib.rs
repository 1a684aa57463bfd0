//! The bundled load generator and checker.
//!
//! The way of a batch, in the order to read:
//!
//! ```text
//! catalog ─▶ workload ─▶ template          built once: encoded batches with patch positions
//!                           │
//! schedule ── job ─▶ worker ▼ patch        ids and times of this send, in place
//!                      │
//!                      ├─▶ grpc | http_export ─▶ server
//!                      ├─▶ ledger          what was acknowledged, refused, unanswered
//!                      └─▶ tally ─▶ report figures, progress
//!
//! ledger ─▶ verify ─▶ compare              every acknowledged span, read back, exactly once
//! ```
//!
//! This crate knows the server only by its public protocols (OTLP, HTTP) and, where asked, by the
//! process id whose CPU time it reads. It names its runtime (monoio, which falls back to epoll
//! where `io_uring` is refused) itself; nobody else needs to.

pub mod attributes;
pub mod catalog;
pub mod clock;
pub mod compare;
pub mod describe;
pub mod example;
pub mod export;
pub mod grpc;
pub mod http1;
pub mod http_export;
pub mod ids;
pub mod ledger;
pub mod options;
pub mod patch;
pub mod process;
pub mod report;
pub mod rng;
pub mod run;
pub mod runtime;
pub mod scan;
pub mod schedule;
pub mod settle;
pub mod tally;
pub mod template;
pub mod verify;
pub mod worker;
pub mod workload;

pub use options::{Compression, Endpoint, LoadError, Protocol, RunOptions, WorkloadOptions};
pub use report::{ExampleTrace, Progress, Report};
pub use run::run;
pub use verify::{VerifyOptions, VerifyReport, verify};
