//! Batches encoded once: as a collector sends them, grouped by resource and scope, spans of many
//! traces mixed. Sends only patch them ([`crate::patch`]).
//!
//! Traces are drawn per *group* of [`BATCHES_PER_GROUP`] batches. The group's spans are ordered by
//! when they end and cut into batches, so a trace may be spread over several, as in life.
//!
//! Does not know when, how often or to whom a batch is sent.

use bytes::{Bytes, BytesMut};
use prost::Message;
use stringendo_proto::otlp::{ResourceSpans, ScopeSpans, TracesData};

use crate::attributes as attr;
use crate::options::{LoadError, WorkloadOptions};
use crate::patch::{Fill, Patches};
use crate::rng::Rng;
use crate::scan::scan;
use crate::workload::{ModelSpan, draw_trace};

/// Batches that share a set of traces.
pub const BATCHES_PER_GROUP: usize = 8;
/// Length of the gRPC message prefix in front of each template: flag and length.
pub const GRPC_PREFIX_BYTES: usize = 5;

/// One encoded batch.
#[derive(Clone, Debug)]
pub struct Template {
    /// gRPC prefix (uncompressed) and message.
    framed: Bytes,
    patches: Patches,
    /// Spans in the batch.
    pub spans: usize,
}

impl Template {
    /// The batch with its gRPC prefix, ready to send. Reuses `buffer` if it held this template.
    pub fn fill(
        &self,
        fill: &Fill,
        buffer: Option<BytesMut>,
        ids: &mut Vec<([u8; 16], u64)>,
    ) -> BytesMut {
        let mut buffer = buffer
            .filter(|old| old.len() == self.framed.len())
            .unwrap_or_else(|| BytesMut::from(&self.framed[..]));
        self.patches.apply(fill, &mut buffer[GRPC_PREFIX_BYTES..], ids);
        buffer
    }

    /// Encoded bytes of the message, without the gRPC prefix.
    pub fn message_bytes(&self) -> usize {
        self.framed.len() - GRPC_PREFIX_BYTES
    }

    /// What patches there are.
    pub fn patches(&self) -> &Patches {
        &self.patches
    }

    /// The batch of this send as messages: what a server should have after acknowledging it.
    ///
    /// # Errors
    /// Never, unless this crate encodes what cannot be decoded.
    pub fn decode(&self, fill: &Fill) -> Result<TracesData, prost::DecodeError> {
        let filled = self.fill(fill, None, &mut Vec::new()).freeze();
        TracesData::decode(filled.slice(GRPC_PREFIX_BYTES..))
    }
}

/// All templates of a run.
#[derive(Clone, Debug)]
pub struct TemplateSet {
    /// What ids are derived from, with the sequence number.
    pub run_id: u64,
    /// Templates, [`BATCHES_PER_GROUP`] of each group in a row.
    pub templates: Vec<Template>,
    /// Sequence numbers that one use of a group takes, the same for all groups.
    pub sequence_stride: u64,
}

impl TemplateSet {
    /// Draws and encodes the workload; ids will be derived from `run_id`.
    ///
    /// # Errors
    /// A batch that cannot be read back: a defect of this crate.
    pub fn build(options: &WorkloadOptions, run_id: u64) -> Result<Self, LoadError> {
        let mut templates = Vec::new();
        let mut sequence_stride = 0;
        for group in 0..options.groups {
            let (spans, traces) = draw_group(options, group);
            sequence_stride = sequence_stride.max(traces);
            for batch in cut_group(spans) {
                templates.push(encode(&batch)?);
            }
        }
        Ok(Self { run_id, templates, sequence_stride })
    }

    /// What to fill in for the batch `template` of the `instance`-th use of its group.
    pub fn fill_of(&self, instance: u64, base_unix_ns: u64) -> Fill {
        let sequence = instance.wrapping_mul(self.sequence_stride);
        Fill { run_id: self.run_id, sequence, base_unix_ns }
    }

    /// Encoded bytes of all templates.
    pub fn bytes(&self) -> usize {
        self.templates.iter().map(Template::message_bytes).sum()
    }

    /// Spans of all templates.
    pub fn spans(&self) -> usize {
        self.templates.iter().map(|template| template.spans).sum()
    }
}

/// All spans of a group, and how many traces they belong to.
pub fn draw_group(options: &WorkloadOptions, group: usize) -> (Vec<ModelSpan>, u64) {
    let mut rng = Rng::new(options.seed ^ (group as u64).wrapping_mul(0x1000_0001));
    let wanted = BATCHES_PER_GROUP * options.batch_spans;
    let (mut spans, mut traces) = (Vec::with_capacity(wanted + 64), 0);
    // A trace too many would make batches larger than asked; a trace too few, smaller.
    loop {
        let trace = draw_trace(&mut rng, traces);
        if spans.len() + trace.len() > wanted && traces > 0 {
            return (spans, u64::from(traces));
        }
        spans.extend(trace);
        traces += 1;
    }
}

fn cut_group(mut spans: Vec<ModelSpan>) -> Vec<Vec<ModelSpan>> {
    spans.sort_by_key(|model| model.span.end_time_unix_nano);
    let size = spans.len().div_ceil(BATCHES_PER_GROUP).max(1);
    let mut batches: Vec<_> = spans.chunks(size).map(<[ModelSpan]>::to_vec).collect();
    // Tiny groups may fill fewer batches; every group has the same number, empty ones included.
    batches.resize(BATCHES_PER_GROUP, Vec::new());
    batches
}

/// Groups spans by resource and scope, keeping their order within each.
pub fn assemble(batch: &[ModelSpan]) -> TracesData {
    let mut order: Vec<&ModelSpan> = batch.iter().collect();
    order.sort_by_key(|model| (model.service, model.instance, model.database));
    let pods = order.chunk_by(|a, b| (a.service, a.instance) == (b.service, b.instance));
    TracesData { resource_spans: pods.map(resource_spans).collect() }
}

fn resource_spans(pod: &[&ModelSpan]) -> ResourceSpans {
    let scopes = pod.chunk_by(|a, b| a.database == b.database);
    ResourceSpans {
        resource: Some(attr::resource(pod[0].service, pod[0].instance)),
        scope_spans: scopes.map(scope_spans).collect(),
        schema_url: Bytes::from_static(b"https://opentelemetry.io/schemas/1.21.0"),
    }
}

fn scope_spans(spans: &[&ModelSpan]) -> ScopeSpans {
    ScopeSpans {
        scope: Some(attr::scope(spans[0].service, spans[0].database)),
        spans: spans.iter().map(|model| model.span.clone()).collect(),
        schema_url: Bytes::new(),
    }
}

fn encode(batch: &[ModelSpan]) -> Result<Template, LoadError> {
    let message = assemble(batch).encode_to_vec();
    let mut patches = Patches::default();
    scan(&message, &mut |offset, place| patches.add(offset, place))?;
    Ok(Template { framed: grpc_frame(false, &message), patches, spans: batch.len() })
}

/// A gRPC message: flag, length, bytes.
pub fn grpc_frame(compressed: bool, message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(GRPC_PREFIX_BYTES + message.len());
    framed.extend_from_slice(&[u8::from(compressed)]);
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(message);
    framed.freeze()
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
