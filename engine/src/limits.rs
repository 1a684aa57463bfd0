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

/// Part of a core's budget that nobody but queries may take for what they read. A search for a
/// span attribute takes 13 MB for a row group of 100,000 spans (`benches/src/bin/block_encode.rs`).
pub const QUERY_BUDGET_SHARE: f64 = 0.04;

/// Part of a core's budget that queries may take for what they read, when there is room.
pub const QUERY_BUDGET_SHARE_MAX: f64 = 0.3;

/// Part of a core's budget that nobody but queries may take for what they found.
pub const ANSWER_BUDGET_SHARE: f64 = 0.02;

/// Part of a core's budget that queries may take for what they found, when there is room.
pub const ANSWER_BUDGET_SHARE_MAX: f64 = 0.1;

/// Part of a core's budget that merging of blocks may take, when there is room. It is a part of
/// what queries may read with, and leaves them more than their own share. Half of it is for decoded
/// pages and dictionaries: four blocks of some MB have 20 MB of them at a time.
pub const COMPACT_BUDGET_SHARE_MAX: f64 = 0.25;

/// The same in a process that does nothing else. The rest is for the list of blocks, connections,
/// and what an earlier process of another kind has left in the log.
pub const COMPACT_ALONE_BUDGET_SHARE_MAX: f64 = 0.5;

/// A query waits for memory for so long, then it is refused.
pub const QUERY_MEMORY_WAIT_MAX: Duration = Duration::from_secs(10);

/// Part of a core's budget that may wait as memory for coming groups, as long as nobody needs it:
/// as much as the live data that it goes to.
pub const SPARE_BUDGET_SHARE: f64 = LIVE_BUDGET_SHARE;

/// Memory outside the account (code, stacks, the executor's buffers, pages of the allocator that
/// are in use in part), subtracted from the budget of each core. Measured with the whole server
/// (`tests/overload.rs`): resident memory beyond what is allocated is at most 44 MiB, of which code
/// is 26.
pub const UNACCOUNTED_BYTES: u64 = 44 << 20;

/// One part in so many of the budget is for what is held beyond what was asked for: rounded sizes
/// and the old half of a table that grows.
pub const ALLOCATOR_SLACK_DIVISOR: u64 = 8;

/// Smallest budget of a core: a smaller one would leave less than half of it to be shared out.
pub const BUDGET_BYTES_MIN: u64 = 112 << 20;

/// Recycled segment files kept per core; more are removed.
pub const FREE_SEGMENTS_MAX: usize = 2;

/// First and longest pause between tries to write a block.
pub const FLUSH_RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Bloom filters and footers cached per core, in bytes.
pub const BLOCK_CACHE_BYTES: usize = 32 << 20;

/// Decoded dictionaries of blocks kept per core, in bytes, if the budget is large enough: those of
/// a block of 50 MB take some 5 MB.
pub const DICTIONARY_CACHE_BYTES: usize = 128 << 20;

/// Summaries of names and values of tags kept per core, in bytes: those of the fields that people
/// ask for. One of 100,000 values takes 2 MB.
pub const TAG_SUMMARY_BYTES: usize = 32 << 20;

/// Texts of one summary at most, in bytes, if the answer has no limit. What is beyond is not found.
pub const TAG_VALUES_BYTES_MAX: usize = 8 << 20;

/// Ranges of a block closer together than this are fetched in one read, where reads go through a
/// cache outside.
pub const FETCH_GAP_BYTES: u64 = 64 << 10;

/// The same where reads are of a file: copying more than this takes longer than another call. What
/// is not cached is asked of the disk in larger pieces ([`stringendo_ring::file::BlockFile`]).
pub const FETCH_GAP_BYTES_LOCAL: u64 = 16 << 10;

/// The same where a read has the latency of an object store: what 20 ms of its bandwidth bring.
pub const FETCH_GAP_BYTES_REMOTE: u64 = 512 << 10;

/// Charged for a Bloom filter before it is read; more if it is larger. Tempo's have 100 KiB.
pub const BLOOM_BYTES_LIKELY: u64 = 256 << 10;

/// Memory of a footer when it is read and decoded, per byte of it.
pub const FOOTER_MEMORY_FACTOR: u64 = 4;

/// Memory of a live trace, decoded, per byte of OTLP: a guess, charged before it is decoded.
pub const LIVE_TRACE_MEMORY_FACTOR: u64 = 5;

/// Pieces of one trace in different places are put together by searches if the times of these
/// places are no further apart than this: an hour, longer than spans are likely to be late.
pub const TRACE_PIECES_GAP_NANOS: u64 = 3_600_000_000_000;

/// Traces that are looked up elsewhere at a time: enough to make a question to other cores cheap,
/// few enough to hold.
pub const PENDING_TRACES_MAX: usize = 256;

/// Traces that one search reads whole at first: the newest few are often all that is shown.
pub const WHOLE_TRACES_MIN: usize = 8;

/// Traces that one query reads whole at a time, in one pass over each block that holds some.
pub const WHOLE_TRACES_MAX: usize = 512;

/// Bytes of a block that such a pass fetches at a time.
pub const PASS_BYTES_MAX: u64 = 16 << 20;

/// Reads of one query in flight on one core, within the memory that it was given.
pub const FETCHES_MAX: usize = 16;

/// A core that did not answer for so long is not ready.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(5);

// A live segment, a sealed one and its columns fit at once, with something left for requests.
const KEPT_BUDGET_SHARES: f64 = ENCODE_BUDGET_SHARE + QUERY_BUDGET_SHARE + ANSWER_BUDGET_SHARE;
const _: () = assert!(2.0 * LIVE_BUDGET_SHARE + KEPT_BUDGET_SHARES < 1.0);
// Queries that hold all that they may leave room for a live segment and its columns.
const QUERY_BUDGET_SHARES_MAX: f64 = QUERY_BUDGET_SHARE_MAX + ANSWER_BUDGET_SHARE_MAX;
const _: () = assert!(LIVE_BUDGET_SHARE + ENCODE_BUDGET_SHARE + QUERY_BUDGET_SHARES_MAX <= 1.0);
const _: () = assert!(COMPACT_BUDGET_SHARE_MAX + QUERY_BUDGET_SHARE < QUERY_BUDGET_SHARE_MAX);
const _: () = assert!(COMPACT_ALONE_BUDGET_SHARE_MAX + KEPT_BUDGET_SHARES < 0.9);
const _: () = assert!(GROUP_BYTES_MIN < GROUP_BYTES_MAX);
const _: () = assert!(UNACCOUNTED_BYTES < BUDGET_BYTES_MIN / 2);
