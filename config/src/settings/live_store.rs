//! `live_store` (3.x) or `ingester` (2.x): when live traces are cut into blocks (config.md §5).

use serde::Serialize;
use std::time::Duration;

use crate::duration::as_text;

/// When live traces are cut into blocks. Defaults are 3.x's; values may come from either block.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LiveStore {
    /// A trace that received nothing for so long counts as complete (2.x `trace_idle_period`).
    #[serde(serialize_with = "as_text")]
    pub max_trace_idle: Duration,
    /// …and so does one of this age (2.x `trace_live_period`).
    #[serde(serialize_with = "as_text")]
    pub max_trace_live: Duration,
    /// Age at which the current segment is sealed.
    #[serde(serialize_with = "as_text")]
    pub max_block_duration: Duration,
    /// Bytes at which the current segment is sealed.
    pub max_block_bytes: u64,
    /// How long data of a flushed block is kept at hand for queries.
    #[serde(serialize_with = "as_text")]
    pub complete_block_timeout: Duration,
    /// How often the conditions above are looked at.
    #[serde(serialize_with = "as_text")]
    pub flush_check_period: Duration,
    /// Blocks that may be encoded and flushed at once (2.x `concurrent_flushes`).
    pub complete_block_concurrency: u64,
}

impl Default for LiveStore {
    fn default() -> Self {
        Self {
            max_trace_idle: Duration::from_secs(5),
            max_trace_live: Duration::from_secs(30),
            max_block_duration: Duration::from_secs(30),
            max_block_bytes: 52_428_800,
            complete_block_timeout: Duration::from_secs(20 * 60),
            flush_check_period: Duration::from_secs(5),
            complete_block_concurrency: 2,
        }
    }
}
