//! The live pieces of a trace on one core, as messages that share the image's memory, in the form
//! in which their blocks will give them back: an answer does not change when spans are flushed.

use bytes::Bytes;
use prost::Message as _;
use stringendo_block::{SpanPart, StoredForm};
use stringendo_proto::TraceId;
use stringendo_proto::otlp::{
    InstrumentationScope, Resource, ResourceSpans, ScopeSpans, Span, TracesData,
};
use stringendo_proto::walk::Slice32;

use super::memory::Charged;
use super::trace::{TraceCost, TracePieces};
use super::trace_memory::{memory_bytes, span_bytes};
use crate::budget::Use;
use crate::error::QueryError;
use crate::limits::LIVE_TRACE_MEMORY_FACTOR;
use crate::live::LiveSegment;
use crate::shard::Shard;
use crate::tenant::TenantId;

/// One piece per segment that holds spans of the trace, oldest first.
///
/// # Errors
/// There is no memory. Or accepted bytes do not decode, which is a defect.
pub async fn pieces(
    shard: &Shard,
    tenant: &TenantId,
    id: &TraceId,
) -> Result<Charged<TracePieces>, QueryError> {
    let likely = live_bytes(shard, tenant, id).saturating_mul(LIVE_TRACE_MEMORY_FACTOR);
    // A guess, to get in line with: what each span takes is looked at when it is decoded.
    let likely = likely.min(shard.budget.limit_for(Use::Answer));
    let memory = shard.memory_for_answer(likely).await?;
    let form = shard.stored_form(tenant);
    let mut found = Charged { value: TracePieces::default(), memory };
    let mut held_bytes = 0;
    for segment in shard.live_segments() {
        add_piece(&mut found, &mut held_bytes, &segment, (tenant, id), &form)?;
    }
    add_piece(&mut found, &mut held_bytes, &shard.active.borrow(), (tenant, id), &form)?;
    found.memory.settle(found.value.pieces.iter().map(memory_bytes).sum())?;
    Ok(found)
}

/// Bytes of the trace's spans, and of its scopes and resources as often as spans name them.
fn live_bytes(shard: &Shard, tenant: &TenantId, id: &TraceId) -> u64 {
    let of = |segment: &LiveSegment| {
        let parts = segment.tenant(tenant).map(|index| index.spans_of(id));
        let bytes = |part: SpanPart| {
            u64::from(part.span.len) + u64::from(part.scope.len) + u64::from(part.resource.len)
        };
        parts.into_iter().flatten().map(|(_, part)| bytes(part)).sum::<u64>()
    };
    let sealed: u64 = shard.live_segments().iter().map(|segment| of(segment)).sum();
    sealed + of(&shard.active.borrow())
}

fn add_piece(
    found: &mut Charged<TracePieces>,
    held_bytes: &mut u64,
    segment: &LiveSegment,
    (tenant, id): (&TenantId, &TraceId),
    form: &StoredForm,
) -> Result<(), QueryError> {
    let Some(index) = segment.tenant(tenant) else { return Ok(()) };
    let mut piece = Piece::default();
    for (_, part) in index.spans_of(id) {
        let chunk = &segment.chunks()[part.chunk as usize];
        *held_bytes += piece.add(chunk, &part).map_err(|error| {
            QueryError::Storage(format!("live data of trace {id} does not decode: {error}"))
        })?;
        found.memory.ensure(*held_bytes)?;
    }
    if !piece.trace.resource_spans.is_empty() {
        let cost = TraceCost { inspected_bytes: piece.bytes, ..TraceCost::default() };
        found.value.cost.add(cost);
        found.value.pieces.push(form.of(piece.trace));
    }
    Ok(())
}

/// A piece being put together: one `ResourceSpans` for each that was sent, and in it one
/// `ScopeSpans` for each run of spans of a scope.
#[derive(Default)]
struct Piece {
    trace: TracesData,
    /// Where the resource and the scope of the span before lie.
    last: Option<((u32, Slice32), Slice32)>,
    bytes: u64,
}

impl Piece {
    /// Adds a span, and says what memory it holds.
    fn add(&mut self, chunk: &Bytes, part: &SpanPart) -> Result<u64, prost::DecodeError> {
        let entry = (part.chunk, part.resource);
        if self.last.map(|(known, _)| known) != Some(entry) {
            self.begin_resource(chunk, part)?;
        } else if self.last != Some((entry, part.scope)) {
            self.begin_scope(chunk, part)?;
        }
        self.last = Some((entry, part.scope));
        let span = Span::decode(slice(chunk, part.span))?;
        self.bytes += u64::from(part.span.len);
        let held_bytes = u64::from(part.span.len) + span_bytes(&span);
        let scope = self.trace.resource_spans.last_mut().and_then(|rs| rs.scope_spans.last_mut());
        if let Some(scope) = scope {
            scope.spans.push(span);
        }
        Ok(held_bytes)
    }

    fn begin_resource(&mut self, chunk: &Bytes, part: &SpanPart) -> Result<(), prost::DecodeError> {
        self.trace.resource_spans.push(ResourceSpans {
            resource: Some(Resource::decode(slice(chunk, part.resource))?),
            ..ResourceSpans::default()
        });
        self.begin_scope(chunk, part)
    }

    fn begin_scope(&mut self, chunk: &Bytes, part: &SpanPart) -> Result<(), prost::DecodeError> {
        let scope = Some(InstrumentationScope::decode(slice(chunk, part.scope))?);
        if let Some(resource_spans) = self.trace.resource_spans.last_mut() {
            resource_spans.scope_spans.push(ScopeSpans { scope, ..ScopeSpans::default() });
        }
        Ok(())
    }
}

fn slice(chunk: &Bytes, range: Slice32) -> Bytes {
    chunk.slice(range.offset as usize..(range.offset + range.len) as usize)
}
