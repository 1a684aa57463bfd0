//! The row-group index object (contract blocks.md §5).
//!
//! The greatest trace id of each row group. Readers may do without it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stringendo_proto::TraceId;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexJson {
    row_groups: Option<Vec<String>>,
}

/// The object for row groups whose last trace ids are `last_ids`, in order.
pub fn to_json(last_ids: &[TraceId]) -> Bytes {
    let encoded: Vec<_> = last_ids.iter().map(|id| STANDARD.encode(id.0)).collect();
    let index = IndexJson { row_groups: (!encoded.is_empty()).then_some(encoded) };
    serde_json::to_vec(&index).expect("a list of strings is always JSON").into()
}

/// The last trace ids of an index object; `None` if it is damaged.
pub fn parse(json: &[u8]) -> Option<Vec<TraceId>> {
    let index: IndexJson = serde_json::from_slice(json).ok()?;
    let id = |text: String| STANDARD.decode(text).ok()?.try_into().ok().map(TraceId);
    index.row_groups.unwrap_or_default().into_iter().map(id).collect()
}

/// Which row group holds `trace_id`, if any does.
pub fn lookup(last_ids: &[TraceId], trace_id: &TraceId) -> Option<usize> {
    let at = last_ids.partition_point(|last| last < trace_id);
    (at < last_ids.len()).then_some(at)
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
