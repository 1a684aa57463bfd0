//! What the twins of single stages share: spans of the bundled workload.

use std::collections::BTreeMap;

use bytes::Bytes;
use stringendo_block::SpanPart;
use stringendo_loadgen::WorkloadOptions;
use stringendo_loadgen::template::{BATCHES_PER_GROUP, GRPC_PREFIX_BYTES, TemplateSet};
use stringendo_proto::TraceId;
use stringendo_proto::walk::{BatchIndex, WalkLimits, walk};

pub mod engine;

const BASE_UNIX_NS: u64 = 1_768_478_400_000_000_000;

/// Where the spans of each trace are in batches.
pub type Traces = BTreeMap<TraceId, Vec<SpanPart>>;

/// Batches of the load generator with at least so many spans.
pub fn batches(spans: usize) -> Vec<Bytes> {
    let set = TemplateSet::build(&WorkloadOptions::default(), 7).expect("the workload is valid");
    let groups = set.templates.len() / BATCHES_PER_GROUP;
    let (mut chunks, mut have) = (Vec::new(), 0);
    for use_of_group in 0u64.. {
        let group = use_of_group as usize % groups * BATCHES_PER_GROUP;
        let fill = set.fill_of(use_of_group, BASE_UNIX_NS + use_of_group * 100_000_000);
        for template in &set.templates[group..group + BATCHES_PER_GROUP] {
            let filled = template.fill(&fill, None, &mut Vec::new()).freeze();
            chunks.push(filled.slice(GRPC_PREFIX_BYTES..));
            have += template.spans;
        }
        if have >= spans {
            break;
        }
    }
    chunks
}

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
