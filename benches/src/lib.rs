//! What the twins of single stages share: spans of the bundled workload.

use std::collections::BTreeMap;

use bytes::Bytes;
use stringendo_block::SpanPart;
use stringendo_proto::TraceId;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};

pub mod engine;

/// Batches of the load generator with at least so many spans.
pub fn batches(spans: usize) -> Vec<Bytes> {
    engine::batches(0, spans).0.into()
}

/// Where the spans of each trace are in batches.
pub type Traces = BTreeMap<TraceId, Vec<SpanPart>>;

/// Finds the spans in batches.
pub fn traces_of(chunks: &[Bytes]) -> Traces {
    let limits = WalkLimits { value_depth_max: 16, attribute_bytes_max: 2048 };
    let (mut traces, mut index) = (Traces::new(), BatchIndex::default());
    for (chunk, batch) in chunks.iter().enumerate() {
        walk(batch, &limits, &mut index).expect("the workload is valid");
        for span in &index.spans {
            let scope = &index.scopes[span.scope as usize];
            let (resource, scope) = (scope.resource, scope.scope);
            let part = SpanPart { chunk: chunk as u32, resource, scope, span: span.body };
            traces.entry(span.trace_id).or_default().push(part);
        }
    }
    traces
}
