//! Every limit of a shard in one place, with its reason.

use std::time::Duration;

/// Longest tenant id (contract http-api.md §1.1).
pub const TENANT_BYTES_MAX: usize = 150;

/// Nesting of attribute values: deeper than any client sends, shallow enough for every decoder.
pub const VALUE_DEPTH_MAX: u32 = 24;

/// Messages in one lane of the mesh. A lane holds requests whose memory is charged already, so this
/// bounds latency, not memory.
pub const MESH_LANE_MESSAGES: usize = 1024;

/// A group is written when the one before it is durable, so this is what may gather meanwhile: half
/// a second of the disk at 64 MB/s. More is refused, since the disk does not keep up.
pub const GROUP_BYTES_MAX: usize = 32 << 20;

/// Fresh memory that a group starts with at most; it doubles as needed.
pub const GROUP_BYTES_MIN: usize = 256 << 10;

/// Part of a core's budget that holds live data before sealing is forced: the rest is for the
/// segment being encoded, its block and requests in flight.
pub const LIVE_BUDGET_SHARE: f64 = 0.3;

/// Part of a core's budget that nobody but encoding may take. Columns and pages of a segment take
/// 0.85 times the bytes of its image (`benches/src/bin/block_encode.rs`), somewhat more where
/// segments are small.
pub const ENCODE_BUDGET_SHARE: f64 = 0.3;

/// Part of a core's budget that may wait as memory for coming groups, as long as nobody needs it:
/// as much as the live data that it goes to.
pub const SPARE_BUDGET_SHARE: f64 = LIVE_BUDGET_SHARE;

/// Memory outside the account (code, stacks, the executor's buffers), subtracted from the budget of
/// each core. Measured with `benches/src/bin/overload.rs`.
pub const UNACCOUNTED_BYTES: u64 = 24 << 20;

/// One part in so many of the budget is for what the allocator holds beyond what it was asked for:
/// rounded sizes, freed memory that the system has not got back yet, the old half of a table that
/// grows. Measured as above, with mimalloc's `purge_delay` of 100 ms.
pub const ALLOCATOR_SLACK_DIVISOR: u64 = 8;

/// Smallest budget that is accepted for a core.
pub const BUDGET_BYTES_MIN: u64 = 64 << 20;

/// Recycled segment files kept per core; more are removed.
pub const FREE_SEGMENTS_MAX: usize = 2;

/// First and longest pause between tries to write a block.
pub const FLUSH_RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Bloom filters and footers cached per core, in bytes.
pub const BLOCK_CACHE_BYTES: usize = 32 << 20;

/// Ranges of a block closer together than this are fetched in one read.
pub const FETCH_GAP_BYTES: u64 = 64 << 10;

/// Reads of one query in flight on one core.
pub const FETCHES_MAX: usize = 16;

/// A core that did not answer for so long is not ready.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(5);

// A live segment, a sealed one and its columns fit at once, with something left for requests.
const _: () = assert!(2.0 * LIVE_BUDGET_SHARE + ENCODE_BUDGET_SHARE < 1.0);
const _: () = assert!(GROUP_BYTES_MIN < GROUP_BYTES_MAX);
const _: () = assert!(UNACCOUNTED_BYTES < BUDGET_BYTES_MIN / 2);
