//! Tempo's sharded Bloom filter over trace ids (contract blocks.md §4).

use stringendo_proto::TraceId;

/// Which of `shards` objects holds `trace_id`; 0 shards are read as 10.
pub fn shard_of(trace_id: &TraceId, shards: u32) -> u32 {
    let _ = (trace_id, shards);
    todo!()
}

/// Whether the filter object `bloom` may hold `trace_id`; `None` if the object is damaged.
pub fn may_contain(bloom: &[u8], trace_id: &TraceId) -> Option<bool> {
    let _ = (bloom, trace_id);
    todo!()
}
