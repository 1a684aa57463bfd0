//! The shard: what one core owns and does between the sockets and the disk.
//!
//! ```text
//!  net ── Node::ingest ── walk, cut ──▶ mesh ──▶ owner: commit loop ── WAL ──▶ ack
//!                                                   │ live segment (image + index)
//!                                                   ▼ seal
//!                                          encode job ── flush ──▶ backend, block list (core 0)
//!  net ── Node::trace / Node::search ──▶ mesh ──▶ every core: live segments, blocks by affinity
//! ```
//!
//! [`Node`] is a core's handle for everything above; `docs/ARCHITECTURE.md` gives the reading
//! order.
//!
//! What is absent: sockets, HTTP, configuration files. Only `ring` touches the runtime, only
//! [`backend`] and [`wal_dir`] name paths. A shard's state is never shared between cores.

pub mod admission;
pub mod affinity;
pub mod backend;
pub mod block_changes;
pub mod block_list;
pub mod block_poll;
pub mod block_store;
pub mod boot;
pub mod budget;
pub mod commit;
pub mod compaction;
pub mod damaged_blocks;
pub mod encode_job;
pub mod error;
pub mod filter_job;
pub mod ingest;
pub mod limits;
pub mod limits_reload;
pub mod live;
pub mod live_counts;
pub mod message;
pub mod metrics;
pub mod next_segment;
pub mod node;
pub mod outer_cache;
pub mod query;
pub mod rate;
pub mod recent;
pub mod recovery;
pub mod retention;
pub mod settings;
pub mod shard;
pub mod spare;
pub mod tenant;
pub mod tenant_limits;
pub mod trace_count;
pub mod user_limits;
pub mod wal_dir;

pub use error::{IngestError, QueryError};
pub use ingest::Accepted;
pub use limits_reload::LimitsSource;
pub use node::Node;
pub use query::tags::{TagLimits, TagNamesRequest, TagValuesRequest};
pub use query::{SearchRequest, TraceRequest};
pub use settings::{Durability, EngineSettings};
pub use tenant::TenantId;
pub use tenant_limits::{Limits, TenantLimits};
